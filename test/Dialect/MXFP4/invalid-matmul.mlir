// RUN: mxfp4-opt %s --split-input-file --verify-diagnostics

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

/// Twice as many rows as no integer holds.
func.func @experts_of_outputs_without_end(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x9223372036854775807xf32>) {
  // expected-error @below {{expected 'values' of shape 2, 9223372036854775807, 64 in elements}}
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      outs(%init : tensor<?x4x9223372036854775807xf32>)
      -> tensor<?x4x9223372036854775807xf32>
  return
}

// -----

func.func @matmul_of_pairs(%x: tensor<?x32xf32>, %values: tensor<2x4x64xf4E2M1FN>,
    %scales: tensor<2x1x8xf8E8M0FNU>, %init: tensor<?x16xf32>) {
  // expected-error @below {{expected a layout that is not paired}}
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x32xf32>,
          tensor<2x4x64xf4E2M1FN>, tensor<2x1x8xf8E8M0FNU>)
      outs(%init : tensor<?x16xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8, paired = true>} -> tensor<?x16xf32>
  return
}

// -----

#pairs = #mxfp4.layout<lanes = 8, depth = 8, paired = true>
func.func @matmul_of_encoded_pairs(%x: tensor<?x32xf32>,
    %values: tensor<16x32xf4E2M1FN, #pairs>,
    %scales: tensor<16x1xf8E8M0FNU, #mxfp4.layout<lanes = 8, depth = 1, paired = true>>,
    %init: tensor<?x16xf32>) {
  // expected-error @below {{expected a layout that is not paired}}
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x32xf32>,
          tensor<16x32xf4E2M1FN, #pairs>,
          tensor<16x1xf8E8M0FNU, #mxfp4.layout<lanes = 8, depth = 1, paired = true>>)
      outs(%init : tensor<?x16xf32>) -> tensor<?x16xf32>
  return
}

// -----

#eight = #mxfp4.layout<lanes = 8, depth = 8>
func.func @matmul_with_plain_scales(%x: tensor<?x32xf32>,
    %values: tensor<16x32xf4E2M1FN, #eight>, %scales: tensor<16x1xf8E8M0FNU>,
    %init: tensor<?x16xf32>) {
  // expected-error @below {{expected an operand of layout #mxfp4.layout<lanes = 8, depth = 1>, as its weight is arranged, but got 'tensor<16x1xf8E8M0FNU>'}}
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x32xf32>,
          tensor<16x32xf4E2M1FN, #eight>, tensor<16x1xf8E8M0FNU>)
      outs(%init : tensor<?x16xf32>) -> tensor<?x16xf32>
  return
}

// -----

#eight = #mxfp4.layout<lanes = 8, depth = 1>
func.func @matmul_with_arranged_scales(%x: tensor<?x32xf32>,
    %values: tensor<16x32xf4E2M1FN>, %scales: tensor<16x1xf8E8M0FNU, #eight>,
    %init: tensor<?x16xf32>) {
  // expected-error @below {{expected an operand without a layout, but got 'tensor<16x1xf8E8M0FNU, #mxfp4.layout<lanes = 8, depth = 1>>'}}
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x32xf32>,
          tensor<16x32xf4E2M1FN>, tensor<16x1xf8E8M0FNU, #eight>)
      outs(%init : tensor<?x16xf32>) -> tensor<?x16xf32>
  return
}

// -----

#eight = #mxfp4.layout<lanes = 8, depth = 8>
func.func @matmul_with_two_layouts(%x: tensor<?x32xf32>,
    %values: tensor<16x32xf4E2M1FN, #eight>, %scales: tensor<16x1xf8E8M0FNU>,
    %init: tensor<?x16xf32>) {
  // expected-error @below {{expected a layout either as the encoding of the weight or as the attribute 'layout'}}
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x32xf32>,
          tensor<16x32xf4E2M1FN, #eight>, tensor<16x1xf8E8M0FNU>)
      outs(%init : tensor<?x16xf32>) {layout = #eight} -> tensor<?x16xf32>
  return
}

// -----

func.func @matmul_of_half_bytes(%x: tensor<?x32xf32>, %values: tensor<2x32x8xf4E2M1FN>,
    %scales: tensor<2x1x8xf8E8M0FNU>, %init: tensor<?x16xf32>) {
  // expected-error @below {{expected an even depth for 4-bit elements, but got 1}}
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x32xf32>,
          tensor<2x32x8xf4E2M1FN>, tensor<2x1x8xf8E8M0FNU>)
      outs(%init : tensor<?x16xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 1>} -> tensor<?x16xf32>
  return
}

// -----

func.func @integers_of_half_a_block(%x: tensor<2x48xf32>,
    %values: tensor<12x48xf4E2M1FN>, %scales: tensor<12x3xf8E4M3FN>,
    %init: tensor<2x12xf32>) -> tensor<2x12xf32> {
  // expected-error @below {{expected a multiple of 32 columns of 'input' where there is an 'input_format', but got 'tensor<2x48xf32>'}}
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<2x48xf32>,
          tensor<12x48xf4E2M1FN>, tensor<12x3xf8E4M3FN>)
      outs(%init : tensor<2x12xf32>) {input_format = #mxfp4.input_format<int8>}
      -> tensor<2x12xf32>
  return %0 : tensor<2x12xf32>
}

// -----

func.func @integers_of_half_a_block_by_expert(%x: tensor<2x48xf32>,
    %values: tensor<3x12x48xf4E2M1FN>, %scales: tensor<3x12x3xf8E4M3FN>,
    %experts: tensor<2x1xi32>, %init: tensor<2x1x12xf32>) -> tensor<2x1x12xf32> {
  // expected-error @below {{expected a multiple of 32 columns of 'input' where there is an 'input_format', but got 'tensor<2x48xf32>'}}
  %0 = mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : tensor<2x48xf32>,
          tensor<3x12x48xf4E2M1FN>, tensor<3x12x3xf8E4M3FN>, tensor<2x1xi32>)
      outs(%init : tensor<2x1x12xf32>) {input_format = #mxfp4.input_format<int8>}
      -> tensor<2x1x12xf32>
  return %0 : tensor<2x1x12xf32>
}

// -----

func.func @integers_of_12_bits(%x: tensor<2x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<2x12xf32>) -> tensor<2x12xf32> {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<2x64xf32>,
          tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<2x12xf32>)
      // expected-error @+2 {{expected ::mlir::mxfp4::InputFormat to be one of: int8, int16}}
      // expected-error @+1 {{failed to parse MXFP4_InputFormatAttr}}
      {input_format = #mxfp4.input_format<int12>} -> tensor<2x12xf32>
  return %0 : tensor<2x12xf32>
}
