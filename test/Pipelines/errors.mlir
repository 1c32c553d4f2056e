// RUN: not mxfp4-opt %s --mxfp4-lower-to-vector=isa=avx1024 2>&1 | FileCheck %s --check-prefix=ISA
// RUN: not mxfp4-opt %s --mxfp4-lower-to-cpu=isa=avx1024 2>&1 | FileCheck %s --check-prefix=ISA
// RUN: not mxfp4-opt %s --mxfp4-lower-to-vector 2>&1 | FileCheck %s --check-prefix=RESULT
// RUN: mxfp4-opt %s --mxfp4-lower-to-reference | FileCheck %s

/// The passes that lower to it know which there are.
// ISA-NOT: note:
// ISA: error: expected one of the instruction sets amx, avx512bf16, avx512vnni, avx512, avxvnni, avx2, neon_mmla, neon_dotprod, neon, baseline, but got 'avx1024'

/// What a function allocates dies with its frame of the arena, so it cannot be
/// returned. The slow path allocates on the heap.
// RESULT: error: {{.*}} cannot take a temporary in the arena: expected it to be read, written and viewed alone
// CHECK-LABEL: llvm.func internal @new_tensor
// CHECK:         llvm.call @malloc
// CHECK:         llvm.return
func.func @new_tensor(%x: tensor<4x8xf32>, %gain: tensor<8xf32>) -> tensor<4x8xf32> {
  %init = tensor.empty() : tensor<4x8xf32>
  %y = nn.rms_norm ins(%x, %gain : tensor<4x8xf32>, tensor<8xf32>)
      outs(%init : tensor<4x8xf32>) {epsilon = 1.0e-05 : f32} -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
