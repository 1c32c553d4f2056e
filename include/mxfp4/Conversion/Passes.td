//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes that leave the dialects.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_CONVERSION_PASSES_TD
#define MXFP4_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

class ToLinalgPass<string argument> : Pass<argument, "::mlir::func::FuncOp"> {
  let options = [
    Option<"kernels", "kernels", "::mlir::mxfp4::Kernels",
           /*default=*/"::mlir::mxfp4::Kernels::None",
           "Leave the ops that there are kernels for",
           [{::llvm::cl::values(
               clEnumValN(::mlir::mxfp4::Kernels::None, "none", "lower all"),
               clEnumValN(::mlir::mxfp4::Kernels::Vector, "vector",
                          "leave what convert-*-to-vector lowers"),
               clEnumValN(::mlir::mxfp4::Kernels::GPU, "gpu",
                          "leave what convert-*-to-gpu lowers"))}]>,
  ];
}

def ConvertMXFP4ToLinalgPass : ToLinalgPass<"convert-mxfp4-to-linalg"> {
  let summary = "Lower mxfp4 ops on tensors to plain loops, slow and exact";
  let description = [{
    This lowering defines the ops; it is compared with `lib/Format` in turn.
    Layouts must be resolved (`mxfp4-resolve-layouts`).
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ConvertMXFP4ToScalingExtFPass
    : Pass<"convert-mxfp4-to-scaling-extf", "::mlir::func::FuncOp"> {
  let summary = "Lower blocks to linalg with arith.scaling_extf";
  let description = [{
    For compilers that lower `arith.scaling_extf` themselves. `mxfp4.dequantize`
    becomes a `linalg.generic` on elements `[..., K / 32, 32]` and scales
    `[..., K / 32]`, and `mxfp4.matmul` a contraction with two reductions, then its
    epilogue. Formats with E8M0 scales have this form, and elements in their own
    type; other ops stay.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ConvertMXFP4ToTosaPass
    : Pass<"convert-mxfp4-to-tosa", "::mlir::func::FuncOp"> {
  let summary = "Lower blocks to the block-scaled ops of TOSA";
  let description = [{
    `mxfp4.dequantize` to f32 or bf16 becomes `tosa.cast_from_block_scaled`, and
    an `mxfp4.matmul` without an epilogue whose input is expanded from elements of
    the same type `tosa.matmul_t_block_scaled`. Formats with E8M0 scales have this
    form, and elements in their own type; other ops stay.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect",
                           "::mlir::tosa::TosaDialect"];
}

def ConvertNNToLinalgPass : ToLinalgPass<"convert-nn-to-linalg"> {
  let summary = "Lower nn ops on tensors to plain loops, slow and exact";
  let description = [{
    This lowering defines the ops. Layouts must be resolved
    (`mxfp4-resolve-layouts`).
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def TensorCoresOption
    : Option<"tensorCores", "tensor-cores", "bool", /*default=*/"false",
             "Multiply tiles of bf16 and f16, as chips from sm_80 on can">;

class ToGPUPass<string argument> : Pass<argument, "::mlir::func::FuncOp"> {
  let options = [TensorCoresOption];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::nvgpu::NVGPUDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def ConvertMXFP4ToGPUPass : ToGPUPass<"convert-mxfp4-to-gpu"> {
  let summary = "Lower mxfp4 matmuls on memrefs to launches of kernels";
  let description = [{
    A warp multiplies a few rows of a weight by a few tokens; each lane takes
    blocks of the rows, in row-major order as in the checkpoint, and decodes
    them in registers. Takes MXFP4 with inputs of f32, bf16 and f16 that are not
    rounded to integers. With `tensor-cores`, where the input is bf16, a block
    multiplies tiles of 16 rows by 8 tokens or slots (`mma.m16n8k16`) of a weight
    in a tiled layout, and a lane makes blocks bf16 with their scales, which is
    exact; of one token it scales sums over blocks.
  }];
}

def ConvertNNToGPUPass : ToGPUPass<"convert-nn-to-gpu"> {
  let summary = "Lower nn ops on memrefs to launches of kernels";
  let description = [{
    Takes the ops that need threads to work together: `nn.linear`,
    `nn.rms_norm`, `nn.attention`, `nn.cache_update` and `nn.route_top_k`; and
    `nn.rotary_embedding`, which becomes a part of the kernel of the `nn.linear`
    for one token whose result it alone reads, and else a loop. Others are lowered
    to `linalg` before (`convert-nn-to-linalg{kernels=gpu}`). With `tensor-cores`
    products of several tokens, and attention with heads of 32 or 64 elements and
    at most 8 query heads of a head of keys, multiply tiles where all are bf16;
    attention where all are f16, too. With `clusters` as well blocks of a cluster
    divide the keys of one token, and where 17 to 64 tokens are multiplied in
    tiles the columns of a weight of 512 to 16,383 rows. With `overlap` as well the
    blocks of a product of one token, by at least 512 rows that fit their memory
    together, copy all of these before they have the input.
  }];
  let options = [
    TensorCoresOption,
    Option<"clusters", "clusters", "bool", /*default=*/"false",
           "Divide work among blocks that reach each other's memory, as those of "
           "chips from sm_90 on can">,
    Option<"overlap", "overlap", "bool", /*default=*/"false",
           "Copy weights before the input is there, where kernels overlap as on "
           "chips from sm_90 on">,
  ];
}

def MapLoopsToGPUPass : Pass<"mxfp4-map-loops-to-gpu", "::mlir::func::FuncOp"> {
  let summary = "Make launches of parallel loops and of other code";
  let description = [{
    Each iteration of an `scf.parallel` becomes the work of a thread, and code
    outside of such loops that works on memory that of a single one, so that
    functions do nothing but launch kernels and call each other. Fails on a
    reduction, and on code that has results that depend on memory.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::scf::SCFDialect"];
}

def MergeLaunchesPass : Pass<"mxfp4-merge-launches", "::mlir::func::FuncOp"> {
  let summary = "Make one launch of several where blocks can do that";
  let description = [{
    What a launch of one block leaves in temporaries, such as the norm of one
    token, each block of those that read it computes for itself.
    Launches that follow each other become one where neither writes memory that
    the other touches, their clusters have as many blocks and their blocks as
    many threads, or fewer that do not wait for each other: products of one input
    by several weights, for example. Where each has a number of blocks, the one has all of these, each with its work;
    else all blocks do their part of each in turn, with a barrier between where
    they have memory of the block, which is the same for all.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect"];
}

def OutlineKernelsPass : Pass<"mxfp4-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Move the code of launches into kernels";
  let description = [{
    Each `gpu.launch` becomes a `gpu.launch_func` of a `gpu.func` in the
    `gpu.module` `@kernels`; launches that do the same share one. A kernel takes
    the arguments of the function that it uses, and temporaries, which are views of the arena
    (`mxfp4-plan-memory`). What is computed from them without reading memory is
    computed in the kernel. Memory of a block beyond 48 KiB comes with the launch.
    Fails on a launch that uses anything else.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect"];
}

def PlanLaunchesPass : Pass<"mxfp4-plan-launches", "::mlir::ModuleOp"> {
  let summary = "Write down the launches of each entry point";
  let description = [{
    An entry point, and what prepares a weight, gets the list `mxfp4.launches`:
    kernels in the order of their launches, each with its blocks (2147483647: as
    many as run at the same time), its threads in a block, the bytes of memory
    that it gives a block, the number of its op, and its arguments as pairs of a buffer and an offset in bytes. It keeps no
    code, and functions that it calls go. The module gets the table
    `mxfp4.buffers`, as from `mxfp4-lower-entry-points`.

    Arguments of kernels become pointers: a memref is one to its elements,
    followed by one to its number of rows if that is dynamic, and a number of
    tokens or positions is one into the buffer `numbers`, which the runtime fills
    (`mx::CallNumbers`). So arguments are the same in every call. A pointer to a
    weight that neither a launch of the kernel nor one before it writes has the
    attribute `mxfp4.settled`; one to other memory that neither a launch of the
    kernel nor the last one before it writes has `mxfp4.early`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect"];
}

def HoistLoadsPass : Pass<"mxfp4-hoist-loads", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Request first what kernels read from memory";
  let description = [{
    Loads outside of loops move to where their addresses are known, those of
    `mxfp4.settled` memory first, then loops that copy it to memory of the block,
    then loads of `mxfp4.early` memory, so that memory is busy while the kernel computes what it multiplies weights by. They do not pass
    what may write the memory, and stay behind the barrier that memory of the
    block needs. Only as much is moved as registers can hold.
  }];
}

def OverlapLaunchesPass
    : Pass<"mxfp4-overlap-launches", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Let kernels be launched while the one before still runs";
  let description = [{
    Each kernel waits for the one before when it first touches memory that this
    may write, which is not so for the numbers of the call, `mxfp4.settled` and
    `mxfp4.early` memory and its own, and then, or at once if it is
    `mxfp4.starts_next`, lets the next one start (`griddepcontrol`, from sm_90
    on). So what launches before the last one wrote is there when a kernel starts; it is read behind a fence. The runtime has to
    launch them so (`mx::Program::overlapsLaunches`).
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect"];
}

def ExpandMathPass : Pass<"mxfp4-expand-math"> {
  let summary = "Expand functions of mathematics to arithmetic";
  let description = [{
    For kernels of a GPU, where there is no library. Exponentials, sines, cosines
    and others become the polynomials of upstream, within a few units in the last place of
    f32. The angles of sines and cosines are first brought into one turn, in f64,
    so that they are right at all positions of a sequence. What is an instruction becomes an
    intrinsic function of LLVM.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

class ToVectorPass<string argument> : Pass<argument, "::mlir::func::FuncOp"> {
  let options = [
    Option<"isa", "isa", "std::string", /*default=*/"\"avx2\"",
           "Vector instruction set: amx, avx512bf16, avx512vnni, avx512, avxvnni, avx2 "
           "(default), neon_mmla, neon_dotprod, neon or baseline">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def ConvertMXFP4ToVectorPass : ToVectorPass<"convert-mxfp4-to-vector"> {
  let summary = "Lower mxfp4 ops on memrefs to parallel loops of vector code";
  let description = [{
    Weights are decoded in vector registers right before they are multiplied; no
    wide weight is written to memory. Weights must be arranged for the lanes of
    the instruction set (`mxfp4-assign-layouts`). `mxfp4.dequantize_into` and
    `mxfp4.quantize_into` take their blocks in row-major order, in every format
    of 4- or 8-bit elements and by every rule and rounding.
  }];
}

def ConvertNNToVectorPass : ToVectorPass<"convert-nn-to-vector"> {
  let summary = "Lower nn ops on memrefs to parallel loops of vector code";
  let description = [{
    Dense weights must be arranged for the lanes of the instruction set
    (`mxfp4-assign-layouts`).
  }];
}

def LowerEntryPointsPass : Pass<"mxfp4-lower-entry-points", "::mlir::ModuleOp"> {
  let summary = "Give entry points the form in which the runtime calls them";
  let description = [{
    An entry point takes one pointer to an `MXInvocation` (ABI/Program.h) and
    loads its arguments from there. The module gets the attribute
    `mxfp4.buffers`, the table of what the runtime has to provide: a buffer for
    each name, and for each `mxfp4.prepare` of a weight. A function that prepares
    weights gets the two buffers of one weight instead, and no arena. Fails on an
    entry point that another function calls.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect"];
}

def ExpandNarrowFloatsPass : Pass<"mxfp4-expand-narrow-floats"> {
  let summary = "Expand casts from and to floats of 8 bits and less";
  let description = [{
    `arith.extf` and `arith.truncf` of scalars and vectors from and to `f4E2M1FN`,
    `f6E2M3FN`, `f6E3M2FN`, `f8E4M3FN`, `f8E5M2` and `f8E8M0FNU` become arithmetic
    on bits, rounded once to nearest even. Numbers too large become infinity or
    NaN, and the largest in formats that have neither, where NaN becomes -0. To
    `f8E8M0FNU` ties go up, and so does all between the smallest two; what is
    not above zero becomes NaN. This is what `ml_dtypes` and JAX do.
    `arith-expand` handles two of the types, and is wrong for scale byte 0 and
    for ties. `arith.scaling_extf` and `arith.scaling_truncf` with such a scale
    are expanded as well, and casts between f64 and floats of 16 bits, for which
    LLVM would call functions. Fails on casts of other floats of 8 bits and less.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def ReplaceBF16Pass : Pass<"mxfp4-replace-bf16", "::mlir::ModuleOp"> {
  let summary = "Replace bf16 in the LLVM dialect by the integer of its bits";
  let description = [{
    Where arithmetic on bf16 has been expanded, only moves are left. LLVM's code
    for processors without bf16 moves it as f32 at times, and calls functions for
    the conversion that programs do not have. Operands of `llvm.call_intrinsic`
    keep their type: processors with bf16 multiply it. Fails on arithmetic that is
    left.
  }];
}

#endif // MXFP4_CONVERSION_PASSES_TD
