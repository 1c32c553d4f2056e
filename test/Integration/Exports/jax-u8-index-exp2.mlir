// Exported from JAX 0.10.2,
// lowered to linalg by iree-base-compiler 3.13.0.
// y = x times the transpose of a weight of MXFP4: @main(x, values, scales).
// RUN: mxfp4-opt %s --canonicalize --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s

// CHECK-LABEL: func.func {{.*}}@main
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         mxfp4.matmul

module @jit_u8_index_exp2 {
  func.func public @main(%arg0: tensor<4x128xf32>, %arg1: tensor<64x64xi8> {iree.abi.encoding = tensor<64x64xui8>}, %arg2: tensor<64x4xi8> {iree.abi.encoding = tensor<64x4xui8>}) -> tensor<4x64xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0.693147182 : f32
    %cst_1 = arith.constant 1.270000e+02 : f32
    %c4_i8 = arith.constant 4 : i8
    %c15_i8 = arith.constant 15 : i8
    %cst_2 = arith.constant dense<[0.000000e+00, 5.000000e-01, 1.000000e+00, 1.500000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 6.000000e+00, -0.000000e+00, -5.000000e-01, -1.000000e+00, -1.500000e+00, -2.000000e+00, -3.000000e+00, -4.000000e+00, -6.000000e+00]> : tensor<16xf32>
    %0 = tensor.empty() : tensor<64x64xi8>
    %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x64xi8>) outs(%0 : tensor<64x64xi8>) {
    ^bb0(%in: i8, %out: i8):
      %21 = arith.andi %in, %c15_i8 : i8
      linalg.yield %21 : i8
    } -> tensor<64x64xi8>
    %2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x64xi8>) outs(%0 : tensor<64x64xi8>) {
    ^bb0(%in: i8, %out: i8):
      %21 = arith.shrui %in, %c4_i8 : i8
      linalg.yield %21 : i8
    } -> tensor<64x64xi8>
    %expanded = tensor.expand_shape %1 [[0], [1, 2]] output_shape [64, 64, 1] : tensor<64x64xi8> into tensor<64x64x1xi8>
    %expanded_3 = tensor.expand_shape %2 [[0], [1, 2]] output_shape [64, 64, 1] : tensor<64x64xi8> into tensor<64x64x1xi8>
    %3 = tensor.empty() : tensor<64x64x2xi8>
    %inserted_slice = tensor.insert_slice %expanded into %3[0, 0, 0] [64, 64, 1] [1, 1, 1] : tensor<64x64x1xi8> into tensor<64x64x2xi8>
    %inserted_slice_4 = tensor.insert_slice %expanded_3 into %inserted_slice[0, 0, 1] [64, 64, 1] [1, 1, 1] : tensor<64x64x1xi8> into tensor<64x64x2xi8>
    %4 = tensor.empty() : tensor<64x64x2xi32>
    %5 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%inserted_slice_4 : tensor<64x64x2xi8>) outs(%4 : tensor<64x64x2xi32>) {
    ^bb0(%in: i8, %out: i32):
      %21 = arith.extui %in : i8 to i32
      linalg.yield %21 : i32
    } -> tensor<64x64x2xi32>
    %collapsed = tensor.collapse_shape %5 [[0, 1, 2]] : tensor<64x64x2xi32> into tensor<8192xi32>
    %expanded_5 = tensor.expand_shape %collapsed [[0, 1, 2]] output_shape [64, 128, 1] : tensor<8192xi32> into tensor<64x128x1xi32>
    %6 = tensor.empty() : tensor<64x128x1xf32>
    %7 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_5 : tensor<64x128x1xi32>) outs(%6 : tensor<64x128x1xf32>) {
    ^bb0(%in: i32, %out: f32):
      %21 = arith.index_cast %in : i32 to index
      %extracted = tensor.extract %cst_2[%21] : tensor<16xf32>
      linalg.yield %extracted : f32
    } -> tensor<64x128x1xf32>
    %8 = tensor.empty() : tensor<64x4xf32>
    %9 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x4xi8>) outs(%8 : tensor<64x4xf32>) {
    ^bb0(%in: i8, %out: f32):
      %21 = arith.uitofp %in : i8 to f32
      linalg.yield %21 : f32
    } -> tensor<64x4xf32>
    %10 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%9 : tensor<64x4xf32>) outs(%8 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %21 = arith.subf %in, %cst_1 : f32
      linalg.yield %21 : f32
    } -> tensor<64x4xf32>
    %11 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<64x4xf32>) outs(%8 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %21 = arith.mulf %in, %cst_0 : f32
      linalg.yield %21 : f32
    } -> tensor<64x4xf32>
    %12 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%11 : tensor<64x4xf32>) outs(%8 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %21 = math.exp %in : f32
      linalg.yield %21 : f32
    } -> tensor<64x4xf32>
    %collapsed_6 = tensor.collapse_shape %7 [[0, 1, 2]] : tensor<64x128x1xf32> into tensor<8192xf32>
    %expanded_7 = tensor.expand_shape %collapsed_6 [[0, 1, 2]] output_shape [64, 4, 32] : tensor<8192xf32> into tensor<64x4x32xf32>
    %13 = tensor.empty() : tensor<64x4x32xf32>
    %14 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%12 : tensor<64x4xf32>) outs(%13 : tensor<64x4x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<64x4x32xf32>
    %15 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_7, %14 : tensor<64x4x32xf32>, tensor<64x4x32xf32>) outs(%13 : tensor<64x4x32xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %21 = arith.mulf %in, %in_9 : f32
      linalg.yield %21 : f32
    } -> tensor<64x4x32xf32>
    %collapsed_8 = tensor.collapse_shape %15 [[0], [1, 2]] : tensor<64x4x32xf32> into tensor<64x128xf32>
    %16 = tensor.empty() : tensor<128x64xf32>
    %17 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%collapsed_8 : tensor<64x128xf32>) outs(%16 : tensor<128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<128x64xf32>
    %18 = tensor.empty() : tensor<4x64xf32>
    %19 = linalg.fill ins(%cst : f32) outs(%18 : tensor<4x64xf32>) -> tensor<4x64xf32>
    %20 = linalg.matmul ins(%arg0, %17 : tensor<4x128xf32>, tensor<128x64xf32>) outs(%19 : tensor<4x64xf32>) -> tensor<4x64xf32>
    return %20 : tensor<4x64xf32>
  }
}
