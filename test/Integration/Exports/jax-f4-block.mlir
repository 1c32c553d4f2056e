// Exported from JAX 0.10.2,
// lowered to linalg by torch-mlir 20261001.
// y = x times the transpose of a weight of MXFP4: @main(x, values, scales).
// RUN: mxfp4-opt %s --canonicalize --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s

// CHECK-LABEL: func.func {{.*}}@main
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         mxfp4.matmul

module @jit_f4_block {
  func.func public @main(%arg0: tensor<4x128xf32>, %arg1: tensor<64x128xf4E2M1FN>, %arg2: tensor<64x4xf8E8M0FNU>) -> tensor<4x64xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %expanded = tensor.expand_shape %arg1 [[0], [1, 2]] output_shape [64, 4, 32] : tensor<64x128xf4E2M1FN> into tensor<64x4x32xf4E2M1FN>
    %0 = tensor.empty() : tensor<64x4x32xf32>
    %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded : tensor<64x4x32xf4E2M1FN>) outs(%0 : tensor<64x4x32xf32>) {
    ^bb0(%in: f4E2M1FN, %out: f32):
      %9 = arith.extf %in : f4E2M1FN to f32
      linalg.yield %9 : f32
    } -> tensor<64x4x32xf32>
    %2 = tensor.empty() : tensor<64x4xf32>
    %3 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x4xf8E8M0FNU>) outs(%2 : tensor<64x4xf32>) {
    ^bb0(%in: f8E8M0FNU, %out: f32):
      %9 = arith.extf %in : f8E8M0FNU to f32
      linalg.yield %9 : f32
    } -> tensor<64x4xf32>
    %expanded_0 = tensor.expand_shape %3 [[0], [1, 2]] output_shape [64, 4, 1] : tensor<64x4xf32> into tensor<64x4x1xf32>
    %4 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, 0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_0 : tensor<64x4x1xf32>) outs(%0 : tensor<64x4x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<64x4x32xf32>
    %5 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1, %4 : tensor<64x4x32xf32>, tensor<64x4x32xf32>) outs(%0 : tensor<64x4x32xf32>) {
    ^bb0(%in: f32, %in_1: f32, %out: f32):
      %9 = arith.mulf %in, %in_1 : f32
      linalg.yield %9 : f32
    } -> tensor<64x4x32xf32>
    %collapsed = tensor.collapse_shape %5 [[0], [1, 2]] : tensor<64x4x32xf32> into tensor<64x128xf32>
    %6 = tensor.empty() : tensor<4x64xf32>
    %7 = linalg.fill ins(%cst : f32) outs(%6 : tensor<4x64xf32>) -> tensor<4x64xf32>
    %8 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%arg0, %collapsed : tensor<4x128xf32>, tensor<64x128xf32>) outs(%7 : tensor<4x64xf32>) {
    ^bb0(%in: f32, %in_1: f32, %out: f32):
      %9 = arith.mulf %in, %in_1 : f32
      %10 = arith.addf %out, %9 : f32
      linalg.yield %10 : f32
    } -> tensor<4x64xf32>
    return %8 : tensor<4x64xf32>
  }
}
