// Exported from JAX 0.10.2,
// lowered to linalg by torch-mlir 20261001.
// y = x times the transpose of a weight of MXFP4: @main(x, values, scales).
// RUN: mxfp4-opt %s --canonicalize --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s

// CHECK-LABEL: func.func {{.*}}@main
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         mxfp4.matmul

module @jit_u8_blocks {
  func.func public @main(%arg0: tensor<4x128xf32>, %arg1: tensor<64x4x16xi8>, %arg2: tensor<64x4xi8>) -> tensor<4x64xf32> {
    %c1 = arith.constant 1 : index
    %cst = arith.constant 0.000000e+00 : f32
    %c16_i16 = arith.constant 16 : i16
    %c0_i16 = arith.constant 0 : i16
    %c15 = arith.constant 15 : index
    %c0 = arith.constant 0 : index
    %c8_i8 = arith.constant 8 : i8
    %c0_i8 = arith.constant 0 : i8
    %cst_0 = arith.constant dense<15> : tensor<i8>
    %cst_1 = arith.constant dense<[0.000000e+00, 5.000000e-01, 1.000000e+00, 1.500000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 6.000000e+00, -0.000000e+00, -5.000000e-01, -1.000000e+00, -1.500000e+00, -2.000000e+00, -3.000000e+00, -4.000000e+00, -6.000000e+00]> : tensor<16xbf16>
    %cst_2 = arith.constant dense<4> : tensor<i8>
    %cst_3 = arith.constant dense<7> : tensor<i16>
    %0 = tensor.empty() : tensor<64x4x16xi8>
    %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> ()>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cst_0 : tensor<i8>) outs(%0 : tensor<64x4x16xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<64x4x16xi8>
    %2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1, %1 : tensor<64x4x16xi8>, tensor<64x4x16xi8>) outs(%0 : tensor<64x4x16xi8>) {
    ^bb0(%in: i8, %in_8: i8, %out: i8):
      %22 = arith.andi %in, %in_8 : i8
      linalg.yield %22 : i8
    } -> tensor<64x4x16xi8>
    %3 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> ()>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cst_2 : tensor<i8>) outs(%0 : tensor<64x4x16xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<64x4x16xi8>
    %4 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1, %3 : tensor<64x4x16xi8>, tensor<64x4x16xi8>) outs(%0 : tensor<64x4x16xi8>) {
    ^bb0(%in: i8, %in_8: i8, %out: i8):
      %22 = arith.shrui %in, %in_8 : i8
      %23 = arith.cmpi ult, %in_8, %c8_i8 : i8
      %24 = arith.select %23, %22, %c0_i8 : i8
      linalg.yield %24 : i8
    } -> tensor<64x4x16xi8>
    %expanded = tensor.expand_shape %2 [[0], [1], [2, 3]] output_shape [64, 4, 16, 1] : tensor<64x4x16xi8> into tensor<64x4x16x1xi8>
    %expanded_4 = tensor.expand_shape %4 [[0], [1], [2, 3]] output_shape [64, 4, 16, 1] : tensor<64x4x16xi8> into tensor<64x4x16x1xi8>
    %5 = tensor.empty() : tensor<64x4x16x2xi8>
    %6 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%5 : tensor<64x4x16x2xi8>) {
    ^bb0(%out: i8):
      %22 = linalg.index 0 : index
      %23 = linalg.index 1 : index
      %24 = linalg.index 2 : index
      %25 = linalg.index 3 : index
      %26 = arith.cmpi ult, %25, %c1 : index
      %27 = scf.if %26 -> (i8) {
        %extracted = tensor.extract %expanded[%22, %23, %24, %25] : tensor<64x4x16x1xi8>
        scf.yield %extracted : i8
      } else {
        %28 = arith.subi %25, %c1 : index
        %extracted = tensor.extract %expanded_4[%22, %23, %24, %28] : tensor<64x4x16x1xi8>
        scf.yield %extracted : i8
      }
      linalg.yield %27 : i8
    } -> tensor<64x4x16x2xi8>
    %collapsed = tensor.collapse_shape %6 [[0, 1, 2, 3]] : tensor<64x4x16x2xi8> into tensor<8192xi8>
    %expanded_5 = tensor.expand_shape %collapsed [[0, 1, 2, 3]] output_shape [64, 4, 32, 1] : tensor<8192xi8> into tensor<64x4x32x1xi8>
    %7 = tensor.empty() : tensor<64x4x32xbf16>
    %8 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} outs(%7 : tensor<64x4x32xbf16>) {
    ^bb0(%out: bf16):
      %22 = linalg.index 0 : index
      %23 = linalg.index 1 : index
      %24 = linalg.index 2 : index
      %extracted = tensor.extract %expanded_5[%22, %23, %24, %c0] : tensor<64x4x32x1xi8>
      %25 = arith.index_castui %extracted : i8 to index
      %26 = arith.maxsi %25, %c0 : index
      %27 = arith.minsi %26, %c15 : index
      %extracted_8 = tensor.extract %cst_1[%27] : tensor<16xbf16>
      linalg.yield %extracted_8 : bf16
    } -> tensor<64x4x32xbf16>
    %9 = tensor.empty() : tensor<64x4xi16>
    %10 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x4xi8>) outs(%9 : tensor<64x4xi16>) {
    ^bb0(%in: i8, %out: i16):
      %22 = arith.extui %in : i8 to i16
      linalg.yield %22 : i16
    } -> tensor<64x4xi16>
    %11 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> ()>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%cst_3 : tensor<i16>) outs(%9 : tensor<64x4xi16>) {
    ^bb0(%in: i16, %out: i16):
      linalg.yield %in : i16
    } -> tensor<64x4xi16>
    %12 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%10, %11 : tensor<64x4xi16>, tensor<64x4xi16>) outs(%9 : tensor<64x4xi16>) {
    ^bb0(%in: i16, %in_8: i16, %out: i16):
      %22 = arith.shli %in, %in_8 : i16
      %23 = arith.cmpi ult, %in_8, %c16_i16 : i16
      %24 = arith.select %23, %22, %c0_i16 : i16
      linalg.yield %24 : i16
    } -> tensor<64x4xi16>
    %13 = tensor.empty() : tensor<64x4xbf16>
    %14 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%12 : tensor<64x4xi16>) outs(%13 : tensor<64x4xbf16>) {
    ^bb0(%in: i16, %out: bf16):
      %22 = arith.bitcast %in : i16 to bf16
      linalg.yield %22 : bf16
    } -> tensor<64x4xbf16>
    %expanded_6 = tensor.expand_shape %14 [[0], [1, 2]] output_shape [64, 4, 1] : tensor<64x4xbf16> into tensor<64x4x1xbf16>
    %15 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, 0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_6 : tensor<64x4x1xbf16>) outs(%7 : tensor<64x4x32xbf16>) {
    ^bb0(%in: bf16, %out: bf16):
      linalg.yield %in : bf16
    } -> tensor<64x4x32xbf16>
    %16 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%8, %15 : tensor<64x4x32xbf16>, tensor<64x4x32xbf16>) outs(%7 : tensor<64x4x32xbf16>) {
    ^bb0(%in: bf16, %in_8: bf16, %out: bf16):
      %22 = arith.mulf %in, %in_8 : bf16
      linalg.yield %22 : bf16
    } -> tensor<64x4x32xbf16>
    %collapsed_7 = tensor.collapse_shape %16 [[0], [1, 2]] : tensor<64x4x32xbf16> into tensor<64x128xbf16>
    %17 = tensor.empty() : tensor<4x128xbf16>
    %18 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg0 : tensor<4x128xf32>) outs(%17 : tensor<4x128xbf16>) {
    ^bb0(%in: f32, %out: bf16):
      %22 = arith.truncf %in : f32 to bf16
      linalg.yield %22 : bf16
    } -> tensor<4x128xbf16>
    %19 = tensor.empty() : tensor<4x64xf32>
    %20 = linalg.fill ins(%cst : f32) outs(%19 : tensor<4x64xf32>) -> tensor<4x64xf32>
    %21 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%18, %collapsed_7 : tensor<4x128xbf16>, tensor<64x128xbf16>) outs(%20 : tensor<4x64xf32>) {
    ^bb0(%in: bf16, %in_8: bf16, %out: f32):
      %22 = arith.extf %in : bf16 to f32
      %23 = arith.extf %in_8 : bf16 to f32
      %24 = arith.mulf %22, %23 : f32
      %25 = arith.addf %out, %24 : f32
      linalg.yield %25 : f32
    } -> tensor<4x64xf32>
    return %21 : tensor<4x64xf32>
  }
}
