// RUN: mxfp4-opt %s --split-input-file --mxfp4-make-entry-points | FileCheck %s
// RUN: mxfp4-opt %s --split-input-file --mxfp4-make-entry-points='max-tokens=8' | FileCheck %s --check-prefix=TOKENS
// RUN: mxfp4-opt %s --split-input-file --mxfp4-make-entry-points --mxfp4-lower-to-cpu | FileCheck %s --check-prefix=CPU

// CHECK-LABEL: func.func @rows_are_tokens.entry(
// CHECK-SAME:    %[[X:.+]]: tensor<?x64xf32> {bufferization.writable = false, mxfp4.buffer = "rows_are_tokens.arg0", mxfp4.dim = "tokens", mxfp4.kind = "input"},
// CHECK-SAME:    %[[Y:.+]]: tensor<?x64xf32> {mxfp4.buffer = "rows_are_tokens.result0", mxfp4.dim = "tokens", mxfp4.kind = "output"})
// CHECK-SAME:    -> tensor<?x64xf32> attributes {mxfp4.entry = "rows_are_tokens", mxfp4.max_tokens = 512 : i64}
// CHECK:       %[[SUM:.+]] = linalg.add
// CHECK:       %[[STORED:.+]] = bufferization.materialize_in_destination %[[SUM]] in %[[Y]]
// CHECK:       return %[[STORED]]
// TOKENS: mxfp4.max_tokens = 8
/// The sum is made in the output: nothing is copied and the arena is empty.
// CPU: mxfp4.arena = 0
// CPU: kind = "input", name = "rows_are_tokens.arg0", type = memref<?x64xf32>
// CPU: mxfp4.arguments = array<i64: 0, 1>
func.func @rows_are_tokens(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %x, %c0 : tensor<?x64xf32>
  %init = tensor.empty(%rows) : tensor<?x64xf32>
  %sum = linalg.add ins(%x, %x : tensor<?x64xf32>, tensor<?x64xf32>)
      outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %sum : tensor<?x64xf32>
}

// -----

// CHECK-LABEL: func.func @several_results.entry
// CHECK-SAME:    mxfp4.kind = "input"
// CHECK-SAME:    mxfp4.buffer = "several_results.result0", mxfp4.kind = "output"
// CHECK-SAME:    mxfp4.buffer = "several_results.result1", mxfp4.kind = "output"
func.func @several_results(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<i1>) {
  %true = arith.constant dense<true> : tensor<i1>
  return %x, %true : tensor<4xf32>, tensor<i1>
}

/// What is not called from outside stays as it is.
// CHECK: func.func private @callee(%{{.+}}: tensor<4xf32>) -> tensor<4xf32> {
func.func private @callee(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

/// An argument that says what it is keeps its name and kind.
// CHECK-LABEL: func.func @marked.entry
// CHECK-SAME:    mxfp4.buffer = "blocks", mxfp4.kind = "weight", mxfp4.source = tensor<64x16xi8>
func.func @marked(
    %values: tensor<64x32xf4E2M1FN> {mxfp4.buffer = "blocks", mxfp4.kind = "weight"},
    %scales: tensor<64x1xf8E8M0FNU>) -> tensor<64x32xf32> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<64x32xf4E2M1FN>, tensor<64x1xf8E8M0FNU> -> tensor<64x32xf32>
  return %0 : tensor<64x32xf32>
}

// -----

/// An entry point already.
// CHECK-LABEL: func.func @entry
// CHECK-SAME:    (%{{.+}}: tensor<4xf32> {mxfp4.buffer = "y", mxfp4.kind = "output"})
// CHECK-NOT:   materialize_in_destination
func.func @entry(%y: tensor<4xf32> {mxfp4.buffer = "y", mxfp4.kind = "output"}) -> tensor<4xf32>
    attributes {mxfp4.entry = "entry", mxfp4.max_tokens = 1 : i64} {
  return %y : tensor<4xf32>
}

// -----

/// Rows of blocks are those of what they are made of.
// CHECK-LABEL: func.func @rows_through_blocks.entry
// CHECK:         bufferization.materialize_in_destination
func.func @rows_through_blocks(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %v, %s = mxfp4.quantize %x
      : tensor<?x64xf32> -> tensor<?x64xf4E2M1FN>, tensor<?x2xf8E8M0FNU>
  %y = mxfp4.dequantize %v, %s
      : tensor<?x64xf4E2M1FN>, tensor<?x2xf8E8M0FNU> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

/// The rows of the result are found through ops on blocks, wherever they are.
// CHECK-LABEL: func.func @between_ops.entry
func.func @between_ops(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %c0 = arith.constant 0 : index
  %values, %scales = mxfp4.quantize %x
      : tensor<?x32xf32> -> tensor<?x32xf4E2M1FN>, tensor<?x1xf8E8M0FNU>
  %y = mxfp4.dequantize %values, %scales
      : tensor<?x32xf4E2M1FN>, tensor<?x1xf8E8M0FNU> -> tensor<?x32xf32>
  %rows = tensor.dim %y, %c0 : tensor<?x32xf32>
  %init = tensor.empty(%rows) : tensor<?x32xf32>
  %z = linalg.exp ins(%y : tensor<?x32xf32>) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}
