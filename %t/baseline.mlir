/// No instruction that only some processors have.
// CHECK-LABEL: func.func @matmul
// CHECK-NOT:     llvm.call_intrinsic
// CHECK-NOT:     vector.fma
// CHECK:         arith.cmpi ult
// CHECK:         %[[BITS:.+]] = arith.ori %{{.+}}, %{{.+}} : vector<4xi32>
// CHECK:         %[[WEIGHT:.+]] = arith.bitcast %[[BITS]] : vector<4xi32> to vector<4xf32>
// CHECK:         %[[PRODUCT:.+]] = arith.mulf %[[WEIGHT]],
// CHECK:         arith.addf %[[PRODUCT]],
// CHECK-NOT:     llvm.call_intrinsic
// CHECK-NOT:     vector.fma
func.func @matmul(%x: memref<1x64xf32>, %values: memref<4x8x16xi8>,
    %scales: memref<4x2x4xf8E8M0FNU>, %init: memref<1x16xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<4x8x16xi8>,
                   memref<4x2x4xf8E8M0FNU>)
      outs(%init : memref<1x16xf32>) {layout = #mxfp4.layout<lanes = 4, depth = 8>}
  return
}

