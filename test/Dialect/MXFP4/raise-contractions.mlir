// RUN: mxfp4-opt %s --mxfp4-raise-to-mxfp4 --canonicalize | FileCheck %s

// A contraction with a weight [N, K] becomes a matmul of [T, K] with it, however
// its dimensions are written.

// CHECK-DAG: #[[TK:.+]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[NK:.+]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[TN:.+]] = affine_map<(d0, d1, d2) -> (d0, d1)>

// CHECK-LABEL: func.func @vector
// CHECK-SAME:    %[[X:[^:]+]]: tensor<64xf32>
// CHECK-DAG:     %[[WEIGHT:.+]] = mxfp4.dequantize
// CHECK-DAG:     %[[ROW:.+]] = tensor.expand_shape %[[X]] {{.*}} into tensor<1x64xf32>
// CHECK:         %[[Y:.+]] = linalg.matmul indexing_maps = [#[[TK]], #[[NK]], #[[TN]]] ins(%[[ROW]], %[[WEIGHT]]
// CHECK:         tensor.collapse_shape %[[Y]] {{.*}} : tensor<1x12xf32> into tensor<12xf32>
func.func @vector(%x: tensor<64xf32>, %values: tensor<12x64xf4E2M1FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<12xf32>) -> tensor<12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %0 = linalg.matvec ins(%weight, %x : tensor<12x64xf32>, tensor<64xf32>)
      outs(%init : tensor<12xf32>) -> tensor<12xf32>
  return %0 : tensor<12xf32>
}

// CHECK-LABEL: func.func @weight_first
// CHECK-SAME:    %[[X:[^:]+]]: tensor<64x?xf32>
// CHECK:         %[[ROWS:.+]] = linalg.transpose ins(%[[X]] : tensor<64x?xf32>) {{.*}} permutation = [1, 0]
// CHECK:         %[[INIT:.+]] = linalg.transpose {{.*}} permutation = [1, 0]
// CHECK:         %[[Y:.+]] = linalg.matmul indexing_maps = [#[[TK]], #[[NK]], #[[TN]]] ins(%[[ROWS]], %{{.+}} : tensor<?x64xf32>, tensor<12x64xf32>) outs(%[[INIT]] : tensor<?x12xf32>)
// CHECK:         linalg.transpose ins(%[[Y]] : tensor<?x12xf32>) {{.*}} permutation = [1, 0]
func.func @weight_first(%x: tensor<64x?xf32>, %values: tensor<12x64xf4E2M1FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<12x?xf32>) -> tensor<12x?xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %0 = linalg.matmul ins(%weight, %x : tensor<12x64xf32>, tensor<64x?xf32>)
      outs(%init : tensor<12x?xf32>) -> tensor<12x?xf32>
  return %0 : tensor<12x?xf32>
}

/// What was transposed for the matmul is read as it was.
// CHECK-LABEL: func.func @transposed_input
// CHECK-SAME:    %[[X:[^:]+]]: tensor<5x64xf32>
// CHECK:         linalg.matmul indexing_maps = {{.*}} ins(%[[X]], %{{.+}} : tensor<5x64xf32>, tensor<12x64xf32>)
func.func @transposed_input(%x: tensor<5x64xf32>, %values: tensor<12x64xf4E2M1FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<12x5xf32>) -> tensor<12x5xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %empty = tensor.empty() : tensor<64x5xf32>
  %columns = linalg.transpose ins(%x : tensor<5x64xf32>) outs(%empty : tensor<64x5xf32>)
      permutation = [1, 0]
  %0 = linalg.matmul ins(%weight, %columns : tensor<12x64xf32>, tensor<64x5xf32>)
      outs(%init : tensor<12x5xf32>) -> tensor<12x5xf32>
  return %0 : tensor<12x5xf32>
}

/// The experts are rows of one weight.
// CHECK-LABEL: func.func @all_experts
// CHECK:         %[[WEIGHT:.+]] = mxfp4.dequantize %{{.+}} : tensor<24x64xf4E2M1FN>, tensor<24x2xf8E8M0FNU> -> tensor<24x64xf32>
// CHECK:         %[[Y:.+]] = linalg.matmul indexing_maps = {{.*}} ins(%{{.+}}, %[[WEIGHT]] : tensor<5x64xf32>, tensor<24x64xf32>)
// CHECK:         %[[SPLIT:.+]] = tensor.expand_shape %[[Y]] {{.*}} into tensor<5x2x12xf32>
// CHECK:         linalg.transpose ins(%[[SPLIT]] {{.*}} permutation = [1, 0, 2]
func.func @all_experts(%x: tensor<5x64xf32>, %values: tensor<2x12x64xf4E2M1FN>,
    %scales: tensor<2x12x2xf8E8M0FNU>, %init: tensor<2x5x12xf32>) -> tensor<2x5x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU> -> tensor<2x12x64xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(e, t, n, k) -> (t, k)>,
                                        affine_map<(e, t, n, k) -> (e, n, k)>,
                                        affine_map<(e, t, n, k) -> (e, t, n)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %weight : tensor<5x64xf32>, tensor<2x12x64xf32>)
      outs(%init : tensor<2x5x12xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %1 = arith.mulf %a, %b : f32
    %2 = arith.addf %sum, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<2x5x12xf32>
  return %0 : tensor<2x5x12xf32>
}

/// One vector for each expert.
// CHECK-LABEL: func.func @vector_of_each_expert
// CHECK:         linalg.batch_matmul indexing_maps = {{.*}} ins(%{{.+}}, %{{.+}} : tensor<2x1x64xf32>, tensor<2x12x64xf32>)
func.func @vector_of_each_expert(%x: tensor<2x64xf32>, %values: tensor<2x12x64xf4E2M1FN>,
    %scales: tensor<2x12x2xf8E8M0FNU>, %init: tensor<2x12xf32>) -> tensor<2x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU> -> tensor<2x12x64xf32>
  %0 = linalg.batch_matvec ins(%weight, %x : tensor<2x12x64xf32>, tensor<2x64xf32>)
      outs(%init : tensor<2x12xf32>) -> tensor<2x12xf32>
  return %0 : tensor<2x12xf32>
}

/// Blocks across what is added up are another weight than kernels have.
// CHECK-LABEL: func.func @blocks_of_rows
// CHECK:         linalg.matmul ins(%{{.+}}, %{{.+}} : tensor<5x12xf32>, tensor<12x64xf32>)
func.func @blocks_of_rows(%x: tensor<5x12xf32>, %values: tensor<12x64xf4E2M1FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<5x64xf32>) -> tensor<5x64xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %0 = linalg.matmul ins(%x, %weight : tensor<5x12xf32>, tensor<12x64xf32>)
      outs(%init : tensor<5x64xf32>) -> tensor<5x64xf32>
  return %0 : tensor<5x64xf32>
}

/// Nor is there one for a product without a sum over rows of the weight.
// CHECK-LABEL: func.func @dot
// CHECK:         linalg.dot
func.func @dot(%x: tensor<64xf32>, %values: tensor<64xf4E2M1FN>,
    %scales: tensor<2xf8E8M0FNU>, %init: tensor<f32>) -> tensor<f32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<64xf4E2M1FN>, tensor<2xf8E8M0FNU> -> tensor<64xf32>
  %0 = linalg.dot ins(%weight, %x : tensor<64xf32>, tensor<64xf32>)
      outs(%init : tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

/// Nor for one with elements that are changed before.
// CHECK-LABEL: func.func @of_exponentials
// CHECK:         linalg.generic
// CHECK:           math.exp
func.func @of_exponentials(%x: tensor<5x64xf32>, %values: tensor<12x64xf4E2M1FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<5x12xf32>) -> tensor<5x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                        affine_map<(t, n, k) -> (n, k)>,
                                        affine_map<(t, n, k) -> (t, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %weight : tensor<5x64xf32>, tensor<12x64xf32>) outs(%init : tensor<5x12xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %1 = math.exp %a : f32
    %2 = arith.mulf %1, %b : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<5x12xf32>
  return %0 : tensor<5x12xf32>
}

/// Or with a loop that only the result has.
// CHECK-LABEL: func.func @repeated
// CHECK:         linalg.generic
func.func @repeated(%x: tensor<3x64xf32>, %values: tensor<12x64xf4E2M1FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<5x12xf32>) -> tensor<5x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(q, n, r, k) -> (r, k)>,
                                        affine_map<(q, n, r, k) -> (n, k)>,
                                        affine_map<(q, n, r, k) -> (q, n)>],
                       iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %weight : tensor<3x64xf32>, tensor<12x64xf32>) outs(%init : tensor<5x12xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %1 = arith.mulf %a, %b : f32
    %2 = arith.addf %c, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<5x12xf32>
  return %0 : tensor<5x12xf32>
}
