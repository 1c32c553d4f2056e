//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels for products with one weight.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_LINEARKERNEL_H
#define MXFP4_LIB_CONVERSION_UTILS_LINEARKERNEL_H

#include "RowProduct.h"

namespace mlir::mxfp4 {

/// How many blocks whose warps multiply a row each share a multiprocessor, and
/// the loads of weights that their lanes have under way.
struct RowShape {
  int64_t resident, loads;
};

/// Of kernels for `outputs` outputs at the same time: all of their blocks run
/// at once where they can.
RowShape getRowShape(int64_t outputs);

/// What a GPU has.
struct GPUFeatures {
  /// Products of bf16 tiles.
  bool tensorCores;
  /// Blocks that reach each other's memory.
  bool clusters = false;
  /// Kernels that start while the one before still runs.
  bool overlap = false;
};

/// Emits a kernel for `init[t, n] = input[t] . weight[n] + bias[n] +
/// residual[t, n]`; `bias` and `residual` may be null. There are
/// `outputsTogether` outputs of a token for which kernels run at the same time,
/// if more than those of this one.
void emitLinearKernel(ImplicitLocOpBuilder &b, StringRef name,
                      const RowWeight &weight, Value input, Value bias,
                      Value residual, Value init, GPUFeatures features,
                      int64_t outputsTogether = 0);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_LINEARKERNEL_H
