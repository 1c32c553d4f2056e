// RUN: mxfp4-opt %s --split-input-file --verify-diagnostics

func.func @rotary_embedding_of_a_matrix(%x: tensor<4x64xf32>, %position: index,
    %init: tensor<4x64xf32>) {
  // expected-error @below {{expected 'input' [T, heads, D] with static sizes after the first, but got 'tensor<4x64xf32>'}}
  %0 = nn.rotary_embedding
      ins(%x, %position : tensor<4x64xf32>, index)
      outs(%init : tensor<4x64xf32>)
      {yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32, beta_fast = 32.0 : f32,
          beta_slow = 1.0 : f32, original_length = 4096, truncate = false>}
      -> tensor<4x64xf32>
  return
}

// -----

func.func @rotary_embedding_of_unknown_heads(%x: tensor<4x?x64xf32>,
    %position: index, %init: tensor<4x2x64xf32>) {
  // expected-error @below {{expected 'input' [T, heads, D] with static sizes after the first, but got 'tensor<4x?x64xf32>'}}
  %0 = nn.rotary_embedding
      ins(%x, %position : tensor<4x?x64xf32>, index)
      outs(%init : tensor<4x2x64xf32>)
      {yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32, beta_fast = 32.0 : f32,
          beta_slow = 1.0 : f32, original_length = 4096, truncate = false>}
      -> tensor<4x2x64xf32>
  return
}

// -----

func.func @rotary_embedding_of_odd_heads(%x: tensor<4x2x63xf32>,
    %position: index, %init: tensor<4x2x63xf32>) {
  // expected-error @below {{expected an even head size, but got 63}}
  %0 = nn.rotary_embedding
      ins(%x, %position : tensor<4x2x63xf32>, index)
      outs(%init : tensor<4x2x63xf32>)
      {yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32, beta_fast = 32.0 : f32,
          beta_slow = 1.0 : f32, original_length = 4096, truncate = false>}
      -> tensor<4x2x63xf32>
  return
}

// -----

func.func @rotary_embedding_to_other_heads(%x: tensor<4x2x64xf32>,
    %position: index, %init: tensor<4x1x64xf32>) {
  // expected-error @below {{expected 'init' to have the shape 4x2x64 that follows from 'input', but got 'tensor<4x1x64xf32>'}}
  %0 = nn.rotary_embedding
      ins(%x, %position : tensor<4x2x64xf32>, index)
      outs(%init : tensor<4x1x64xf32>)
      {yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32, beta_fast = 32.0 : f32,
          beta_slow = 1.0 : f32, original_length = 4096, truncate = false>}
      -> tensor<4x1x64xf32>
  return
}

// -----

func.func @attention_of_a_matrix(%q: tensor<?x64xf32>, %k: tensor<?x2x64xf32>,
    %v: tensor<?x2x64xf32>, %keys: tensor<128x2x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected 'query' [T, heads, D] with static sizes after the first, but got 'tensor<?x64xf32>'}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x64xf32>,
          tensor<?x2x64xf32>,
          tensor<?x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_to_a_matrix_of_keys(%q: tensor<?x4x64xf32>,
    %k: tensor<?x64xf32>, %v: tensor<?x2x64xf32>, %keys: tensor<128x2x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected 'key' [T, KV, D] with static sizes after the first, but got 'tensor<?x64xf32>'}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x64xf32>,
          tensor<?x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_over_a_matrix_of_keys(%q: tensor<?x4x64xf32>,
    %k: tensor<?x2x64xf32>, %v: tensor<?x2x64xf32>, %keys: tensor<128x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected 'keyCache' [C, S * KV, D] with static sizes after the first, but got 'tensor<128x64xf32>'}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x2x64xf32>,
          tensor<?x2x64xf32>,
          tensor<128x64xf32>,
          tensor<128x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_of_five_heads_to_two(%q: tensor<?x5x64xf32>,
    %k: tensor<?x2x64xf32>, %v: tensor<?x2x64xf32>, %keys: tensor<128x2x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected a multiple of 2 query heads (the number of KV heads), but got 5}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x5x64xf32>,
          tensor<?x2x64xf32>,
          tensor<?x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_to_no_heads(%q: tensor<?x4x64xf32>, %k: tensor<?x0x64xf32>,
    %v: tensor<?x2x64xf32>, %keys: tensor<128x2x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected a multiple of 0 query heads (the number of KV heads), but got 4}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x0x64xf32>,
          tensor<?x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_to_smaller_keys(%q: tensor<?x4x64xf32>,
    %k: tensor<?x2x32xf32>, %v: tensor<?x2x64xf32>, %keys: tensor<128x2x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected 'key' to have the shape ?x2x64 that follows from 'query', but got 'tensor<?x2x32xf32>'}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x2x32xf32>,
          tensor<?x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_to_smaller_values(%q: tensor<?x4x64xf32>,
    %k: tensor<?x2x64xf32>, %v: tensor<?x2x32xf32>, %keys: tensor<128x2x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected 'value' to have the shape ?x2x64 that follows from 'key', but got 'tensor<?x2x32xf32>'}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x2x64xf32>,
          tensor<?x2x32xf32>,
          tensor<128x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_over_keys_of_one_head(%q: tensor<?x4x64xf32>,
    %k: tensor<?x2x64xf32>, %v: tensor<?x2x64xf32>, %keys: tensor<128x1x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected 'keyCache' to have 2 heads, but got 'tensor<128x1x64xf32>'}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x2x64xf32>,
          tensor<?x2x64xf32>,
          tensor<128x1x64xf32>,
          tensor<128x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_over_fewer_values(%q: tensor<?x4x64xf32>,
    %k: tensor<?x2x64xf32>, %v: tensor<?x2x64xf32>, %keys: tensor<128x2x64xf32>,
    %values: tensor<64x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected 'valueCache' to have the shape 128x2x64 that follows from 'keyCache', but got 'tensor<64x2x64xf32>'}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x2x64xf32>,
          tensor<?x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<64x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_with_sinks_of_kv_heads(%q: tensor<?x4x64xf32>,
    %k: tensor<?x2x64xf32>, %v: tensor<?x2x64xf32>, %keys: tensor<128x2x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<2xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected 'sinks' to have the shape 4 that follows from 'query', but got 'tensor<2xbf16>'}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x2x64xf32>,
          tensor<?x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<2xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_in_no_window(%q: tensor<?x4x64xf32>,
    %k: tensor<?x2x64xf32>, %v: tensor<?x2x64xf32>, %keys: tensor<128x2x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected a positive 'window', but got 0}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x2x64xf32>,
          tensor<?x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32, window = 0 : i64}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_in_a_window_longer_than_the_cache(%q: tensor<?x4x64xf32>,
    %k: tensor<?x2x64xf32>, %v: tensor<?x2x64xf32>, %keys: tensor<128x2x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x4x64xf32>) {
  // expected-error @below {{expected a cache of at least 129 rows, but got 128}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x2x64xf32>,
          tensor<?x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>)
      {scale = 0.125 : f32, window = 130 : i64}
      -> tensor<?x4x64xf32>
  return
}

// -----

func.func @attention_to_kv_heads(%q: tensor<?x4x64xf32>, %k: tensor<?x2x64xf32>,
    %v: tensor<?x2x64xf32>, %keys: tensor<128x2x64xf32>,
    %values: tensor<128x2x64xf32>, %sinks: tensor<4xbf16>, %position: index,
    %init: tensor<?x2x64xf32>) {
  // expected-error @below {{expected 'init' to have the shape ?x4x64 that follows from 'query', but got 'tensor<?x2x64xf32>'}}
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x2x64xf32>,
          tensor<?x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<128x2x64xf32>,
          tensor<4xbf16>, index)
      outs(%init : tensor<?x2x64xf32>)
      {scale = 0.125 : f32}
      -> tensor<?x2x64xf32>
  return
}

// -----

func.func @cache_update_of_a_matrix(%x: tensor<4x64xf32>, %position: index,
    %init: tensor<128x2x64xf32>) {
  // expected-error @below {{expected 'input' [T, KV, D] with static sizes after the first, but got 'tensor<4x64xf32>'}}
  %0 = nn.cache_update
      ins(%x, %position : tensor<4x64xf32>, index)
      outs(%init : tensor<128x2x64xf32>)
      -> tensor<128x2x64xf32>
  return
}

// -----

func.func @cache_update_of_unknown_heads(%x: tensor<4x2x64xf32>,
    %position: index, %init: tensor<128x?x64xf32>) {
  // expected-error @below {{expected 'init' [C, S * KV, D] with static sizes after the first, but got 'tensor<128x?x64xf32>'}}
  %0 = nn.cache_update
      ins(%x, %position : tensor<4x2x64xf32>, index)
      outs(%init : tensor<128x?x64xf32>)
      -> tensor<128x?x64xf32>
  return
}

// -----

func.func @cache_update_of_other_heads(%x: tensor<4x2x64xf32>, %position: index,
    %init: tensor<128x1x64xf32>) {
  // expected-error @below {{expected 'init' to have 2 heads, but got 'tensor<128x1x64xf32>'}}
  %0 = nn.cache_update
      ins(%x, %position : tensor<4x2x64xf32>, index)
      outs(%init : tensor<128x1x64xf32>)
      -> tensor<128x1x64xf32>
  return
}

// -----

func.func @cache_update_of_positions_alone(%x: tensor<4x2x64xf32>,
    %positions: tensor<4xi32>, %init: tensor<128x2x64xf32>) {
  // expected-error @below {{expected 'sequence' where each token has a position}}
  %0 = nn.cache_update
      ins(%x, %positions : tensor<4x2x64xf32>, tensor<4xi32>)
      outs(%init : tensor<128x2x64xf32>)
      -> tensor<128x2x64xf32>
  return
}

// -----

func.func @cache_update_of_one_sequence_and_positions(%x: tensor<4x2x64xf32>,
    %positions: tensor<4xi32>, %sequence: index, %init: tensor<128x4x64xf32>) {
  // expected-error @below {{expected both 'position' and 'sequence' of all tokens or both of each, but got 'tensor<4xi32>' and 'index'}}
  %0 = nn.cache_update
      ins(%x, %positions : tensor<4x2x64xf32>, tensor<4xi32>)
      sequence(%sequence : index)
      outs(%init : tensor<128x4x64xf32>)
      -> tensor<128x4x64xf32>
  return
}

// -----

func.func @cache_update_of_other_tokens(%x: tensor<4x2x64xf32>,
    %positions: tensor<4xi32>, %sequences: tensor<3xi32>,
    %init: tensor<128x4x64xf32>) {
  // expected-error @below {{expected 'sequence' to have the shape 4 that follows from 'input', but got 'tensor<3xi32>'}}
  %0 = nn.cache_update
      ins(%x, %positions : tensor<4x2x64xf32>, tensor<4xi32>)
      sequence(%sequences : tensor<3xi32>)
      outs(%init : tensor<128x4x64xf32>)
      -> tensor<128x4x64xf32>
  return
}

// -----

func.func @cache_update_of_half_a_sequence(%x: tensor<4x2x64xf32>,
    %position: index, %sequence: index, %init: tensor<128x5x64xf32>) {
  // expected-error @below {{expected 'init' to have a multiple of 2 heads, but got 'tensor<128x5x64xf32>'}}
  %0 = nn.cache_update
      ins(%x, %position : tensor<4x2x64xf32>, index)
      sequence(%sequence : index)
      outs(%init : tensor<128x5x64xf32>)
      -> tensor<128x5x64xf32>
  return
}

// -----

// expected-error @below {{expected 'theta' above 1, but got 1.000000e+00 : f32}}
#yarn = #nn.yarn<theta = 1.0 : f32, factor = 32.0 : f32, beta_fast = 32.0 : f32, beta_slow = 1.0 : f32, original_length = 4096, truncate = false>
func.func private @yarn_of_theta_one() attributes {yarn = #yarn}

// -----

// expected-error @below {{expected 'theta' above 1, but got 0x7FC00000 : f32}}
#yarn = #nn.yarn<theta = 0x7FC00000 : f32, factor = 32.0 : f32, beta_fast = 32.0 : f32, beta_slow = 1.0 : f32, original_length = 4096, truncate = false>
func.func private @yarn_of_theta_nan() attributes {yarn = #yarn}

// -----

// expected-error @below {{expected 'factor' of at least 1, but got 5.000000e-01 : f32}}
#yarn = #nn.yarn<theta = 150000.0 : f32, factor = 0.5 : f32, beta_fast = 32.0 : f32, beta_slow = 1.0 : f32, original_length = 4096, truncate = false>
func.func private @yarn_of_factor_half() attributes {yarn = #yarn}

// -----

// expected-error @below {{expected 0 < 'beta_slow' <= 'beta_fast', but got 1.000000e+00 : f32 and 5.000000e-01 : f32}}
#yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32, beta_fast = 0.5 : f32, beta_slow = 1.0 : f32, original_length = 4096, truncate = false>
func.func private @yarn_of_falling_betas() attributes {yarn = #yarn}

// -----

// expected-error @below {{expected 0 < 'beta_slow' <= 'beta_fast', but got 0.000000e+00 : f32 and 3.200000e+01 : f32}}
#yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32, beta_fast = 32.0 : f32, beta_slow = 0.0 : f32, original_length = 4096, truncate = false>
func.func private @yarn_of_beta_zero() attributes {yarn = #yarn}

// -----

// expected-error @below {{expected a positive 'original_length', but got 0}}
#yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32, beta_fast = 32.0 : f32, beta_slow = 1.0 : f32, original_length = 0, truncate = false>
func.func private @yarn_of_no_length() attributes {yarn = #yarn}
