// RUN: mxfp4-opt %s --convert-nn-to-gpu | FileCheck %s

// A warp multiplies rows of the weight by a token: loads of 16 bytes first, then
// sums in f32, then the sums of its lanes.

// CHECK-LABEL: func @linear
// CHECK:       gpu.launch {{.*}} function(@linear)
// CHECK:         vector.load {{.*}} {alignment = 16 : i64} : memref<512x2880xbf16>, vector<8xbf16>
// CHECK:         math.fma {{.*}} : f32
// CHECK:         gpu.shuffle xor
// CHECK:         memref.store
// CHECK-NOT:   nn.linear
func.func @linear(%x: memref<1x2880xbf16>, %w: memref<512x2880xbf16>, %bias: memref<512xbf16>,
                  %y: memref<1x512xf32>) {
  nn.linear ins(%x, %w : memref<1x2880xbf16>, memref<512x2880xbf16>)
      bias(%bias : memref<512xbf16>) outs(%y : memref<1x512xf32>)
  return
}

// A block normalizes a token, of which a thread has four elements: sums of
// warps go through its memory.

// CHECK-LABEL: func @rms_norm
// CHECK:       gpu.launch {{.*}} function(@rms_norm) workgroup(%{{.*}} : memref<23xf32, #gpu.address_space<workgroup>>)
// CHECK:         vector.load {{.*}} : memref<?x2880xf32>, vector<4xf32>
// CHECK:         gpu.barrier
// CHECK:         math.sqrt
// CHECK:         vector.store {{.*}} : memref<?x2880xbf16>, vector<4xbf16>
func.func @rms_norm(%x: memref<?x2880xf32>, %gain: memref<2880xbf16>, %y: memref<?x2880xbf16>) {
  nn.rms_norm ins(%x, %gain : memref<?x2880xf32>, memref<2880xbf16>)
      outs(%y : memref<?x2880xbf16>) {epsilon = 1.0e-05 : f32}
  return
}

// A product that is only rotated is rotated in its kernel: warps that have the
// elements of a pair exchange them.

// CHECK-LABEL: func @rotated
// CHECK:       gpu.launch {{.*}} in (%{{.*}} = %c64{{[_0-9]*}}, {{.*}} function(@linear) workgroup(%[[SUMS:.*]] : memref<8xf32, #gpu.address_space<workgroup>>)
// CHECK:         memref.store %{{.*}}, %[[SUMS]]
// CHECK:         gpu.barrier
// CHECK:         memref.load %[[SUMS]]
// CHECK:         math.cos
// CHECK:         memref.store {{.*}} : memref<1x8x64xbf16>
// CHECK-NOT:   gpu.launch
// CHECK-NOT:   nn.
func.func @rotated(%x: memref<1x2880xbf16>, %w: memref<512x2880xbf16>, %bias: memref<512xbf16>,
                   %position: index, %y: memref<1x8x64xbf16>) {
  %alloc = memref.alloc() : memref<1x512xf32>
  nn.linear ins(%x, %w : memref<1x2880xbf16>, memref<512x2880xbf16>)
      bias(%bias : memref<512xbf16>) outs(%alloc : memref<1x512xf32>)
  %heads = memref.expand_shape %alloc [[0], [1, 2]] output_shape [1, 8, 64]
      : memref<1x512xf32> into memref<1x8x64xf32>
  nn.rotary_embedding ins(%heads, %position : memref<1x8x64xf32>, index)
      outs(%y : memref<1x8x64xbf16>)
      {yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32, beta_fast = 32.0 : f32,
        beta_slow = 1.0 : f32, original_length = 4096, truncate = false>}
  memref.dealloc %alloc : memref<1x512xf32>
  return
}

// Not where it is read by others too, as by the caller here.

// CHECK-LABEL: func @kept
// CHECK:       gpu.launch {{.*}} function(@linear)
// CHECK:       scf.parallel
// CHECK:         math.cos
// CHECK:         memref.store {{.*}} : memref<1x8x64xbf16>
func.func @kept(%x: memref<1x2880xbf16>, %w: memref<512x2880xbf16>, %product: memref<1x512xf32>,
                %position: index, %y: memref<1x8x64xbf16>) {
  nn.linear ins(%x, %w : memref<1x2880xbf16>, memref<512x2880xbf16>) outs(%product : memref<1x512xf32>)
  %heads = memref.expand_shape %product [[0], [1, 2]] output_shape [1, 8, 64]
      : memref<1x512xf32> into memref<1x8x64xf32>
  nn.rotary_embedding ins(%heads, %position : memref<1x8x64xf32>, index)
      outs(%y : memref<1x8x64xbf16>)
      {yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32, beta_fast = 32.0 : f32,
        beta_slow = 1.0 : f32, original_length = 4096, truncate = false>}
  return
}

// The keys of the caches come first, then those of this call.

// CHECK-LABEL: func @attention
// CHECK:       gpu.launch {{.*}} function(@attention)
// CHECK:         vector.load {{.*}} : memref<144x8x64xbf16>, vector<8xbf16>
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

// Numbers are compared as integers, so that what is taken is below all.

// CHECK-LABEL: func @route
// CHECK:       gpu.launch {{.*}} function(@route_top_k)
// CHECK:         gpu.shuffle xor
// CHECK:         memref.store {{.*}} : memref<?x4xi32>
func.func @route(%x: memref<?x32xf32>, %e: memref<?x4xi32>, %w: memref<?x4xf32>) {
  nn.route_top_k ins(%x : memref<?x32xf32>) outs(%e, %w : memref<?x4xi32>, memref<?x4xf32>)
  return
}

// CHECK-LABEL: func @cache_update
// CHECK:       scf.parallel
// CHECK:         arith.remui
func.func @cache_update(%x: memref<?x8x64xbf16>, %position: index, %cache: memref<144x8x64xbf16>) {
  nn.cache_update ins(%x, %position : memref<?x8x64xbf16>, index)
      outs(%cache : memref<144x8x64xbf16>)
  return
}

// 256 blocks look through the logits of each token, and another through what they
// have found.

// CHECK-LABEL: func @sample
// CHECK:       %[[FOUND:.*]] = memref.alloc(%{{.*}}) : memref<?x256xi64>
// CHECK:       gpu.launch {{.*}} function(@sample) workgroup(%{{.*}} : memref<256xi64, #gpu.address_space<workgroup>>)
// CHECK:         arith.mului_extended
// CHECK:         math.log
// CHECK:         memref.store %{{.*}}, %[[FOUND]]
// CHECK:       gpu.launch {{.*}} function(@sample)
// CHECK:         memref.load %[[FOUND]]
// CHECK:         memref.store %{{.*}} : memref<?xi32>
// CHECK-NOT:   nn.sample
func.func @sample(%x: memref<?x201088xf32>, %settings: memref<4xi32>, %position: index,
                  %y: memref<?xi32>) {
  nn.sample ins(%x, %settings, %position : memref<?x201088xf32>, memref<4xi32>, index)
      outs(%y : memref<?xi32>)
  return
}

// Rows that are no whole loads have no kernel.

// CHECK-LABEL: func @odd
// CHECK:       nn.linear
func.func @odd(%x: memref<1x36xbf16>, %w: memref<8x36xbf16>, %y: memref<1x8xf32>) {
  nn.linear ins(%x, %w : memref<1x36xbf16>, memref<8x36xbf16>) outs(%y : memref<1x8xf32>)
  return
}
