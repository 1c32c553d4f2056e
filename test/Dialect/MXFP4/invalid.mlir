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
    %scales: tensor<4x1xf32>) {
  // expected-error @below {{operand #1 must be ranked tensor of f8E8M0FNU type or f8E4M3FN type values, but got 'tensor<4x1xf32>'}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf32> -> tensor<4x32xbf16>
  return
}

// -----

func.func @dequantize_no_format(%values: tensor<4x32xf8E4M3FN>,
    %scales: tensor<4x2xf8E4M3FN>) {
  // expected-error @below {{expected elements and scales of one format, but got elements of 'f8E4M3FN' and scales of 'f8E4M3FN'}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf8E4M3FN>, tensor<4x2xf8E4M3FN> -> tensor<4x32xf32>
  return
}

// -----

func.func @dequantize_nvfp4_blocks_of_thirty_two(%values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<4x1xf8E4M3FN>) {
  // expected-error @below {{expected the last dimension of 'values' to be 16 (16 elements per scale), but got 32}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E4M3FN> -> tensor<4x32xf32>
  return
}

// -----

func.func @dequantize_tensor_scale_of_mxfp8(%values: tensor<4x32xf8E5M2>,
    %scales: tensor<4x1xf8E8M0FNU>, %t: tensor<f32>) {
  // expected-error @below {{expected no 'tensor_scale' for mxfp8_e5m2, which has none}}
  %0 = mxfp4.dequantize %values, %scales tensor_scale(%t : tensor<f32>)
      : tensor<4x32xf8E5M2>, tensor<4x1xf8E8M0FNU> -> tensor<4x32xf32>
  return
}

// -----

func.func @dequantize_tensor_scale_for_each_block(%values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<4x2xf8E4M3FN>, %t: tensor<4x2xf32>) {
  // expected-error @below {{expected 'tensor_scale' to have at most 1 dimensions, but got 'tensor<4x2xf32>'}}
  %0 = mxfp4.dequantize %values, %scales tensor_scale(%t : tensor<4x2xf32>)
      : tensor<4x32xf4E2M1FN>, tensor<4x2xf8E4M3FN> -> tensor<4x32xf32>
  return
}

// -----

func.func @dequantize_tensor_scale_of_other_rows(%values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<4x2xf8E4M3FN>, %t: tensor<3xf32>) {
  // expected-error @below {{expected 'tensor_scale' to have the shape 4 that follows from 'values', but got 'tensor<3xf32>'}}
  %0 = mxfp4.dequantize %values, %scales tensor_scale(%t : tensor<3xf32>)
      : tensor<4x32xf4E2M1FN>, tensor<4x2xf8E4M3FN> -> tensor<4x32xf32>
  return
}

// -----

func.func @quantize_nvfp4_by_a_rule(%x: tensor<4x32xf32>) {
  // expected-error @below {{expected no 'scale_rule' for nvfp4, whose scales are not powers of two}}
  %v, %s = mxfp4.quantize %x {scale_rule = #mxfp4.scale_rule<even>}
      : tensor<4x32xf32> -> tensor<4x32xf4E2M1FN>, tensor<4x2xf8E4M3FN>
  return
}

// -----

func.func @quantize_encode_scale_of_mxfp4(%x: tensor<4x32xf32>, %e: tensor<f32>) {
  // expected-error @below {{expected no 'encode_scale' for mxfp4, which has none}}
  %v, %s = mxfp4.quantize %x encode_scale(%e : tensor<f32>)
      : tensor<4x32xf32> -> tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU>
  return
}

// -----

func.func @cast_of_too_few_scales(%values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<4x1xf8E8M0FNU>) {
  // expected-error @below {{expected 'nv_scales' to have the shape 4x2 that follows from 'scales', but got 'tensor<4x1xf8E4M3FN>'}}
  %s, %t, %e = mxfp4.cast_to_nvfp4 %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU>
        -> tensor<4x1xf8E4M3FN>, tensor<f32>, tensor<i1>
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

func.func private @tiled_layout_of_no_depth(
    // expected-error @below {{expected a depth that divides 128, but got 0}}
    tensor<4x8xf32, #mxfp4.layout<lanes = 4, depth = 0, tiled = true>>)

// -----

func.func private @tiled_layout_of_half_words(
    // expected-error @below {{expected columns and depth to be multiples of 8 for words of 4-bit elements, but got 12 and 128}}
    tensor<4x12xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 128, tiled = true>>)

// -----

func.func private @tiled_layout_of_half_a_word_a_lane(
    // expected-error @below {{expected columns and depth to be multiples of 8 for words of 4-bit elements, but got 16 and 4}}
    tensor<4x16xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 4, tiled = true>>)

// -----

func.func @tiled_pack_with_a_dimension_for_runs(
    %weight: tensor<8x64xi8>, %init: tensor<1x1x512xi8>) {
  // expected-error @below {{expected 'init' to have the shape 1x512 that follows from 'source and layout', but got 'tensor<1x1x512xi8>'}}
  %0 = mxfp4.pack ins(%weight : tensor<8x64xi8>) outs(%init : tensor<1x1x512xi8>)
      {layout = #mxfp4.layout<lanes = 8, depth = 128, tiled = true>} -> tensor<1x1x512xi8>
  return
}

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

// expected-error @below {{expected 'mxfp4.max_tokens' on an entry point}}
func.func @entry_without_a_bound() attributes {mxfp4.entry = "decode"} {
  return
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

// expected-error @below {{expected 'mxfp4.value' to be tokens or position or context or sequence or thread or threads or zero or invocation, but got "time"}}
func.func @argument_of_an_unknown_number(%a: index {mxfp4.value = "time"}) {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.source' to be a type, but got "tensor"}}
func.func @argument_of_a_named_source(%a: memref<4xf32> {mxfp4.source = "tensor"}) {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.source' to be a tensor of static shape, but got i32}}
func.func @argument_of_a_source_without_shape(%a: memref<4xf32> {mxfp4.source = i32}) {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.source' to be a tensor of static shape, but got tensor<?x32xf4E2M1FN>}}
func.func @argument_of_a_dynamic_source(
    %a: memref<4xf32> {mxfp4.source = tensor<?x32xf4E2M1FN>}) {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.source' to have whole blocks of 32 columns, but got tensor<4x16xf4E2M1FN>}}
func.func @argument_of_a_source_of_half_blocks(
    %a: memref<4xf32> {mxfp4.source = tensor<4x16xf4E2M1FN>}) {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.value' on a number, but got 'memref<4xf32>'}}
func.func @argument_of_a_value_in_memory(%a: memref<4xf32> {mxfp4.value = "tokens"}) {
  return
}

// -----

// expected-error @below {{expected no attribute 'mxfp4.knid' on an argument}}
func.func @argument_of_a_misspelled_kind(%a: memref<4xf32> {mxfp4.knid = "weight"}) {
  return
}

// -----

// expected-error @below {{expected no attribute 'mxfp4.kind' on a result}}
func.func @result_of_a_kind() -> (index {mxfp4.kind = "output"}) {
  %0 = arith.constant 0 : index
  return %0 : index
}

// -----

// expected-error @below {{expected no attribute 'mxfp4.kind' on an operation}}
func.func @function_of_a_kind() attributes {mxfp4.kind = "weight"} {
  return
}

// -----

// expected-error @below {{expected 'mxfp4.arena' to be an integer, but got "large"}}
module attributes {mxfp4.arena = "large"} {
}

// -----

// expected-error @below {{expected 'mxfp4.buffers' to be an array, but got 3 : i64}}
module attributes {mxfp4.buffers = 3} {
}

// -----

// expected-error @below {{expected 'mxfp4.prepare' to be a symbol, but got @a::@b}}
func.func @argument_of_a_nested_prepare(%a: memref<4xf32> {mxfp4.prepare = @a::@b}) {
  return
}

// -----

/// Sizes whose multiples no integer holds.
func.func @dequantize_blocks_without_end(
    %values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<4x9223372036854775807xf8E8M0FNU>) {
  // expected-error @below {{expected the last dimension of 'values' to be 9223372036854775807 (32 elements per scale), but got 32}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x9223372036854775807xf8E8M0FNU>
        -> tensor<4x32xbf16>
  return
}

// -----

func.func @dequantize_bytes_without_end(
    %values: tensor<4x9223372036854775807xi8>,
    %scales: tensor<4x1xf8E8M0FNU>) {
  // expected-error @below {{expected the last dimension of 'values' to be 32 (32 elements per scale), but got 9223372036854775807}}
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x9223372036854775807xi8>, tensor<4x1xf8E8M0FNU>
        -> tensor<4x32xbf16>
  return
}

// -----

func.func @stochastic_without_random(%x: tensor<4x32xf32>) {
  // expected-error @below {{expected 'random' where rounding is stochastic}}
  %v, %s = mxfp4.quantize %x {rounding = #mxfp4.rounding<stochastic>}
      : tensor<4x32xf32> -> tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU>
  return
}

// -----

func.func @random_for_nearest(%x: tensor<4x32xf32>, %r: tensor<4x32xi8>) {
  // expected-error @below {{expected no 'random' where rounding is not stochastic}}
  %v, %s = mxfp4.quantize %x random(%r : tensor<4x32xi8>)
      : tensor<4x32xf32> -> tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU>
  return
}

// -----

func.func @random_of_another_shape(%x: tensor<4x32xf32>, %r: tensor<4x16xi8>) {
  // expected-error @below {{expected 'random' to have the shape 4x32 that follows from 'input', but got 'tensor<4x16xi8>'}}
  %v, %s = mxfp4.quantize %x random(%r : tensor<4x16xi8>) {rounding = #mxfp4.rounding<stochastic>}
      : tensor<4x32xf32> -> tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU>
  return
}

// -----

func.func @rule_that_is_none(%x: tensor<4x32xf32>) {
  // expected-error @below {{to be one of: floor, even, rceil, ceil, nearest}}
  // expected-error @below {{failed to parse MXFP4_ScaleRuleAttr parameter 'value'}}
  %v, %s = mxfp4.quantize %x {scale_rule = #mxfp4.scale_rule<up>}
      : tensor<4x32xf32> -> tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU>
  return
}

// -----

func.func @dequantize_into_half_of_a_row(%values: memref<4x32xi8>,
    %scales: memref<4x2xf8E8M0FNU>, %init: memref<4x32xf32>) {
  // expected-error @below {{expected 'init' to have the shape 4x64 that follows from 'values', but got 'memref<4x32xf32>'}}
  mxfp4.dequantize_into ins(%values, %scales : memref<4x32xi8>, memref<4x2xf8E8M0FNU>)
      outs(%init : memref<4x32xf32>)
  return
}

// -----

func.func @dequantize_into_a_memref_from_tensors(%values: tensor<4x32xi8>,
    %scales: tensor<4x2xf8E8M0FNU>, %init: memref<4x64xf32>) {
  // expected-error @below {{failed to verify that its shaped operands are all tensors or all memrefs}}
  mxfp4.dequantize_into ins(%values, %scales : tensor<4x32xi8>, tensor<4x2xf8E8M0FNU>)
      outs(%init : memref<4x64xf32>)
  return
}

// -----

func.func @quantize_into_scales_of_other_rows(%x: memref<4x64xf32>,
    %values: memref<4x32xi8>, %scales: memref<3x2xf8E8M0FNU>) {
  // expected-error @below {{expected one row of scales per row}}
  // expected-note @below {{'values' is 'memref<4x32xi8>', 'scales' is 'memref<3x2xf8E8M0FNU>'}}
  mxfp4.quantize_into ins(%x : memref<4x64xf32>)
      outs(%values, %scales : memref<4x32xi8>, memref<3x2xf8E8M0FNU>)
  return
}

// -----

// expected-error @below {{expected 'mxfp4.ops' to be an array}}
module attributes {mxfp4.ops = 3 : i64} {}

// -----

// expected-error @below {{expected 'mxfp4.op_counts' to be an array of i64}}
module attributes {mxfp4.op_counts = 3 : i64} {}
