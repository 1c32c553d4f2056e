// RUN: mxfp4-opt %s --mxfp4-outline-kernels --split-input-file --verify-diagnostics \
// RUN:     | FileCheck %s

// Kernels that differ in the blocks of a cluster alone are two.

// CHECK-LABEL: func.func @clusters
// CHECK:         gpu.launch_func @kernels::@kernel_0
// CHECK:         gpu.launch_func @kernels::@kernel_1
// CHECK:         gpu.launch_func @kernels::@kernel_0
// CHECK:       gpu.func @kernel_0
// CHECK-NOT:     cluster_dim
// CHECK:       gpu.func @kernel_1{{.*}} nvvm.cluster_dim = array<i32: 8, 1, 1>
func.func @clusters(%y: memref<8xindex>) {
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c8, %gy = %c1, %gz = %c1)
      threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %bx, %y[%bx] : memref<8xindex>
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c8, %gy = %c1, %gz = %c1)
      threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %bx, %y[%bx] : memref<8xindex>
    gpu.terminator
  } {nvvm.cluster_dim = array<i32: 8, 1, 1>}
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c8, %gy = %c1, %gz = %c1)
      threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %bx, %y[%bx] : memref<8xindex>
    gpu.terminator
  }
  return
}

// -----

// Memory of a block that is more than a kernel can say comes with the launch.

// CHECK-LABEL: func @large
// CHECK:         %[[BYTES:.*]] = arith.constant 80016 : i32
// CHECK:         gpu.launch_func @kernels::@kernel_0 {{.*}} dynamic_shared_memory_size %[[BYTES]]
// CHECK:       gpu.func @kernel_0
// CHECK-NOT:     workgroup(
// CHECK:         %[[MEMORY:.*]] = gpu.dynamic_shared_memory
// CHECK:         memref.view %[[MEMORY]][%{{.*}}][] : memref<?xi8, #gpu.address_space<workgroup>> to memref<20000xf32, #gpu.address_space<workgroup>>
// CHECK:         memref.view %[[MEMORY]][%{{.*}}][] : memref<?xi8, #gpu.address_space<workgroup>> to memref<4xf32, #gpu.address_space<workgroup>>
func.func @large(%y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
      threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1)
      workgroup(%a: memref<20000xf32, #gpu.address_space<workgroup>>, %b: memref<4xf32, #gpu.address_space<workgroup>>) {
    %e = memref.load %a[%c0] : memref<20000xf32, #gpu.address_space<workgroup>>
    memref.store %e, %b[%c0] : memref<4xf32, #gpu.address_space<workgroup>>
    memref.store %e, %y[%c0] : memref<4xf32>
    gpu.terminator
  }
  return
}

// -----

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
