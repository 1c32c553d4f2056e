// RUN: mxfp4-opt %s --convert-mxfp4-to-linalg | FileCheck %s
// RUN: mxfp4-opt %s --convert-mxfp4-to-linalg=kernels=vector | FileCheck %s --check-prefix=SLOW

/// Two elements in a byte, the even one low (F2); 0xFF is NaN (F4).
// CHECK-LABEL: func.func @dequantize_of_bytes
// CHECK-SAME:    %[[VALUES:[^:]+]]: tensor<?x16xi8>, %[[SCALES:[^:]+]]: tensor<?x1xf8E8M0FNU>
// CHECK:         %[[RESULT:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK:           %[[SCALE:.+]] = tensor.extract %[[SCALES]]
// CHECK:           arith.bitcast %[[SCALE]] : f8E8M0FNU to i8
// CHECK:           %[[BYTE:.+]] = tensor.extract %[[VALUES]]
// CHECK:           arith.extui %[[BYTE]] : i8 to i32
// CHECK:           %[[CARRY:.+]] = arith.constant 8388608 : i32
// CHECK:           %[[NEXT:.+]] = arith.addi %[[BITS:.+]], %[[CARRY]] : i32
// CHECK:           %[[NAN:.+]] = arith.shrsi %[[NEXT]], %{{.+}} : i32
// CHECK:           arith.ori %[[BITS]], %[[NAN]] : i32
// CHECK:           %[[PRODUCT:.+]] = arith.mulf
// CHECK:           %[[ROUNDED:.+]] = arith.truncf %[[PRODUCT]] : f32 to bf16
// CHECK:           linalg.yield %[[ROUNDED]]
// CHECK:         return %[[RESULT]]
func.func @dequantize_of_bytes(%values: tensor<?x16xi8>,
                               %scales: tensor<?x1xf8E8M0FNU>) -> tensor<?x32xbf16> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<?x16xi8>, tensor<?x1xf8E8M0FNU> -> tensor<?x32xbf16>
  return %0 : tensor<?x32xbf16>
}

// CHECK-LABEL: func.func @dequantize_of_elements
// CHECK:         linalg.generic
// CHECK:           %[[ELEMENT:.+]] = tensor.extract %{{.+}} : tensor<4x32xf4E2M1FN>
// CHECK:           arith.bitcast %[[ELEMENT]] : f4E2M1FN to i4
func.func @dequantize_of_elements(%values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<4x1xf8E8M0FNU>) -> tensor<4x32xf32> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

/// The type of the result may say less than those of the operands.
// CHECK-LABEL: func.func @dequantize_to_unknown_rows
// CHECK:         %[[RESULT:.+]] = linalg.generic
// CHECK:         %[[CAST:.+]] = tensor.cast %[[RESULT]] : tensor<4x32xf32> to tensor<?x32xf32>
// CHECK:         return %[[CAST]]
func.func @dequantize_to_unknown_rows(%values: tensor<4x32xf4E2M1FN>,
    %scales: tensor<4x1xf8E8M0FNU>) -> tensor<?x32xf32> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

/// The largest magnitude of each block first, then scales, then elements.
// CHECK-LABEL: func.func @quantize
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:           arith.maxui
// CHECK:         %[[SCALES:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK:           arith.bitcast %{{.+}} : i8 to f8E8M0FNU
// CHECK:         %[[VALUES:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK:           arith.bitcast %{{.+}} : i4 to f4E2M1FN
// CHECK:         return %[[VALUES]], %[[SCALES]]
func.func @quantize(%input: tensor<?x32xf32>)
    -> (tensor<?x32xf4E2M1FN>, tensor<?x1xf8E8M0FNU>) {
  %values, %scales = mxfp4.quantize %input
      : tensor<?x32xf32> -> tensor<?x32xf4E2M1FN>, tensor<?x1xf8E8M0FNU>
  return %values, %scales : tensor<?x32xf4E2M1FN>, tensor<?x1xf8E8M0FNU>
}

// CHECK-LABEL: func.func @quantize_to_bytes
// CHECK:         arith.shli
// CHECK:         arith.ori
// CHECK:         arith.trunci %{{.+}} : i32 to i8
func.func @quantize_to_bytes(%input: tensor<4x32xf16>)
    -> (tensor<4x16xi8>, tensor<4x1xf8E8M0FNU>) {
  %values, %scales = mxfp4.quantize %input
      : tensor<4x32xf16> -> tensor<4x16xi8>, tensor<4x1xf8E8M0FNU>
  return %values, %scales : tensor<4x16xi8>, tensor<4x1xf8E8M0FNU>
}

// CHECK-LABEL: func.func @matmul
// CHECK-SAME:    %[[BIAS:[^:]+]]: tensor<12xbf16>, %[[RESIDUAL:[^:]+]]: tensor<?x12xf32>, %[[INIT:[^:]+]]: tensor<?x12xbf16>
// CHECK:         linalg.fill
// CHECK:         %[[SUMS:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:         linalg.generic {{.*}} outs(%[[INIT]] :
// CHECK:           tensor.extract %[[SUMS]]
// CHECK:           tensor.extract %[[BIAS]]
// CHECK:           tensor.extract %[[RESIDUAL]]
// CHECK:           arith.truncf %{{.+}} : f32 to bf16
// CHECK-NOT:     mxfp4.
func.func @matmul(%x: tensor<?x32xf32>, %values: tensor<12x16xi8>,
    %scales: tensor<12x1xf8E8M0FNU>, %bias: tensor<12xbf16>,
    %residual: tensor<?x12xf32>, %init: tensor<?x12xbf16>) -> tensor<?x12xbf16> {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x32xf32>, tensor<12x16xi8>,
                        tensor<12x1xf8E8M0FNU>)
      bias(%bias : tensor<12xbf16>) residual(%residual : tensor<?x12xf32>)
      outs(%init : tensor<?x12xbf16>) -> tensor<?x12xbf16>
  return %0 : tensor<?x12xbf16>
}

/// The largest magnitude of each block, then the rounded input, then the product.
// CHECK-LABEL: func.func @matmul_of_integers
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xbf16>
// CHECK:         %[[LARGEST:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:           tensor.extract %[[X]]
// CHECK:           arith.maxui
// CHECK:         %[[ROUNDED:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK:           tensor.extract %[[LARGEST]]
// CHECK:           arith.sitofp %{{.+}} : i32 to f32
// CHECK:         linalg.generic {{.*}} ins(%[[ROUNDED]] : tensor<?x64xf32>)
// CHECK-NOT:     mxfp4.
func.func @matmul_of_integers(%x: tensor<?x64xbf16>, %values: tensor<12x32xi8>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x64xbf16>, tensor<12x32xi8>,
                        tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) {input_format = #mxfp4.input_format<int8>}
      -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

/// A slot's expert is looked up for each of its products.
// CHECK-LABEL: func.func @matmul_by_expert
// CHECK-SAME:    %[[EXPERTS:[^:]+]]: tensor<?x4xi32>
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK:           tensor.extract %[[EXPERTS]]
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:           arith.minimumf
// CHECK:           math.exp
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK-NOT:     mxfp4.
func.func @matmul_by_expert(%x: tensor<?x32xf32>, %values: tensor<2x12x16xi8>,
    %scales: tensor<2x12x1xf8E8M0FNU>, %bias: tensor<2x12xbf16>,
    %experts: tensor<?x4xi32>, %weights: tensor<?x4xf32>,
    %residual: tensor<?x6xf32>, %init: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %0 = mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x16xi8>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      bias(%bias : tensor<2x12xbf16>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      weights(%weights : tensor<?x4xf32>) residual(%residual : tensor<?x6xf32>)
      outs(%init : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

/// An element is read from its lane; on the slow path a kernel will do that.
// CHECK-LABEL: func.func @matmul_of_a_layout
// CHECK-SAME:    %[[VALUES:[^:]+]]: tensor<2x4x32xi8>, %[[SCALES:[^:]+]]: tensor<2x1x8xf8E8M0FNU>
// CHECK:           %[[ROW:.+]] = linalg.index 1
// CHECK:           %[[COLUMN:.+]] = linalg.index 2
// CHECK:           tensor.extract %[[SCALES]]
// CHECK:           %[[GROUP:.+]] = arith.divui %[[ROW]], %c8
// CHECK:           %[[LANE:.+]] = arith.remui %[[ROW]], %c8
// CHECK:           %[[STEP:.+]] = arith.divui %[[COLUMN]], %c8
// CHECK:           arith.muli %[[LANE]], %c8
// CHECK:           tensor.extract %[[VALUES]][%[[GROUP]], %[[STEP]],
// CHECK-NOT:     mxfp4.
// SLOW-LABEL:  func.func @matmul_of_a_layout
// SLOW:          mxfp4.matmul
func.func @matmul_of_a_layout(%x: tensor<?x32xf32>, %values: tensor<2x4x32xi8>,
    %scales: tensor<2x1x8xf8E8M0FNU>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x32xf32>, tensor<2x4x32xi8>,
                        tensor<2x1x8xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 8>}
      -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

/// Rows that only fill a group are zero.
// CHECK-LABEL: func.func @pack
// CHECK-SAME:    %[[SOURCE:[^:]+]]: tensor<12x16xi8>
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel"]
// CHECK:           %[[IS_ROW:.+]] = arith.cmpi ult, %{{.+}}, %c12
// CHECK:           tensor.extract %[[SOURCE]]
// CHECK:           arith.select %[[IS_ROW]], %{{.+}}, %c0_i8
// CHECK-NOT:     mxfp4.
// SLOW-LABEL:  func.func @pack
// SLOW:          mxfp4.pack
func.func @pack(%source: tensor<12x16xi8>, %init: tensor<2x4x32xi8>) -> tensor<2x4x32xi8> {
  %0 = mxfp4.pack ins(%source : tensor<12x16xi8>) outs(%init : tensor<2x4x32xi8>)
      {layout = #mxfp4.layout<lanes = 8, depth = 8>} -> tensor<2x4x32xi8>
  return %0 : tensor<2x4x32xi8>
}

/// Gate and up of a pair are in neighboring groups.
// CHECK-LABEL: func.func @pack_in_pairs
// CHECK:           %[[GROUP:.+]] = linalg.index 0
// CHECK:           arith.remui %[[GROUP]], %c2
func.func @pack_in_pairs(%source: tensor<16x4xf8E8M0FNU>, %init: tensor<2x4x8xf8E8M0FNU>)
    -> tensor<2x4x8xf8E8M0FNU> {
  %0 = mxfp4.pack ins(%source : tensor<16x4xf8E8M0FNU>)
      outs(%init : tensor<2x4x8xf8E8M0FNU>)
      {layout = #mxfp4.layout<lanes = 8, depth = 1, paired = true>}
      -> tensor<2x4x8xf8E8M0FNU>
  return %0 : tensor<2x4x8xf8E8M0FNU>
}

/// Words are made of four bytes, of the row and column that a place in a run of
/// a tiled layout is of; no other kernel does that.
// CHECK-LABEL: func.func @pack_in_tiles
// SLOW-LABEL:  func.func @pack_in_tiles
// CHECK-SAME:    %[[SOURCE:[^:]+]]: tensor<12x80xi8>
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK:           %[[WIDTH:.+]] = arith.minui %c64{{.*}}, %{{.+}} : index
// CHECK:           arith.divui %{{.+}}, %[[WIDTH]]
// CHECK-COUNT-4:   tensor.extract %[[SOURCE]]
// CHECK:           arith.muli %{{.+}}, %c4160_i32
// CHECK:           arith.shrui %{{.+}}, %c12_i32
// CHECK:           arith.trunci %{{.+}} : i32 to i8
// SLOW-NOT:      mxfp4.pack
// SLOW:          return
func.func @pack_in_tiles(%source: tensor<12x80xi8>, %init: tensor<2x640xi8>)
    -> tensor<2x640xi8> {
  %0 = mxfp4.pack ins(%source : tensor<12x80xi8>) outs(%init : tensor<2x640xi8>)
      {layout = #mxfp4.layout<lanes = 8, depth = 128, tiled = true>} -> tensor<2x640xi8>
  return %0 : tensor<2x640xi8>
}

/// Elements of words are found by what decodes them.
// CHECK-LABEL: func.func @matmul_of_tiles
// CHECK-COUNT-8: arith.shli
// CHECK:         arith.xori
// CHECK-NOT:     mxfp4.
func.func @matmul_of_tiles(%x: tensor<?x160xf32>, %values: tensor<2x640xi8>,
    %scales: tensor<2x40xf8E8M0FNU>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<?x160xf32>, tensor<2x640xi8>,
                        tensor<2x40xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 128, tiled = true>}
      -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

/// The carry of the rule, and a border that moves with the random byte.
// CHECK-LABEL: func.func @quantize_stochastic
// CHECK-SAME:    %{{[^:]+}}: tensor<4x32xf32>, %[[RANDOM:[^:]+]]: tensor<4x32xi8>
// CHECK:           arith.constant 4194303 : i32
// CHECK:           %[[BYTE:.+]] = tensor.extract %[[RANDOM]]
// CHECK:           %[[WIDE:.+]] = arith.extui %[[BYTE]]
// CHECK:           arith.subi %{{.+}}, %[[WIDE]]
// CHECK:           arith.cmpf oge
// CHECK-NOT:     mxfp4.
func.func @quantize_stochastic(%x: tensor<4x32xf32>, %random: tensor<4x32xi8>)
    -> (tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU>) {
  %v, %s = mxfp4.quantize %x random(%random : tensor<4x32xi8>)
      {rounding = #mxfp4.rounding<stochastic>, scale_rule = #mxfp4.scale_rule<rceil>}
      : tensor<4x32xf32> -> tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU>
  return %v, %s : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU>
}

// CHECK-LABEL: func.func @matmul_of_memrefs
// CHECK:         mxfp4.matmul
func.func @matmul_of_memrefs(%x: memref<?x32xf32>, %values: memref<12x16xi8>,
    %scales: memref<12x1xf8E8M0FNU>, %init: memref<?x12xf32>) {
  mxfp4.matmul ins(%x, %values, %scales : memref<?x32xf32>, memref<12x16xi8>,
                   memref<12x1xf8E8M0FNU>)
      outs(%init : memref<?x12xf32>)
  return
}

/// A destination takes the place of an empty tensor; with kernels for vectors the
/// op stays, but for elements of 6 bits, which have none.
// CHECK-LABEL: func.func @into_destinations
// CHECK-SAME:    %[[V:[^:]+]]: tensor<4x32xi8>, %[[S:[^:]+]]: tensor<4x2xf8E8M0FNU>, %[[OUT:[^:]+]]: tensor<4x64xf32>
// CHECK:         linalg.generic {{.+}} outs(%[[S]] : tensor<4x2xf8E8M0FNU>)
// CHECK:         linalg.generic {{.+}} outs(%[[V]] : tensor<4x32xi8>)
// CHECK:         linalg.generic {{.+}} outs(%[[OUT]] : tensor<4x64xf32>)
// CHECK-NOT:     mxfp4.
// SLOW-LABEL:  func.func @into_destinations
// SLOW:          mxfp4.quantize_into
// SLOW:          mxfp4.dequantize_into
// SLOW-NOT:      mxfp4.dequantize_into
func.func @into_destinations(%x: tensor<4x64xf32>, %v: tensor<4x32xi8>,
    %s: tensor<4x2xf8E8M0FNU>, %out: tensor<4x64xf32>, %six: tensor<4x64xf6E2M3FN>)
    -> (tensor<4x64xf32>, tensor<4x64xf32>) {
  %a, %b = mxfp4.quantize_into ins(%x : tensor<4x64xf32>)
      outs(%v, %s : tensor<4x32xi8>, tensor<4x2xf8E8M0FNU>) -> tensor<4x32xi8>, tensor<4x2xf8E8M0FNU>
  %0 = mxfp4.dequantize_into ins(%a, %b : tensor<4x32xi8>, tensor<4x2xf8E8M0FNU>)
      outs(%out : tensor<4x64xf32>) -> tensor<4x64xf32>
  %1 = mxfp4.dequantize_into ins(%six, %b : tensor<4x64xf6E2M3FN>, tensor<4x2xf8E8M0FNU>)
      outs(%out : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %0, %1 : tensor<4x64xf32>, tensor<4x64xf32>
}
