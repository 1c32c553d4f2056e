// RUN: mxfp4-opt %s --split-input-file --verify-diagnostics --mxfp4-make-entry-points='weights=f.arg0'
// RUN: not mxfp4-opt %s --split-input-file --mxfp4-make-entry-points='max-tokens=0' 2>&1 | FileCheck %s
// CHECK: error: expected 'max-tokens' to be 1 or more, but got 0

// expected-error @below {{'func.func' op cannot be an entry point: expected argument 1 of 'f' to be a tensor of numbers with no dynamic dimension but the leading one, but got 'tensor<4x?xf32>'}}
func.func @f(%w: tensor<4xf32>, %x: tensor<4x?xf32>) {
  return
}

// -----

// expected-error @below {{cannot be an entry point: expected argument 1 of 'f' to be a tensor of numbers with no dynamic dimension but the leading one, but got 'f32'}}
func.func @f(%w: tensor<4xf32>, %x: f32) {
  return
}

// -----

// expected-error @below {{cannot be an entry point: expected result 0 of 'f' to be a tensor of numbers with no dynamic dimension but the leading one, but got 'tensor<4xindex>'}}
func.func @f(%w: tensor<4xf32>) -> tensor<4xindex> {
  %0 = arith.constant dense<0> : tensor<4xindex>
  return %0 : tensor<4xindex>
}

// -----

// expected-error @below {{cannot be an entry point: expected weight 'f.arg0' to have a static shape, but got 'tensor<?x4xf32>'}}
func.func @f(%w: tensor<?x4xf32>) {
  return
}

// -----

// expected-error @below {{expected weight 'f.arg0' to be an argument of a public function}}
module {
  func.func @g(%w: tensor<4xf32>) {
    return
  }
}

// -----

// expected-error @below {{cannot be an entry point: expected no call of it}}
func.func @f(%w: tensor<4xf32>) {
  return
}
func.func @g(%w: tensor<4xf32>) {
  // expected-note @below {{it is called here}}
  call @f(%w) : (tensor<4xf32>) -> ()
  return
}

// -----

// expected-error @below {{cannot be an entry point: expected another name, which functions have that prepare a weight}}
func.func @prepare(%w: tensor<4xf32>) {
  return
}

// -----

// expected-error @below {{cannot be an entry point: expected 'mxfp4.kind' of argument 1 to be weight or input, but got "arena"}}
func.func @f(%w: tensor<4xf32>, %x: tensor<4xi8> {mxfp4.kind = "arena"}) {
  return
}

// -----

// expected-error @below {{cannot be an entry point: expected 'mxfp4.dim' of argument 1 to be tokens, but got "context"}}
func.func @f(%w: tensor<4xf32>, %x: tensor<?xf32> {mxfp4.dim = "context"}) {
  return
}

// -----

func.func @f(%w: tensor<4xf32>, %x: tensor<?x4xf32>, %n: tensor<1xi32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x4xf32>
  %fewer = arith.subi %rows, %c1 : index
  %y = tensor.extract_slice %x[1, 0] [%fewer, 4] [1, 1] : tensor<?x4xf32> to tensor<?x4xf32>
  // expected-error @below {{cannot be in an entry point: expected result 0 to have as many rows as an argument}}
  return %y : tensor<?x4xf32>
}

// -----

func.func @f(%w: tensor<4xf32>, %x: tensor<?x4xf32>) -> tensor<6x4xf32> {
  // expected-error @below {{cannot be in an entry point: expected no dynamic size to become a fixed one, but got 'tensor<?x4xf32>' to}}
  %y = tensor.cast %x : tensor<?x4xf32> to tensor<6x4xf32>
  return %y : tensor<6x4xf32>
}

// -----

/// Nor in what an entry point calls, also if another size is forgotten.
func.func private @callee(%x: tensor<?x4xf32>) -> tensor<6x?xf32> {
  // expected-error @below {{cannot be in an entry point: expected no dynamic size to become a fixed one, but got 'tensor<?x4xf32>' to}}
  %y = tensor.cast %x : tensor<?x4xf32> to tensor<6x?xf32>
  return %y : tensor<6x?xf32>
}

func.func @f(%x: tensor<?x4xf32>) -> tensor<6x?xf32> {
  %y = func.call @callee(%x) : (tensor<?x4xf32>) -> tensor<6x?xf32>
  return %y : tensor<6x?xf32>
}

// -----

func.func @f(%w: tensor<4xf32>, %x: tensor<7x4xf32>) -> tensor<?x4xf32> {
  %y = tensor.cast %x : tensor<7x4xf32> to tensor<?x4xf32>
  // expected-error @below {{cannot be in an entry point: expected result 0 to have as many rows as an argument}}
  return %y : tensor<?x4xf32>
}

// -----

// expected-error @below {{expected a body: code calls nothing outside}}
func.func private @getpid() -> tensor<i32>
func.func @f(%w: tensor<4xf32>) -> tensor<i32> {
  %0 = call @getpid() : () -> tensor<i32>
  return %0 : tensor<i32>
}
