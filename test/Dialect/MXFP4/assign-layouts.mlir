// RUN: mxfp4-opt %s --mxfp4-assign-layouts | FileCheck %s
// RUN: mxfp4-opt %s --mxfp4-assign-layouts=lanes=16 | FileCheck %s --check-prefix=WIDE
// RUN: mxfp4-opt %s --mxfp4-assign-layouts=tiles=true | FileCheck %s --check-prefix=TILES
// RUN: not mxfp4-opt %s --mxfp4-assign-layouts=lanes=0 2>&1 | FileCheck %s --check-prefix=ERROR -DLANES=0
// RUN: not mxfp4-opt %s --mxfp4-assign-layouts=lanes=65 2>&1 | FileCheck %s --check-prefix=ERROR -DLANES=65

// ERROR: error: expected 1 to 64 lanes, but got [[LANES]]

/// A lane holds 32 bits of a row.
// CHECK-LABEL: func.func @dense_bf16
// CHECK-SAME:    %[[WEIGHT:[^:]+]]: tensor<12x8xbf16>
// CHECK:         %[[INIT:.+]] = tensor.empty() : tensor<12x8xbf16, #mxfp4.layout<lanes = 8, depth = 2>>
// CHECK:         %[[PACKED:.+]] = mxfp4.pack ins(%[[WEIGHT]] : tensor<12x8xbf16>) outs(%[[INIT]] : tensor<12x8xbf16, #mxfp4.layout<lanes = 8, depth = 2>>)
// CHECK:         nn.linear ins(%{{.+}}, %[[PACKED]] : tensor<?x8xf32>, tensor<12x8xbf16, #mxfp4.layout<lanes = 8, depth = 2>>)
// WIDE-LABEL: func.func @dense_bf16
// WIDE:         nn.linear ins(%{{.+}}, %{{.+}} : tensor<?x8xf32>, tensor<12x8xbf16, #mxfp4.layout<lanes = 16, depth = 2>>)
func.func @dense_bf16(%weight: tensor<12x8xbf16>, %x: tensor<?x8xf32>,
                      %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @dense_f32_of_odd_columns
// CHECK:         nn.linear ins(%{{.+}}, %{{.+}} : tensor<?x7xf32>, tensor<12x7xf32, #mxfp4.layout<lanes = 8, depth = 1>>)
func.func @dense_f32_of_odd_columns(%weight: tensor<12x7xf32>, %x: tensor<?x7xf32>,
                                    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x7xf32>, tensor<12x7xf32>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// Two columns of bf16 fill a lane, so odd columns do not.
// CHECK-LABEL: func.func @dense_bf16_of_odd_columns
// CHECK-NOT:     mxfp4.pack
// CHECK:         nn.linear ins(%{{.+}}, %{{.+}} : tensor<?x7xf32>, tensor<12x7xbf16>)
func.func @dense_bf16_of_odd_columns(%weight: tensor<12x7xbf16>, %x: tensor<?x7xf32>,
                                     %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x7xf32>, tensor<12x7xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @dense_of_unknown_shape
// CHECK-NOT:     mxfp4.pack
func.func @dense_of_unknown_shape(%weight: tensor<?x8xbf16>, %x: tensor<?x8xf32>,
                                  %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<?x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @dense_of_a_layout
// CHECK-NOT:     mxfp4.pack
func.func @dense_of_a_layout(
    %weight: tensor<12x8xbf16, #mxfp4.layout<lanes = 4, depth = 2>>,
    %x: tensor<?x8xf32>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>,
                     tensor<12x8xbf16, #mxfp4.layout<lanes = 4, depth = 2>>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @dense_memrefs
// CHECK-NOT:     mxfp4.pack
func.func @dense_memrefs(%weight: memref<12x8xbf16>, %x: memref<?x8xf32>,
                         %init: memref<?x12xf32>) {
  nn.linear ins(%x, %weight : memref<?x8xf32>, memref<12x8xbf16>)
      outs(%init : memref<?x12xf32>)
  return
}

/// Values hold 8 elements in a lane and scales one byte.
// CHECK-LABEL: func.func @blocks
// CHECK:         mxfp4.pack ins(%{{.+}} : tensor<12x64xf4E2M1FN>) outs(%{{.+}} : tensor<12x64xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 8>>)
// CHECK:         mxfp4.pack ins(%{{.+}} : tensor<12x2xf8E8M0FNU>) outs(%{{.+}} : tensor<12x2xf8E8M0FNU, #mxfp4.layout<lanes = 8, depth = 1>>)
// CHECK:         mxfp4.matmul ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<?x64xf32>, tensor<12x64xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 8>>, tensor<12x2xf8E8M0FNU, #mxfp4.layout<lanes = 8, depth = 1>>)
// WIDE-LABEL: func.func @blocks
// WIDE:         mxfp4.matmul ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<?x64xf32>, tensor<12x64xf4E2M1FN, #mxfp4.layout<lanes = 16, depth = 8>>
func.func @blocks(%values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %x: tensor<?x64xf32>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = mxfp4.matmul ins(%x, %values, %scales : tensor<?x64xf32>,
                        tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @experts
// CHECK:         mxfp4.matmul_by_expert ins({{.*}} tensor<2x12x64xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 8>>, tensor<2x12x2xf8E8M0FNU, #mxfp4.layout<lanes = 8, depth = 1>>, tensor<?x4xi32>)
func.func @experts(%values: tensor<2x12x64xf4E2M1FN>,
    %scales: tensor<2x12x2xf8E8M0FNU>, %experts: tensor<?x4xi32>,
    %x: tensor<?x64xf32>, %init: tensor<?x4x12xf32>) -> tensor<?x4x12xf32> {
  %y = mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return %y : tensor<?x4x12xf32>
}

/// Gate and up of a pair are in the same lane of two registers.
// CHECK-LABEL: func.func @experts_with_activation
// CHECK:         mxfp4.matmul_by_expert ins({{.*}} tensor<2x12x64xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 8, paired = true>>, tensor<2x12x2xf8E8M0FNU, #mxfp4.layout<lanes = 8, depth = 1, paired = true>>, tensor<?x4xi32>)
func.func @experts_with_activation(%values: tensor<2x12x64xf4E2M1FN>,
    %scales: tensor<2x12x2xf8E8M0FNU>, %experts: tensor<?x4xi32>,
    %x: tensor<?x64xf32>, %init: tensor<?x4x6xf32>) -> tensor<?x4x6xf32> {
  %y = mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      outs(%init : tensor<?x4x6xf32>) -> tensor<?x4x6xf32>
  return %y : tensor<?x4x6xf32>
}

/// Inputs of f16 are multiplied as those of other types.
// CHECK-LABEL: func.func @blocks_by_f16
// CHECK-COUNT-2: mxfp4.pack
// CHECK:         mxfp4.matmul
func.func @blocks_by_f16(%x: tensor<?x64xf16>, %values: tensor<12x64xf4E2M1FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = mxfp4.matmul ins(%x, %values, %scales : tensor<?x64xf16>, tensor<12x64xf4E2M1FN>,
                        tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// Weights that no kernel reads stay as they are, and take the slow path: of f16,
/// or added up over experts in bf16.
// CHECK-LABEL: func.func @dense_f16
// CHECK-NOT:     mxfp4.pack
func.func @dense_f16(%weight: tensor<12x8xf16>, %x: tensor<?x8xf32>,
                     %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @experts_added_up_in_bf16
// CHECK-NOT:     mxfp4.pack
func.func @experts_added_up_in_bf16(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %weights: tensor<?x4xf32>,
    %init: tensor<?x12xbf16>) -> tensor<?x12xbf16> {
  %y = mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      weights(%weights : tensor<?x4xf32>)
      outs(%init : tensor<?x12xbf16>) -> tensor<?x12xbf16>
  return %y : tensor<?x12xbf16>
}

/// 8-bit elements of a column stand together.
// CHECK-LABEL: func.func @mxfp8
// CHECK:         mxfp4.matmul ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<?x64xf32>, tensor<12x64xf8E5M2, #mxfp4.layout<lanes = 8, depth = 1>>, tensor<12x2xf8E8M0FNU, #mxfp4.layout<lanes = 8, depth = 1>>)
func.func @mxfp8(%values: tensor<12x64xf8E5M2>, %scales: tensor<12x2xf8E8M0FNU>,
                 %x: tensor<?x64xf32>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = mxfp4.matmul ins(%x, %values, %scales : tensor<?x64xf32>,
                        tensor<12x64xf8E5M2>, tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// Elements of 6 bits do not fill it.
// CHECK-LABEL: func.func @mxfp6
// CHECK-NOT:     mxfp4.pack
func.func @mxfp6(%values: tensor<12x64xf6E2M3FN>, %scales: tensor<12x2xf8E8M0FNU>,
                 %x: tensor<?x64xf32>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = mxfp4.matmul ins(%x, %values, %scales : tensor<?x64xf32>,
                        tensor<12x64xf6E2M3FN>, tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// For tiles MXFP4 alone is arranged, whole blocks of eight rows, where the input
/// is bf16.
// CHECK-LABEL: func.func @tiles
// TILES-LABEL: func.func @tiles
// TILES:         %[[VALUES:.+]] = mxfp4.pack ins(%{{.+}} : tensor<64x64xf4E2M1FN>) outs(%{{.+}} : tensor<64x64xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 128, tiled = true>>)
// TILES:         %[[SCALES:.+]] = mxfp4.pack ins(%{{.+}} : tensor<64x2xf8E8M0FNU>) outs(%{{.+}} : tensor<64x2xf8E8M0FNU, #mxfp4.layout<lanes = 8, depth = 4, tiled = true>>)
// TILES:         mxfp4.matmul ins(%{{.+}}, %[[VALUES]], %[[SCALES]] :
// TILES-NOT:     mxfp4.pack
// TILES:         return
func.func @tiles(%x: tensor<?x64xbf16>, %values: tensor<64x64xf4E2M1FN>,
                 %scales: tensor<64x2xf8E8M0FNU>, %wide: tensor<?x64xf32>,
                 %init: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x64xbf16>, tensor<64x64xf4E2M1FN>,
                        tensor<64x2xf8E8M0FNU>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = mxfp4.matmul ins(%wide, %values, %scales : tensor<?x64xf32>, tensor<64x64xf4E2M1FN>,
                        tensor<64x2xf8E8M0FNU>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}
