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
    Option<"slowPathOnly", "slow-path-only", "bool", /*default=*/"false",
           "Lower only what has no lowering to vectors, such as a matmul whose "
           "weight has no layout">,
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

class ToVectorPass<string argument> : Pass<argument, "::mlir::func::FuncOp"> {
  let options = [
    Option<"isa", "isa", "std::string", /*default=*/"\"avx2\"",
           "Vector instruction set: avx512bf16, avx512vnni, avx512, avxvnni, avx2 "
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

def ExpandNarrowFloatsPass
    : Pass<"mxfp4-expand-narrow-floats", "::mlir::func::FuncOp"> {
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
