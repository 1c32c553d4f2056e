// RUN: mxfp4-opt %s --mxfp4-fuse-dequantize | FileCheck %s

// CHECK-LABEL: func.func @weight_has_one_reader
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>, %[[VALUES:[^:]+]]: tensor<12x64xf4E2M1FN>, %[[SCALES:[^:]+]]: tensor<12x2xf8E8M0FNU>, %[[INIT:[^:]+]]: tensor<?x12xf32>
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         %[[Y:.+]] = mxfp4.matmul ins(%[[X]], %[[VALUES]], %[[SCALES]] : {{.*}}) outs(%[[INIT]] : tensor<?x12xf32>)
// CHECK-NOT:     linalg.matmul
// CHECK:         return %[[Y]]
func.func @weight_has_one_reader(%x: tensor<?x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// bf16 holds every product of an element and a scale (F6).
// CHECK-LABEL: func.func @weight_is_expanded_to_bf16
// CHECK:         mxfp4.matmul
func.func @weight_is_expanded_to_bf16(%x: tensor<?x64xbf16>,
    %values: tensor<12x32xi8>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x32xi8>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xbf16>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xbf16>, tensor<12x64xbf16>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// f16 holds them for all scales but the extreme ones.
// CHECK-LABEL: func.func @weight_is_expanded_to_f16
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf16>
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         mxfp4.matmul ins(%[[X]], {{.*}} : tensor<?x64xf16>,
func.func @weight_is_expanded_to_f16(%x: tensor<?x64xf16>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf16>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf16>, tensor<12x64xf16>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// The second reader needs the wide weight, so nothing is gained by fusing.
// CHECK-LABEL: func.func @weight_has_two_readers
// CHECK:         mxfp4.dequantize
// CHECK-NOT:     mxfp4.matmul
func.func @weight_has_two_readers(%x: tensor<?x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<?x12xf32>) -> (tensor<?x12xf32>, tensor<12x64xf32>) {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y, %weight : tensor<?x12xf32>, tensor<12x64xf32>
}

/// Two matmuls do not: none of them needs it.
// CHECK-LABEL: func.func @weight_of_two_matmuls
// CHECK-NOT:     mxfp4.dequantize
// CHECK-COUNT-2: mxfp4.matmul ins
func.func @weight_of_two_matmuls(%x: tensor<?x64xf32>, %z: tensor<?x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<?x12xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %0 = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  %1 = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%z, %weight : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0, %1 : tensor<?x12xf32>, tensor<?x12xf32>
}

/// One of them does: it adds to what is there.
// CHECK-LABEL: func.func @weight_of_a_matmul_that_adds
// CHECK:         mxfp4.dequantize
// CHECK-NOT:     mxfp4.matmul
func.func @weight_of_a_matmul_that_adds(%x: tensor<?x64xf32>, %sum: tensor<?x12xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<?x12xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %0 = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  %1 = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%sum : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0, %1 : tensor<?x12xf32>, tensor<?x12xf32>
}

// CHECK-LABEL: func.func @weight_is_in_by_out
// CHECK-NOT:     mxfp4.matmul
// CHECK:         linalg.matmul
func.func @weight_is_in_by_out(%x: tensor<?x64xf32>,
    %values: tensor<64x32xf4E2M1FN>, %scales: tensor<64x1xf8E8M0FNU>,
    %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<64x32xf4E2M1FN>, tensor<64x1xf8E8M0FNU> -> tensor<64x32xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul ins(%x, %weight : tensor<?x64xf32>, tensor<64x32xf32>)
      outs(%zeros : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @weight_is_the_first_operand
// CHECK-NOT:     mxfp4.matmul
// CHECK:         linalg.matmul
func.func @weight_is_the_first_operand(%x: tensor<5x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<12x5xf32>) -> tensor<12x5xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<12x5xf32>) -> tensor<12x5xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%weight, %x : tensor<12x64xf32>, tensor<5x64xf32>)
      outs(%zeros : tensor<12x5xf32>) -> tensor<12x5xf32>
  return %y : tensor<12x5xf32>
}

/// The op does not add to what is there.
// CHECK-LABEL: func.func @sum_does_not_start_from_zero
// CHECK-NOT:     mxfp4.matmul
// CHECK:         linalg.matmul
func.func @sum_does_not_start_from_zero(%x: tensor<?x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %sum: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%sum : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @sum_starts_from_one
// CHECK-NOT:     mxfp4.matmul
// CHECK:         linalg.matmul
func.func @sum_starts_from_one(%x: tensor<?x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %one = arith.constant 1.0 : f32
  %ones = linalg.fill ins(%one : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%ones : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// A sum in bf16 is rounded at each step, the op's once.
// CHECK-LABEL: func.func @sum_is_in_bf16
// CHECK-NOT:     mxfp4.matmul
// CHECK:         linalg.matmul
func.func @sum_is_in_bf16(%x: tensor<?x64xbf16>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<?x12xbf16>) -> tensor<?x12xbf16> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xbf16>
  %zero = arith.constant 0.0 : bf16
  %zeros = linalg.fill ins(%zero : bf16) outs(%init : tensor<?x12xbf16>) -> tensor<?x12xbf16>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xbf16>, tensor<12x64xbf16>)
      outs(%zeros : tensor<?x12xbf16>) -> tensor<?x12xbf16>
  return %y : tensor<?x12xbf16>
}

/// The op has static K and N.
// CHECK-LABEL: func.func @columns_are_dynamic
// CHECK-NOT:     mxfp4.matmul
// CHECK:         linalg.matmul
func.func @columns_are_dynamic(%x: tensor<?x?xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x?xf32>, tensor<12x64xf32>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// The op reads floats of at most 32 bits.
// CHECK-LABEL: func.func @input_is_of_bytes
// CHECK-NOT:     mxfp4.matmul
// CHECK:         linalg.matmul
func.func @input_is_of_bytes(%x: tensor<?x64xi8>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xi8>, tensor<12x64xf32>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @weight_is_mxfp8
// CHECK:         mxfp4.matmul ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<?x64xf32>, tensor<12x64xf8E4M3FN>, tensor<12x2xf8E8M0FNU>)
func.func @weight_is_mxfp8(%x: tensor<?x64xf32>,
    %values: tensor<12x64xf8E4M3FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf8E4M3FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @weight_has_a_tensor_scale
// CHECK-SAME:    %[[T:[^:]+]]: tensor<f32>
// CHECK:         mxfp4.matmul {{.*}} tensor_scale(%[[T]] : tensor<f32>)
func.func @weight_has_a_tensor_scale(%t: tensor<f32>, %x: tensor<?x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x4xf8E4M3FN>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales tensor_scale(%t : tensor<f32>)
      : tensor<12x64xf4E2M1FN>, tensor<12x4xf8E4M3FN> -> tensor<12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// mxfp4.matmul has one for all rows.
// CHECK-LABEL: func.func @rows_have_their_own_scales
// CHECK:         mxfp4.dequantize
// CHECK:         linalg.matmul
func.func @rows_have_their_own_scales(%t: tensor<12xf32>, %x: tensor<?x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x4xf8E4M3FN>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales tensor_scale(%t : tensor<12xf32>)
      : tensor<12x64xf4E2M1FN>, tensor<12x4xf8E4M3FN> -> tensor<12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// A product with a tensor scale is rounded to bf16; the fused op would not.
// CHECK-LABEL: func.func @tensor_scale_expanded_to_bf16
// CHECK:         mxfp4.dequantize
// CHECK:         linalg.matmul
func.func @tensor_scale_expanded_to_bf16(%t: tensor<f32>, %x: tensor<?x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x4xf8E4M3FN>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales tensor_scale(%t : tensor<f32>)
      : tensor<12x64xf4E2M1FN>, tensor<12x4xf8E4M3FN> -> tensor<12x64xbf16>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x64xf32>, tensor<12x64xbf16>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// A weight for each batch: the batch of a row is its expert.
// CHECK-LABEL: func.func @weight_of_each_batch
// CHECK-SAME:    %[[X:[^:]+]]: tensor<2x3x64xf32>, %[[VALUES:[^:]+]]: tensor<2x12x64xf4E2M1FN>, %[[SCALES:[^:]+]]: tensor<2x12x4xf8E4M3FN>, %[[T:[^:]+]]: tensor<2xf32>, %[[INIT:[^:]+]]:
// CHECK-DAG:     %[[EXPERTS:.+]] = arith.constant dense<{{\[\[}}0], [0], [0], [1], [1], [1]]> : tensor<6x1xi32>
// CHECK-DAG:     %[[ROWS:.+]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]] : tensor<2x3x64xf32> into tensor<6x64xf32>
// CHECK:         %[[Y:.+]] = mxfp4.matmul_by_expert ins(%[[ROWS]], %[[VALUES]], %[[SCALES]], %[[EXPERTS]]
// CHECK-SAME:      tensor_scale(%[[T]] : tensor<2xf32>)
// CHECK-SAME:      -> tensor<6x1x12xf32>
func.func @weight_of_each_batch(%x: tensor<2x3x64xf32>, %values: tensor<2x12x64xf4E2M1FN>,
    %scales: tensor<2x12x4xf8E4M3FN>, %t: tensor<2xf32>, %init: tensor<2x3x12xf32>)
    -> tensor<2x3x12xf32> {
  %weight = mxfp4.dequantize %values, %scales tensor_scale(%t : tensor<2xf32>)
      : tensor<2x12x64xf4E2M1FN>, tensor<2x12x4xf8E4M3FN> -> tensor<2x12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<2x3x12xf32>) -> tensor<2x3x12xf32>
  %y = linalg.batch_matmul indexing_maps = [affine_map<(b, t, n, k) -> (b, t, k)>,
                                            affine_map<(b, t, n, k) -> (b, n, k)>,
                                            affine_map<(b, t, n, k) -> (b, t, n)>]
      ins(%x, %weight : tensor<2x3x64xf32>, tensor<2x12x64xf32>)
      outs(%zeros : tensor<2x3x12xf32>) -> tensor<2x3x12xf32>
  return %y : tensor<2x3x12xf32>
}

/// The number of the batch is not known for a row.
// CHECK-LABEL: func.func @batches_of_unknown_size
// CHECK:         mxfp4.dequantize
// CHECK:         linalg.batch_matmul
func.func @batches_of_unknown_size(%x: tensor<2x?x64xf32>, %values: tensor<2x12x64xf4E2M1FN>,
    %scales: tensor<2x12x2xf8E8M0FNU>, %init: tensor<2x?x12xf32>) -> tensor<2x?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU> -> tensor<2x12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<2x?x12xf32>) -> tensor<2x?x12xf32>
  %y = linalg.batch_matmul indexing_maps = [affine_map<(b, t, n, k) -> (b, t, k)>,
                                            affine_map<(b, t, n, k) -> (b, n, k)>,
                                            affine_map<(b, t, n, k) -> (b, t, n)>]
      ins(%x, %weight : tensor<2x?x64xf32>, tensor<2x12x64xf32>)
      outs(%zeros : tensor<2x?x12xf32>) -> tensor<2x?x12xf32>
  return %y : tensor<2x?x12xf32>
}

/// Blocks run along the output.
// CHECK-LABEL: func.func @batches_of_weights_not_transposed
// CHECK:         mxfp4.dequantize
// CHECK:         linalg.batch_matmul
func.func @batches_of_weights_not_transposed(%x: tensor<2x3x12xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %init: tensor<2x3x64xf32>) -> tensor<2x3x64xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU> -> tensor<2x12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<2x3x64xf32>) -> tensor<2x3x64xf32>
  %y = linalg.batch_matmul ins(%x, %weight : tensor<2x3x12xf32>, tensor<2x12x64xf32>)
      outs(%zeros : tensor<2x3x64xf32>) -> tensor<2x3x64xf32>
  return %y : tensor<2x3x64xf32>
}

// CHECK-LABEL: func.func @batches_without_rows
// CHECK:         linalg.batch_matmul
func.func @batches_without_rows(%x: tensor<2x0x64xf32>, %values: tensor<2x12x64xf4E2M1FN>,
    %scales: tensor<2x12x2xf8E8M0FNU>, %init: tensor<2x0x12xf32>) -> tensor<2x0x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU> -> tensor<2x12x64xf32>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<2x0x12xf32>) -> tensor<2x0x12xf32>
  %y = linalg.batch_matmul indexing_maps = [affine_map<(b, t, n, k) -> (b, t, k)>,
                                            affine_map<(b, t, n, k) -> (b, n, k)>,
                                            affine_map<(b, t, n, k) -> (b, t, n)>]
      ins(%x, %weight : tensor<2x0x64xf32>, tensor<2x12x64xf32>)
      outs(%zeros : tensor<2x0x12xf32>) -> tensor<2x0x12xf32>
  return %y : tensor<2x0x12xf32>
}
