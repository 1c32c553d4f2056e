// RUN: mxfp4-opt %s --pass-pipeline='builtin.module(func.func(mxfp4-evaluate-packs))' | FileCheck %s

/// Rows 0 and 1 are a group, and row 2 with padding another.
// CHECK-LABEL: func.func @dense
// CHECK{LITERAL}: arith.constant dense<[[[1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]], [[5.000000e+00, 0.000000e+00], [6.000000e+00, 0.000000e+00]]]> : tensor<2x2x2xbf16>
// CHECK-NOT:     mxfp4.pack
func.func @dense() -> tensor<2x2x2xbf16> {
  %weight = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xbf16>
  %init = tensor.empty() : tensor<2x2x2xbf16>
  %0 = mxfp4.pack ins(%weight : tensor<3x2xbf16>) outs(%init : tensor<2x2x2xbf16>)
      {layout = #mxfp4.layout<lanes = 2, depth = 1>} -> tensor<2x2x2xbf16>
  return %0 : tensor<2x2x2xbf16>
}

/// Two weights of 4-bit elements: four of a row stand together.
// CHECK-LABEL: func.func @elements
// CHECK{LITERAL}: arith.constant dense<[[[[1, 2, 5, 6], [3, 4, 7, 8]]], [[[9, 10, 13, 14], [11, 12, 15, 16]]]]> : tensor<2x1x2x4xi8>
func.func @elements() -> tensor<2x1x2x4xi8> {
  %weight = arith.constant dense<[[[1, 2, 3, 4], [5, 6, 7, 8]],
                                  [[9, 10, 11, 12], [13, 14, 15, 16]]]> : tensor<2x2x4xi8>
  %init = tensor.empty() : tensor<2x1x2x4xi8>
  %0 = mxfp4.pack ins(%weight : tensor<2x2x4xi8>) outs(%init : tensor<2x1x2x4xi8>)
      {layout = #mxfp4.layout<lanes = 2, depth = 4>} -> tensor<2x1x2x4xi8>
  return %0 : tensor<2x1x2x4xi8>
}

/// Not known, or not resolved yet.
// CHECK-LABEL: func.func @others
// CHECK-COUNT-2: mxfp4.pack
func.func @others(%weight: tensor<3x2xbf16>)
    -> (tensor<2x2x2xbf16>, tensor<3x2xbf16, #mxfp4.layout<lanes = 2, depth = 1>>) {
  %init = tensor.empty() : tensor<2x2x2xbf16>
  %0 = mxfp4.pack ins(%weight : tensor<3x2xbf16>) outs(%init : tensor<2x2x2xbf16>)
      {layout = #mxfp4.layout<lanes = 2, depth = 1>} -> tensor<2x2x2xbf16>
  %known = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xbf16>
  %empty = tensor.empty() : tensor<3x2xbf16, #mxfp4.layout<lanes = 2, depth = 1>>
  %1 = mxfp4.pack ins(%known : tensor<3x2xbf16>)
      outs(%empty : tensor<3x2xbf16, #mxfp4.layout<lanes = 2, depth = 1>>)
      -> tensor<3x2xbf16, #mxfp4.layout<lanes = 2, depth = 1>>
  return %0, %1 : tensor<2x2x2xbf16>, tensor<3x2xbf16, #mxfp4.layout<lanes = 2, depth = 1>>
}

/// Words of a tiled layout are encoded: codes 1 to 8, then 9 to 15 and 0.
// CHECK-LABEL: func.func @words
// CHECK{LITERAL}: arith.constant dense<[[67, 56, -76, 52, 75, -70, -100, -106]]> : tensor<1x8xi8>
func.func @words() -> tensor<1x8xi8> {
  %weight = arith.constant dense<[[33, 67, 101, -121], [-87, -53, -19, 15]]> : tensor<2x4xi8>
  %init = tensor.empty() : tensor<1x8xi8>
  %0 = mxfp4.pack ins(%weight : tensor<2x4xi8>) outs(%init : tensor<1x8xi8>)
      {layout = #mxfp4.layout<lanes = 2, depth = 8, tiled = true>} -> tensor<1x8xi8>
  return %0 : tensor<1x8xi8>
}
