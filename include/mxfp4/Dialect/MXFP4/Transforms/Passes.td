//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes that stay inside the dialects.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DIALECT_MXFP4_TRANSFORMS_PASSES_TD
#define MXFP4_DIALECT_MXFP4_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def RaiseToMXFP4Pass : Pass<"mxfp4-raise-to-mxfp4", "::mlir::func::FuncOp"> {
  let summary = "Recognize what other compilers write for dequantization";
  let description = [{
    Replaces a tensor that is expanded from blocks by one `mxfp4.dequantize`, and
    makes a contraction with it, on either side and with any dimensions, a
    `linalg.matmul` of `[T, K]` with `[N, K]`, or a `linalg.batch_matmul` of
    `[B, T, K]` with `[B, N, K]`, as fusion takes it.

    What a tensor is expanded from is found by what it computes. An element is
    traced back through elementwise `linalg`, `tensor` and `arith` ops, lookups
    in constant tables, reshapes, slices and concatenations to what it reads:
    one code and one scale of a block that is consecutive in row-major order.
    The computation is then run for all codes and scales, and compared with the
    format. Codes are of a 4-, 6- or 8-bit float type, 4-bit codes in `i8`, two in
    a byte (F2) or one; scales are `f8E8M0FNU` or `i8`, or `f8E4M3FN` for NVFP4.
    NVFP4's scale of whole tensors may be a constant, a tensor of one `f32`, or
    of one for each expert of `[E, N, K]`; the elements have to be multiples of
    it. A tensor that is expanded in `f32` and only rounded to `bf16` or `f16`
    is expanded to that type at once.

    Most idioms on exponents expand scale byte 0 to zeros and 255 to infinities,
    and some write powers of two as `exp`. So values may be off by 1e-5 of
    themselves, and these two scales are not compared, but with `exact`.

    `tosa.cast_from_block_scaled` and `tosa.matmul_t_block_scaled` become ops of
    the dialect as well.
  }];
  let options = [Option<"exact", "exact", "bool", /*default=*/"false",
                        "Raise only what is equal to the bit for all scales">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::mxfp4::MXFP4Dialect",
                           "::mlir::tensor::TensorDialect"];
}

def MakeEntryPointsPass : Pass<"mxfp4-make-entry-points", "::mlir::ModuleOp"> {
  let summary = "Make public functions what the runtime can call";
  let description = [{
    A public function `f` that has no `mxfp4.entry` gets it, with its own name,
    and becomes the symbol `f.entry`. Argument `i` becomes the buffer `f.arg<i>`,
    an `input` if it has no `mxfp4.kind`; result `i` becomes another argument, the
    `output` `f.result<i>`, into which the result is copied unless it can be made
    there.

    A dynamic leading dimension counts tokens: in a call it is the same for all
    arguments and results that have one, and `max-tokens` at most. Fails on
    arguments and results that are not tensors of numbers, or have another
    dynamic dimension, and on a function that another one calls. An argument
    that has `mxfp4.buffer`, `mxfp4.kind` or `mxfp4.source` keeps them.

    Example: with `weights=project.arg1` the second argument is given once, in
    the form it has here, and rearranged for the kernels that read it.

    ```mlir
    func.func @project(%x: tensor<?x64xf32>, %weight: tensor<32x64xf32>) -> tensor<?x32xf32>
    // becomes
    func.func @project.entry(
        %x: tensor<?x64xf32> {mxfp4.buffer = "project.arg0", mxfp4.kind = "input",
                              mxfp4.dim = "tokens", bufferization.writable = false},
        %weight: tensor<32x64xf32> {mxfp4.buffer = "project.arg1", mxfp4.kind = "weight",
                                    mxfp4.source = tensor<32x64xf32>,
                                    bufferization.writable = false},
        %y: tensor<?x32xf32> {mxfp4.buffer = "project.result0", mxfp4.kind = "output",
                              mxfp4.dim = "tokens"})
        -> tensor<?x32xf32> attributes {mxfp4.entry = "project", mxfp4.max_tokens = 512 : i64}
    ```
  }];
  let options = [
    Option<"maxTokens", "max-tokens", "int64_t", /*default=*/"512",
           "Size of dynamic leading dimensions at most">,
    ListOption<"weights", "weights", "std::string",
               "Arguments that are weights, such as main.arg1">,
  ];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::mxfp4::MXFP4Dialect"];
}

def WidenSumsPass : Pass<"mxfp4-widen-sums", "::mlir::func::FuncOp"> {
  let summary = "Add up products of bf16 and f16 in f32";
  let description = [{
    A contraction of `linalg` whose operands are all bf16 or f16 gets a result of
    f32, which is rounded once. Exporters such as those of JAX and PyTorch write
    it without saying how it is added up, and their own runtimes use f32, too.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def FuseDequantizePass : Pass<"mxfp4-fuse-dequantize", "::mlir::func::FuncOp"> {
  let summary = "Fuse weight dequantization into the matmul that reads it";
  let description = [{
    Rewrites a `linalg.matmul` whose transposed weight comes from
    `mxfp4.dequantize` into one `mxfp4.matmul`, so that the wide weight is never
    written to memory. A `linalg.batch_matmul` with a weight for each batch becomes
    a `mxfp4.matmul_by_expert`, where the expert of a row is its batch. Weights
    that something else reads are left as they are.

    The fused op takes the values of the blocks as they are. A weight expanded to
    f16 has the same for MXFP4 with scales from 2^-23 to 2^13; beyond, f16 would
    have zero and infinity.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::mxfp4::MXFP4Dialect",
                           "::mlir::tensor::TensorDialect"];
}

def FuseEpiloguePass : Pass<"mxfp4-fuse-epilogue", "::mlir::func::FuncOp"> {
  let summary = "Fuse what follows a matmul into it";
  let description = [{
    Makes a `linalg.matmul` with a transposed weight an `nn.linear`, and takes
    into `nn.linear`, `mxfp4.matmul` and `mxfp4.matmul_by_expert` the ops that
    read their result alone: bias, SwiGLU, routing weights with the sum over
    experts, residual, and rounding.
  }];
  let dependentDialects = ["::mlir::mxfp4::MXFP4Dialect",
                           "::mlir::nn::NNDialect"];
}

def AssignLayoutsPass : Pass<"mxfp4-assign-layouts", "::mlir::func::FuncOp"> {
  let summary = "Choose the arrangement of every weight for vectors of a width";
  let description = [{
    Puts an `mxfp4.pack` before the weights of matmuls, so that one vector
    register holds one step of as many rows as it has f32 lanes.

    With `tiles`, for tensor cores, MXFP4 weights whose input is bf16 get a tiled
    layout, with four blocks of each of 8 rows side by side: lane i of a warp then
    loads bytes 16 i to 16 i + 15 of what it loads at a time.
  }];
  let options = [Option<"lanes", "lanes", "int64_t", /*default=*/"8",
                        "Number of f32 lanes of a vector register">,
                 Option<"tiles", "tiles", "bool", /*default=*/"false",
                        "For tiles of tensor cores instead">];
  let dependentDialects = ["::mlir::mxfp4::MXFP4Dialect",
                           "::mlir::tensor::TensorDialect"];
}

def AssignDestinationsPass
    : Pass<"mxfp4-assign-destinations", "::mlir::func::FuncOp"> {
  let summary = "Give dequantize and quantize a tensor to write into";
  let description = [{
    Makes `mxfp4.dequantize` and `mxfp4.quantize` with elements of 4 or 8 bits
    `mxfp4.dequantize_into` and `mxfp4.quantize_into`. The destination is a tensor
    that the result is copied to, if there is one before the op, and the copy
    goes; else it is an empty tensor. Elements of 6 bits have no kernel and stay.
  }];
  let dependentDialects = ["::mlir::mxfp4::MXFP4Dialect",
                           "::mlir::tensor::TensorDialect"];
}

def HoistPacksPass : Pass<"mxfp4-hoist-packs", "::mlir::ModuleOp"> {
  let summary = "Move packs of weights out of entry points";
  let description = [{
    A pack of a private function's argument moves to the callers of that function.
    A pack of a weight of an entry point that nothing calls becomes a function of
    its own that runs once, when weights are loaded; the argument names it in
    `mxfp4.prepare`, and keeps its type in the checkpoint in `mxfp4.source`.
    Weights of one type and layout share such a function. A weight that is also
    read as it is, or in another layout, becomes one argument for each: buffers of
    their own, filled from the same tensor. So does one that is packed after its
    bytes were given another shape or element type.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::mxfp4::MXFP4Dialect",
                           "::mlir::tensor::TensorDialect"];
}

def ResolveLayoutsPass : Pass<"mxfp4-resolve-layouts", "::mlir::ModuleOp"> {
  let summary = "Turn layouts of tensor types into plain shapes";
  let description = [{
    A tensor with a `#mxfp4.layout` gets the shape that it has in memory, and the
    ops that read it the layout as an attribute. Runs before bufferization, which
    would drop an encoding without a word. Fails on an op that would then see
    another shape, such as `tensor.dim`.
  }];
}

def PackStoragePass : Pass<"mxfp4-pack-storage", "::mlir::ModuleOp"> {
  let summary = "Turn tensors of 4-bit elements into bytes";
  let description = [{
    Changes the element type `f4E2M1FN` to `i8` with half the last dimension
    (F2), because a memref of 4-bit elements is not packed when it is lowered to
    LLVM. Ops of other dialects keep their elements, which have a byte each in
    memory then: what they read is unpacked before them, and what they make is
    packed after, unless it is read by such ops alone. Fails on an argument, a
    result or a constant whose elements cannot be in pairs.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def EvaluatePacksPass : Pass<"mxfp4-evaluate-packs", "::mlir::func::FuncOp"> {
  let summary = "Arrange weights that are constants";
  let description = [{
    Replaces an `mxfp4.pack` of a constant by the constant that it makes. Runs
    after `mxfp4-resolve-layouts` and `mxfp4-pack-storage`, when both have their
    form in memory. Elements of 4, 8 and 16 bits are arranged; a constant whose
    elements are all the same is left to be arranged in each call.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def LowerCopiesPass : Pass<"mxfp4-lower-copies", "::mlir::func::FuncOp"> {
  let summary = "Turn copies between memrefs with gaps into loops";
  let description = [{
    A `memref.copy` with a layout becomes a `linalg.generic`. Lowered to LLVM it
    would call `memrefCopy` of MLIR's runner, which programs do not have.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def DropEntryResultsPass : Pass<"mxfp4-drop-entry-results", "::mlir::ModuleOp"> {
  let summary = "Make entry points return nothing";
  let description = [{
    After bufferization the results of an entry point are arguments that it
    writes; returning them says nothing. Fails on an entry point that returns a
    buffer of its own, and on one that another function calls.
  }];
}

def NumberOpsPass : Pass<"mxfp4-number-ops", "::mlir::ModuleOp"> {
  let summary = "Number the ops whose time a profile tells";
  let description = [{
    The module gets the table `mxfp4.ops`: of each op that works on memory, the
    function it is in, its name, the argument that is its weight, and its cost
    (`mx::OpCost`). An entry point gets `mxfp4.op_counts`: how often a call
    carries out each op. The number of an op goes into its location, from where
    `mxfp4-distribute-loops` gives it to the barriers. An op inside another one,
    such as a loop, has the number of that.
  }];
  let dependentDialects = ["::mlir::mxfp4::MXFP4Dialect"];
}

def DistributeLoopsPass : Pass<"mxfp4-distribute-loops", "::mlir::ModuleOp"> {
  let summary = "Divide parallel loops among the threads of a team";
  let description = [{
    Every thread of a team runs an entry point from start to end. Functions get
    the arguments `thread`, `threads` (index) and `invocation`; an `scf.parallel`
    becomes a loop over this thread's share of its first dimension and ends at a
    barrier, which is told the number of the op that it belongs to
    (`mxfp4-number-ops`), or -1. A store outside of such loops is done by thread 0 alone. Functions
    have one block, and a parallel loop neither a reduction nor a call.

    A `memref.alloc` outside of such loops is one buffer for all threads only
    after `mxfp4-plan-memory`, which has to follow. Fails on a `memref.alloca`
    there, which would stay one for each thread, and on an op whose effects on
    memory are unknown.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def PlanMemoryPass : Pass<"mxfp4-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Give every temporary a fixed place in one arena";
  let description = [{
    Replaces each `memref.alloc` by a view of an arena, so that nothing is
    allocated while a program runs. Temporaries that are not alive together share
    bytes. A function gets the arena as an argument; the part behind its own
    temporaries belongs to the functions it calls. A dynamic size must be one of
    tokens, or a sum or product of such and constants: an argument of an entry
    point with `mxfp4.value = "tokens"`, or the leading dimension of one with
    `mxfp4.dim = "tokens"`, in the function or in those that call it. It is
    bounded by `mxfp4.max_tokens` of the entry point.
    The module gets the attribute `mxfp4.arena`, the size in bytes. Fails on a
    temporary that is returned, stored, or gets another name that is no view of
    it and no address in it.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
}

#endif // MXFP4_DIALECT_MXFP4_TRANSFORMS_PASSES_TD
