// Exported from JAX 0.10.2,
// lowered to linalg by torch-mlir 20261001.
// y = x times the transpose of a weight of MXFP4: @main(x, values, scales).
// RUN: mxfp4-opt %s --canonicalize --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s

// CHECK-LABEL: func.func {{.*}}@main
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         mxfp4.matmul

module @jit_u8_shift_broadcast {
  func.func public @main(%arg0: tensor<4x128xf32>, %arg1: tensor<64x64xi8>, %arg2: tensor<64x4xi8>) -> tensor<4x64xf32> {
    %cst = arith.constant dense<[[[0, 4]]]> : tensor<1x1x2xi8>
    %cst_0 = arith.constant 0.000000e+00 : f32
    %c15 = arith.constant 15 : index
    %c0 = arith.constant 0 : index
    %c8_i8 = arith.constant 8 : i8
    %c0_i8 = arith.constant 0 : i8
    %cst_1 = arith.constant dense<[0.000000e+00, 5.000000e-01, 1.000000e+00, 1.500000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 6.000000e+00, -0.000000e+00, -5.000000e-01, -1.000000e+00, -1.500000e+00, -2.000000e+00, -3.000000e+00, -4.000000e+00, -6.000000e+00]> : tensor<16xf32>
    %cst_2 = arith.constant dense<15> : tensor<i8>
    %cst_3 = arith.constant dense<1.270000e+02> : tensor<f32>
    %cst_4 = arith.constant dense<0.693147182> : tensor<f32>
    %expanded = tensor.expand_shape %arg1 [[0], [1, 2]] output_shape [64, 64, 1] : tensor<64x64xi8> into tensor<64x64x1xi8>
    %0 = tensor.empty() : tensor<64x64x2xi8>
    %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, 0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded : tensor<64x64x1xi8>) outs(%0 : tensor<64x64x2xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<64x64x2xi8>
    %2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (0, 0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cst : tensor<1x1x2xi8>) outs(%0 : tensor<64x64x2xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<64x64x2xi8>
    %3 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1, %2 : tensor<64x64x2xi8>, tensor<64x64x2xi8>) outs(%0 : tensor<64x64x2xi8>) {
    ^bb0(%in: i8, %in_9: i8, %out: i8):
      %23 = arith.shrui %in, %in_9 : i8
      %24 = arith.cmpi ult, %in_9, %c8_i8 : i8
      %25 = arith.select %24, %23, %c0_i8 : i8
      linalg.yield %25 : i8
    } -> tensor<64x64x2xi8>
    %4 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> ()>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cst_2 : tensor<i8>) outs(%0 : tensor<64x64x2xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<64x64x2xi8>
    %5 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%3, %4 : tensor<64x64x2xi8>, tensor<64x64x2xi8>) outs(%0 : tensor<64x64x2xi8>) {
    ^bb0(%in: i8, %in_9: i8, %out: i8):
      %23 = arith.andi %in, %in_9 : i8
      linalg.yield %23 : i8
    } -> tensor<64x64x2xi8>
    %collapsed = tensor.collapse_shape %5 [[0, 1, 2]] : tensor<64x64x2xi8> into tensor<8192xi8>
    %expanded_5 = tensor.expand_shape %collapsed [[0, 1, 2]] output_shape [64, 128, 1] : tensor<8192xi8> into tensor<64x128x1xi8>
    %6 = tensor.empty() : tensor<64x128xf32>
    %7 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%6 : tensor<64x128xf32>) {
    ^bb0(%out: f32):
      %23 = linalg.index 0 : index
      %24 = linalg.index 1 : index
      %extracted = tensor.extract %expanded_5[%23, %24, %c0] : tensor<64x128x1xi8>
      %25 = arith.index_castui %extracted : i8 to index
      %26 = arith.maxsi %25, %c0 : index
      %27 = arith.minsi %26, %c15 : index
      %extracted_9 = tensor.extract %cst_1[%27] : tensor<16xf32>
      linalg.yield %extracted_9 : f32
    } -> tensor<64x128xf32>
    %8 = tensor.empty() : tensor<64x4xf32>
    %9 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x4xi8>) outs(%8 : tensor<64x4xf32>) {
    ^bb0(%in: i8, %out: f32):
      %23 = arith.uitofp %in : i8 to f32
      linalg.yield %23 : f32
    } -> tensor<64x4xf32>
    %10 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> ()>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%cst_3 : tensor<f32>) outs(%8 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<64x4xf32>
    %11 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%9, %10 : tensor<64x4xf32>, tensor<64x4xf32>) outs(%8 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %23 = arith.subf %in, %in_9 : f32
      linalg.yield %23 : f32
    } -> tensor<64x4xf32>
    %12 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> ()>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%cst_4 : tensor<f32>) outs(%8 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<64x4xf32>
    %13 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%12, %11 : tensor<64x4xf32>, tensor<64x4xf32>) outs(%8 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %23 = arith.mulf %in, %in_9 : f32
      linalg.yield %23 : f32
    } -> tensor<64x4xf32>
    %14 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%13 : tensor<64x4xf32>) outs(%8 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %23 = math.exp %in : f32
      linalg.yield %23 : f32
    } -> tensor<64x4xf32>
    %expanded_6 = tensor.expand_shape %7 [[0], [1, 2]] output_shape [64, 4, 32] : tensor<64x128xf32> into tensor<64x4x32xf32>
    %expanded_7 = tensor.expand_shape %14 [[0], [1, 2]] output_shape [64, 4, 1] : tensor<64x4xf32> into tensor<64x4x1xf32>
    %15 = tensor.empty() : tensor<64x4x32xf32>
    %16 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, 0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_7 : tensor<64x4x1xf32>) outs(%15 : tensor<64x4x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<64x4x32xf32>
    %17 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_6, %16 : tensor<64x4x32xf32>, tensor<64x4x32xf32>) outs(%15 : tensor<64x4x32xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %23 = arith.mulf %in, %in_9 : f32
      linalg.yield %23 : f32
    } -> tensor<64x4x32xf32>
    %collapsed_8 = tensor.collapse_shape %17 [[0], [1, 2]] : tensor<64x4x32xf32> into tensor<64x128xf32>
    %18 = tensor.empty() : tensor<128x64xf32>
    %19 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%collapsed_8 : tensor<64x128xf32>) outs(%18 : tensor<128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<128x64xf32>
    %20 = tensor.empty() : tensor<4x64xf32>
    %21 = linalg.fill ins(%cst_0 : f32) outs(%20 : tensor<4x64xf32>) -> tensor<4x64xf32>
    %22 = linalg.matmul ins(%arg0, %19 : tensor<4x128xf32>, tensor<128x64xf32>) outs(%21 : tensor<4x64xf32>) -> tensor<4x64xf32>
    return %22 : tensor<4x64xf32>
  }
}
