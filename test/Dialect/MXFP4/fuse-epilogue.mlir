// RUN: mxfp4-opt %s --mxfp4-fuse-epilogue | FileCheck %s

#identity = affine_map<(t, n) -> (t, n)>
#column = affine_map<(t, n) -> (n)>
#row = affine_map<(t, n) -> (t)>

//===----------------------------------------------------------------------===//
// A dense matmul gets a name
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @matmul_starts_from_zero
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x8xf32>, %[[WEIGHT:[^:]+]]: tensor<12x8xbf16>, %[[INIT:[^:]+]]: tensor<?x12xf32>
// CHECK-NOT:     linalg.matmul
// CHECK:         %[[Y:.+]] = nn.linear ins(%[[X]], %[[WEIGHT]] : {{.*}}) outs(%[[INIT]] : {{.*}})
// CHECK:         return %[[Y]]
func.func @matmul_starts_from_zero(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                        affine_map<(t, n, k) -> (n, k)>,
                                        affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @matmul_adds_to_what_is_there
// CHECK-NOT:     nn.linear
// CHECK:         linalg.matmul
func.func @matmul_adds_to_what_is_there(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %sum: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                        affine_map<(t, n, k) -> (n, k)>,
                                        affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%sum : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @matmul_of_in_by_out
// CHECK-NOT:     nn.linear
// CHECK:         linalg.matmul
func.func @matmul_of_in_by_out(%x: tensor<?x8xf32>, %weight: tensor<8x12xbf16>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul ins(%x, %weight : tensor<?x8xf32>, tensor<8x12xbf16>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @matmul_of_dynamic_columns
// CHECK-NOT:     nn.linear
// CHECK:         linalg.matmul
func.func @matmul_of_dynamic_columns(%x: tensor<?x?xf32>,
    %weight: tensor<12x?xbf16>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                        affine_map<(t, n, k) -> (n, k)>,
                                        affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x?xf32>, tensor<12x?xbf16>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// Whether a kernel reads such a weight is known later.
// CHECK-LABEL: func.func @matmul_of_odd_columns
// CHECK-NOT:     linalg.matmul
// CHECK:         nn.linear
func.func @matmul_of_odd_columns(%x: tensor<?x7xf32>,
    %weight: tensor<12x7xf32>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                        affine_map<(t, n, k) -> (n, k)>,
                                        affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x7xf32>, tensor<12x7xf32>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @matmul_of_f64
// CHECK-NOT:     nn.linear
// CHECK:         linalg.matmul
func.func @matmul_of_f64(%x: tensor<?x8xf64>, %weight: tensor<12x8xbf16>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                        affine_map<(t, n, k) -> (n, k)>,
                                        affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x8xf64>, tensor<12x8xbf16>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

/// That is for mxfp4-fuse-dequantize.
// CHECK-LABEL: func.func @matmul_of_a_block_scaled_weight
// CHECK-NOT:     nn.linear
// CHECK:         linalg.matmul
func.func @matmul_of_a_block_scaled_weight(%x: tensor<?x32xf32>,
    %values: tensor<12x32xf4E2M1FN>, %scales: tensor<12x1xf8E8M0FNU>,
    %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<12x32xf4E2M1FN>, tensor<12x1xf8E8M0FNU> -> tensor<12x32xbf16>
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                        affine_map<(t, n, k) -> (n, k)>,
                                        affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x32xf32>, tensor<12x32xbf16>)
      outs(%zeros : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

//===----------------------------------------------------------------------===//
// Bias
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @bias_is_added_to_each_row
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x8xf32>, %[[WEIGHT:[^:]+]]: tensor<12x8xbf16>, %[[BIAS:[^:]+]]: tensor<12xbf16>, %{{[^:]+}}: tensor<?x12xf32>, %[[INIT:[^:]+]]: tensor<?x12xf32>
// CHECK:         %[[Z:.+]] = nn.linear ins(%[[X]], %[[WEIGHT]] : {{.*}}) bias(%[[BIAS]] : tensor<12xbf16>) outs(%[[INIT]] : {{.*}})
// CHECK-NOT:     linalg.generic
// CHECK:         return %[[Z]]
func.func @bias_is_added_to_each_row(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %bias: tensor<12xbf16>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xbf16>)
      outs(%init2 : tensor<?x12xf32>) {
    ^bb0(%a: f32, %b: bf16, %c: f32):
      %wide = arith.extf %b : bf16 to f32
      %sum = arith.addf %a, %wide : f32
      linalg.yield %sum : f32
  } -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @bias_is_the_first_term
// CHECK:         nn.linear {{.*}} bias(
// CHECK-NOT:     linalg.generic
func.func @bias_is_the_first_term(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %bias: tensor<12xf32>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xf32>)
      outs(%init2 : tensor<?x12xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %sum = arith.addf %a, %b : f32
      linalg.yield %sum : f32
  } -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @sum_with_bias_is_rounded_once
// CHECK:         nn.linear {{.*}} bias({{.*}} outs(%{{.+}} : tensor<?x12xbf16>) -> tensor<?x12xbf16>
// CHECK-NOT:     linalg.generic
func.func @sum_with_bias_is_rounded_once(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %bias: tensor<12xbf16>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xbf16>) -> tensor<?x12xbf16> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xbf16>)
      outs(%init2 : tensor<?x12xbf16>) {
    ^bb0(%a: f32, %b: bf16, %c: bf16):
      %wide = arith.extf %b : bf16 to f32
      %sum = arith.addf %a, %wide : f32
      %narrow = arith.truncf %sum : f32 to bf16
      linalg.yield %narrow : bf16
  } -> tensor<?x12xbf16>
  return %z : tensor<?x12xbf16>
}

// CHECK-LABEL: func.func @sum_is_rounded_before_bias
// CHECK:         nn.linear
// CHECK-NOT:     bias(
// CHECK:         linalg.generic
func.func @sum_is_rounded_before_bias(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %bias: tensor<12xbf16>, %init: tensor<?x12xbf16>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xbf16>) -> tensor<?x12xbf16>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xbf16>, tensor<12xbf16>)
      outs(%init2 : tensor<?x12xf32>) {
    ^bb0(%a: bf16, %b: bf16, %c: f32):
      %x_wide = arith.extf %a : bf16 to f32
      %wide = arith.extf %b : bf16 to f32
      %sum = arith.addf %x_wide, %wide : f32
      linalg.yield %sum : f32
  } -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @bias_is_added_in_bf16
// CHECK:         nn.linear
// CHECK-NOT:     bias(
// CHECK:         linalg.generic
func.func @bias_is_added_in_bf16(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %bias: tensor<12xbf16>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xbf16>) -> tensor<?x12xbf16> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xbf16>)
      outs(%init2 : tensor<?x12xbf16>) {
    ^bb0(%a: f32, %b: bf16, %c: bf16):
      %narrow = arith.truncf %a : f32 to bf16
      %sum = arith.addf %narrow, %b : bf16
      linalg.yield %sum : bf16
  } -> tensor<?x12xbf16>
  return %z : tensor<?x12xbf16>
}

// CHECK-LABEL: func.func @sum_has_another_reader
// CHECK:         nn.linear
// CHECK-NOT:     bias(
// CHECK:         linalg.generic
func.func @sum_has_another_reader(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %bias: tensor<12xbf16>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xbf16>)
      outs(%init2 : tensor<?x12xf32>) {
    ^bb0(%a: f32, %b: bf16, %c: f32):
      %wide = arith.extf %b : bf16 to f32
      %sum = arith.addf %a, %wide : f32
      linalg.yield %sum : f32
  } -> tensor<?x12xf32>
  return %y, %z : tensor<?x12xf32>, tensor<?x12xf32>
}

/// Fused, it would be made again in each iteration.
// CHECK-LABEL: func.func @sum_is_made_outside_of_the_loop
// CHECK:         nn.linear
// CHECK-NOT:     bias(
// CHECK:         scf.for
// CHECK:           linalg.generic
func.func @sum_is_made_outside_of_the_loop(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %bias: tensor<12xbf16>, %n: index,
    %init: tensor<?x12xf32>, %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %one = arith.constant 1 : index
  %result = scf.for %i = %one to %n step %one iter_args(%out = %init2) -> tensor<?x12xf32> {
    %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                         iterator_types = ["parallel", "parallel"]}
        ins(%y, %bias : tensor<?x12xf32>, tensor<12xbf16>)
        outs(%out : tensor<?x12xf32>) {
      ^bb0(%a: f32, %b: bf16, %c: f32):
        %wide = arith.extf %b : bf16 to f32
        %sum = arith.addf %a, %wide : f32
        linalg.yield %sum : f32
    } -> tensor<?x12xf32>
    scf.yield %z : tensor<?x12xf32>
  }
  return %result : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @bias_is_of_rows
// CHECK:         nn.linear
// CHECK-NOT:     bias(
// CHECK:         linalg.generic
func.func @bias_is_of_rows(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %bias: tensor<?xbf16>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #row, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<?xbf16>)
      outs(%init2 : tensor<?x12xf32>) {
    ^bb0(%a: f32, %b: bf16, %c: f32):
      %wide = arith.extf %b : bf16 to f32
      %sum = arith.addf %a, %wide : f32
      linalg.yield %sum : f32
  } -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @bias_is_subtracted
// CHECK:         nn.linear
// CHECK-NOT:     bias(
// CHECK:         linalg.generic
func.func @bias_is_subtracted(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %bias: tensor<12xf32>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xf32>)
      outs(%init2 : tensor<?x12xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %sum = arith.subf %a, %b : f32
      linalg.yield %sum : f32
  } -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @bias_is_added_twice
// CHECK:         nn.linear
// CHECK-NOT:     bias(
// CHECK:         linalg.generic
func.func @bias_is_added_twice(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %bias: tensor<12xf32>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xf32>)
      outs(%init2 : tensor<?x12xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %sum = arith.addf %b, %b : f32
      linalg.yield %sum : f32
  } -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @bias_is_of_eight_bits
// CHECK:         nn.linear
// CHECK-NOT:     bias(
// CHECK:         linalg.generic
func.func @bias_is_of_eight_bits(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %bias: tensor<12xf8E4M3FN>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xf8E4M3FN>)
      outs(%init2 : tensor<?x12xf32>) {
    ^bb0(%a: f32, %b: f8E4M3FN, %c: f32):
      %wide = arith.extf %b : f8E4M3FN to f32
      %sum = arith.addf %a, %wide : f32
      linalg.yield %sum : f32
  } -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @sum_with_bias_is_rounded_to_eight_bits
// CHECK:         nn.linear
// CHECK-NOT:     bias(
// CHECK:         linalg.generic
func.func @sum_with_bias_is_rounded_to_eight_bits(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %bias: tensor<12xbf16>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf8E4M3FN>) -> tensor<?x12xf8E4M3FN> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xbf16>)
      outs(%init2 : tensor<?x12xf8E4M3FN>) {
    ^bb0(%a: f32, %b: bf16, %c: f8E4M3FN):
      %wide = arith.extf %b : bf16 to f32
      %sum = arith.addf %a, %wide : f32
      %narrow = arith.truncf %sum : f32 to f8E4M3FN
      linalg.yield %narrow : f8E4M3FN
  } -> tensor<?x12xf8E4M3FN>
  return %z : tensor<?x12xf8E4M3FN>
}

// CHECK-LABEL: func.func @sum_has_a_bias
// CHECK:         nn.linear {{.*}} bias(
// CHECK:         linalg.generic
func.func @sum_has_a_bias(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %bias: tensor<12xbf16>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      bias(%bias : tensor<12xbf16>) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xbf16>)
      outs(%init2 : tensor<?x12xf32>) {
    ^bb0(%a: f32, %b: bf16, %c: f32):
      %wide = arith.extf %b : bf16 to f32
      %sum = arith.addf %a, %wide : f32
      linalg.yield %sum : f32
  } -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

/// The order of additions would change.
// CHECK-LABEL: func.func @sum_has_a_residual
// CHECK:         nn.linear
// CHECK-NOT:     bias(
// CHECK:         linalg.generic
func.func @sum_has_a_residual(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %bias: tensor<12xbf16>, %residual: tensor<?x12xf32>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      residual(%residual : tensor<?x12xf32>) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xbf16>)
      outs(%init2 : tensor<?x12xf32>) {
    ^bb0(%a: f32, %b: bf16, %c: f32):
      %wide = arith.extf %b : bf16 to f32
      %sum = arith.addf %a, %wide : f32
      linalg.yield %sum : f32
  } -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @bias_of_a_block_scaled_matmul
// CHECK-NOT:     linalg.generic
// CHECK:         mxfp4.matmul {{.*}} bias(%{{.+}} : tensor<12xbf16>)
// CHECK-NOT:     linalg.generic
func.func @bias_of_a_block_scaled_matmul(%x: tensor<?x32xf32>,
    %values: tensor<12x32xf4E2M1FN>, %scales: tensor<12x1xf8E8M0FNU>,
    %bias: tensor<12xbf16>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = mxfp4.matmul ins(%x, %values, %scales : tensor<?x32xf32>, tensor<12x32xf4E2M1FN>,
                        tensor<12x1xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #column, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<?x12xf32>, tensor<12xbf16>)
      outs(%init2 : tensor<?x12xf32>) {
    ^bb0(%a: f32, %b: bf16, %c: f32):
      %wide = arith.extf %b : bf16 to f32
      %sum = arith.addf %a, %wide : f32
      linalg.yield %sum : f32
  } -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

//===----------------------------------------------------------------------===//
// Residual
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @residual_is_the_second_term
// CHECK-SAME:    %{{[^:]+}}: tensor<?x8xf32>, %{{[^:]+}}: tensor<12x8xbf16>, %[[RESIDUAL:[^:]+]]: tensor<?x12xf32>, %{{[^:]+}}: tensor<?x12xf32>, %[[INIT:[^:]+]]: tensor<?x12xf32>
// CHECK:         nn.linear {{.*}} residual(%[[RESIDUAL]] : {{.*}}) outs(%[[INIT]] : {{.*}})
// CHECK-NOT:     linalg.add
func.func @residual_is_the_second_term(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %residual: tensor<?x12xf32>,
    %init: tensor<?x12xf32>, %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.add ins(%y, %residual : tensor<?x12xf32>, tensor<?x12xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @residual_is_the_first_term
// CHECK:         nn.linear {{.*}} residual(
// CHECK-NOT:     linalg.add
func.func @residual_is_the_first_term(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %residual: tensor<?x12xf32>,
    %init: tensor<?x12xf32>, %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.add ins(%residual, %y : tensor<?x12xf32>, tensor<?x12xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @residual_after_bias
// CHECK:         nn.linear {{.*}} bias({{.*}} residual(
// CHECK-NOT:     linalg.add
func.func @residual_after_bias(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %bias: tensor<12xbf16>, %residual: tensor<?x12xf32>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      bias(%bias : tensor<12xbf16>) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.add ins(%y, %residual : tensor<?x12xf32>, tensor<?x12xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @residual_of_a_block_scaled_matmul
// CHECK:         mxfp4.matmul {{.*}} residual(
// CHECK-NOT:     linalg.add
func.func @residual_of_a_block_scaled_matmul(%x: tensor<?x32xf32>,
    %values: tensor<12x32xf4E2M1FN>, %scales: tensor<12x1xf8E8M0FNU>,
    %residual: tensor<?x12xf32>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = mxfp4.matmul ins(%x, %values, %scales : tensor<?x32xf32>, tensor<12x32xf4E2M1FN>,
                        tensor<12x1xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.add ins(%y, %residual : tensor<?x12xf32>, tensor<?x12xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @second_residual
// CHECK:         nn.linear {{.*}} residual(
// CHECK:         linalg.add
func.func @second_residual(%x: tensor<?x8xf32>, %weight: tensor<12x8xbf16>,
    %residual: tensor<?x12xf32>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      residual(%residual : tensor<?x12xf32>) outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.add ins(%y, %residual : tensor<?x12xf32>, tensor<?x12xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @residual_is_the_sum_itself
// CHECK:         nn.linear
// CHECK-NOT:     residual(
// CHECK:         linalg.add
func.func @residual_is_the_sum_itself(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.add ins(%y, %y : tensor<?x12xf32>, tensor<?x12xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @sum_without_residual_has_another_reader
// CHECK:         nn.linear
// CHECK-NOT:     residual(
// CHECK:         linalg.add
func.func @sum_without_residual_has_another_reader(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %residual: tensor<?x12xf32>,
    %init: tensor<?x12xf32>,
    %init2: tensor<?x12xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.add ins(%y, %residual : tensor<?x12xf32>, tensor<?x12xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y, %z : tensor<?x12xf32>, tensor<?x12xf32>
}

// CHECK-LABEL: func.func @sum_is_rounded_before_residual
// CHECK:         nn.linear
// CHECK-NOT:     residual(
// CHECK:         linalg.add
func.func @sum_is_rounded_before_residual(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %residual: tensor<?x12xbf16>,
    %init: tensor<?x12xbf16>, %init2: tensor<?x12xbf16>) -> tensor<?x12xbf16> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xbf16>) -> tensor<?x12xbf16>
  %z = linalg.add ins(%y, %residual : tensor<?x12xbf16>, tensor<?x12xbf16>)
      outs(%init2 : tensor<?x12xbf16>) -> tensor<?x12xbf16>
  return %z : tensor<?x12xbf16>
}

// CHECK-LABEL: func.func @residual_of_static_tokens
// CHECK:         nn.linear
// CHECK-NOT:     residual(
// CHECK:         linalg.add
func.func @residual_of_static_tokens(%x: tensor<?x8xf32>,
    %weight: tensor<12x8xbf16>, %residual: tensor<4x12xf32>,
    %init: tensor<?x12xf32>, %init2: tensor<4x12xf32>) -> tensor<4x12xf32> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xf32>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.add ins(%y, %residual : tensor<?x12xf32>, tensor<4x12xf32>)
      outs(%init2 : tensor<4x12xf32>) -> tensor<4x12xf32>
  return %z : tensor<4x12xf32>
}

/// A matmul knows the number of its columns.
// CHECK-LABEL: func.func @bias_into_unknown_columns
// CHECK:         mxfp4.matmul
// CHECK-NOT:     bias(
// CHECK:         linalg.generic
func.func @bias_into_unknown_columns(%x: tensor<4x64xf32>, %values: tensor<32x64xf4E2M1FN>,
    %scales: tensor<32x2xf8E8M0FNU>, %bias: tensor<32xf32>, %y: tensor<4x32xf32>,
    %init: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<4x64xf32>, tensor<32x64xf4E2M1FN>,
                        tensor<32x2xf8E8M0FNU>)
      outs(%y : tensor<4x32xf32>) -> tensor<4x32xf32>
  %1 = linalg.generic {
      indexing_maps = [affine_map<(t, n) -> (t, n)>, affine_map<(t, n) -> (n)>,
                       affine_map<(t, n) -> (t, n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%0, %bias : tensor<4x32xf32>, tensor<32xf32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %sum = arith.addf %a, %b : f32
    linalg.yield %sum : f32
  } -> tensor<?x?xf32>
  return %1 : tensor<?x?xf32>
}

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @rounded
// CHECK-SAME:    %[[NARROW:[^:]+]]: tensor<?x12xbf16>
// CHECK-NOT:     linalg.generic
// CHECK:         %[[Y:.+]] = nn.linear {{.*}} outs(%[[NARROW]] : tensor<?x12xbf16>)
// CHECK:         return %[[Y]]
func.func @rounded(%x: tensor<?x8xbf16>, %weight: tensor<12x8xbf16>, %init: tensor<?x12xf32>,
                   %narrow: tensor<?x12xbf16>) -> tensor<?x12xbf16> {
  %y = nn.linear ins(%x, %weight : tensor<?x8xbf16>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<?x12xf32>) outs(%narrow : tensor<?x12xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<?x12xbf16>
  return %z : tensor<?x12xbf16>
}

/// Something else reads the sums as they are.
// CHECK-LABEL: func.func @rounded_for_one_reader
// CHECK:         nn.linear {{.*}} outs(%{{.+}} : tensor<?x12xf32>)
// CHECK:         arith.truncf
func.func @rounded_for_one_reader(%x: tensor<?x8xbf16>, %weight: tensor<12x8xbf16>,
    %init: tensor<?x12xf32>, %narrow: tensor<?x12xbf16>) -> (tensor<?x12xbf16>, tensor<?x12xf32>) {
  %y = nn.linear ins(%x, %weight : tensor<?x8xbf16>, tensor<12x8xbf16>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  %z = linalg.generic {indexing_maps = [#identity, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<?x12xf32>) outs(%narrow : tensor<?x12xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<?x12xbf16>
  return %z, %y : tensor<?x12xbf16>, tensor<?x12xf32>
}

/// Transposed as well.
// CHECK-LABEL: func.func @rounded_elsewhere
// CHECK:         nn.linear {{.*}} outs(%{{.+}} : tensor<12x12xf32>)
// CHECK:         arith.truncf
func.func @rounded_elsewhere(%x: tensor<12x8xbf16>, %weight: tensor<12x8xbf16>,
    %init: tensor<12x12xf32>, %narrow: tensor<12x12xbf16>) -> tensor<12x12xbf16> {
  %y = nn.linear ins(%x, %weight : tensor<12x8xbf16>, tensor<12x8xbf16>)
      outs(%init : tensor<12x12xf32>) -> tensor<12x12xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(t, n) -> (n, t)>, #identity],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<12x12xf32>) outs(%narrow : tensor<12x12xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<12x12xbf16>
  return %z : tensor<12x12xbf16>
}
