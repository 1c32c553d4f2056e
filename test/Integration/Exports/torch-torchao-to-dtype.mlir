// Exported from PyTorch 2.15.0 with to_dtype of torchao 0.18.0,
// lowered to linalg by iree-base-compiler 3.13.0.
// y = x times the transpose of a weight of MXFP4: @main(x, values, scales).
// RUN: mxfp4-opt %s --canonicalize --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s

// CHECK-LABEL: func.func {{.*}}@main
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         mxfp4.matmul

#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> ()>
#map2 = affine_map<(d0, d1) -> (d0, 0)>
module {
  func.func @main(%arg0: tensor<4x128xf32>, %arg1: tensor<64x64xi8>, %arg2: tensor<64x4xi8>) -> tensor<4x64xf32> {
    %c255_i64 = arith.constant 255 : i64
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense<0x7FC00000> : tensor<f32>
    %cst_1 = arith.constant dense<2.000000e+00> : tensor<64x4xf32>
    %c15_i8 = arith.constant 15 : i8
    %c4_i8 = arith.constant 4 : i8
    %c8_i8 = arith.constant 8 : i8
    %c1_i8 = arith.constant 1 : i8
    %c1_i32 = arith.constant 1 : i32
    %c255_i32 = arith.constant 255 : i32
    %c127_i32 = arith.constant 127 : i32
    %c23_i32 = arith.constant 23 : i32
    %c22_i32 = arith.constant 22 : i32
    %c28_i32 = arith.constant 28 : i32
    %c127_i16 = arith.constant 127 : i16
    %cst_2 = arith.constant dense<1056964608> : tensor<i32>
    %cst_3 = arith.constant dense<0> : tensor<i32>
    %0 = tensor.empty() : tensor<64x64xi8>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x64xi8>) outs(%0 : tensor<64x64xi8>) {
    ^bb0(%in: i8, %out: i8):
      %47 = arith.andi %in, %c15_i8 : i8
      linalg.yield %47 : i8
    } -> tensor<64x64xi8>
    %2 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x64xi8>) outs(%0 : tensor<64x64xi8>) {
    ^bb0(%in: i8, %out: i8):
      %47 = arith.shrui %in, %c4_i8 : i8
      linalg.yield %47 : i8
    } -> tensor<64x64xi8>
    %expanded = tensor.expand_shape %1 [[0], [1, 2]] output_shape [64, 64, 1] : tensor<64x64xi8> into tensor<64x64x1xi8>
    %expanded_4 = tensor.expand_shape %2 [[0], [1, 2]] output_shape [64, 64, 1] : tensor<64x64xi8> into tensor<64x64x1xi8>
    %concat = tensor.concat dim(2) %expanded, %expanded_4 : (tensor<64x64x1xi8>, tensor<64x64x1xi8>) -> tensor<64x64x2xi8>
    %collapsed = tensor.collapse_shape %concat [[0], [1, 2]] : tensor<64x64x2xi8> into tensor<64x128xi8>
    %3 = tensor.empty() : tensor<64x128xi8>
    %4 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%collapsed : tensor<64x128xi8>) outs(%3 : tensor<64x128xi8>) {
    ^bb0(%in: i8, %out: i8):
      %47 = arith.andi %in, %c8_i8 : i8
      linalg.yield %47 : i8
    } -> tensor<64x128xi8>
    %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%collapsed, %4 : tensor<64x128xi8>, tensor<64x128xi8>) outs(%3 : tensor<64x128xi8>) {
    ^bb0(%in: i8, %in_11: i8, %out: i8):
      %47 = arith.xori %in, %in_11 : i8
      linalg.yield %47 : i8
    } -> tensor<64x128xi8>
    %6 = tensor.empty() : tensor<64x128xi1>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%5 : tensor<64x128xi8>) outs(%6 : tensor<64x128xi1>) {
    ^bb0(%in: i8, %out: i1):
      %47 = arith.extsi %in : i8 to i64
      %48 = arith.cmpi eq, %47, %c0_i64 : i64
      linalg.yield %48 : i1
    } -> tensor<64x128xi1>
    %8 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%5 : tensor<64x128xi8>) outs(%6 : tensor<64x128xi1>) {
    ^bb0(%in: i8, %out: i1):
      %47 = arith.extsi %in : i8 to i64
      %48 = arith.cmpi ugt, %47, %c0_i64 : i64
      linalg.yield %48 : i1
    } -> tensor<64x128xi1>
    %9 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%5 : tensor<64x128xi8>) outs(%3 : tensor<64x128xi8>) {
    ^bb0(%in: i8, %out: i8):
      %47 = arith.shrui %in, %c1_i8 : i8
      linalg.yield %47 : i8
    } -> tensor<64x128xi8>
    %10 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%9 : tensor<64x128xi8>) outs(%6 : tensor<64x128xi1>) {
    ^bb0(%in: i8, %out: i1):
      %47 = arith.extsi %in : i8 to i64
      %48 = arith.cmpi eq, %47, %c0_i64 : i64
      linalg.yield %48 : i1
    } -> tensor<64x128xi1>
    %11 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%8, %10 : tensor<64x128xi1>, tensor<64x128xi1>) outs(%6 : tensor<64x128xi1>) {
    ^bb0(%in: i1, %in_11: i1, %out: i1):
      %47 = arith.andi %in, %in_11 : i1
      linalg.yield %47 : i1
    } -> tensor<64x128xi1>
    %12 = tensor.empty() : tensor<64x128xi32>
    %13 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%9 : tensor<64x128xi8>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i8, %out: i32):
      %47 = arith.extui %in : i8 to i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %14 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%13 : tensor<64x128xi32>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i32, %out: i32):
      %47 = arith.subi %in, %c1_i32 : i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %15 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%14 : tensor<64x128xi32>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i32, %out: i32):
      %47 = arith.andi %in, %c255_i32 : i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %16 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%15 : tensor<64x128xi32>) outs(%3 : tensor<64x128xi8>) {
    ^bb0(%in: i32, %out: i8):
      %47 = arith.trunci %in : i32 to i8
      linalg.yield %47 : i8
    } -> tensor<64x128xi8>
    %17 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%16 : tensor<64x128xi8>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i8, %out: i32):
      %47 = arith.extui %in : i8 to i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %18 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%17 : tensor<64x128xi32>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i32, %out: i32):
      %47 = arith.addi %in, %c127_i32 : i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %19 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%18 : tensor<64x128xi32>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i32, %out: i32):
      %47 = arith.andi %in, %c255_i32 : i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %20 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%19 : tensor<64x128xi32>) outs(%3 : tensor<64x128xi8>) {
    ^bb0(%in: i32, %out: i8):
      %47 = arith.trunci %in : i32 to i8
      linalg.yield %47 : i8
    } -> tensor<64x128xi8>
    %21 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%20 : tensor<64x128xi8>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i8, %out: i32):
      %47 = arith.extui %in : i8 to i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %22 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%21 : tensor<64x128xi32>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i32, %out: i32):
      %47 = arith.shli %in, %c23_i32 : i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %23 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%5 : tensor<64x128xi8>) outs(%3 : tensor<64x128xi8>) {
    ^bb0(%in: i8, %out: i8):
      %47 = arith.andi %in, %c1_i8 : i8
      linalg.yield %47 : i8
    } -> tensor<64x128xi8>
    %24 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%23 : tensor<64x128xi8>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i8, %out: i32):
      %47 = arith.extui %in : i8 to i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %25 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%24 : tensor<64x128xi32>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i32, %out: i32):
      %47 = arith.shli %in, %c22_i32 : i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %26 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%22, %25 : tensor<64x128xi32>, tensor<64x128xi32>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i32, %in_11: i32, %out: i32):
      %47 = arith.ori %in, %in_11 : i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %27 = linalg.generic {indexing_maps = [#map, #map1, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%7, %cst_3, %26 : tensor<64x128xi1>, tensor<i32>, tensor<64x128xi32>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i1, %in_11: i32, %in_12: i32, %out: i32):
      %47 = arith.select %in, %in_11, %in_12 : i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %28 = linalg.generic {indexing_maps = [#map, #map1, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%11, %cst_2, %27 : tensor<64x128xi1>, tensor<i32>, tensor<64x128xi32>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i1, %in_11: i32, %in_12: i32, %out: i32):
      %47 = arith.select %in, %in_11, %in_12 : i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %29 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%4 : tensor<64x128xi8>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i8, %out: i32):
      %47 = arith.extui %in : i8 to i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %30 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%29 : tensor<64x128xi32>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i32, %out: i32):
      %47 = arith.shli %in, %c28_i32 : i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %31 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%28, %30 : tensor<64x128xi32>, tensor<64x128xi32>) outs(%12 : tensor<64x128xi32>) {
    ^bb0(%in: i32, %in_11: i32, %out: i32):
      %47 = arith.ori %in, %in_11 : i32
      linalg.yield %47 : i32
    } -> tensor<64x128xi32>
    %32 = tensor.bitcast %31 : tensor<64x128xi32> to tensor<64x128xf32>
    %collapsed_5 = tensor.collapse_shape %32 [[0, 1]] : tensor<64x128xf32> into tensor<8192xf32>
    %expanded_6 = tensor.expand_shape %collapsed_5 [[0, 1]] output_shape [256, 32] : tensor<8192xf32> into tensor<256x32xf32>
    %33 = tensor.empty() : tensor<64x4xi16>
    %34 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x4xi8>) outs(%33 : tensor<64x4xi16>) {
    ^bb0(%in: i8, %out: i16):
      %47 = arith.extui %in : i8 to i16
      linalg.yield %47 : i16
    } -> tensor<64x4xi16>
    %35 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%34 : tensor<64x4xi16>) outs(%33 : tensor<64x4xi16>) {
    ^bb0(%in: i16, %out: i16):
      %47 = arith.subi %in, %c127_i16 : i16
      linalg.yield %47 : i16
    } -> tensor<64x4xi16>
    %36 = tensor.empty() : tensor<64x4xf32>
    %37 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%cst_1, %35 : tensor<64x4xf32>, tensor<64x4xi16>) outs(%36 : tensor<64x4xf32>) {
    ^bb0(%in: f32, %in_11: i16, %out: f32):
      %47 = arith.extf %in : f32 to f64
      %48 = arith.sitofp %in_11 : i16 to f64
      %49 = math.powf %47, %48 : f64
      %50 = arith.truncf %49 : f64 to f32
      linalg.yield %50 : f32
    } -> tensor<64x4xf32>
    %38 = tensor.empty() : tensor<64x4xi1>
    %39 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x4xi8>) outs(%38 : tensor<64x4xi1>) {
    ^bb0(%in: i8, %out: i1):
      %47 = arith.extsi %in : i8 to i64
      %48 = arith.cmpi ne, %47, %c255_i64 : i64
      linalg.yield %48 : i1
    } -> tensor<64x4xi1>
    %40 = linalg.generic {indexing_maps = [#map, #map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%39, %37, %cst_0 : tensor<64x4xi1>, tensor<64x4xf32>, tensor<f32>) outs(%36 : tensor<64x4xf32>) {
    ^bb0(%in: i1, %in_11: f32, %in_12: f32, %out: f32):
      %47 = arith.select %in, %in_11, %in_12 : f32
      linalg.yield %47 : f32
    } -> tensor<64x4xf32>
    %collapsed_7 = tensor.collapse_shape %40 [[0, 1]] : tensor<64x4xf32> into tensor<256xf32>
    %expanded_8 = tensor.expand_shape %collapsed_7 [[0, 1]] output_shape [256, 1] : tensor<256xf32> into tensor<256x1xf32>
    %41 = tensor.empty() : tensor<256x32xf32>
    %42 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_6, %expanded_8 : tensor<256x32xf32>, tensor<256x1xf32>) outs(%41 : tensor<256x32xf32>) {
    ^bb0(%in: f32, %in_11: f32, %out: f32):
      %47 = arith.mulf %in, %in_11 : f32
      linalg.yield %47 : f32
    } -> tensor<256x32xf32>
    %collapsed_9 = tensor.collapse_shape %42 [[0, 1]] : tensor<256x32xf32> into tensor<8192xf32>
    %expanded_10 = tensor.expand_shape %collapsed_9 [[0, 1]] output_shape [64, 128] : tensor<8192xf32> into tensor<64x128xf32>
    %43 = tensor.empty() : tensor<128x64xf32>
    %transposed = linalg.transpose ins(%expanded_10 : tensor<64x128xf32>) outs(%43 : tensor<128x64xf32>) permutation = [1, 0] 
    %44 = tensor.empty() : tensor<4x64xf32>
    %45 = linalg.fill ins(%cst : f32) outs(%44 : tensor<4x64xf32>) -> tensor<4x64xf32>
    %46 = linalg.matmul ins(%arg0, %transposed : tensor<4x128xf32>, tensor<128x64xf32>) outs(%45 : tensor<4x64xf32>) -> tensor<4x64xf32>
    return %46 : tensor<4x64xf32>
  }
}

