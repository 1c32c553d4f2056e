//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declarations of the passes of Conversion/Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_CONVERSION_PASSES_H
#define MXFP4_CONVERSION_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::mxfp4 {

/// The kernels that ops may have.
enum class Kernels { None, Vector, GPU };

#define GEN_PASS_DECL
#include "mxfp4/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

#endif // MXFP4_CONVERSION_PASSES_H
