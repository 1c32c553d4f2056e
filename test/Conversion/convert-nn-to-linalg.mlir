// RUN: mxfp4-opt %s --convert-nn-to-linalg | FileCheck %s
// RUN: mxfp4-opt %s --convert-nn-to-linalg=kernels=vector | FileCheck %s --check-prefix=SLOW

/// Every op becomes loops over the whole of its result.
// CHECK-LABEL: func.func @embedding
// CHECK-SAME:    %[[IDS:[^:]+]]: tensor<?xi32>, %[[TABLE:[^:]+]]: tensor<16x8xbf16>, %[[INIT:[^:]+]]: tensor<?x8xf32>
// CHECK:         %[[RESULT:.+]] = linalg.generic {{.*}} outs(%[[INIT]] :
// CHECK:           tensor.extract %[[IDS]]
// CHECK:           tensor.extract %[[TABLE]]
// CHECK:           arith.extf %{{.+}} : bf16 to f32
// CHECK:         return %[[RESULT]]
func.func @embedding(%ids: tensor<?xi32>, %table: tensor<16x8xbf16>,
                     %init: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = nn.embedding ins(%ids, %table : tensor<?xi32>, tensor<16x8xbf16>)
      outs(%init : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @rms_norm
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK:           math.sqrt
// CHECK:           arith.truncf %{{.+}} : f32 to bf16
// CHECK-NOT:     nn.
func.func @rms_norm(%x: tensor<?x8xf32>, %gain: tensor<8xbf16>,
                    %init: tensor<?x8xbf16>) -> tensor<?x8xbf16> {
  %0 = nn.rms_norm ins(%x, %gain : tensor<?x8xf32>, tensor<8xbf16>)
      outs(%init : tensor<?x8xbf16>) {epsilon = 1.0e-05 : f32} -> tensor<?x8xbf16>
  return %0 : tensor<?x8xbf16>
}

// CHECK-LABEL: func.func @linear
// CHECK-SAME:    %[[BIAS:[^:]+]]: tensor<12xbf16>, %[[RESIDUAL:[^:]+]]: tensor<?x12xf32>
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK:           tensor.extract %[[BIAS]]
// CHECK:           tensor.extract %[[RESIDUAL]]
// CHECK-NOT:     nn.
func.func @linear(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %bias: tensor<12xbf16>, %residual: tensor<?x12xf32>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      bias(%bias : tensor<12xbf16>) residual(%residual : tensor<?x12xf32>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @linear_of_a_layout
// CHECK-SAME:    %{{.+}}: tensor<?x8xf32>, %[[WEIGHT:[^:]+]]: tensor<2x8x8xf32>
// CHECK:           %[[ROW:.+]] = linalg.index 1
// CHECK:           %[[COLUMN:.+]] = linalg.index 2
// CHECK:           %[[GROUP:.+]] = arith.divui %[[ROW]], %c8
// CHECK:           arith.remui %[[ROW]], %c8
// CHECK:           tensor.extract %[[WEIGHT]][%[[GROUP]], %[[COLUMN]],
// CHECK-NOT:     nn.
// SLOW-LABEL:  func.func @linear_of_a_layout
// SLOW:          nn.linear
func.func @linear_of_a_layout(%x: tensor<?x8xf32>, %weight: tensor<2x8x8xf32>,
                              %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<2x8x8xf32>)
      outs(%init : tensor<?x12xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 1>}
      -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @rotary_embedding
// CHECK:         arith.constant dense<{{.*}}> : tensor<4xf32>
// CHECK:         linalg.generic
// CHECK-DAG:       math.cos
// CHECK-DAG:       math.sin
// CHECK-NOT:     nn.rotary
func.func @rotary_embedding(%q: tensor<?x2x8xf32>, %position: index,
                            %init: tensor<?x2x8xf32>) -> tensor<?x2x8xf32> {
  %0 = nn.rotary_embedding ins(%q, %position : tensor<?x2x8xf32>, index)
      outs(%init : tensor<?x2x8xf32>)
      {yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32,
        beta_fast = 32.0 : f32, beta_slow = 1.0 : f32, original_length = 4096,
        truncate = false>} -> tensor<?x2x8xf32>
  return %0 : tensor<?x2x8xf32>
}

/// Products, scores, their maximum with the sink, sums, and the mix of values.
/// What a token does not see is kept out twice: of scores, and of the mix, where
/// a weight of 0 would keep a NaN.
// CHECK-LABEL: func.func @attention
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel"]
// CHECK:           %[[IS_SEEN:.+]] = arith.andi
// CHECK:           arith.select %[[IS_SEEN]]
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:           arith.maximumf
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:           math.exp
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK:           %[[TERM:.+]] = arith.mulf
// CHECK:           %[[IS_SEEN:.+]] = arith.andi
// CHECK:           arith.select %[[IS_SEEN]], %[[TERM]]
// CHECK:           arith.divf
// CHECK-NOT:     nn.
func.func @attention(%q: tensor<?x4x8xf32>, %k: tensor<?x2x8xf32>,
    %v: tensor<?x2x8xf32>, %keys: tensor<16x2x8xbf16>, %values: tensor<16x2x8xbf16>,
    %sinks: tensor<4xbf16>, %position: index, %init: tensor<?x4x8xf32>)
    -> tensor<?x4x8xf32> {
  %0 = nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x4x8xf32>,
          tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<16x2x8xbf16>,
          tensor<16x2x8xbf16>, tensor<4xbf16>, index)
      outs(%init : tensor<?x4x8xf32>) {scale = 0.125 : f32, window = 16 : i64}
      -> tensor<?x4x8xf32>
  return %0 : tensor<?x4x8xf32>
}

// CHECK-LABEL: func.func @cache_update
// CHECK:         linalg.generic
// CHECK:           arith.remui
// CHECK:           scf.if
// CHECK:             tensor.extract
// CHECK-NOT:     nn.
// SLOW-LABEL:  func.func @cache_update
// SLOW:          nn.cache_update
func.func @cache_update(%k: tensor<?x2x8xf32>, %position: index,
                        %keys: tensor<16x2x8xbf16>) -> tensor<16x2x8xbf16> {
  %0 = nn.cache_update ins(%k, %position : tensor<?x2x8xf32>, index)
      outs(%keys : tensor<16x2x8xbf16>) -> tensor<16x2x8xbf16>
  return %0 : tensor<16x2x8xbf16>
}

/// NaN ranks lowest: it is replaced before ranks are counted.
// CHECK-LABEL: func.func @route_top_k
// CHECK:         linalg.generic
// CHECK:           arith.cmpf uno
// CHECK:           arith.select
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:           arith.cmpf ogt
// CHECK-NOT:     nn.
func.func @route_top_k(%logits: tensor<?x8xf32>, %e: tensor<?x4xi32>,
    %w: tensor<?x4xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %experts, %weights = nn.route_top_k ins(%logits : tensor<?x8xf32>)
      outs(%e, %w : tensor<?x4xi32>, tensor<?x4xf32>)
      -> tensor<?x4xi32>, tensor<?x4xf32>
  return %experts, %weights : tensor<?x4xi32>, tensor<?x4xf32>
}

// CHECK-LABEL: func.func @slots
// CHECK-SAME:    %[[BIAS:[^:]+]]: tensor<2x12xbf16>
// CHECK:         linalg.generic
// CHECK:           tensor.extract %[[BIAS]]
// CHECK:         linalg.generic
// CHECK:           arith.minimumf
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:           arith.mulf
// CHECK-NOT:     nn.
func.func @slots(%x: tensor<?x4x12xf32>, %experts: tensor<?x4xi32>,
    %bias: tensor<2x12xbf16>, %weights: tensor<?x4xf32>, %init: tensor<?x4x6xf32>,
    %sums: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %0 = nn.add_expert_bias ins(%x, %bias, %experts : tensor<?x4x12xf32>,
          tensor<2x12xbf16>, tensor<?x4xi32>)
      outs(%x : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %1 = nn.swiglu ins(%0 : tensor<?x4x12xf32>) outs(%init : tensor<?x4x6xf32>)
      {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>}
      -> tensor<?x4x6xf32>
  %2 = nn.combine_experts ins(%1, %weights : tensor<?x4x6xf32>, tensor<?x4xf32>)
      outs(%sums : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %2 : tensor<?x6xf32>
}

// The largest of numbers that hold a score and a token.

// CHECK-LABEL: func.func @sample
// CHECK:         linalg.fill {{.*}} -> tensor<?xi64>
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]
// CHECK:           arith.mului_extended
// CHECK:           math.log
// CHECK:           arith.maxsi
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel"]
// CHECK-NOT:     nn.sample
func.func @sample(%x: tensor<?x8xbf16>, %settings: tensor<4xi32>, %position: index,
                  %init: tensor<?xi32>) -> tensor<?xi32> {
  %0 = nn.sample ins(%x, %settings, %position : tensor<?x8xbf16>, tensor<4xi32>, index)
      outs(%init : tensor<?xi32>) -> tensor<?xi32>
  return %0 : tensor<?xi32>
}

// CHECK-LABEL: func.func @memrefs
// CHECK:         nn.rms_norm
func.func @memrefs(%x: memref<?x8xf32>, %gain: memref<8xbf16>) {
  nn.rms_norm ins(%x, %gain : memref<?x8xf32>, memref<8xbf16>)
      outs(%x : memref<?x8xf32>) {epsilon = 1.0e-05 : f32}
  return
}
