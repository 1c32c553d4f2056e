// RUN: mxfp4-opt %s --convert-mxfp4-to-scaling-extf | FileCheck %s
// RUN: mxfp4-opt %s --convert-mxfp4-to-scaling-extf --mxfp4-raise-to-mxfp4 \
// RUN:   --canonicalize --mxfp4-fuse | FileCheck %s --check-prefix=BACK

// CHECK-LABEL: func.func @dequantize
// CHECK-SAME:    %[[VALUES:[^:]+]]: tensor<?x64xf4E2M1FN>, %[[SCALES:[^:]+]]: tensor<?x2xf8E8M0FNU>
// CHECK:         %[[BLOCKS:.+]] = tensor.expand_shape %[[VALUES]] {{.*}} into tensor<?x2x32xf4E2M1FN>
// CHECK:         linalg.generic {{.*}}["parallel", "parallel", "parallel"]} ins(%[[BLOCKS]], %[[SCALES]]
// CHECK:           arith.scaling_extf %{{.+}}, %{{.+}} : f4E2M1FN, f8E8M0FNU to bf16
// CHECK:         tensor.collapse_shape %{{.+}} into tensor<?x64xbf16>
func.func @dequantize(%values: tensor<?x64xf4E2M1FN>, %scales: tensor<?x2xf8E8M0FNU>)
    -> tensor<?x64xbf16> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<?x64xf4E2M1FN>, tensor<?x2xf8E8M0FNU> -> tensor<?x64xbf16>
  return %0 : tensor<?x64xbf16>
}

// CHECK-LABEL: func.func @matmul
// CHECK:         linalg.generic {{.*}}["parallel", "parallel", "reduction", "reduction"]} ins(%{{.+}} : tensor<?x2x32xf32>, tensor<12x2x32xf8E4M3FN>, tensor<12x2xf8E8M0FNU>)
// CHECK:           arith.scaling_extf %{{.+}}, %{{.+}} : f8E4M3FN, f8E8M0FNU to f32
// CHECK-NOT:     mxfp4.
// BACK-LABEL: func.func @matmul
// BACK:         mxfp4.matmul {{.*}} tensor<12x64xf8E4M3FN>, tensor<12x2xf8E8M0FNU>
func.func @matmul(%x: tensor<?x64xf32>, %values: tensor<12x64xf8E4M3FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x64xf32>,
                        tensor<12x64xf8E4M3FN>, tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

/// A scale of arith.scaling_extf is a power of two.
// CHECK-LABEL: func.func @nvfp4
// CHECK:         mxfp4.dequantize
func.func @nvfp4(%values: tensor<4x64xf4E2M1FN>, %scales: tensor<4x4xf8E4M3FN>)
    -> tensor<4x64xf32> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN> -> tensor<4x64xf32>
  return %0 : tensor<4x64xf32>
}

// CHECK-LABEL: func.func @bytes
// CHECK:         mxfp4.dequantize
func.func @bytes(%values: tensor<4x32xi8>, %scales: tensor<4x2xf8E8M0FNU>)
    -> tensor<4x64xf32> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xi8>, tensor<4x2xf8E8M0FNU> -> tensor<4x64xf32>
  return %0 : tensor<4x64xf32>
}
