// RUN: mxfp4-opt %s --mxfp4-pack-storage --split-input-file --verify-diagnostics | FileCheck %s

/// F15: two elements in a byte, along the last dimension.
// CHECK-LABEL: func.func @matmul
// CHECK-SAME:    tensor<12x32xi8>
// CHECK:         mxfp4.matmul ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<?x64xf32>, tensor<12x32xi8>, tensor<12x2xf8E8M0FNU>)
func.func @matmul(%x: tensor<?x64xf32>, %values: tensor<12x64xf4E2M1FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x64xf32>,
                        tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

/// Before and after mxfp4-resolve-layouts.
// CHECK-LABEL: func.func @packs
// CHECK:         tensor.empty() : tensor<12x32xi8, #[[LAYOUT:mxfp4.layout<[^>]+>]]>
// CHECK:         mxfp4.pack ins(%{{.+}} : tensor<12x32xi8>) outs(%{{.+}} : tensor<12x32xi8, #[[LAYOUT]]>)
// CHECK:         tensor.empty() : tensor<2x8x32xi8>
// CHECK:         mxfp4.pack ins(%{{.+}} : tensor<12x32xi8>) outs(%{{.+}} : tensor<2x8x32xi8>)
func.func @packs(%values: tensor<12x64xf4E2M1FN>) {
  %0 = tensor.empty() : tensor<12x64xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 8>>
  %1 = mxfp4.pack ins(%values : tensor<12x64xf4E2M1FN>)
      outs(%0 : tensor<12x64xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 8>>)
      -> tensor<12x64xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 8>>
  %2 = tensor.empty() : tensor<2x8x64xf4E2M1FN>
  %3 = mxfp4.pack ins(%values : tensor<12x64xf4E2M1FN>)
      outs(%2 : tensor<2x8x64xf4E2M1FN>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8>} -> tensor<2x8x64xf4E2M1FN>
  return
}

// CHECK-LABEL: func.func private @declared(tensor<?x16xi8>) -> tensor<?x16xi8>
func.func private @declared(tensor<?x32xf4E2M1FN>) -> tensor<?x32xf4E2M1FN>

// CHECK-LABEL: func.func @call
// CHECK:         %[[VALUES:.+]], %[[SCALES:.+]] = mxfp4.quantize %{{.+}} : tensor<?x32xf32> -> tensor<?x16xi8>, tensor<?x1xf8E8M0FNU>
// CHECK:         %[[OTHERS:.+]] = call @declared(%[[VALUES]]) : (tensor<?x16xi8>) -> tensor<?x16xi8>
// CHECK:         mxfp4.dequantize %[[OTHERS]], %[[SCALES]] : tensor<?x16xi8>, tensor<?x1xf8E8M0FNU> -> tensor<?x32xf32>
func.func @call(%input: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %values, %scales = mxfp4.quantize %input
      : tensor<?x32xf32> -> tensor<?x32xf4E2M1FN>, tensor<?x1xf8E8M0FNU>
  %others = call @declared(%values) : (tensor<?x32xf4E2M1FN>) -> tensor<?x32xf4E2M1FN>
  %0 = mxfp4.dequantize %others, %scales
      : tensor<?x32xf4E2M1FN>, tensor<?x1xf8E8M0FNU> -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

/// On vectors an element stays what it is.
// CHECK-LABEL: func.func @vector
// CHECK-SAME:    vector<8xf4E2M1FN>
func.func @vector(%elements: vector<8xf4E2M1FN>) {
  return
}

// -----

/// Another op keeps its elements, and has them unpacked before and packed after.
// CHECK-LABEL: func.func @reader_of_another_dialect
// CHECK-SAME:    %[[BYTES:.+]]: tensor<?x32xi8>
// CHECK:         %[[PLAIN:.+]] = linalg.generic
// CHECK-SAME:      outs(%{{.+}} : tensor<?x64xf4E2M1FN>)
// CHECK:           %[[HALF:.+]] = arith.remui %[[COLUMN:.+]], %[[TWO:.+]] : index
// CHECK:           %[[AT:.+]] = arith.divui %[[COLUMN]], %[[TWO]] : index
// CHECK:           tensor.extract %[[BYTES]][%{{.+}}, %[[AT]]] : tensor<?x32xi8>
// CHECK:           arith.bitcast %{{.+}} : i4 to f4E2M1FN
// CHECK:         %[[SLICE:.+]] = tensor.extract_slice %[[PLAIN]][0, 1] [12, 32] [1, 1]
// CHECK:         %[[PACKED:.+]] = linalg.generic
// CHECK-SAME:      outs(%{{.+}} : tensor<12x16xi8>)
// CHECK-COUNT-2:   tensor.extract %[[SLICE]]
// CHECK:         return %[[PACKED]] : tensor<12x16xi8>
func.func @reader_of_another_dialect(%values: tensor<?x64xf4E2M1FN>) -> tensor<12x32xf4E2M1FN> {
  %0 = tensor.extract_slice %values[0, 1] [12, 32] [1, 1]
      : tensor<?x64xf4E2M1FN> to tensor<12x32xf4E2M1FN>
  return %0 : tensor<12x32xf4E2M1FN>
}

/// A tensor that stays among other ops may have any shape.
// CHECK-LABEL: func.func @odd_inside
// CHECK:         tensor.expand_shape %{{.+}} : tensor<6xf4E2M1FN> into tensor<2x3xf4E2M1FN>
func.func @odd_inside(%element: f4E2M1FN) -> f4E2M1FN {
  %c1 = arith.constant 1 : index
  %0 = tensor.splat %element : tensor<6xf4E2M1FN>
  %1 = tensor.expand_shape %0 [[0, 1]] output_shape [2, 3]
      : tensor<6xf4E2M1FN> into tensor<2x3xf4E2M1FN>
  %2 = tensor.extract %1[%c1, %c1] : tensor<2x3xf4E2M1FN>
  return %2 : f4E2M1FN
}

/// A constant is packed for the one reader and not for the other: 2 and -6 are
/// codes 4 and 15, so the byte is 0xF4.
// CHECK-LABEL: func.func @constant
// CHECK-DAG:     arith.constant dense<[-12, 16]> : tensor<2xi8>
// CHECK-DAG:     %[[PLAIN:.+]] = arith.constant dense<[2.000000e+00, -6.000000e+00, 0.000000e+00, 5.000000e-01]> : tensor<4xf4E2M1FN>
// CHECK:         tensor.extract %[[PLAIN]]
func.func @constant(%i: index) -> (tensor<4xf4E2M1FN>, f4E2M1FN) {
  %0 = arith.constant dense<[2.0, -6.0, 0.0, 0.5]> : tensor<4xf4E2M1FN>
  %1 = tensor.extract %0[%i] : tensor<4xf4E2M1FN>
  return %0, %1 : tensor<4xf4E2M1FN>, f4E2M1FN
}

// CHECK-LABEL: func.func @argument_of_a_loop
// CHECK:         %[[PLAIN:.+]] = linalg.generic
// CHECK:         scf.for {{.+}} iter_args(%{{.+}} = %[[PLAIN]]) -> (tensor<2xf4E2M1FN>)
func.func @argument_of_a_loop(%n: index, %x: tensor<2xf4E2M1FN>) -> tensor<2xf4E2M1FN> {
  %0 = scf.for %i = %n to %n step %n iter_args(%y = %x) -> tensor<2xf4E2M1FN> {
    scf.yield %y : tensor<2xf4E2M1FN>
  }
  return %0 : tensor<2xf4E2M1FN>
}

/// The body of an op may read any element, so that all are unpacked before.
// CHECK-LABEL: func.func @read_in_a_body
// CHECK-COUNT-1: outs(%{{.+}} : tensor<4xf4E2M1FN>)
// CHECK:         tensor.generate
// CHECK-NOT:       linalg.generic
// CHECK:           tensor.extract %{{.+}} : tensor<4xf4E2M1FN>
func.func @read_in_a_body(%values: tensor<4xf4E2M1FN>, %i: index) -> (tensor<2xf4E2M1FN>, f4E2M1FN) {
  %0 = tensor.generate {
  ^bb0(%j: index):
    %element = tensor.extract %values[%j] : tensor<4xf4E2M1FN>
    tensor.yield %element : f4E2M1FN
  } : tensor<2xf4E2M1FN>
  %1 = tensor.extract %values[%i] : tensor<4xf4E2M1FN>
  return %0, %1 : tensor<2xf4E2M1FN>, f4E2M1FN
}

// CHECK-LABEL: func.func @size_that_changes
// CHECK:         tensor.dim %{{.+}}, %{{.+}} : tensor<4x64xf4E2M1FN>
func.func @size_that_changes(%values: tensor<4x64xf4E2M1FN>) -> index {
  %c1 = arith.constant 1 : index
  %columns = tensor.dim %values, %c1 : tensor<4x64xf4E2M1FN>
  return %columns : index
}

// -----

/// A size that is the same in both forms, and copies to a place of the caller.
// CHECK-LABEL: func.func @leading_size
// CHECK-SAME:    %[[VALUES:[^:]+]]: tensor<?x32xi8>, %[[TARGET:[^:]+]]: tensor<?x32xi8>
// CHECK:         tensor.dim %[[VALUES]], %{{.+}} : tensor<?x32xi8>
// CHECK:         bufferization.materialize_in_destination %[[VALUES]] in %[[TARGET]]
func.func @leading_size(%values: tensor<?x64xf4E2M1FN>, %target: tensor<?x64xf4E2M1FN>)
    -> (index, tensor<?x64xf4E2M1FN>) {
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %values, %c0 : tensor<?x64xf4E2M1FN>
  %stored = bufferization.materialize_in_destination %values in %target
      : (tensor<?x64xf4E2M1FN>, tensor<?x64xf4E2M1FN>) -> tensor<?x64xf4E2M1FN>
  return %rows, %stored : index, tensor<?x64xf4E2M1FN>
}

// -----

// expected-error @below {{cannot be packed: expected an even static last dimension, but got 'tensor<4x3xf4E2M1FN>'}}
func.func @odd_argument(%x: tensor<4x3xf4E2M1FN>) {
  return
}

// -----

// expected-error @below {{cannot be packed: expected an even static last dimension, but got 'tensor<f4E2M1FN>'}}
func.func @scalar_argument(%x: tensor<f4E2M1FN>) {
  return
}

// -----

// expected-error @below {{cannot be packed: expected an even static last dimension, but got 'tensor<?xf4E2M1FN>'}}
func.func private @unknown_result() -> tensor<?xf4E2M1FN>

// -----

// expected-error @below {{cannot be packed: expected one block in a function that uses 4-bit tensors, but got 2}}
func.func @two_blocks(%x: tensor<2x4xf4E2M1FN>) -> tensor<2x4xf4E2M1FN> {
  cf.br ^bb1(%x : tensor<2x4xf4E2M1FN>)
^bb1(%y: tensor<2x4xf4E2M1FN>):
  return %y : tensor<2x4xf4E2M1FN>
}

// -----

func.func @elements_elsewhere() -> tensor<2xf4E2M1FN> {
  // expected-error @below {{cannot be packed: expected dense elements, but got dense_resource<elements> : tensor<2xf4E2M1FN>}}
  %0 = arith.constant dense_resource<elements> : tensor<2xf4E2M1FN>
  return %0 : tensor<2xf4E2M1FN>
}

{-# dialect_resources: { builtin: { elements: "0x080000001234" } } #-}
