// RUN: mxfp4-opt %s --convert-mxfp4-to-gpu=tensor-cores=true | FileCheck %s
// RUN: mxfp4-opt %s --convert-mxfp4-to-gpu | FileCheck %s --check-prefix=NONE

// Without tensor cores there are no kernels for arranged weights.
// NONE-NOT: gpu.launch

// A block multiplies tiles of 16 rows: a group of 8 rows of gate and one of up.
// A lane loads a block of each, side by side with the other rows of the group,
// makes them bf16 and multiplies them by the activations, which the block keeps.
// Scales above 2 and NaN, found by a vote of the warp, take a way of their own.

// CHECK-LABEL: func @slots
// CHECK:       gpu.launch {{.*}} function(@matmul_by_expert) workgroup(%{{.*}} : memref<4x2x16x8xf32, #gpu.address_space<workgroup>>, %[[INPUT:.*]] : memref<1x4x96xvector<4xi32>, #gpu.address_space<workgroup>>)
// CHECK:         memref.store %{{.*}}, %[[INPUT]]
// CHECK:         gpu.barrier
// CHECK:         vector.load {{.*}} {alignment = 16 : i64} : memref<32x720x90x128xi8>, vector<16xi8>
// CHECK:         memref.load {{.*}} : memref<32x720x90x8xf8E8M0FNU>
// CHECK:         nvvm.vote.sync any
// CHECK:         scf.if
// CHECK:           llvm.fmul {{.*}} : vector<2xbf16>
// CHECK:           memref.load %[[INPUT]]
// CHECK:           nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK:         gpu.barrier
// CHECK:         math.exp
// CHECK-NOT:   mxfp4.matmul_by_expert
func.func @slots(%x: memref<?x2880xbf16>, %values: memref<32x720x90x128xi8>,
                 %scales: memref<32x720x90x8xf8E8M0FNU>, %experts: memref<?x4xi32>,
                 %bias: memref<32x5760xbf16>, %y: memref<?x4x2880xbf16>) {
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<?x2880xbf16>, memref<32x720x90x128xi8>,
          memref<32x720x90x8xf8E8M0FNU>, memref<?x4xi32>)
      bias(%bias : memref<32x5760xbf16>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      outs(%y : memref<?x4x2880xbf16>)
      {layout = #mxfp4.layout<lanes = 8, depth = 32, paired = true>}
  return
}

// With routing weights a block has all four slots, which are columns; a tile has
// the same rows of two of them.

// CHECK-LABEL: func @sums
// CHECK:       gpu.launch {{.*}} function(@matmul_by_expert) workgroup(%{{.*}} : memref<2x4x16x8xf32, #gpu.address_space<workgroup>>, %{{.*}} : memref<4x4x96xvector<4xi32>, #gpu.address_space<workgroup>>)
// CHECK:         nvvm.mma.sync
// CHECK-COUNT-4: memref.load {{.*}} : memref<1x4xf32>
// CHECK:         memref.store {{.*}} : memref<1x2880xf32>
func.func @sums(%x: memref<1x4x2880xbf16>, %values: memref<32x360x90x128xi8>,
                %scales: memref<32x360x90x8xf8E8M0FNU>, %experts: memref<1x4xi32>,
                %weights: memref<1x4xf32>, %y: memref<1x2880xf32>) {
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<1x4x2880xbf16>, memref<32x360x90x128xi8>,
          memref<32x360x90x8xf8E8M0FNU>, memref<1x4xi32>)
      weights(%weights : memref<1x4xf32>)
      outs(%y : memref<1x2880xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 32>}
  return
}

// Eight columns of so many are loaded when they are needed. Another layout has no
// kernel.

// CHECK-LABEL: func @tokens
// CHECK:       gpu.launch {{.*}} function(@matmul) workgroup(%{{[^,]*}} : memref<4x2x16x8xf32, #gpu.address_space<workgroup>>) {
// CHECK:         vector.load {{.*}} : memref<?x4096xbf16>, vector<8xbf16>
// CHECK:         nvvm.mma.sync
// CHECK:       mxfp4.matmul
func.func @tokens(%x: memref<?x4096xbf16>, %values: memref<8x128x128xi8>,
                  %scales: memref<8x128x8xf8E8M0FNU>, %others: memref<4x512x64xi8>,
                  %theirs: memref<4x128x16xf8E8M0FNU>, %y: memref<?x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<?x4096xbf16>, memref<8x128x128xi8>,
                   memref<8x128x8xf8E8M0FNU>) outs(%y : memref<?x64xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 32>}
  mxfp4.matmul ins(%x, %others, %theirs : memref<?x4096xbf16>, memref<4x512x64xi8>,
                   memref<4x128x16xf8E8M0FNU>) outs(%y : memref<?x64xf32>)
      {layout = #mxfp4.layout<lanes = 16, depth = 8>}
  return
}
