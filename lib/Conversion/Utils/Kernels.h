//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which ops take the fast path.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_KERNELS_H
#define MXFP4_LIB_CONVERSION_UTILS_KERNELS_H

#include "mxfp4/Conversion/Passes.h"

namespace mlir::mxfp4 {

/// True if a matmul or an nn op has a kernel among `kernels`.
bool hasKernel(Operation *op, Kernels kernels);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_KERNELS_H
