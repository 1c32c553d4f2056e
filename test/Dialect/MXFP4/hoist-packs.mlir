// RUN: mxfp4-opt %s --mxfp4-hoist-packs --split-input-file | FileCheck %s
// RUN: mxfp4-opt %s --mxfp4-hoist-packs --mxfp4-hoist-packs --split-input-file | FileCheck %s

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
    attributes {mxfp4.entry = "decode"} {
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
func.func @model_of_two_levels(%weight: tensor<8x8xf32>) -> tensor<8x8xf32, #rows>
    attributes {mxfp4.entry = "decode"} {
  %packed = call @outer(%weight) : (tensor<8x8xf32>) -> tensor<8x8xf32, #rows>
  return %packed : tensor<8x8xf32, #rows>
}

// -----

#rows = #mxfp4.layout<lanes = 4, depth = 1>
#others = #mxfp4.layout<lanes = 8, depth = 1>

/// The weight is read as it is, too.
// CHECK-LABEL: func.func @weight_has_another_reader
// CHECK-NOT:     mxfp4.prepare
// CHECK:         mxfp4.pack
func.func @weight_has_another_reader(%weight: tensor<8x8xf32>)
    -> (tensor<8x8xf32>, tensor<8x8xf32, #rows>) attributes {mxfp4.entry = "decode"} {
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  return %weight, %packed : tensor<8x8xf32>, tensor<8x8xf32, #rows>
}

// CHECK-LABEL: func.func @weight_has_two_layouts
// CHECK-NOT:     mxfp4.prepare
// CHECK:         mxfp4.pack
// CHECK:         mxfp4.pack
func.func @weight_has_two_layouts(%weight: tensor<8x8xf32>)
    -> (tensor<8x8xf32, #others>, tensor<8x8xf32, #rows>)
    attributes {mxfp4.entry = "decode"} {
  %init = tensor.empty() : tensor<8x8xf32, #rows>
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32, #rows>) -> tensor<8x8xf32, #rows>
  %init2 = tensor.empty() : tensor<8x8xf32, #others>
  %packed2 = mxfp4.pack ins(%weight : tensor<8x8xf32>)
      outs(%init2 : tensor<8x8xf32, #others>) -> tensor<8x8xf32, #others>
  return %packed2, %packed : tensor<8x8xf32, #others>, tensor<8x8xf32, #rows>
}

/// The pack of what a pack writes to says nothing of that argument.
// CHECK-LABEL: func.func @argument_is_a_destination
// CHECK-NOT:     mxfp4.prepare
// CHECK:         mxfp4.pack
func.func @argument_is_a_destination(%init: tensor<8x8xf32, #rows>)
    -> tensor<8x8xf32, #rows> attributes {mxfp4.entry = "decode"} {
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
func.func @called_entry(%weight: tensor<8x8xf32>) -> tensor<8x8xf32, #rows>
    attributes {mxfp4.entry = "decode"} {
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
func.func @resolved(%weight: tensor<8x8xf32>, %init: tensor<2x8x4xf32>)
    -> tensor<2x8x4xf32> attributes {mxfp4.entry = "decode"} {
  %packed = mxfp4.pack ins(%weight : tensor<8x8xf32>) outs(%init : tensor<2x8x4xf32>)
      {layout = #mxfp4.layout<lanes = 4, depth = 1>} -> tensor<2x8x4xf32>
  return %packed : tensor<2x8x4xf32>
}
