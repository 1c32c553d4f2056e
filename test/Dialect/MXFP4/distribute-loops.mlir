// RUN: mxfp4-opt %s --mxfp4-distribute-loops --split-input-file --verify-diagnostics | FileCheck %s
// RUN: mxfp4-opt %s --mxfp4-distribute-loops --canonicalize --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=BOUNDS

// CHECK: func.func private @mxfp4_barrier(!llvm.ptr, i64)

/// Thread i of n runs the iterations from i * 10 / n to (i + 1) * 10 / n.
// CHECK-LABEL: func.func @loop
// CHECK-SAME:    %[[THREAD:[^:]+]]: index {mxfp4.value = "thread"}, %[[THREADS:[^:]+]]: index {mxfp4.value = "threads"}, %[[INVOCATION:[^:]+]]: !llvm.ptr {mxfp4.value = "invocation"}, %[[M:[^:]+]]: memref<30xf32>
// CHECK-DAG:     %[[LOWER:.+]] = arith.constant 10 : index
// CHECK-DAG:     %[[UPPER:.+]] = arith.constant 30 : index
// CHECK-DAG:     %[[STEP:.+]] = arith.constant 2 : index
// CHECK:         %[[ZERO:.+]] = arith.constant 0 : index
// CHECK:         %[[ONE:.+]] = arith.constant 1 : index
// CHECK:         %[[DISTANCE:.+]] = arith.subi %[[UPPER]], %[[LOWER]]
// CHECK:         %[[SPAN:.+]] = arith.maxsi %[[DISTANCE]], %[[ZERO]]
// CHECK:         %[[COUNT:.+]] = arith.ceildivsi %[[SPAN]], %[[STEP]]
// CHECK:         %[[MINE:.+]] = arith.muli %[[COUNT]], %[[THREAD]]
// CHECK:         %[[FIRST:.+]] = arith.divui %[[MINE]], %[[THREADS]]
// CHECK:         %[[OFFSET:.+]] = arith.muli %[[FIRST]], %[[STEP]]
// CHECK:         %[[BEGIN:.+]] = arith.addi %[[LOWER]], %[[OFFSET]]
// CHECK:         %[[NEXT:.+]] = arith.addi %[[THREAD]], %[[ONE]]
// CHECK:         %[[NEXTS:.+]] = arith.muli %[[COUNT]], %[[NEXT]]
// CHECK:         %[[LAST:.+]] = arith.divui %[[NEXTS]], %[[THREADS]]
// CHECK:         %[[OFFSET2:.+]] = arith.muli %[[LAST]], %[[STEP]]
// CHECK:         %[[END:.+]] = arith.addi %[[LOWER]], %[[OFFSET2]]
// CHECK:         scf.for %[[I:.+]] = %[[BEGIN]] to %[[END]] step %[[STEP]] {
// CHECK:           memref.store %{{.+}}, %[[M]][%[[I]]]
// CHECK:         }
// CHECK-NEXT:    %[[NONE:.+]] = arith.constant -1 : i64
// CHECK-NEXT:    call @mxfp4_barrier(%[[INVOCATION]], %[[NONE]])
// CHECK-NEXT:    return
func.func @loop(%m: memref<30xf32>) {
  %lower = arith.constant 10 : index
  %upper = arith.constant 30 : index
  %step = arith.constant 2 : index
  %x = arith.constant 1.0 : f32
  scf.parallel (%i) = (%lower) to (%upper) step (%step) {
    memref.store %x, %m[%i] : memref<30xf32>
  }
  return
}

/// With three threads the shares are [-4, -2), [-2, 1) and [1, 4).
// BOUNDS-LABEL: func.func @negative_bounds
// BOUNDS-SAME:    %[[THREAD:[^:]+]]: index
// BOUNDS-DAG:     %[[LOWER:.+]] = arith.constant -4 : index
// BOUNDS-DAG:     %[[COUNT:.+]] = arith.constant 8 : index
// BOUNDS:         %[[MINE:.+]] = arith.muli %[[THREAD]], %[[COUNT]]
// BOUNDS:         %[[FIRST:.+]] = arith.divui %[[MINE]], %{{.+}}
// BOUNDS:         %[[BEGIN:.+]] = arith.addi %[[FIRST]], %[[LOWER]]
// BOUNDS:         %[[LAST:.+]] = arith.divui
// BOUNDS:         %[[END:.+]] = arith.addi %[[LAST]], %[[LOWER]]
// BOUNDS:         scf.for %{{.+}} = %[[BEGIN]] to %[[END]]
func.func @negative_bounds(%m: memref<?xf32>, %x: f32) {
  %lower = arith.constant -4 : index
  %upper = arith.constant 4 : index
  %one = arith.constant 1 : index
  scf.parallel (%i) = (%lower) to (%upper) step (%one) {
    %j = arith.subi %i, %lower : index
    memref.store %x, %m[%j] : memref<?xf32>
  }
  return
}

/// No iterations, and not as many as fit into an unsigned number.
// BOUNDS-LABEL: func.func @bounds_that_cross
// BOUNDS:         %[[NONE:.+]] = arith.constant 0 : index
// BOUNDS:         arith.divui %[[NONE]]
// BOUNDS:         arith.divui %[[NONE]]
func.func @bounds_that_cross(%m: memref<?xf32>, %x: f32) {
  %lower = arith.constant 4 : index
  %upper = arith.constant 0 : index
  %one = arith.constant 1 : index
  scf.parallel (%i) = (%lower) to (%upper) step (%one) {
    memref.store %x, %m[%i] : memref<?xf32>
  }
  return
}

/// A dimension of one iteration is not worth dividing.
// CHECK-LABEL: func.func @first_dimension_is_one
// CHECK:         %[[COUNT:.+]] = arith.ceildivsi
// CHECK:         scf.for %[[J:.+]] = %{{.+}} to %{{.+}} step %{{.+}} {
// CHECK:           scf.for %[[I:.+]] = %{{.+}} to %{{.+}} step %{{.+}} {
// CHECK-NOT:       arith
// CHECK:           memref.store %{{.+}}, %{{.+}}[%[[I]], %[[J]]]
// CHECK:         call @mxfp4_barrier
// CHECK-NOT:     call @mxfp4_barrier
func.func @first_dimension_is_one(%m: memref<1x?xf32>, %n: index, %x: f32) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  scf.parallel (%i, %j) = (%zero, %zero) to (%one, %n) step (%one, %one) {
    memref.store %x, %m[%i, %j] : memref<1x?xf32>
  }
  return
}

/// The loop inside is run by the thread that has its iteration.
// CHECK-LABEL: func.func @loop_in_a_loop
// CHECK:         arith.ceildivsi
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK-NOT:       arith.ceildivsi
// CHECK:             memref.store
// CHECK:         call @mxfp4_barrier
// CHECK-NOT:     call @mxfp4_barrier
// CHECK-NOT:     scf.parallel
func.func @loop_in_a_loop(%m: memref<?x?xf32>, %n: index, %x: f32) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  scf.parallel (%i) = (%zero) to (%n) step (%one) {
    scf.parallel (%j) = (%zero) to (%n) step (%one) {
      memref.store %x, %m[%i, %j] : memref<?x?xf32>
    }
  }
  return
}

// CHECK-LABEL: func.func @store_by_one_thread
// CHECK-SAME:    %[[THREAD:[^:]+]]: index
// CHECK:         %[[ZERO:.+]] = arith.constant 0 : index
// CHECK:         %[[FIRST:.+]] = arith.cmpi eq, %[[THREAD]], %[[ZERO]]
// CHECK:         scf.if %[[FIRST]] {
// CHECK-NEXT:      memref.store
// CHECK-NEXT:    }
// CHECK-NEXT:    arith.constant -1 : i64
// CHECK-NEXT:    call @mxfp4_barrier
func.func @store_by_one_thread(%m: memref<4xf32>, %i: index, %x: f32) {
  memref.store %x, %m[%i] : memref<4xf32>
  return
}

/// A loop of stores has one barrier, after the loop.
// CHECK-LABEL: func.func @stores_by_one_thread
// CHECK:         scf.if
// CHECK-NEXT:      scf.for
// CHECK-NEXT:        memref.store
// CHECK-NOT:       call @mxfp4_barrier
// CHECK:         }
// CHECK:         call @mxfp4_barrier
func.func @stores_by_one_thread(%m: memref<?xf32>, %n: index, %x: f32) {
  scf.for %i = %n to %n step %n {
    memref.store %x, %m[%i] : memref<?xf32>
  }
  return
}

/// All threads go through a loop that has something for all of them.
// CHECK-LABEL: func.func @parallel_loop_in_a_loop
// CHECK-NOT:     scf.if
// CHECK:         scf.for
// CHECK:           arith.ceildivsi
// CHECK:           scf.for
// CHECK:             memref.store
// CHECK:           }
// CHECK-NEXT:      arith.constant -1 : i64
// CHECK-NEXT:      call @mxfp4_barrier
// CHECK-NEXT:    }
// CHECK-NEXT:    return
func.func @parallel_loop_in_a_loop(%m: memref<?xf32>, %n: index, %x: f32) {
  %one = arith.constant 1 : index
  scf.for %i = %one to %n step %one {
    scf.parallel (%j) = (%one) to (%n) step (%one) {
      memref.store %x, %m[%j] : memref<?xf32>
    }
  }
  return
}

/// Memory of one iteration is its thread's, whose loop would not free it.
// CHECK-LABEL: func.func @stack_memory
// CHECK-NEXT:    memref.alloca() : memref<8xf32>
// CHECK:         scf.for
// CHECK-NOT:       memref.alloca
// CHECK:         return
func.func @stack_memory(%m: memref<8xf32>, %n: index, %x: f32) {
  %one = arith.constant 1 : index
  scf.parallel (%i) = (%one) to (%n) step (%one) {
    %own = memref.alloca() : memref<8xf32>
    memref.store %x, %own[%one] : memref<8xf32>
    %y = memref.load %own[%i] : memref<8xf32>
    memref.store %y, %m[%i] : memref<8xf32>
  }
  return
}

/// No thread may go on and write before all have read.
// CHECK-LABEL: func.func @load
// CHECK:         memref.load
// CHECK-NEXT:    arith.constant -1 : i64
// CHECK-NEXT:    call @mxfp4_barrier
func.func @load(%m: memref<4xindex>, %i: index) -> index {
  %0 = memref.load %m[%i] : memref<4xindex>
  return %0 : index
}

// CHECK-LABEL: func.func @loads_in_a_loop
// CHECK:         scf.for
// CHECK-NEXT:      memref.load
// CHECK-NOT:       call @mxfp4_barrier
// CHECK:         }
// CHECK-NEXT:    arith.constant -1 : i64
// CHECK-NEXT:    call @mxfp4_barrier
func.func @loads_in_a_loop(%m: memref<?xf32>, %n: index, %x: f32) -> f32 {
  %0 = scf.for %i = %n to %n step %n iter_args(%sum = %x) -> f32 {
    %y = memref.load %m[%i] : memref<?xf32>
    %next = arith.addf %sum, %y : f32
    scf.yield %next : f32
  }
  return %0 : f32
}

/// An allocation is the same for all.
// CHECK-LABEL: func.func @allocation
// CHECK-NOT:     call @mxfp4_barrier
// CHECK:         memref.alloc
// CHECK-NOT:     call @mxfp4_barrier
// CHECK:         return
func.func @allocation() {
  %0 = memref.alloc() : memref<4xf32>
  return
}

// CHECK-LABEL: func.func @caller
// CHECK-SAME:    %[[THREAD:[^:]+]]: index {{.*}}, %[[THREADS:[^:]+]]: index {{.*}}, %[[INVOCATION:[^:]+]]: !llvm.ptr {{.*}}, %[[M:[^:]+]]: memref<4xf32>
// CHECK:         call @store_by_one_thread(%[[THREAD]], %[[THREADS]], %[[INVOCATION]], %[[M]],
// CHECK-NEXT:    return
func.func @caller(%m: memref<4xf32>, %i: index, %x: f32) {
  call @store_by_one_thread(%m, %i, %x) : (memref<4xf32>, index, f32) -> ()
  return
}

// -----

func.func @store_with_a_result(%m: memref<4xf32>, %i: index, %x: f32) -> f32 {
  // expected-error @below {{cannot be given to one thread: expected no results where memory is written}}
  %0 = memref.atomic_rmw addf %x, %m[%i] : (f32, memref<4xf32>) -> f32
  return %0 : f32
}

// -----

func.func @loop_of_stores_with_a_result(%m: memref<4xf32>, %i: index, %x: f32) -> f32 {
  // expected-error @below {{cannot be given to one thread: expected no results where memory is written}}
  %0 = scf.for %j = %i to %i step %i iter_args(%y = %x) -> f32 {
    memref.store %y, %m[%j] : memref<4xf32>
    scf.yield %y : f32
  }
  return %0 : f32
}

// -----

func.func @reduction(%n: index, %x: f32) -> f32 {
  // expected-error @below {{cannot be divided among threads: expected no reduction}}
  %0 = scf.parallel (%i) = (%n) to (%n) step (%n) init (%x) -> f32 {
    scf.reduce(%x : f32) {
    ^bb0(%a: f32, %b: f32):
      %sum = arith.addf %a, %b : f32
      scf.reduce.return %sum : f32
    }
  }
  return %0 : f32
}

// -----

func.func @reduction_in_a_loop(%m: memref<?xf32>, %n: index, %x: f32) {
  scf.parallel (%i) = (%n) to (%n) step (%n) {
    // expected-error @below {{cannot be given to one thread: expected no call and no reduction in a parallel loop}}
    %0 = scf.parallel (%j) = (%n) to (%n) step (%n) init (%x) -> f32 {
      scf.reduce(%x : f32) {
      ^bb0(%a: f32, %b: f32):
        %sum = arith.addf %a, %b : f32
        scf.reduce.return %sum : f32
      }
    }
    memref.store %0, %m[%i] : memref<?xf32>
  }
  return
}

// -----

func.func @call_in_a_loop(%n: index) {
  scf.parallel (%i) = (%n) to (%n) step (%n) {
    // expected-error @below {{cannot be given to one thread: expected no call and no reduction in a parallel loop}}
    func.call @callee() : () -> ()
  }
  return
}
func.func @callee() {
  return
}

// -----

func.func private @declared()
func.func @call_of_a_declaration() {
  // expected-error @below {{cannot be divided among threads: expected a callee with a body}}
  call @declared() : () -> ()
  return
}

// -----

/// A barrier is told which op the code before it is made from; ops inside of a
/// loop have the number of theirs.
// CHECK-LABEL: func.func @numbered
// CHECK:         scf.for
// CHECK:         %[[FOUR:.+]] = arith.constant 4 : i64
// CHECK-NEXT:    call @mxfp4_barrier(%{{.+}}, %[[FOUR]])
// CHECK:         scf.if
// CHECK:         %[[FIVE:.+]] = arith.constant 5 : i64
// CHECK-NEXT:    call @mxfp4_barrier(%{{.+}}, %[[FIVE]])
func.func @numbered(%m: memref<30xf32>, %x: f32) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %upper = arith.constant 30 : index
  scf.parallel (%i) = (%zero) to (%upper) step (%one) {
    memref.store %x, %m[%i] : memref<30xf32>
  } loc(fused<#mxfp4.op_number<4>>["a.mlir":3:4])
  memref.store %x, %m[%zero] : memref<30xf32>
    loc(callsite("f" at fused<#mxfp4.op_number<5>>["b", "c"]))
  return
}

// -----

// expected-error @below {{cannot be divided among threads: expected one block}}
func.func @two_blocks() {
  cf.br ^next
^next:
  return
}

// -----

/// The pass has run already.
// expected-error @below {{cannot be divided among threads: expected no 'mxfp4_barrier' before}}
module {
  func.func private @mxfp4_barrier(!llvm.ptr, i64)
}

// -----

/// Each thread would have one of its own.
func.func @alloca(%n: index, %x: f32) {
  // expected-error @below {{cannot be divided among threads: expected memref.alloc where threads share memory}}
  %m = memref.alloca() : memref<8xf32>
  scf.parallel (%i) = (%n) to (%n) step (%n) {
    memref.store %x, %m[%i] : memref<8xf32>
  }
  return
}

// -----

llvm.func @unknown(!llvm.ptr)
func.func @call_of_unknown_effects(%p: !llvm.ptr) {
  // expected-error @below {{cannot be given to one thread: expected known effects on memory}}
  llvm.call @unknown(%p) : (!llvm.ptr) -> ()
  return
}

// -----

func.func @unknown_effects_in_a_loop(%f: () -> (), %n: index) {
  scf.for %i = %n to %n step %n {
    // expected-error @below {{cannot be given to one thread: expected known effects on memory}}
    func.call_indirect %f() : () -> ()
  }
  return
}

// -----

func.func @stack_memory_of_any_size(%m: memref<8xf32>, %n: index, %x: f32) {
  %one = arith.constant 1 : index
  scf.parallel (%i) = (%one) to (%n) step (%one) {
    // expected-error @below {{cannot be given to one thread: expected stack memory of a known size}}
    %own = memref.alloca(%n) : memref<?xf32>
    memref.store %x, %own[%one] : memref<?xf32>
  }
  return
}
