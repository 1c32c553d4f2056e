// RUN: mxfp4-opt %s --verify-roundtrip | FileCheck %s
// RUN: mxfp4-opt %s --mlir-print-op-generic | mxfp4-opt | FileCheck %s
// RUN: mxfp4-opt %s --emit-bytecode | mxfp4-opt | FileCheck %s

#rows = #mxfp4.layout<lanes = 8, depth = 8>
#scale_rows = #mxfp4.layout<lanes = 8, depth = 1>
#pairs = #mxfp4.layout<lanes = 8, depth = 8, paired = true>

// CHECK-LABEL: func.func @dequantize
// CHECK:         mxfp4.dequantize %{{.+}}, %{{.+}} : tensor<64x2880xf4E2M1FN>, tensor<64x90xf8E8M0FNU> -> tensor<64x2880xbf16>
func.func @dequantize(%values: tensor<64x2880xf4E2M1FN>,
                      %scales: tensor<64x90xf8E8M0FNU>) -> tensor<64x2880xbf16> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<64x2880xf4E2M1FN>, tensor<64x90xf8E8M0FNU> -> tensor<64x2880xbf16>
  return %0 : tensor<64x2880xbf16>
}

// CHECK-LABEL: func.func @dequantize_of_bytes
// CHECK:         mxfp4.dequantize %{{.+}}, %{{.+}} : tensor<?x48xi8>, tensor<?x3xf8E8M0FNU> -> tensor<?x96xf16>
func.func @dequantize_of_bytes(%values: tensor<?x48xi8>,
                               %scales: tensor<?x3xf8E8M0FNU>) -> tensor<?x96xf16> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<?x48xi8>, tensor<?x3xf8E8M0FNU> -> tensor<?x96xf16>
  return %0 : tensor<?x96xf16>
}

// CHECK-LABEL: func.func @dequantize_of_a_vector
// CHECK:         mxfp4.dequantize %{{.+}}, %{{.+}} : tensor<32xf4E2M1FN>, tensor<1xf8E8M0FNU> -> tensor<32xf32>
func.func @dequantize_of_a_vector(%values: tensor<32xf4E2M1FN>,
                                  %scales: tensor<1xf8E8M0FNU>) -> tensor<32xf32> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<32xf4E2M1FN>, tensor<1xf8E8M0FNU> -> tensor<32xf32>
  return %0 : tensor<32xf32>
}

// CHECK-LABEL: func.func @quantize
// CHECK:         mxfp4.quantize %{{.+}} : tensor<2x?x64xf32> -> tensor<2x?x64xf4E2M1FN>, tensor<2x?x2xf8E8M0FNU>
func.func @quantize(%input: tensor<2x?x64xf32>)
    -> (tensor<2x?x64xf4E2M1FN>, tensor<2x?x2xf8E8M0FNU>) {
  %values, %scales = mxfp4.quantize %input
      : tensor<2x?x64xf32> -> tensor<2x?x64xf4E2M1FN>, tensor<2x?x2xf8E8M0FNU>
  return %values, %scales : tensor<2x?x64xf4E2M1FN>, tensor<2x?x2xf8E8M0FNU>
}

// CHECK-LABEL: func.func @quantize_to_bytes
// CHECK:         mxfp4.quantize %{{.+}} : tensor<4x64xbf16> -> tensor<4x32xi8>, tensor<4x2xf8E8M0FNU>
func.func @quantize_to_bytes(%input: tensor<4x64xbf16>)
    -> (tensor<4x32xi8>, tensor<4x2xf8E8M0FNU>) {
  %values, %scales = mxfp4.quantize %input
      : tensor<4x64xbf16> -> tensor<4x32xi8>, tensor<4x2xf8E8M0FNU>
  return %values, %scales : tensor<4x32xi8>, tensor<4x2xf8E8M0FNU>
}

// CHECK-LABEL: func.func @dequantize_mxfp6
// CHECK:         mxfp4.dequantize %{{.+}}, %{{.+}} : tensor<2x64xf6E3M2FN>, tensor<2x2xf8E8M0FNU> -> tensor<2x64xf32>
func.func @dequantize_mxfp6(%values: tensor<2x64xf6E3M2FN>,
                            %scales: tensor<2x2xf8E8M0FNU>) -> tensor<2x64xf32> {
  %0 = mxfp4.dequantize %values, %scales
      : tensor<2x64xf6E3M2FN>, tensor<2x2xf8E8M0FNU> -> tensor<2x64xf32>
  return %0 : tensor<2x64xf32>
}

// CHECK-LABEL: func.func @dequantize_nvfp4_of_experts
// CHECK:         mxfp4.dequantize %{{.+}}, %{{.+}} tensor_scale(%{{.+}} : tensor<3xf32>) : tensor<3x2x32xi8>, tensor<3x2x4xf8E4M3FN> -> tensor<3x2x64xf32>
func.func @dequantize_nvfp4_of_experts(%values: tensor<3x2x32xi8>,
    %scales: tensor<3x2x4xf8E4M3FN>, %t: tensor<3xf32>) -> tensor<3x2x64xf32> {
  %0 = mxfp4.dequantize %values, %scales tensor_scale(%t : tensor<3xf32>)
      : tensor<3x2x32xi8>, tensor<3x2x4xf8E4M3FN> -> tensor<3x2x64xf32>
  return %0 : tensor<3x2x64xf32>
}

// CHECK-LABEL: func.func @quantize_nvfp4_stochastic
// CHECK:         mxfp4.quantize %{{.+}} encode_scale(%{{.+}} : tensor<f32>) random(%{{.+}} : tensor<4x64xi8>) {rounding = #mxfp4.rounding<stochastic>} : tensor<4x64xbf16> -> tensor<4x32xi8>, tensor<4x4xf8E4M3FN>
func.func @quantize_nvfp4_stochastic(%input: tensor<4x64xbf16>,
    %e: tensor<f32>, %random: tensor<4x64xi8>)
    -> (tensor<4x32xi8>, tensor<4x4xf8E4M3FN>) {
  %values, %scales = mxfp4.quantize %input encode_scale(%e : tensor<f32>)
      random(%random : tensor<4x64xi8>) {rounding = #mxfp4.rounding<stochastic>}
      : tensor<4x64xbf16> -> tensor<4x32xi8>, tensor<4x4xf8E4M3FN>
  return %values, %scales : tensor<4x32xi8>, tensor<4x4xf8E4M3FN>
}

// CHECK-LABEL: func.func @cast_to_nvfp4
// CHECK:         mxfp4.cast_to_nvfp4 %{{.+}}, %{{.+}} : tensor<?x64xf4E2M1FN>, tensor<?x2xf8E8M0FNU> -> tensor<?x4xf8E4M3FN>, tensor<f32>, tensor<i1>
func.func @cast_to_nvfp4(%values: tensor<?x64xf4E2M1FN>,
    %scales: tensor<?x2xf8E8M0FNU>)
    -> (tensor<?x4xf8E4M3FN>, tensor<f32>, tensor<i1>) {
  %0, %1, %2 = mxfp4.cast_to_nvfp4 %values, %scales
      : tensor<?x64xf4E2M1FN>, tensor<?x2xf8E8M0FNU>
        -> tensor<?x4xf8E4M3FN>, tensor<f32>, tensor<i1>
  return %0, %1, %2 : tensor<?x4xf8E4M3FN>, tensor<f32>, tensor<i1>
}

// CHECK-LABEL: func.func @pack_to_an_encoding
// CHECK:         mxfp4.pack ins(%{{.+}} : tensor<2x8x64xf4E2M1FN>) outs(%{{.+}} : tensor<2x8x64xf4E2M1FN, #[[PAIRS:mxfp4.layout<[^>]+>]]>) -> tensor<2x8x64xf4E2M1FN, #[[PAIRS]]>
func.func @pack_to_an_encoding(%weight: tensor<2x8x64xf4E2M1FN>,
    %init: tensor<2x8x64xf4E2M1FN, #pairs>) -> tensor<2x8x64xf4E2M1FN, #pairs> {
  %0 = mxfp4.pack ins(%weight : tensor<2x8x64xf4E2M1FN>)
      outs(%init : tensor<2x8x64xf4E2M1FN, #pairs>) -> tensor<2x8x64xf4E2M1FN, #pairs>
  return %0 : tensor<2x8x64xf4E2M1FN, #pairs>
}

// CHECK-LABEL: func.func @pack_to_a_shape
// CHECK:         mxfp4.pack ins(%{{.+}} : tensor<12x32xi8>) outs(%{{.+}} : tensor<2x8x32xi8>) {layout = #{{.+}}} -> tensor<2x8x32xi8>
func.func @pack_to_a_shape(%weight: tensor<12x32xi8>, %init: tensor<2x8x32xi8>)
    -> tensor<2x8x32xi8> {
  %0 = mxfp4.pack ins(%weight : tensor<12x32xi8>)
      outs(%init : tensor<2x8x32xi8>) {layout = #rows} -> tensor<2x8x32xi8>
  return %0 : tensor<2x8x32xi8>
}

// CHECK-LABEL: func.func @pack_of_memrefs
// CHECK:         mxfp4.pack ins(%{{.+}} : memref<12x2xf8E8M0FNU>) outs(%{{.+}} : memref<2x2x8xf8E8M0FNU>) {layout = #{{.+}}}{{$}}
func.func @pack_of_memrefs(%weight: memref<12x2xf8E8M0FNU>,
                           %init: memref<2x2x8xf8E8M0FNU>) {
  mxfp4.pack ins(%weight : memref<12x2xf8E8M0FNU>)
      outs(%init : memref<2x2x8xf8E8M0FNU>) {layout = #scale_rows}
  return
}

// CHECK-LABEL: func.func @matmul
// CHECK:         mxfp4.matmul ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<?x64xf32>, tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU>) outs(%{{.+}} : tensor<?x12xf32>) -> tensor<?x12xf32>
func.func @matmul(%x: tensor<?x64xf32>, %values: tensor<12x64xf4E2M1FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<?x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @matmul_of_integers
// CHECK:         mxfp4.matmul {{.*}} {input_format = #mxfp4.input_format<int16>} -> tensor<3x12xf32>
// CHECK:         mxfp4.matmul {{.*}} {input_format = #mxfp4.input_format<int8>} -> tensor<3x12xf32>
func.func @matmul_of_integers(%x: tensor<3x64xf32>, %values: tensor<12x64xf4E2M1FN>,
    %scales: tensor<12x2xf8E8M0FNU>, %init: tensor<3x12xf32>)
    -> (tensor<3x12xf32>, tensor<3x12xf32>) {
  %0 = mxfp4.matmul ins(%x, %values, %scales : tensor<3x64xf32>,
          tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<3x12xf32>) {input_format = #mxfp4.input_format<int16>}
      -> tensor<3x12xf32>
  %1 = mxfp4.matmul ins(%x, %values, %scales : tensor<3x64xf32>,
          tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU>)
      outs(%init : tensor<3x12xf32>) {input_format = #mxfp4.input_format<int8>}
      -> tensor<3x12xf32>
  return %0, %1 : tensor<3x12xf32>, tensor<3x12xf32>
}

// CHECK-LABEL: func.func @matmul_with_bias_and_residual
// CHECK:         mxfp4.matmul {{.*}} bias(%{{.+}} : tensor<12xbf16>) residual(%{{.+}} : tensor<?x12xf16>) outs
func.func @matmul_with_bias_and_residual(%x: tensor<?x64xbf16>,
    %values: tensor<12x32xi8>, %scales: tensor<12x2xf8E8M0FNU>,
    %bias: tensor<12xbf16>, %residual: tensor<?x12xf16>,
    %init: tensor<?x12xbf16>) -> tensor<?x12xbf16> {
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<?x64xbf16>, tensor<12x32xi8>,
          tensor<12x2xf8E8M0FNU>)
      bias(%bias : tensor<12xbf16>)
      residual(%residual : tensor<?x12xf16>)
      outs(%init : tensor<?x12xbf16>) -> tensor<?x12xbf16>
  return %0 : tensor<?x12xbf16>
}

// CHECK-LABEL: func.func @matmul_with_residual_alone
// CHECK-NOT:     bias
// CHECK:         residual(%{{.+}} : tensor<3x12xf32>)
func.func @matmul_with_residual_alone(%x: tensor<3x64xf32>,
    %values: tensor<12x64xf4E2M1FN>, %scales: tensor<12x2xf8E8M0FNU>,
    %residual: tensor<3x12xf32>, %init: tensor<3x12xf32>) -> tensor<3x12xf32> {
  %0 = mxfp4.matmul
      ins(%x, %values, %scales : tensor<3x64xf32>, tensor<12x64xf4E2M1FN>,
          tensor<12x2xf8E8M0FNU>)
      residual(%residual : tensor<3x12xf32>)
      outs(%init : tensor<3x12xf32>) -> tensor<3x12xf32>
  return %0 : tensor<3x12xf32>
}

/// 12 rows fill two groups of 8.
// CHECK-LABEL: func.func @matmul_of_memrefs
// CHECK:         mxfp4.matmul ins({{.*}} memref<2x8x32xi8>, memref<2x2x8xf8E8M0FNU>) bias(%{{.+}} : memref<12xf32>) outs(%{{.+}} : memref<?x12xf32>) {layout = #{{.+}}}{{$}}
func.func @matmul_of_memrefs(%x: memref<?x64xf32>, %values: memref<2x8x32xi8>,
    %scales: memref<2x2x8xf8E8M0FNU>, %bias: memref<12xf32>,
    %init: memref<?x12xf32>) {
  mxfp4.matmul
      ins(%x, %values, %scales : memref<?x64xf32>, memref<2x8x32xi8>,
          memref<2x2x8xf8E8M0FNU>)
      bias(%bias : memref<12xf32>)
      outs(%init : memref<?x12xf32>) {layout = #rows}
  return
}

// CHECK-LABEL: func.func @experts_of_a_token
// CHECK:         mxfp4.matmul_by_expert ins(%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<?x64xf32>, tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>) outs(%{{.+}} : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
func.func @experts_of_a_token(%x: tensor<?x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>) -> tensor<?x4x12xf32> {
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return %0 : tensor<?x4x12xf32>
}

/// Pairs of 12 rows give 6 values.
// CHECK-LABEL: func.func @experts_with_bias_and_activation
// CHECK:         bias(%{{.+}} : tensor<2x12xbf16>) activation(<alpha = 1.702000e+00 : f32, limit = 7.000000e+00 : f32>) outs
func.func @experts_with_bias_and_activation(%x: tensor<?x64xbf16>,
    %values: tensor<2x12x32xi8>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %bias: tensor<2x12xbf16>,
    %init: tensor<?x4x6xbf16>) -> tensor<?x4x6xbf16> {
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x64xbf16>,
          tensor<2x12x32xi8>, tensor<2x12x2xf8E8M0FNU>, tensor<?x4xi32>)
      bias(%bias : tensor<2x12xbf16>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      outs(%init : tensor<?x4x6xbf16>) -> tensor<?x4x6xbf16>
  return %0 : tensor<?x4x6xbf16>
}

// CHECK-LABEL: func.func @experts_with_weights_and_residual
// CHECK:         weights(%{{.+}} : tensor<1x4xf32>) residual(%{{.+}} : tensor<1x12xf32>) outs(%{{.+}} : tensor<1x12xf32>)
func.func @experts_with_weights_and_residual(%x: tensor<1x4x64xf32>,
    %values: tensor<2x12x64xf4E2M1FN>, %scales: tensor<2x12x2xf8E8M0FNU>,
    %experts: tensor<1x4xi32>, %weights: tensor<1x4xf32>,
    %residual: tensor<1x12xf32>, %init: tensor<1x12xf32>) -> tensor<1x12xf32> {
  %0 = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<1x4x64xf32>,
          tensor<2x12x64xf4E2M1FN>, tensor<2x12x2xf8E8M0FNU>, tensor<1x4xi32>)
      weights(%weights : tensor<1x4xf32>)
      residual(%residual : tensor<1x12xf32>)
      outs(%init : tensor<1x12xf32>) -> tensor<1x12xf32>
  return %0 : tensor<1x12xf32>
}

// CHECK-LABEL: func.func @experts_of_memrefs
// CHECK:         mxfp4.matmul_by_expert {{.*}} bias({{.*}}) activation({{.*}}) weights({{.*}}) residual({{.*}}) outs(%{{.+}} : memref<?x6xf32>) {layout = #{{.+}}}{{$}}
func.func @experts_of_memrefs(%x: memref<?x4x64xf32>,
    %values: memref<2x2x8x32xi8>, %scales: memref<2x2x2x8xf8E8M0FNU>,
    %experts: memref<?x4xi32>, %bias: memref<2x12xbf16>,
    %weights: memref<?x4xf32>, %residual: memref<?x6xf32>,
    %init: memref<?x6xf32>) {
  mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : memref<?x4x64xf32>,
          memref<2x2x8x32xi8>, memref<2x2x2x8xf8E8M0FNU>, memref<?x4xi32>)
      bias(%bias : memref<2x12xbf16>)
      activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
      weights(%weights : memref<?x4xf32>)
      residual(%residual : memref<?x6xf32>)
      outs(%init : memref<?x6xf32>) {layout = #pairs}
  return
}

// CHECK-LABEL: func.func @entry
// CHECK-SAME:    mxfp4.buffer = "tokens", mxfp4.dim = "tokens", mxfp4.kind = "input"
// CHECK-SAME:    mxfp4.value = "position"
// CHECK-SAME:    mxfp4.prepare = @prepare, mxfp4.source = tensor<12x64xf4E2M1FN>
// CHECK-SAME:    mxfp4.entry = "prefill", mxfp4.max_tokens = 64 : i64
func.func @entry(
    %tokens: tensor<?xi32> {mxfp4.buffer = "tokens", mxfp4.kind = "input",
                            mxfp4.dim = "tokens"},
    %position: index {mxfp4.value = "position"},
    %weight: tensor<2x8x32xi8> {mxfp4.buffer = "weight", mxfp4.kind = "weight",
                                mxfp4.source = tensor<12x64xf4E2M1FN>,
                                mxfp4.prepare = @prepare})
    attributes {mxfp4.entry = "prefill", mxfp4.max_tokens = 64 : i64} {
  return
}

// CHECK-LABEL: func.func @dequantize_into
// CHECK:         mxfp4.dequantize_into ins(%{{.+}}, %{{.+}} : tensor<?x32xi8>, tensor<?x4xf8E4M3FN>) tensor_scale(%{{.+}} : tensor<f32>) outs(%{{.+}} : tensor<?x64xbf16>) -> tensor<?x64xbf16>
// CHECK:         mxfp4.dequantize_into ins(%{{.+}}, %{{.+}} : memref<2x64xf8E5M2>, memref<2x2xf8E8M0FNU>) outs(%{{.+}} : memref<2x64xf32>)
func.func @dequantize_into(%values: tensor<?x32xi8>, %scales: tensor<?x4xf8E4M3FN>,
    %t: tensor<f32>, %init: tensor<?x64xbf16>, %v: memref<2x64xf8E5M2>,
    %s: memref<2x2xf8E8M0FNU>, %out: memref<2x64xf32>) -> tensor<?x64xbf16> {
  %0 = mxfp4.dequantize_into ins(%values, %scales : tensor<?x32xi8>, tensor<?x4xf8E4M3FN>)
      tensor_scale(%t : tensor<f32>) outs(%init : tensor<?x64xbf16>) -> tensor<?x64xbf16>
  mxfp4.dequantize_into ins(%v, %s : memref<2x64xf8E5M2>, memref<2x2xf8E8M0FNU>)
      outs(%out : memref<2x64xf32>)
  return %0 : tensor<?x64xbf16>
}

// CHECK-LABEL: func.func @quantize_into
// CHECK:         mxfp4.quantize_into ins(%{{.+}} : tensor<4x64xbf16>) encode_scale(%{{.+}} : tensor<f32>) random(%{{.+}} : tensor<4x64xi8>) outs(%{{.+}}, %{{.+}} : tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN>) {rounding = #mxfp4.rounding<stochastic>} -> tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN>
// CHECK:         mxfp4.quantize_into ins(%{{.+}} : memref<2x64xf32>) outs(%{{.+}}, %{{.+}} : memref<2x32xi8>, memref<2x2xf8E8M0FNU>) {scale_rule = #mxfp4.scale_rule<even>}
func.func @quantize_into(%input: tensor<4x64xbf16>, %e: tensor<f32>,
    %random: tensor<4x64xi8>, %values: tensor<4x64xf4E2M1FN>,
    %scales: tensor<4x4xf8E4M3FN>, %x: memref<2x64xf32>, %v: memref<2x32xi8>,
    %s: memref<2x2xf8E8M0FNU>) -> (tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN>) {
  %0:2 = mxfp4.quantize_into ins(%input : tensor<4x64xbf16>)
      encode_scale(%e : tensor<f32>) random(%random : tensor<4x64xi8>)
      outs(%values, %scales : tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN>)
      {rounding = #mxfp4.rounding<stochastic>} -> tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN>
  mxfp4.quantize_into ins(%x : memref<2x64xf32>)
      outs(%v, %s : memref<2x32xi8>, memref<2x2xf8E8M0FNU>)
      {scale_rule = #mxfp4.scale_rule<even>}
  return %0#0, %0#1 : tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN>
}
