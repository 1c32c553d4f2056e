// RUN: mxfp4-opt %s --split-input-file --verify-diagnostics

/// F1: a block is 32 elements.
func.func @dequantize_block_of_sixteen(%values: tensor<4x16xf4E2M1FN>,
    %scales: tensor<4x1xf8E8M0FNU>) {
  // expected-error @below {{expected the last dimension of 'values' to be 32 (32 elements per scale), but got 16}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x16xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<4x16xbf16>
  return
}

// -----

/// F2: a byte holds two.
func.func @dequantize_bytes_of_half_a_block(%values: tensor<4x8xi8>,
    %scales: tensor<4x1xf8E8M0FNU>) {
  // expected-error @below {{expected the last dimension of 'values' to be 32 (32 elements per scale), but got 16}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x8xi8>, tensor<4x1xf8E8M0FNU> -> tensor<4x16xbf16>
  return
}

// -----

func.func @dequantize_rows_without_scales(%values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<3x1xf8E8M0FNU>) {
  // expected-error @below {{expected one row of scales per row}}
  // expected-note @below {{'values' is 'tensor<4x32xf4E2M1FN>', 'scales' is 'tensor<3x1xf8E8M0FNU>'}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<3x1xf8E8M0FNU> -> tensor<4x32xbf16>
  return
}

// -----

func.func @dequantize_scales_of_another_rank(%values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<4xf8E8M0FNU>) {
  // expected-error @below {{expected one row of scales per row}}
  // expected-note @below {{'values' is}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4xf8E8M0FNU> -> tensor<4x32xbf16>
  return
}

// -----

func.func @dequantize_a_scalar(%values: tensor<f4E2M1FN>,
    %scales: tensor<f8E8M0FNU>) {
  // expected-error @below {{expected one row of scales per row}}
  // expected-note @below {{'values' is}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<f4E2M1FN>, tensor<f8E8M0FNU> -> tensor<bf16>
  return
}

// -----

func.func @dequantize_unknown_number_of_blocks(%values: tensor<4x?xf4E2M1FN>,
    %scales: tensor<4x?xf8E8M0FNU>) {
  // expected-error @below {{expected a static last dimension of 'values' and 'scales'}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x?xf4E2M1FN>, tensor<4x?xf8E8M0FNU> -> tensor<4x?xbf16>
  return
}

// -----

func.func @dequantize_to_another_shape(%values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<4x1xf8E8M0FNU>) {
  // expected-error @below {{expected 'result' to have the shape 4x32 that follows from 'values', but got 'tensor<4x64xbf16>'}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<4x64xbf16>
  return
}

// -----

func.func @dequantize_bytes_to_half_a_row(%values: tensor<?x16xi8>,
    %scales: tensor<?x1xf8E8M0FNU>) {
  // expected-error @below {{expected 'result' to have the shape ?x32 that follows from 'values', but got 'tensor<?x16xbf16>'}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<?x16xi8>, tensor<?x1xf8E8M0FNU> -> tensor<?x16xbf16>
  return
}

// -----

func.func @dequantize_scales_of_another_type(%values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<4x1xf8E4M3FN>) {
  // expected-error @below {{operand #1 must be ranked tensor of f8E8M0FNU type values, but got 'tensor<4x1xf8E4M3FN>'}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E4M3FN> -> tensor<4x32xbf16>
  return
}

// -----

func.func @dequantize_to_f64(%values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<4x1xf8E8M0FNU>) {
  // expected-error @below {{result #0 must be ranked tensor of 16-bit float or bfloat16 type or 32-bit float values, but got 'tensor<4x32xf64>'}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<4x32xf64>
  return
}

// -----

func.func @quantize_a_block_and_a_half(%input: tensor<4x48xf32>) {
  // expected-error @below {{expected the last dimension of 'values' to be 32 (32 elements per scale), but got 48}}
  %0, %1 = mxfp4.quantize %input
      : tensor<4x48xf32> -> tensor<4x48xf4E2M1FN>, tensor<4x1xf8E8M0FNU>
  return
}

// -----

func.func @quantize_to_half_of_the_input(%input: tensor<4x64xf32>) {
  // expected-error @below {{expected 'input' to have the shape 4x32 that follows from 'values', but got 'tensor<4x64xf32>'}}
  %0, %1 = mxfp4.quantize %input
      : tensor<4x64xf32> -> tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU>
  return
}

// -----

func.func @pack_changes_the_element_type(%weight: tensor<4x8xf32>,
    %init: tensor<4x8xbf16, #mxfp4.layout<lanes = 4, depth = 1>>) {
  // expected-error @below {{expected the element type of 'source', 'f32', but got 'bf16'}}
  %0 = mxfp4.pack ins(%weight : tensor<4x8xf32>)
      outs(%init : tensor<4x8xbf16, #mxfp4.layout<lanes = 4, depth = 1>>) -> tensor<4x8xbf16, #mxfp4.layout<lanes = 4, depth = 1>>
  return
}

// -----

func.func @pack_of_a_vector(%weight: tensor<8xf32>, %init: tensor<2x1x4xf32>) {
  // expected-error @below {{expected a source [..., rows, columns] of static shape, but got 'tensor<8xf32>'}}
  %0 = mxfp4.pack ins(%weight : tensor<8xf32>)
      outs(%init : tensor<2x1x4xf32>) {layout = #mxfp4.layout<lanes = 4, depth = 1>} -> tensor<2x1x4xf32>
  return
}

// -----

func.func @pack_of_unknown_rows(%weight: tensor<?x8xf32>,
    %init: tensor<2x8x4xf32>) {
  // expected-error @below {{expected a source [..., rows, columns] of static shape, but got 'tensor<?x8xf32>'}}
  %0 = mxfp4.pack ins(%weight : tensor<?x8xf32>)
      outs(%init : tensor<2x8x4xf32>) {layout = #mxfp4.layout<lanes = 4, depth = 1>} -> tensor<2x8x4xf32>
  return
}

// -----

func.func @pack_of_what_is_packed(
    %weight: tensor<4x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>,
    %init: tensor<4x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>) {
  // expected-error @below {{expected a source without a layout and an 'init' of static shape, but got}}
  %0 = mxfp4.pack ins(%weight : tensor<4x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>)
      outs(%init : tensor<4x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>) -> tensor<4x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>
  return
}

// -----

func.func @pack_to_an_unknown_shape(%weight: memref<4x8xf32>,
    %init: memref<?x8x4xf32>) {
  // expected-error @below {{expected a source without a layout and an 'init' of static shape, but got 'memref<4x8xf32>' and 'memref<?x8x4xf32>'}}
  mxfp4.pack ins(%weight : memref<4x8xf32>)
      outs(%init : memref<?x8x4xf32>) {layout = #mxfp4.layout<lanes = 4, depth = 1>}
  return
}

// -----

func.func @pack_without_a_layout(%weight: tensor<4x8xf32>,
    %init: tensor<1x8x4xf32>) {
  // expected-error @below {{expected a layout either as the encoding of 'init' or as the attribute 'layout'}}
  %0 = mxfp4.pack ins(%weight : tensor<4x8xf32>)
      outs(%init : tensor<1x8x4xf32>) -> tensor<1x8x4xf32>
  return
}

// -----

func.func @pack_with_two_layouts(%weight: tensor<4x8xf32>,
    %init: tensor<4x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>) {
  // expected-error @below {{expected a layout either as the encoding of 'init' or as the attribute 'layout'}}
  %0 = mxfp4.pack ins(%weight : tensor<4x8xf32>)
      outs(%init : tensor<4x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>) {layout = #mxfp4.layout<lanes = 4, depth = 1>} -> tensor<4x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>
  return
}

// -----

func.func @pack_of_columns_that_do_not_fill_lanes(
    %weight: tensor<4x12xf4E2M1FN>, %init: tensor<1x1x32xf4E2M1FN>) {
  // expected-error @below {{expected a multiple of the depth 8 columns, but got 12}}
  %0 = mxfp4.pack ins(%weight : tensor<4x12xf4E2M1FN>)
      outs(%init : tensor<1x1x32xf4E2M1FN>) {layout = #mxfp4.layout<lanes = 4, depth = 8>} -> tensor<1x1x32xf4E2M1FN>
  return
}

// -----

func.func @pack_of_pairs_of_odd_rows(%weight: tensor<5x8xf32>,
    %init: tensor<2x8x4xf32>) {
  // expected-error @below {{expected an even number of rows to pair, but got 5}}
  %0 = mxfp4.pack ins(%weight : tensor<5x8xf32>)
      outs(%init : tensor<2x8x4xf32>) {layout = #mxfp4.layout<lanes = 4, depth = 1, paired = true>} -> tensor<2x8x4xf32>
  return
}

// -----

func.func @pack_to_too_few_groups(%weight: tensor<5x8xf32>,
    %init: tensor<1x8x4xf32>) {
  // expected-error @below {{expected 'init' to have the shape 2x8x4 that follows from 'source and layout', but got 'tensor<1x8x4xf32>'}}
  %0 = mxfp4.pack ins(%weight : tensor<5x8xf32>)
      outs(%init : tensor<1x8x4xf32>) {layout = #mxfp4.layout<lanes = 4, depth = 1>} -> tensor<1x8x4xf32>
  return
}

// -----

func.func @pack_of_bytes_to_elements(%weight: tensor<4x8xi8>,
    %init: tensor<1x2x32xi8>) {
  // expected-error @below {{expected 'init' to have the shape 1x2x16 that follows from 'source and layout', but got 'tensor<1x2x32xi8>'}}
  %0 = mxfp4.pack ins(%weight : tensor<4x8xi8>)
      outs(%init : tensor<1x2x32xi8>) {layout = #mxfp4.layout<lanes = 4, depth = 8>} -> tensor<1x2x32xi8>
  return
}

// -----

func.func @pack_to_another_shape_of_this_encoding(%weight: tensor<4x8xf32>,
    %init: tensor<8x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>) {
  // expected-error @below {{expected 'init' to have the shape 4x8 that follows from 'source and layout', but got}}
  %0 = mxfp4.pack ins(%weight : tensor<4x8xf32>)
      outs(%init : tensor<8x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>) -> tensor<8x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>
  return
}

// -----

func.func @matmul_of_rank_three(%x: tensor<1x4x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'input' [T, K] and 'init' [T, N], but got 'tensor<1x4x64xf32>' and 'tensor<4x12xf32>'}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<1x4x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @matmul_of_unknown_columns(%x: tensor<4x?xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<4x12xf32>) {
  // expected-error @below {{expected static K and N}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x?xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @matmul_of_unknown_rows(%x: tensor<4x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<4x?xf32>) {
  // expected-error @below {{expected static K and N}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<4x?xf32>) -> tensor<4x?xf32>
  return
}

// -----

func.func @matmul_of_other_columns(%x: tensor<4x32xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'values' of shape 12, 32 in elements, but got 'tensor<12x64xf4E2M1FN>'}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x32xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @matmul_of_other_rows(%x: tensor<4x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<4x13xf32>) {
  // expected-error @below {{expected 'values' of shape 13, 64 in elements, but got 'tensor<12x64xf4E2M1FN>'}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<4x13xf32>) -> tensor<4x13xf32>
  return
}

// -----

func.func @matmul_with_scales_of_other_blocks(%x: tensor<4x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x3xf8E8M0FNU>,
    %init: tensor<4x12xf32>) {
  // expected-error @below {{expected the last dimension of 'values' to be 96 (32 elements per scale), but got 64}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x3xf8E8M0FNU>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @matmul_of_other_tokens(%x: tensor<4x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<5x12xf32>) {
  // expected-error @below {{expected 'init' to have the shape 4x12 that follows from 'input', but got 'tensor<5x12xf32>'}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<5x12xf32>) -> tensor<5x12xf32>
  return
}

// -----

func.func @matmul_with_bias_of_columns(%x: tensor<4x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %bias: tensor<64xbf16>, %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'bias' to have the shape 12 that follows from 'init', but got 'tensor<64xbf16>'}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      bias(%bias : tensor<64xbf16>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @matmul_with_residual_of_one_token(%x: tensor<4x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %residual: tensor<1x12xf32>, %init: tensor<4x12xf32>) {
  // expected-error @below {{expected 'residual' to have the shape 4x12 that follows from 'init', but got 'tensor<1x12xf32>'}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      residual(%residual : tensor<1x12xf32>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @matmul_of_values_with_too_few_groups(%x: memref<4x64xf32>,
    %values: memref<1x8x32xi8>, %scales: memref<2x2x8xf8E8M0FNU>,
    %init: memref<4x12xf32>) {
  // expected-error @below {{expected 'values' arranged by #mxfp4.layout<lanes = 8, depth = 8> to have 3 dimensions of 2, 8, 64 elements, but got 'memref<1x8x32xi8>'}}
  mxfp4.matmul
      ins(%x, %values, %scales : memref<4x64xf32>, memref<1x8x32xi8>,
          memref<2x2x8xf8E8M0FNU>)
      outs(%init : memref<4x12xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

func.func @matmul_of_scales_with_too_few_groups(%x: memref<4x64xf32>,
    %values: memref<2x8x32xi8>, %scales: memref<1x2x8xf8E8M0FNU>,
    %init: memref<4x12xf32>) {
  // expected-error @below {{expected 'scales' arranged by #mxfp4.layout<lanes = 8, depth = 1> to have 3 dimensions of 2, 2, 8 elements, but got 'memref<1x2x8xf8E8M0FNU>'}}
  mxfp4.matmul
      ins(%x, %values, %scales : memref<4x64xf32>, memref<2x8x32xi8>,
          memref<1x2x8xf8E8M0FNU>)
      outs(%init : memref<4x12xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

func.func @matmul_of_a_weight_of_unknown_shape(%x: memref<4x64xf32>,
    %values: memref<?x8x32xi8>, %scales: memref<2x2x8xf8E8M0FNU>,
    %init: memref<4x12xf32>) {
  // expected-error @below {{to have 3 dimensions of 2, 8, 64 elements, but got 'memref<?x8x32xi8>'}}
  mxfp4.matmul
      ins(%x, %values, %scales : memref<4x64xf32>, memref<?x8x32xi8>,
          memref<2x2x8xf8E8M0FNU>)
      outs(%init : memref<4x12xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

func.func @matmul_of_part_of_a_block(%x: memref<4x40xf32>,
    %values: memref<2x5x32xi8>, %scales: memref<2x1x8xf8E8M0FNU>,
    %init: memref<4x12xf32>) {
  // expected-error @below {{expected whole blocks of 32 columns, but got 40}}
  mxfp4.matmul
      ins(%x, %values, %scales : memref<4x40xf32>, memref<2x5x32xi8>,
          memref<2x1x8xf8E8M0FNU>)
      outs(%init : memref<4x12xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

func.func @matmul_of_tensors_and_memrefs(%x: tensor<4x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: memref<4x12xf32>) {
  // expected-error @below {{failed to verify that its shaped operands are all tensors or all memrefs}}
  mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : memref<4x12xf32>)
  return
}

// -----

func.func @matmul_of_a_memref_to_a_tensor(%x: memref<4x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<4x12xf32>) {
  // expected-error @below {{failed to verify that its shaped operands are all tensors or all memrefs}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : memref<4x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @matmul_without_a_result(%x: tensor<4x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<4x12xf32>) {
  // expected-error @below {{expected the number of tensor results (0) to be equal to the number of output tensors (1)}}
  mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<4x12xf32>)
  return
}

// -----

func.func @matmul_with_a_result_of_another_type(%x: tensor<4x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<4x12xf32>) {
  // expected-error @below {{expected type of operand #3 ('tensor<4x12xf32>') to match type of corresponding result ('tensor<4x12xbf16>')}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xbf16>
  return
}

// -----

func.func @matmul_of_f64(%x: tensor<4x64xf64>, %values: tensor<12x64xf4E2M1FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<4x12xf32>) {
  // expected-error @below {{operand #0 must be ranked tensor of 32-bit float or bfloat16 type or 16-bit float values or memref of 32-bit float or bfloat16 type or 16-bit float values, but got 'tensor<4x64xf64>'}}
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<4x64xf64>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<4x12xf32>) -> tensor<4x12xf32>
  return
}

// -----

func.func @experts_of_rank_one(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected 'experts' [T, S], but got 'tensor<?xi32>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_of_unknown_number(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x?xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected a static number of slots in 'experts'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x?xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_of_a_scalar_input(%x: tensor<f32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected 'input' [T, K] or [T, S, K] and 'init' [T, N] or [T, S, N], but got 'tensor<f32>' and 'tensor<?x4x12xf32>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<f32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_of_a_vector_input(%x: tensor<64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected 'input' [T, K] or [T, S, K] and 'init' [T, N] or [T, S, N], but got 'tensor<64xf32>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_to_a_scalar(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<f32>) {
  // expected-error @below {{expected 'input' [T, K] or [T, S, K] and 'init' [T, N] or [T, S, N], but got 'tensor<?x64xf32>' and 'tensor<f32>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<f32>) -> tensor<f32>
  return
}

// -----

func.func @experts_of_other_tokens(%x: tensor<3x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<4x4xi32>, %init: tensor<4x4x12xf32>) {
  // expected-error @below {{expected 'input' to have the shape 4x64 that follows from 'experts', but got 'tensor<3x64xf32>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<3x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<4x4xi32>)
      outs(%init : tensor<4x4x12xf32>) -> tensor<4x4x12xf32>
  return
}

// -----

func.func @experts_of_other_slots(%x: tensor<?x3x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected 'input' to have the shape ?x4x64 that follows from 'experts', but got 'tensor<?x3x64xf32>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x3x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_of_rank_four_input(%x: tensor<?x4x1x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected 'input' to have the shape ?x4x64 that follows from 'experts', but got 'tensor<?x4x1x64xf32>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x4x1x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_to_a_sum_without_weights(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x12xf32>) {
  // expected-error @below {{expected 'init' to have the shape ?x4x12 that follows from 'experts', but got 'tensor<?x12xf32>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return
}

// -----

func.func @experts_to_slots_with_weights(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %weights: tensor<?x4xf32>,
    %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected 'init' to have the shape ?x12 that follows from 'experts', but got 'tensor<?x4x12xf32>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      weights(%weights : tensor<?x4xf32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_with_weights_of_other_slots(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %weights: tensor<?x3xf32>,
    %init: tensor<?x12xf32>) {
  // expected-error @below {{expected 'weights' to have the shape ?x4 that follows from 'experts', but got 'tensor<?x3xf32>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      weights(%weights : tensor<?x3xf32>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return
}

// -----

func.func @experts_with_residual_and_no_weights(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %residual: tensor<?x4x12xf32>,
    %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected 'weights' where there is a 'residual'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      residual(%residual : tensor<?x4x12xf32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_with_residual_of_other_columns(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %weights: tensor<?x4xf32>,
    %residual: tensor<?x13xf32>, %init: tensor<?x12xf32>) {
  // expected-error @below {{expected 'residual' to have the shape ?x12 that follows from 'init', but got 'tensor<?x13xf32>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      weights(%weights : tensor<?x4xf32>)
      residual(%residual : tensor<?x13xf32>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return
}

// -----

func.func @experts_of_unknown_weights(%x: tensor<?x64xf32>,
    %values: tensor<?x12x64xf4E2M1FN>, %scales: tensor<?x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected static E, N and K}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<?x12x64xf4E2M1FN>, tensor<?x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_of_one_weight(%x: tensor<?x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected static E, N and K}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_of_unknown_columns(%x: tensor<?x?xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected static E, N and K}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x?xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_of_unknown_rows(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x?xf32>) {
  // expected-error @below {{expected static E, N and K}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x?xf32>) -> tensor<?x4x?xf32>
  return
}

// -----

func.func @experts_with_activation_of_all_rows(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected 'values' of shape 2, 24, 64 in elements, but got 'tensor<2x12x64xf4E2M1FN>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_with_scales_of_one_expert(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<1x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected one row of scales per row}}
  // expected-note @below {{'values' is}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<1x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_with_bias_of_one_expert(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %bias: tensor<12xbf16>,
    %init: tensor<?x4x12xf32>) {
  // expected-error @below {{expected 'bias' to have the shape 2x12 that follows from 'values', but got 'tensor<12xbf16>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      bias(%bias : tensor<12xbf16>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_with_bias_of_half_the_rows(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %bias: tensor<2x6xbf16>,
    %init: tensor<?x4x6xf32>) {
  // expected-error @below {{expected 'bias' to have the shape 2x12 that follows from 'values', but got 'tensor<2x6xbf16>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      bias(%bias : tensor<2x6xbf16>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      outs(%init : tensor<?x4x6xf32>) -> tensor<?x4x6xf32>
  return
}

// -----

func.func @experts_with_activation_of_separate_rows(%x: memref<?x64xf32>,
    %values: memref<2x2x8x32xi8>, %scales: memref<2x2x2x8xf8E8M0FNU>,
    %experts: memref<?x4xi32>, %init: memref<?x4x6xf32>) {
  // expected-error @below {{expected a paired layout where there is an activation}}
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<?x64xf32>,
          memref<2x2x8x32xi8>, memref<2x2x2x8xf8E8M0FNU>, memref<?x4xi32>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      outs(%init : memref<?x4x6xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

func.func @experts_with_pairs_and_no_activation(%x: memref<?x64xf32>,
    %values: memref<2x2x8x32xi8>, %scales: memref<2x2x2x8xf8E8M0FNU>,
    %experts: memref<?x4xi32>, %init: memref<?x4x12xf32>) {
  // expected-error @below {{expected an activation where the layout is paired}}
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<?x64xf32>,
          memref<2x2x8x32xi8>, memref<2x2x2x8xf8E8M0FNU>, memref<?x4xi32>)
      outs(%init : memref<?x4x12xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8, paired = true>}
  return
}

// -----

func.func @experts_with_too_few_groups(%x: memref<?x64xf32>,
    %values: memref<2x2x8x32xi8>, %scales: memref<2x2x2x8xf8E8M0FNU>,
    %experts: memref<?x4xi32>, %init: memref<?x4x20xf32>) {
  // expected-error @below {{expected 'values' arranged by #mxfp4.layout<lanes = 8, depth = 8> to have 4 dimensions of 2, 3, 8, 64 elements, but got 'memref<2x2x8x32xi8>'}}
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<?x64xf32>,
          memref<2x2x8x32xi8>, memref<2x2x2x8xf8E8M0FNU>, memref<?x4xi32>)
      outs(%init : memref<?x4x20xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

func.func @experts_of_tensors_and_memrefs(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: memref<?x4xi32>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{failed to verify that its shaped operands are all tensors or all memrefs}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, memref<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func @experts_of_64_bits(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi64>, %init: tensor<?x4x12xf32>) {
  // expected-error @below {{operand #3 must be ranked tensor of 32-bit signless integer values or memref of 32-bit signless integer values, but got 'tensor<?x4xi64>'}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi64>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return
}

// -----

func.func private @layout_of_no_lanes(
    // expected-error @below {{expected 1 to 64 lanes, but got 0}}
    tensor<4x8xf32, #mxfp4.layout<lanes = 0, depth = 1>>)

// -----

func.func private @layout_of_too_many_lanes(
    // expected-error @below {{expected 1 to 64 lanes, but got 65}}
    tensor<4x8xf32, #mxfp4.layout<lanes = 65, depth = 1>>)

// -----

func.func private @layout_of_no_depth(
    // expected-error @below {{expected a depth that divides 32, but got 0}}
    tensor<4x8xf32, #mxfp4.layout<lanes = 4, depth = 0>>)

// -----

func.func private @layout_of_depth_three(
    // expected-error @below {{expected a depth that divides 32, but got 3}}
    tensor<4x9xf32, #mxfp4.layout<lanes = 4, depth = 3>>)

// -----

func.func private @layout_of_more_than_a_block(
    // expected-error @below {{expected a depth that divides 32, but got 64}}
    tensor<4x64xf32, #mxfp4.layout<lanes = 4, depth = 64>>)

// -----

func.func private @layout_of_a_vector(
    // expected-error @below {{expected static rows and columns in a tensor of layout #mxfp4.layout<lanes = 4, depth = 1>}}
    tensor<8xf32, #mxfp4.layout<lanes = 4, depth = 1>>)

// -----

func.func private @layout_of_unknown_rows(
    // expected-error @below {{expected static rows and columns in a tensor of layout}}
    tensor<?x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>)

// -----

func.func private @layout_of_columns_that_do_not_fill_lanes(
    // expected-error @below {{expected a multiple of the depth 8 columns, but got 12}}
    tensor<4x12xf4E2M1FN, #mxfp4.layout<lanes = 4, depth = 8>>)

// -----

func.func private @layout_of_bytes_that_do_not_fill_lanes(
    // expected-error @below {{expected a multiple of the depth 8 columns, but got 12}}
    tensor<4x6xi8, #mxfp4.layout<lanes = 4, depth = 8>>)

// -----

func.func private @layout_of_pairs_of_odd_rows(
    // expected-error @below {{expected an even number of rows to pair, but got 5}}
    tensor<5x8xf32, #mxfp4.layout<lanes = 4, depth = 1, paired = true>>)

// -----

// expected-error @below {{expected 'mxfp4.entry' to be a string, but got unit}}
func.func @entry_without_a_name() attributes {mxfp4.entry} {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.entry' on a function with a body}}
func.func private @entry_without_a_body() attributes {mxfp4.entry = "decode"}

// -----

// expected-error @below {{expected 'mxfp4.entry' on a function with a body}}
module attributes {mxfp4.entry = "decode"} {
}

// -----

// expected-error @below {{expected 'mxfp4.max_tokens' to be a positive i64, but got 0 : i64}}
func.func @entry_with_no_tokens() attributes {mxfp4.max_tokens = 0 : i64} {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.max_tokens' to be a positive i64, but got -1 : i64}}
func.func @entry_with_negative_tokens() attributes {mxfp4.max_tokens = -1 : i64} {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.max_tokens' to be a positive i64, but got 4 : i32}}
func.func @entry_with_tokens_of_32_bits() attributes {mxfp4.max_tokens = 4 : i32} {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.max_tokens' to be a positive i64, but got "4"}}
func.func @entry_with_tokens_as_text() attributes {mxfp4.max_tokens = "4"} {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.buffer' to be a string, but got 3 : i64}}
func.func @argument_of_a_numbered_buffer(%a: memref<4xf32> {mxfp4.buffer = 3}) {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.kind' to be weight or cache or input or output or arena, but got "scratch"}}
func.func @argument_of_an_unknown_kind(%a: memref<4xf32> {mxfp4.kind = "scratch"}) {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.dim' to be tokens or context, but got "layers"}}
func.func @argument_that_counts_layers(%a: memref<?xf32> {mxfp4.dim = "layers"}) {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.value' to be tokens or position or context or thread or threads or zero or invocation, but got "time"}}
func.func @argument_of_an_unknown_number(%a: index {mxfp4.value = "time"}) {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.source' to be a type, but got "tensor"}}
func.func @argument_of_a_named_source(%a: memref<4xf32> {mxfp4.source = "tensor"}) {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.prepare' to be a symbol, but got @a::@b}}
func.func @argument_of_a_nested_prepare(%a: memref<4xf32> {mxfp4.prepare = @a::@b}) {
  return
}
