// RUN: mxfp4-opt %s --pass-pipeline='builtin.module(gpu.module(mxfp4-overlap-launches))' | FileCheck %s

// A kernel waits before it touches memory; numbers of the call are there already.

// CHECK-LABEL: gpu.func @k
// CHECK-NEXT:    nvvm.griddepcontrol launch_dependents
// CHECK-NEXT:    llvm.load
// CHECK-NEXT:    arith.constant
// CHECK-NEXT:    nvvm.griddepcontrol wait
// CHECK-NEXT:    memref.load
gpu.module @kernels {
  gpu.func @k(%x: memref<4xf32>, %number: !llvm.ptr) kernel {
    %n = llvm.load %number : !llvm.ptr -> i64
    %c0 = arith.constant 0 : index
    %e = memref.load %x[%c0] : memref<4xf32>
    memref.store %e, %x[%c0] : memref<4xf32>
    gpu.return
  }
}
