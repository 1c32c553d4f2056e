// RUN: mxfp4-opt %s --mxfp4-lower-copies | FileCheck %s

// CHECK-LABEL: func.func @target_has_gaps
// CHECK-SAME:    %[[FROM:[^:]+]]: memref<4x1xf32>, %[[TO:[^:]+]]: memref<4x1xf32, strided<[2, 1]>>
// CHECK-NOT:     memref.copy
// CHECK:         linalg.generic {{.*}} ins(%[[FROM]] : memref<4x1xf32>) outs(%[[TO]] : memref<4x1xf32, strided<[2, 1]>>)
func.func @target_has_gaps(%from: memref<4x1xf32>,
                           %to: memref<4x1xf32, strided<[2, 1]>>) {
  memref.copy %from, %to : memref<4x1xf32> to memref<4x1xf32, strided<[2, 1]>>
  return
}

/// This is a memcpy.
// CHECK-LABEL: func.func @has_no_gaps
// CHECK:         memref.copy
func.func @has_no_gaps(%from: memref<?x8xf32>, %to: memref<?x8xf32>) {
  memref.copy %from, %to : memref<?x8xf32> to memref<?x8xf32>
  return
}
