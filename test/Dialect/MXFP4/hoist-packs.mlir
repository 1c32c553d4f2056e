// RUN: mxfp4-opt %s --mxfp4-hoist-packs --split-input-file | FileCheck %s
// RUN: mxfp4-opt %s --mxfp4-hoist-packs --mxfp4-hoist-packs --split-input-file | FileCheck %s
// RUN: mxfp4-opt %s --pass-pipeline="builtin.module(builtin.module(mxfp4-hoist-packs))" --split-input-file --mlir-disable-threading | FileCheck %s --check-prefix=NESTED

#rows = #mxfp4.layout<lanes = 4, depth = 1>

/// The two weights have one type and share a function. What follows the entry
/// point has them arranged, and the layer reads its argument as it is.
// CHECK-LABEL: func.func private @layer
// CHECK-SAME:    %[[WEIGHT:[^:]+]]: tensor<8x8xf32, #[[LAYOUT:mxfp4.layout<lanes = 4, depth = 1>]]>
// CHECK-NOT:     mxfp4.pack
// CHECK:         nn.linear ins(%{{.+}}, %[[WEIGHT]] :
func.func private @layer(%weight: tensor<8x8xf32>, %x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  %y = nn.linear ins(%x, %packed : tensor<4x8xf32>, tensor<8x8xf32, #rows>)
      outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @model
// CHECK-SAME:    %[[A:[^:]+]]: tensor<8x8xf32, #[[LAYOUT]]> {mxfp4.buffer = "a", mxfp4.kind = "weight", mxfp4.prepare = @[[PREPARE:[^,]+]], mxfp4.source = tensor<8x8xf32>},
// CHECK-SAME:    %[[B:[^:]+]]: tensor<8x8xf32, #[[LAYOUT]]> {mxfp4.buffer = "b", mxfp4.kind = "weight", mxfp4.prepare = @[[PREPARE]], mxfp4.source = tensor<8x8xf32>}
// CHECK-NOT:     mxfp4.pack
// CHECK:         call @layer(%[[A]],
// CHECK:         call @layer(%[[B]],
func.func @model(%a: tensor<8x8xf32> {mxfp4.buffer = "a", mxfp4.kind = "weight"},
                 %b: tensor<8x8xf32> {mxfp4.buffer = "b", mxfp4.kind = "weight"},
                 %x: tensor<4x8xf32>) -> tensor<4x8xf32>
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %y = call @layer(%a, %x) : (tensor<8x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %z = call @layer(%b, %y) : (tensor<8x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %z : tensor<4x8xf32>
}

// CHECK:       func.func @[[PREPARE]](%[[SOURCE:[^:]+]]: tensor<8x8xf32> {bufferization.writable = false}, %[[INIT:[^:]+]]: tensor<8x8xf32, #[[LAYOUT]]>)
// CHECK-SAME:    attributes {mxfp4.entry = "prepare"}
// CHECK:         %[[PACKED:.+]] = mxfp4.pack ins(%[[SOURCE]] : {{.*}}) outs(%[[INIT]] :
// CHECK:         return %[[PACKED]]
// CHECK-NOT:   func.func

// -----

#rows = #mxfp4.layout<lanes = 4, depth = 1>

/// Through two functions.
// CHECK-LABEL: func.func private @inner
// CHECK-NOT:     mxfp4.pack
// CHECK-LABEL: func.func private @outer
// CHECK-NOT:     mxfp4.pack
// CHECK-LABEL: func.func @model_of_two_levels
// CHECK-SAME:    mxfp4.prepare
// CHECK-NOT:     mxfp4.pack
// CHECK:         call @outer
func.func private @inner(%weight: tensor<8x8xf32>) -> tensor<8x8xf32, #rows> {
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  return %packed : tensor<8x8xf32, #rows>
}
func.func private @outer(%weight: tensor<8x8xf32>) -> tensor<8x8xf32, #rows> {
  %packed = call @inner(%weight) : (tensor<8x8xf32>) -> tensor<8x8xf32, #rows>
  return %packed : tensor<8x8xf32, #rows>
}
func.func @model_of_two_levels(
    %weight: tensor<8x8xf32> {mxfp4.buffer = "w", mxfp4.kind = "weight"}) -> tensor<8x8xf32, #rows>
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %packed = call @outer(%weight) : (tensor<8x8xf32>) -> tensor<8x8xf32, #rows>
  return %packed : tensor<8x8xf32, #rows>
}

// -----

#rows = #mxfp4.layout<lanes = 4, depth = 1>
#others = #mxfp4.layout<lanes = 8, depth = 1>

/// The weight is read as it is, too: it has a buffer for each, filled from one
/// tensor.
// CHECK-LABEL: func.func @weight_has_another_reader
// CHECK-SAME:    %[[PLAIN:[^:]+]]: tensor<8x8xf32> {mxfp4.buffer = "w", mxfp4.kind = "weight"}, %[[PACKED:[^:]+]]: tensor<8x8xf32, #{{[^>]+}}>> {mxfp4.buffer = "w", mxfp4.kind = "weight", mxfp4.prepare = @{{[^,]+}}, mxfp4.source = tensor<8x8xf32>}, %[[X:[^:]+]]: tensor<4x8xf32>)
// CHECK-NOT:     mxfp4.pack
// CHECK:         return %[[PLAIN]], %[[PACKED]], %[[X]]
func.func @weight_has_another_reader(
    %weight: tensor<8x8xf32> {mxfp4.buffer = "w", mxfp4.kind = "weight"}, %x: tensor<4x8xf32>)
    -> (tensor<8x8xf32>, tensor<8x8xf32, #rows>, tensor<4x8xf32>)
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  return %weight, %packed, %x : tensor<8x8xf32>, tensor<8x8xf32, #rows>, tensor<4x8xf32>
}

// CHECK-LABEL: func.func @weight_has_two_layouts
// CHECK-SAME:    %[[A:[^:]+]]: tensor<8x8xf32, #{{[^>]+}}>> {mxfp4.buffer = "w", mxfp4.kind = "weight", mxfp4.prepare = @{{[^,]+}}, mxfp4.source = tensor<8x8xf32>}, %[[B:[^:]+]]: tensor<8x8xf32, #{{[^>]+}}>> {mxfp4.buffer = "w", mxfp4.kind = "weight", mxfp4.prepare = @{{[^,]+}}, mxfp4.source = tensor<8x8xf32>})
// CHECK-NOT:     mxfp4.pack
// CHECK:         return %[[B]], %[[A]]
func.func @weight_has_two_layouts(
    %weight: tensor<8x8xf32> {mxfp4.buffer = "w", mxfp4.kind = "weight"})
    -> (tensor<8x8xf32, #others>, tensor<8x8xf32, #rows>)
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  %init2 = tensor.empty() : tensor<8x8xf32, #others>
  %packed2 = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init2 : tensor<8x8xf32, #others>) -> tensor<8x8xf32, #others>
  return %packed2, %packed : tensor<8x8xf32, #others>, tensor<8x8xf32, #rows>
}

/// A layer that reads its argument both ways gets it both ways.
// CHECK-LABEL: func.func private @argument_has_another_reader
// CHECK-SAME:    %[[PLAIN:[^:]+]]: tensor<8x8xf32>, %[[PACKED:[^:]+]]: tensor<8x8xf32, #{{[^>]+}}>>, %[[X:[^:]+]]: tensor<4x8xf32>)
// CHECK:         return %[[PLAIN]], %[[PACKED]], %[[X]]
func.func private @argument_has_another_reader(%weight: tensor<8x8xf32>, %x: tensor<4x8xf32>)
    -> (tensor<8x8xf32>, tensor<8x8xf32, #rows>, tensor<4x8xf32>) {
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  return %weight, %packed, %x : tensor<8x8xf32>, tensor<8x8xf32, #rows>, tensor<4x8xf32>
}

/// What the runtime writes before a call cannot be packed once.
// CHECK-LABEL: func.func @input_is_packed
// CHECK-SAME:    %[[INPUT:[^:]+]]: tensor<8x8xf32> {mxfp4.buffer = "w", mxfp4.kind = "input"}, %[[X:[^:]+]]: tensor<4x8xf32>)
// CHECK:         %[[PACKED:.+]] = mxfp4.pack ins(%[[INPUT]] :
// CHECK:         call @argument_has_another_reader(%[[INPUT]], %[[PACKED]], %[[X]])
func.func @input_is_packed(
    %input: tensor<8x8xf32> {mxfp4.buffer = "w", mxfp4.kind = "input"}, %x: tensor<4x8xf32>)
    attributes {mxfp4.entry = "prefill", mxfp4.max_tokens = 4 : i64} {
  %0:3 = call @argument_has_another_reader(%input, %x) : (tensor<8x8xf32>, tensor<4x8xf32>)
      -> (tensor<8x8xf32>, tensor<8x8xf32, #rows>, tensor<4x8xf32>)
  return
}

/// The pack of what a pack writes to says nothing of that argument.
// CHECK-LABEL: func.func @argument_is_a_destination
// CHECK-NOT:     mxfp4.prepare
// CHECK:         mxfp4.pack
func.func @argument_is_a_destination(
    %init: tensor<8x8xf32, #rows> {mxfp4.buffer = "w", mxfp4.kind = "weight"})
    -> tensor<8x8xf32, #rows> attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %weight = tensor.empty() : tensor<8x8xf32>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  return %packed : tensor<8x8xf32, #rows>
}

/// Others may call it with weights as they are.
// CHECK-LABEL: func.func @public
// CHECK:         mxfp4.pack
func.func @public(%weight: tensor<8x8xf32>) -> tensor<8x8xf32, #rows> {
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  return %packed : tensor<8x8xf32, #rows>
}

// CHECK-LABEL: func.func @called_entry
// CHECK-NOT:     mxfp4.prepare
// CHECK:         mxfp4.pack
func.func @called_entry(
    %weight: tensor<8x8xf32> {mxfp4.buffer = "w", mxfp4.kind = "weight"}) -> tensor<8x8xf32, #rows>
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  return %packed : tensor<8x8xf32, #rows>
}
func.func @caller(%weight: tensor<8x8xf32>) -> tensor<8x8xf32, #rows> {
  %packed = call @called_entry(%weight) : (tensor<8x8xf32>) -> tensor<8x8xf32, #rows>
  return %packed : tensor<8x8xf32, #rows>
}

/// A reference that is no call keeps the type.
// CHECK-LABEL: func.func private @referenced
// CHECK:         mxfp4.pack
func.func private @referenced(%weight: tensor<8x8xf32>) -> tensor<8x8xf32, #rows> {
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  return %packed : tensor<8x8xf32, #rows>
}
func.func @reference() -> ((tensor<8x8xf32>) -> tensor<8x8xf32, #rows>) {
  %f = constant @referenced : (tensor<8x8xf32>) -> tensor<8x8xf32, #rows>
  return %f : (tensor<8x8xf32>) -> tensor<8x8xf32, #rows>
}

// -----

/// Layouts that are shapes already stay where they are.
// CHECK-LABEL: func.func @resolved
// CHECK-NOT:     mxfp4.prepare
// CHECK:         mxfp4.pack
func.func @resolved(
    %weight: tensor<8x8xf32> {mxfp4.buffer = "w", mxfp4.kind = "weight"}, %init: tensor<2x8x4xf32>)
    -> tensor<2x8x4xf32> attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>) outs(%init : tensor<2x8x4xf32>)
      {layout = #mxfp4.layout<lanes = 4, depth = 1>} -> tensor<2x8x4xf32>
  return %packed : tensor<2x8x4xf32>
}

// -----

/// The pass makes ops that this module does not have yet.
// CHECK-LABEL: func.func @caller_of_another_dialect
// CHECK:         tensor.empty
// CHECK:         mxfp4.pack
func.func private @callee(%weight: tensor<8x8xf32>,
    %init: tensor<8x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>) {
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>)
      -> tensor<8x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>
  return
}
func.func @caller_of_another_dialect(%weight: tensor<8x8xf32>,
    %init: tensor<8x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>) {
  call @callee(%weight, %init)
      : (tensor<8x8xf32>, tensor<8x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>) -> ()
  return
}

// -----

#rows = #mxfp4.layout<lanes = 4, depth = 1>

/// Two modules have a function each.
// NESTED-LABEL: module @first
// NESTED:         mxfp4.prepare = @[[PREPARE:[^,]+]]
// NESTED:         func.func @[[PREPARE]]
// NESTED-LABEL: module @second
// NESTED:         mxfp4.prepare = @[[PREPARE:[^,]+]]
// NESTED:         func.func @[[PREPARE]]
module {
  module @first {
    func.func @model(%weight: tensor<8x8xf32> {mxfp4.buffer = "w", mxfp4.kind = "weight"})
        -> tensor<8x8xf32, #rows>
        attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
      %init = tensor.empty() : tensor<8x8xf32, #rows>
      %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
          outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
      return %packed : tensor<8x8xf32, #rows>
    }
  }
  module @second {
    func.func @model(%weight: tensor<8x8xf32> {mxfp4.buffer = "w", mxfp4.kind = "weight"})
        -> tensor<8x8xf32, #rows>
        attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
      %init = tensor.empty() : tensor<8x8xf32, #rows>
      %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
          outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
      return %packed : tensor<8x8xf32, #rows>
    }
  }
}

// -----

#rows = #mxfp4.layout<lanes = 4, depth = 1>
#map = affine_map<(i, j) -> (i, j)>

/// The same bytes, in another shape and of another element type.
// CHECK-LABEL: func.func @weight_through_views
// CHECK-SAME:    tensor<8x8xf32, #{{.+}}> {mxfp4.buffer = "w", mxfp4.kind = "weight", mxfp4.prepare = @[[PREPARE:[^,]+]], mxfp4.source = tensor<8x2x4xi32>}
// CHECK-NOT:     linalg.generic
// CHECK-NOT:     tensor.collapse_shape
// CHECK:       func.func @[[PREPARE]](%{{.+}}: tensor<8x8xf32>
func.func @weight_through_views(
    %weight: tensor<8x2x4xi32> {mxfp4.buffer = "w", mxfp4.kind = "weight"}) -> tensor<8x8xf32, #rows>
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %flat = tensor.collapse_shape %weight [[0], [1, 2]] : tensor<8x2x4xi32> into tensor<8x8xi32>
  %empty = tensor.empty() : tensor<8x8xf32>
  %view = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
      ins(%flat : tensor<8x8xi32>) outs(%empty : tensor<8x8xf32>) {
  ^bb0(%in: i32, %out: f32):
    %0 = arith.bitcast %in : i32 to f32
    linalg.yield %0 : f32
  } -> tensor<8x8xf32>
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%view : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  return %packed : tensor<8x8xf32, #rows>
}

// -----

#rows = #mxfp4.layout<lanes = 4, depth = 1>
#map = affine_map<(i, j) -> (i, j)>
#transposed = affine_map<(i, j) -> (j, i)>

/// Not the same bytes.
// CHECK-LABEL: func.func @weight_is_transposed
// CHECK:         linalg.generic
// CHECK:         mxfp4.pack
func.func @weight_is_transposed(
    %weight: tensor<8x8xi32> {mxfp4.buffer = "w", mxfp4.kind = "weight"}) -> tensor<8x8xf32, #rows>
    attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %empty = tensor.empty() : tensor<8x8xf32>
  %view = linalg.generic {indexing_maps = [#transposed, #map], iterator_types = ["parallel", "parallel"]}
      ins(%weight : tensor<8x8xi32>) outs(%empty : tensor<8x8xf32>) {
  ^bb0(%in: i32, %out: f32):
    %0 = arith.bitcast %in : i32 to f32
    linalg.yield %0 : f32
  } -> tensor<8x8xf32>
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%view : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  return %packed : tensor<8x8xf32, #rows>
}

// -----

/// Its pack would move from caller to caller without end.
// CHECK-LABEL: func.func private @recursive
// CHECK-SAME:    (%{{[^:]+}}: tensor<8x8xf32>)
// CHECK:         mxfp4.pack
func.func private @recursive(%weight: tensor<8x8xf32>) {
  %init = tensor.empty() : tensor<8x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>)
      -> tensor<8x8xf32, #mxfp4.layout<lanes = 4, depth = 1>>
  call @other(%weight) : (tensor<8x8xf32>) -> ()
  return
}
func.func private @other(%weight: tensor<8x8xf32>) {
  call @recursive(%weight) : (tensor<8x8xf32>) -> ()
  return
}
