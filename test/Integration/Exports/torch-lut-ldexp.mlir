// Exported from PyTorch 2.15.0,
// lowered to linalg by onnx 1.23.2 and torch-mlir 20261001.
// y = x times the transpose of a weight of MXFP4: @main(x, values, scales).
// RUN: mxfp4-opt %s --canonicalize --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s

// CHECK-LABEL: func.func {{.*}}@main
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         mxfp4.matmul

#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> ()>
#map2 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map3 = affine_map<(d0) -> (d0)>
#map4 = affine_map<(d0, d1, d2) -> ()>
#map5 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
module {
  func.func @main_graph(%arg0: tensor<4x128xf32>, %arg1: tensor<64x64xi8>, %arg2: tensor<64x4xi8>) -> tensor<4x64xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %c16 = arith.constant 16 : index
    %c0_i32 = arith.constant 0 : i32
    %cst_0 = arith.constant dense<[0.000000e+00, 5.000000e-01, 1.000000e+00, 1.500000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 6.000000e+00, -0.000000e+00, -5.000000e-01, -1.000000e+00, -1.500000e+00, -2.000000e+00, -3.000000e+00, -4.000000e+00, -6.000000e+00]> : tensor<16xf32>
    %cst_1 = arith.constant dense<2.000000e+00> : tensor<f32>
    %c16_i32 = arith.constant 16 : i32
    %c0_i64 = arith.constant 0 : i64
    %cst_2 = arith.constant dense<15> : tensor<i8>
    %cst_3 = arith.constant dense<4> : tensor<i8>
    %cst_4 = arith.constant dense<-16> : tensor<i8>
    %cst_5 = arith.constant dense<127> : tensor<i32>
    %cst_6 = arith.constant dense<0> : tensor<i8>
    %0 = tensor.empty() : tensor<64x64xi8>
    %1 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%arg1, %cst_2 : tensor<64x64xi8>, tensor<i8>) outs(%0 : tensor<64x64xi8>) {
    ^bb0(%in: i8, %in_13: i8, %out: i8):
      %29 = arith.andi %in, %in_13 : i8
      linalg.yield %29 : i8
    } -> tensor<64x64xi8>
    %2 = tensor.empty() : tensor<64x64xi1>
    %3 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%arg1, %cst_6 : tensor<64x64xi8>, tensor<i8>) outs(%2 : tensor<64x64xi1>) {
    ^bb0(%in: i8, %in_13: i8, %out: i1):
      %29 = arith.cmpi ult, %in, %in_13 : i8
      linalg.yield %29 : i1
    } -> tensor<64x64xi1>
    %4 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%arg1, %cst_3 : tensor<64x64xi8>, tensor<i8>) outs(%0 : tensor<64x64xi8>) {
    ^bb0(%in: i8, %in_13: i8, %out: i8):
      %29 = arith.shrui %in, %in_13 : i8
      linalg.yield %29 : i8
    } -> tensor<64x64xi8>
    %5 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%4, %cst_4 : tensor<64x64xi8>, tensor<i8>) outs(%0 : tensor<64x64xi8>) {
    ^bb0(%in: i8, %in_13: i8, %out: i8):
      %29 = arith.ori %in, %in_13 : i8
      linalg.yield %29 : i8
    } -> tensor<64x64xi8>
    %6 = linalg.generic {indexing_maps = [#map, #map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%3, %5, %4 : tensor<64x64xi1>, tensor<64x64xi8>, tensor<64x64xi8>) outs(%0 : tensor<64x64xi8>) {
    ^bb0(%in: i1, %in_13: i8, %in_14: i8, %out: i8):
      %29 = arith.select %in, %in_13, %in_14 : i8
      linalg.yield %29 : i8
    } -> tensor<64x64xi8>
    %expanded = tensor.expand_shape %1 [[0], [1, 2]] output_shape [64, 64, 1] : tensor<64x64xi8> into tensor<64x64x1xi8>
    %expanded_7 = tensor.expand_shape %6 [[0], [1, 2]] output_shape [64, 64, 1] : tensor<64x64xi8> into tensor<64x64x1xi8>
    %concat = tensor.concat dim(2) %expanded, %expanded_7 : (tensor<64x64x1xi8>, tensor<64x64x1xi8>) -> tensor<64x64x2xi8>
    %collapsed = tensor.collapse_shape %concat [[0], [1, 2]] : tensor<64x64x2xi8> into tensor<64x128xi8>
    %7 = tensor.empty() : tensor<64x128xi32>
    %8 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%collapsed : tensor<64x128xi8>) outs(%7 : tensor<64x128xi32>) {
    ^bb0(%in: i8, %out: i32):
      %29 = arith.extui %in : i8 to i32
      linalg.yield %29 : i32
    } -> tensor<64x128xi32>
    %expanded_8 = tensor.expand_shape %8 [[0], [1, 2]] output_shape [64, 128, 1] : tensor<64x128xi32> into tensor<64x128x1xi32>
    %9 = tensor.empty() : tensor<64x128x1xi1>
    %10 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_8 : tensor<64x128x1xi32>) outs(%9 : tensor<64x128x1xi1>) {
    ^bb0(%in: i32, %out: i1):
      %29 = arith.extsi %in : i32 to i64
      %30 = arith.cmpi slt, %29, %c0_i64 : i64
      linalg.yield %30 : i1
    } -> tensor<64x128x1xi1>
    %11 = tensor.empty() : tensor<64x128x1xi32>
    %12 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_8 : tensor<64x128x1xi32>) outs(%11 : tensor<64x128x1xi32>) {
    ^bb0(%in: i32, %out: i32):
      %29 = arith.addi %in, %c16_i32 : i32
      linalg.yield %29 : i32
    } -> tensor<64x128x1xi32>
    %13 = linalg.generic {indexing_maps = [#map2, #map2, #map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %12, %expanded_8 : tensor<64x128x1xi1>, tensor<64x128x1xi32>, tensor<64x128x1xi32>) outs(%11 : tensor<64x128x1xi32>) {
    ^bb0(%in: i1, %in_13: i32, %in_14: i32, %out: i32):
      %29 = arith.select %in, %in_13, %in_14 : i32
      linalg.yield %29 : i32
    } -> tensor<64x128x1xi32>
    %collapsed_9 = tensor.collapse_shape %13 [[0, 1, 2]] : tensor<64x128x1xi32> into tensor<8192xi32>
    %14 = tensor.empty() : tensor<8192xf32>
    %15 = linalg.fill ins(%cst : f32) outs(%14 : tensor<8192xf32>) -> tensor<8192xf32>
    %16 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%collapsed_9 : tensor<8192xi32>) outs(%15 : tensor<8192xf32>) {
    ^bb0(%in: i32, %out: f32):
      %29 = arith.index_cast %in : i32 to index
      %30 = arith.cmpi slt, %29, %c16 : index
      cf.assert %30, "index must be smaller than dim size"
      %31 = arith.cmpi sge, %in, %c0_i32 : i32
      cf.assert %31, "index must be larger or equal to 0"
      %extracted = tensor.extract %cst_0[%29] : tensor<16xf32>
      linalg.yield %extracted : f32
    } -> tensor<8192xf32>
    %expanded_10 = tensor.expand_shape %16 [[0, 1, 2]] output_shape [64, 4, 32] : tensor<8192xf32> into tensor<64x4x32xf32>
    %17 = tensor.empty() : tensor<64x4xi32>
    %18 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x4xi8>) outs(%17 : tensor<64x4xi32>) {
    ^bb0(%in: i8, %out: i32):
      %29 = arith.extui %in : i8 to i32
      linalg.yield %29 : i32
    } -> tensor<64x4xi32>
    %expanded_11 = tensor.expand_shape %18 [[0], [1, 2]] output_shape [64, 4, 1] : tensor<64x4xi32> into tensor<64x4x1xi32>
    %19 = tensor.empty() : tensor<64x4x1xi32>
    %20 = linalg.generic {indexing_maps = [#map2, #map4, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_11, %cst_5 : tensor<64x4x1xi32>, tensor<i32>) outs(%19 : tensor<64x4x1xi32>) {
    ^bb0(%in: i32, %in_13: i32, %out: i32):
      %29 = arith.subi %in, %in_13 : i32
      linalg.yield %29 : i32
    } -> tensor<64x4x1xi32>
    %21 = tensor.empty() : tensor<64x4x1xf32>
    %22 = linalg.generic {indexing_maps = [#map4, #map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cst_1, %20 : tensor<f32>, tensor<64x4x1xi32>) outs(%21 : tensor<64x4x1xf32>) {
    ^bb0(%in: f32, %in_13: i32, %out: f32):
      %29 = arith.extf %in : f32 to f64
      %30 = arith.sitofp %in_13 : i32 to f64
      %31 = math.powf %29, %30 : f64
      %32 = arith.truncf %31 : f64 to f32
      linalg.yield %32 : f32
    } -> tensor<64x4x1xf32>
    %23 = tensor.empty() : tensor<64x4x32xf32>
    %24 = linalg.generic {indexing_maps = [#map2, #map5, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_10, %22 : tensor<64x4x32xf32>, tensor<64x4x1xf32>) outs(%23 : tensor<64x4x32xf32>) {
    ^bb0(%in: f32, %in_13: f32, %out: f32):
      %29 = arith.mulf %in, %in_13 : f32
      linalg.yield %29 : f32
    } -> tensor<64x4x32xf32>
    %collapsed_12 = tensor.collapse_shape %24 [[0], [1, 2]] : tensor<64x4x32xf32> into tensor<64x128xf32>
    %25 = tensor.empty() : tensor<128x64xf32>
    %transposed = linalg.transpose ins(%collapsed_12 : tensor<64x128xf32>) outs(%25 : tensor<128x64xf32>) permutation = [1, 0] 
    %26 = tensor.empty() : tensor<4x64xf32>
    %27 = linalg.fill ins(%cst : f32) outs(%26 : tensor<4x64xf32>) -> tensor<4x64xf32>
    %28 = linalg.matmul ins(%arg0, %transposed : tensor<4x128xf32>, tensor<128x64xf32>) outs(%27 : tensor<4x64xf32>) -> tensor<4x64xf32>
    return %28 : tensor<4x64xf32>
  }
}

