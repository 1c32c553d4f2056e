// RUN: mxfp4-opt %s --mxfp4-plan-memory --split-input-file --verify-diagnostics | FileCheck %s

/// Two that are alive together: 40 bytes are padded to 64.
// CHECK: module attributes {mxfp4.arena = 128 : i64}
// CHECK-LABEL: func.func @alive_together
// CHECK-SAME:    %[[ARENA:[^:]+]]: memref<?xi8> {mxfp4.buffer = "arena", mxfp4.kind = "arena"}, %[[BASE:[^:]+]]: index {mxfp4.value = "zero"}
// CHECK:         %[[ZERO:.+]] = arith.constant 0 : index
// CHECK:         %[[FIRST:.+]] = arith.addi %[[BASE]], %[[ZERO]]
// CHECK:         %[[A:.+]] = memref.view %[[ARENA]][%[[FIRST]]][] : memref<?xi8> to memref<10xf32>
// CHECK:         %[[SIZE:.+]] = arith.constant 64 : index
// CHECK:         %[[SECOND:.+]] = arith.addi %[[BASE]], %[[SIZE]]
// CHECK:         %[[B:.+]] = memref.view %[[ARENA]][%[[SECOND]]][] : memref<?xi8> to memref<10xf32>
// CHECK:         memref.copy %[[A]], %[[B]]
func.func @alive_together() {
  %a = memref.alloc() : memref<10xf32>
  %b = memref.alloc() : memref<10xf32>
  memref.copy %a, %b : memref<10xf32> to memref<10xf32>
  return
}

// -----

/// The third takes the place of the first, which is not read any more.
// CHECK: module attributes {mxfp4.arena = 128 : i64}
// CHECK-LABEL: func.func @one_after_another
// CHECK:         arith.constant 0 : index
// CHECK:         memref.view
// CHECK:         arith.constant 64 : index
// CHECK:         memref.view
// CHECK:         memref.copy
// CHECK:         arith.constant 0 : index
// CHECK:         memref.view
// CHECK:         memref.copy
func.func @one_after_another() {
  %a = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  memref.copy %a, %b : memref<16xf32> to memref<16xf32>
  %c = memref.alloc() : memref<16xf32>
  memref.copy %b, %c : memref<16xf32> to memref<16xf32>
  return
}

// -----

/// A view keeps its source alive, so the third takes the place of the second.
// CHECK: module attributes {mxfp4.arena = 128 : i64}
// CHECK-LABEL: func.func @view_is_read_later
// CHECK:         memref.copy
// CHECK:         arith.constant 64 : index
// CHECK:         memref.view
func.func @view_is_read_later() {
  %a = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  %view = memref.cast %a : memref<16xf32> to memref<?xf32>
  %again = memref.reinterpret_cast %view to offset: [0], sizes: [16], strides: [1]
      : memref<?xf32> to memref<16xf32>
  memref.copy %a, %b : memref<16xf32> to memref<16xf32>
  %c = memref.alloc() : memref<16xf32>
  memref.copy %again, %c : memref<16xf32> to memref<16xf32>
  return
}

// -----

/// A loop that reads it does so in every iteration.
// CHECK: module attributes {mxfp4.arena = 128 : i64}
// CHECK-LABEL: func.func @read_in_a_loop
func.func @read_in_a_loop(%n: index, %out: memref<?xf32>) {
  %a = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  scf.for %i = %n to %n step %n {
    %x = memref.load %a[%i] : memref<16xf32>
    memref.store %x, %b[%i] : memref<16xf32>
  }
  return
}

// -----

/// Dynamic dimensions count tokens: 5 * 3 * 2 bytes are 30, padded to 64. i1 takes
/// an eighth of a byte in count and index eight.
// CHECK: module attributes {mxfp4.arena = 192 : i64}
// CHECK-LABEL: func.func @tokens
// CHECK-SAME:    %[[N:[^:]+]]: index
// CHECK:         memref.view %{{.+}}[%{{.+}}][%[[N]]] : memref<?xi8> to memref<?x3xbf16>
func.func @tokens(%n: index) attributes {mxfp4.entry = "prefill", mxfp4.max_tokens = 5 : i64} {
  %a = memref.alloc(%n) : memref<?x3xbf16>
  %b = memref.alloc() : memref<8xindex>
  %c = memref.alloc() : memref<i1>
  %zero = arith.constant 0 : index
  %x = memref.load %a[%zero, %zero] : memref<?x3xbf16>
  %y = memref.load %b[%zero] : memref<8xindex>
  %z = memref.load %c[] : memref<i1>
  return
}

// -----

/// A callee's frame starts where the caller's ends, and the arena is as large as
/// the deepest chain of calls: 64 + 128 + 64.
// CHECK: module attributes {mxfp4.arena = 256 : i64}
// CHECK-LABEL: func.func @top
// CHECK-SAME:    %[[ARENA:[^:]+]]: memref<?xi8> {{.*}}, %[[BASE:[^:]+]]: index
// CHECK:         %[[FRAME:.+]] = arith.constant 64 : index
// CHECK:         %[[REST:.+]] = arith.addi %[[BASE]], %[[FRAME]]
// CHECK:         call @middle(%[[ARENA]], %[[REST]])
// CHECK:         %[[FRAME:.+]] = arith.constant 64 : index
// CHECK:         %[[REST:.+]] = arith.addi %[[BASE]], %[[FRAME]]
// CHECK:         call @bottom(%[[ARENA]], %[[REST]])
func.func @top() {
  %a = memref.alloc() : memref<16xf32>
  call @middle() : () -> ()
  call @bottom() : () -> ()
  return
}
// CHECK-LABEL: func.func private @middle
// CHECK:         %[[FRAME:.+]] = arith.constant 128 : index
// CHECK:         %[[REST:.+]] = arith.addi %{{.+}}, %[[FRAME]]
// CHECK:         call @bottom(%{{.+}}, %[[REST]])
func.func private @middle() {
  %a = memref.alloc() : memref<32xf32>
  call @bottom() : () -> ()
  return
}
// CHECK-LABEL: func.func private @bottom
func.func private @bottom() {
  %a = memref.alloc() : memref<16xf32>
  return
}

// -----

/// What others define has no frame.
// CHECK: module attributes {mxfp4.arena = 0 : i64}
// CHECK: func.func private @declared()
// CHECK: call @declared() : () -> ()
func.func private @declared()
func.func @call_of_a_declaration() {
  call @declared() : () -> ()
  return
}

// -----

/// Nothing in the arena is freed.
// CHECK-LABEL: func.func @freed
// CHECK-NOT:     memref.dealloc
func.func @freed() {
  %a = memref.alloc() : memref<16xf32>
  memref.dealloc %a : memref<16xf32>
  return
}

// -----

/// Twice as many chains of calls at each level, gone through once each.
// CHECK: module attributes {mxfp4.arena = 64 : i64}
func.func private @f0() {
  %a = memref.alloc() : memref<16xf32>
  return
}
func.func private @f1() {
  call @f0() : () -> ()
  call @f0() : () -> ()
  return
}
func.func private @f2() {
  call @f1() : () -> ()
  call @f1() : () -> ()
  return
}

// -----

// expected-error @below {{cannot be given a place in the arena: it calls itself}}
func.func private @even() {
  call @odd() : () -> ()
  return
}
func.func private @odd() {
  call @even() : () -> ()
  return
}

// -----

func.func @allocation_in_a_loop(%n: index) {
  scf.for %i = %n to %n step %n {
    // expected-error @below {{cannot be placed in the arena: expected it at the top level of a function}}
    %a = memref.alloc() : memref<4xf32>
  }
  return
}

// -----

// expected-error @below {{cannot be given a place in the arena: expected one block}}
func.func @two_blocks() {
  cf.br ^next
^next:
  return
}

// -----

func.func @unbounded(%n: index) {
  // expected-error @below {{cannot be placed in the arena: expected 'mxfp4.max_tokens' on an entry point}}
  %a = memref.alloc(%n) : memref<?xf32>
  return
}

// -----

func.func @too_large(%n: index) attributes {mxfp4.max_tokens = 9223372036854775807 : i64} {
  // expected-error @below {{cannot be placed in the arena: expected at most 2^40 bytes}}
  %a = memref.alloc(%n) : memref<?x9223372036854775807xf32>
  return
}

// -----

func.func @not_numbers() {
  // expected-error @below {{cannot be placed in the arena: expected numbers in plain order in the default memory space}}
  %a = memref.alloc() : memref<4xvector<4xf32>>
  return
}

// -----

func.func @not_in_plain_order() {
  // expected-error @below {{cannot be placed in the arena: expected numbers in plain order in the default memory space}}
  %a = memref.alloc() : memref<4x4xf32, strided<[8, 1]>>
  return
}

// -----

func.func @in_another_space() {
  // expected-error @below {{cannot be placed in the arena: expected numbers in plain order in the default memory space}}
  %a = memref.alloc() : memref<4xf32, 3>
  return
}

// -----

func.func @returned() -> memref<4xf32> {
  %a = memref.alloc() : memref<4xf32>
  // expected-error @below {{cannot take a temporary in the arena: expected it to be read, written and viewed alone}}
  return %a : memref<4xf32>
}

// -----

func.func @selected(%c: i1, %b: memref<?xf32>) {
  %a = memref.alloc() : memref<4xf32>
  %view = memref.cast %a : memref<4xf32> to memref<?xf32>
  // expected-error @below {{cannot take a temporary in the arena: expected it to be read, written and viewed alone}}
  %d = arith.select %c, %view, %b : memref<?xf32>
  return
}
