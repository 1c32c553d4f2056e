// RUN: mxfp4-opt %s --mxfp4-fuse --mxfp4-lower-to-vector -o %t.avx2.mlir
// RUN: FileCheck %s --input-file=%t.avx2.mlir
// RUN: %python %S/check-buffers.py %t.avx2.mlir | FileCheck %s --check-prefix=SIZES
// RUN: mxfp4-opt %s --mxfp4-fuse --mxfp4-lower-to-vector=isa=avx512 -o %t.avx512.mlir
// RUN: FileCheck %s --check-prefix=AVX512 --input-file=%t.avx512.mlir
// RUN: %python %S/check-buffers.py %t.avx512.mlir | FileCheck %s --check-prefix=SIZES
// RUN: mxfp4-opt %s --mxfp4-fuse --mxfp4-lower-to-vector=isa=baseline -o %t.baseline.mlir
// RUN: %python %S/check-buffers.py %t.baseline.mlir | FileCheck %s --check-prefix=SIZES

/// The check sees a wide weight, a wide group of rows and an allocation.
// RUN: sed -e 's/memref<?x2880xf32>/memref<5760x2880xf32>/' %t.avx2.mlir > %t.wide.mlir
// RUN: not %python %S/check-buffers.py %t.wide.mlir | FileCheck %s --check-prefix=WIDE
// RUN: sed -e 's/to memref<?x4x2880xf32>/to memref<?x8x2880xf32>/' %t.avx2.mlir > %t.group.mlir
// RUN: not %python %S/check-buffers.py %t.group.mlir | FileCheck %s --check-prefix=GROUP
// RUN: sed -e 's/memref.view/memref.alloc/' %t.avx2.mlir > %t.alloc.mlir
// RUN: not %python %S/check-buffers.py %t.alloc.mlir | FileCheck %s --check-prefix=ALLOC

// WIDE: expected at most the activations, but got memref<5760x2880xf32>
// GROUP: expected less than a group of rows, but got memref<?x8x2880xf32>
// ALLOC: expected no allocation

/// The experts of a layer of the 20B model, for one token. Their weights
/// are 796 million elements, in memory as bytes of two elements and in groups of
/// rows. What is decoded stands in vector registers: no float in memory is part of
/// a weight, and the only floats beside the activations are the biases.
// CHECK-NOT:   memref<{{[0-9x?]*}}5760x2880x{{(b?f16|f32)}}
// CHECK-NOT:   memref<{{[0-9x?]*}}2880x2880x{{(b?f16|f32)}}
// CHECK-LABEL: func.func @experts
// CHECK-SAME:    memref<32x720x360x32xi8>
// CHECK-SAME:    memref<32x720x90x8xf8E8M0FNU>
// CHECK-SAME:    memref<32x360x360x32xi8>
// CHECK-SAME:    memref<32x360x90x8xf8E8M0FNU>
// CHECK-NOT:     memref.alloc
// CHECK:         %[[BYTES:.+]] = vector.load %{{.+}} : memref<32x720x360x32xi8>, vector<32xi8>
// CHECK:         %[[WORDS:.+]] = vector.bitcast %[[BYTES]] : vector<32xi8> to vector<8xi32>
// CHECK:         %[[MAGNITUDES:.+]] = llvm.call_intrinsic "llvm.x86.avx2.permps"(%{{.+}}, %[[WORDS]])
// CHECK:         %[[BITS:.+]] = arith.bitcast %[[MAGNITUDES]]
// CHECK:         %[[SIGNED:.+]] = arith.ori %[[BITS]], %{{.+}}
// CHECK:         %[[WEIGHT:.+]] = arith.bitcast %[[SIGNED]] : vector<8xi32> to vector<8xf32>
// CHECK:         vector.fma %[[WEIGHT]],
// CHECK:         vector.load %{{.+}} : memref<32x360x360x32xi8>, vector<32xi8>
// CHECK:         "llvm.x86.avx2.permps"
// CHECK-NOT:     memref.alloc
// CHECK-NOT:     mxfp4.matmul
// CHECK-LABEL: func.func @prepare

// AVX512-LABEL: func.func @experts
// AVX512-SAME:    memref<32x360x360x64xi8>
// AVX512:         %[[BYTES:.+]] = vector.load %{{.+}} : memref<32x360x360x64xi8>, vector<64xi8>
// AVX512:         %[[WORDS:.+]] = vector.bitcast %[[BYTES]] : vector<64xi8> to vector<16xi32>
// AVX512:         %[[WEIGHT:.+]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%{{.+}}, %[[WORDS]])
// AVX512:         vector.fma %[[WEIGHT]],

// Bytes of all temporaries: the gated half of 4 slots, and the slots in order.
// SIZES: 9 temporaries in {{46[0-9]+}} bytes, 0 errors
func.func @experts(%x: tensor<?x2880xf32> {mxfp4.buffer = "x",
        mxfp4.kind = "input", mxfp4.dim = "tokens"},
    %experts: tensor<?x4xi32> {mxfp4.buffer = "experts",
        mxfp4.kind = "input", mxfp4.dim = "tokens"}, %weights: tensor<?x4xf32> {mxfp4.buffer = "weights",
        mxfp4.kind = "input", mxfp4.dim = "tokens"},
    %gate_up: tensor<32x5760x2880xf4E2M1FN> {mxfp4.buffer = "gate_up",
        mxfp4.kind = "weight", bufferization.writable = false},
    %gate_up_scales: tensor<32x5760x90xf8E8M0FNU> {mxfp4.buffer = "gate_up_scales",
        mxfp4.kind = "weight", bufferization.writable = false},
    %gate_up_bias: tensor<32x5760xbf16> {mxfp4.buffer = "gate_up_bias",
        mxfp4.kind = "weight", bufferization.writable = false},
    %down: tensor<32x2880x2880xf4E2M1FN> {mxfp4.buffer = "down",
        mxfp4.kind = "weight", bufferization.writable = false},
    %down_scales: tensor<32x2880x90xf8E8M0FNU> {mxfp4.buffer = "down_scales",
        mxfp4.kind = "weight", bufferization.writable = false},
    %down_bias: tensor<32x2880xbf16> {mxfp4.buffer = "down_bias",
        mxfp4.kind = "weight", bufferization.writable = false},
    %result: tensor<?x2880xf32> {mxfp4.buffer = "result",
        mxfp4.kind = "output", mxfp4.dim = "tokens"}) -> tensor<?x2880xf32>
    attributes {mxfp4.entry = "experts", mxfp4.max_tokens = 1 : i64} {
  %zero = arith.constant 0 : index
  %tokens = tensor.dim %x, %zero : tensor<?x2880xf32>
  %init = tensor.empty(%tokens) : tensor<?x4x5760xf32>
  %half = tensor.empty(%tokens) : tensor<?x4x2880xf32>
  %one = tensor.empty(%tokens) : tensor<?x2880xf32>
  %0 = mxfp4.matmul_by_expert
      ins(%x, %gate_up, %gate_up_scales, %experts : tensor<?x2880xf32>,
          tensor<32x5760x2880xf4E2M1FN>, tensor<32x5760x90xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x5760xf32>) -> tensor<?x4x5760xf32>
  %1 = nn.add_expert_bias ins(%0, %gate_up_bias, %experts : tensor<?x4x5760xf32>,
          tensor<32x5760xbf16>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x5760xf32>) -> tensor<?x4x5760xf32>
  %2 = nn.swiglu ins(%1 : tensor<?x4x5760xf32>) outs(%half : tensor<?x4x2880xf32>)
      {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>}
      -> tensor<?x4x2880xf32>
  %3 = mxfp4.matmul_by_expert
      ins(%2, %down, %down_scales, %experts : tensor<?x4x2880xf32>,
          tensor<32x2880x2880xf4E2M1FN>, tensor<32x2880x90xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%half : tensor<?x4x2880xf32>) -> tensor<?x4x2880xf32>
  %4 = nn.add_expert_bias ins(%3, %down_bias, %experts : tensor<?x4x2880xf32>,
          tensor<32x2880xbf16>, tensor<?x4xi32>)
      outs(%half : tensor<?x4x2880xf32>) -> tensor<?x4x2880xf32>
  %5 = nn.combine_experts ins(%4, %weights : tensor<?x4x2880xf32>, tensor<?x4xf32>)
      outs(%one : tensor<?x2880xf32>) -> tensor<?x2880xf32>
  %6 = linalg.add ins(%5, %x : tensor<?x2880xf32>, tensor<?x2880xf32>)
      outs(%result : tensor<?x2880xf32>) -> tensor<?x2880xf32>
  return %6 : tensor<?x2880xf32>
}
