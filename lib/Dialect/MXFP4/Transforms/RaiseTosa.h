//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The block-scaled ops of TOSA 1.1 as ops of the dialect.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_RAISETOSA_H
#define MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_RAISETOSA_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::mxfp4 {

/// Patterns for `tosa.cast_from_block_scaled` and `tosa.matmul_t_block_scaled`.
/// `tosa.cast_to_block_scaled` stays: its op does not say which scale rule it
/// has.
void populateRaiseTosaPatterns(RewritePatternSet &patterns);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_RAISETOSA_H
