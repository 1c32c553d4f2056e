// Exported from JAX 0.10.2,
// lowered to linalg by iree-base-compiler 3.13.0.
// y = x times the transpose of a weight of MXFP4: @main(x, values, scales).
// RUN: mxfp4-opt %s --canonicalize --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s

// CHECK-LABEL: func.func {{.*}}@main
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         mxfp4.matmul

module @jit_f4_bf16 {
  func.func public @main(%arg0: tensor<4x128xf32>, %arg1: tensor<64x128xf4E2M1FN>, %arg2: tensor<64x4xf8E8M0FNU>) -> tensor<4x64xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %0 = tensor.empty() : tensor<64x128xbf16>
    %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x128xf4E2M1FN>) outs(%0 : tensor<64x128xbf16>) {
    ^bb0(%in: f4E2M1FN, %out: bf16):
      %14 = arith.extf %in : f4E2M1FN to bf16
      linalg.yield %14 : bf16
    } -> tensor<64x128xbf16>
    %expanded = tensor.expand_shape %1 [[0], [1, 2]] output_shape [64, 4, 32] : tensor<64x128xbf16> into tensor<64x4x32xbf16>
    %2 = tensor.empty() : tensor<64x4xbf16>
    %3 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x4xf8E8M0FNU>) outs(%2 : tensor<64x4xbf16>) {
    ^bb0(%in: f8E8M0FNU, %out: bf16):
      %14 = arith.extf %in : f8E8M0FNU to bf16
      linalg.yield %14 : bf16
    } -> tensor<64x4xbf16>
    %4 = tensor.empty() : tensor<64x4x32xbf16>
    %5 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%3 : tensor<64x4xbf16>) outs(%4 : tensor<64x4x32xbf16>) {
    ^bb0(%in: bf16, %out: bf16):
      linalg.yield %in : bf16
    } -> tensor<64x4x32xbf16>
    %6 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded, %5 : tensor<64x4x32xbf16>, tensor<64x4x32xbf16>) outs(%4 : tensor<64x4x32xbf16>) {
    ^bb0(%in: bf16, %in_0: bf16, %out: bf16):
      %14 = arith.mulf %in, %in_0 : bf16
      linalg.yield %14 : bf16
    } -> tensor<64x4x32xbf16>
    %collapsed = tensor.collapse_shape %6 [[0], [1, 2]] : tensor<64x4x32xbf16> into tensor<64x128xbf16>
    %7 = tensor.empty() : tensor<4x128xbf16>
    %8 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg0 : tensor<4x128xf32>) outs(%7 : tensor<4x128xbf16>) {
    ^bb0(%in: f32, %out: bf16):
      %14 = arith.truncf %in : f32 to bf16
      linalg.yield %14 : bf16
    } -> tensor<4x128xbf16>
    %9 = tensor.empty() : tensor<128x64xbf16>
    %10 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%collapsed : tensor<64x128xbf16>) outs(%9 : tensor<128x64xbf16>) {
    ^bb0(%in: bf16, %out: bf16):
      linalg.yield %in : bf16
    } -> tensor<128x64xbf16>
    %11 = tensor.empty() : tensor<4x64xf32>
    %12 = linalg.fill ins(%cst : f32) outs(%11 : tensor<4x64xf32>) -> tensor<4x64xf32>
    %13 = linalg.matmul ins(%8, %10 : tensor<4x128xbf16>, tensor<128x64xbf16>) outs(%12 : tensor<4x64xf32>) -> tensor<4x64xf32>
    return %13 : tensor<4x64xf32>
  }
}
