// RUN: mxfp4-opt %s --mxfp4-outline-kernels --split-input-file \
// RUN:   --verify-diagnostics | FileCheck %s --check-prefix=OUTLINE
// RUN: mxfp4-opt %s --mxfp4-outline-kernels --mxfp4-plan-launches \
// RUN:   --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=PLAN

// Two calls of one function launch one kernel with other addresses. A kernel
// gets the arguments and temporaries that it uses, and computes the rest.

// OUTLINE:       gpu.launch_func @kernels::@double_0
// OUTLINE:       gpu.module @kernels
// OUTLINE:         gpu.func @double_0(%{{.*}}: memref<?x64xf32>, %{{.*}}: memref<?x64xf32>) kernel
// OUTLINE-SAME:      known_block_size = array<i32: 128, 1, 1>
// OUTLINE:           memref.dim
// OUTLINE-NOT:     gpu.func

// Buffers: x 0, y 1, arena 2, numbers 3.
// PLAN:       mxfp4.buffers = [{{.*}}name = "x"{{.*}}name = "y"{{.*}}name = "arena"{{.*}}name = "numbers"
// PLAN-NOT:   @twice(
// PLAN:       func.func @run() attributes
// PLAN-SAME:    mxfp4.launches = [{arguments = array<i64: 0, 0, 3, 0, 2, 128, 3, 0>, blocks = 7 : i64, kernel = "double_0", op = -1 : i64, shared = 0 : i64, threads = 128 : i64},
// PLAN-SAME:                      {arguments = array<i64: 2, 128, 3, 0, 1, 0, 3, 0>, blocks = 7 : i64, kernel = "double_0"
// PLAN-NEXT:    return
// PLAN:       gpu.func @double_0(%[[X:.*]]: !llvm.ptr, %[[ROWS:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) kernel
// PLAN:         llvm.load %[[ROWS]] : !llvm.ptr -> i64
module attributes {mxfp4.arena = 4096 : i64} {
  func.func private @twice(%x: memref<?x64xf32>, %y: memref<?x64xf32>) {
    %c1 = arith.constant 1 : index
    %c7 = arith.constant 7 : index
    %c128 = arith.constant 128 : index
    %c0 = arith.constant 0 : index
    %rows = memref.dim %x, %c0 : memref<?x64xf32>
    gpu.launch blocks(%bx, %by, %bz) in (%gx = %c7, %gy = %c1, %gz = %c1)
        threads(%tx, %ty, %tz) in (%sx = %c128, %sy = %c1, %sz = %c1) function(@double) {
      scf.for %i = %bx to %rows step %gx {
        %e = memref.load %x[%i, %tx] : memref<?x64xf32>
        %s = arith.addf %e, %e : f32
        memref.store %s, %y[%i, %tx] : memref<?x64xf32>
      }
      gpu.terminator
    }
    return
  }
  func.func @run(
      %x: memref<?x64xf32> {mxfp4.buffer = "x", mxfp4.kind = "input", mxfp4.dim = "tokens"},
      %y: memref<?x64xf32> {mxfp4.buffer = "y", mxfp4.kind = "output", mxfp4.dim = "tokens"},
      %arena: memref<?xi8> {mxfp4.buffer = "arena", mxfp4.kind = "arena"},
      %base: index {mxfp4.value = "zero"})
      attributes {mxfp4.entry = "run", mxfp4.max_tokens = 16 : i64} {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    %offset = arith.addi %base, %c128 : index
    %tokens = memref.dim %x, %c0 : memref<?x64xf32>
    %t = memref.view %arena[%offset][%tokens] : memref<?xi8> to memref<?x64xf32>
    func.call @twice(%x, %t) : (memref<?x64xf32>, memref<?x64xf32>) -> ()
    func.call @twice(%t, %y) : (memref<?x64xf32>, memref<?x64xf32>) -> ()
    return
  }
}

// -----

// Of what the third launch touches, no launch writes the weight, the first one
// writes what is early, and the second one and itself write the rest.

// OUTLINE:       gpu.launch_func @kernels::@third_0
// PLAN:       gpu.func @third_0(%{{[^:]*}}: !llvm.ptr {mxfp4.settled}, %{{[^:]*}}: !llvm.ptr {mxfp4.early}, %{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: !llvm.ptr) kernel
module attributes {mxfp4.arena = 4096 : i64} {
  func.func @run(
      %weight: memref<64xf32> {mxfp4.buffer = "weight", mxfp4.kind = "weight", mxfp4.source = tensor<64xf32>},
      %y: memref<64xf32> {mxfp4.buffer = "y", mxfp4.kind = "output"},
      %arena: memref<?xi8> {mxfp4.buffer = "arena", mxfp4.kind = "arena"})
      attributes {mxfp4.entry = "run", mxfp4.max_tokens = 16 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %c256 = arith.constant 256 : index
    %first = memref.view %arena[%c0][] : memref<?xi8> to memref<64xf32>
    %second = memref.view %arena[%c256][] : memref<?xi8> to memref<64xf32>
    gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
        threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@first) {
      %e = memref.load %weight[%tx] : memref<64xf32>
      memref.store %e, %first[%tx] : memref<64xf32>
      gpu.terminator
    }
    gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
        threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@second) {
      %e = memref.load %first[%tx] : memref<64xf32>
      %s = arith.addf %e, %e : f32
      memref.store %s, %second[%tx] : memref<64xf32>
      gpu.terminator
    }
    gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
        threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@third) {
      %w = memref.load %weight[%tx] : memref<64xf32>
      %f = memref.load %first[%tx] : memref<64xf32>
      %g = memref.load %second[%tx] : memref<64xf32>
      %s = arith.addf %f, %g : f32
      %p = arith.mulf %s, %w : f32
      memref.store %p, %y[%tx] : memref<64xf32>
      gpu.terminator
    }
    return
  }
}
