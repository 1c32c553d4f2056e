// RUN: mxfp4-opt %s --mxfp4-outline-kernels --split-input-file --verify-diagnostics

func.func @reads(%x: memref<4xindex>, %y: memref<4xindex>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %i = memref.load %x[%c0] : memref<4xindex>
  // expected-error @below {{cannot become a kernel: expected it to use arguments and what is computed from them, but it uses a result of 'memref.load'}}
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
      threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %i, %y[%c0] : memref<4xindex>
    gpu.terminator
  }
  return
}

// -----

func.func @dynamic(%y: memref<4xindex>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @below {{cannot become a kernel: expected constant sizes}}
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %n, %gy = %c1, %gz = %c1)
      threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %bx, %y[%c0] : memref<4xindex>
    gpu.terminator
  }
  return
}

// -----

// expected-error @below {{cannot be given kernels: expected no 'kernels' before}}
module {
  gpu.module @kernels {
  }
}
