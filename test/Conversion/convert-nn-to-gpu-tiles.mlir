// RUN: mxfp4-opt %s --convert-nn-to-gpu=tensor-cores=true | FileCheck %s
// RUN: mxfp4-opt %s --convert-nn-to-gpu="tensor-cores=true clusters=true" \
// RUN:     | FileCheck %s --check-prefix=CLUSTERS
// RUN: mxfp4-opt %s --convert-nn-to-gpu="tensor-cores=true clusters=true overlap=true" \
// RUN:     | FileCheck %s --check-prefix=OVERLAP

// Several tokens are the columns of tiles; one is multiplied by rows.

// CHECK-LABEL: func @linear
// CHECK:       gpu.launch {{.*}} function(@linear)
// CHECK:         nvvm.mma.sync
// CHECK:       gpu.launch {{.*}} function(@linear)
// CHECK-NOT:     nvvm.mma.sync
// CHECK:         math.fma
func.func @linear(%x: memref<?x2880xbf16>, %one: memref<1x2880xbf16>, %w: memref<512x2880xbf16>,
                  %y: memref<?x512xf32>, %z: memref<1x512xf32>) {
  nn.linear ins(%x, %w : memref<?x2880xbf16>, memref<512x2880xbf16>) outs(%y : memref<?x512xf32>)
  nn.linear ins(%one, %w : memref<1x2880xbf16>, memref<512x2880xbf16>) outs(%z : memref<1x512xf32>)
  return
}

// Of few tokens each warp loads the activations by itself: the memory of a block
// is for the sums of the eight warps that share a row.

// CHECK-LABEL: func @linear_of_few
// CHECK:       gpu.launch {{.*}} workgroup(%{{.*}} : memref<224xvector<4xi32>, #gpu.address_space<workgroup>>)
// CHECK:         gpu.barrier
// CHECK-NOT:     gpu.barrier
// CHECK:         nvvm.mma.sync
func.func @linear_of_few(%x: memref<?x2880xbf16>, %w: memref<512x2880xbf16>, %y: memref<?x512xf32>)
    attributes {mxfp4.max_tokens = 8 : i64} {
  nn.linear ins(%x, %w : memref<?x2880xbf16>, memref<512x2880xbf16>) outs(%y : memref<?x512xf32>)
  return
}

// Of up to 64 tokens a block has all where blocks of a cluster divide the columns
// of a row: 80 times three. Each finishes three of eight tiles of tokens, for which
// it adds up what all have.

// CHECK-LABEL: func @linear_of_64
// CHECK-NOT:   nvvm.cluster
// CHECK:       return

// CLUSTERS-LABEL: func @linear{{$|[( ]}}
// CLUSTERS-NOT:   nvvm.cluster
// CLUSTERS-LABEL: func @linear_of_64
// CLUSTERS:       %[[BLOCKS:.*]] = arith.constant 240 : index
// CLUSTERS:       gpu.launch blocks({{.*}}) in (%{{.*}} = %[[BLOCKS]], {{.*}} workgroup(%[[SHARED:.*]] : memref<2048xvector<4xi32>, #gpu.address_space<workgroup>>)
// CLUSTERS:         nvvm.mma.sync
// CLUSTERS:         memref.store %{{.*}}, %[[SHARED]]
// CLUSTERS:         nvvm.cluster.arrive
// CLUSTERS:         nvvm.cluster.wait
// CLUSTERS-COUNT-21: mapa.shared::cluster.u32
// CLUSTERS:         ld.shared::cluster.v4.f32
// CLUSTERS:         memref.store {{.*}} : memref<?x5120xf32>
// CLUSTERS:         nvvm.cluster.arrive
// CLUSTERS:         nvvm.cluster.wait
// CLUSTERS:       nvvm.cluster_dim = array<i32: 3, 1, 1>
func.func @linear_of_64(%x: memref<?x2880xbf16>, %w: memref<5120x2880xbf16>, %y: memref<?x5120xf32>)
    attributes {mxfp4.max_tokens = 64 : i64} {
  nn.linear ins(%x, %w : memref<?x2880xbf16>, memref<5120x2880xbf16>) outs(%y : memref<?x5120xf32>)
  return
}

// A block has all query heads of a head of keys: they are the rows of both
// products. Weights are rounded to bf16 between them.

// CHECK-LABEL: func @attention
// CHECK:       gpu.launch {{.*}} function(@attention) workgroup(%{{.*}} : memref<8x8x2xf32, #gpu.address_space<workgroup>>, %{{.*}} : memref<8x8x64xf32, #gpu.address_space<workgroup>>, %{{.*}} : memref<9x8xf32, #gpu.address_space<workgroup>>)
// CHECK:         vector.load {{.*}} : memref<144x8x64xbf16>, vector<8xbf16>
// CHECK-COUNT-8: nvvm.mma.sync
// CHECK:         llvm.call_intrinsic "llvm.nvvm.ff2bf16x2.rn"
// CHECK-COUNT-8: nvvm.mma.sync
// CHECK:         vector.load {{.*}} : memref<?x8x64xbf16>, vector<8xbf16>
// CHECK:         arith.divf
func.func @attention(%q: memref<?x64x64xbf16>, %k: memref<?x8x64xbf16>, %v: memref<?x8x64xbf16>,
                     %keys: memref<144x8x64xbf16>, %values: memref<144x8x64xbf16>,
                     %sinks: memref<64xbf16>, %position: index, %y: memref<?x64x64xbf16>) {
  nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : memref<?x64x64xbf16>,
          memref<?x8x64xbf16>, memref<?x8x64xbf16>, memref<144x8x64xbf16>,
          memref<144x8x64xbf16>, memref<64xbf16>, index)
      outs(%y : memref<?x64x64xbf16>) {scale = 0.125 : f32, window = 128 : i64}
  return
}

// Sequence s of a batch has heads 8 s to 8 s + 7 of the caches. The blocks of few
// tokens are larger.

// The same with f16. Where keys are of another type than the cache there are no
// tiles.

// CHECK-LABEL: func @attention_of_f16
// CHECK:         nvvm.mma.sync {{.*}} vector<2xf16>
// CHECK:         llvm.call_intrinsic "llvm.nvvm.ff2f16x2.rn"
// CHECK:         nvvm.mma.sync {{.*}} vector<2xf16>
func.func @attention_of_f16(%q: memref<?x64x64xf16>, %k: memref<?x8x64xf16>,
                            %v: memref<?x8x64xf16>, %keys: memref<4096x8x64xf16>,
                            %values: memref<4096x8x64xf16>, %sinks: memref<64xbf16>,
                            %position: index, %y: memref<?x64x64xf16>) {
  nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : memref<?x64x64xf16>,
          memref<?x8x64xf16>, memref<?x8x64xf16>, memref<4096x8x64xf16>,
          memref<4096x8x64xf16>, memref<64xbf16>, index)
      outs(%y : memref<?x64x64xf16>) {scale = 0.125 : f32}
  return
}

// CHECK-LABEL: func @attention_of_two_types
// CHECK-NOT:     nvvm.mma.sync
// CHECK:         return
func.func @attention_of_two_types(%q: memref<?x64x64xf16>, %k: memref<?x8x64xf16>,
                                  %v: memref<?x8x64xf16>, %keys: memref<4096x8x64xbf16>,
                                  %values: memref<4096x8x64xbf16>, %sinks: memref<64xbf16>,
                                  %position: index, %y: memref<?x64x64xf16>) {
  nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : memref<?x64x64xf16>,
          memref<?x8x64xf16>, memref<?x8x64xf16>, memref<4096x8x64xbf16>,
          memref<4096x8x64xbf16>, memref<64xbf16>, index)
      outs(%y : memref<?x64x64xf16>) {scale = 0.125 : f32}
  return
}

// CHECK-LABEL: func @attention_of_a_batch
// CHECK-SAME:    %[[POSITIONS:[a-z0-9]+]]: memref<?xi32>, %[[SEQUENCES:[a-z0-9]+]]: memref<?xi32>
// CHECK:       gpu.launch {{.*}} workgroup(%{{.*}} : memref<16x8x2xf32, #gpu.address_space<workgroup>>
// CHECK:         memref.load %[[SEQUENCES]]
// CHECK:         arith.muli %{{.*}}, %c8
// CHECK:         memref.load %[[POSITIONS]]
// CHECK:         vector.load {{.*}} : memref<144x64x64xbf16>, vector<8xbf16>
func.func @attention_of_a_batch(%q: memref<?x64x64xbf16>, %k: memref<?x8x64xbf16>, %v: memref<?x8x64xbf16>,
                                %keys: memref<144x64x64xbf16>, %values: memref<144x64x64xbf16>,
                                %sinks: memref<64xbf16>, %positions: memref<?xi32>,
                                %sequences: memref<?xi32>, %y: memref<?x64x64xbf16>)
    attributes {mxfp4.max_tokens = 8 : i64} {
  nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %positions : memref<?x64x64xbf16>,
          memref<?x8x64xbf16>, memref<?x8x64xbf16>, memref<144x64x64xbf16>,
          memref<144x64x64xbf16>, memref<64xbf16>, memref<?xi32>)
      sequence(%sequences : memref<?xi32>)
      outs(%y : memref<?x64x64xbf16>) {scale = 0.125 : f32, window = 128 : i64}
  return
}

// Heads of 96 elements are more than a block has memory for.

// CHECK-LABEL: func @wide_heads
// CHECK:       gpu.launch {{.*}} function(@attention)
// CHECK-NOT:     nvvm.mma.sync
// CHECK:         gpu.terminator
func.func @wide_heads(%q: memref<1x8x96xbf16>, %k: memref<1x1x96xbf16>, %v: memref<1x1x96xbf16>,
                      %keys: memref<64x1x96xbf16>, %values: memref<64x1x96xbf16>,
                      %sinks: memref<8xbf16>, %position: index, %y: memref<1x8x96xbf16>) {
  nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : memref<1x8x96xbf16>,
          memref<1x1x96xbf16>, memref<1x1x96xbf16>, memref<64x1x96xbf16>,
          memref<64x1x96xbf16>, memref<8xbf16>, index)
      outs(%y : memref<1x8x96xbf16>) {scale = 0.125 : f32}
  return
}

// Eight blocks of a cluster divide the keys of one token. Each adds up its warps
// and gives what it has of head i to block i, which finishes that head.

// CHECK-LABEL: func @attention_of_one
// CHECK:       gpu.launch {{.*}} function(@attention) workgroup(%{{.*}} : memref<16x8x2xf32, #gpu.address_space<workgroup>>
// CHECK-NOT:   nvvm.cluster

// CLUSTERS-LABEL: func @attention{{$|[( ]}}
// CLUSTERS-NOT:   nvvm.cluster
// CLUSTERS-LABEL: func @attention_of_one
// CLUSTERS:       %[[BLOCKS:.*]] = arith.constant 64 : index
// CLUSTERS:       gpu.launch blocks({{.*}}) in (%{{.*}} = %[[BLOCKS]], {{.*}} workgroup(%{{.*}} : memref<4x8x2xf32, {{.*}}>, %{{.*}} : memref<4x8x64xf32, {{.*}}>, %{{.*}} : memref<5x8xf32, {{.*}}>, %[[STATES:[a-z0-9_]*]] : memref<8x1x2xf32, {{.*}}>, %[[VALUES:[a-z0-9_]*]] : memref<8x1x64xf32, {{.*}}>, %{{.*}} : memref<9x1xf32
// CLUSTERS:         nvvm.mma.sync
// CLUSTERS:         nvvm.cluster.arrive.relaxed
// CLUSTERS:         gpu.barrier
// CLUSTERS:         nvvm.cluster.wait
// CLUSTERS:         memref.extract_aligned_pointer_as_index %[[VALUES]]
// CLUSTERS:         st.shared::cluster.f32
// CLUSTERS:         memref.extract_aligned_pointer_as_index %[[STATES]]
// CLUSTERS:         st.shared::cluster.f32
// CLUSTERS:         nvvm.cluster.arrive
// CLUSTERS:         nvvm.cluster.wait
// CLUSTERS:         memref.load {{.*}} : memref<64xbf16>
// CLUSTERS:         arith.divf
// CLUSTERS:         memref.store {{.*}} : memref<1x64x64xbf16>
// CLUSTERS:         gpu.terminator
// CLUSTERS:       nvvm.cluster_dim = array<i32: 8, 1, 1>
func.func @attention_of_one(%q: memref<1x64x64xbf16>, %k: memref<1x8x64xbf16>,
                            %v: memref<1x8x64xbf16>, %keys: memref<4096x8x64xbf16>,
                            %values: memref<4096x8x64xbf16>, %sinks: memref<64xbf16>,
                            %position: index, %y: memref<1x64x64xbf16>) {
  nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : memref<1x64x64xbf16>,
          memref<1x8x64xbf16>, memref<1x8x64xbf16>, memref<4096x8x64xbf16>,
          memref<4096x8x64xbf16>, memref<64xbf16>, index)
      outs(%y : memref<1x64x64xbf16>) {scale = 0.125 : f32}
  return
}

// A block copies its rows of the weight, 24 of 2880, before it reads the input, and
// asks for no more than two parts at a time. Warps have 384 columns each. Of two
// weights of the same input neither is copied: one kernel multiplies by both.

// CHECK-LABEL:   func @copied
// CHECK-NOT:       device_async_copy
// CHECK:           return

// OVERLAP-LABEL: func @copied
// OVERLAP-DAG:     %[[BLOCKS:.*]] = arith.constant 120 : index
// OVERLAP-DAG:     %[[THREADS:.*]] = arith.constant 352 : index
// OVERLAP:         gpu.launch blocks({{.*}}) in (%{{.*}} = %[[BLOCKS]], {{.*}} threads({{.*}}) in (%{{.*}} = %[[THREADS]],
// OVERLAP-SAME:      memref<11x3x3x4x256xbf16, #gpu.address_space<workgroup>>, %{{.*}} : memref<11x24xf32, #gpu.address_space<workgroup>>
// OVERLAP:           scf.for
// OVERLAP-NEXT:        nvvm.cp.async.wait.group 1
// OVERLAP-COUNT-4:     nvgpu.device_async_copy
// OVERLAP:             nvgpu.device_async_create_group
// OVERLAP:           vector.load %{{.*}} : memref<1x4096xbf16>
// OVERLAP:           nvvm.cp.async.wait.group 0
// OVERLAP:           scf.for
// OVERLAP-COUNT-12:    nvvm.mma.sync
// OVERLAP:           gpu.barrier
// OVERLAP:         return
func.func @copied(%x: memref<1x4096xbf16>, %w: memref<2880x4096xbf16>, %r: memref<1x2880xf32>,
                  %y: memref<1x2880xf32>) {
  nn.linear ins(%x, %w : memref<1x4096xbf16>, memref<2880x4096xbf16>) residual(%r : memref<1x2880xf32>)
      outs(%y : memref<1x2880xf32>)
  return
}

// OVERLAP-LABEL: func @not_copied
// OVERLAP-NOT:     device_async_copy
// OVERLAP:         return
func.func @not_copied(%x: memref<1x4096xbf16>, %w: memref<2880x4096xbf16>, %v: memref<512x4096xbf16>,
                      %y: memref<1x2880xf32>, %z: memref<1x512xf32>) {
  nn.linear ins(%x, %w : memref<1x4096xbf16>, memref<2880x4096xbf16>) outs(%y : memref<1x2880xf32>)
  nn.linear ins(%x, %v : memref<1x4096xbf16>, memref<512x4096xbf16>) outs(%z : memref<1x512xf32>)
  return
}
