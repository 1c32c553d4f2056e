/// Integers of 8 bits: 32 products for each lane of four rows.
// CHECK-LABEL: func.func @matmul
// CHECK:         %[[TABLE:.+]] = arith.constant dense<[12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0]> : vector<16xi8>
// CHECK:         %[[WEIGHTS:.+]] = llvm.call_intrinsic "llvm.aarch64.neon.tbl1"(%[[TABLE]], %{{.+}}) : (vector<16xi8>, vector<16xi8>) -> vector<16xi8>
// CHECK:         llvm.call_intrinsic "llvm.aarch64.neon.sdot"(%{{.+}}, %[[WEIGHTS]], %{{.+}}) : (vector<4xi32>, vector<16xi8>, vector<16xi8>) -> vector<4xi32>
// CHECK-NOT:     llvm.x86
func.func @matmul(%x: memref<1x64xf32>, %values: memref<4x8x16xi8>,
    %scales: memref<4x2x4xf8E8M0FNU>, %init: memref<1x16xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<4x8x16xi8>,
                   memref<4x2x4xf8E8M0FNU>)
      outs(%init : memref<1x16xf32>)
      {input_format = #mxfp4.input_format<int8>, layout = #mxfp4.layout<lanes = 4, depth = 8>}
  return
}

