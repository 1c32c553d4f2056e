// RUN: mxfp4-opt %s --convert-mxfp4-to-gpu | FileCheck %s

// A lane loads a block of a row, and decodes pairs of elements in place, as f16.

// CHECK-LABEL: func @slots
// CHECK:       gpu.launch {{.*}} function(@matmul_by_expert)
// CHECK:         vector.load {{.*}} {alignment = 16 : i64} : memref<32x5760x1440xi8>, vector<16xi8>
// CHECK:         memref.load {{.*}} : memref<32x5760x90xf8E8M0FNU>
// CHECK:         vector.bitcast {{.*}} : vector<16xi8> to vector<4xi32>
// CHECK:         vector.bitcast {{.*}} : vector<1xi32> to vector<2xf16>
// CHECK:         gpu.shuffle xor
// CHECK:         math.exp
// CHECK-NOT:   mxfp4.matmul_by_expert
func.func @slots(%x: memref<?x2880xbf16>, %values: memref<32x5760x1440xi8>,
                 %scales: memref<32x5760x90xf8E8M0FNU>, %experts: memref<?x4xi32>,
                 %bias: memref<32x5760xbf16>, %y: memref<?x4x2880xbf16>) {
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<?x2880xbf16>, memref<32x5760x1440xi8>,
          memref<32x5760x90xf8E8M0FNU>, memref<?x4xi32>)
      bias(%bias : memref<32x5760xbf16>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      outs(%y : memref<?x4x2880xbf16>)
  return
}

// With routing weights a warp has the outputs of all slots of a token.

// CHECK-LABEL: func @sums
// CHECK-COUNT-4: memref.load {{.*}} : memref<1x4xi32>
// CHECK:         memref.load {{.*}} : memref<1x4xf32>
// CHECK:         memref.store {{.*}} : memref<1x2880xf32>
func.func @sums(%x: memref<1x4x2880xbf16>, %values: memref<32x2880x1440xi8>,
                %scales: memref<32x2880x90xf8E8M0FNU>, %experts: memref<1x4xi32>,
                %weights: memref<1x4xf32>, %y: memref<1x2880xf32>) {
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<1x4x2880xbf16>, memref<32x2880x1440xi8>,
          memref<32x2880x90xf8E8M0FNU>, memref<1x4xi32>)
      weights(%weights : memref<1x4xf32>)
      outs(%y : memref<1x2880xf32>)
  return
}

// Other formats have no kernel, nor has an input that is to be rounded.

// CHECK-LABEL: func @others
// CHECK:       mxfp4.matmul
// CHECK:       mxfp4.matmul
func.func @others(%x: memref<1x64xf32>, %values: memref<8x64xf8E4M3FN>, %packed: memref<8x32xi8>,
                  %scales: memref<8x2xf8E8M0FNU>, %y: memref<1x8xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<8x64xf8E4M3FN>,
                   memref<8x2xf8E8M0FNU>) outs(%y : memref<1x8xf32>)
  mxfp4.matmul ins(%x, %packed, %scales : memref<1x64xf32>, memref<8x32xi8>,
                   memref<8x2xf8E8M0FNU>) outs(%y : memref<1x8xf32>)
      {input_format = #mxfp4.input_format<int16>}
  return
}
