// RUN: mxfp4-opt %s --pass-pipeline='builtin.module(gpu.module(mxfp4-overlap-launches))' | FileCheck %s

// CHECK-LABEL: gpu.func @k
// CHECK-NEXT:    nvvm.griddepcontrol launch_dependents
// CHECK-NEXT:    nvvm.griddepcontrol wait
// CHECK:         memref.load
gpu.module @kernels {
  gpu.func @k(%x: memref<4xf32>) kernel {
    %c0 = arith.constant 0 : index
    %e = memref.load %x[%c0] : memref<4xf32>
    memref.store %e, %x[%c0] : memref<4xf32>
    gpu.return
  }
}
