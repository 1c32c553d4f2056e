// RUN: mxfp4-opt %s --mxfp4-raise-to-mxfp4 --canonicalize | FileCheck %s
// RUN: mxfp4-opt %s --mxfp4-raise-to-mxfp4 --canonicalize --mxfp4-fuse | FileCheck %s --check-prefix=FUSED

// CHECK-LABEL: func.func @cast
// CHECK-SAME:    %[[VALUES:[^:]+]]: tensor<64x128xf8E5M2>, %[[SCALES:[^:]+]]: tensor<64x4xf8E8M0FNU>
// CHECK:         mxfp4.dequantize %[[VALUES]], %[[SCALES]] : tensor<64x128xf8E5M2>, tensor<64x4xf8E8M0FNU> -> tensor<64x128xbf16>
func.func @cast(%values: tensor<64x128xf8E5M2>, %scales: tensor<64x4xf8E8M0FNU>)
    -> tensor<64x128xbf16> {
  %w = tosa.cast_from_block_scaled %values, %scales {block_size = BLOCK_SIZE_32}
      : (tensor<64x128xf8E5M2>, tensor<64x4xf8E8M0FNU>) -> tensor<64x128xbf16>
  return %w : tensor<64x128xbf16>
}

/// One weight for all batches.
// CHECK-LABEL: func.func @matmul_of_one_weight
// CHECK-SAME:    %[[A:[^:]+]]: tensor<2x?x128xf4E2M1FN>, %[[AS:[^:]+]]: tensor<2x?x4xf8E8M0FNU>
// CHECK:         %[[X:.+]] = mxfp4.dequantize %[[A]], %[[AS]]
// CHECK:         %[[W:.+]] = mxfp4.dequantize %{{.+}} -> tensor<64x128xf32>
// CHECK:         %[[ROWS:.+]] = tensor.collapse_shape %[[X]] {{.*}} into tensor<?x128xf32>
// CHECK:         %[[Y:.+]] = linalg.matmul {{.*}} ins(%[[ROWS]], %[[W]]
// CHECK:         tensor.expand_shape %[[Y]] {{.*}} into tensor<2x?x64xf32>
// FUSED-LABEL: func.func @matmul_of_one_weight
// FUSED:         mxfp4.matmul ins(%{{.+}} : tensor<?x128xf32>, tensor<64x128xf4E2M1FN>, tensor<64x4xf8E8M0FNU>)
func.func @matmul_of_one_weight(%a: tensor<2x?x128xf4E2M1FN>,
    %as: tensor<2x?x4xf8E8M0FNU>, %b: tensor<1x64x128xf4E2M1FN>,
    %bs: tensor<1x64x4xf8E8M0FNU>) -> tensor<2x?x64xf32> {
  %y = tosa.matmul_t_block_scaled %a, %as, %b, %bs {block_size = BLOCK_SIZE_32}
      : (tensor<2x?x128xf4E2M1FN>, tensor<2x?x4xf8E8M0FNU>,
         tensor<1x64x128xf4E2M1FN>, tensor<1x64x4xf8E8M0FNU>) -> tensor<2x?x64xf32>
  return %y : tensor<2x?x64xf32>
}

// CHECK-LABEL: func.func @matmul_of_many_weights
// CHECK-COUNT-2: mxfp4.dequantize
// CHECK:         linalg.batch_matmul
func.func @matmul_of_many_weights(%a: tensor<2x4x128xf8E4M3FN>,
    %as: tensor<2x4x4xf8E8M0FNU>, %b: tensor<2x64x128xf8E4M3FN>,
    %bs: tensor<2x64x4xf8E8M0FNU>) -> tensor<2x4x64xf32> {
  %y = tosa.matmul_t_block_scaled %a, %as, %b, %bs {block_size = BLOCK_SIZE_32}
      : (tensor<2x4x128xf8E4M3FN>, tensor<2x4x4xf8E8M0FNU>,
         tensor<2x64x128xf8E4M3FN>, tensor<2x64x4xf8E8M0FNU>) -> tensor<2x4x64xf32>
  return %y : tensor<2x4x64xf32>
}

/// It does not say how it chooses scales.
// CHECK-LABEL: func.func @cast_to
// CHECK:         tosa.cast_to_block_scaled
func.func @cast_to(%x: tensor<4x128xf32>)
    -> (tensor<4x128xf4E2M1FN>, tensor<4x4xf8E8M0FNU>) {
  %values, %scales = tosa.cast_to_block_scaled %x {block_size = BLOCK_SIZE_32}
      : (tensor<4x128xf32>) -> (tensor<4x128xf4E2M1FN>, tensor<4x4xf8E8M0FNU>)
  return %values, %scales : tensor<4x128xf4E2M1FN>, tensor<4x4xf8E8M0FNU>
}

/// The last dimension must be known.
// CHECK-LABEL: func.func @cast_of_unknown_columns
// CHECK:         tosa.cast_from_block_scaled
func.func @cast_of_unknown_columns(%values: tensor<64x?xf4E2M1FN>,
    %scales: tensor<64x?xf8E8M0FNU>) -> tensor<64x?xf32> {
  %w = tosa.cast_from_block_scaled %values, %scales {block_size = BLOCK_SIZE_32}
      : (tensor<64x?xf4E2M1FN>, tensor<64x?xf8E8M0FNU>) -> tensor<64x?xf32>
  return %w : tensor<64x?xf32>
}
