// RUN: mxfp4-opt %s --mxfp4-fuse | FileCheck %s

/// The experts of a layer of the 20B model as they are imported become two ops:
/// all that follows a matmul is in it.
// CHECK-LABEL: func.func @experts
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x2880xf32>
// CHECK-NOT:     linalg
// CHECK-NOT:     nn.
// CHECK:         %[[GATED:.+]] = mxfp4.matmul_by_expert ins(%[[X]], {{.*}} bias({{.*}} activation({{.*}} outs(%{{.+}} : tensor<?x4x2880xf32>)
// CHECK-NOT:     linalg
// CHECK-NOT:     nn.
// CHECK:         %[[SUM:.+]] = mxfp4.matmul_by_expert ins(%[[GATED]], {{.*}} bias({{.*}} weights({{.*}} residual({{.*}} outs(%{{.+}} : tensor<?x2880xf32>)
// CHECK-NOT:     linalg
// CHECK-NOT:     nn.
// CHECK:         return %[[SUM]]
func.func @experts(%x: tensor<?x2880xf32>,
    %experts: tensor<?x4xi32>, %weights: tensor<?x4xf32>,
    %gate_up: tensor<32x5760x2880xf4E2M1FN>,
    %gate_up_scales: tensor<32x5760x90xf8E8M0FNU>,
    %gate_up_bias: tensor<32x5760xbf16>,
    %down: tensor<32x2880x2880xf4E2M1FN>,
    %down_scales: tensor<32x2880x90xf8E8M0FNU>,
    %down_bias: tensor<32x2880xbf16>,
    %result: tensor<?x2880xf32>) -> tensor<?x2880xf32> {
  %zero = arith.constant 0 : index
  %tokens = tensor.dim %x, %zero : tensor<?x2880xf32>
  %init = tensor.empty(%tokens) : tensor<?x4x5760xf32>
  %half = tensor.empty(%tokens) : tensor<?x4x2880xf32>
  %one = tensor.empty(%tokens) : tensor<?x2880xf32>
  %0 = mxfp4.matmul_by_expert
      ins(%x, %gate_up, %gate_up_scales, %experts : tensor<?x2880xf32>,
          tensor<32x5760x2880xf4E2M1FN>, tensor<32x5760x90xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x5760xf32>) -> tensor<?x4x5760xf32>
  %1 = nn.add_expert_bias ins(%0, %gate_up_bias, %experts : tensor<?x4x5760xf32>,
          tensor<32x5760xbf16>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x5760xf32>) -> tensor<?x4x5760xf32>
  %2 = nn.swiglu ins(%1 : tensor<?x4x5760xf32>) outs(%half : tensor<?x4x2880xf32>)
      {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>}
      -> tensor<?x4x2880xf32>
  %3 = mxfp4.matmul_by_expert
      ins(%2, %down, %down_scales, %experts : tensor<?x4x2880xf32>,
          tensor<32x2880x2880xf4E2M1FN>, tensor<32x2880x90xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%half : tensor<?x4x2880xf32>) -> tensor<?x4x2880xf32>
  %4 = nn.add_expert_bias ins(%3, %down_bias, %experts : tensor<?x4x2880xf32>,
          tensor<32x2880xbf16>, tensor<?x4xi32>)
      outs(%half : tensor<?x4x2880xf32>) -> tensor<?x4x2880xf32>
  %5 = nn.combine_experts ins(%4, %weights : tensor<?x4x2880xf32>, tensor<?x4xf32>)
      outs(%one : tensor<?x2880xf32>) -> tensor<?x2880xf32>
  %6 = linalg.add ins(%5, %x : tensor<?x2880xf32>, tensor<?x2880xf32>)
      outs(%result : tensor<?x2880xf32>) -> tensor<?x2880xf32>
  return %6 : tensor<?x2880xf32>
}
