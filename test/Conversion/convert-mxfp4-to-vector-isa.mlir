// RUN: split-file %s %t
// RUN: mxfp4-opt %t/avx512.mlir --convert-mxfp4-to-vector=isa=avx512 --canonicalize --cse | FileCheck %t/avx512.mlir
// RUN: mxfp4-opt %t/baseline.mlir --convert-mxfp4-to-vector=isa=baseline --canonicalize --cse | FileCheck %t/baseline.mlir
// RUN: mxfp4-opt %t/baseline.mlir --convert-mxfp4-to-vector=isa=neon --canonicalize --cse | FileCheck %s --check-prefix=NEON
// RUN: mxfp4-opt %t/dotprod.mlir --convert-mxfp4-to-vector=isa=neon_dotprod --canonicalize --cse | FileCheck %t/dotprod.mlir
// RUN: mxfp4-opt %t/matrices.mlir --convert-mxfp4-to-vector=isa=neon_mmla --canonicalize --cse | FileCheck %t/matrices.mlir
// RUN: mxfp4-opt %t/integers.mlir --convert-mxfp4-to-vector=isa=avx512vnni --canonicalize --cse | FileCheck %t/integers.mlir --check-prefixes=CHECK,VNNI
// RUN: mxfp4-opt %t/integers.mlir --convert-mxfp4-to-vector=isa=avx512 --canonicalize --cse | FileCheck %t/integers.mlir --check-prefixes=CHECK,PAIRS
// RUN: mxfp4-opt %t/wide.mlir --convert-mxfp4-to-vector=isa=avx512vnni --canonicalize --cse | FileCheck %t/wide.mlir --check-prefixes=CHECK,VNNI
// RUN: mxfp4-opt %t/wide.mlir --convert-mxfp4-to-vector=isa=avx512 --canonicalize --cse | FileCheck %t/wide.mlir --check-prefixes=CHECK,PAIRS
// RUN: mxfp4-opt %t/sums.mlir --convert-mxfp4-to-vector=isa=avx512 --canonicalize --cse | FileCheck %t/sums.mlir
// RUN: mxfp4-opt %t/tiles.mlir --convert-mxfp4-to-vector=isa=amx --canonicalize --cse | FileCheck %t/tiles.mlir
// RUN: mxfp4-opt %t/floats.mlir --convert-mxfp4-to-vector=isa=baseline --canonicalize --cse | FileCheck %t/floats.mlir
// RUN: mxfp4-opt %t/bytes.mlir --convert-mxfp4-to-vector=isa=avx512 --canonicalize --cse | FileCheck %t/bytes.mlir
// RUN: not mxfp4-opt %t/baseline.mlir --convert-mxfp4-to-vector=isa=avx1024 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not mxfp4-opt %t/baseline.mlir --convert-mxfp4-to-vector=isa=avx2 2>&1 | FileCheck %s --check-prefix=LANES
// RUN: mxfp4-opt %t/errors.mlir --convert-mxfp4-to-vector --split-input-file --verify-diagnostics

// UNKNOWN: error: expected one of the instruction sets amx, avx512bf16, avx512vnni, avx512, avxvnni, avx2, neon_mmla, neon_dotprod, neon, baseline, but got 'avx1024'
// LANES: cannot be lowered to avx2: expected a layout of 8 lanes and depth 8, but got #mxfp4.layout<lanes = 4, depth = 8>

/// The upper two bytes of an f32 are looked up; an index outside of both tables
/// gives zero.
// NEON-LABEL: func.func @matmul
// NEON-DAG:     %[[THIRD:.+]] = arith.constant dense<[0, 0, -128, -64, 0, 64, -128, -64, 0, 0, -128, -64, 0, 64, -128, -64]> : vector<16xi8>
// NEON-DAG:     %[[FOURTH:.+]] = arith.constant dense<[0, 63, 63, 63, 64, 64, 64, 64, -128, -65, -65, -65, -64, -64, -64, -64]> : vector<16xi8>
// NEON-DAG:     %[[OUTSIDE:.+]] = arith.constant dense<268500991> : vector<4xi32>
// NEON:         arith.addi %{{.+}}, %[[OUTSIDE]] : vector<4xi32>
// NEON:         llvm.call_intrinsic "llvm.aarch64.neon.tbl2"(%[[THIRD]], %[[FOURTH]], %{{.+}}) : (vector<16xi8>, vector<16xi8>, vector<16xi8>) -> vector<16xi8>
// NEON:         vector.fma

//--- dotprod.mlir
/// Integers of 8 bits: 32 products for each lane of four rows.
// CHECK-LABEL: func.func @matmul
// CHECK:         %[[TABLE:.+]] = arith.constant dense<[12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0]> : vector<16xi8>
// CHECK:         %[[WEIGHTS:.+]] = llvm.call_intrinsic "llvm.aarch64.neon.tbl1"(%[[TABLE]], %{{.+}}) : (vector<16xi8>, vector<16xi8>) -> vector<16xi8>
// CHECK:         llvm.call_intrinsic "llvm.aarch64.neon.sdot"(%{{.+}}, %[[WEIGHTS]], %{{.+}}) : (vector<4xi32>, vector<16xi8>, vector<16xi8>) -> vector<4xi32>
// CHECK-NOT:     llvm.x86
func.func @matmul(%x: memref<1x64xf32>, %values: memref<4x8x16xi8>,
    %scales: memref<4x2x4xf8E8M0FNU>, %init: memref<1x16xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<4x8x16xi8>,
                   memref<4x2x4xf8E8M0FNU>)
      outs(%init : memref<1x16xf32>)
      {input_format = #mxfp4.input_format<int8>, layout = #mxfp4.layout<lanes = 4, depth = 8>}
  return
}

//--- matrices.mlir
/// Two rows at a time: the even and odd columns of a word of four rows of the
/// weight become eight columns of two rows. The odd row is multiplied by itself.
// CHECK-LABEL: func.func @matmul
// CHECK:         %[[EVEN:.+]] = llvm.call_intrinsic "llvm.aarch64.neon.tbl1"
// CHECK:         %[[ODD:.+]] = llvm.call_intrinsic "llvm.aarch64.neon.tbl1"
// CHECK:         %[[EVEN_WORDS:.+]] = vector.bitcast %[[EVEN]] : vector<16xi8> to vector<4xi32>
// CHECK:         %[[ODD_WORDS:.+]] = vector.bitcast %[[ODD]] : vector<16xi8> to vector<4xi32>
// CHECK:         %[[ROWS:.+]] = vector.shuffle %[[EVEN_WORDS]], %[[ODD_WORDS]] [0, 4, 1, 5]
// CHECK:         %[[PAIR:.+]] = vector.shuffle %{{.+}}, %{{.+}} [0, 1, 4, 5] : vector<4xi32>, vector<4xi32>
// CHECK-DAG:     %[[WEIGHTS:.+]] = vector.bitcast %[[ROWS]] : vector<4xi32> to vector<16xi8>
// CHECK-DAG:     %[[ACTIVATIONS:.+]] = vector.bitcast %[[PAIR]] : vector<4xi32> to vector<16xi8>
// CHECK:         llvm.call_intrinsic "llvm.aarch64.neon.smmla"(%{{.+}}, %[[ACTIVATIONS]], %[[WEIGHTS]]) : (vector<4xi32>, vector<16xi8>, vector<16xi8>) -> vector<4xi32>
// CHECK:         vector.shuffle %{{.+}}, %{{.+}} [2, 3, 6, 7] : vector<4xi32>, vector<4xi32>
// CHECK:         llvm.call_intrinsic "llvm.aarch64.neon.sdot"
func.func @matmul(%x: memref<3x64xf32>, %values: memref<4x8x16xi8>,
    %scales: memref<4x2x4xf8E8M0FNU>, %init: memref<3x16xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<3x64xf32>, memref<4x8x16xi8>,
                   memref<4x2x4xf8E8M0FNU>)
      outs(%init : memref<3x16xf32>)
      {input_format = #mxfp4.input_format<int8>, layout = #mxfp4.layout<lanes = 4, depth = 8>}
  return
}

//--- avx512.mlir
/// All 16 values are in one register, so nothing is done for the sign.
// CHECK-LABEL: func.func @matmul
// CHECK:         %[[TABLE:.+]] = arith.constant dense<[0.000000e+00, 5.000000e-01, 1.000000e+00, 1.500000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 6.000000e+00, -0.000000e+00, -5.000000e-01, -1.000000e+00, -1.500000e+00, -2.000000e+00, -3.000000e+00, -4.000000e+00, -6.000000e+00]> : vector<16xf32>
// CHECK:         %[[WEIGHT:.+]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%[[TABLE]], %{{.+}}) : (vector<16xf32>, vector<16xi32>) -> vector<16xf32>
// CHECK:         vector.fma %[[WEIGHT]], %{{.+}}, %{{.+}} : vector<16xf32>
// CHECK-NOT:     avx2
func.func @matmul(%x: memref<1x64xf32>, %values: memref<4x8x64xi8>,
    %scales: memref<4x2x16xf8E8M0FNU>, %init: memref<1x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<4x8x64xi8>,
                   memref<4x2x16xf8E8M0FNU>)
      outs(%init : memref<1x64xf32>) {layout = #mxfp4.layout<lanes = 16, depth = 8>}
  return
}

//--- baseline.mlir
/// No instruction that only some processors have.
// CHECK-LABEL: func.func @matmul
// CHECK-NOT:     llvm.call_intrinsic
// CHECK-NOT:     vector.fma
// CHECK:         arith.cmpi ult
// CHECK:         %[[BITS:.+]] = arith.ori %{{.+}}, %{{.+}} : vector<4xi32>
// CHECK:         %[[WEIGHT:.+]] = arith.bitcast %[[BITS]] : vector<4xi32> to vector<4xf32>
// CHECK:         %[[PRODUCT:.+]] = arith.mulf %[[WEIGHT]],
// CHECK:         arith.addf %[[PRODUCT]],
// CHECK-NOT:     llvm.call_intrinsic
// CHECK-NOT:     vector.fma
func.func @matmul(%x: memref<1x64xf32>, %values: memref<4x8x16xi8>,
    %scales: memref<4x2x4xf8E8M0FNU>, %init: memref<1x16xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<4x8x16xi8>,
                   memref<4x2x4xf8E8M0FNU>)
      outs(%init : memref<1x16xf32>) {layout = #mxfp4.layout<lanes = 4, depth = 8>}
  return
}

//--- integers.mlir
/// An input of two planes: 32 bytes for each, the scale and what makes up for the
/// offset of the weights. Where pairs of 16-bit sums are added up they are
/// multiplied by what their plane counts, too.
// CHECK-LABEL: func.func @matmul
// CHECK-DAG:     %[[TABLE:.+]] = arith.constant dense<[12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0, 12, {{.+}}]> : vector<64xi8>
// PAIRS-DAG:     %[[HIGH:.+]] = arith.constant dense<256> : vector<32xi16>
// PAIRS-DAG:     %[[LOW:.+]] = arith.constant dense<1> : vector<32xi16>
// CHECK:         %[[ROWS:.+]] = memref.alloc() : memref<1x2x72xi8>
// CHECK:         vector.reduction <maxsi>
// CHECK:         vector.store %{{.+}}, %[[ROWS]]{{.*}} : memref<1x2x72xi8>, vector<32xi8>
// CHECK:         vector.store %{{.+}}, %[[ROWS]]{{.*}} : memref<1x2x72xi8>, vector<32xi8>
// CHECK:         vector.store %{{.+}}, %[[ROWS]]{{.*}} : memref<1x2x72xi8>, vector<4xi8>
// CHECK:         vector.store %{{.+}}, %[[ROWS]]{{.*}} : memref<1x2x72xi8>, vector<4xi8>
// CHECK:         vector.load %[[ROWS]]{{.*}} : memref<1x2x72xi8>, vector<4xi8>
// CHECK:         llvm.call_intrinsic "llvm.x86.avx512.pshuf.b.512"(%[[TABLE]], %{{.+}}) : (vector<64xi8>, vector<64xi8>) -> vector<64xi8>
// VNNI-COUNT-32: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// VNNI-NOT:      vpdpbusd
// PAIRS-COUNT-4: llvm.call_intrinsic "llvm.x86.avx512.pmaddubs.w.512"
// PAIRS:         llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"(%{{.+}}, %[[HIGH]])
// PAIRS-COUNT-4: llvm.call_intrinsic "llvm.x86.avx512.pmaddubs.w.512"
// PAIRS:         llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"(%{{.+}}, %[[LOW]])
// CHECK:         arith.sitofp %{{.+}} : vector<16xi32> to vector<16xf32>
// CHECK:         vector.fma
func.func @matmul(%x: memref<1x64xbf16>, %values: memref<4x8x64xi8>,
    %scales: memref<4x2x16xf8E8M0FNU>, %init: memref<1x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xbf16>, memref<4x8x64xi8>,
                   memref<4x2x16xf8E8M0FNU>)
      outs(%init : memref<1x64xf32>)
      {input_format = #mxfp4.input_format<int16>, layout = #mxfp4.layout<lanes = 16, depth = 8>}
  return
}

//--- wide.mlir
/// Many rows of 16-bit integers: weights are decoded and widened once for 64 of
/// them, to stack memory.
// CHECK-LABEL: func.func @matmul
// CHECK-DAG:     %[[BYTE:.+]] = arith.constant dense<255> : vector<32xi16>
// CHECK:         %[[ROWS:.+]] = memref.alloc(%{{.+}}) : memref<?x2x36xi16>
// CHECK:         vector.store %{{.+}}, %[[ROWS]]{{.*}} : memref<?x2x36xi16>, vector<32xi16>
// CHECK:         %[[STACK:.+]] = memref.alloca() {alignment = 64 : i64} : memref<2x2x512xi16>
// CHECK:         %[[CODES:.+]] = llvm.call_intrinsic "llvm.x86.avx512.pshuf.b.512"
// CHECK:         %[[PAIRS:.+]] = vector.bitcast %[[CODES]] : vector<64xi8> to vector<32xi16>
// CHECK:         %[[DECODED:.+]] = arith.andi %[[PAIRS]], %[[BYTE]] : vector<32xi16>
// CHECK:         vector.store %[[DECODED]], %[[STACK]]{{.*}} : memref<2x2x512xi16>, vector<32xi16>
// CHECK:         %[[WEIGHTS:.+]] = vector.load %[[STACK]]{{.*}} : memref<2x2x512xi16>, vector<32xi16>
// VNNI:          llvm.call_intrinsic "llvm.x86.avx512.vpdpwssd.512"(%{{.+}}, %[[WEIGHTS]], %{{.+}}) : (vector<16xi32>, vector<32xi16>, vector<32xi16>) -> vector<16xi32>
// PAIRS:         llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"(%[[WEIGHTS]], %{{.+}}) : (vector<32xi16>, vector<32xi16>) -> vector<16xi32>
// CHECK-NOT:     pmaddubs
// CHECK-NOT:     vpdpbusd
func.func @matmul(%x: memref<?x64xbf16>, %values: memref<4x8x64xi8>,
    %scales: memref<4x2x16xf8E8M0FNU>, %init: memref<?x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<?x64xbf16>, memref<4x8x64xi8>,
                   memref<4x2x16xf8E8M0FNU>)
      outs(%init : memref<?x64xf32>)
      {input_format = #mxfp4.input_format<int16>, layout = #mxfp4.layout<lanes = 16, depth = 8>}
  return
}

//--- tiles.mlir
/// From 32 tokens on rows of bf16 are put in tiles, and weights are decoded to
/// bf16 with their scales, in four words of 8 columns by four lookups each.
// CHECK-LABEL: func.func @matmul
// CHECK-DAG:     %[[MANY:.+]] = arith.constant 32 : index
// CHECK:         %[[TOKENS:.+]] = memref.dim
// CHECK:         %[[ROWS:.+]] = memref.alloc(%{{.+}}) : memref<?x64xbf16>
// CHECK:         %[[CHOICE:.+]] = arith.cmpi uge, %[[TOKENS]], %[[MANY]]
// CHECK:         scf.if %[[CHOICE]]
// CHECK:           vector.shuffle %{{.+}} [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, {{.+}}] : vector<32xbf16>, vector<32xbf16>
// CHECK:           llvm.call_intrinsic "llvm.x86.ldtilecfg"
// CHECK-COUNT-16:  llvm.call_intrinsic "llvm.x86.avx512.permvar.hi.512"(%{{.+}}, %{{.+}}) : (vector<32xi16>, vector<32xi16>) -> vector<32xi16>
// CHECK-COUNT-4:   llvm.call_intrinsic "llvm.x86.tileloadd64"
// CHECK:           scf.for
// CHECK-COUNT-4:     llvm.call_intrinsic "llvm.x86.tileloadd64"
// CHECK-COUNT-4:     llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// CHECK-COUNT-4:   llvm.call_intrinsic "llvm.x86.tilestored64"
// CHECK:           llvm.call_intrinsic "llvm.x86.tilerelease"
// CHECK:         } else {
// CHECK:           llvm.call_intrinsic "llvm.x86.avx512.vpdpwssd.512"
func.func @matmul(%x: memref<?x64xbf16>, %values: memref<4x8x64xi8>,
    %scales: memref<4x2x16xf8E8M0FNU>, %init: memref<?x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<?x64xbf16>, memref<4x8x64xi8>,
                   memref<4x2x16xf8E8M0FNU>)
      outs(%init : memref<?x64xf32>)
      {input_format = #mxfp4.input_format<int16>, layout = #mxfp4.layout<lanes = 16, depth = 8>}
  return
}

/// There is nothing to choose where the number of tokens is known, and no tile
/// of rows of f32.
// CHECK-LABEL: func.func @known
// CHECK-NOT:     vpdpwssd
// CHECK:         llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// CHECK-LABEL: func.func @floats
// CHECK-NOT:     llvm.x86.t
func.func @known(%x: memref<40x64xbf16>, %values: memref<4x8x64xi8>,
    %scales: memref<4x2x16xf8E8M0FNU>, %init: memref<40x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<40x64xbf16>, memref<4x8x64xi8>,
                   memref<4x2x16xf8E8M0FNU>)
      outs(%init : memref<40x64xf32>)
      {layout = #mxfp4.layout<lanes = 16, depth = 8>}
  return
}
func.func @floats(%x: memref<40x64xf32>, %values: memref<4x8x64xi8>,
    %scales: memref<4x2x16xf8E8M0FNU>, %init: memref<40x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<40x64xf32>, memref<4x8x64xi8>,
                   memref<4x2x16xf8E8M0FNU>)
      outs(%init : memref<40x64xf32>)
      {layout = #mxfp4.layout<lanes = 16, depth = 8>}
  return
}

//--- sums.mlir
/// Rows of 8-bit integers: the products of a block are added up in 16 bits, from
/// what makes up for the offset of the weights on.
// CHECK-LABEL: func.func @matmul
// CHECK:         %[[ROWS:.+]] = memref.alloc(%{{.+}}) : memref<?x2x40xi8>
// CHECK-COUNT-2: vector.reduction <add>, %{{.+}} : vector<16xi32> into i32
// CHECK:         %[[STACK:.+]] = memref.alloca() {alignment = 64 : i64} : memref<2x2x512xi8>
// CHECK:         vector.store %{{.+}}, %[[STACK]]{{.*}} : memref<2x2x512xi8>, vector<64xi8>
// CHECK:         %[[WEIGHTS:.+]] = vector.load %[[STACK]]{{.*}} : memref<2x2x512xi8>, vector<64xi8>
// CHECK:         %[[PRODUCTS:.+]] = llvm.call_intrinsic "llvm.x86.avx512.pmaddubs.w.512"(%[[WEIGHTS]], %{{.+}}) : (vector<64xi8>, vector<64xi8>) -> vector<32xi16>
// CHECK:         arith.addi %{{.+}}, %[[PRODUCTS]] : vector<32xi16>
// CHECK:         scf.yield
// CHECK:         llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"
// CHECK:         arith.sitofp
func.func @matmul(%x: memref<?x64xbf16>, %values: memref<4x8x64xi8>,
    %scales: memref<4x2x16xf8E8M0FNU>, %init: memref<?x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<?x64xbf16>, memref<4x8x64xi8>,
                   memref<4x2x16xf8E8M0FNU>)
      outs(%init : memref<?x64xf32>)
      {input_format = #mxfp4.input_format<int8>, layout = #mxfp4.layout<lanes = 16, depth = 8>}
  return
}

//--- bytes.mlir
/// Two columns of 8-bit elements at a time, by way of f16. NaN is looked for once
/// in a block.
// CHECK-LABEL: func.func @matmul
// CHECK:         %[[FLAT:.+]] = memref.collapse_shape %{{.+}} {{.*}} : memref<4x64x16xf8E4M3FN> into memref<4x1024xf8E4M3FN>
// CHECK:         %[[RAW:.+]] = vector.load %[[FLAT]]{{.*}} : memref<4x1024xf8E4M3FN>, vector<32xf8E4M3FN>
// CHECK:         arith.extsi %{{.+}} : vector<32xi8> to vector<32xi16>
// CHECK:         arith.extf %{{.+}} : vector<32xf16> to vector<32xf32>
// CHECK:         arith.maxui %{{.+}}, %{{.+}} : vector<64xi8>
// CHECK:         %[[NAN:.+]] = arith.cmpi eq, %{{.+}}, %{{.+}} : vector<16xi8>
// CHECK:         arith.select %[[NAN]], %{{.+}}, %{{.+}} : vector<16xi1>, vector<16xf32>
func.func @matmul(%x: memref<1x64xf32>, %values: memref<4x64x16xf8E4M3FN>,
    %scales: memref<4x2x16xf8E8M0FNU>, %init: memref<1x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>,
                   memref<4x64x16xf8E4M3FN>, memref<4x2x16xf8E8M0FNU>)
      outs(%init : memref<1x64xf32>) {layout = #mxfp4.layout<lanes = 16, depth = 1>}
  return
}

//--- floats.mlir
/// Integers as floats, where bytes cannot be multiplied.
// CHECK-LABEL: func.func @matmul
// CHECK:         %[[ROWS:.+]] = memref.alloc() : memref<1x64xf32>
// CHECK:         %[[NUMBER:.+]] = arith.sitofp %{{.+}} : vector<32xi32> to vector<32xf32>
// CHECK:         %[[ROUNDED:.+]] = arith.mulf %[[NUMBER]], %{{.+}} : vector<32xf32>
// CHECK:         vector.store %[[ROUNDED]], %[[ROWS]]
// CHECK:         memref.load %[[ROWS]]
// CHECK-NOT:     llvm.call_intrinsic
func.func @matmul(%x: memref<1x64xbf16>, %values: memref<4x8x16xi8>,
    %scales: memref<4x2x4xf8E8M0FNU>, %init: memref<1x16xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xbf16>, memref<4x8x16xi8>,
                   memref<4x2x4xf8E8M0FNU>)
      outs(%init : memref<1x16xf32>)
      {input_format = #mxfp4.input_format<int8>, layout = #mxfp4.layout<lanes = 4, depth = 8>}
  return
}

//--- errors.mlir
func.func @pack_in_tiles(%source: memref<16x32xi8>, %init: memref<2x256xi8>) {
  // expected-error @below {{cannot be lowered to vectors: expected a layout that is not tiled}}
  mxfp4.pack ins(%source : memref<16x32xi8>) outs(%init : memref<2x256xi8>)
      {layout = #mxfp4.layout<lanes = 8, depth = 128, tiled = true>}
  return
}

// -----

func.func @matmul_of_tiles(%x: memref<1x64xf32>, %values: memref<2x256xi8>,
    %scales: memref<2x16xf8E8M0FNU>, %init: memref<1x16xf32>) {
  // expected-error @below {{cannot be lowered to avx2: expected a layout of 8 lanes and depth 8, but got #mxfp4.layout<lanes = 8, depth = 8, tiled = true>}}
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<2x256xi8>,
                   memref<2x16xf8E8M0FNU>) outs(%init : memref<1x16xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8, tiled = true>}
  return
}

// -----

func.func @matmul_without_a_layout(%x: memref<1x64xf32>, %values: memref<16x32xi8>,
    %scales: memref<16x2xf8E8M0FNU>, %init: memref<1x16xf32>) {
  // expected-error @below {{cannot be lowered to vectors: expected a layout (mxfp4-assign-layouts)}}
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<16x32xi8>,
                   memref<16x2xf8E8M0FNU>)
      outs(%init : memref<1x16xf32>)
  return
}

// -----

func.func @matmul_by_expert_without_a_layout(%x: memref<1x64xf32>,
    %values: memref<2x16x32xi8>, %scales: memref<2x16x2xf8E8M0FNU>,
    %experts: memref<1x4xi32>, %init: memref<1x4x16xf32>) {
  // expected-error @below {{cannot be lowered to vectors: expected a layout (mxfp4-assign-layouts)}}
  mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : memref<1x64xf32>,
          memref<2x16x32xi8>, memref<2x16x2xf8E8M0FNU>, memref<1x4xi32>)
      outs(%init : memref<1x4x16xf32>)
  return
}

// -----

func.func @matmul_of_elements(%x: memref<1x64xf32>, %values: memref<2x8x64xf4E2M1FN>,
    %scales: memref<2x2x8xf8E8M0FNU>, %init: memref<1x16xf32>) {
  // expected-error @below {{cannot be lowered to avx2: expected a weight of f32, bf16, f8 or i8 (packed 4-bit), but got 'memref<2x8x64xf4E2M1FN>'}}
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<2x8x64xf4E2M1FN>,
                   memref<2x2x8xf8E8M0FNU>)
      outs(%init : memref<1x16xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

func.func @sum_over_experts_in_bf16(%x: memref<1x64xf32>,
    %values: memref<2x2x8x32xi8>, %scales: memref<2x2x2x8xf8E8M0FNU>,
    %experts: memref<1x4xi32>, %weights: memref<1x4xf32>, %init: memref<1x16xbf16>) {
  // expected-error @below {{cannot be lowered to vectors: expected an f32 sum over experts, but got 'memref<1x16xbf16>'}}
  mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : memref<1x64xf32>,
          memref<2x2x8x32xi8>, memref<2x2x2x8xf8E8M0FNU>, memref<1x4xi32>)
      weights(%weights : memref<1x4xf32>)
      outs(%init : memref<1x16xbf16>) {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}
