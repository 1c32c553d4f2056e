// A stock mlir-opt with the plugin in the middle of its own passes, and the
// result run by a stock mlir-runner.

// UNSUPPORTED: sanitize
// RUN: mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin %s \
// RUN:   --pass-pipeline='builtin.module(canonicalize,func.func(mxfp4-raise-to-mxfp4),canonicalize,mxfp4-fuse)' \
// RUN:   | FileCheck %s --check-prefix=FUSED
// RUN: mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin %s \
// RUN:   --pass-pipeline='builtin.module(canonicalize,func.func(mxfp4-raise-to-mxfp4),canonicalize,mxfp4-fuse,mxfp4-lower-to-loops,expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-math-to-llvm,finalize-memref-to-llvm,convert-arith-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts)' \
// RUN:   | mlir-runner -e main -entry-point-result=f32 | FileCheck %s --check-prefix=RESULT
// RUN: mlir-opt --load-dialect-plugin=%plugin --show-dialects | FileCheck %s --check-prefix=DIALECTS

// FUSED:     mxfp4.matmul
// FUSED-NOT: linalg.matmul

// The weight is 1.5 (code 3) with the scale 2^3 in 32 columns, times 0.25:
// RESULT: 9.6{{0*}}e+01

// DIALECTS: {{.*}},mxfp4,nn,{{.*}}

#row = affine_map<(n, k) -> (n, k)>
#block = affine_map<(n, k) -> (n, k floordiv 32)>

func.func private @product(%x: tensor<2x32xf32>, %values: tensor<8x32xi8>,
                           %scales: tensor<8x1xi8>) -> tensor<2x8xf32> {
  %table = arith.constant dense<[0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0,
      -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0]> : tensor<16xf32>
  %c23 = arith.constant 23 : i32
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<8x32xf32>
  %weight = linalg.generic {indexing_maps = [#row, #block, #row],
                            iterator_types = ["parallel", "parallel"]}
      ins(%values, %scales : tensor<8x32xi8>, tensor<8x1xi8>)
      outs(%init : tensor<8x32xf32>) {
  ^bb0(%code: i8, %byte: i8, %out: f32):
    %0 = arith.index_castui %code : i8 to index
    %1 = tensor.extract %table[%0] : tensor<16xf32>
    %2 = arith.extui %byte : i8 to i32
    %3 = arith.shli %2, %c23 : i32
    %4 = arith.bitcast %3 : i32 to f32
    %5 = arith.mulf %1, %4 : f32
    linalg.yield %5 : f32
  } -> tensor<8x32xf32>
  %empty = tensor.empty() : tensor<2x8xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x8xf32>) -> tensor<2x8xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                      affine_map<(t, n, k) -> (n, k)>,
                                      affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<2x32xf32>, tensor<8x32xf32>)
      outs(%zeros : tensor<2x8xf32>) -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

func.func @main() -> f32 {
  %values = arith.constant dense<3> : tensor<8x32xi8>
  %scales = arith.constant dense<130> : tensor<8x1xi8>
  %x = arith.constant dense<0.25> : tensor<2x32xf32>
  %y = call @product(%x, %values, %scales)
      : (tensor<2x32xf32>, tensor<8x32xi8>, tensor<8x1xi8>) -> tensor<2x8xf32>
  %i1 = arith.constant 1 : index
  %i7 = arith.constant 7 : index
  %result = tensor.extract %y[%i1, %i7] : tensor<2x8xf32>
  return %result : f32
}
