// RUN: mxfp4-opt %s --mxfp4-drop-entry-results --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @results_are_arguments(
// CHECK-NOT:     ->
// CHECK-SAME:    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
// CHECK:         return{{$}}
func.func @results_are_arguments(%a: memref<4xf32>, %b: memref<?xf32>)
    -> (memref<?xf32> {some.attribute}, memref<4xf32>)
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  return %b, %a : memref<?xf32>, memref<4xf32>
}

// CHECK-LABEL: func.func @result_is_an_argument_of_another_type(
// CHECK-NOT:     ->
// CHECK:         return{{$}}
func.func @result_is_an_argument_of_another_type(%a: memref<4xf32>) -> memref<?xf32>
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %0 = memref.cast %a : memref<4xf32> to memref<?xf32>
  return %0 : memref<?xf32>
}

// CHECK-LABEL: func.func @not_an_entry(
// CHECK-SAME:    -> memref<4xf32>
// CHECK:         return %{{.+}} : memref<4xf32>
func.func @not_an_entry(%a: memref<4xf32>) -> memref<4xf32> {
  return %a : memref<4xf32>
}

// -----

// expected-error @below {{cannot be an entry point: expected result 1 to be a memref argument that it writes, but got another value of type 'memref<4xf32>'}}
func.func @result_is_a_buffer_of_its_own(%a: memref<4xf32>) -> (memref<4xf32>, memref<4xf32>)
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %0 = memref.alloc() : memref<4xf32>
  return %a, %0 : memref<4xf32>, memref<4xf32>
}

// -----

// expected-error @below {{cannot be an entry point: expected result 0 to be a memref argument that it writes, but got another value of type 'index'}}
func.func @result_is_a_number(%a: index) -> index attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  return %a : index
}

// -----

// expected-error @below {{cannot be an entry point: expected result 0 to be a memref argument that it writes, but got another value of type 'tensor<4xf32>'}}
func.func @result_is_a_tensor(%a: tensor<4xf32>) -> tensor<4xf32>
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  return %a : tensor<4xf32>
}

// -----

// expected-error @below {{cannot be an entry point: expected no call of it}}
func.func @called(%a: memref<4xf32>) -> memref<4xf32>
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  return %a : memref<4xf32>
}
func.func @caller(%a: memref<4xf32>) {
  // expected-note @below {{it is called here}}
  %0 = call @called(%a) : (memref<4xf32>) -> memref<4xf32>
  return
}
