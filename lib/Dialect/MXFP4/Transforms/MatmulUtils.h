//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What passes ask about a linalg.matmul before they rewrite it.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_MATMULUTILS_H
#define MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_MATMULUTILS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

namespace mlir::mxfp4 {

/// The tensor that a matmul's result starts from when it starts from zero, so
/// that a destination whose values do not matter can take its place; else null.
inline Value getZeroFilledInit(linalg::MatmulOp op) {
  auto fill = op.getOutputs()[0].getDefiningOp<linalg::FillOp>();
  if (!fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()))
    return {};
  return fill.getOutputs()[0];
}

/// True for `input [T, K] x weight [N, K]` on tensors of f32 results.
inline bool isTransposedMatmul(linalg::MatmulOp op) {
  return isa<linalg::MatmulTransposeBOp>(op.getOperation()) &&
         op.hasPureTensorSemantics() &&
         cast<ShapedType>(op.getResult(0).getType()).getElementType().isF32();
}

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_MATMULUTILS_H
