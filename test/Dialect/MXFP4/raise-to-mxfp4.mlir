// RUN: mxfp4-opt %s --mxfp4-raise-to-mxfp4 --split-input-file | FileCheck %s
// RUN: mxfp4-opt %s --mxfp4-raise-to-mxfp4=exact --split-input-file | FileCheck %s --check-prefix=EXACT

// What exporters write is in test/Integration/Exports.

#block = affine_map<(n, b, k) -> (n, b, k)>
#scale = affine_map<(n, b, k) -> (n, b)>

// CHECK-LABEL: func.func @scaling_extf
// CHECK-SAME:    %[[VALUES:[^:]+]]: tensor<8x2x32xf4E2M1FN>, %[[SCALES:[^:]+]]: tensor<8x2xf8E8M0FNU>
// CHECK-NOT:     linalg.generic
// CHECK:         %[[ROWS:.+]] = tensor.expand_shape %[[SCALES]] {{.*}} into tensor<8x2x1xf8E8M0FNU>
// CHECK:         mxfp4.dequantize %[[VALUES]], %[[ROWS]] : tensor<8x2x32xf4E2M1FN>, tensor<8x2x1xf8E8M0FNU> -> tensor<8x2x32xf32>
// EXACT-LABEL: func.func @scaling_extf
// EXACT:         mxfp4.dequantize
func.func @scaling_extf(%values: tensor<8x2x32xf4E2M1FN>,
                        %scales: tensor<8x2xf8E8M0FNU>) -> tensor<8x2x32xf32> {
  %init = tensor.empty() : tensor<8x2x32xf32>
  %0 = linalg.generic {indexing_maps = [#block, #scale, #block],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%values, %scales : tensor<8x2x32xf4E2M1FN>, tensor<8x2xf8E8M0FNU>)
      outs(%init : tensor<8x2x32xf32>) {
  ^bb0(%value: f4E2M1FN, %factor: f8E8M0FNU, %out: f32):
    %1 = arith.scaling_extf %value, %factor : f4E2M1FN, f8E8M0FNU to f32
    linalg.yield %1 : f32
  } -> tensor<8x2x32xf32>
  return %0 : tensor<8x2x32xf32>
}

// -----

#row = affine_map<(n, k) -> (n, k)>
#scale = affine_map<(n, k) -> (n, k floordiv 32)>

/// Elements of 8 bits.
// CHECK-LABEL: func.func @mxfp8
// CHECK:         mxfp4.dequantize %{{.+}}, %{{.+}} : tensor<8x64xf8E5M2>, tensor<8x2xf8E8M0FNU> -> tensor<8x64xbf16>
func.func @mxfp8(%values: tensor<8x64xf8E5M2>, %scales: tensor<8x2xf8E8M0FNU>)
    -> tensor<8x64xbf16> {
  %init = tensor.empty() : tensor<8x64xbf16>
  %0 = linalg.generic {indexing_maps = [#row, #scale, #row],
                       iterator_types = ["parallel", "parallel"]}
      ins(%values, %scales : tensor<8x64xf8E5M2>, tensor<8x2xf8E8M0FNU>)
      outs(%init : tensor<8x64xbf16>) {
  ^bb0(%value: f8E5M2, %factor: f8E8M0FNU, %out: bf16):
    %1 = arith.extf %value : f8E5M2 to bf16
    %2 = arith.extf %factor : f8E8M0FNU to bf16
    %3 = arith.mulf %1, %2 : bf16
    linalg.yield %3 : bf16
  } -> tensor<8x64xbf16>
  return %0 : tensor<8x64xbf16>
}

// -----

#row = affine_map<(n, k) -> (n, k)>
#scale = affine_map<(n, k) -> (n, k floordiv 16)>

// CHECK-LABEL: func.func @nvfp4
// CHECK:         mxfp4.dequantize %{{.+}}, %{{.+}} : tensor<8x64xf4E2M1FN>, tensor<8x4xf8E4M3FN> -> tensor<8x64xf32>
func.func @nvfp4(%values: tensor<8x64xf4E2M1FN>, %scales: tensor<8x4xf8E4M3FN>)
    -> tensor<8x64xf32> {
  %init = tensor.empty() : tensor<8x64xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scale, #row],
                       iterator_types = ["parallel", "parallel"]}
      ins(%values, %scales : tensor<8x64xf4E2M1FN>, tensor<8x4xf8E4M3FN>)
      outs(%init : tensor<8x64xf32>) {
  ^bb0(%value: f4E2M1FN, %factor: f8E4M3FN, %out: f32):
    %1 = arith.extf %value : f4E2M1FN to f32
    %2 = arith.extf %factor : f8E4M3FN to f32
    %3 = arith.mulf %1, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

#row = affine_map<(n, k) -> (n, k)>
#scale = affine_map<(n, k) -> (n, k floordiv 16)>
#tensor = affine_map<(n, k) -> (0)>

/// NVFP4 with the scale of the tensor, multiplied in another order than in F22.
// CHECK-LABEL: func.func @nvfp4_by_tensor
// CHECK-SAME:    %[[FACTOR:[^:]+]]: tensor<1xf32>
// CHECK:         %[[SCALAR:.+]] = tensor.collapse_shape %[[FACTOR]] [] : tensor<1xf32> into tensor<f32>
// CHECK:         mxfp4.dequantize %{{.+}}, %{{.+}} tensor_scale(%[[SCALAR]] : tensor<f32>)
// EXACT-LABEL: func.func @nvfp4_by_tensor
// EXACT-NOT:     mxfp4.dequantize
func.func @nvfp4_by_tensor(%values: tensor<8x64xf4E2M1FN>, %scales: tensor<8x4xf8E4M3FN>,
                           %factor: tensor<1xf32>) -> tensor<8x64xf32> {
  %init = tensor.empty() : tensor<8x64xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scale, #tensor, #row],
                       iterator_types = ["parallel", "parallel"]}
      ins(%values, %scales, %factor : tensor<8x64xf4E2M1FN>, tensor<8x4xf8E4M3FN>, tensor<1xf32>)
      outs(%init : tensor<8x64xf32>) {
  ^bb0(%value: f4E2M1FN, %scale: f8E4M3FN, %all: f32, %out: f32):
    %1 = arith.extf %value : f4E2M1FN to f32
    %2 = arith.extf %scale : f8E4M3FN to f32
    %3 = arith.mulf %2, %all : f32
    %4 = arith.mulf %1, %3 : f32
    linalg.yield %4 : f32
  } -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

#row = affine_map<(n, k) -> (n, k)>
#scale = affine_map<(n, k) -> (n, k floordiv 16)>
#tensor = affine_map<(n, k) -> ()>

/// A scale that is not taken as it is.
// CHECK-LABEL: func.func @nvfp4_clamped
// CHECK-NOT:     mxfp4.dequantize
func.func @nvfp4_clamped(%values: tensor<8x64xf4E2M1FN>, %scales: tensor<8x4xf8E4M3FN>,
                         %factor: tensor<f32>) -> tensor<8x64xf32> {
  %init = tensor.empty() : tensor<8x64xf32>
  %small = arith.constant 1.0e-4 : f32
  %0 = linalg.generic {indexing_maps = [#row, #scale, #tensor, #row],
                       iterator_types = ["parallel", "parallel"]}
      ins(%values, %scales, %factor : tensor<8x64xf4E2M1FN>, tensor<8x4xf8E4M3FN>, tensor<f32>)
      outs(%init : tensor<8x64xf32>) {
  ^bb0(%value: f4E2M1FN, %scale: f8E4M3FN, %all: f32, %out: f32):
    %1 = arith.extf %value : f4E2M1FN to f32
    %2 = arith.extf %scale : f8E4M3FN to f32
    %3 = arith.maximumf %all, %small : f32
    %4 = arith.mulf %1, %2 : f32
    %5 = arith.mulf %4, %3 : f32
    linalg.yield %5 : f32
  } -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

/// Divided by, it is no scale.
// CHECK-LABEL: func.func @nvfp4_divided
// CHECK-NOT:     mxfp4.dequantize
func.func @nvfp4_divided(%values: tensor<8x64xf4E2M1FN>, %scales: tensor<8x4xf8E4M3FN>,
                         %factor: tensor<f32>) -> tensor<8x64xf32> {
  %init = tensor.empty() : tensor<8x64xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scale, #tensor, #row],
                       iterator_types = ["parallel", "parallel"]}
      ins(%values, %scales, %factor : tensor<8x64xf4E2M1FN>, tensor<8x4xf8E4M3FN>, tensor<f32>)
      outs(%init : tensor<8x64xf32>) {
  ^bb0(%value: f4E2M1FN, %scale: f8E4M3FN, %all: f32, %out: f32):
    %1 = arith.extf %value : f4E2M1FN to f32
    %2 = arith.extf %scale : f8E4M3FN to f32
    %3 = arith.divf %2, %all : f32
    %4 = arith.mulf %1, %3 : f32
    linalg.yield %4 : f32
  } -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

#row = affine_map<(n, k) -> (n, k)>
#scale = affine_map<(n, k) -> (n, k floordiv 16)>

/// A constant, in the order of F22.
// CHECK-LABEL: func.func @nvfp4_by_constant
// CHECK:         %[[SCALAR:.+]] = arith.constant dense<2.500000e-03> : tensor<f32>
// CHECK:         mxfp4.dequantize %{{.+}}, %{{.+}} tensor_scale(%[[SCALAR]] : tensor<f32>)
// EXACT-LABEL: func.func @nvfp4_by_constant
// EXACT:         mxfp4.dequantize
func.func @nvfp4_by_constant(%values: tensor<8x64xf4E2M1FN>, %scales: tensor<8x4xf8E4M3FN>)
    -> tensor<8x64xf32> {
  %all = arith.constant 2.5e-3 : f32
  %init = tensor.empty() : tensor<8x64xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scale, #row],
                       iterator_types = ["parallel", "parallel"]}
      ins(%values, %scales : tensor<8x64xf4E2M1FN>, tensor<8x4xf8E4M3FN>)
      outs(%init : tensor<8x64xf32>) {
  ^bb0(%value: f4E2M1FN, %scale: f8E4M3FN, %out: f32):
    %1 = arith.extf %value : f4E2M1FN to f32
    %2 = arith.extf %scale : f8E4M3FN to f32
    %3 = arith.mulf %1, %2 : f32
    %4 = arith.mulf %3, %all : f32
    linalg.yield %4 : f32
  } -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

#row = affine_map<(e, n, k) -> (e, n, k)>
#scale = affine_map<(e, n, k) -> (e, n, k floordiv 16)>
#expert = affine_map<(e, n, k) -> (e)>
#of_row = affine_map<(e, n, k) -> (n)>

// CHECK-LABEL: func.func @nvfp4_by_expert
// CHECK-SAME:    %[[FACTOR:[^:]+]]: tensor<2xf32>
// CHECK:         mxfp4.dequantize %{{.+}}, %{{.+}} tensor_scale(%[[FACTOR]] : tensor<2xf32>)
func.func @nvfp4_by_expert(%values: tensor<2x2x64xf4E2M1FN>, %scales: tensor<2x2x4xf8E4M3FN>,
                           %factor: tensor<2xf32>) -> tensor<2x2x64xf32> {
  %init = tensor.empty() : tensor<2x2x64xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scale, #expert, #row],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%values, %scales, %factor : tensor<2x2x64xf4E2M1FN>, tensor<2x2x4xf8E4M3FN>, tensor<2xf32>)
      outs(%init : tensor<2x2x64xf32>) {
  ^bb0(%value: f4E2M1FN, %scale: f8E4M3FN, %all: f32, %out: f32):
    %1 = arith.extf %value : f4E2M1FN to f32
    %2 = arith.extf %scale : f8E4M3FN to f32
    %3 = arith.mulf %1, %2 : f32
    %4 = arith.mulf %3, %all : f32
    linalg.yield %4 : f32
  } -> tensor<2x2x64xf32>
  return %0 : tensor<2x2x64xf32>
}

/// One for each row of all experts is no such scale.
// CHECK-LABEL: func.func @nvfp4_by_row
// CHECK-NOT:     mxfp4.dequantize
func.func @nvfp4_by_row(%values: tensor<2x2x64xf4E2M1FN>, %scales: tensor<2x2x4xf8E4M3FN>,
                        %factor: tensor<2xf32>) -> tensor<2x2x64xf32> {
  %init = tensor.empty() : tensor<2x2x64xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scale, #of_row, #row],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%values, %scales, %factor : tensor<2x2x64xf4E2M1FN>, tensor<2x2x4xf8E4M3FN>, tensor<2xf32>)
      outs(%init : tensor<2x2x64xf32>) {
  ^bb0(%value: f4E2M1FN, %scale: f8E4M3FN, %all: f32, %out: f32):
    %1 = arith.extf %value : f4E2M1FN to f32
    %2 = arith.extf %scale : f8E4M3FN to f32
    %3 = arith.mulf %1, %2 : f32
    %4 = arith.mulf %3, %all : f32
    linalg.yield %4 : f32
  } -> tensor<2x2x64xf32>
  return %0 : tensor<2x2x64xf32>
}

// -----

/// What is rounded after is expanded to that.
// CHECK-LABEL: func.func @rounded
// CHECK-NOT:     arith.truncf
// CHECK:         mxfp4.dequantize %{{.+}} -> tensor<8x64xbf16>
func.func @rounded(%values: tensor<8x64xf4E2M1FN>, %scales: tensor<8x2xf8E8M0FNU>)
    -> tensor<8x64xbf16> {
  %wide = mxfp4.dequantize %values, %scales
      : tensor<8x64xf4E2M1FN>, tensor<8x2xf8E8M0FNU> -> tensor<8x64xf32>
  %init = tensor.empty() : tensor<8x64xbf16>
  %0 = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%wide : tensor<8x64xf32>) outs(%init : tensor<8x64xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %1 = arith.truncf %in : f32 to bf16
    linalg.yield %1 : bf16
  } -> tensor<8x64xbf16>
  return %0 : tensor<8x64xbf16>
}

/// Rounded in another way than the op does it.
// CHECK-LABEL: func.func @rounded_upward
// CHECK:         arith.truncf %{{.+}} upward
func.func @rounded_upward(%values: tensor<8x64xf4E2M1FN>, %scales: tensor<8x2xf8E8M0FNU>)
    -> tensor<8x64xbf16> {
  %wide = mxfp4.dequantize %values, %scales
      : tensor<8x64xf4E2M1FN>, tensor<8x2xf8E8M0FNU> -> tensor<8x64xf32>
  %init = tensor.empty() : tensor<8x64xbf16>
  %0 = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%wide : tensor<8x64xf32>) outs(%init : tensor<8x64xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %1 = arith.truncf %in upward : f32 to bf16
    linalg.yield %1 : bf16
  } -> tensor<8x64xbf16>
  return %0 : tensor<8x64xbf16>
}

// -----

#row = affine_map<(n, k) -> (n, k)>
#scale = affine_map<(n, k) -> (n, k floordiv 16)>

/// MXFP4 has a scale for 32 elements.
// CHECK-LABEL: func.func @e8m0_for_sixteen
// CHECK-NOT:     mxfp4.dequantize
func.func @e8m0_for_sixteen(%values: tensor<8x64xf4E2M1FN>,
                            %scales: tensor<8x4xf8E8M0FNU>) -> tensor<8x64xf32> {
  %init = tensor.empty() : tensor<8x64xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scale, #row],
                       iterator_types = ["parallel", "parallel"]}
      ins(%values, %scales : tensor<8x64xf4E2M1FN>, tensor<8x4xf8E8M0FNU>)
      outs(%init : tensor<8x64xf32>) {
  ^bb0(%value: f4E2M1FN, %factor: f8E8M0FNU, %out: f32):
    %1 = arith.scaling_extf %value, %factor : f4E2M1FN, f8E8M0FNU to f32
    linalg.yield %1 : f32
  } -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

#row = affine_map<(n, k) -> (n, k)>
#scale = affine_map<(n, k) -> (n, k floordiv 32)>

/// One code in a byte, scales of bytes, an exponent by shifts: byte 0 gives 0
/// and 255 infinity, which the format does not.
// CHECK-LABEL: func.func @table_and_shift
// CHECK:         %[[BYTES:.+]] = linalg.generic {{.*}} outs(%{{.+}} : tensor<4x16xi8>)
// CHECK:         %[[SCALES:.+]] = linalg.generic {{.*}} outs(%{{.+}} : tensor<4x1xf8E8M0FNU>)
// CHECK:         mxfp4.dequantize %[[BYTES]], %[[SCALES]] : tensor<4x16xi8>, tensor<4x1xf8E8M0FNU> -> tensor<4x32xf32>
// EXACT-LABEL: func.func @table_and_shift
// EXACT-NOT:     mxfp4.dequantize
func.func @table_and_shift(%codes: tensor<4x32xi8>, %scales: tensor<4x1xi8>)
    -> tensor<4x32xf32> {
  %table = arith.constant dense<[0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0,
      -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0]> : tensor<16xf32>
  %c23 = arith.constant 23 : i32
  %init = tensor.empty() : tensor<4x32xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scale, #row],
                       iterator_types = ["parallel", "parallel"]}
      ins(%codes, %scales : tensor<4x32xi8>, tensor<4x1xi8>)
      outs(%init : tensor<4x32xf32>) {
  ^bb0(%code: i8, %byte: i8, %out: f32):
    %1 = arith.index_castui %code : i8 to index
    %2 = tensor.extract %table[%1] : tensor<16xf32>
    %3 = arith.extui %byte : i8 to i32
    %4 = arith.shli %3, %c23 : i32
    %5 = arith.bitcast %4 : i32 to f32
    %6 = arith.mulf %2, %5 : f32
    linalg.yield %6 : f32
  } -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----

#row = affine_map<(n, k) -> (n, k)>
#scale = affine_map<(n, k) -> (n, k floordiv 32)>

/// The last value of the table is 5 and not 6.
// CHECK-LABEL: func.func @table_of_other_values
// EXACT-LABEL: func.func @table_of_other_values
// CHECK-NOT:     mxfp4.dequantize
func.func @table_of_other_values(%codes: tensor<4x32xi8>, %scales: tensor<4x1xf8E8M0FNU>)
    -> tensor<4x32xf32> {
  %table = arith.constant dense<[0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0,
      -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -5.0]> : tensor<16xf32>
  %init = tensor.empty() : tensor<4x32xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scale, #row],
                       iterator_types = ["parallel", "parallel"]}
      ins(%codes, %scales : tensor<4x32xi8>, tensor<4x1xf8E8M0FNU>)
      outs(%init : tensor<4x32xf32>) {
  ^bb0(%code: i8, %byte: f8E8M0FNU, %out: f32):
    %1 = arith.index_castui %code : i8 to index
    %2 = tensor.extract %table[%1] : tensor<16xf32>
    %3 = arith.extf %byte : f8E8M0FNU to f32
    %4 = arith.mulf %2, %3 : f32
    linalg.yield %4 : f32
  } -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----

#row = affine_map<(n, k) -> (n, k)>
#scale = affine_map<(n, k) -> (n, k floordiv 32)>

/// The bias of the exponent is 126.
// CHECK-LABEL: func.func @other_bias
// CHECK-NOT:     mxfp4.dequantize
func.func @other_bias(%values: tensor<4x32xf4E2M1FN>, %scales: tensor<4x1xi8>)
    -> tensor<4x32xf32> {
  %c126 = arith.constant 126.0 : f32
  %init = tensor.empty() : tensor<4x32xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scale, #row],
                       iterator_types = ["parallel", "parallel"]}
      ins(%values, %scales : tensor<4x32xf4E2M1FN>, tensor<4x1xi8>)
      outs(%init : tensor<4x32xf32>) {
  ^bb0(%value: f4E2M1FN, %byte: i8, %out: f32):
    %1 = arith.extf %value : f4E2M1FN to f32
    %2 = arith.uitofp %byte : i8 to f32
    %3 = arith.subf %2, %c126 : f32
    %4 = math.exp2 %3 : f32
    %5 = arith.mulf %1, %4 : f32
    linalg.yield %5 : f32
  } -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----

#in = affine_map<(k, n) -> (n, k)>
#scale = affine_map<(k, n) -> (n, k floordiv 32)>
#out = affine_map<(k, n) -> (k, n)>

/// Blocks go along the first dimension of the result.
// CHECK-LABEL: func.func @transposed
// CHECK-NOT:     mxfp4.dequantize
func.func @transposed(%values: tensor<64x64xf4E2M1FN>,
                      %scales: tensor<64x2xf8E8M0FNU>) -> tensor<64x64xf32> {
  %init = tensor.empty() : tensor<64x64xf32>
  %0 = linalg.generic {indexing_maps = [#in, #scale, #out],
                       iterator_types = ["parallel", "parallel"]}
      ins(%values, %scales : tensor<64x64xf4E2M1FN>, tensor<64x2xf8E8M0FNU>)
      outs(%init : tensor<64x64xf32>) {
  ^bb0(%value: f4E2M1FN, %factor: f8E8M0FNU, %result: f32):
    %1 = arith.scaling_extf %value, %factor : f4E2M1FN, f8E8M0FNU to f32
    linalg.yield %1 : f32
  } -> tensor<64x64xf32>
  return %0 : tensor<64x64xf32>
}

// -----

#x = affine_map<(t, n, b, k) -> (t, b, k)>
#w = affine_map<(t, n, b, k) -> (n, b, k)>
#s = affine_map<(t, n, b, k) -> (n, b)>
#y = affine_map<(t, n, b, k) -> (t, n)>

/// The weight is expanded in the contraction itself.
// CHECK-LABEL: func.func @inside_a_contraction
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x2x32xf32>, %[[VALUES:[^:]+]]: tensor<8x2x32xf4E2M1FN>, %[[SCALES:[^:]+]]: tensor<8x2xf8E8M0FNU>
// CHECK:         %[[FLAT:.+]] = tensor.collapse_shape %[[VALUES]] {{.*}} into tensor<8x64xf4E2M1FN>
// CHECK:         %[[WEIGHT:.+]] = mxfp4.dequantize %[[FLAT]], %{{.+}} -> tensor<8x64xf32>
// CHECK:         %[[ROWS:.+]] = tensor.collapse_shape %[[X]] {{.*}} into tensor<?x64xf32>
// CHECK:         linalg.matmul indexing_maps = {{.*}} ins(%[[ROWS]], %[[WEIGHT]]
func.func @inside_a_contraction(%x: tensor<?x2x32xf32>,
    %values: tensor<8x2x32xf4E2M1FN>, %scales: tensor<8x2xf8E8M0FNU>,
    %init: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = linalg.generic {indexing_maps = [#x, #w, #s, #y],
                       iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %values, %scales : tensor<?x2x32xf32>, tensor<8x2x32xf4E2M1FN>,
          tensor<8x2xf8E8M0FNU>) outs(%init : tensor<?x8xf32>) {
  ^bb0(%in: f32, %value: f4E2M1FN, %factor: f8E8M0FNU, %sum: f32):
    %1 = arith.scaling_extf %value, %factor : f4E2M1FN, f8E8M0FNU to f32
    %2 = arith.mulf %in, %1 : f32
    %3 = arith.addf %sum, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

/// Nothing is known of such tensors, or too much to count.
// CHECK-LABEL: func.func @unusual_shapes
// CHECK-NOT:     mxfp4.dequantize
func.func @unusual_shapes(%x: tensor<*xf32>, %y: tensor<0x32xf32>,
    %z: tensor<4611686018427387904x32xf32>)
    -> (tensor<4x32xf32>, tensor<0x32xf32>, tensor<4611686018427387904x32xf32>) {
  %0 = tensor.cast %x : tensor<*xf32> to tensor<4x32xf32>
  %1 = arith.negf %0 : tensor<4x32xf32>
  %2 = arith.negf %y : tensor<0x32xf32>
  %3 = arith.negf %z : tensor<4611686018427387904x32xf32>
  return %1, %2, %3 : tensor<4x32xf32>, tensor<0x32xf32>, tensor<4611686018427387904x32xf32>
}

// -----

#x = affine_map<(t, n, k) -> (t, k)>
#w = affine_map<(t, n, k) -> (n, k)>
#y = affine_map<(t, n, k) -> (t, n)>

/// What is no expansion of blocks stays in the contraction.
// CHECK-LABEL: func.func @masked_weight
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT:     linalg.generic
func.func @masked_weight(%x: tensor<4x32xf32>, %w: tensor<8x32xf32>,
    %mask: tensor<8x32xf32>, %init: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = linalg.generic {indexing_maps = [#x, #w, #w, #y],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w, %mask : tensor<4x32xf32>, tensor<8x32xf32>, tensor<8x32xf32>)
      outs(%init : tensor<4x8xf32>) {
  ^bb0(%in: f32, %weight: f32, %keep: f32, %sum: f32):
    %1 = arith.mulf %weight, %keep : f32
    %2 = arith.mulf %in, %1 : f32
    %3 = arith.addf %sum, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

#w = affine_map<(t, n, b, k) -> (n, b, k)>
#s = affine_map<(t, n, b, k) -> (n, b)>
#y = affine_map<(t, n, b, k) -> (t, n)>

/// Both factors are the weight.
// CHECK-LABEL: func.func @square
// CHECK-NOT:     mxfp4.dequantize
func.func @square(%values: tensor<8x2x32xf4E2M1FN>, %scales: tensor<8x2xf8E8M0FNU>,
                  %init: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = linalg.generic {indexing_maps = [#w, #s, #y],
                       iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%values, %scales : tensor<8x2x32xf4E2M1FN>, tensor<8x2xf8E8M0FNU>)
      outs(%init : tensor<4x8xf32>) {
  ^bb0(%value: f4E2M1FN, %factor: f8E8M0FNU, %sum: f32):
    %1 = arith.scaling_extf %value, %factor : f4E2M1FN, f8E8M0FNU to f32
    %2 = arith.mulf %1, %1 : f32
    %3 = arith.addf %sum, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
