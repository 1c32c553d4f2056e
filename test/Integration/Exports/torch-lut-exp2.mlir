// Exported from PyTorch 2.15.0,
// lowered to linalg by torch-mlir 20261001.
// y = x times the transpose of a weight of MXFP4: @main(x, values, scales).
// RUN: mxfp4-opt %s --canonicalize --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s

// CHECK-LABEL: func.func {{.*}}@main
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         mxfp4.matmul

#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map2 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
module {
  func.func @main(%arg0: tensor<4x128xf32>, %arg1: tensor<64x64xi8>, %arg2: tensor<64x4xi8>) -> tensor<4x64xf32> {
    %c0_i64 = arith.constant 0 : i64
    %c16_i64 = arith.constant 16 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense_resource<torch_tensor_16_torch.float32> : tensor<16xf32>
    %c15_i8 = arith.constant 15 : i8
    %c4_i8 = arith.constant 4 : i8
    %cst_1 = arith.constant 1.270000e+02 : f32
    %cst_2 = arith.constant 2.000000e+00 : f32
    %0 = tensor.empty() : tensor<64x64xi8>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x64xi8>) outs(%0 : tensor<64x64xi8>) {
    ^bb0(%in: i8, %out: i8):
      %17 = arith.andi %in, %c15_i8 : i8
      linalg.yield %17 : i8
    } -> tensor<64x64xi8>
    %2 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x64xi8>) outs(%0 : tensor<64x64xi8>) {
    ^bb0(%in: i8, %out: i8):
      %17 = arith.shrui %in, %c4_i8 : i8
      linalg.yield %17 : i8
    } -> tensor<64x64xi8>
    %expanded = tensor.expand_shape %1 [[0], [1, 2]] output_shape [64, 64, 1] : tensor<64x64xi8> into tensor<64x64x1xi8>
    %expanded_3 = tensor.expand_shape %2 [[0], [1, 2]] output_shape [64, 64, 1] : tensor<64x64xi8> into tensor<64x64x1xi8>
    %concat = tensor.concat dim(2) %expanded, %expanded_3 : (tensor<64x64x1xi8>, tensor<64x64x1xi8>) -> tensor<64x64x2xi8>
    %collapsed = tensor.collapse_shape %concat [[0], [1, 2]] : tensor<64x64x2xi8> into tensor<64x128xi8>
    %3 = tensor.empty() : tensor<64x128xi64>
    %4 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%collapsed : tensor<64x128xi8>) outs(%3 : tensor<64x128xi64>) {
    ^bb0(%in: i8, %out: i64):
      %17 = arith.extui %in : i8 to i64
      linalg.yield %17 : i64
    } -> tensor<64x128xi64>
    %5 = tensor.empty() : tensor<64x128xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%4 : tensor<64x128xi64>) outs(%5 : tensor<64x128xf32>) {
    ^bb0(%in: i64, %out: f32):
      %17 = arith.cmpi slt, %in, %c0_i64 : i64
      %18 = arith.addi %in, %c16_i64 : i64
      %19 = arith.select %17, %18, %in : i64
      %20 = arith.index_cast %19 : i64 to index
      %extracted = tensor.extract %cst_0[%20] : tensor<16xf32>
      linalg.yield %extracted : f32
    } -> tensor<64x128xf32>
    %7 = tensor.empty() : tensor<64x4xf32>
    %8 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x4xi8>) outs(%7 : tensor<64x4xf32>) {
    ^bb0(%in: i8, %out: f32):
      %17 = arith.uitofp %in : i8 to f32
      linalg.yield %17 : f32
    } -> tensor<64x4xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%8 : tensor<64x4xf32>) outs(%7 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %17 = arith.subf %in, %cst_1 : f32
      linalg.yield %17 : f32
    } -> tensor<64x4xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%9 : tensor<64x4xf32>) outs(%7 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %17 = math.powf %cst_2, %in : f32
      linalg.yield %17 : f32
    } -> tensor<64x4xf32>
    %expanded_4 = tensor.expand_shape %6 [[0], [1, 2]] output_shape [64, 4, 32] : tensor<64x128xf32> into tensor<64x4x32xf32>
    %expanded_5 = tensor.expand_shape %10 [[0], [1, 2]] output_shape [64, 4, 1] : tensor<64x4xf32> into tensor<64x4x1xf32>
    %11 = tensor.empty() : tensor<64x4x32xf32>
    %12 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_4, %expanded_5 : tensor<64x4x32xf32>, tensor<64x4x1xf32>) outs(%11 : tensor<64x4x32xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %17 = arith.mulf %in, %in_7 : f32
      linalg.yield %17 : f32
    } -> tensor<64x4x32xf32>
    %collapsed_6 = tensor.collapse_shape %12 [[0], [1, 2]] : tensor<64x4x32xf32> into tensor<64x128xf32>
    %13 = tensor.empty() : tensor<128x64xf32>
    %transposed = linalg.transpose ins(%collapsed_6 : tensor<64x128xf32>) outs(%13 : tensor<128x64xf32>) permutation = [1, 0] 
    %14 = tensor.empty() : tensor<4x64xf32>
    %15 = linalg.fill ins(%cst : f32) outs(%14 : tensor<4x64xf32>) -> tensor<4x64xf32>
    %16 = linalg.matmul ins(%arg0, %transposed : tensor<4x128xf32>, tensor<128x64xf32>) outs(%15 : tensor<4x64xf32>) -> tensor<4x64xf32>
    return %16 : tensor<4x64xf32>
  }
}

{-#
  dialect_resources: {
    builtin: {
      torch_tensor_16_torch.float32: "0x04000000000000000000003F0000803F0000C03F0000004000004040000080400000C04000000080000000BF000080BF0000C0BF000000C0000040C0000080C00000C0C0"
    }
  }
#-}
