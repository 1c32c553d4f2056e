/// Integers as floats, where bytes cannot be multiplied.
// CHECK-LABEL: func.func @matmul
// CHECK:         %[[ROWS:.+]] = memref.alloc() : memref<1x64xf32>
// CHECK:         %[[NUMBER:.+]] = arith.sitofp %{{.+}} : vector<32xi32> to vector<32xf32>
// CHECK:         %[[ROUNDED:.+]] = arith.mulf %[[NUMBER]], %{{.+}} : vector<32xf32>
// CHECK:         vector.store %[[ROUNDED]], %[[ROWS]]
// CHECK:         memref.load %[[ROWS]]
// CHECK-NOT:     llvm.call_intrinsic
func.func @matmul(%x: memref<1x64xbf16>, %values: memref<4x8x16xi8>,
    %scales: memref<4x2x4xf8E8M0FNU>, %init: memref<1x16xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xbf16>, memref<4x8x16xi8>,
                   memref<4x2x4xf8E8M0FNU>)
      outs(%init : memref<1x16xf32>)
      {input_format = #mxfp4.input_format<int8>, layout = #mxfp4.layout<lanes = 4, depth = 8>}
  return
}

