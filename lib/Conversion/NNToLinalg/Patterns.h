//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The patterns of convert-nn-to-linalg that have a file of their own.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_NNTOLINALG_PATTERNS_H
#define MXFP4_LIB_CONVERSION_NNTOLINALG_PATTERNS_H

#include "mlir/IR/PatternMatch.h"
#include "mxfp4/Conversion/Passes.h"

namespace mlir::mxfp4 {

/// Lowers nn.attention, nn.rotary_embedding and nn.cache_update.
void populateAttentionToLinalgPatterns(RewritePatternSet &patterns,
                                       Kernels kernels);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_NNTOLINALG_PATTERNS_H
