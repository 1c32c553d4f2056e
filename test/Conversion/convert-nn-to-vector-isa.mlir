// RUN: split-file %s %t
// RUN: mxfp4-opt %t/words.mlir --convert-nn-to-vector=isa=avx512bf16 --canonicalize --cse | FileCheck %t/words.mlir
// RUN: mxfp4-opt %t/matrices.mlir --convert-nn-to-vector=isa=neon_mmla --canonicalize --cse | FileCheck %t/matrices.mlir
// RUN: mxfp4-opt %t/f32.mlir --convert-nn-to-vector=isa=avx512bf16 --canonicalize --cse | FileCheck %t/f32.mlir
// RUN: mxfp4-opt %t/tiles.mlir --convert-nn-to-vector=isa=amx --canonicalize --cse | FileCheck %t/tiles.mlir

//--- tiles.mlir
/// Dense weights are tiles as they are, at their address: 32 columns of a group
/// of rows are 1024 bytes. Not where that is not all of it.
// CHECK-LABEL: func.func @linear
// CHECK-SAME:    %{{[^:]+}}: memref<40x64xbf16>, %[[WEIGHT:[^:]+]]: memref<2x32x32xbf16>
// CHECK-NOT:     vector.shuffle
// CHECK:         memref.extract_aligned_pointer_as_index %[[WEIGHT]]
// CHECK-NOT:     vector.load %[[WEIGHT]]
// CHECK:         llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// CHECK-LABEL: func.func @later
// CHECK-NOT:     llvm.x86.t
func.func @linear(%x: memref<40x64xbf16>, %weight: memref<2x32x32xbf16>,
                  %init: memref<40x32xf32>) {
  nn.linear ins(%x, %weight : memref<40x64xbf16>, memref<2x32x32xbf16>)
      outs(%init : memref<40x32xf32>) {layout = #mxfp4.layout<lanes = 16, depth = 2>}
  return
}
func.func @later(%x: memref<40x64xbf16>,
                 %weight: memref<2x32x32xbf16, strided<[1024, 32, 1], offset: 4096>>,
                 %init: memref<40x32xf32>) {
  nn.linear ins(%x, %weight : memref<40x64xbf16>,
                memref<2x32x32xbf16, strided<[1024, 32, 1], offset: 4096>>)
      outs(%init : memref<40x32xf32>) {layout = #mxfp4.layout<lanes = 16, depth = 2>}
  return
}

//--- words.mlir
/// Two columns of bf16 are multiplied by two as they are. Those of a row stand
/// together where rows are packed.
// CHECK-LABEL: func.func @linear
// CHECK-SAME:    %[[X:[^:]+]]: memref<?x8xbf16>, %[[WEIGHT:[^:]+]]: memref<2x4x32xbf16>
// CHECK:         %[[PACKED:.+]] = memref.collapse_shape %{{.+}} : memref<?x8xbf16> into memref<?xbf16>
// CHECK:         %[[NUMBERS:.+]] = vector.load %[[X]]{{.*}}, vector<2xbf16>
// CHECK:         vector.store %[[NUMBERS]], %[[PACKED]]
// CHECK:         %[[COLUMNS:.+]] = vector.load %[[WEIGHT]][%{{.+}}] : memref<2x4x32xbf16>, vector<32xbf16>
// CHECK:         vector.load %[[PACKED]]{{.*}}, vector<2xbf16>
// CHECK:         llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%{{.+}}, %{{.+}}, %{{.+}}) : (vector<16xf32>, vector<32xbf16>, vector<32xbf16>) -> vector<16xf32>
// CHECK-NOT:     vector.fma
func.func @linear(%x: memref<?x8xbf16>, %weight: memref<2x4x32xbf16>,
                  %init: memref<?x32xf32>) {
  nn.linear ins(%x, %weight : memref<?x8xbf16>, memref<2x4x32xbf16>)
      outs(%init : memref<?x32xf32>) {layout = #mxfp4.layout<lanes = 16, depth = 2>}
  return
}

//--- matrices.mlir
/// Two words of four rows of the weight become four columns of two rows. The odd
/// row is multiplied by itself, with the same sums.
// CHECK-LABEL: func.func @linear
// CHECK-SAME:    %{{[^:]+}}: memref<3x8xbf16>, %[[WEIGHT:[^:]+]]: memref<4x4x8xbf16>
// CHECK:         %[[PACKED:.+]] = memref.collapse_shape %{{.+}} : memref<3x8xbf16> into memref<24xbf16>
// CHECK:         vector.store %{{.+}}, %[[PACKED]]{{.*}}, vector<4xbf16>
// CHECK:         %[[WORDS:.+]] = vector.shuffle %{{.+}}, %{{.+}} [0, 4, 1, 5] : vector<4xi32>, vector<4xi32>
// CHECK:         %[[ROWS:.+]] = vector.load %[[PACKED]]{{.*}}, vector<8xbf16>
// CHECK:         %[[WEIGHTS:.+]] = vector.bitcast %[[WORDS]] : vector<4xi32> to vector<8xbf16>
// CHECK:         llvm.call_intrinsic "llvm.aarch64.neon.bfmmla"(%{{.+}}, %[[ROWS]], %[[WEIGHTS]]) : (vector<4xf32>, vector<8xbf16>, vector<8xbf16>) -> vector<4xf32>
// CHECK:         vector.shuffle %{{.+}}, %{{.+}} [0, 1, 4, 5] : vector<4xf32>, vector<4xf32>
// CHECK:         llvm.call_intrinsic "llvm.aarch64.neon.bfdot"(%{{.+}}, %{{.+}}, %{{.+}}) : (vector<4xf32>, vector<8xbf16>, vector<8xbf16>) -> vector<4xf32>
// CHECK-NOT:     vector.fma
func.func @linear(%x: memref<3x8xbf16>, %weight: memref<4x4x8xbf16>,
                  %init: memref<3x16xf32>) {
  nn.linear ins(%x, %weight : memref<3x8xbf16>, memref<4x4x8xbf16>)
      outs(%init : memref<3x16xf32>) {layout = #mxfp4.layout<lanes = 4, depth = 2>}
  return
}

//--- f32.mlir
/// Inputs in f32 are not rounded.
// CHECK-LABEL: func.func @linear
// CHECK:         vector.fma
// CHECK-NOT:     llvm.call_intrinsic
func.func @linear(%x: memref<?x8xf32>, %weight: memref<2x4x32xbf16>,
                  %init: memref<?x32xf32>) {
  nn.linear ins(%x, %weight : memref<?x8xf32>, memref<2x4x32xbf16>)
      outs(%init : memref<?x32xf32>) {layout = #mxfp4.layout<lanes = 16, depth = 2>}
  return
}
