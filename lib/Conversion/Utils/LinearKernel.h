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

#include "TileProduct.h"

namespace mlir::mxfp4 {

/// Emits a kernel for `init[t, n] = input[t] . weight[n] + bias[n] +
/// residual[t, n]`; `bias` and `residual` may be null.
void emitLinearKernel(ImplicitLocOpBuilder &b, StringRef name,
                      const RowWeight &weight, Value input, Value bias,
                      Value residual, Value init, bool tensorCores);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_LINEARKERNEL_H
