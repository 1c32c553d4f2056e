// Exported from PyTorch 2.15.0 with convert_moe_packed_tensors of transformers 5.23.0,
// lowered to linalg by torch-mlir 20261001.
// y = x times the transpose of a weight of MXFP4: @main(x, values, scales).
// RUN: mxfp4-opt %s --canonicalize --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s

// CHECK-LABEL: func.func {{.*}}@main
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     linalg.batch_matmul

#map = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map1 = affine_map<(d0, d1) -> (d0, d1)>
#map2 = affine_map<(d0, d1) -> (d0, 0)>
module {
  func.func @main(%arg0: tensor<2x4x128xbf16>, %arg1: tensor<2x64x4x16xi8>, %arg2: tensor<2x64x4xi8>) -> tensor<2x4x64xbf16> {
    %c0_i64 = arith.constant 0 : i64
    %c16_i64 = arith.constant 16 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense_resource<torch_tensor_16_torch.bfloat16> : tensor<16xbf16>
    %c127_i32 = arith.constant 127 : i32
    %c15_i8 = arith.constant 15 : i8
    %c4_i8 = arith.constant 4 : i8
    %cst_1 = arith.constant 2.000000e+00 : bf16
    %0 = tensor.empty() : tensor<2x64x4xi32>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg2 : tensor<2x64x4xi8>) outs(%0 : tensor<2x64x4xi32>) {
    ^bb0(%in: i8, %out: i32):
      %26 = arith.extui %in : i8 to i32
      linalg.yield %26 : i32
    } -> tensor<2x64x4xi32>
    %2 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1 : tensor<2x64x4xi32>) outs(%0 : tensor<2x64x4xi32>) {
    ^bb0(%in: i32, %out: i32):
      %26 = arith.subi %in, %c127_i32 : i32
      linalg.yield %26 : i32
    } -> tensor<2x64x4xi32>
    %collapsed = tensor.collapse_shape %arg1 [[0, 1, 2], [3]] : tensor<2x64x4x16xi8> into tensor<512x16xi8>
    %collapsed_2 = tensor.collapse_shape %2 [[0, 1, 2]] : tensor<2x64x4xi32> into tensor<512xi32>
    %expanded = tensor.expand_shape %collapsed_2 [[0, 1]] output_shape [512, 1] : tensor<512xi32> into tensor<512x1xi32>
    %3 = tensor.empty() : tensor<512x32xbf16>
    %4 = tensor.empty() : tensor<512x16xi8>
    %5 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%collapsed : tensor<512x16xi8>) outs(%4 : tensor<512x16xi8>) {
    ^bb0(%in: i8, %out: i8):
      %26 = arith.andi %in, %c15_i8 : i8
      linalg.yield %26 : i8
    } -> tensor<512x16xi8>
    %6 = tensor.empty() : tensor<512x16xi32>
    %7 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%5 : tensor<512x16xi8>) outs(%6 : tensor<512x16xi32>) {
    ^bb0(%in: i8, %out: i32):
      %26 = arith.extui %in : i8 to i32
      linalg.yield %26 : i32
    } -> tensor<512x16xi32>
    %8 = tensor.empty() : tensor<512x16xi64>
    %9 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%7 : tensor<512x16xi32>) outs(%8 : tensor<512x16xi64>) {
    ^bb0(%in: i32, %out: i64):
      %26 = arith.extsi %in : i32 to i64
      linalg.yield %26 : i64
    } -> tensor<512x16xi64>
    %10 = tensor.empty() : tensor<512x16xbf16>
    %11 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%9 : tensor<512x16xi64>) outs(%10 : tensor<512x16xbf16>) {
    ^bb0(%in: i64, %out: bf16):
      %26 = arith.cmpi slt, %in, %c0_i64 : i64
      %27 = arith.addi %in, %c16_i64 : i64
      %28 = arith.select %26, %27, %in : i64
      %29 = arith.index_cast %28 : i64 to index
      %extracted = tensor.extract %cst_0[%29] : tensor<16xbf16>
      linalg.yield %extracted : bf16
    } -> tensor<512x16xbf16>
    %inserted_slice = tensor.insert_slice %11 into %3[0, 0] [512, 16] [1, 2] : tensor<512x16xbf16> into tensor<512x32xbf16>
    %12 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%collapsed : tensor<512x16xi8>) outs(%4 : tensor<512x16xi8>) {
    ^bb0(%in: i8, %out: i8):
      %26 = arith.shrui %in, %c4_i8 : i8
      linalg.yield %26 : i8
    } -> tensor<512x16xi8>
    %13 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%12 : tensor<512x16xi8>) outs(%6 : tensor<512x16xi32>) {
    ^bb0(%in: i8, %out: i32):
      %26 = arith.extui %in : i8 to i32
      linalg.yield %26 : i32
    } -> tensor<512x16xi32>
    %14 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%13 : tensor<512x16xi32>) outs(%8 : tensor<512x16xi64>) {
    ^bb0(%in: i32, %out: i64):
      %26 = arith.extsi %in : i32 to i64
      linalg.yield %26 : i64
    } -> tensor<512x16xi64>
    %15 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%14 : tensor<512x16xi64>) outs(%10 : tensor<512x16xbf16>) {
    ^bb0(%in: i64, %out: bf16):
      %26 = arith.cmpi slt, %in, %c0_i64 : i64
      %27 = arith.addi %in, %c16_i64 : i64
      %28 = arith.select %26, %27, %in : i64
      %29 = arith.index_cast %28 : i64 to index
      %extracted = tensor.extract %cst_0[%29] : tensor<16xbf16>
      linalg.yield %extracted : bf16
    } -> tensor<512x16xbf16>
    %inserted_slice_3 = tensor.insert_slice %15 into %inserted_slice[0, 1] [512, 16] [1, 2] : tensor<512x16xbf16> into tensor<512x32xbf16>
    %16 = tensor.empty() : tensor<512x1xbf16>
    %17 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%expanded : tensor<512x1xi32>) outs(%16 : tensor<512x1xbf16>) {
    ^bb0(%in: i32, %out: bf16):
      %26 = arith.sitofp %in : i32 to bf16
      linalg.yield %26 : bf16
    } -> tensor<512x1xbf16>
    %18 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%17 : tensor<512x1xbf16>) outs(%16 : tensor<512x1xbf16>) {
    ^bb0(%in: bf16, %out: bf16):
      %26 = math.powf %cst_1, %in : bf16
      linalg.yield %26 : bf16
    } -> tensor<512x1xbf16>
    %19 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel"]} ins(%inserted_slice_3, %18 : tensor<512x32xbf16>, tensor<512x1xbf16>) outs(%3 : tensor<512x32xbf16>) {
    ^bb0(%in: bf16, %in_6: bf16, %out: bf16):
      %26 = arith.mulf %in, %in_6 : bf16
      linalg.yield %26 : bf16
    } -> tensor<512x32xbf16>
    %expanded_4 = tensor.expand_shape %19 [[0, 1, 2], [3]] output_shape [2, 64, 4, 32] : tensor<512x32xbf16> into tensor<2x64x4x32xbf16>
    %collapsed_5 = tensor.collapse_shape %expanded_4 [[0], [1], [2, 3]] : tensor<2x64x4x32xbf16> into tensor<2x64x128xbf16>
    %20 = tensor.empty() : tensor<2x128x64xbf16>
    %transposed = linalg.transpose ins(%collapsed_5 : tensor<2x64x128xbf16>) outs(%20 : tensor<2x128x64xbf16>) permutation = [0, 2, 1] 
    %21 = tensor.empty() : tensor<2x4x64xf32>
    %22 = linalg.fill ins(%cst : f32) outs(%21 : tensor<2x4x64xf32>) -> tensor<2x4x64xf32>
    %23 = linalg.batch_matmul ins(%arg0, %transposed : tensor<2x4x128xbf16>, tensor<2x128x64xbf16>) outs(%22 : tensor<2x4x64xf32>) -> tensor<2x4x64xf32>
    %24 = tensor.empty() : tensor<2x4x64xbf16>
    %25 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%23 : tensor<2x4x64xf32>) outs(%24 : tensor<2x4x64xbf16>) {
    ^bb0(%in: f32, %out: bf16):
      %26 = arith.truncf %in : f32 to bf16
      linalg.yield %26 : bf16
    } -> tensor<2x4x64xbf16>
    return %25 : tensor<2x4x64xbf16>
  }
}

{-#
  dialect_resources: {
    builtin: {
      torch_tensor_16_torch.bfloat16: "0x020000000000003F803FC03F004040408040C040008000BF80BFC0BF00C040C080C0C0C0"
    }
  }
#-}
