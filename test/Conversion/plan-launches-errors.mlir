// RUN: mxfp4-opt %s --mxfp4-plan-launches --split-input-file --verify-diagnostics

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%i: index) kernel {
      gpu.return
    }
  }
  func.func @run() attributes {mxfp4.entry = "run", mxfp4.max_tokens = 16 : i64} {
    %c1 = arith.constant 1 : index
    // expected-error @below {{cannot be planned: expected a number of tokens or positions, but got 1}}
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%c1 : index)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%i: memref<4xf32, strided<[1], offset: ?>>) kernel {
      gpu.return
    }
  }
  func.func @run(%x: memref<8xf32> {mxfp4.buffer = "x", mxfp4.kind = "input"},
                 %n: index {mxfp4.value = "position"})
      attributes {mxfp4.entry = "run", mxfp4.max_tokens = 16 : i64} {
    %c1 = arith.constant 1 : index
    %s = memref.subview %x[%n] [4] [1] : memref<8xf32> to memref<4xf32, strided<[1], offset: ?>>
    // expected-error @below {{cannot be planned: expected operands to be arguments, temporaries and numbers of tokens, but got a value of type}}
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%s : memref<4xf32, strided<[1], offset: ?>>)
    return
  }
}

// -----

// expected-error @below {{cannot be an entry point: expected argument 0 to be a plain memref of numbers with 'mxfp4.buffer' or an index with 'mxfp4.value', but got 'index'}}
func.func @run(%n: index {mxfp4.value = "threads"})
    attributes {mxfp4.entry = "run", mxfp4.max_tokens = 16 : i64} {
  return
}
