func.func @matmul_without_a_layout(%x: memref<1x64xf32>, %values: memref<16x32xi8>,
    %scales: memref<16x2xf8E8M0FNU>, %init: memref<1x16xf32>) {
  // expected-error @below {{cannot be lowered to vectors: expected a layout (mxfp4-assign-layouts)}}
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<16x32xi8>,
                   memref<16x2xf8E8M0FNU>)
      outs(%init : memref<1x16xf32>)
  return
}

// -----

func.func @matmul_by_expert_without_a_layout(%x: memref<1x64xf32>,
    %values: memref<2x16x32xi8>, %scales: memref<2x16x2xf8E8M0FNU>,
    %experts: memref<1x4xi32>, %init: memref<1x4x16xf32>) {
  // expected-error @below {{cannot be lowered to vectors: expected a layout (mxfp4-assign-layouts)}}
  mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : memref<1x64xf32>,
          memref<2x16x32xi8>, memref<2x16x2xf8E8M0FNU>, memref<1x4xi32>)
      outs(%init : memref<1x4x16xf32>)
  return
}

// -----

func.func @matmul_of_f16(%x: memref<1x64xf16>, %values: memref<2x8x32xi8>,
    %scales: memref<2x2x8xf8E8M0FNU>, %init: memref<1x16xf32>) {
  // expected-error @below {{cannot be lowered to avx2: expected an f32 or bf16 input, but got 'memref<1x64xf16>'}}
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf16>, memref<2x8x32xi8>,
                   memref<2x2x8xf8E8M0FNU>)
      outs(%init : memref<1x16xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

func.func @matmul_of_elements(%x: memref<1x64xf32>, %values: memref<2x8x64xf4E2M1FN>,
    %scales: memref<2x2x8xf8E8M0FNU>, %init: memref<1x16xf32>) {
  // expected-error @below {{cannot be lowered to avx2: expected a weight of f32, bf16, f8 or i8 (packed 4-bit), but got 'memref<2x8x64xf4E2M1FN>'}}
  mxfp4.matmul ins(%x, %values, %scales : memref<1x64xf32>, memref<2x8x64xf4E2M1FN>,
                   memref<2x2x8xf8E8M0FNU>)
      outs(%init : memref<1x16xf32>) {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}

// -----

func.func @sum_over_experts_in_bf16(%x: memref<1x64xf32>,
    %values: memref<2x2x8x32xi8>, %scales: memref<2x2x2x8xf8E8M0FNU>,
    %experts: memref<1x4xi32>, %weights: memref<1x4xf32>, %init: memref<1x16xbf16>) {
  // expected-error @below {{cannot be lowered to vectors: expected an f32 sum over experts, but got 'memref<1x16xbf16>'}}
  mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : memref<1x64xf32>,
          memref<2x2x8x32xi8>, memref<2x2x2x8xf8E8M0FNU>, memref<1x4xi32>)
      weights(%weights : memref<1x4xf32>)
      outs(%init : memref<1x16xbf16>) {layout = #mxfp4.layout<lanes = 8, depth = 8>}
  return
}
