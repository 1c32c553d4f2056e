// RUN: mxfp4-opt %s --mxfp4-lower-to-vector | FileCheck %s
// RUN: mxfp4-opt %s --mxfp4-lower-to-loops | FileCheck %s --check-prefix=LOOPS

/// Blocks go from vector registers to where they belong: nothing is allocated and
/// nothing copied.
// CHECK-LABEL: func.func @quantize
// CHECK-NOT:     memref.{{(alloc|copy|view)}}
// CHECK-COUNT-1: scf.for
// CHECK-NOT:     scf.for
// CHECK:         return
// LOOPS-LABEL: func.func @quantize
// LOOPS-NOT:     vector.
func.func @quantize(%x: tensor<32x64xf32>, %v: tensor<32x64xf8E4M3FN>,
    %s: tensor<32x2xf8E8M0FNU>) -> (tensor<32x64xf8E4M3FN>, tensor<32x2xf8E8M0FNU>) {
  %values, %scales = mxfp4.quantize %x
      : tensor<32x64xf32> -> tensor<32x64xf8E4M3FN>, tensor<32x2xf8E8M0FNU>
  %a = linalg.copy ins(%values : tensor<32x64xf8E4M3FN>) outs(%v : tensor<32x64xf8E4M3FN>)
      -> tensor<32x64xf8E4M3FN>
  %b = linalg.copy ins(%scales : tensor<32x2xf8E8M0FNU>) outs(%s : tensor<32x2xf8E8M0FNU>)
      -> tensor<32x2xf8E8M0FNU>
  return %a, %b : tensor<32x64xf8E4M3FN>, tensor<32x2xf8E8M0FNU>
}
