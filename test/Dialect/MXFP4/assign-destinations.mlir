// RUN: mxfp4-opt %s --mxfp4-assign-destinations | FileCheck %s

/// A result that is copied to a tensor goes there at once.
// CHECK-LABEL: func.func @dequantize_and_copy
// CHECK-SAME:    %[[OUT:[^:]+]]: tensor<4x64xf32>)
// CHECK-NEXT:    %[[Y:.+]] = mxfp4.dequantize_into ins(%{{.+}}, %{{.+}} : tensor<4x64xf4E2M1FN>, tensor<4x2xf8E8M0FNU>) outs(%[[OUT]] : tensor<4x64xf32>)
// CHECK-NEXT:    return %[[Y]]
func.func @dequantize_and_copy(%values: tensor<4x64xf4E2M1FN>,
    %scales: tensor<4x2xf8E8M0FNU>, %out: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %w = mxfp4.dequantize %values, %scales
      : tensor<4x64xf4E2M1FN>, tensor<4x2xf8E8M0FNU> -> tensor<4x64xf32>
  %y = linalg.copy ins(%w : tensor<4x64xf32>) outs(%out : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// CHECK-LABEL: func.func @quantize_and_copy
// CHECK-SAME:    %[[V:[^:]+]]: tensor<4x64xf4E2M1FN>, %[[S:[^:]+]]: tensor<4x4xf8E4M3FN>)
// CHECK-NEXT:    %[[RESULTS:.+]]:2 = mxfp4.quantize_into ins(%{{.+}} : tensor<4x64xbf16>) encode_scale(%{{.+}} : tensor<f32>) random(%{{.+}} : tensor<4x64xi8>) outs(%[[V]], %[[S]] : {{.+}}) {rounding = #mxfp4.rounding<stochastic>}
// CHECK-NEXT:    return %[[RESULTS]]#0, %[[RESULTS]]#1
func.func @quantize_and_copy(%x: tensor<4x64xbf16>, %e: tensor<f32>,
    %random: tensor<4x64xi8>, %v: tensor<4x64xf4E2M1FN>, %s: tensor<4x4xf8E4M3FN>)
    -> (tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN>) {
  %values, %scales = mxfp4.quantize %x encode_scale(%e : tensor<f32>)
      random(%random : tensor<4x64xi8>) {rounding = #mxfp4.rounding<stochastic>}
      : tensor<4x64xbf16> -> tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN>
  %a = bufferization.materialize_in_destination %values in %v
      : (tensor<4x64xf4E2M1FN>, tensor<4x64xf4E2M1FN>) -> tensor<4x64xf4E2M1FN>
  %b = linalg.copy ins(%scales : tensor<4x4xf8E4M3FN>) outs(%s : tensor<4x4xf8E4M3FN>)
      -> tensor<4x4xf8E4M3FN>
  return %a, %b : tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN>
}

/// Rows may be unknown, or known only of an operand.
// CHECK-LABEL: func.func @no_copy
// CHECK:         %[[ROWS:.+]] = tensor.dim
// CHECK:         %[[INIT:.+]] = tensor.empty(%[[ROWS]]) : tensor<?x64xf32>
// CHECK:         mxfp4.dequantize_into {{.+}} outs(%[[INIT]] : tensor<?x64xf32>)
// CHECK:         %[[KNOWN:.+]] = tensor.empty() : tensor<4x64xf32>
// CHECK:         %[[CAST:.+]] = tensor.cast %[[KNOWN]] : tensor<4x64xf32> to tensor<?x64xf32>
// CHECK:         mxfp4.dequantize_into {{.+}} outs(%[[CAST]] : tensor<?x64xf32>)
func.func @no_copy(%values: tensor<?x32xi8>, %scales: tensor<?x2xf8E8M0FNU>,
    %v: tensor<4x32xi8>, %s: tensor<4x2xf8E8M0FNU>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU> -> tensor<?x64xf32>
  %1 = mxfp4.dequantize %v, %s
      : tensor<4x32xi8>, tensor<4x2xf8E8M0FNU> -> tensor<?x64xf32>
  return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}

/// A copy to a tensor that is made later, and one that is a cast, stay.
// CHECK-LABEL: func.func @other_copies
// CHECK:         tensor.empty() : tensor<4x64xf32>
// CHECK:         mxfp4.dequantize_into
// CHECK:         linalg.copy
// CHECK:         linalg.copy
func.func @other_copies(%values: tensor<4x32xi8>, %scales: tensor<4x2xf8E8M0FNU>,
    %narrow: tensor<4x64xf16>) -> (tensor<4x64xf32>, tensor<4x64xf16>) {
  %w = mxfp4.dequantize %values, %scales
      : tensor<4x32xi8>, tensor<4x2xf8E8M0FNU> -> tensor<4x64xf32>
  %later = tensor.empty() : tensor<4x64xf32>
  %y = linalg.copy ins(%w : tensor<4x64xf32>) outs(%later : tensor<4x64xf32>) -> tensor<4x64xf32>
  %z = linalg.copy ins(%w : tensor<4x64xf32>) outs(%narrow : tensor<4x64xf16>) -> tensor<4x64xf16>
  return %y, %z : tensor<4x64xf32>, tensor<4x64xf16>
}

/// Elements of 6 bits have no kernel.
// CHECK-LABEL: func.func @six_bits
// CHECK:         mxfp4.quantize %
// CHECK:         mxfp4.dequantize %
func.func @six_bits(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %values, %scales = mxfp4.quantize %x
      : tensor<4x64xf32> -> tensor<4x64xf6E2M3FN>, tensor<4x2xf8E8M0FNU>
  %y = mxfp4.dequantize %values, %scales
      : tensor<4x64xf6E2M3FN>, tensor<4x2xf8E8M0FNU> -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}
