// RUN: mxfp4-opt %s --mxfp4-resolve-layouts --split-input-file --verify-diagnostics | FileCheck %s

#f32 = #mxfp4.layout<lanes = 8, depth = 1>
#bf16 = #mxfp4.layout<lanes = 8, depth = 2>
#blocks = #mxfp4.layout<lanes = 8, depth = 8>
#pairs = #mxfp4.layout<lanes = 4, depth = 8, paired = true>
#pair_scales = #mxfp4.layout<lanes = 4, depth = 1, paired = true>

/// F17: 12 rows are two groups of 8, and 8 columns four steps of two.
// CHECK-LABEL: func.func @pack
// CHECK:         %[[INIT:.+]] = tensor.empty() : tensor<2x4x16xbf16>
// CHECK:         mxfp4.pack ins(%{{.+}} : tensor<12x8xbf16>) outs(%[[INIT]] : tensor<2x4x16xbf16>) {layout = #mxfp4.layout<lanes = 8, depth = 2>} -> tensor<2x4x16xbf16>
// CHECK:         return %{{.+}} : tensor<2x4x16xbf16>
func.func @pack(%weight: tensor<12x8xbf16>) -> tensor<12x8xbf16, #bf16> {
  %init = tensor.empty() : tensor<12x8xbf16, #bf16>
  %0 = mxfp4.pack ins(%weight : tensor<12x8xbf16>)
      outs(%init : tensor<12x8xbf16, #bf16>) -> tensor<12x8xbf16, #bf16>
  return %0 : tensor<12x8xbf16, #bf16>
}

// CHECK-LABEL: func.func @linear
// CHECK-SAME:    tensor<2x4x16xbf16>
// CHECK:         nn.linear ins(%{{.+}}, %{{.+}} : tensor<?x8xf32>, tensor<2x4x16xbf16>) outs(%{{.+}} : tensor<?x12xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 2>}
func.func @linear(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16, #bf16>,
                  %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16, #bf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

/// Scales have a layout of their own (F20); the op names that of its values.
// CHECK-LABEL: func.func @matmul
// CHECK:         mxfp4.matmul ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<?x64xf32>, tensor<2x8x64xf4E2M1FN>, tensor<2x2x8xf8E8M0FNU>) outs(%{{.+}} : tensor<?x12xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 8>}
func.func @matmul(%x: tensor<?x64xf32>, %values: tensor<12x64xf4E2M1FN, #blocks>,
    %scales: tensor<12x2xf8E8M0FNU, #f32>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x64xf32>,
                        tensor<12x64xf4E2M1FN, #blocks>, tensor<12x2xf8E8M0FNU, #f32>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

/// Bytes hold two elements each (F2).
// CHECK-LABEL: func.func @matmul_of_bytes
// CHECK:         mxfp4.matmul ins({{.*}} tensor<2x8x32xi8>, tensor<2x2x8xf8E8M0FNU>)
func.func @matmul_of_bytes(%x: tensor<?x64xf32>, %values: tensor<12x32xi8, #blocks>,
    %scales: tensor<12x2xf8E8M0FNU, #f32>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x64xf32>,
                        tensor<12x32xi8, #blocks>, tensor<12x2xf8E8M0FNU, #f32>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

/// F18: 10 rows are five pairs, which fill two groups of gates and two of ups.
// CHECK-LABEL: func.func @matmul_by_expert
// CHECK:         mxfp4.matmul_by_expert ins({{.*}} tensor<2x4x4x32xf4E2M1FN>, tensor<2x4x1x4xf8E8M0FNU>, tensor<?x4xi32>) activation({{.*}} {layout = #mxfp4.layout<lanes = 4, depth = 8, paired = true>}
func.func @matmul_by_expert(%x: tensor<?x32xf32>,
    %values: tensor<2x10x32xf4E2M1FN, #pairs>,
    %scales: tensor<2x10x1xf8E8M0FNU, #pair_scales>, %experts: tensor<?x4xi32>,
    %init: tensor<?x4x5xf32>) -> tensor<?x4x5xf32> {
  %0 = mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x10x32xf4E2M1FN, #pairs>, tensor<2x10x1xf8E8M0FNU, #pair_scales>,
          tensor<?x4xi32>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      outs(%init : tensor<?x4x5xf32>) -> tensor<?x4x5xf32>
  return %0 : tensor<?x4x5xf32>
}

/// A tiled layout has no dimension for runs, which may be of different lengths.
// CHECK-LABEL: func.func @tiles
// CHECK-SAME:    tensor<2x768xf4E2M1FN>, %{{.+}}: tensor<2x24xf8E8M0FNU>
// CHECK:         mxfp4.matmul {{.*}} {layout = #mxfp4.layout<lanes = 8, depth = 128, tiled = true>}
func.func @tiles(%x: tensor<?x96xbf16>,
    %values: tensor<12x96xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 128, tiled = true>>,
    %scales: tensor<12x3xf8E8M0FNU, #mxfp4.layout<lanes = 8, depth = 4, tiled = true>>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x96xbf16>,
          tensor<12x96xf4E2M1FN, #mxfp4.layout<lanes = 8, depth = 128, tiled = true>>,
          tensor<12x3xf8E8M0FNU, #mxfp4.layout<lanes = 8, depth = 4, tiled = true>>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

/// Signatures and calls change together, and other encodings stay.
// CHECK-LABEL: func.func private @declared(tensor<2x4x16xbf16>) -> tensor<2x4x16xbf16>
func.func private @declared(tensor<12x8xbf16, #bf16>) -> tensor<12x8xbf16, #bf16>
// CHECK-LABEL: func.func @call
// CHECK-SAME:    tensor<4x4xf32, "other">
// CHECK:         call @declared(%{{.+}}) : (tensor<2x4x16xbf16>) -> tensor<2x4x16xbf16>
func.func @call(%weight: tensor<12x8xbf16, #bf16>, %other: tensor<4x4xf32, "other">) {
  %0 = call @declared(%weight)
      : (tensor<12x8xbf16, #bf16>) -> tensor<12x8xbf16, #bf16>
  return
}

// -----

/// The size of a dimension would be another.
func.func @dim(%weight: tensor<12x8xbf16, #mxfp4.layout<lanes = 8, depth = 2>>) -> index {
  %one = arith.constant 1 : index
  // expected-error @below {{cannot be resolved: expected only matmuls to use tensors of a layout, but got 'tensor<12x8xbf16, #mxfp4.layout<lanes = 8, depth = 2>>'}}
  %0 = tensor.dim %weight, %one : tensor<12x8xbf16, #mxfp4.layout<lanes = 8, depth = 2>>
  return %0 : index
}

// -----

func.func @constant() {
  // expected-error @below {{cannot be resolved: expected only matmuls to use tensors of a layout}}
  %0 = arith.constant dense<1.0> : tensor<12x8xbf16, #mxfp4.layout<lanes = 8, depth = 2>>
  return
}
