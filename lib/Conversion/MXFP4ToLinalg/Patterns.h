//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the files of convert-mxfp4-to-linalg share.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_MXFP4TOLINALG_PATTERNS_H
#define MXFP4_LIB_CONVERSION_MXFP4TOLINALG_PATTERNS_H

#include "../Utils/Kernels.h"
#include "../Utils/ScalarCode.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::mxfp4 {

/// Makes blocks, and the scales of NVFP4 from those of MXFP4.
void populateQuantizePatterns(RewritePatternSet &patterns, Kernels kernels);

/// Arranges weights.
void populatePackPatterns(RewritePatternSet &patterns, Kernels kernels);

/// The tensors that the results of `op` are written into: its destinations, or
/// empty ones. Fails on an op that is not on tensors, and on one with
/// destinations if such ops have a kernel that is to be used.
LogicalResult getInits(PatternRewriter &rewriter, Operation *op, bool hasKernel,
                       SmallVectorImpl<Value> &inits);

/// Replaces `op` by values that may know more sizes than its results.
void replaceWithCasts(PatternRewriter &rewriter, Operation *op,
                      ValueRange values);

/// The code of the element at `indices` (in elements) of `values` as an i32.
Value extractCode(ImplicitLocOpBuilder &b, Value values,
                  ArrayRef<Value> indices);

/// Likewise, of encoded words of a tiled layout (F25), with `indices` in that.
Value extractTileCode(ImplicitLocOpBuilder &b, Value values,
                      ArrayRef<Value> indices);

/// The scale byte at `indices` as an i32.
Value extractByte(ImplicitLocOpBuilder &b, Value scales,
                  ArrayRef<Value> indices);

/// The bits of the largest magnitude of each block, as a tensor of the shape of
/// `init`, which has a number for each block of `blockSize`. `extract` makes
/// the f32 at given indices.
Value findLargest(
    ImplicitLocOpBuilder &b, Value init, int64_t blockSize,
    function_ref<Value(ImplicitLocOpBuilder &, ArrayRef<Value>)> extract);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_MXFP4TOLINALG_PATTERNS_H
