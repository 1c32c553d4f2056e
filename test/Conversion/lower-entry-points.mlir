// RUN: mxfp4-opt %s --mxfp4-lower-entry-points --canonicalize --split-input-file --verify-diagnostics | FileCheck %s
// RUN: mxfp4-opt %s --pass-pipeline="builtin.module(builtin.module(mxfp4-lower-entry-points))" --split-input-file --mlir-disable-threading | FileCheck %s --check-prefix=NESTED

/// Buffers are numbered by name, and shared by name. A dimension that counts
/// tokens takes the largest `mxfp4.max_tokens`; one that counts positions makes
/// the buffer grow with the context.
// CHECK: module attributes {mxfp4.arena = 256 : i64, mxfp4.buffers = [
// CHECK-SAME: {bytes = 32 : i64, bytes_per_position = 0 : i64, kind = "input", name = "tokens"},
// CHECK-SAME: {bytes = 48 : i64, bytes_per_position = 0 : i64, kind = "weight", name = "w", prepare = @prepare, source = tensor<4x6xbf16>},
// CHECK-SAME: {bytes = 0 : i64, bytes_per_position = 32 : i64, kind = "cache", name = "keys.0"},
// CHECK-SAME: {bytes = 256 : i64, bytes_per_position = 0 : i64, kind = "arena", name = "arena"}]}
module attributes {mxfp4.arena = 256 : i64} {
  /// The fields of an MXInvocation are 8 bytes each: buffers, tokens, position.
  // CHECK-LABEL: func.func @prefill
  // CHECK-SAME:    (%[[CALL:[^:]+]]: !llvm.ptr) attributes {mxfp4.arguments = array<i64: 0, 1, 2, 3>, mxfp4.entry = "prefill", mxfp4.max_tokens = 8 : i64}
  // CHECK:         %[[TABLE:.+]] = llvm.load %[[CALL]] : !llvm.ptr -> !llvm.ptr
  // CHECK:         llvm.load %[[TABLE]]
  // CHECK:         %[[FIELD:.+]] = llvm.getelementptr %[[CALL]][8] : (!llvm.ptr) -> !llvm.ptr, i8
  // CHECK:         llvm.load %[[FIELD]] : !llvm.ptr -> i64
  // CHECK:         %[[FIELD:.+]] = llvm.getelementptr %[[CALL]][16] : (!llvm.ptr) -> !llvm.ptr, i8
  // CHECK:         %[[NUMBER:.+]] = llvm.load %[[FIELD]] : !llvm.ptr -> i64
  // CHECK:         arith.index_cast %[[NUMBER]] : i64 to index
  // CHECK:         call @layer
  func.func @prefill(
      %tokens: memref<?xi32> {mxfp4.buffer = "tokens", mxfp4.kind = "input",
                              mxfp4.dim = "tokens"},
      %position: index {mxfp4.value = "position"},
      %w: memref<1x3x8xbf16> {mxfp4.buffer = "w", mxfp4.kind = "weight",
                              mxfp4.source = tensor<4x6xbf16>,
                              mxfp4.prepare = @prepare},
      %keys: memref<?x2x4xf32> {mxfp4.buffer = "keys.0", mxfp4.kind = "cache",
                                mxfp4.dim = "context"},
      %arena: memref<?xi8> {mxfp4.buffer = "arena", mxfp4.kind = "arena"},
      %base: index {mxfp4.value = "zero"})
      attributes {mxfp4.entry = "prefill", mxfp4.max_tokens = 8 : i64} {
    call @layer(%tokens, %position, %w, %keys, %arena, %base)
        : (memref<?xi32>, index, memref<1x3x8xbf16>, memref<?x2x4xf32>,
           memref<?xi8>, index) -> ()
    return
  }

  /// One token needs less than `prefill` has made room for.
  // CHECK-LABEL: func.func @decode
  // CHECK-SAME:    (%[[CALL:[^:]+]]: !llvm.ptr)
  // CHECK:         llvm.getelementptr %{{.+}}[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  // CHECK:         call @mxfp4_barrier(%[[CALL]], %{{.+}})
  func.func @decode(
      %invocation: !llvm.ptr {mxfp4.value = "invocation"},
      %keys: memref<?x2x4xf32> {mxfp4.buffer = "keys.0", mxfp4.kind = "cache",
                                mxfp4.dim = "context"},
      %tokens: memref<1xi32> {mxfp4.buffer = "tokens", mxfp4.kind = "input"})
      attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
    %zero = arith.constant 0 : index
    %x = memref.load %keys[%zero, %zero, %zero] : memref<?x2x4xf32>
    memref.store %x, %keys[%zero, %zero, %zero] : memref<?x2x4xf32>
    %op = arith.constant 3 : i64
    call @mxfp4_barrier(%invocation, %op) : (!llvm.ptr, i64) -> ()
    return
  }

  /// A prepare function gets the source and the destination and no table entry.
  // CHECK-LABEL: func.func @prepare
  // CHECK-SAME:    (%{{[^:]+}}: !llvm.ptr) attributes {mxfp4.entry = "prepare"}
  // CHECK:         llvm.getelementptr %{{.+}}[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  func.func @prepare(%source: memref<4x6xbf16>, %init: memref<1x3x8xbf16>,
      %thread: index {mxfp4.value = "thread"},
      %arena: memref<?xi8> {mxfp4.buffer = "arena", mxfp4.kind = "arena"})
      attributes {mxfp4.entry = "prepare"} {
    %zero = arith.constant 0 : index
    %x = memref.load %source[%thread, %zero] : memref<4x6xbf16>
    memref.store %x, %init[%zero, %zero, %zero] : memref<1x3x8xbf16>
    return
  }

  /// What the runtime does not call is not seen from outside.
  // CHECK-LABEL: func.func private @layer
  // CHECK-SAME:    attributes {llvm.linkage = #llvm.linkage<internal>}
  func.func private @layer(%a: memref<?xi32>, %b: index, %c: memref<1x3x8xbf16>,
      %d: memref<?x2x4xf32>, %e: memref<?xi8>, %f: index) {
    return
  }

  /// The runtime's function is in the invocation.
  // CHECK-LABEL: func.func private @mxfp4_barrier
  // CHECK-SAME:    (%[[CALL:[^:]+]]: !llvm.ptr, %[[OP:[^:]+]]: i64) attributes {llvm.linkage = #llvm.linkage<internal>}
  // CHECK:         %[[FIELD:.+]] = llvm.getelementptr %[[CALL]][56]
  // CHECK:         %[[CALLEE:.+]] = llvm.load %[[FIELD]] : !llvm.ptr -> !llvm.ptr
  // CHECK:         %[[FIELD:.+]] = llvm.getelementptr %[[CALL]][64]
  // CHECK:         %[[TEAM:.+]] = llvm.load %[[FIELD]] : !llvm.ptr -> !llvm.ptr
  // CHECK:         llvm.call %[[CALLEE]](%[[TEAM]], %[[OP]]) : !llvm.ptr, (!llvm.ptr, i64) -> ()
  func.func private @mxfp4_barrier(!llvm.ptr, i64)
}

// -----

// expected-error @below {{cannot be an entry point: expected no results (mxfp4-drop-entry-results)}}
func.func @results(%a: memref<4xf32>) -> memref<4xf32> attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return %a : memref<4xf32>
}

// -----

// expected-error @below {{cannot be an entry point: expected 'mxfp4.buffer' and 'mxfp4.kind' on argument 0}}
func.func @argument_without_a_kind(%a: memref<4xf32> {mxfp4.buffer = "a"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

// expected-error @below {{cannot be an entry point: expected 'mxfp4.dim' on argument 0 of type 'memref<?xf32>'}}
func.func @argument_of_unknown_size(
    %a: memref<?xf32> {mxfp4.buffer = "a", mxfp4.kind = "input"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

/// Strides are constants.
// expected-error @below {{cannot be an entry point: expected only the leading dimension of argument 0 to be dynamic, but got 'memref<4x?xf32>'}}
func.func @dynamic_columns(
    %a: memref<4x?xf32> {mxfp4.buffer = "a", mxfp4.kind = "input", mxfp4.dim = "tokens"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  return
}

// -----

// expected-error @below {{cannot be an entry point: expected argument 0 to have fewer than 2^57 bytes, but got 'memref<?x9223372036854775807xf32>'}}
func.func @argument_of_absurd_size(
    %a: memref<?x9223372036854775807xf32> {mxfp4.buffer = "a", mxfp4.kind = "input",
                                           mxfp4.dim = "tokens"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 9223372036854775807 : i64} {
  return
}

// -----

// expected-error @below {{cannot be an entry point: expected argument 0 to be a plain memref of numbers with 'mxfp4.buffer' or an index with 'mxfp4.value', but got 'index'}}
func.func @number_without_a_name(%a: index) attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

// expected-error @below {{cannot be an entry point: expected argument 0 to be a plain memref of numbers with 'mxfp4.buffer' or an index with 'mxfp4.value', but got 'i32'}}
func.func @number_of_32_bits(%a: i32 {mxfp4.value = "position"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

// expected-error @below {{to be a plain memref of numbers with 'mxfp4.buffer' or an index with 'mxfp4.value', but got 'tensor<4xf32>'}}
func.func @tensor(%a: tensor<4xf32> {mxfp4.buffer = "a", mxfp4.kind = "input"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

// expected-error @below {{to be a plain memref of numbers with 'mxfp4.buffer' or an index with 'mxfp4.value', but got 'memref<4xindex>'}}
func.func @memref_of_index(%a: memref<4xindex> {mxfp4.buffer = "a", mxfp4.kind = "input"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

// expected-error @below {{to be a plain memref of numbers with 'mxfp4.buffer' or an index with 'mxfp4.value', but got 'memref<4xf32, strided<[?], offset: ?>>'}}
func.func @memref_of_strides(
    %a: memref<4xf32, strided<[?], offset: ?>> {mxfp4.buffer = "a", mxfp4.kind = "input"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

// expected-error @below {{to be a plain memref of numbers with 'mxfp4.buffer' or an index with 'mxfp4.value', but got 'memref<4xf32, "space">'}}
func.func @memref_in_another_space(
    %a: memref<4xf32, "space"> {mxfp4.buffer = "a", mxfp4.kind = "input"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

func.func @first(%a: memref<4xf32> {mxfp4.buffer = "a", mxfp4.kind = "input"})
    attributes {mxfp4.entry = "prefill", mxfp4.max_tokens = 1 : i64} {
  return
}
// expected-error @below {{cannot share buffer 'a' with another entry point: expected the same kind and type}}
func.func @buffer_of_another_kind(%a: memref<4xf32> {mxfp4.buffer = "a", mxfp4.kind = "cache"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

func.func @first(%a: memref<4xf32> {mxfp4.buffer = "a", mxfp4.kind = "weight"})
    attributes {mxfp4.entry = "prefill", mxfp4.max_tokens = 1 : i64} {
  return
}
// expected-error @below {{cannot share buffer 'a' with another entry point: expected the same kind and type}}
func.func @weight_of_another_size(%a: memref<8xf32> {mxfp4.buffer = "a", mxfp4.kind = "weight"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

// expected-error @below {{cannot be defined: expected the declaration that mxfp4-distribute-loops makes}}
func.func private @mxfp4_barrier()

// -----

// expected-error @below {{cannot be defined: expected the declaration that mxfp4-distribute-loops makes}}
func.func private @mxfp4_barrier(%a: !llvm.ptr) {
  return
}

// -----

// expected-error @below {{cannot be an entry point: expected no call of it}}
func.func @called(%a: memref<4xf32> {mxfp4.buffer = "a", mxfp4.kind = "input"})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}
func.func @caller(%a: memref<4xf32>) {
  // expected-note @below {{it is called here}}
  call @called(%a) : (memref<4xf32>) -> ()
  return
}

// -----

// expected-error @below {{cannot prepare a weight: expected two memrefs of static shape, the weight as in the checkpoint and the buffer to fill, and no temporaries}}
func.func @prepare_with_three_buffers(%source: memref<4xf32>, %init: memref<4xf32>,
    %more: memref<4xf32>) attributes {mxfp4.entry = "prepare"} {
  return
}

// -----

// expected-error @below {{cannot prepare a weight: expected two memrefs of static shape}}
func.func @prepare_with_one_buffer(%source: memref<4xf32>)
    attributes {mxfp4.entry = "prepare"} {
  return
}

// -----

// expected-error @below {{cannot prepare a weight: expected two memrefs of static shape}}
func.func @prepare_of_unknown_size(%source: memref<?xf32>, %init: memref<4xf32>)
    attributes {mxfp4.entry = "prepare"} {
  return
}

// -----

// expected-error @below {{cannot prepare a weight: expected two memrefs of static shape}}
func.func @prepare_with_temporaries(%source: memref<4xf32>, %init: memref<4xf32>,
    %arena: memref<?xi8> {mxfp4.buffer = "arena", mxfp4.kind = "arena"})
    attributes {mxfp4.entry = "prepare"} {
  %zero = arith.constant 0 : index
  %temporary = memref.view %arena[%zero][] : memref<?xi8> to memref<4xf32>
  memref.copy %source, %temporary : memref<4xf32> to memref<4xf32>
  memref.copy %temporary, %init : memref<4xf32> to memref<4xf32>
  return
}

// -----

/// A weight in two arrangements has two buffers of its name.
// CHECK: mxfp4.buffers = [
// CHECK-SAME: {bytes = 32 : i64, bytes_per_position = 0 : i64, kind = "weight", name = "w", source = tensor<2x4xf32>},
// CHECK-SAME: {bytes = 64 : i64, bytes_per_position = 0 : i64, kind = "weight", name = "w", prepare = @prepare, source = tensor<2x4xf32>}]}
func.func @two_arrangements(
    %plain: memref<2x4xf32> {mxfp4.buffer = "w", mxfp4.kind = "weight",
                             mxfp4.source = tensor<2x4xf32>},
    %packed: memref<1x4x4xf32> {mxfp4.buffer = "w", mxfp4.kind = "weight",
                                mxfp4.source = tensor<2x4xf32>,
                                mxfp4.prepare = @prepare})
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  return
}
func.func @prepare(%source: memref<2x4xf32>, %init: memref<1x4x4xf32>)
    attributes {mxfp4.entry = "prepare"} {
  return
}

// -----

/// Two modules have a table each.
// NESTED: module @first attributes {mxfp4.buffers = [{bytes = 16 : i64, bytes_per_position = 0 : i64, kind = "input", name = "a", type = memref<4xf32>}]}
// NESTED: module @second attributes {mxfp4.buffers = [{bytes = 32 : i64, bytes_per_position = 0 : i64, kind = "output", name = "b", type = memref<8xf32>}]}
module {
  module @first {
    func.func @model(%a: memref<4xf32> {mxfp4.buffer = "a", mxfp4.kind = "input"})
        attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
      return
    }
  }
  module @second {
    func.func @model(%b: memref<8xf32> {mxfp4.buffer = "b", mxfp4.kind = "output"})
        attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
      return
    }
  }
}

// -----

// expected-error @below {{cannot be an entry point: expected argument 1 to have a buffer of its own}}
func.func @same_buffer_twice(%a: memref<4xf32> {mxfp4.buffer = "x", mxfp4.kind = "input"},
                             %b: memref<4xf32> {mxfp4.buffer = "x", mxfp4.kind = "input"})
    attributes {mxfp4.entry = "f", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

func.func @first() attributes {mxfp4.entry = "f", mxfp4.max_tokens = 1 : i64} {
  return
}
// expected-error @below {{cannot be an entry point: there is another 'f'}}
func.func @second() attributes {mxfp4.entry = "f", mxfp4.max_tokens = 1 : i64} {
  return
}

// -----

// expected-error @below {{cannot be an entry point: expected 'func.func'}}
llvm.func @other_function() attributes {mxfp4.entry = "f", mxfp4.max_tokens = 1 : i64} {
  llvm.return
}

// -----

// expected-error @below {{cannot be an entry point: expected the arena to be memref<?xi8>, but got 'memref<4xf32>'}}
func.func @arena_of_floats(%a: memref<4xf32> {mxfp4.buffer = "a", mxfp4.kind = "arena"})
    attributes {mxfp4.entry = "f", mxfp4.max_tokens = 1 : i64} {
  return
}
