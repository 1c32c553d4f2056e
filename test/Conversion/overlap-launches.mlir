// RUN: mxfp4-opt %s --pass-pipeline='builtin.module(gpu.module(mxfp4-overlap-launches))' | FileCheck %s

gpu.module @kernels {
  // A kernel waits before it touches memory; numbers of the call are there
  // already, and so is what can be computed without memory.

  // CHECK-LABEL: gpu.func @k
  // CHECK-NEXT:    llvm.load
  // CHECK-NEXT:    arith.constant
  // CHECK-NEXT:    arith.addi
  // CHECK-NEXT:    llvm.inline_asm has_side_effects "griddepcontrol.wait;", "~{memory}"
  // CHECK-NEXT:    nvvm.griddepcontrol launch_dependents
  // CHECK-NEXT:    memref.load
  // CHECK-NEXT:    memref.store
  gpu.func @k(%x: memref<4xf32>, %number: !llvm.ptr) kernel {
    %n = llvm.load %number : !llvm.ptr -> i64
    %c0 = arith.constant 0 : index
    %e = memref.load %x[%c0] : memref<4xf32>
    %c1 = arith.addi %c0, %c0 : index
    memref.store %e, %x[%c1] : memref<4xf32>
    gpu.return
  }

  // A settled load comes before, and each branch waits for itself.

  // CHECK-LABEL: gpu.func @branches
  // CHECK-NOT:     griddepcontrol.wait
  // CHECK:         scf.if
  // CHECK:           memref.load
  // CHECK-NEXT:      llvm.inline_asm has_side_effects "griddepcontrol.wait;", "~{memory}"
  // CHECK-NEXT:      nvvm.griddepcontrol launch_dependents
  // CHECK-NEXT:      memref.store
  // CHECK:         else
  // CHECK-NEXT:      llvm.inline_asm has_side_effects "griddepcontrol.wait;", "~{memory}"
  // CHECK-NEXT:      nvvm.griddepcontrol launch_dependents
  // CHECK-NEXT:      memref.store
  // CHECK-NOT:     griddepcontrol.wait
  gpu.func @branches(%pointer: !llvm.ptr {mxfp4.settled}, %y: memref<4xf32>) kernel {
    %undefined = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d = llvm.insertvalue %pointer, %undefined[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %x = builtin.unrealized_conversion_cast %d : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<4xf32>
    %zero = arith.constant 0 : index
    %one = arith.constant 1.0 : f32
    %block = gpu.block_id x
    %is = arith.cmpi eq, %block, %zero : index
    scf.if %is {
      %e = memref.load %x[%zero] : memref<4xf32>
      memref.store %e, %y[%zero] : memref<4xf32>
    } else {
      memref.store %one, %y[%block] : memref<4xf32>
    }
    gpu.return
  }

  // What the last kernel does not write is read before it is done, behind a
  // fence: an older one may have left it in a cache.

  // CHECK-LABEL: gpu.func @early
  // CHECK-NEXT:    llvm.fence syncscope("device") acquire
  // CHECK-NOT:     griddepcontrol.wait
  // CHECK:         memref.load
  // CHECK-NEXT:    llvm.inline_asm has_side_effects "griddepcontrol.wait;", "~{memory}"
  // CHECK:         memref.store
  gpu.func @early(%pointer: !llvm.ptr {mxfp4.early}, %y: memref<4xf32>) kernel {
    %undefined = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d = llvm.insertvalue %pointer, %undefined[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %x = builtin.unrealized_conversion_cast %d : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<4xf32>
    %zero = arith.constant 0 : index
    %e = memref.load %x[%zero] : memref<4xf32>
    memref.store %e, %y[%zero] : memref<4xf32>
    gpu.return
  }

  // All threads wait, also where there is nothing to wait for.

  // CHECK-LABEL: gpu.func @nothing
  // CHECK:         llvm.inline_asm has_side_effects "griddepcontrol.wait;", "~{memory}"
  // CHECK-NEXT:    nvvm.griddepcontrol launch_dependents
  // CHECK-NEXT:    gpu.return
  gpu.func @nothing(%x: memref<4xf32>) kernel {
    gpu.return
  }

  // One that lets the next kernel start at once does not do so again.

  // CHECK-LABEL: gpu.func @first
  // CHECK-NEXT:    nvvm.griddepcontrol launch_dependents
  // CHECK:         llvm.inline_asm has_side_effects "griddepcontrol.wait;", "~{memory}"
  // CHECK-NOT:     launch_dependents
  // CHECK:         gpu.return
  gpu.func @first(%x: memref<4xf32>) kernel attributes {mxfp4.starts_next} {
    %c0 = arith.constant 0 : index
    %e = memref.load %x[%c0] : memref<4xf32>
    memref.store %e, %x[%c0] : memref<4xf32>
    gpu.return
  }
}
