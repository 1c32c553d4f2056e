// RUN: mxfp4-opt %s --mxfp4-plan-memory --split-input-file --verify-diagnostics | FileCheck %s
// RUN: mxfp4-opt %s --pass-pipeline="builtin.module(builtin.module(mxfp4-plan-memory))" --split-input-file --mlir-disable-threading | FileCheck %s --check-prefix=NESTED

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

/// What reads an address reads the temporary that is there.
// CHECK: module attributes {mxfp4.arena = 128 : i64}
// CHECK-LABEL: func.func @read_by_address
func.func @read_by_address(%n: index) {
  %a = memref.alloc() : memref<16xf32>
  %first = memref.extract_aligned_pointer_as_index %a : memref<16xf32> -> index
  %b = memref.alloc() : memref<16xf32>
  %x = memref.load %b[%n] : memref<16xf32>
  %address = arith.addi %first, %n : index
  %number = arith.index_cast %address : index to i64
  %pointer = llvm.inttoptr %number : i64 to !llvm.ptr
  llvm.call_intrinsic "llvm.x86.ldtilecfg"(%pointer) : (!llvm.ptr) -> ()
  return
}

// -----

/// Sums and products of the number of tokens have a bound: 4 * (5 * 3 + 16).
// CHECK: module attributes {mxfp4.arena = 128 : i64}
// CHECK-LABEL: func.func @computed_size
func.func @computed_size(%n: index {mxfp4.value = "tokens"})
    attributes {mxfp4.entry = "prefill", mxfp4.max_tokens = 5 : i64} {
  %three = arith.constant 3 : index
  %sixteen = arith.constant 16 : index
  %slots = arith.muli %n, %three : index
  %padded = arith.addi %slots, %sixteen : index
  %a = memref.alloc(%padded) : memref<?xf32>
  %x = memref.load %a[%n] : memref<?xf32>
  return
}

// -----

/// Dynamic dimensions count tokens: 5 * 3 * 2 bytes are 30, padded to 64. i1 takes
/// an eighth of a byte in count and index eight.
// CHECK: module attributes {mxfp4.arena = 192 : i64}
// CHECK-LABEL: func.func @tokens
// CHECK-SAME:    %[[N:[^:]+]]: index
// CHECK:         memref.view %{{.+}}[%{{.+}}][%[[N]]] : memref<?xi8> to memref<?x3xbf16>
func.func @tokens(%n: index {mxfp4.value = "tokens"})
    attributes {mxfp4.entry = "prefill", mxfp4.max_tokens = 5 : i64} {
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

/// The callee gets at most 5 or 16 rows and 2 or 20 numbers, so its temporaries
/// take 64 and 128 bytes. Each caller takes 64.
// CHECK: module attributes {mxfp4.arena = 256 : i64}
// CHECK-LABEL: func.func private @rows_of_callers
func.func private @rows_of_callers(%x: memref<?xf32>, %n: index) {
  %zero = arith.constant 0 : index
  %rows = memref.dim %x, %zero : memref<?xf32>
  %a = memref.alloc(%rows) : memref<?xf32>
  %b = memref.alloc(%n) : memref<?xf32>
  memref.copy %a, %b : memref<?xf32> to memref<?xf32>
  return
}
func.func @five(%x: memref<?x2x2xf32> {mxfp4.buffer = "x", mxfp4.kind = "input", mxfp4.dim = "tokens"},
                %n: index {mxfp4.value = "tokens"})
    attributes {mxfp4.entry = "prefill", mxfp4.max_tokens = 5 : i64} {
  %zero = arith.constant 0 : index
  %two = arith.constant 2 : index
  %part = memref.subview %x[%n, 0, 0] [%n, 1, 1] [1, 1, 1]
      : memref<?x2x2xf32> to memref<?x1x1xf32, strided<[4, 2, 1], offset: ?>>
  %rows = memref.dim %part, %zero : memref<?x1x1xf32, strided<[4, 2, 1], offset: ?>>
  %a = memref.alloc(%rows) : memref<?xf32>
  %b = memref.cast %a : memref<?xf32> to memref<?xf32>
  call @rows_of_callers(%b, %two) : (memref<?xf32>, index) -> ()
  return
}
func.func @sixteen(%x: memref<?x4xf32> {mxfp4.buffer = "y", mxfp4.kind = "input", mxfp4.dim = "tokens"})
    attributes {mxfp4.entry = "unembed", mxfp4.max_tokens = 16 : i64} {
  %zero = arith.constant 0 : index
  %twenty = arith.constant 20 : index
  %heads = memref.expand_shape %x [[0], [1, 2]] output_shape [%twenty, 2, 2]
      : memref<?x4xf32> into memref<?x2x2xf32>
  %rows = memref.dim %heads, %zero : memref<?x2x2xf32>
  %a = memref.alloc(%rows) : memref<?xf32>
  %b = memref.alloc() : memref<16xf32>
  %c = memref.cast %b : memref<16xf32> to memref<?xf32>
  call @rows_of_callers(%c, %twenty) : (memref<?xf32>, index) -> ()
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

// CHECK-LABEL: func.func @view_is_freed
// CHECK-NOT:     memref.dealloc
func.func @view_is_freed() {
  %a = memref.alloc() : memref<16xf32>
  %view = memref.cast %a : memref<16xf32> to memref<?xf32>
  memref.dealloc %view : memref<?xf32>
  return
}

/// Only views of what is in the arena are.
// CHECK-LABEL: func.func @argument_is_freed
// CHECK:         memref.dealloc
func.func @argument_is_freed(%a: memref<16xf32>) {
  memref.dealloc %a : memref<16xf32>
  return
}

// -----

/// What reads numbers is done with the temporary.
// CHECK: module attributes {mxfp4.arena = 64 : i64}
// CHECK-LABEL: func.func @numbers_are_read
func.func @numbers_are_read(%i: index, %out: memref<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %a = memref.alloc() : memref<16xf32>
  %size = memref.dim %a, %i : memref<16xf32>
  %x = vector.transfer_read %a[%i], %zero : memref<16xf32>, vector<4xf32>
  %base, %offset, %shape, %stride = memref.extract_strided_metadata %a
      : memref<16xf32> -> memref<f32>, index, index, index
  %b = memref.alloc() : memref<16xf32>
  vector.transfer_write %x, %b[%i] : vector<4xf32>, memref<16xf32>
  return
}

// -----

/// Two modules have an arena each.
// NESTED:      module
// NESTED:      module @first attributes {mxfp4.arena = 64 : i64}
// NESTED-NEXT:   func.func @model(%{{[^:]+}}: memref<?xi8> {{[^,]+}}, {{[^,]+}}, %{{[^:]+}}: index {{[^,]+}})
// NESTED:      module @second attributes {mxfp4.arena = 128 : i64}
// NESTED-NEXT:   func.func @model(%{{[^:]+}}: memref<?xi8> {{[^,]+}}, {{[^,]+}}, %{{[^:]+}}: index {{[^,]+}})
module {
  module @first {
    func.func @model() {
      %a = memref.alloc() : memref<16xf32>
      return
    }
  }
  module @second {
    func.func @model() {
      %a = memref.alloc() : memref<32xf32>
      return
    }
  }
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

func.func @size_of_unknown_meaning(%n: index)
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  // expected-error @below {{cannot be placed in the arena: expected dynamic sizes to be the number of tokens of an entry point}}
  %a = memref.alloc(%n) : memref<?xf32>
  return
}

// -----

func.func @positions(%x: memref<?x2xf32> {mxfp4.buffer = "keys", mxfp4.kind = "cache", mxfp4.dim = "context"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  %zero = arith.constant 0 : index
  %rows = memref.dim %x, %zero : memref<?x2xf32>
  // expected-error @below {{cannot be placed in the arena: expected dynamic sizes to be the number of tokens of an entry point}}
  %a = memref.alloc(%rows) : memref<?xf32>
  return
}

// -----

func.func @context_is_handed_over(%n: index {mxfp4.value = "context"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  call @callee(%n) : (index) -> ()
  return
}
func.func private @callee(%n: index) {
  // expected-error @below {{cannot be placed in the arena: expected dynamic sizes to be the number of tokens of an entry point}}
  %a = memref.alloc(%n) : memref<?xf32>
  return
}

// -----

func.func private @without_callers(%x: memref<?xf32>) {
  %zero = arith.constant 0 : index
  %rows = memref.dim %x, %zero : memref<?xf32>
  // expected-error @below {{cannot be placed in the arena: expected dynamic sizes to be the number of tokens of an entry point}}
  %a = memref.alloc(%rows) : memref<?xf32>
  return
}

// -----

func.func @second_dimension(%x: memref<?x?xf32> {mxfp4.buffer = "x", mxfp4.kind = "input", mxfp4.dim = "tokens"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  %one = arith.constant 1 : index
  %columns = memref.dim %x, %one : memref<?x?xf32>
  // expected-error @below {{cannot be placed in the arena: expected dynamic sizes to be the number of tokens of an entry point}}
  %a = memref.alloc(%columns) : memref<?xf32>
  return
}

// -----

func.func @computed(%n: index {mxfp4.value = "tokens"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  %slots = arith.subi %n, %n : index
  // expected-error @below {{cannot be placed in the arena: expected dynamic sizes to be the number of tokens of an entry point}}
  %a = memref.alloc(%slots) : memref<?xf32>
  return
}

// -----

func.func @too_many(%n: index {mxfp4.value = "tokens"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 5 : i64} {
  %many = arith.constant 4611686018427387904 : index
  %slots = arith.muli %n, %many : index
  // expected-error @below {{cannot be placed in the arena: expected dynamic sizes to be the number of tokens of an entry point}}
  %a = memref.alloc(%slots) : memref<?xf32>
  return
}

// -----

/// Rows that go round in a circle are not known, and calls in one not allowed.
func.func private @recursive(%x: memref<?xf32>) {
  %zero = arith.constant 0 : index
  %rows = memref.dim %x, %zero : memref<?xf32>
  // expected-error @below {{cannot be placed in the arena: expected dynamic sizes to be the number of tokens of an entry point}}
  %a = memref.alloc(%rows) : memref<?xf32>
  call @recursive(%x) : (memref<?xf32>) -> ()
  return
}

// -----

func.func @too_large(%n: index {mxfp4.value = "tokens"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 9223372036854775807 : i64} {
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

// -----

func.func @as_a_tensor() {
  %a = memref.alloc() : memref<4xf32>
  // expected-error @below {{cannot take a temporary in the arena: expected it to be read, written and viewed alone}}
  %t = bufferization.to_tensor %a restrict : memref<4xf32> to tensor<4xf32>
  return
}

// -----

func.func @as_an_address() {
  %a = memref.alloc() : memref<4xf32>
  %address = memref.extract_aligned_pointer_as_index %a : memref<4xf32> -> index
  // expected-error @below {{cannot take a temporary in the arena: expected it to be read, written and viewed alone}}
  %other = arith.muli %address, %address : index
  return
}

// -----

func.func @as_a_descriptor() {
  %a = memref.alloc() : memref<4xf32>
  // expected-error @below {{cannot take a temporary in the arena: expected it to be read, written and viewed alone}}
  %d = builtin.unrealized_conversion_cast %a : memref<4xf32> to !llvm.ptr
  return
}

// -----

func.func @stored(%all: memref<memref<4xf32>>) {
  %a = memref.alloc() : memref<4xf32>
  // expected-error @below {{cannot take a temporary in the arena: expected it to be read, written and viewed alone}}
  memref.store %a, %all[] : memref<memref<4xf32>>
  return
}
