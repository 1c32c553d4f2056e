// RUN: mxfp4-opt %s --split-input-file --convert-mxfp4-to-vector --canonicalize --cse | FileCheck %s

/// One loop over blocks holds the sums of four groups in registers, and asks for
/// their blocks a page ahead, two cache lines each. Eight elements
/// are in the 32 bits of a lane: their low three bits choose a magnitude, and the
/// fourth is the sign. The scale is applied to the sum over the block (F5).
// CHECK-LABEL: func.func @matmul_of_one_token
// CHECK-SAME:    %[[X:[^:]+]]: memref<1x64xf32>, %[[VALUES:[^:]+]]: memref<4x8x32xi8>, %[[SCALES:[^:]+]]: memref<4x2x8xf8E8M0FNU>, %[[INIT:[^:]+]]: memref<1x32xf32>
// CHECK-DAG:     %[[SIGN:.+]] = arith.constant dense<-2147483648> : vector<8xi32>
// CHECK-DAG:     %[[TABLE:.+]] = arith.constant dense<[0.000000e+00, 5.000000e-01, 1.000000e+00, 1.500000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 6.000000e+00]> : vector<8xf32>
// CHECK-DAG:     %[[ZEROS:.+]] = arith.constant dense<0.000000e+00> : vector<8xf32>
// CHECK-NOT:     memref.alloc
// CHECK:         %[[SUMS:.+]]:4 = scf.for
// CHECK-COUNT-8:   memref.prefetch %[[VALUES]]
// CHECK:           %[[BYTES:.+]] = vector.load %[[VALUES]][%{{.+}}] : memref<4x8x32xi8>, vector<32xi8>
// CHECK:           %[[WORDS:.+]] = vector.bitcast %[[BYTES]] : vector<32xi8> to vector<8xi32>
// CHECK:           %[[MAGNITUDES:.+]] = llvm.call_intrinsic "llvm.x86.avx2.permps"(%[[TABLE]], %[[WORDS]])
// CHECK:           %[[MOVED:.+]] = arith.shli %[[WORDS]], %{{.+}}
// CHECK:           %[[SIGNS:.+]] = arith.andi %[[MOVED]], %[[SIGN]]
// CHECK:           %[[BITS:.+]] = arith.bitcast %[[MAGNITUDES]] : vector<8xf32> to vector<8xi32>
// CHECK:           %[[SIGNED:.+]] = arith.ori %[[BITS]], %[[SIGNS]]
// CHECK:           %[[WEIGHT:.+]] = arith.bitcast %[[SIGNED]] : vector<8xi32> to vector<8xf32>
// CHECK:           %[[SCALAR:.+]] = memref.load %[[X]]
// CHECK-NEXT:      %[[ACTIVATION:.+]] = vector.broadcast %[[SCALAR]]
// CHECK-NEXT:      vector.fma %[[WEIGHT]], %[[ACTIVATION]], %[[ZEROS]]
// CHECK:           vector.load %[[SCALES]]
// CHECK:           vector.fma
// CHECK:           scf.yield
// CHECK:         vector.store %[[SUMS]]#0, %[[INIT]]
// CHECK:         vector.store %[[SUMS]]#3, %[[INIT]]
// CHECK-NOT:     mxfp4.
func.func @matmul_of_one_token(%x: memref<1x64xf32>, %values: memref<4x8x32xi8>,
    %scales: memref<4x2x8xf8E8M0FNU>, %init: memref<1x32xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<4x8x32xi8>,
                   memref<4x2x8xf8E8M0FNU>)
      outs(%init : memref<1x32xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

/// Activations are widened once, those of a tile side by side. A weight that is
/// decoded once is used for four tokens, each activation for two groups. Lanes past the end of a row are not
/// written.
// CHECK-LABEL: func.func @matmul_of_tokens
// CHECK:         %[[WIDE:.+]] = memref.alloc(%{{.+}}) : memref<?x32xf32>
// CHECK:         %[[PACKED:.+]] = memref.collapse_shape %[[WIDE]] {{.+}} into memref<?xf32>
// CHECK:           vector.store %{{.+}}, %[[PACKED]]
// CHECK:         scf.parallel
// CHECK:           "llvm.x86.avx2.permps"
// CHECK:           arith.ori
// CHECK-NEXT:      %[[WEIGHT:.+]] = arith.bitcast %{{.+}} : vector<8xi32> to vector<8xf32>
// CHECK:           arith.ori
// CHECK-NEXT:      %[[SECOND:.+]] = arith.bitcast %{{.+}} : vector<8xi32> to vector<8xf32>
// CHECK:           memref.load %[[PACKED]]
// CHECK-NEXT:      %[[ACTIVATION:.+]] = vector.broadcast
// CHECK-NEXT:      vector.fma %[[WEIGHT]], %[[ACTIVATION]],
// CHECK-NEXT:      vector.fma %[[SECOND]], %[[ACTIVATION]],
// CHECK:           vector.fma %[[WEIGHT]],
// CHECK-NEXT:      vector.fma %[[SECOND]],
// CHECK:           vector.create_mask
// CHECK:           vector.maskedload
// CHECK:           vector.maskedstore
// CHECK-NOT:     mxfp4.
func.func @matmul_of_tokens(%x: memref<?x32xbf16>, %values: memref<5x4x32xi8>,
    %scales: memref<5x1x8xf8E8M0FNU>, %bias: memref<36xf32>,
    %residual: memref<?x36xf32>, %init: memref<?x36xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<?x32xbf16>, memref<5x4x32xi8>,
                   memref<5x1x8xf8E8M0FNU>)
      bias(%bias : memref<36xf32>) residual(%residual : memref<?x36xf32>)
      outs(%init : memref<?x36xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

/// Slots are sorted by expert; then each expert in use is gone through once. Gate and up of a pair meet in the activation.
// CHECK-LABEL: func.func @matmul_by_expert
// CHECK-SAME:    %[[EXPERTS:[^:]+]]: memref<?x4xi32>
// CHECK-DAG:     memref.alloc(%{{.+}}) : memref<?x4xi32>
// CHECK-DAG:     memref.alloc() : memref<3xi32>
// CHECK-DAG:     memref.alloc() : memref<2xi32>
// CHECK-DAG:     memref.alloc() : memref<1xi32>
// CHECK-NOT:     memref.alloc
// CHECK:         scf.parallel
// CHECK:           scf.for
// CHECK:           "llvm.x86.avx2.permps"
// CHECK:           vector.deinterleave
// CHECK:           arith.minimumf
// CHECK:           arith.divf
// CHECK-NOT:     mxfp4.
func.func @matmul_by_expert(%x: memref<?x32xf32>, %values: memref<2x4x4x32xi8>,
    %scales: memref<2x4x1x8xf8E8M0FNU>, %bias: memref<2x32xbf16>,
    %experts: memref<?x4xi32>, %init: memref<?x4x16xf32>) {
  mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : memref<?x32xf32>,
          memref<2x4x4x32xi8>, memref<2x4x1x8xf8E8M0FNU>, memref<?x4xi32>)
      bias(%bias : memref<2x32xbf16>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      outs(%init : memref<?x4x16xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8, paired = true>}
  return
}

// -----

/// Sums over slots start from the residual.
// CHECK-LABEL: func.func @matmul_by_expert_with_weights
// CHECK-SAME:    %[[RESIDUAL:[^:]+]]: memref<1x32xf32>, %[[INIT:[^:]+]]: memref<1x32xf32>
// CHECK:         %[[START:.+]] = vector.load %[[RESIDUAL]]
// CHECK:         vector.store %[[START]], %[[INIT]]
// CHECK:         %[[OLD:.+]] = vector.load %[[INIT]]
// CHECK:         %[[NEW:.+]] = vector.fma %{{.+}}, %{{.+}}, %[[OLD]]
// CHECK:         vector.store %[[NEW]], %[[INIT]]
func.func @matmul_by_expert_with_weights(%x: memref<1x4x32xf32>,
    %values: memref<2x4x4x32xi8>, %scales: memref<2x4x1x8xf8E8M0FNU>,
    %experts: memref<1x4xi32>, %weights: memref<1x4xf32>,
    %residual: memref<1x32xf32>, %init: memref<1x32xf32>) {
  mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : memref<1x4x32xf32>,
          memref<2x4x4x32xi8>, memref<2x4x1x8xf8E8M0FNU>, memref<1x4xi32>)
      weights(%weights : memref<1x4xf32>) residual(%residual : memref<1x32xf32>)
      outs(%init : memref<1x32xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

/// F18: gate and up rows go to groups in turn. 16 rows fill two groups of 8.
// CHECK-LABEL: func.func @pack_pairs
// CHECK-SAME:    %[[SOURCE:[^:]+]]: memref<16x64xi8>, %[[INIT:[^:]+]]: memref<2x16x32xi8>
// CHECK:         scf.parallel
// CHECK:           arith.divui
// CHECK:           arith.remui
// CHECK:           %[[BYTES:.+]] = vector.load %[[SOURCE]][%{{.+}}] : memref<16x64xi8>, vector<4xi8>
// CHECK:           vector.store %[[BYTES]], %[[INIT]]
// CHECK-NOT:       scf.if
// CHECK-NOT:     mxfp4.
func.func @pack_pairs(%source: memref<16x64xi8>, %init: memref<2x16x32xi8>) {
  mxfp4.pack ins(%source : memref<16x64xi8>) outs(%init : memref<2x16x32xi8>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8, paired = true>}
  return
}

// -----

/// F19: a lane without a row is zero.
// CHECK-LABEL: func.func @pack_part_of_a_group
// CHECK:         %[[ZEROS:.+]] = arith.constant dense<0> : vector<4xi8>
// CHECK:         vector.store %[[ZEROS]]
// CHECK:         scf.if
// CHECK-NEXT:      vector.load
// CHECK-NEXT:      vector.store
func.func @pack_part_of_a_group(%source: memref<12x64xi8>, %init: memref<2x16x32xi8>) {
  mxfp4.pack ins(%source : memref<12x64xi8>) outs(%init : memref<2x16x32xi8>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

/// A vector of 6-bit elements has no gaps, memory has.
// CHECK-LABEL: func.func @pack_six_bits
// CHECK-SAME:    %[[SOURCE:[^:]+]]: memref<12x64xf6E2M3FN>, %[[INIT:[^:]+]]:
// CHECK-NOT:     vector.
// CHECK:         memref.store %{{.+}}, %[[INIT]]
// CHECK:         scf.if
// CHECK:           %[[ELEMENT:.+]] = memref.load %[[SOURCE]]
// CHECK-NEXT:      memref.store %[[ELEMENT]], %[[INIT]]
func.func @pack_six_bits(%source: memref<12x64xf6E2M3FN>, %init: memref<2x16x32xf6E2M3FN>) {
  mxfp4.pack ins(%source : memref<12x64xf6E2M3FN>) outs(%init : memref<2x16x32xf6E2M3FN>)
      {layout = #mxfp4.layout<lanes = 8, depth = 4>}
  return
}

// -----

/// On tensors it is not for this pass.
// CHECK-LABEL: func.func @tensors
// CHECK:         mxfp4.pack
func.func @tensors(%source: tensor<12x64xi8>, %init: tensor<2x16x32xi8>) -> tensor<2x16x32xi8> {
  %0 = mxfp4.pack ins(%source : tensor<12x64xi8>) outs(%init : tensor<2x16x32xi8>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8>} -> tensor<2x16x32xi8>
  return %0 : tensor<2x16x32xi8>
}
