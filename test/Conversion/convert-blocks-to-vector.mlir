// RUN: split-file %s %t
// RUN: mxfp4-opt %t/blocks.mlir --convert-mxfp4-to-vector=isa=avx512 --canonicalize --cse | FileCheck %t/blocks.mlir --check-prefixes=CHECK,AVX512
// RUN: mxfp4-opt %t/blocks.mlir --convert-mxfp4-to-vector=isa=avx2 --canonicalize --cse | FileCheck %t/blocks.mlir --check-prefixes=CHECK,AVX2
// RUN: mxfp4-opt %t/blocks.mlir --convert-mxfp4-to-vector=isa=baseline --canonicalize --cse | FileCheck %t/blocks.mlir --check-prefixes=CHECK,BASELINE
// RUN: mxfp4-opt %t/errors.mlir --convert-mxfp4-to-vector --split-input-file --verify-diagnostics

//--- blocks.mlir
/// All rows are one run of blocks, four of which have their scales in a vector.
/// A lane has the 32 bits of eight elements and moves its own to the low bits.
// CHECK-LABEL: func.func @dequantize
// CHECK-SAME:    %[[VALUES:[^:]+]]: memref<8x4x32xi8>, %[[SCALES:[^:]+]]: memref<8x4x2xf8E8M0FNU>, %[[INIT:[^:]+]]: memref<8x4x64xf32>
// CHECK-DAG:     %[[C16:.+]] = arith.constant 16 : index
// CHECK-DAG:     %[[V:.+]] = memref.collapse_shape %[[VALUES]] {{\[\[}}0, 1, 2]] : memref<8x4x32xi8> into memref<1024xi8>
// CHECK-DAG:     %[[S:.+]] = memref.collapse_shape %[[SCALES]]
// CHECK-DAG:     %[[OUT:.+]] = memref.collapse_shape %[[INIT]]
// CHECK:         scf.parallel (%{{.+}}) = (%{{.+}}) to (%[[C16]])
// CHECK-NOT:       scf.if
// CHECK:           vector.load %[[S]][%{{.+}}] : memref<64xf8E8M0FNU>, vector<4xf8E8M0FNU>
// AVX512:          %[[WORDS:.+]] = vector.bitcast %{{.+}} : vector<8xi8> to vector<2xi32>
// AVX512:          vector.shuffle %[[WORDS]], %[[WORDS]] [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
// AVX512:          %[[CODES:.+]] = arith.shrui
// AVX512:          "llvm.x86.avx512.permvar.sf.512"(%{{.+}}, %[[CODES]])
// AVX2:            %[[CODES:.+]] = arith.shrui
// AVX2:            "llvm.x86.avx2.permps"(%{{.+}}, %[[CODES]])
// BASELINE-NOT:    llvm.call_intrinsic
// BASELINE:        arith.cmpi ult
// CHECK:           arith.mulf
// CHECK:           vector.store %{{.+}}, %[[OUT]]
// BASELINE-NOT:    llvm.call_intrinsic
func.func @dequantize(%values: memref<8x4x32xi8>, %scales: memref<8x4x2xf8E8M0FNU>,
                      %init: memref<8x4x64xf32>) {
  mxfp4.dequantize_into ins(%values, %scales : memref<8x4x32xi8>, memref<8x4x2xf8E8M0FNU>)
      outs(%init : memref<8x4x64xf32>)
  return
}

/// With a number of rows that is not known, the last tile may not be full. Eight
/// blocks of 16 are a tile; each has the scale of its matrix.
// CHECK-LABEL: func.func @dequantize_matrices
// CHECK:         scf.parallel
// CHECK:           scf.if
// CHECK:             vector.load %{{.+}} : memref<?xf8E4M3FN>, vector<8xf8E4M3FN>
// CHECK-COUNT-8:     arith.divui
// CHECK:           } else {
// CHECK:             scf.for
// CHECK:               vector.load %{{.+}} : memref<?xf8E4M3FN>, vector<1xf8E4M3FN>
func.func @dequantize_matrices(%values: memref<?x3x32xi8>, %scales: memref<?x3x4xf8E4M3FN>,
    %t: memref<?xf32>, %init: memref<?x3x64xbf16>) {
  mxfp4.dequantize_into ins(%values, %scales : memref<?x3x32xi8>, memref<?x3x4xf8E4M3FN>)
      tensor_scale(%t : memref<?xf32>) outs(%init : memref<?x3x64xbf16>)
  return
}

/// Scales of four blocks first; then codes, two of which become a byte.
// CHECK-LABEL: func.func @quantize
// CHECK:         scf.parallel
// CHECK-COUNT-4:   vector.load %{{.+}} : memref<2048xbf16>, vector<32xbf16>
// CHECK-NOT:       vector.reduction
// CHECK:           vector.shuffle %{{.+}}, %{{.+}} [0,
// CHECK:           arith.maxui %{{.+}} : vector<4xi32>
// CHECK:           vector.store %{{.+}} : memref<64xf8E8M0FNU>, vector<4xf8E8M0FNU>
// CHECK:           arith.mulf %{{.+}} : vector<32xf32>
// CHECK:           %[[BYTES:.+]] = arith.trunci %{{.+}} : vector<32xi32> to vector<32xi8>
// CHECK:           vector.bitcast %[[BYTES]] : vector<32xi8> to vector<16xi16>
// CHECK:           vector.store %{{.+}} : memref<1024xi8>, vector<16xi8>
func.func @quantize(%x: memref<32x64xbf16>, %values: memref<32x32xi8>,
                    %scales: memref<32x2xf8E8M0FNU>) {
  mxfp4.quantize_into ins(%x : memref<32x64xbf16>)
      outs(%values, %scales : memref<32x32xi8>, memref<32x2xf8E8M0FNU>)
  return
}

/// A block alone is reduced in one step. 8-bit codes fill their bytes.
// CHECK-LABEL: func.func @quantize_a_block
// CHECK:         vector.reduction <maxui>
// CHECK-NOT:     i16
// CHECK:         vector.store %{{.+}} : memref<32xf8E4M3FN>, vector<32xf8E4M3FN>
func.func @quantize_a_block(%x: memref<32xf32>, %values: memref<32xf8E4M3FN>,
                            %scales: memref<1xf8E8M0FNU>) {
  mxfp4.quantize_into ins(%x : memref<32xf32>)
      outs(%values, %scales : memref<32xf8E4M3FN>, memref<1xf8E8M0FNU>)
  return
}

//--- errors.mlir
func.func @elements_that_are_not_packed(%values: memref<4x64xf4E2M1FN>,
    %scales: memref<4x2xf8E8M0FNU>, %init: memref<4x64xf32>) {
  // expected-error @below {{cannot be lowered to vectors: expected 4-bit elements as bytes (mxfp4-pack-storage), but got 'memref<4x64xf4E2M1FN>'}}
  mxfp4.dequantize_into ins(%values, %scales : memref<4x64xf4E2M1FN>, memref<4x2xf8E8M0FNU>)
      outs(%init : memref<4x64xf32>)
  return
}

// -----

func.func @six_bits(%x: memref<4x64xf32>, %values: memref<4x64xf6E3M2FN>,
                    %scales: memref<4x2xf8E8M0FNU>) {
  // expected-error @below {{cannot be lowered to vectors: expected elements of 4 or 8 bits, but got 'memref<4x64xf6E3M2FN>'}}
  mxfp4.quantize_into ins(%x : memref<4x64xf32>)
      outs(%values, %scales : memref<4x64xf6E3M2FN>, memref<4x2xf8E8M0FNU>)
  return
}

// -----

func.func @rows_with_gaps(%values: memref<4x32xi8>, %scales: memref<4x2xf8E8M0FNU>,
                          %init: memref<4x64xf32, strided<[65, 1]>>) {
  // expected-error @below {{cannot be lowered: expected contiguous memrefs, but got 'memref<4x64xf32, strided<[65, 1]>>'}}
  mxfp4.dequantize_into ins(%values, %scales : memref<4x32xi8>, memref<4x2xf8E8M0FNU>)
      outs(%init : memref<4x64xf32, strided<[65, 1]>>)
  return
}

// -----

func.func @elements_without_end(%values: memref<9223372036854775807x3x16xi8>,
    %scales: memref<9223372036854775807x3x1xf8E8M0FNU>,
    %init: memref<9223372036854775807x3x32xf32>) {
  // expected-error @below {{cannot be lowered to vectors: expected less than 2^63 elements, but got 'memref<9223372036854775807x3x16xi8>'}}
  mxfp4.dequantize_into ins(%values, %scales : memref<9223372036854775807x3x16xi8>,
          memref<9223372036854775807x3x1xf8E8M0FNU>)
      outs(%init : memref<9223372036854775807x3x32xf32>)
  return
}
