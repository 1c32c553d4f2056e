/// Two columns of 8-bit elements at a time, by way of f16. NaN is looked for once
/// in a block.
// CHECK-LABEL: func.func @matmul
// CHECK:         %[[FLAT:.+]] = memref.collapse_shape %{{.+}} {{.*}} : memref<4x64x16xf8E4M3FN> into memref<4x1024xf8E4M3FN>
// CHECK:         %[[RAW:.+]] = vector.load %[[FLAT]]{{.*}} : memref<4x1024xf8E4M3FN>, vector<32xf8E4M3FN>
// CHECK:         arith.extsi %{{.+}} : vector<32xi8> to vector<32xi16>
// CHECK:         arith.extf %{{.+}} : vector<32xf16> to vector<32xf32>
// CHECK:         arith.maxui %{{.+}}, %{{.+}} : vector<64xi8>
// CHECK:         %[[NAN:.+]] = arith.cmpi eq, %{{.+}}, %{{.+}} : vector<16xi8>
// CHECK:         arith.select %[[NAN]], %{{.+}}, %{{.+}} : vector<16xi1>, vector<16xf32>
func.func @matmul(%x: memref<1x64xf32>, %values: memref<4x64x16xf8E4M3FN>,
    %scales: memref<4x2x16xf8E8M0FNU>, %init: memref<1x64xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>,
                   memref<4x64x16xf8E4M3FN>, memref<4x2x16xf8E8M0FNU>)
      outs(%init : memref<1x64xf32>) {layout = #mxfp4.layout<lanes = 16, depth = 1>}
  return
}

