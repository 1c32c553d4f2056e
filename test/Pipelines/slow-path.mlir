// RUN: mxfp4-opt %s --mxfp4-fuse --mxfp4-lower-to-vector | FileCheck %s --implicit-check-not='{{[^"](mxfp4|nn)\.(matmul|linear|pack)}}'
// RUN: mxfp4-opt %s --mxfp4-fuse --mxfp4-lower-to-cpu | FileCheck %s --check-prefix=CPU --implicit-check-not='{{[^"](mxfp4|nn)\.(matmul|linear|pack)}}'

/// What no kernel takes is lowered to plain loops: a weight whose columns do not
/// fill a lane, and a sum over experts in bf16. A weight is expanded one element
/// at a time there as well.

// CHECK-LABEL: func.func @odd_columns
// CHECK:         memref.load %{{.+}} : memref<32x63xbf16>
// CHECK:         arith.extf %{{.+}} : bf16 to f32
// CPU-LABEL:   llvm.func internal @odd_columns
func.func @odd_columns(%x: tensor<4x63xf32>, %weight: tensor<32x63xbf16>,
                       %init: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %y = nn.linear ins(%x, %weight : tensor<4x63xf32>, tensor<32x63xbf16>)
      outs(%init : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}

// CHECK-LABEL: func.func @experts_added_up_in_bf16
// CHECK:         memref.load %{{.+}} : memref<4x32x2xf8E8M0FNU>
// CHECK:         arith.truncf %{{.+}} : f32 to bf16
// CPU-LABEL:   llvm.func internal @experts_added_up_in_bf16
func.func @experts_added_up_in_bf16(%x: tensor<4x64xf32>,
    %values: tensor<4x32x64xf4E2M1FN>, %scales: tensor<4x32x2xf8E8M0FNU>,
    %experts: tensor<4x2xi32>, %weights: tensor<4x2xf32>,
    %init: tensor<4x32xbf16>) -> tensor<4x32xbf16> {
  %slots = tensor.empty() : tensor<4x2x32xf32>
  %y = mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : tensor<4x64xf32>,
          tensor<4x32x64xf4E2M1FN>, tensor<4x32x2xf8E8M0FNU>, tensor<4x2xi32>)
      outs(%slots : tensor<4x2x32xf32>) -> tensor<4x2x32xf32>
  %z = nn.combine_experts ins(%y, %weights : tensor<4x2x32xf32>, tensor<4x2xf32>)
      outs(%init : tensor<4x32xbf16>) -> tensor<4x32xbf16>
  return %z : tensor<4x32xbf16>
}
