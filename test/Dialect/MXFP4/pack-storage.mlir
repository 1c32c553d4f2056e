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

func.func @reader_of_another_dialect(%values: tensor<12x64xf4E2M1FN>) -> tensor<12x32xf4E2M1FN> {
  // expected-error @below {{cannot be packed: expected only mxfp4 ops to use 4-bit tensors, but got 'tensor<12x64xf4E2M1FN>'}}
  %0 = tensor.extract_slice %values[0, 0] [12, 32] [1, 1]
      : tensor<12x64xf4E2M1FN> to tensor<12x32xf4E2M1FN>
  return %0 : tensor<12x32xf4E2M1FN>
}

// -----

func.func @constant() {
  // expected-error @below {{cannot be packed: expected only mxfp4 ops to use 4-bit tensors, but got 'tensor<2xf4E2M1FN>'}}
  %0 = arith.constant dense<1.0> : tensor<2xf4E2M1FN>
  return
}

// -----

func.func @argument_of_a_loop(%n: index, %x: tensor<2xf4E2M1FN>) {
  %0 = scf.for %i = %n to %n step %n iter_args(%y = %x) -> tensor<2xf4E2M1FN> {
    // expected-error @below {{cannot be packed: expected only mxfp4 ops to use 4-bit tensors, but got 'tensor<2xf4E2M1FN>'}}
    scf.yield %y : tensor<2xf4E2M1FN>
  }
  return
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

func.func @size_that_changes(%values: tensor<4x64xf4E2M1FN>) -> index {
  %c1 = arith.constant 1 : index
  // expected-error @below {{cannot be packed: expected only mxfp4 ops to use 4-bit tensors, but got 'tensor<4x64xf4E2M1FN>'}}
  %columns = tensor.dim %values, %c1 : tensor<4x64xf4E2M1FN>
  return %columns : index
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
