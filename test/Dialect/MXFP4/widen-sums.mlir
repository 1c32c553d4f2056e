// RUN: mxfp4-opt %s --mxfp4-widen-sums | FileCheck %s

// CHECK-LABEL: func.func @matmul
// CHECK:         %[[ZERO:.+]] = arith.extf %{{.+}} : bf16 to f32
// CHECK:         %[[ZEROS:.+]] = linalg.fill ins(%[[ZERO]] : f32) outs(%{{.+}} : tensor<?x12xf32>)
// CHECK:         %[[SUM:.+]] = linalg.generic {{.*}} ins(%{{.+}}, %{{.+}} : tensor<?x64xbf16>, tensor<64x12xbf16>) outs(%[[ZEROS]] : tensor<?x12xf32>)
// CHECK-COUNT-2:   arith.extf %{{.+}} : bf16 to f32
// CHECK:           arith.mulf %{{.+}}, %{{.+}} : f32
// CHECK:           arith.addf %{{.+}}, %{{.+}} : f32
// CHECK:         linalg.generic {{.*}} ins(%[[SUM]] : tensor<?x12xf32>) outs(%{{.+}} : tensor<?x12xbf16>)
// CHECK:           arith.truncf %{{.+}} : f32 to bf16
func.func @matmul(%x: tensor<?x64xbf16>, %w: tensor<64x12xbf16>, %init: tensor<?x12xbf16>)
    -> tensor<?x12xbf16> {
  %zero = arith.constant 0.0 : bf16
  %zeros = linalg.fill ins(%zero : bf16) outs(%init : tensor<?x12xbf16>) -> tensor<?x12xbf16>
  %0 = linalg.matmul ins(%x, %w : tensor<?x64xbf16>, tensor<64x12xbf16>)
      outs(%zeros : tensor<?x12xbf16>) -> tensor<?x12xbf16>
  return %0 : tensor<?x12xbf16>
}

/// Added to what is there, and by the name that fusion knows.
// CHECK-LABEL: func.func @transposed
// CHECK:         %[[WIDE:.+]] = linalg.generic {{.*}} ins(%{{.+}} : tensor<3x12xf16>) outs(%{{.+}} : tensor<3x12xf32>)
// CHECK:         linalg.matmul indexing_maps = {{.*}} ins(%{{.+}}, %{{.+}} : tensor<3x64xf16>, tensor<12x64xf16>) outs(%[[WIDE]] : tensor<3x12xf32>)
func.func @transposed(%x: tensor<3x64xf16>, %w: tensor<12x64xf16>, %sum: tensor<3x12xf16>)
    -> tensor<3x12xf16> {
  %0 = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %w : tensor<3x64xf16>, tensor<12x64xf16>)
      outs(%sum : tensor<3x12xf16>) -> tensor<3x12xf16>
  return %0 : tensor<3x12xf16>
}

/// Wide already, or no sum of products.
// CHECK-LABEL: func.func @others
// CHECK:         linalg.matmul ins(%{{.+}}, %{{.+}} : tensor<3x64xbf16>, tensor<64x12xbf16>) outs(%{{.+}} : tensor<3x12xf32>)
// CHECK:         linalg.add ins(%{{.+}}, %{{.+}} : tensor<3x12xbf16>, tensor<3x12xbf16>)
func.func @others(%x: tensor<3x64xbf16>, %w: tensor<64x12xbf16>, %wide: tensor<3x12xf32>,
    %narrow: tensor<3x12xbf16>) -> (tensor<3x12xf32>, tensor<3x12xbf16>) {
  %0 = linalg.matmul ins(%x, %w : tensor<3x64xbf16>, tensor<64x12xbf16>)
      outs(%wide : tensor<3x12xf32>) -> tensor<3x12xf32>
  %1 = linalg.add ins(%narrow, %narrow : tensor<3x12xbf16>, tensor<3x12xbf16>)
      outs(%narrow : tensor<3x12xbf16>) -> tensor<3x12xbf16>
  return %0, %1 : tensor<3x12xf32>, tensor<3x12xbf16>
}

/// More than products: what a body does to an element before stays.
// CHECK-LABEL: func.func @of_negated
// CHECK:         linalg.generic {{.*}} outs(%{{.+}} : tensor<3x12xbf16>)
// CHECK:           arith.negf
func.func @of_negated(%x: tensor<3x64xbf16>, %w: tensor<64x12xbf16>, %sum: tensor<3x12xbf16>)
    -> tensor<3x12xbf16> {
  %0 = linalg.generic {indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                        affine_map<(t, n, k) -> (k, n)>,
                                        affine_map<(t, n, k) -> (t, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<3x64xbf16>, tensor<64x12xbf16>) outs(%sum : tensor<3x12xbf16>) {
  ^bb0(%a: bf16, %b: bf16, %c: bf16):
    %1 = arith.negf %a : bf16
    %2 = arith.mulf %1, %b : bf16
    %3 = arith.addf %c, %2 : bf16
    linalg.yield %3 : bf16
  } -> tensor<3x12xbf16>
  return %0 : tensor<3x12xbf16>
}

// CHECK-LABEL: func.func @with_encoding
// CHECK:         linalg.matmul ins({{.*}}) outs(%{{.+}} : tensor<3x12xbf16, "e">)
func.func @with_encoding(%x: tensor<3x64xbf16>, %w: tensor<64x12xbf16>, %sum: tensor<3x12xbf16, "e">)
    -> tensor<3x12xbf16, "e"> {
  %0 = linalg.matmul ins(%x, %w : tensor<3x64xbf16>, tensor<64x12xbf16>)
      outs(%sum : tensor<3x12xbf16, "e">) -> tensor<3x12xbf16, "e">
  return %0 : tensor<3x12xbf16, "e">
}
