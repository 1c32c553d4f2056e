// RUN: mxfp4-opt %s --convert-mxfp4-to-gpu=tensor-cores=true | FileCheck %s
// RUN: mxfp4-opt %s --convert-mxfp4-to-gpu | FileCheck %s --check-prefix=NONE

// Without tensor cores there are no kernels for arranged weights.
// NONE-NOT: gpu.launch

// Of many tokens a block has 64 outputs of an expert, as tiles of a group of 8
// rows of gate and one of up each. Its warps count the slots that chose the
// expert, note them, and multiply them 32 at a time, with code of its own for 8,
// 16 and 32: the activations of a stage go to the memory of the block; a lane
// loads a block of the weight of each half, makes it bf16 and multiplies it by
// those. All that met scales above 2 or NaN is multiplied again.

// CHECK-LABEL: func @slots
// CHECK:       %[[BLOCKS:.*]] = arith.constant 1440 : index
// CHECK:       gpu.launch blocks({{.*}}) in (%{{.*}} = %[[BLOCKS]], {{.*}} function(@matmul_by_expert) workgroup(%[[STAGES:.*]] : memref<1024xvector<4xi32>, #gpu.address_space<workgroup>>, %[[SLOTS:.*]] : memref<32xi32, #gpu.address_space<workgroup>>, %[[COUNTS:.*]] : memref<8xi32, #gpu.address_space<workgroup>>)
// CHECK:         nvvm.vote.sync ballot
// CHECK:         memref.store %{{.*}}, %[[COUNTS]]
// CHECK:         gpu.barrier
// CHECK:         nvvm.vote.sync ballot
// CHECK:         memref.store %{{.*}}, %[[SLOTS]]
// CHECK:         gpu.barrier
// CHECK:         scf.for
// CHECK:           vector.load {{.*}} {alignment = 16 : i64} : memref<32x720x11520xi8>, vector<16xi8>
// CHECK:           memref.load {{.*}} : memref<32x720x720xf8E8M0FNU>
// CHECK:           vector.load {{.*}} : memref<?x2880xbf16>, vector<8xbf16>
// CHECK:           gpu.barrier
// CHECK:           llvm.fmul {{.*}} : vector<2xbf16>
// CHECK:           memref.load %[[STAGES]]
// CHECK:           nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK:           memref.store %{{.*}}, %[[STAGES]]
// CHECK:         nvvm.barrier #nvvm.reduction<or>
// CHECK:         math.exp
// CHECK:         nvvm.barrier #nvvm.reduction<or>
// CHECK-COUNT-4: math.exp
// CHECK:         nvvm.barrier #nvvm.reduction<or>
// CHECK-COUNT-8: math.exp
// CHECK-NOT:   mxfp4.matmul_by_expert
func.func @slots(%x: memref<?x2880xbf16>, %values: memref<32x720x11520xi8>,
                 %scales: memref<32x720x720xf8E8M0FNU>, %experts: memref<?x4xi32>,
                 %bias: memref<32x5760xbf16>, %y: memref<?x4x2880xbf16>) {
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<?x2880xbf16>, memref<32x720x11520xi8>,
          memref<32x720x720xf8E8M0FNU>, memref<?x4xi32>)
      bias(%bias : memref<32x5760xbf16>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      outs(%y : memref<?x4x2880xbf16>)
      {layout = #mxfp4.layout<lanes = 8, depth = 128, paired = true, tiled = true>}
  return
}

// Slots that are added up have memory for the products of each.

// CHECK-LABEL: func @added_slots
// CHECK:       %[[PRODUCTS:.*]] = memref.alloc(%{{.*}}) : memref<?x4x2880xf32>
// CHECK:       gpu.launch
// CHECK:         memref.store %{{.*}}, %[[PRODUCTS]]
// CHECK:       scf.parallel
// CHECK-COUNT-4: memref.load %[[PRODUCTS]]
// CHECK:         memref.store %{{.*}} : memref<?x2880xf32>
func.func @added_slots(%x: memref<?x4x2880xbf16>, %values: memref<32x360x11520xi8>,
                       %scales: memref<32x360x720xf8E8M0FNU>, %experts: memref<?x4xi32>,
                       %weights: memref<?x4xf32>, %y: memref<?x2880xf32>) {
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<?x4x2880xbf16>, memref<32x360x11520xi8>,
          memref<32x360x720xf8E8M0FNU>, memref<?x4xi32>)
      weights(%weights : memref<?x4xf32>)
      outs(%y : memref<?x2880xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 128, tiled = true>}
  return
}

// Of one token a block has all four slots; a tile has the same rows of two of
// them. A column of a product has the activations of a block of one half, and
// zeros of all others, so that sums are scaled. Scales from 2^65 on, NaN, and
// activations as large, found at the end, take a way of their own, with elements at
// their own values.

// CHECK-LABEL: func @sums
// CHECK:       gpu.launch {{.*}} function(@matmul_by_expert) workgroup(%[[SUMS:.*]] : memref<2x4x16xf32, #gpu.address_space<workgroup>>, %[[INPUT:.*]] : memref<4x4x98xvector<4xi32>, #gpu.address_space<workgroup>>)
// CHECK:         llvm.fmul {{.*}} : vector<2xbf16>
// CHECK:         memref.store %{{.*}}, %[[INPUT]]
// CHECK:         gpu.barrier
// CHECK:         vector.load {{.*}} : memref<32x360x11520xi8>, vector<16xi8>
// CHECK:         vector.load {{.*}} : memref<32x360x720xf8E8M0FNU>, vector<2xf8E8M0FNU>
// CHECK:         scf.for
// CHECK-NOT:       llvm.fmul
// CHECK:           memref.load %[[INPUT]]
// CHECK:           nvvm.mma.sync
// CHECK:           math.fma
// CHECK:         memref.store %{{.*}}, %[[SUMS]]
// CHECK:         nvvm.barrier #nvvm.reduction<or>
// CHECK:         scf.if
// CHECK:           scf.for
// CHECK:             vector.load {{.*}} : memref<1x4x2880xbf16>, vector<8xbf16>
// CHECK:             llvm.fmul {{.*}} : vector<2xbf16>
// CHECK:             nvvm.mma.sync
// CHECK:           memref.store %{{.*}}, %[[SUMS]]
// CHECK-COUNT-4: memref.load {{.*}} : memref<1x4xf32>
// CHECK:         memref.store {{.*}} : memref<1x2880xf32>
func.func @sums(%x: memref<1x4x2880xbf16>, %values: memref<32x360x11520xi8>,
                %scales: memref<32x360x720xf8E8M0FNU>, %experts: memref<1x4xi32>,
                %weights: memref<1x4xf32>, %y: memref<1x2880xf32>) {
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<1x4x2880xbf16>, memref<32x360x11520xi8>,
          memref<32x360x720xf8E8M0FNU>, memref<1x4xi32>)
      weights(%weights : memref<1x4xf32>)
      outs(%y : memref<1x2880xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 128, tiled = true>}
  return
}

// Eight warps share the columns of a weight of few rows, and add up their sums in
// the memory of the block. Another layout has no kernel.

// CHECK-LABEL: func @tokens
// CHECK:       gpu.launch {{.*}} function(@matmul) workgroup(%[[STAGES:.*]] : memref<2048xvector<4xi32>, #gpu.address_space<workgroup>>) {
// CHECK:         scf.for
// CHECK:           vector.load {{.*}} : memref<?x4096xbf16>, vector<8xbf16>
// CHECK:           nvvm.mma.sync
// CHECK:         memref.store %{{.*}}, %[[STAGES]]
// CHECK:         gpu.barrier
// CHECK-COUNT-7: memref.load %[[STAGES]]
// CHECK:         arith.addf
// CHECK:         memref.store %{{.*}} : memref<?x64xf32>
// CHECK:       mxfp4.matmul
func.func @tokens(%x: memref<?x4096xbf16>, %values: memref<8x16384xi8>,
                  %scales: memref<8x1024xf8E8M0FNU>, %others: memref<4x512x64xi8>,
                  %theirs: memref<4x128x16xf8E8M0FNU>, %y: memref<?x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<?x4096xbf16>, memref<8x16384xi8>,
                   memref<8x1024xf8E8M0FNU>) outs(%y : memref<?x64xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 128, tiled = true>}
  mxfp4.matmul ins(%x, %others, %theirs : memref<?x4096xbf16>, memref<4x512x64xi8>,
                   memref<4x128x16xf8E8M0FNU>) outs(%y : memref<?x64xf32>)
      {layout = #mxfp4.layout<lanes = 16, depth = 8>}
  return
}

// Stages come in pairs: three have 1,024 columns each, of eight warps a block for
// each of four lanes, and a fourth zeros in place of activations.

// CHECK-LABEL: func @odd_stages
// CHECK:       gpu.launch
// CHECK:         %[[IS_COLUMN:.*]] = arith.cmpi ult, %{{.*}}, %{{.*}} : index
// CHECK:         arith.minui %{{.*}} : i32
// CHECK:         vector.load {{.*}} : memref<?x3072xbf16>, vector<8xbf16>
// CHECK:         arith.select %[[IS_COLUMN]], %{{.*}} : vector<4xi32>
func.func @odd_stages(%x: memref<?x3072xbf16>, %values: memref<8x12288xi8>,
                      %scales: memref<8x768xf8E8M0FNU>, %y: memref<?x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<?x3072xbf16>, memref<8x12288xi8>,
                   memref<8x768xf8E8M0FNU>) outs(%y : memref<?x64xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 128, tiled = true>}
  return
}

// Of one token a block has 64 rows. An odd number of blocks in a row, three here,
// has scales that are loaded one by one, and its last lanes take the last block.
// Rows past the last group are those of the last.

// CHECK-LABEL: func @token
// CHECK:       gpu.launch {{.*}} function(@matmul) workgroup(%{{.*}} : memref<4x2x16xf32, {{.*}}>, %{{.*}} : memref<1x4x10xvector<4xi32>, {{.*}}>)
// CHECK:         arith.minui %{{.*}}, %c2{{.*}} : index
// CHECK:         arith.minui %{{.*}}, %c2{{.*}} : index
// CHECK:         vector.load {{.*}} : memref<9x384xi8>, vector<16xi8>
// CHECK-COUNT-2: memref.load {{.*}} : memref<9x24xf8E8M0FNU>
// CHECK-NOT:     scf.for
// CHECK:         nvvm.mma.sync
// CHECK:         nvvm.barrier #nvvm.reduction<or>
// CHECK:         memref.store {{.*}} : memref<1x68xf32>
func.func @token(%x: memref<1x96xbf16>, %values: memref<9x384xi8>,
                 %scales: memref<9x24xf8E8M0FNU>, %y: memref<1x68xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x96xbf16>, memref<9x384xi8>,
                   memref<9x24xf8E8M0FNU>) outs(%y : memref<1x68xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 128, tiled = true>}
  return
}

// Activations that do not fit the memory of a block are loaded by who multiplies.

// CHECK-LABEL: func @large_input
// CHECK:       gpu.launch {{.*}} function(@matmul_by_expert) workgroup(%{{.*}} : memref<2x4x16xf32, #gpu.address_space<workgroup>>)
// CHECK-NOT:     gpu.barrier
// CHECK:         scf.for
// CHECK:           vector.load {{.*}} : memref<1x4x4096xbf16>, vector<8xbf16>
// CHECK:           llvm.fmul {{.*}} : vector<2xbf16>
// CHECK:           nvvm.mma.sync
// CHECK:         nvvm.barrier #nvvm.reduction<or>
func.func @large_input(%x: memref<1x4x4096xbf16>, %values: memref<32x360x16384xi8>,
                       %scales: memref<32x360x1024xf8E8M0FNU>, %experts: memref<1x4xi32>,
                       %weights: memref<1x4xf32>, %y: memref<1x2880xf32>) {
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<1x4x4096xbf16>,
          memref<32x360x16384xi8>, memref<32x360x1024xf8E8M0FNU>, memref<1x4xi32>)
      weights(%weights : memref<1x4xf32>)
      outs(%y : memref<1x2880xf32>)
      {layout = #mxfp4.layout<lanes = 8, depth = 128, tiled = true>}
  return
}
