// RUN: mxfp4-opt %s --mxfp4-map-loops-to-gpu --split-input-file \
// RUN:   --verify-diagnostics | FileCheck %s

// An iteration of a parallel loop is the work of a thread; what is inside runs
// one after the other.

// CHECK-LABEL: func @loop
// CHECK:       %[[BLOCKS:.*]] = arith.constant 2 : index
// CHECK:       %[[THREADS:.*]] = arith.constant 256 : index
// CHECK:       gpu.launch blocks({{.*}}) in (%{{.*}} = %[[BLOCKS]], {{.*}}) threads({{.*}}) in (%{{.*}} = %[[THREADS]], {{.*}}) function(@loop)
// CHECK-NOT:     scf.if
// CHECK-NOT:     scf.parallel
// CHECK:         scf.for
// CHECK:           memref.store
// CHECK:         gpu.terminator
func.func @loop(%x: memref<8x64x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  %one = arith.constant 1.0 : f32
  scf.parallel (%i, %j) = (%c0, %c0) to (%c8, %c64) step (%c1, %c1) {
    scf.parallel (%k) = (%c0) to (%c4) step (%c1) {
      memref.store %one, %x[%i, %j, %k] : memref<8x64x4xf32>
    }
  }
  return
}

// Threads of the last block that have none do nothing.

// CHECK-LABEL: func @few
// CHECK:       gpu.launch blocks({{.*}}) in (%{{.*}} = %c1{{.*}} function(@loop)
// CHECK:         %[[IS:.*]] = arith.cmpi ult
// CHECK-NEXT:    scf.if %[[IS]]
// CHECK:           memref.store
func.func @few(%x: memref<100xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c100 = arith.constant 100 : index
  %one = arith.constant 1.0 : f32
  scf.parallel (%i) = (%c0) to (%c100) step (%c1) {
    memref.store %one, %x[%i] : memref<100xf32>
  }
  return
}

// Where there may be many, a thread has more than one, in a loop over as many
// as the grid has.

// CHECK-LABEL: func @many
// CHECK:       gpu.launch blocks({{.*}}) in (%{{.*}} = %c2147483647{{.*}} function(@loop)
// CHECK:         scf.for
// CHECK:           memref.store
func.func @many(%x: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    memref.store %one, %x[%i] : memref<?xf32>
  }
  return
}

// CHECK-LABEL: func @step
// CHECK:       gpu.launch {{.*}} function(@step)
// CHECK:         memref.store
func.func @step(%x: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  memref.store %one, %x[%c0] : memref<4xf32>
  return
}

// -----

func.func @result(%x: memref<4xindex>, %y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  // expected-error @below {{cannot be given to a kernel: expected no results where memory is read or written}}
  %i = memref.load %x[%c0] : memref<4xindex>
  memref.store %one, %y[%i] : memref<4xf32>
  return
}

// -----

func.func @reduction(%x: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{cannot be divided among threads: expected no reduction}}
  %sum = scf.parallel (%i) = (%c0) to (%c4) step (%c1) init (%zero) -> f32 {
    %e = memref.load %x[%i] : memref<4xf32>
    scf.reduce(%e : f32) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      scf.reduce.return %s : f32
    }
  }
  return
}
