/// An input of two planes: 8 words for each, the scale and what makes up for the
/// offset of the weights.
// CHECK-LABEL: func.func @matmul
// CHECK:         %[[TABLE:.+]] = arith.constant dense<[12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0, 12, {{.+}}]> : vector<64xi8>
// CHECK:         %[[ROWS:.+]] = memref.alloc() : memref<1x2x18xi32>
// CHECK:         vector.reduction <maxsi>
// CHECK:         vector.store %{{.+}}, %[[ROWS]]{{.*}} : memref<1x2x18xi32>, vector<8xi32>
// CHECK:         vector.store %{{.+}}, %[[ROWS]]{{.*}} : memref<1x2x18xi32>, vector<8xi32>
// CHECK:         memref.store %{{.+}}, %[[ROWS]]
// CHECK:         memref.store %{{.+}}, %[[ROWS]]
// CHECK:         llvm.call_intrinsic "llvm.x86.avx512.pshuf.b.512"(%[[TABLE]], %{{.+}}) : (vector<64xi8>, vector<64xi8>) -> vector<64xi8>
// CHECK:         memref.load %[[ROWS]]
// VNNI-COUNT-64: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// VNNI-NOT:      vpdpbusd
// PAIRS-COUNT-4: llvm.call_intrinsic "llvm.x86.avx512.pmaddubs.w.512"
// PAIRS:         llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"
// CHECK:         arith.sitofp %{{.+}} : vector<16xi32> to vector<16xf32>
// CHECK:         vector.fma
func.func @matmul(%x: memref<1x64xbf16>, %values: memref<4x8x64xi8>,
    %scales: memref<4x2x16xf8E8M0FNU>, %init: memref<1x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xbf16>, memref<4x8x64xi8>,
                   memref<4x2x16xf8E8M0FNU>)
      outs(%init : memref<1x64xf32>)
      {input_format = #mxfp4.input_format<int16>, layout = #mxfp4.layout<lanes = 16, depth = 8>}
  return
}

