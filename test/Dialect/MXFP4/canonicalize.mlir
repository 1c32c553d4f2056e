// RUN: mxfp4-opt %s --resolve-ranked-shaped-type-result-dims --canonicalize | FileCheck %s

/// F5: zero times any scale but NaN is zero.
// CHECK-LABEL: func.func @elements_are_zero
// CHECK:         %[[ZEROS:.+]] = arith.constant dense<0.000000e+00> : tensor<4x32xbf16>
// CHECK-NOT:     mxfp4.dequantize
// CHECK:         return %[[ZEROS]]
func.func @elements_are_zero() -> tensor<4x32xbf16> {
  %values = arith.constant dense<0.0> : tensor<4x32xf4E2M1FN>
  %scales = arith.constant dense<4.0> : tensor<4x1xf8E8M0FNU>
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<4x32xbf16>
  return %0 : tensor<4x32xbf16>
}

// CHECK-LABEL: func.func @elements_are_one
// CHECK:         mxfp4.dequantize
func.func @elements_are_one() -> tensor<4x32xbf16> {
  %values = arith.constant dense<1.0> : tensor<4x32xf4E2M1FN>
  %scales = arith.constant dense<4.0> : tensor<4x1xf8E8M0FNU>
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<4x32xbf16>
  return %0 : tensor<4x32xbf16>
}

/// F3: the sign of zero is kept.
// CHECK-LABEL: func.func @elements_are_minus_zero
// CHECK:         mxfp4.dequantize
func.func @elements_are_minus_zero() -> tensor<4x32xbf16> {
  %values = arith.constant dense<-0.0> : tensor<4x32xf4E2M1FN>
  %scales = arith.constant dense<4.0> : tensor<4x1xf8E8M0FNU>
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<4x32xbf16>
  return %0 : tensor<4x32xbf16>
}

/// F4: a scale of NaN makes its whole block NaN.
// CHECK-LABEL: func.func @scales_are_nan
// CHECK:         mxfp4.dequantize
func.func @scales_are_nan() -> tensor<4x32xbf16> {
  %values = arith.constant dense<0.0> : tensor<4x32xf4E2M1FN>
  %scales = arith.constant dense<0xFF> : tensor<4x1xf8E8M0FNU>
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<4x32xbf16>
  return %0 : tensor<4x32xbf16>
}

/// Zeros become negative.
// CHECK-LABEL: func.func @scales_are_negative
// CHECK:         mxfp4.dequantize
func.func @scales_are_negative() -> tensor<4x32xbf16> {
  %values = arith.constant dense<0.0> : tensor<4x32xf4E2M1FN>
  %scales = arith.constant dense<-1.0> : tensor<4x2xf8E4M3FN>
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x2xf8E4M3FN> -> tensor<4x32xbf16>
  return %0 : tensor<4x32xbf16>
}

/// It may be infinite.
// CHECK-LABEL: func.func @tensor_scale_is_not_known
// CHECK:         mxfp4.dequantize
func.func @tensor_scale_is_not_known(%t: tensor<f32>) -> tensor<4x32xbf16> {
  %values = arith.constant dense<0.0> : tensor<4x32xf4E2M1FN>
  %scales = arith.constant dense<1.0> : tensor<4x2xf8E4M3FN>
  %0 = mxfp4.dequantize %values, %scales tensor_scale(%t : tensor<f32>)
      : tensor<4x32xf4E2M1FN>, tensor<4x2xf8E4M3FN> -> tensor<4x32xbf16>
  return %0 : tensor<4x32xbf16>
}

// CHECK-LABEL: func.func @scales_are_not_known
// CHECK:         mxfp4.dequantize
func.func @scales_are_not_known(%scales: tensor<4x1xf8E8M0FNU>) -> tensor<4x32xbf16> {
  %values = arith.constant dense<0.0> : tensor<4x32xf4E2M1FN>
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<4x32xbf16>
  return %0 : tensor<4x32xbf16>
}

// CHECK-LABEL: func.func @scales_differ
// CHECK:         mxfp4.dequantize
func.func @scales_differ() -> tensor<2x32xbf16> {
  %values = arith.constant dense<0.0> : tensor<2x32xf4E2M1FN>
  %scales = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf8E8M0FNU>
  %0 = mxfp4.dequantize %values, %scales
      : tensor<2x32xf4E2M1FN>, tensor<2x1xf8E8M0FNU> -> tensor<2x32xbf16>
  return %0 : tensor<2x32xbf16>
}

/// There is no constant of a dynamic shape.
// CHECK-LABEL: func.func @result_is_dynamic
// CHECK:         mxfp4.dequantize
func.func @result_is_dynamic() -> tensor<?x32xbf16> {
  %values = arith.constant dense<0.0> : tensor<4x32xf4E2M1FN>
  %scales = arith.constant dense<4.0> : tensor<4x1xf8E8M0FNU>
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<?x32xbf16>
  return %0 : tensor<?x32xbf16>
}

/// Bytes hold two elements each; only elements are looked at.
// CHECK-LABEL: func.func @elements_are_bytes
// CHECK:         mxfp4.dequantize
func.func @elements_are_bytes() -> tensor<4x32xbf16> {
  %values = arith.constant dense<0> : tensor<4x16xi8>
  %scales = arith.constant dense<4.0> : tensor<4x1xf8E8M0FNU>
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x16xi8>, tensor<4x1xf8E8M0FNU> -> tensor<4x32xbf16>
  return %0 : tensor<4x32xbf16>
}

/// The size of a result is that of the operand.
// CHECK-LABEL: func.func @sizes_of_results
// CHECK-SAME:    %[[INPUT:[^:]+]]: tensor<?x32xf32>, %[[VALUES:[^:]+]]: tensor<?x32xf4E2M1FN>
// CHECK:         tensor.dim %[[INPUT]], %{{.+}} : tensor<?x32xf32>
// CHECK:         tensor.dim %[[VALUES]], %{{.+}} : tensor<?x32xf4E2M1FN>
// CHECK-NOT:     mxfp4
func.func @sizes_of_results(%input: tensor<?x32xf32>,
    %values: tensor<?x32xf4E2M1FN>, %scales: tensor<?x1xf8E8M0FNU>) -> (index, index) {
  %zero = arith.constant 0 : index
  %v, %s = mxfp4.quantize %input
      : tensor<?x32xf32> -> tensor<?x32xf4E2M1FN>, tensor<?x1xf8E8M0FNU>
  %blocks = tensor.dim %s, %zero : tensor<?x1xf8E8M0FNU>
  %wide = mxfp4.dequantize %values, %scales
      : tensor<?x32xf4E2M1FN>, tensor<?x1xf8E8M0FNU> -> tensor<?x32xf32>
  %rows = tensor.dim %wide, %zero : tensor<?x32xf32>
  return %blocks, %rows : index, index
}
