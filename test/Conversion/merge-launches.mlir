// RUN: mxfp4-opt %s --mxfp4-merge-launches | FileCheck %s

// Two launches that write different memory are one: its blocks are those of
// both, and block 2 is block 0 of the second. The third reads what the first
// writes, so it stays on its own.

// CHECK-LABEL: func @independent
// CHECK:       gpu.launch blocks(%[[X:[^,]*]], {{.*}}) in (%{{.*}} = %c5, {{.*}}) threads({{.*}}) in (%{{.*}} = %c64{{.*}}) function(@second)
// CHECK:         %[[FIRST:.*]] = arith.cmpi ult, %[[X]], %c2
// CHECK:         scf.if %[[FIRST]]
// CHECK:           scf.for
// CHECK:             memref.store %{{.*}} : memref<8xf32>
// CHECK:         else
// CHECK:           %[[BLOCK:.*]] = arith.subi %[[X]], %c2
// CHECK:           scf.for %{{.*}} = %[[BLOCK]] to
// CHECK:             memref.store %{{.*}}, %{{.*}} : memref<16xf32>
// CHECK:       gpu.launch {{.*}} function(@third)
// CHECK-NOT:   gpu.launch
func.func @independent(%x: memref<8xf32>, %y: memref<16xf32>, %z: memref<8xf32>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c64 = arith.constant 64 : index
  %one = arith.constant 1.0 : f32
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c2, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@first) {
    scf.for %i = %bx to %c2 step %gx {
      memref.store %one, %x[%i] : memref<8xf32>
    }
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c3, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@second) {
    scf.for %i = %bx to %c3 step %gx {
      memref.store %one, %y[%i] : memref<16xf32>
    }
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c2, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@third) {
    scf.for %i = %bx to %c2 step %gx {
      %e = memref.load %x[%i] : memref<8xf32>
      memref.store %e, %z[%i] : memref<8xf32>
    }
    gpu.terminator
  }
  return
}

// Any number of blocks do their part of each in turn, in the other order of
// the second.

// CHECK-LABEL: func @any_number
// CHECK:       gpu.launch blocks(%[[X:[^,]*]], {{.*}}) in (%[[N:[^ ]*]] = %c2147483647
// CHECK:         %[[LAST:.*]] = arith.subi %[[N]], %c1
// CHECK:         %[[BLOCK:.*]] = arith.subi %[[LAST]], %[[X]]
// CHECK:         scf.for %{{.*}} = %[[X]] to %{{.*}} step %[[N]]
// CHECK:         scf.for %{{.*}} = %[[BLOCK]] to %{{.*}} step %[[N]]
// CHECK-NOT:   gpu.launch
func.func @any_number(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %any = arith.constant 2147483647 : index
  %one = arith.constant 1.0 : f32
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %any, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@first) {
    scf.for %i = %bx to %n step %gx {
      memref.store %one, %x[%i] : memref<?xf32>
    }
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %any, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@second) {
    scf.for %i = %bx to %n step %gx {
      memref.store %one, %y[%i] : memref<?xf32>
    }
    gpu.terminator
  }
  return
}

// What they do in turn they do in the same memory, when all are done with it. Both
// together would need more than a block has.

// CHECK-LABEL: func @same_memory
// CHECK:       gpu.launch {{.*}} workgroup(%[[M:.*]] : memref<8192xf32, #gpu.address_space<workgroup>>)
// CHECK:         memref.store %{{.*}}, %[[M]]
// CHECK:         gpu.barrier
// CHECK:         memref.store %{{.*}}, %[[M]]
// CHECK-NOT:   gpu.launch
func.func @same_memory(%x: memref<?xf32>, %y: memref<?xf32>) {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %any = arith.constant 2147483647 : index
  %one = arith.constant 1.0 : f32
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %any, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@first)
             workgroup(%m : memref<8192xf32, #gpu.address_space<workgroup>>) {
    memref.store %one, %m[%tx] : memref<8192xf32, #gpu.address_space<workgroup>>
    memref.store %one, %x[%tx] : memref<?xf32>
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %any, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@second)
             workgroup(%m : memref<8192xf32, #gpu.address_space<workgroup>>) {
    memref.store %one, %m[%tx] : memref<8192xf32, #gpu.address_space<workgroup>>
    memref.store %one, %y[%tx] : memref<?xf32>
    gpu.terminator
  }
  return
}

// A launch of one block whose result others read: their blocks compute it for
// themselves, in their own memory.

// CHECK-LABEL: func @recomputed
// CHECK-NOT:   memref.alloc
// CHECK:       gpu.launch {{.*}} function(@consumer) workgroup(%[[OWN:.*]] : memref<4xf32, #gpu.address_space<workgroup>>)
// CHECK:         memref.store %{{.*}}, %[[OWN]]
// CHECK:         gpu.barrier
// CHECK:         memref.load %[[OWN]]
// CHECK-NOT:   gpu.launch
func.func @recomputed(%x: memref<4xf32>, %y: memref<8xf32>) {
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  %c0 = arith.constant 0 : index
  %alloc = memref.alloc() : memref<4xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@producer) {
    %e = memref.load %x[%bx] : memref<4xf32>
    memref.store %e, %alloc[%bx] : memref<4xf32>
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c8, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@consumer) {
    scf.for %i = %bx to %c8 step %gx {
      %e = memref.load %alloc[%c0] : memref<4xf32>
      memref.store %e, %y[%i] : memref<8xf32>
    }
    gpu.terminator
  }
  memref.dealloc %alloc : memref<4xf32>
  return
}

// Not where what it needs is overwritten before the last of them.

// CHECK-LABEL: func @overwritten
// CHECK:       gpu.launch {{.*}} function(@producer)
// CHECK:       gpu.launch {{.*}} function(@consumer)
// CHECK-NOT:     gpu.barrier
func.func @overwritten(%x: memref<4xf32>) {
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c64 = arith.constant 64 : index
  %c0 = arith.constant 0 : index
  %alloc = memref.alloc() : memref<4xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@producer) {
    %e = memref.load %x[%bx] : memref<4xf32>
    memref.store %e, %alloc[%bx] : memref<4xf32>
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c4, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) function(@consumer) {
    scf.for %i = %bx to %c4 step %gx {
      %e = memref.load %alloc[%c0] : memref<4xf32>
      memref.store %e, %x[%i] : memref<4xf32>
    }
    gpu.terminator
  }
  memref.dealloc %alloc : memref<4xf32>
  return
}

// Nor are launches whose size is not known.

// CHECK-LABEL: func @unknown
// CHECK-COUNT-2: gpu.launch
func.func @unknown(%x: memref<8xf32>, %y: memref<8xf32>, %n: index) {
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %n, %sy = %c1, %sz = %c1) {
    memref.store %one, %x[%bx] : memref<8xf32>
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %n, %sy = %c1, %sz = %c1) {
    memref.store %one, %y[%bx] : memref<8xf32>
    gpu.terminator
  }
  return
}

// Nor are blocks of a cluster given to others, but to launches with clusters of
// as many.

// CHECK-LABEL: func @cluster
// CHECK-COUNT-2: gpu.launch
func.func @cluster(%x: memref<8xf32>, %y: memref<8xf32>) {
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %one = arith.constant 1.0 : f32
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c8, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %one, %x[%bx] : memref<8xf32>
    gpu.terminator
  } {nvvm.cluster_dim = array<i32: 8, 1, 1>}
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c8, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %one, %y[%bx] : memref<8xf32>
    gpu.terminator
  }
  return
}

// CHECK-LABEL: func @clusters
// CHECK:       %[[BLOCKS:.*]] = arith.constant 12 : index
// CHECK:       gpu.launch blocks({{.*}}) in (%{{.*}} = %[[BLOCKS]],
// CHECK:         memref.store
// CHECK:       } else {
// CHECK:         memref.store
// CHECK:       nvvm.cluster_dim = array<i32: 4, 1, 1>
// CHECK-NOT:   gpu.launch
// CHECK:       return
func.func @clusters(%x: memref<8xf32>, %y: memref<8xf32>) {
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %one = arith.constant 1.0 : f32
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c8, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %one, %x[%bx] : memref<8xf32>
    gpu.terminator
  } {nvvm.cluster_dim = array<i32: 4, 1, 1>}
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c4, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %one, %y[%bx] : memref<8xf32>
    gpu.terminator
  } {nvvm.cluster_dim = array<i32: 4, 1, 1>}
  return
}

// Nor where a launch has no whole clusters, which no GPU starts.

// CHECK-LABEL: func @part_of_a_cluster
// CHECK-COUNT-2: gpu.launch
func.func @part_of_a_cluster(%x: memref<8xf32>, %y: memref<8xf32>) {
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %one = arith.constant 1.0 : f32
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c3, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %one, %x[%bx] : memref<8xf32>
    gpu.terminator
  } {nvvm.cluster_dim = array<i32: 4, 1, 1>}
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c3, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %one, %y[%bx] : memref<8xf32>
    gpu.terminator
  } {nvvm.cluster_dim = array<i32: 4, 1, 1>}
  return
}

// A launch of fewer threads becomes a part of another's, if they need no other.

// CHECK-LABEL: func @fewer_threads
// CHECK:       %[[BLOCKS:.*]] = arith.constant 2 : index
// CHECK-NEXT:  %[[MOST:.*]] = arith.constant 64 : index
// CHECK-NEXT:  gpu.launch blocks({{.*}}) in (%{{.*}} = %[[BLOCKS]], {{.*}} threads(%[[THREAD:[^,]*]], {{.*}}) in (%{{.*}} = %[[MOST]],
// CHECK:         scf.if
// CHECK:           %[[HAS:.*]] = arith.cmpi ult, %[[THREAD]], %{{.*}} : index
// CHECK-NEXT:    scf.if %[[HAS]]
// CHECK-NEXT:      memref.store {{.*}} : memref<32xf32>
// CHECK-NOT:   gpu.launch
// CHECK:       return
func.func @fewer_threads(%x: memref<32xf32>, %y: memref<64xf32>) {
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %one = arith.constant 1.0 : f32
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c32, %sy = %c1, %sz = %c1) {
    memref.store %one, %x[%tx] : memref<32xf32>
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) {
    memref.store %one, %y[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

// CHECK-LABEL: func @fewer_threads_wait
// CHECK-COUNT-2: gpu.launch
func.func @fewer_threads_wait(%x: memref<32xf32>, %y: memref<64xf32>) {
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %one = arith.constant 1.0 : f32
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c32, %sy = %c1, %sz = %c1) {
    gpu.barrier
    memref.store %one, %x[%tx] : memref<32xf32>
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%sx = %c64, %sy = %c1, %sz = %c1) {
    memref.store %one, %y[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}
