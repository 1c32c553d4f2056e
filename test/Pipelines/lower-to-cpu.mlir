// RUN: mxfp4-opt %s --mxfp4-fuse --mxfp4-lower-to-vector | FileCheck %s --check-prefix=VECTOR
// RUN: mxfp4-opt %s --mxfp4-fuse --mxfp4-lower-to-cpu | FileCheck %s --check-prefix=CPU
// RUN: mxfp4-opt %s --mxfp4-fuse --mxfp4-lower-to-vector --mxfp4-lower-to-llvm | FileCheck %s --check-prefix=CPU
// RUN: mxfp4-opt %s --mxfp4-fuse --mxfp4-lower-to-cpu=isa=avx512 | FileCheck %s --check-prefix=CPU
// RUN: mxfp4-opt %s --mxfp4-fuse --mxfp4-lower-to-cpu=isa=baseline | FileCheck %s --check-prefix=BASELINE
// RUN: mxfp4-opt %s --mxfp4-lower-to-loops | FileCheck %s --check-prefix=LOOPS
// RUN: mxfp4-opt %s --mxfp4-lower-to-reference | FileCheck %s --check-prefix=REFERENCE

/// A dense and a block-scaled matmul one after another, from the graph to the
/// table of what the runtime provides. Weights stand there as the checkpoint has
/// them and with the function that rearranges them.
// VECTOR: module attributes {mxfp4.arena = {{[1-9][0-9]*}} : i64, mxfp4.ops = [{cost = {{{.+}}}, function = "decode", op = "nn.linear",
// VECTOR-LABEL: func.func @decode
// VECTOR-NOT:     scf.parallel
// VECTOR:         call @mxfp4_barrier
// VECTOR-LABEL: func.func @prepare_64x32xbf16
// VECTOR-NOT:   mxfp4.pack

// CPU: mxfp4.buffers = [
// CPU-SAME: kind = "input", name = "x", type = memref<?x32xf32>}
// CPU-SAME: kind = "weight", name = "dense", prepare = @prepare_64x32xbf16, source = tensor<64x32xbf16>}
// CPU-SAME: kind = "weight", name = "values", prepare = @[[VALUES:prepare_12x64xf4E2M1FN]], source = tensor<12x64xf4E2M1FN>}
// CPU-SAME: kind = "weight", name = "scales", prepare = @prepare_12x2xf8E8M0FNU, source = tensor<12x2xf8E8M0FNU>}
// CPU-SAME: kind = "output", name = "y", type = memref<?x12xf32>}
// CPU-SAME: kind = "arena", name = "arena"}
// CPU-DAG: llvm.func internal @mxfp4_barrier(%{{.+}}: !llvm.ptr, %{{.+}}: i64)
// CPU-DAG: llvm.func @decode(%{{.+}}: !llvm.ptr)
// CPU-DAG: llvm.func @[[VALUES]](%{{.+}}: !llvm.ptr)
// CPU-NOT: {{[^"](arith|vector|scf|memref|func|nn)\.}}
// CPU-NOT: malloc

// BASELINE-LABEL: llvm.func @decode
// BASELINE-NOT:   llvm.call_intrinsic
// BASELINE-NOT:   llvm.intr.fmuladd
// BASELINE:       llvm.return

/// The slow path reads weights as they are, one element at a time.
// LOOPS-LABEL: func.func @decode
// LOOPS-SAME:    memref<12x32xi8> {mxfp4.buffer = "values"
// LOOPS:         memref.alloc
// LOOPS:         scf.for
// LOOPS-NOT:     vector
// LOOPS-NOT:   func.func @prepare

// REFERENCE: mxfp4.buffers = [
// REFERENCE-SAME: {bytes = 4096 : i64, bytes_per_position = 0 : i64, kind = "weight", name = "dense"}
// REFERENCE-SAME: {bytes = 384 : i64, bytes_per_position = 0 : i64, kind = "weight", name = "values"}
// REFERENCE-LABEL: llvm.func @decode(%{{.+}}: !llvm.ptr)
func.func @decode(
    %x: tensor<?x32xf32> {mxfp4.buffer = "x", mxfp4.kind = "input", mxfp4.dim = "tokens"},
    %dense: tensor<64x32xbf16> {mxfp4.buffer = "dense", mxfp4.kind = "weight",
                                bufferization.writable = false},
    %values: tensor<12x64xf4E2M1FN> {mxfp4.buffer = "values", mxfp4.kind = "weight",
                                     bufferization.writable = false},
    %scales: tensor<12x2xf8E8M0FNU> {mxfp4.buffer = "scales", mxfp4.kind = "weight",
                                     bufferization.writable = false},
    %y: tensor<?x12xf32> {mxfp4.buffer = "y", mxfp4.kind = "output", mxfp4.dim = "tokens"})
    -> tensor<?x12xf32> attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
  %i = arith.constant 0 : index
  %tokens = tensor.dim %x, %i : tensor<?x32xf32>
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty(%tokens) : tensor<?x64xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  %hidden = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                           affine_map<(t, n, k) -> (n, k)>,
                                           affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %dense : tensor<?x32xf32>, tensor<64x32xbf16>)
      outs(%zeros : tensor<?x64xf32>) -> tensor<?x64xf32>
  %wide = mxfp4.dequantize %values, %scales
      : tensor<12x64xf4E2M1FN>, tensor<12x2xf8E8M0FNU> -> tensor<12x64xf32>
  %zeros2 = linalg.fill ins(%zero : f32) outs(%y : tensor<?x12xf32>) -> tensor<?x12xf32>
  %result = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
                                           affine_map<(t, n, k) -> (n, k)>,
                                           affine_map<(t, n, k) -> (t, n)>]
      ins(%hidden, %wide : tensor<?x64xf32>, tensor<12x64xf32>)
      outs(%zeros2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %result : tensor<?x12xf32>
}
