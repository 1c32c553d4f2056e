// RUN: mxfp4-opt %s --verify-roundtrip | FileCheck %s
// RUN: mxfp4-opt %s --mlir-print-op-generic | mxfp4-opt | FileCheck %s
// RUN: mxfp4-opt %s --emit-bytecode | mxfp4-opt | FileCheck %s

#yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32, beta_fast = 32.0 : f32,
    beta_slow = 1.0 : f32, original_length = 4096, truncate = false>
#swiglu = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>
#rows = #mxfp4.layout<lanes = 8, depth = 2>

// CHECK-LABEL: func.func @embedding
// CHECK:         nn.embedding ins(%{{.+}}, %{{.+}} : tensor<?xi32>, tensor<16x8xbf16>) outs(%{{.+}} : tensor<?x8xf32>) -> tensor<?x8xf32>
func.func @embedding(%ids: tensor<?xi32>, %table: tensor<16x8xbf16>,
                     %init: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = nn.embedding ins(%ids, %table : tensor<?xi32>, tensor<16x8xbf16>)
      outs(%init : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @embedding_of_memrefs
// CHECK:         nn.embedding ins(%{{.+}}, %{{.+}} : memref<1xi32>, memref<16x8xbf16>) outs(%{{.+}} : memref<1x8xf32>){{$}}
func.func @embedding_of_memrefs(%ids: memref<1xi32>, %table: memref<16x8xbf16>,
                                %init: memref<1x8xf32>) {
  nn.embedding ins(%ids, %table : memref<1xi32>, memref<16x8xbf16>)
      outs(%init : memref<1x8xf32>)
  return
}

// CHECK-LABEL: func.func @rms_norm
// CHECK:         nn.rms_norm ins(%{{.+}}, %{{.+}} : tensor<?x8xf32>, tensor<8xbf16>) outs(%{{.+}} : tensor<?x8xbf16>) {epsilon = 9.99999974E-6 : f32} -> tensor<?x8xbf16>
func.func @rms_norm(%x: tensor<?x8xf32>, %gain: tensor<8xbf16>,
                    %init: tensor<?x8xbf16>) -> tensor<?x8xbf16> {
  %0 = nn.rms_norm ins(%x, %gain : tensor<?x8xf32>, tensor<8xbf16>)
      outs(%init : tensor<?x8xbf16>) {epsilon = 1.0e-05 : f32} -> tensor<?x8xbf16>
  return %0 : tensor<?x8xbf16>
}

// CHECK-LABEL: func.func @rms_norm_of_memrefs
// CHECK:         nn.rms_norm {{.*}} outs(%{{.+}} : memref<?x8xf32>) {epsilon = 0.000000e+00 : f32}{{$}}
func.func @rms_norm_of_memrefs(%x: memref<?x8xf32>, %gain: memref<8xf32>,
                               %init: memref<?x8xf32>) {
  nn.rms_norm ins(%x, %gain : memref<?x8xf32>, memref<8xf32>)
      outs(%init : memref<?x8xf32>) {epsilon = 0.0 : f32}
  return
}

// CHECK-LABEL: func.func @linear
// CHECK:         nn.linear ins(%{{.+}}, %{{.+}} : tensor<?x8xf32>, tensor<12x8xbf16>) outs(%{{.+}} : tensor<?x12xf32>) -> tensor<?x12xf32>
func.func @linear(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
                  %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @linear_with_bias_and_residual
// CHECK:         nn.linear {{.*}} bias(%{{.+}} : tensor<12xbf16>) residual(%{{.+}} : tensor<4x12xf32>) outs
func.func @linear_with_bias_and_residual(%x: tensor<4x8xf16>,
    %weight: tensor<12x8xf32>, %bias: tensor<12xbf16>,
    %residual: tensor<4x12xf32>, %init: tensor<4x12xf32>) -> tensor<4x12xf32> {
  %0 = nn.linear ins(%x, %weight : tensor<4x8xf16>, tensor<12x8xf32>)
      bias(%bias : tensor<12xbf16>) residual(%residual : tensor<4x12xf32>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return %0 : tensor<4x12xf32>
}

// CHECK-LABEL: func.func @linear_with_residual_alone
// CHECK-NOT:     bias
// CHECK:         residual(%{{.+}} : tensor<4x12xf32>)
func.func @linear_with_residual_alone(%x: tensor<4x8xf32>,
    %weight: tensor<12x8xf32>, %residual: tensor<4x12xf32>,
    %init: tensor<4x12xf32>) -> tensor<4x12xf32> {
  %0 = nn.linear ins(%x, %weight : tensor<4x8xf32>, tensor<12x8xf32>)
      residual(%residual : tensor<4x12xf32>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return %0 : tensor<4x12xf32>
}

// CHECK-LABEL: func.func @linear_of_a_layout
// CHECK:         nn.linear ins(%{{.+}}, %{{.+}} : tensor<?x8xf32>, tensor<12x8xbf16, #{{.+}}>)
func.func @linear_of_a_layout(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16, #rows>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16, #rows>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @linear_of_memrefs
// CHECK:         nn.linear ins(%{{.+}}, %{{.+}} : memref<?x8xf32>, memref<2x4x16xbf16>) outs(%{{.+}} : memref<?x12xf32>) {layout = #{{.+}}}{{$}}
func.func @linear_of_memrefs(%x: memref<?x8xf32>, %weight: memref<2x4x16xbf16>,
                             %init: memref<?x12xf32>) {
  nn.linear ins(%x, %weight : memref<?x8xf32>, memref<2x4x16xbf16>)
      outs(%init : memref<?x12xf32>) {layout = #rows}
  return
}

// CHECK-LABEL: func.func @rotary_embedding
// CHECK:         nn.rotary_embedding ins(%{{.+}}, %{{.+}} : tensor<?x4x64xf32>, index) outs(%{{.+}} : tensor<?x4x64xf32>) {yarn = #{{.+}}} -> tensor<?x4x64xf32>
func.func @rotary_embedding(%q: tensor<?x4x64xf32>, %position: index,
                            %init: tensor<?x4x64xf32>) -> tensor<?x4x64xf32> {
  %0 = nn.rotary_embedding ins(%q, %position : tensor<?x4x64xf32>, index)
      outs(%init : tensor<?x4x64xf32>) {yarn = #yarn} -> tensor<?x4x64xf32>
  return %0 : tensor<?x4x64xf32>
}

// CHECK-LABEL: func.func @rotary_embedding_of_memrefs
// CHECK:         nn.rotary_embedding {{.*}} outs(%{{.+}} : memref<1x4x64xbf16>) {yarn = #{{.+}}}{{$}}
func.func @rotary_embedding_of_memrefs(%q: memref<1x4x64xf32>, %position: index,
                                       %init: memref<1x4x64xbf16>) {
  nn.rotary_embedding ins(%q, %position : memref<1x4x64xf32>, index)
      outs(%init : memref<1x4x64xbf16>) {yarn = #yarn}
  return
}

// CHECK-LABEL: func.func @attention
// CHECK:         nn.attention ins({{.*}}) outs(%{{.+}} : tensor<?x4x64xf32>) {scale = 1.250000e-01 : f32} -> tensor<?x4x64xf32>
func.func @attention(%q: tensor<?x4x64xf32>, %k: tensor<?x2x64xf32>,
    %v: tensor<?x2x64xf32>, %keys: tensor<?x2x64xf32>, %values: tensor<?x2x64xf32>,
    %sinks: tensor<4xbf16>, %position: index, %init: tensor<?x4x64xf32>)
    -> tensor<?x4x64xf32> {
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x64xf32>,
          tensor<?x2x64xf32>, tensor<?x2x64xf32>, tensor<?x2x64xf32>,
          tensor<?x2x64xf32>, tensor<4xbf16>, index)
      outs(%init : tensor<?x4x64xf32>) {scale = 0.125 : f32} -> tensor<?x4x64xf32>
  return %0 : tensor<?x4x64xf32>
}

/// A window of 128 needs 127 old positions.
// CHECK-LABEL: func.func @attention_in_a_window_of_memrefs
// CHECK:         nn.attention ins({{.*}}) outs(%{{.+}} : memref<1x4x64xbf16>) {scale = 1.250000e-01 : f32, window = 128 : i64}{{$}}
func.func @attention_in_a_window_of_memrefs(%q: memref<1x4x64xbf16>,
    %k: memref<1x2x64xbf16>, %v: memref<1x2x64xbf16>, %keys: memref<127x2x64xbf16>,
    %values: memref<127x2x64xbf16>, %sinks: memref<4xbf16>, %position: index,
    %init: memref<1x4x64xbf16>) {
  nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : memref<1x4x64xbf16>,
          memref<1x2x64xbf16>, memref<1x2x64xbf16>, memref<127x2x64xbf16>,
          memref<127x2x64xbf16>, memref<4xbf16>, index)
      outs(%init : memref<1x4x64xbf16>) {scale = 0.125 : f32, window = 128 : i64}
  return
}

/// Two tokens of any of four sequences.
// CHECK-LABEL: func.func @attention_of_a_batch
// CHECK:         nn.attention ins({{.*}}, tensor<2xi32>) sequence(%{{.+}} : tensor<2xi32>) outs({{.*}}) {scale = 1.250000e-01 : f32} -> tensor<2x4x64xf32>
func.func @attention_of_a_batch(%q: tensor<2x4x64xf32>, %k: tensor<2x2x64xf32>,
    %v: tensor<2x2x64xf32>, %keys: tensor<?x8x64xf32>, %values: tensor<?x8x64xf32>,
    %sinks: tensor<4xbf16>, %positions: tensor<2xi32>, %sequences: tensor<2xi32>,
    %init: tensor<2x4x64xf32>) -> tensor<2x4x64xf32> {
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %positions : tensor<2x4x64xf32>,
          tensor<2x2x64xf32>, tensor<2x2x64xf32>, tensor<?x8x64xf32>,
          tensor<?x8x64xf32>, tensor<4xbf16>, tensor<2xi32>)
      sequence(%sequences : tensor<2xi32>)
      outs(%init : tensor<2x4x64xf32>) {scale = 0.125 : f32} -> tensor<2x4x64xf32>
  return %0 : tensor<2x4x64xf32>
}

// CHECK-LABEL: func.func @cache_update
// CHECK:         nn.cache_update ins(%{{.+}}, %{{.+}} : tensor<?x2x64xf32>, index) outs(%{{.+}} : tensor<128x2x64xbf16>) -> tensor<128x2x64xbf16>
func.func @cache_update(%k: tensor<?x2x64xf32>, %position: index,
    %keys: tensor<128x2x64xbf16>) -> tensor<128x2x64xbf16> {
  %0 = nn.cache_update ins(%k, %position : tensor<?x2x64xf32>, index)
      outs(%keys : tensor<128x2x64xbf16>) -> tensor<128x2x64xbf16>
  return %0 : tensor<128x2x64xbf16>
}

// CHECK-LABEL: func.func @cache_update_of_memrefs
// CHECK:         nn.cache_update {{.*}} outs(%{{.+}} : memref<?x2x64xf32>){{$}}
func.func @cache_update_of_memrefs(%k: memref<1x2x64xf32>, %position: index,
                                   %keys: memref<?x2x64xf32>) {
  nn.cache_update ins(%k, %position : memref<1x2x64xf32>, index)
      outs(%keys : memref<?x2x64xf32>)
  return
}

/// All tokens of one of 64 sequences.
// CHECK-LABEL: func.func @cache_update_of_a_sequence
// CHECK:         nn.cache_update ins(%{{.+}}, %{{.+}} : tensor<?x2x64xf32>, index) sequence(%{{.+}} : index) outs(%{{.+}} : tensor<128x128x64xf32>)
func.func @cache_update_of_a_sequence(%k: tensor<?x2x64xf32>, %position: index,
    %sequence: index, %keys: tensor<128x128x64xf32>) -> tensor<128x128x64xf32> {
  %0 = nn.cache_update ins(%k, %position : tensor<?x2x64xf32>, index)
      sequence(%sequence : index)
      outs(%keys : tensor<128x128x64xf32>) -> tensor<128x128x64xf32>
  return %0 : tensor<128x128x64xf32>
}

// CHECK-LABEL: func.func @route_top_k
// CHECK:         %{{.+}}:2 = nn.route_top_k ins(%{{.+}} : tensor<?x32xf32>) outs(%{{.+}}, %{{.+}} : tensor<?x4xi32>, tensor<?x4xf32>) -> tensor<?x4xi32>, tensor<?x4xf32>
func.func @route_top_k(%logits: tensor<?x32xf32>, %e: tensor<?x4xi32>,
    %w: tensor<?x4xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %experts, %weights = nn.route_top_k ins(%logits : tensor<?x32xf32>)
      outs(%e, %w : tensor<?x4xi32>, tensor<?x4xf32>)
      -> tensor<?x4xi32>, tensor<?x4xf32>
  return %experts, %weights : tensor<?x4xi32>, tensor<?x4xf32>
}

// CHECK-LABEL: func.func @route_top_k_of_memrefs
// CHECK:         nn.route_top_k ins(%{{.+}} : memref<1x32xbf16>) outs(%{{.+}}, %{{.+}} : memref<1x32xi32>, memref<1x32xbf16>){{$}}
func.func @route_top_k_of_memrefs(%logits: memref<1x32xbf16>, %e: memref<1x32xi32>,
                                  %w: memref<1x32xbf16>) {
  nn.route_top_k ins(%logits : memref<1x32xbf16>)
      outs(%e, %w : memref<1x32xi32>, memref<1x32xbf16>)
  return
}

// CHECK-LABEL: func.func @add_expert_bias
// CHECK:         nn.add_expert_bias ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<?x4x12xf32>, tensor<32x12xbf16>, tensor<?x4xi32>) outs(%{{.+}} : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
func.func @add_expert_bias(%x: tensor<?x4x12xf32>, %bias: tensor<32x12xbf16>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>) -> tensor<?x4x12xf32> {
  %0 = nn.add_expert_bias ins(%x, %bias, %experts : tensor<?x4x12xf32>,
          tensor<32x12xbf16>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return %0 : tensor<?x4x12xf32>
}

// CHECK-LABEL: func.func @add_expert_bias_of_memrefs
// CHECK:         nn.add_expert_bias {{.*}} outs(%{{.+}} : memref<1x4x12xf32>){{$}}
func.func @add_expert_bias_of_memrefs(%x: memref<1x4x12xf32>,
    %bias: memref<32x12xbf16>, %experts: memref<1x4xi32>,
    %init: memref<1x4x12xf32>) {
  nn.add_expert_bias ins(%x, %bias, %experts : memref<1x4x12xf32>,
          memref<32x12xbf16>, memref<1x4xi32>)
      outs(%init : memref<1x4x12xf32>)
  return
}

// CHECK-LABEL: func.func @swiglu
// CHECK:         nn.swiglu ins(%{{.+}} : tensor<?x4x12xf32>) outs(%{{.+}} : tensor<?x4x6xbf16>) {activation = #{{.+}}} -> tensor<?x4x6xbf16>
func.func @swiglu(%x: tensor<?x4x12xf32>, %init: tensor<?x4x6xbf16>) -> tensor<?x4x6xbf16> {
  %0 = nn.swiglu ins(%x : tensor<?x4x12xf32>) outs(%init : tensor<?x4x6xbf16>)
      {activation = #swiglu} -> tensor<?x4x6xbf16>
  return %0 : tensor<?x4x6xbf16>
}

// CHECK-LABEL: func.func @swiglu_of_a_vector_of_memrefs
// CHECK:         nn.swiglu ins(%{{.+}} : memref<12xf32>) outs(%{{.+}} : memref<6xf32>) {activation = #{{.+}}}{{$}}
func.func @swiglu_of_a_vector_of_memrefs(%x: memref<12xf32>, %init: memref<6xf32>) {
  nn.swiglu ins(%x : memref<12xf32>) outs(%init : memref<6xf32>) {activation = #swiglu}
  return
}

// CHECK-LABEL: func.func @combine_experts
// CHECK:         nn.combine_experts ins(%{{.+}}, %{{.+}} : tensor<?x4x12xf32>, tensor<?x4xf32>) outs(%{{.+}} : tensor<?x12xf32>) -> tensor<?x12xf32>
func.func @combine_experts(%x: tensor<?x4x12xf32>, %weights: tensor<?x4xf32>,
                           %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = nn.combine_experts ins(%x, %weights : tensor<?x4x12xf32>, tensor<?x4xf32>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @combine_experts_of_memrefs
// CHECK:         nn.combine_experts {{.*}} outs(%{{.+}} : memref<1x12xf32>){{$}}
func.func @combine_experts_of_memrefs(%x: memref<1x4x12xf32>,
    %weights: memref<1x4xf32>, %init: memref<1x12xf32>) {
  nn.combine_experts ins(%x, %weights : memref<1x4x12xf32>, memref<1x4xf32>)
      outs(%init : memref<1x12xf32>)
  return
}

// CHECK-LABEL: func.func @sample
// CHECK:         nn.sample ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<?x8xf32>, tensor<4xi32>, index) outs(%{{.+}} : tensor<?xi32>) -> tensor<?xi32>
func.func @sample(%x: tensor<?x8xf32>, %settings: tensor<4xi32>, %position: index,
                  %init: tensor<?xi32>) -> tensor<?xi32> {
  %0 = nn.sample ins(%x, %settings, %position : tensor<?x8xf32>, tensor<4xi32>, index)
      outs(%init : tensor<?xi32>) -> tensor<?xi32>
  return %0 : tensor<?xi32>
}

// CHECK-LABEL: func.func @sample_of_a_batch
// CHECK:         nn.sample ins({{.*}}, tensor<?xi32>) sequence(%{{.+}} : tensor<?xi32>) outs(%{{.+}} : tensor<?xi32>) -> tensor<?xi32>
func.func @sample_of_a_batch(%x: tensor<?x8xf32>, %settings: tensor<4xi32>,
    %positions: tensor<?xi32>, %sequences: tensor<?xi32>, %init: tensor<?xi32>)
    -> tensor<?xi32> {
  %0 = nn.sample
      ins(%x, %settings, %positions : tensor<?x8xf32>, tensor<4xi32>, tensor<?xi32>)
      sequence(%sequences : tensor<?xi32>)
      outs(%init : tensor<?xi32>) -> tensor<?xi32>
  return %0 : tensor<?xi32>
}
