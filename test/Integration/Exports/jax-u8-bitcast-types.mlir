// Exported from JAX 0.10.2,
// lowered to linalg by iree-base-compiler 3.13.0.
// y = x times the transpose of a weight of MXFP4: @main(x, values, scales).
// RUN: mxfp4-opt %s --canonicalize --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s

// CHECK-LABEL: func.func {{.*}}@main
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         mxfp4.matmul

module @jit_u8_bitcast_types {
  func.func public @main(%arg0: tensor<4x128xf32>, %arg1: tensor<64x64xi8> {iree.abi.encoding = tensor<64x64xui8>}, %arg2: tensor<64x4xi8> {iree.abi.encoding = tensor<64x4xui8>}) -> tensor<4x64xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %c4_i8 = arith.constant 4 : i8
    %0 = tensor.empty() : tensor<64x64x2xf4E2M1FN>
    %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<64x64xi8>) outs(%0 : tensor<64x64x2xf4E2M1FN>) {
    ^bb0(%in: i8, %out: f4E2M1FN):
      %16 = linalg.index 2 : index
      %17 = arith.index_cast %16 : index to i8
      %18 = arith.muli %17, %c4_i8 : i8
      %19 = arith.shrui %in, %18 : i8
      %20 = arith.trunci %19 : i8 to i4
      %21 = arith.bitcast %20 : i4 to f4E2M1FN
      linalg.yield %21 : f4E2M1FN
    } -> tensor<64x64x2xf4E2M1FN>
    %2 = tensor.empty() : tensor<64x64x2xf32>
    %3 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1 : tensor<64x64x2xf4E2M1FN>) outs(%2 : tensor<64x64x2xf32>) {
    ^bb0(%in: f4E2M1FN, %out: f32):
      %16 = arith.extf %in : f4E2M1FN to f32
      linalg.yield %16 : f32
    } -> tensor<64x64x2xf32>
    %4 = tensor.empty() : tensor<64x4xf8E8M0FNU>
    %5 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x4xi8>) outs(%4 : tensor<64x4xf8E8M0FNU>) {
    ^bb0(%in: i8, %out: f8E8M0FNU):
      %16 = arith.bitcast %in : i8 to f8E8M0FNU
      linalg.yield %16 : f8E8M0FNU
    } -> tensor<64x4xf8E8M0FNU>
    %6 = tensor.empty() : tensor<64x4xf32>
    %7 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%5 : tensor<64x4xf8E8M0FNU>) outs(%6 : tensor<64x4xf32>) {
    ^bb0(%in: f8E8M0FNU, %out: f32):
      %16 = arith.extf %in : f8E8M0FNU to f32
      linalg.yield %16 : f32
    } -> tensor<64x4xf32>
    %collapsed = tensor.collapse_shape %3 [[0, 1, 2]] : tensor<64x64x2xf32> into tensor<8192xf32>
    %expanded = tensor.expand_shape %collapsed [[0, 1, 2]] output_shape [64, 4, 32] : tensor<8192xf32> into tensor<64x4x32xf32>
    %8 = tensor.empty() : tensor<64x4x32xf32>
    %9 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%7 : tensor<64x4xf32>) outs(%8 : tensor<64x4x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<64x4x32xf32>
    %10 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded, %9 : tensor<64x4x32xf32>, tensor<64x4x32xf32>) outs(%8 : tensor<64x4x32xf32>) {
    ^bb0(%in: f32, %in_1: f32, %out: f32):
      %16 = arith.mulf %in, %in_1 : f32
      linalg.yield %16 : f32
    } -> tensor<64x4x32xf32>
    %collapsed_0 = tensor.collapse_shape %10 [[0], [1, 2]] : tensor<64x4x32xf32> into tensor<64x128xf32>
    %11 = tensor.empty() : tensor<128x64xf32>
    %12 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%collapsed_0 : tensor<64x128xf32>) outs(%11 : tensor<128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<128x64xf32>
    %13 = tensor.empty() : tensor<4x64xf32>
    %14 = linalg.fill ins(%cst : f32) outs(%13 : tensor<4x64xf32>) -> tensor<4x64xf32>
    %15 = linalg.matmul ins(%arg0, %12 : tensor<4x128xf32>, tensor<128x64xf32>) outs(%14 : tensor<4x64xf32>) -> tensor<4x64xf32>
    return %15 : tensor<4x64xf32>
  }
}
