/// All 16 values are in one register, so nothing is done for the sign.
// CHECK-LABEL: func.func @matmul
// CHECK:         %[[TABLE:.+]] = arith.constant dense<[0.000000e+00, 5.000000e-01, 1.000000e+00, 1.500000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 6.000000e+00, -0.000000e+00, -5.000000e-01, -1.000000e+00, -1.500000e+00, -2.000000e+00, -3.000000e+00, -4.000000e+00, -6.000000e+00]> : vector<16xf32>
// CHECK:         %[[WEIGHT:.+]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%[[TABLE]], %{{.+}}) : (vector<16xf32>, vector<16xi32>) -> vector<16xf32>
// CHECK:         vector.fma %[[WEIGHT]], %{{.+}}, %{{.+}} : vector<16xf32>
// CHECK-NOT:     avx2
func.func @matmul(%x: memref<1x64xf32>, %values: memref<4x8x64xi8>,
    %scales: memref<4x2x16xf8E8M0FNU>, %init: memref<1x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<4x8x64xi8>,
                   memref<4x2x16xf8E8M0FNU>)
      outs(%init : memref<1x64xf32>) {layout = #mxfp4.layout<lanes = 16, depth = 8>}
  return
}

