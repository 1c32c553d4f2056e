// RUN: mxfp4-opt %s --split-input-file --verify-diagnostics

func.func @embedding_of_a_matrix_of_ids(%ids: tensor<1x4xi32>,
    %table: tensor<16x8xbf16>, %init: tensor<4x8xf32>) {
  // expected-error @below {{expected 'ids' [T], but got 'tensor<1x4xi32>'}}
  %0 = nn.embedding
      ins(%ids, %table : tensor<1x4xi32>, tensor<16x8xbf16>)
      outs(%init : tensor<4x8xf32>)
      -> tensor<4x8xf32>
  return
}

// -----

func.func @embedding_in_an_unknown_table(%ids: tensor<4xi32>,
    %table: tensor<?x8xbf16>, %init: tensor<4x8xf32>) {
  // expected-error @below {{expected 'table' [V, H] with static sizes, but got 'tensor<?x8xbf16>'}}
  %0 = nn.embedding
      ins(%ids, %table : tensor<4xi32>, tensor<?x8xbf16>)
      outs(%init : tensor<4x8xf32>)
      -> tensor<4x8xf32>
  return
}

// -----

func.func @embedding_to_another_width(%ids: tensor<4xi32>,
    %table: tensor<16x8xbf16>, %init: tensor<4x16xf32>) {
  // expected-error @below {{expected 'init' to have the shape 4x8 that follows from 'ids', but got 'tensor<4x16xf32>'}}
  %0 = nn.embedding
      ins(%ids, %table : tensor<4xi32>, tensor<16x8xbf16>)
      outs(%init : tensor<4x16xf32>)
      -> tensor<4x16xf32>
  return
}

// -----

func.func @embedding_of_tensors_and_memrefs(%ids: tensor<4xi32>,
    %table: memref<16x8xbf16>, %init: tensor<4x8xf32>) {
  // expected-error @below {{failed to verify that its shaped operands are all tensors or all memrefs}}
  %0 = nn.embedding
      ins(%ids, %table : tensor<4xi32>, memref<16x8xbf16>)
      outs(%init : tensor<4x8xf32>)
      -> tensor<4x8xf32>
  return
}

// -----

func.func @embedding_of_64_bit_ids(%ids: tensor<4xi64>,
    %table: tensor<16x8xbf16>, %init: tensor<4x8xf32>) {
  // expected-error @below {{operand #0 must be ranked tensor of 32-bit signless integer values or memref of 32-bit signless integer values, but got 'tensor<4xi64>'}}
  %0 = nn.embedding
      ins(%ids, %table : tensor<4xi64>, tensor<16x8xbf16>)
      outs(%init : tensor<4x8xf32>)
      -> tensor<4x8xf32>
  return
}

// -----

func.func @rms_norm_of_a_vector(%x: tensor<8xf32>, %gain: tensor<8xf32>,
    %init: tensor<8xf32>) {
  // expected-error @below {{expected 'input' [T, H] with static sizes after the first, but got 'tensor<8xf32>'}}
  %0 = nn.rms_norm
      ins(%x, %gain : tensor<8xf32>, tensor<8xf32>)
      outs(%init : tensor<8xf32>)
      {epsilon = 1.0e-05 : f32}
      -> tensor<8xf32>
  return
}

// -----

func.func @rms_norm_of_unknown_width(%x: tensor<4x?xf32>, %gain: tensor<8xf32>,
    %init: tensor<4x8xf32>) {
  // expected-error @below {{expected 'input' [T, H] with static sizes after the first, but got 'tensor<4x?xf32>'}}
  %0 = nn.rms_norm
      ins(%x, %gain : tensor<4x?xf32>, tensor<8xf32>)
      outs(%init : tensor<4x8xf32>)
      {epsilon = 1.0e-05 : f32}
      -> tensor<4x8xf32>
  return
}

// -----

func.func @rms_norm_with_another_gain(%x: tensor<4x8xf32>, %gain: tensor<4xf32>,
    %init: tensor<4x8xf32>) {
  // expected-error @below {{expected 'gain' to have the shape 8 that follows from 'input', but got 'tensor<4xf32>'}}
  %0 = nn.rms_norm
      ins(%x, %gain : tensor<4x8xf32>, tensor<4xf32>)
      outs(%init : tensor<4x8xf32>)
      {epsilon = 1.0e-05 : f32}
      -> tensor<4x8xf32>
  return
}

// -----

func.func @rms_norm_of_negative_epsilon(%x: tensor<4x8xf32>,
    %gain: tensor<8xf32>, %init: tensor<4x8xf32>) {
  // expected-error @below {{expected a finite 'epsilon' of at least 0, but got -1.000000e+00 : f32}}
  %0 = nn.rms_norm
      ins(%x, %gain : tensor<4x8xf32>, tensor<8xf32>)
      outs(%init : tensor<4x8xf32>)
      {epsilon = -1.0 : f32}
      -> tensor<4x8xf32>
  return
}

// -----

func.func @rms_norm_of_infinite_epsilon(%x: tensor<4x8xf32>,
    %gain: tensor<8xf32>, %init: tensor<4x8xf32>) {
  // expected-error @below {{expected a finite 'epsilon' of at least 0, but got 0x7F800000 : f32}}
  %0 = nn.rms_norm
      ins(%x, %gain : tensor<4x8xf32>, tensor<8xf32>)
      outs(%init : tensor<4x8xf32>)
      {epsilon = 0x7F800000 : f32}
      -> tensor<4x8xf32>
  return
}

// -----

func.func @rms_norm_to_other_tokens(%x: tensor<4x8xf32>, %gain: tensor<8xf32>,
    %init: tensor<5x8xf32>) {
  // expected-error @below {{expected 'init' to have the shape 4x8 that follows from 'input', but got 'tensor<5x8xf32>'}}
  %0 = nn.rms_norm
      ins(%x, %gain : tensor<4x8xf32>, tensor<8xf32>)
      outs(%init : tensor<5x8xf32>)
      {epsilon = 1.0e-05 : f32}
      -> tensor<5x8xf32>
  return
}

// -----

func.func @rms_norm_without_epsilon(%x: tensor<4x8xf32>, %gain: tensor<8xf32>) {
  // expected-error @below {{requires attribute 'epsilon'}}
  %0 = nn.rms_norm ins(%x, %gain : tensor<4x8xf32>, tensor<8xf32>)
      outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @linear_of_rank_three(%x: tensor<1x4x8xf32>,
    %weight: tensor<12x8xf32>, %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'input' [T, K] with static sizes after the first, but got 'tensor<1x4x8xf32>'}}
  %0 = nn.linear ins(%x, %weight : tensor<1x4x8xf32>, tensor<12x8xf32>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @linear_of_unknown_rows(%x: tensor<4x8xf32>,
    %weight: tensor<12x8xf32>, %init: tensor<4x?xf32>) {
  // expected-error @below {{expected 'init' [T, N] with static sizes after the first, but got 'tensor<4x?xf32>'}}
  %0 = nn.linear ins(%x, %weight : tensor<4x8xf32>, tensor<12x8xf32>)
      outs(%init : tensor<4x?xf32>) -> tensor<4x?xf32>
  return
}

// -----

func.func @linear_of_columns_by_rows(%x: tensor<4x8xf32>,
    %weight: tensor<8x12xf32>, %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'weight' to have the shape 12x8 that follows from 'input and init', but got 'tensor<8x12xf32>'}}
  %0 = nn.linear ins(%x, %weight : tensor<4x8xf32>, tensor<8x12xf32>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @linear_to_other_tokens(%x: tensor<4x8xf32>,
    %weight: tensor<12x8xf32>, %init: tensor<5x12xf32>) {
  // expected-error @below {{expected 'init' to have the shape 4x12 that follows from 'input', but got 'tensor<5x12xf32>'}}
  %0 = nn.linear ins(%x, %weight : tensor<4x8xf32>, tensor<12x8xf32>)
      outs(%init : tensor<5x12xf32>) -> tensor<5x12xf32>
  return
}

// -----

func.func @linear_with_bias_of_columns(%x: tensor<4x8xf32>,
    %weight: tensor<12x8xf32>, %bias: tensor<8xf32>, %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'bias' to have the shape 12 that follows from 'init', but got 'tensor<8xf32>'}}
  %0 = nn.linear ins(%x, %weight : tensor<4x8xf32>, tensor<12x8xf32>)
      bias(%bias : tensor<8xf32>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @linear_with_residual_of_one_token(%x: tensor<4x8xf32>,
    %weight: tensor<12x8xf32>, %residual: tensor<1x12xf32>,
    %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'residual' to have the shape 4x12 that follows from 'init', but got 'tensor<1x12xf32>'}}
  %0 = nn.linear ins(%x, %weight : tensor<4x8xf32>, tensor<12x8xf32>)
      residual(%residual : tensor<1x12xf32>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @linear_of_pairs(%x: memref<4x8xf32>, %weight: memref<4x8x4xf32>,
    %init: memref<4x12xf32>) {
  // expected-error @below {{expected a layout that is not paired}}
  nn.linear ins(%x, %weight : memref<4x8xf32>, memref<4x8x4xf32>)
      outs(%init : memref<4x12xf32>)
      {layout = #mxfp4.layout<lanes = 4, depth = 1, paired = true>}
  return
}

// -----

func.func @linear_of_columns_that_do_not_fill_lanes(%x: memref<4x9xf32>,
    %weight: memref<3x4x8xf32>, %init: memref<4x12xf32>) {
  // expected-error @below {{expected a multiple of the depth 2 columns, but got 9}}
  nn.linear ins(%x, %weight : memref<4x9xf32>, memref<3x4x8xf32>)
      outs(%init : memref<4x12xf32>)
      {layout = #mxfp4.layout<lanes = 4, depth = 2>}
  return
}

// -----

func.func @linear_of_too_few_groups(%x: memref<4x8xf32>,
    %weight: memref<2x8x4xf32>, %init: memref<4x12xf32>) {
  // expected-error @below {{expected 'weight' to have the shape 3x8x4 that follows from 'input and init', but got 'memref<2x8x4xf32>'}}
  nn.linear ins(%x, %weight : memref<4x8xf32>, memref<2x8x4xf32>)
      outs(%init : memref<4x12xf32>)
      {layout = #mxfp4.layout<lanes = 4, depth = 1>}
  return
}

// -----

func.func @route_top_k_of_a_vector(%logits: tensor<8xf32>, %e: tensor<1x4xi32>,
    %w: tensor<1x4xf32>) {
  // expected-error @below {{expected 'logits' [T, E] with static sizes after the first, but got 'tensor<8xf32>'}}
  %0, %1 = nn.route_top_k
      ins(%logits : tensor<8xf32>)
      outs(%e, %w : tensor<1x4xi32>, tensor<1x4xf32>)
      -> tensor<1x4xi32>, tensor<1x4xf32>
  return
}

// -----

func.func @route_top_k_of_unknown_slots(%logits: tensor<4x8xf32>,
    %e: tensor<4x?xi32>, %w: tensor<4x2xf32>) {
  // expected-error @below {{expected 'initExperts' [T, S] with static sizes after the first, but got 'tensor<4x?xi32>'}}
  %0, %1 = nn.route_top_k
      ins(%logits : tensor<4x8xf32>)
      outs(%e, %w : tensor<4x?xi32>, tensor<4x2xf32>)
      -> tensor<4x?xi32>, tensor<4x2xf32>
  return
}

// -----

func.func @route_top_k_of_no_slots(%logits: tensor<4x8xf32>,
    %e: tensor<4x0xi32>, %w: tensor<4x0xf32>) {
  // expected-error @below {{expected 1 to 8 slots, but got 0}}
  %0, %1 = nn.route_top_k
      ins(%logits : tensor<4x8xf32>)
      outs(%e, %w : tensor<4x0xi32>, tensor<4x0xf32>)
      -> tensor<4x0xi32>, tensor<4x0xf32>
  return
}

// -----

func.func @route_top_k_of_more_slots_than_experts(%logits: tensor<4x8xf32>,
    %e: tensor<4x9xi32>, %w: tensor<4x9xf32>) {
  // expected-error @below {{expected 1 to 8 slots, but got 9}}
  %0, %1 = nn.route_top_k
      ins(%logits : tensor<4x8xf32>)
      outs(%e, %w : tensor<4x9xi32>, tensor<4x9xf32>)
      -> tensor<4x9xi32>, tensor<4x9xf32>
  return
}

// -----

func.func @route_top_k_of_other_tokens(%logits: tensor<4x8xf32>,
    %e: tensor<5x2xi32>, %w: tensor<5x2xf32>) {
  // expected-error @below {{expected 'initExperts' to have the shape 4x2 that follows from 'logits', but got 'tensor<5x2xi32>'}}
  %0, %1 = nn.route_top_k
      ins(%logits : tensor<4x8xf32>)
      outs(%e, %w : tensor<5x2xi32>, tensor<5x2xf32>)
      -> tensor<5x2xi32>, tensor<5x2xf32>
  return
}

// -----

func.func @route_top_k_with_fewer_weights(%logits: tensor<4x8xf32>,
    %e: tensor<4x2xi32>, %w: tensor<4x1xf32>) {
  // expected-error @below {{expected 'initWeights' to have the shape 4x2 that follows from 'initExperts', but got 'tensor<4x1xf32>'}}
  %0, %1 = nn.route_top_k
      ins(%logits : tensor<4x8xf32>)
      outs(%e, %w : tensor<4x2xi32>, tensor<4x1xf32>)
      -> tensor<4x2xi32>, tensor<4x1xf32>
  return
}

// -----

func.func @route_top_k_with_one_result(%logits: tensor<4x8xf32>,
    %e: tensor<4x2xi32>, %w: tensor<4x2xf32>) {
  // expected-error @below {{expected the number of tensor results (1) to be equal to the number of output tensors (2)}}
  %0 = nn.route_top_k
      ins(%logits : tensor<4x8xf32>)
      outs(%e, %w : tensor<4x2xi32>, tensor<4x2xf32>)
      -> tensor<4x2xi32>
  return
}

// -----

func.func @add_expert_bias_to_a_matrix(%x: tensor<4x12xf32>,
    %bias: tensor<8x12xf32>, %experts: tensor<4x2xi32>,
    %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'input' [T, S, N] with static sizes after the first, but got 'tensor<4x12xf32>'}}
  %0 = nn.add_expert_bias
      ins(%x, %bias, %experts : tensor<4x12xf32>, tensor<8x12xf32>, tensor<4x2xi32>)
      outs(%init : tensor<4x12xf32>)
      -> tensor<4x12xf32>
  return
}

// -----

func.func @add_expert_bias_of_unknown_experts(%x: tensor<4x2x12xf32>,
    %bias: tensor<?x12xf32>, %experts: tensor<4x2xi32>,
    %init: tensor<4x2x12xf32>) {
  // expected-error @below {{expected 'bias' [E, N] with static sizes, but got 'tensor<?x12xf32>'}}
  %0 = nn.add_expert_bias
      ins(%x, %bias, %experts : tensor<4x2x12xf32>, tensor<?x12xf32>, tensor<4x2xi32>)
      outs(%init : tensor<4x2x12xf32>)
      -> tensor<4x2x12xf32>
  return
}

// -----

func.func @add_expert_bias_of_other_columns(%x: tensor<4x2x12xf32>,
    %bias: tensor<8x6xf32>, %experts: tensor<4x2xi32>,
    %init: tensor<4x2x12xf32>) {
  // expected-error @below {{expected 'bias' to have the shape 8x12 that follows from 'input', but got 'tensor<8x6xf32>'}}
  %0 = nn.add_expert_bias
      ins(%x, %bias, %experts : tensor<4x2x12xf32>, tensor<8x6xf32>, tensor<4x2xi32>)
      outs(%init : tensor<4x2x12xf32>)
      -> tensor<4x2x12xf32>
  return
}

// -----

func.func @add_expert_bias_of_fewer_slots(%x: tensor<4x2x12xf32>,
    %bias: tensor<8x12xf32>, %experts: tensor<4x1xi32>,
    %init: tensor<4x2x12xf32>) {
  // expected-error @below {{expected 'experts' to have the shape 4x2 that follows from 'input', but got 'tensor<4x1xi32>'}}
  %0 = nn.add_expert_bias
      ins(%x, %bias, %experts : tensor<4x2x12xf32>, tensor<8x12xf32>, tensor<4x1xi32>)
      outs(%init : tensor<4x2x12xf32>)
      -> tensor<4x2x12xf32>
  return
}

// -----

func.func @add_expert_bias_to_fewer_slots(%x: tensor<4x2x12xf32>,
    %bias: tensor<8x12xf32>, %experts: tensor<4x2xi32>,
    %init: tensor<4x1x12xf32>) {
  // expected-error @below {{expected 'init' to have the shape 4x2x12 that follows from 'input', but got 'tensor<4x1x12xf32>'}}
  %0 = nn.add_expert_bias
      ins(%x, %bias, %experts : tensor<4x2x12xf32>, tensor<8x12xf32>, tensor<4x2xi32>)
      outs(%init : tensor<4x1x12xf32>)
      -> tensor<4x1x12xf32>
  return
}

// -----

func.func @swiglu_of_a_scalar(%x: tensor<f32>, %init: tensor<f32>) {
  // expected-error @below {{expected an even last dimension of 'input', but got 'tensor<f32>'}}
  %0 = nn.swiglu
      ins(%x : tensor<f32>)
      outs(%init : tensor<f32>)
      {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>}
      -> tensor<f32>
  return
}

// -----

func.func @swiglu_of_unknown_width(%x: tensor<4x?xf32>,
    %init: tensor<4x6xf32>) {
  // expected-error @below {{expected an even last dimension of 'input', but got 'tensor<4x?xf32>'}}
  %0 = nn.swiglu
      ins(%x : tensor<4x?xf32>)
      outs(%init : tensor<4x6xf32>)
      {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>}
      -> tensor<4x6xf32>
  return
}

// -----

func.func @swiglu_of_half_a_pair(%x: tensor<4x11xf32>, %init: tensor<4x5xf32>) {
  // expected-error @below {{expected an even last dimension of 'input', but got 'tensor<4x11xf32>'}}
  %0 = nn.swiglu
      ins(%x : tensor<4x11xf32>)
      outs(%init : tensor<4x5xf32>)
      {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>}
      -> tensor<4x5xf32>
  return
}

// -----

func.func @swiglu_to_the_same_width(%x: tensor<4x12xf32>,
    %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'init' to have the shape 4x6 that follows from 'input', but got 'tensor<4x12xf32>'}}
  %0 = nn.swiglu
      ins(%x : tensor<4x12xf32>)
      outs(%init : tensor<4x12xf32>)
      {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>}
      -> tensor<4x12xf32>
  return
}

// -----

func.func @combine_experts_of_a_matrix(%x: tensor<4x12xf32>,
    %weights: tensor<4x2xf32>, %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'input' [T, S, N] with static sizes after the first, but got 'tensor<4x12xf32>'}}
  %0 = nn.combine_experts
      ins(%x, %weights : tensor<4x12xf32>, tensor<4x2xf32>)
      outs(%init : tensor<4x12xf32>)
      -> tensor<4x12xf32>
  return
}

// -----

func.func @combine_experts_with_fewer_weights(%x: tensor<4x2x12xf32>,
    %weights: tensor<4x1xf32>, %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'weights' to have the shape 4x2 that follows from 'input', but got 'tensor<4x1xf32>'}}
  %0 = nn.combine_experts
      ins(%x, %weights : tensor<4x2x12xf32>, tensor<4x1xf32>)
      outs(%init : tensor<4x12xf32>)
      -> tensor<4x12xf32>
  return
}

// -----

func.func @combine_experts_to_slots(%x: tensor<4x2x12xf32>,
    %weights: tensor<4x2xf32>, %init: tensor<4x2x12xf32>) {
  // expected-error @below {{expected 'init' to have the shape 4x12 that follows from 'input', but got 'tensor<4x2x12xf32>'}}
  %0 = nn.combine_experts
      ins(%x, %weights : tensor<4x2x12xf32>, tensor<4x2xf32>)
      outs(%init : tensor<4x2x12xf32>)
      -> tensor<4x2x12xf32>
  return
}

// -----

func.func @cache_without_rows(%k: tensor<?x2x8xf32>, %position: index,
                              %keys: tensor<0x2x8xf32>) {
  // expected-error @below {{expected a cache of at least 1 row, but got 0}}
  %0 = nn.cache_update ins(%k, %position : tensor<?x2x8xf32>, index)
      outs(%keys : tensor<0x2x8xf32>) -> tensor<0x2x8xf32>
  return
}

// -----

func.func @swiglu_of_a_negative_limit(%x: tensor<?x8xf32>, %init: tensor<?x4xf32>) {
  %0 = nn.swiglu ins(%x : tensor<?x8xf32>) outs(%init : tensor<?x4xf32>)
      // expected-error @below {{expected a limit of at least 0, but got -7.000000e+00 : f32}}
      {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = -7.0 : f32>}
      -> tensor<?x4xf32>
  return
}

// -----

func.func @swiglu_of_an_infinite_alpha(%x: tensor<?x8xf32>, %init: tensor<?x4xf32>) {
  %0 = nn.swiglu ins(%x : tensor<?x8xf32>) outs(%init : tensor<?x4xf32>)
      // expected-error @below {{expected a finite alpha, but got 0x7F800000 : f32}}
      {activation = #mxfp4.swiglu<alpha = 0x7F800000 : f32, limit = 7.0 : f32>}
      -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_with_a_layout_of_its_result(%x: tensor<?x8xf32>, %weight: tensor<16x8xf32>,
    %residual: tensor<8x16xf32, #mxfp4.layout<lanes = 8, depth = 1>>,
    %init: tensor<8x16xf32>) {
  // expected-error @below {{expected an operand without a layout, but got 'tensor<8x16xf32, #mxfp4.layout<lanes = 8, depth = 1>>'}}
  %0 = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<16x8xf32>)
      residual(%residual : tensor<8x16xf32, #mxfp4.layout<lanes = 8, depth = 1>>)
      outs(%init : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

func.func @sample_of_vector(%x: tensor<8xf32>, %s: tensor<4xi32>, %p: index, %y: tensor<?xi32>) {
  // expected-error @+1 {{expected 'logits' [T, V] with static sizes after the first, but got 'tensor<8xf32>'}}
  %0 = nn.sample ins(%x, %s, %p : tensor<8xf32>, tensor<4xi32>, index) outs(%y : tensor<?xi32>) -> tensor<?xi32>
  return
}

// -----

func.func @sample_of_nothing(%x: tensor<?x0xf32>, %s: tensor<4xi32>, %p: index, %y: tensor<?xi32>) {
  // expected-error @+1 {{expected 1 to 2147483647 logits in a row, but got 0}}
  %0 = nn.sample ins(%x, %s, %p : tensor<?x0xf32>, tensor<4xi32>, index) outs(%y : tensor<?xi32>) -> tensor<?xi32>
  return
}

// -----

func.func @sample_settings(%x: tensor<?x8xf32>, %s: tensor<3xi32>, %p: index, %y: tensor<?xi32>) {
  // expected-error @+1 {{expected 'settings' to have 4 words, but got 'tensor<3xi32>'}}
  %0 = nn.sample ins(%x, %s, %p : tensor<?x8xf32>, tensor<3xi32>, index) outs(%y : tensor<?xi32>) -> tensor<?xi32>
  return
}

// -----

func.func @sample_rows(%x: tensor<2x8xf32>, %s: tensor<4xi32>, %p: index, %y: tensor<3xi32>) {
  // expected-error @+1 {{expected 'init' to have the shape 2 that follows from 'logits', but got 'tensor<3xi32>'}}
  %0 = nn.sample ins(%x, %s, %p : tensor<2x8xf32>, tensor<4xi32>, index) outs(%y : tensor<3xi32>) -> tensor<3xi32>
  return
}
