// Exported from PyTorch 2.15.0 with the unpacking of compressed-tensors 0.20.0,
// lowered to linalg by torch-mlir 20261001.
// y = x times the transpose of a weight of MXFP4: @main(x, values, scales).
// RUN: mxfp4-opt %s --canonicalize --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s

// CHECK-LABEL: func.func {{.*}}@main
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         mxfp4.matmul

#map = affine_map<(d0) -> (d0)>
#map1 = affine_map<(d0) -> ()>
#map2 = affine_map<(d0, d1) -> (d0, d1)>
#map3 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map4 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
module {
  func.func @main(%arg0: tensor<4x128xf32>, %arg1: tensor<64x64xi8>, %arg2: tensor<64x4xi8>) -> tensor<4x64xf32> {
    %c8_i64 = arith.constant 8 : i64
    %c0_i8 = arith.constant 0 : i8
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense<-1.000000e+00> : tensor<f32>
    %cst_1 = arith.constant dense<1.000000e+00> : tensor<f32>
    %cst_2 = arith.constant dense_resource<torch_tensor_8_torch.float32> : tensor<8xf32>
    %c-16_i8 = arith.constant -16 : i8
    %c4_i8 = arith.constant 4 : i8
    %c15_i8 = arith.constant 15 : i8
    %c8_i8 = arith.constant 8 : i8
    %c7_i8 = arith.constant 7 : i8
    %c127_i32 = arith.constant 127 : i32
    %cst_3 = arith.constant 2.000000e+00 : f32
    %collapsed = tensor.collapse_shape %arg1 [[0, 1]] : tensor<64x64xi8> into tensor<4096xi8>
    %0 = tensor.empty() : tensor<4096xi8>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%collapsed : tensor<4096xi8>) outs(%0 : tensor<4096xi8>) {
    ^bb0(%in: i8, %out: i8):
      %27 = arith.andi %in, %c-16_i8 : i8
      linalg.yield %27 : i8
    } -> tensor<4096xi8>
    %2 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%1 : tensor<4096xi8>) outs(%0 : tensor<4096xi8>) {
    ^bb0(%in: i8, %out: i8):
      %27 = arith.shrui %in, %c4_i8 : i8
      linalg.yield %27 : i8
    } -> tensor<4096xi8>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%collapsed : tensor<4096xi8>) outs(%0 : tensor<4096xi8>) {
    ^bb0(%in: i8, %out: i8):
      %27 = arith.andi %in, %c15_i8 : i8
      linalg.yield %27 : i8
    } -> tensor<4096xi8>
    %expanded = tensor.expand_shape %3 [[0, 1]] output_shape [4096, 1] : tensor<4096xi8> into tensor<4096x1xi8>
    %expanded_4 = tensor.expand_shape %2 [[0, 1]] output_shape [4096, 1] : tensor<4096xi8> into tensor<4096x1xi8>
    %concat = tensor.concat dim(1) %expanded, %expanded_4 : (tensor<4096x1xi8>, tensor<4096x1xi8>) -> tensor<4096x2xi8>
    %collapsed_5 = tensor.collapse_shape %concat [[0, 1]] : tensor<4096x2xi8> into tensor<8192xi8>
    %4 = tensor.empty() : tensor<8192xi8>
    %5 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%collapsed_5 : tensor<8192xi8>) outs(%4 : tensor<8192xi8>) {
    ^bb0(%in: i8, %out: i8):
      %27 = arith.andi %in, %c8_i8 : i8
      linalg.yield %27 : i8
    } -> tensor<8192xi8>
    %6 = tensor.empty() : tensor<8192xi1>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%5 : tensor<8192xi8>) outs(%6 : tensor<8192xi1>) {
    ^bb0(%in: i8, %out: i1):
      %27 = arith.cmpi ne, %in, %c0_i8 : i8
      linalg.yield %27 : i1
    } -> tensor<8192xi1>
    %8 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%collapsed_5 : tensor<8192xi8>) outs(%4 : tensor<8192xi8>) {
    ^bb0(%in: i8, %out: i8):
      %27 = arith.andi %in, %c7_i8 : i8
      linalg.yield %27 : i8
    } -> tensor<8192xi8>
    %9 = tensor.empty() : tensor<8192xi64>
    %10 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%8 : tensor<8192xi8>) outs(%9 : tensor<8192xi64>) {
    ^bb0(%in: i8, %out: i64):
      %27 = arith.extui %in : i8 to i64
      linalg.yield %27 : i64
    } -> tensor<8192xi64>
    %11 = tensor.empty() : tensor<8192xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%10 : tensor<8192xi64>) outs(%11 : tensor<8192xf32>) {
    ^bb0(%in: i64, %out: f32):
      %27 = arith.cmpi slt, %in, %c0_i64 : i64
      %28 = arith.addi %in, %c8_i64 : i64
      %29 = arith.select %27, %28, %in : i64
      %30 = arith.index_cast %29 : i64 to index
      %extracted = tensor.extract %cst_2[%30] : tensor<8xf32>
      linalg.yield %extracted : f32
    } -> tensor<8192xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map1, #map1, #map], iterator_types = ["parallel"]} ins(%7, %cst_0, %cst_1 : tensor<8192xi1>, tensor<f32>, tensor<f32>) outs(%11 : tensor<8192xf32>) {
    ^bb0(%in: i1, %in_9: f32, %in_10: f32, %out: f32):
      %27 = arith.select %in, %in_9, %in_10 : f32
      linalg.yield %27 : f32
    } -> tensor<8192xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%12, %13 : tensor<8192xf32>, tensor<8192xf32>) outs(%11 : tensor<8192xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %27 = arith.mulf %in, %in_9 : f32
      linalg.yield %27 : f32
    } -> tensor<8192xf32>
    %15 = tensor.empty() : tensor<64x4xi32>
    %16 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x4xi8>) outs(%15 : tensor<64x4xi32>) {
    ^bb0(%in: i8, %out: i32):
      %27 = arith.extui %in : i8 to i32
      linalg.yield %27 : i32
    } -> tensor<64x4xi32>
    %17 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel"]} ins(%16 : tensor<64x4xi32>) outs(%15 : tensor<64x4xi32>) {
    ^bb0(%in: i32, %out: i32):
      %27 = arith.subi %in, %c127_i32 : i32
      linalg.yield %27 : i32
    } -> tensor<64x4xi32>
    %18 = tensor.empty() : tensor<64x4xf32>
    %19 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel"]} ins(%17 : tensor<64x4xi32>) outs(%18 : tensor<64x4xf32>) {
    ^bb0(%in: i32, %out: f32):
      %27 = arith.sitofp %in : i32 to f32
      linalg.yield %27 : f32
    } -> tensor<64x4xf32>
    %20 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel"]} ins(%19 : tensor<64x4xf32>) outs(%18 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %27 = math.powf %cst_3, %in : f32
      linalg.yield %27 : f32
    } -> tensor<64x4xf32>
    %expanded_6 = tensor.expand_shape %14 [[0, 1, 2]] output_shape [64, 4, 32] : tensor<8192xf32> into tensor<64x4x32xf32>
    %expanded_7 = tensor.expand_shape %20 [[0], [1, 2]] output_shape [64, 4, 1] : tensor<64x4xf32> into tensor<64x4x1xf32>
    %21 = tensor.empty() : tensor<64x4x32xf32>
    %22 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_6, %expanded_7 : tensor<64x4x32xf32>, tensor<64x4x1xf32>) outs(%21 : tensor<64x4x32xf32>) {
    ^bb0(%in: f32, %in_9: f32, %out: f32):
      %27 = arith.mulf %in, %in_9 : f32
      linalg.yield %27 : f32
    } -> tensor<64x4x32xf32>
    %collapsed_8 = tensor.collapse_shape %22 [[0], [1, 2]] : tensor<64x4x32xf32> into tensor<64x128xf32>
    %23 = tensor.empty() : tensor<128x64xf32>
    %transposed = linalg.transpose ins(%collapsed_8 : tensor<64x128xf32>) outs(%23 : tensor<128x64xf32>) permutation = [1, 0] 
    %24 = tensor.empty() : tensor<4x64xf32>
    %25 = linalg.fill ins(%cst : f32) outs(%24 : tensor<4x64xf32>) -> tensor<4x64xf32>
    %26 = linalg.matmul ins(%arg0, %transposed : tensor<4x128xf32>, tensor<128x64xf32>) outs(%25 : tensor<4x64xf32>) -> tensor<4x64xf32>
    return %26 : tensor<4x64xf32>
  }
}

{-#
  dialect_resources: {
    builtin: {
      torch_tensor_8_torch.float32: "0x04000000000000000000003F0000803F0000C03F0000004000004040000080400000C040"
    }
  }
#-}
