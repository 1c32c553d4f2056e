// RUN: mxfp4-opt %s --convert-mxfp4-to-tosa | FileCheck %s

// CHECK-LABEL: func.func @dequantize
// CHECK:         tosa.cast_from_block_scaled %{{.+}}, %{{.+}} {block_size = BLOCK_SIZE_32} : (tensor<8x64xf6E2M3FN>, tensor<8x2xf8E8M0FNU>) -> tensor<8x64xf32>
func.func @dequantize(%values: tensor<8x64xf6E2M3FN>, %scales: tensor<8x2xf8E8M0FNU>)
    -> tensor<8x64xf32> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<8x64xf6E2M3FN>, tensor<8x2xf8E8M0FNU> -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

/// TOSA expands to f32 and bf16.
// CHECK-LABEL: func.func @dequantize_to_f16
// CHECK:         mxfp4.dequantize
func.func @dequantize_to_f16(%values: tensor<8x64xf4E2M1FN>, %scales: tensor<8x2xf8E8M0FNU>)
    -> tensor<8x64xf16> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<8x64xf4E2M1FN>, tensor<8x2xf8E8M0FNU> -> tensor<8x64xf16>
  return %0 : tensor<8x64xf16>
}

// CHECK-LABEL: func.func @both_sides_are_blocks
// CHECK-NOT:     cast_from_block_scaled
// CHECK:         %[[Y:.+]] = tosa.matmul_t_block_scaled {{.*}} (tensor<1x?x64xf4E2M1FN>, tensor<1x?x2xf8E8M0FNU>, tensor<1x12x64xf4E2M1FN>, tensor<1x12x2xf8E8M0FNU>) -> tensor<1x?x12xf32>
// CHECK:         tensor.collapse_shape %[[Y]] {{.*}} into tensor<?x12xf32>
func.func @both_sides_are_blocks(%x: tensor<?x64xf4E2M1FN>, %xs: tensor<?x2xf8E8M0FNU>,
    %w: tensor<12x64xf4E2M1FN>, %ws: tensor<12x2xf8E8M0FNU>, %init: tensor<?x12xf32>)
    -> tensor<?x12xf32> {
  %input = mxfp4.dequantize %x, %xs
      : tensor<?x64xf4E2M1FN>, tensor<?x2xf8E8M0FNU> -> tensor<?x64xf32>
  %0 = mxfp4.matmul ins(%input, %w, %ws : tensor<?x64xf32>, tensor<12x64xf4E2M1FN>,
                        tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @input_is_dense
// CHECK:         mxfp4.matmul
func.func @input_is_dense(%x: tensor<?x64xf32>, %w: tensor<12x64xf4E2M1FN>,
    %ws: tensor<12x2xf8E8M0FNU>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = mxfp4.matmul ins(%x, %w, %ws : tensor<?x64xf32>, tensor<12x64xf4E2M1FN>,
                        tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}
