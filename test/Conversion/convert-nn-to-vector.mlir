// RUN: mxfp4-opt %s --convert-nn-to-vector --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s
// RUN: not mxfp4-opt %s --convert-nn-to-vector=isa=avx1024 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: error: expected one of the instruction sets amx, avx512bf16, avx512vnni, avx512, avxvnni, avx2, neon_mmla, neon_dotprod, neon, baseline, but got 'avx1024'

/// 20 columns are two vectors of 8 and a tail of 4.
// CHECK-LABEL: func.func @embedding
// CHECK-SAME:    %[[IDS:[^:]+]]: memref<?xi32>, %[[TABLE:[^:]+]]: memref<16x20xf32>, %[[INIT:[^:]+]]: memref<?x20xf32>
// CHECK:         scf.parallel (%[[T:.+]]) =
// CHECK:           memref.load %[[IDS]][%[[T]]]
// CHECK:           scf.for
// CHECK:             vector.load %[[TABLE]]
// CHECK:             vector.store %{{.+}}, %[[INIT]]
// CHECK:           vector.maskedload %[[TABLE]]
// CHECK:           vector.maskedstore %[[INIT]]
func.func @embedding(%ids: memref<?xi32>, %table: memref<16x20xf32>,
                     %init: memref<?x20xf32>) {
  nn.embedding ins(%ids, %table : memref<?xi32>, memref<16x20xf32>)
      outs(%init : memref<?x20xf32>)
  return
}

// -----

// CHECK-LABEL: func.func @rms_norm
// CHECK:         scf.parallel
// CHECK:           scf.for {{.*}} iter_args
// CHECK:             vector.fma
// CHECK:           math.sqrt %{{.+}} : f32
// CHECK:           scf.for
// CHECK:             %[[HALVES:.+]] = arith.trunci %{{.+}} : vector<8xi32> to vector<8xi16>
// CHECK:             arith.bitcast %[[HALVES]] : vector<8xi16> to vector<8xbf16>
// CHECK:             vector.store
func.func @rms_norm(%x: memref<?x16xf32>, %gain: memref<16xbf16>, %init: memref<?x16xbf16>) {
  nn.rms_norm ins(%x, %gain : memref<?x16xf32>, memref<16xbf16>)
      outs(%init : memref<?x16xbf16>) {epsilon = 1.0e-05 : f32}
  return
}

// -----

/// A lane holds two columns of bf16: the low one is shifted up, the other masked.
// CHECK-LABEL: func.func @linear
// CHECK-SAME:    %{{[^:]+}}: memref<1x8xf32>, %[[WEIGHT:[^:]+]]: memref<4x4x16xbf16>
// CHECK:         vector.load %[[WEIGHT]][%{{.+}}] : memref<4x4x16xbf16>, vector<16xbf16>
// CHECK:         %[[WORDS:.+]] = vector.bitcast %{{.+}} : vector<16xbf16> to vector<8xi32>
// CHECK:         arith.shli %[[WORDS]],
// CHECK:         vector.fma
// CHECK:         arith.andi %[[WORDS]],
// CHECK:         vector.fma
// CHECK-NOT:     nn.
func.func @linear(%x: memref<1x8xf32>, %weight: memref<4x4x16xbf16>,
                  %init: memref<1x32xf32>) {
  nn.linear ins(%x, %weight : memref<1x8xf32>, memref<4x4x16xbf16>)
      outs(%init : memref<1x32xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 2>}
  return
}

// -----

func.func @linear_without_a_layout(%x: memref<1x8xf32>, %weight: memref<32x8xbf16>,
                                   %init: memref<1x32xf32>) {
  // expected-error @below {{cannot be lowered to vectors: expected a layout (mxfp4-assign-layouts)}}
  nn.linear ins(%x, %weight : memref<1x8xf32>, memref<32x8xbf16>)
      outs(%init : memref<1x32xf32>)
  return
}

// -----

func.func @linear_of_f16(%x: memref<1x8xf32>, %weight: memref<4x4x16xf16>,
                         %init: memref<1x32xf32>) {
  // expected-error @below {{cannot be lowered to avx2: expected a weight of f32, bf16, f8 or i8 (packed 4-bit), but got 'memref<4x4x16xf16>'}}
  nn.linear ins(%x, %weight : memref<1x8xf32>, memref<4x4x16xf16>)
      outs(%init : memref<1x32xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 2>}
  return
}

// -----

func.func @linear_of_other_depth(%x: memref<1x8xf32>, %weight: memref<4x8x8xbf16>,
                                 %init: memref<1x32xf32>) {
  // expected-error @below {{cannot be lowered to avx2: expected a layout of 8 lanes and depth 2, but got #mxfp4.layout<lanes = 8, depth = 1>}}
  nn.linear ins(%x, %weight : memref<1x8xf32>, memref<4x8x8xbf16>)
      outs(%init : memref<1x32xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 1>}
  return
}

// -----

/// The last row of a matrix.
// CHECK-LABEL: func.func @norm_of_a_row
// CHECK:         vector.load %{{.+}} : memref<1x8xf32, strided<[8, 1], offset: ?>>, vector<8xf32>
func.func @norm_of_a_row(%x: memref<1x8xf32, strided<[8, 1], offset: ?>>,
                         %gain: memref<8xf32>, %init: memref<1x8xf32>) {
  nn.rms_norm ins(%x, %gain : memref<1x8xf32, strided<[8, 1], offset: ?>>, memref<8xf32>)
      outs(%init : memref<1x8xf32>) {epsilon = 1.0e-05 : f32}
  return
}

// -----

func.func @norm_with_strides(%x: memref<?x8xf32, strided<[16, 1]>>,
    %gain: memref<8xf32>, %init: memref<?x8xf32>) {
  // expected-error @below {{cannot be lowered: expected contiguous memrefs, but got 'memref<?x8xf32, strided<[16, 1]>>'}}
  nn.rms_norm ins(%x, %gain : memref<?x8xf32, strided<[16, 1]>>, memref<8xf32>)
      outs(%init : memref<?x8xf32>) {epsilon = 1.0e-05 : f32}
  return
}

// -----

func.func @linear_of_other_lanes(%x: memref<1x8xf32>, %weight: memref<8x4x8xbf16>,
                                 %init: memref<1x32xf32>) {
  // expected-error @below {{cannot be lowered to avx2: expected a layout of 8 lanes and depth 2, but got #mxfp4.layout<lanes = 4, depth = 2>}}
  nn.linear ins(%x, %weight : memref<1x8xf32>, memref<8x4x8xbf16>)
      outs(%init : memref<1x32xf32>) {layout = #mxfp4.layout<lanes = 4, depth = 2>}
  return
}

// -----

/// A head of 12 has halves of 6, which vectors of 2 divide.
// CHECK-LABEL: func.func @rotary_embedding
// CHECK:         scf.parallel
// CHECK:           math.cos %{{.+}} : vector<2xf32>
// CHECK:           math.sin %{{.+}} : vector<2xf32>
// CHECK:           vector.store {{.*}} vector<2xf32>
// CHECK-NOT:     nn.rotary
func.func @rotary_embedding(%q: memref<?x2x12xf32>, %position: index,
                            %init: memref<?x2x12xf32>) {
  nn.rotary_embedding ins(%q, %position : memref<?x2x12xf32>, index)
      outs(%init : memref<?x2x12xf32>)
      {yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32,
        beta_fast = 32.0 : f32, beta_slow = 1.0 : f32, original_length = 4096,
        truncate = false>}
  return
}

// -----

/// Nothing is done for no token.
// CHECK-LABEL: func.func @no_token
// CHECK-NEXT:    return
func.func @no_token(%k: memref<0x2x16xf32>, %keys: memref<16x2x16xbf16>,
    %q: memref<0x4x16xf32>, %v: memref<0x2x16xf32>, %values: memref<16x2x16xbf16>,
    %sinks: memref<4xbf16>, %position: index, %init: memref<0x4x16xf32>) {
  nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : memref<0x4x16xf32>,
          memref<0x2x16xf32>, memref<0x2x16xf32>, memref<16x2x16xbf16>,
          memref<16x2x16xbf16>, memref<4xbf16>, index)
      outs(%init : memref<0x4x16xf32>) {scale = 0.125 : f32}
  return
}

// -----

/// One loop over blocks of keys, from a multiple of their size on, which come
/// from the cache or from this call. The eight lanes are four tokens of two heads.
// CHECK-LABEL: func.func @attention
// CHECK-SAME:    %[[K:[^:]+]]: memref<?x2x16xf32>, %[[KEYS:[^:]+]]: memref<16x2x16xbf16>
// CHECK-NOT:     memref.alloc
// CHECK:         scf.parallel
// CHECK:           %[[ROWS:.+]] = memref.alloca
// CHECK:           %[[QUERIES:.+]] = memref.alloca
// CHECK:           vector.gather %[[ROWS]]
// CHECK:           vector.store %{{.+}}, %[[QUERIES]]
// CHECK:           %[[FIRST:.+]] = arith.maxsi
// CHECK:           %[[BLOCK:.+]] = arith.divui %[[FIRST]], %[[LANES:.+]] : index
// CHECK:           %[[START:.+]] = arith.muli %[[BLOCK]], %[[LANES]] : index
// CHECK:           scf.for %{{.+}} = %[[START]] {{.*}} iter_args
// CHECK:             scf.for
// CHECK:               scf.if
// CHECK:                 vector.load %[[KEYS]]
// CHECK:               } else {
// CHECK:                 vector.load %[[K]]
// CHECK:             scf.for {{.*}} iter_args
// CHECK:               vector.load %[[QUERIES]]
// CHECK-COUNT-8:       vector.fma
// CHECK:             arith.maximumf
// CHECK:             scf.for
// CHECK-COUNT-32:      vector.fma
// CHECK:           arith.divf
// CHECK:           vector.gather
// CHECK:           vector.store
// CHECK-NOT:     nn.
func.func @attention(%k: memref<?x2x16xf32>, %keys: memref<16x2x16xbf16>,
    %q: memref<?x4x16xf32>, %v: memref<?x2x16xf32>, %values: memref<16x2x16xbf16>,
    %sinks: memref<4xbf16>, %position: index, %init: memref<?x4x16xf32>) {
  nn.attention
      ins(%q, %k, %v, %keys, %values, %sinks, %position : memref<?x4x16xf32>,
          memref<?x2x16xf32>, memref<?x2x16xf32>, memref<16x2x16xbf16>,
          memref<16x2x16xbf16>, memref<4xbf16>, index)
      outs(%init : memref<?x4x16xf32>) {scale = 0.125 : f32, window = 16 : i64}
  return
}

// -----

/// Of more tokens than rows, the last are written.
// CHECK-LABEL: func.func @cache_update
// CHECK:         arith.maxsi
// CHECK:         scf.parallel
// CHECK:           arith.remui
// CHECK:           vector.store {{.*}} vector<8xbf16>
func.func @cache_update(%k: memref<?x2x16xf32>, %position: index,
                        %keys: memref<16x2x16xbf16>) {
  nn.cache_update ins(%k, %position : memref<?x2x16xf32>, index)
      outs(%keys : memref<16x2x16xbf16>)
  return
}

// -----

// CHECK-LABEL: func.func @route_top_k
// CHECK:         scf.parallel
// CHECK:           scf.for {{.*}} iter_args
// CHECK:             arith.cmpf uno
// CHECK:             arith.cmpf ogt
// CHECK:           scf.for {{.*}} iter_args
// CHECK:           memref.store {{.*}} : memref<?x2xi32>
// CHECK:           memref.store {{.*}} : memref<?x2xf32>
func.func @route_top_k(%logits: memref<?x8xf32>, %e: memref<?x2xi32>, %w: memref<?x2xf32>) {
  nn.route_top_k ins(%logits : memref<?x8xf32>)
      outs(%e, %w : memref<?x2xi32>, memref<?x2xf32>)
  return
}

// -----

// CHECK-LABEL: func.func @slots
// CHECK:         scf.parallel
// CHECK:           vector.load
// CHECK:         scf.parallel
// CHECK:           vector.deinterleave
// CHECK:         scf.parallel
// CHECK:           vector.fma
// CHECK-NOT:     nn.
func.func @slots(%x: memref<?x4x32xf32>, %experts: memref<?x4xi32>,
    %bias: memref<2x32xbf16>, %weights: memref<?x4xf32>, %init: memref<?x4x16xf32>,
    %sums: memref<?x16xf32>) {
  nn.add_expert_bias ins(%x, %bias, %experts : memref<?x4x32xf32>,
          memref<2x32xbf16>, memref<?x4xi32>)
      outs(%x : memref<?x4x32xf32>)
  nn.swiglu ins(%x : memref<?x4x32xf32>) outs(%init : memref<?x4x16xf32>)
      {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>}
  nn.combine_experts ins(%init, %weights : memref<?x4x16xf32>, memref<?x4xf32>)
      outs(%sums : memref<?x16xf32>)
  return
}

// -----

/// The width follows from the input; the type of `init` may not say it.
// CHECK-LABEL: func.func @swiglu_to_unknown_width
// CHECK-DAG:     %[[ZERO:.+]] = arith.constant 0 : index
// CHECK-DAG:     %[[STEP:.+]] = arith.constant 8 : index
// CHECK-DAG:     %[[WIDTH:.+]] = arith.constant 24 : index
// CHECK:         scf.for %{{.+}} = %[[ZERO]] to %[[WIDTH]] step %[[STEP]]
func.func @swiglu_to_unknown_width(%x: memref<?x48xf32>, %init: memref<?x?xf32>) {
  nn.swiglu ins(%x : memref<?x48xf32>) outs(%init : memref<?x?xf32>)
      {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>}
  return
}

// -----

// CHECK-LABEL: func.func @tensors
// CHECK:         nn.rms_norm
func.func @tensors(%x: tensor<?x16xf32>, %gain: tensor<16xbf16>) -> tensor<?x16xf32> {
  %0 = nn.rms_norm ins(%x, %gain : tensor<?x16xf32>, tensor<16xbf16>)
      outs(%x : tensor<?x16xf32>) {epsilon = 1.0e-05 : f32} -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}
