// RUN: mxfp4-opt %s --mxfp4-replace-bf16 | FileCheck %s

// 1.0 and -2.0 are 0x3F80 = 16256 and 0xC000 = -16384.
// CHECK:       module attributes {mxfp4.buffers = [memref<4xbf16>]}
// CHECK:         llvm.mlir.global private constant @table(dense<[16256, -16384]> : tensor<2xi16>) {{.*}} : !llvm.array<2 x i16>
// CHECK-LABEL:   llvm.func @moves
// CHECK:           %[[ONE:.+]] = llvm.mlir.constant(16256 : i16) : i16
// CHECK:           llvm.getelementptr %{{.+}}[%{{.+}}] : (!llvm.ptr, i64) -> !llvm.ptr, i16
// CHECK:           llvm.load %{{.+}} : !llvm.ptr -> i16
// CHECK:           %[[Y:.+]] = llvm.select %{{.+}}, %{{.+}}, %[[ONE]] : i1, i16
// CHECK:           llvm.store %[[Y]], %{{.+}} : i16, !llvm.ptr
// CHECK-NOT:       bf16
// CHECK-LABEL:   llvm.func @products
// CHECK:           %[[X:.+]] = llvm.load %{{.+}} : !llvm.ptr -> vector<8xi16>
// CHECK:           %[[NUMBERS:.+]] = llvm.bitcast %[[X]] : vector<8xi16> to vector<8xbf16>
// CHECK:           llvm.call_intrinsic "llvm.aarch64.neon.bfdot"(%{{.+}}, %[[NUMBERS]], %{{.+}}) : (vector<4xf32>, vector<8xbf16>, vector<8xbf16>) -> vector<4xf32>
module attributes {mxfp4.buffers = [memref<4xbf16>]} {
  llvm.mlir.global private constant @table(dense<[1.0, -2.0]> : tensor<2xbf16>) : !llvm.array<2 x bf16>
  llvm.func @moves(%p: !llvm.ptr, %i: i64, %c: i1) {
    %one = llvm.mlir.constant(1.0 : bf16) : bf16
    %q = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, bf16
    %x = llvm.load %q : !llvm.ptr -> bf16
    %bits = llvm.bitcast %x : bf16 to i16
    %again = llvm.bitcast %bits : i16 to bf16
    %y = llvm.select %c, %again, %one : i1, bf16
    llvm.store %y, %q : bf16, !llvm.ptr
    llvm.return
  }
  llvm.func @products(%p: !llvm.ptr, %sums: vector<4xf32>) -> vector<4xf32> {
    %x = llvm.load %p : !llvm.ptr -> vector<8xbf16>
    %y = llvm.call_intrinsic "llvm.aarch64.neon.bfdot"(%sums, %x, %x) : (vector<4xf32>, vector<8xbf16>, vector<8xbf16>) -> vector<4xf32>
    llvm.return %y : vector<4xf32>
  }
}
