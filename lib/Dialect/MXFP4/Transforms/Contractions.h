//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Brings contractions of linalg into the form that fusion takes: a matmul with
// a weight [N, K] that is computed before it.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_CONTRACTIONS_H
#define MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_CONTRACTIONS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::mxfp4 {

/// Offers to `raise` what the body of a contraction computes from several
/// inputs for a factor of its product, as a tensor. If that returns another
/// tensor in its place, the contraction reads that one; if null, nothing
/// changes.
void hoistFactor(RewriterBase &rewriter, linalg::GenericOp op,
                 function_ref<Value(Value)> raise);

/// True if `op` adds up products of an element of each of two tensors, which it
/// may widen before, and does nothing else. Tensors have no encoding.
bool isSumOfProducts(linalg::LinalgOp op);

/// Makes a sum of products with an `mxfp4.dequantize`, on either side and with
/// any dimensions, a `linalg.matmul` of [T, K] with [N, K], or a
/// `linalg.batch_matmul` of [B, T, K] with [B, N, K]. Fails on other ops, on a
/// weight in another order, and if dimensions would have to be made one whose
/// sizes are dynamic.
LogicalResult makeTransposedMatmul(RewriterBase &rewriter, linalg::LinalgOp op);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_CONTRACTIONS_H
