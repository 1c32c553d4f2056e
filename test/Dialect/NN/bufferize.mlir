// RUN: mxfp4-opt %s --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --cse | FileCheck %s

/// A result takes the place of its init.
// CHECK-LABEL: func.func @norm
// CHECK-SAME:    %[[X:[^:]+]]: memref<?x8xf32>, %[[GAIN:[^:]+]]: memref<8xf32>, %[[INIT:[^:]+]]: memref<?x8xf32>
// CHECK-NOT:     memref.copy
// CHECK:         nn.rms_norm ins(%[[X]], %[[GAIN]] : {{.*}}) outs(%[[INIT]] :
// CHECK:         return %[[INIT]]
func.func @norm(%x: tensor<?x8xf32>, %gain: tensor<8xf32>,
                %init: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = nn.rms_norm ins(%x, %gain : tensor<?x8xf32>, tensor<8xf32>)
      outs(%init : tensor<?x8xf32>) {epsilon = 1.0e-05 : f32} -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

/// What an init holds is not read, so another value may be made there first.
// CHECK-LABEL: func.func @init_of_two
// CHECK-NOT:     memref.copy
// CHECK:         return
func.func @init_of_two(%x: tensor<4x8xf32>, %gain: tensor<8xf32>, %init: tensor<4x8xf32>,
                       %out: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %a = nn.rms_norm ins(%x, %gain : tensor<4x8xf32>, tensor<8xf32>)
      outs(%init : tensor<4x8xf32>) {epsilon = 1.0e-05 : f32} -> tensor<4x8xf32>
  %b = nn.rms_norm ins(%a, %gain : tensor<4x8xf32>, tensor<8xf32>)
      outs(%out : tensor<4x8xf32>) {epsilon = 1.0e-05 : f32} -> tensor<4x8xf32>
  %c = nn.rms_norm ins(%b, %gain : tensor<4x8xf32>, tensor<8xf32>)
      outs(%a : tensor<4x8xf32>) {epsilon = 1.0e-05 : f32} -> tensor<4x8xf32>
  return %c : tensor<4x8xf32>
}

/// A cache keeps its other rows: it is changed in place, and the attention before
/// reads it first.
// CHECK-LABEL: func.func @cache
// CHECK-SAME:    %[[K:[^:]+]]: memref<?x2x8xf32>, %{{[^:]+}}: index, %[[KEYS:[^:]+]]: memref<16x2x8xf32>
// CHECK-NOT:     memref.copy
// CHECK:         nn.cache_update ins(%[[K]], {{.*}}) outs(%[[KEYS]] :
// CHECK:         return %[[KEYS]]
func.func @cache(%k: tensor<?x2x8xf32>, %position: index,
                 %keys: tensor<16x2x8xf32>) -> tensor<16x2x8xf32> {
  %y = nn.cache_update ins(%k, %position : tensor<?x2x8xf32>, index)
      outs(%keys : tensor<16x2x8xf32>) -> tensor<16x2x8xf32>
  return %y : tensor<16x2x8xf32>
}

/// A cache that is read later is copied, with the rows that it keeps.
// CHECK-LABEL: func.func @cache_read_later
// CHECK-SAME:    %[[KEYS:[^:]+]]: memref<16x2x8xf32>
// CHECK:         %[[COPY:.+]] = memref.alloc()
// CHECK:         memref.copy %[[KEYS]], %[[COPY]]
// CHECK:         nn.cache_update {{.*}} outs(%[[COPY]] :
func.func @cache_read_later(%k: tensor<?x2x8xf32>, %position: index,
    %keys: tensor<16x2x8xf32>) -> (tensor<16x2x8xf32>, tensor<16x2x8xf32>) {
  %y = nn.cache_update ins(%k, %position : tensor<?x2x8xf32>, index)
      outs(%keys : tensor<16x2x8xf32>) -> tensor<16x2x8xf32>
  return %y, %keys : tensor<16x2x8xf32>, tensor<16x2x8xf32>
}

/// A residual is read after other elements of the result are written.
// CHECK-LABEL: func.func @residual_in_place
// CHECK-SAME:    %{{[^:]+}}: memref<4x8xf32>, %{{[^:]+}}: memref<8x8xf32>, %[[RESIDUAL:[^:]+]]: memref<4x8xf32>
// CHECK:         %[[ALLOC:.+]] = memref.alloc() {{.*}}memref<4x8xf32>
// CHECK:         nn.linear {{.*}} residual(%[[RESIDUAL]] : {{.*}}) outs(%[[ALLOC]] :
func.func @residual_in_place(%x: tensor<4x8xf32>, %weight: tensor<8x8xf32>,
                             %residual: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %y = nn.linear ins(%x, %weight : tensor<4x8xf32>, tensor<8x8xf32>)
      residual(%residual : tensor<4x8xf32>)
      outs(%residual : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
