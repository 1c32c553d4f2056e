//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What passes ask about a linalg.matmul, and what follows it, before they
// rewrite it.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_MATMULUTILS_H
#define MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_MATMULUTILS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::mxfp4 {

/// The tensor that a matmul's result starts from when it starts from zero, so
/// that a destination whose values do not matter can take its place; else null.
inline Value getZeroFilledInit(linalg::LinalgOp op) {
  Operation *init = op.getDpsInits()[0].getDefiningOp();
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(init))
    return matchPattern(fill.getInputs()[0], m_AnyZeroFloat())
               ? fill.getOutputs()[0]
               : Value();
  // What elementwise fusion makes of a fill.
  auto generic = dyn_cast_or_null<linalg::GenericOp>(init);
  if (!generic || generic.getNumDpsInputs() != 0 ||
      generic.getNumDpsInits() != 1 ||
      !matchPattern(generic.getBody()->getTerminator()->getOperand(0),
                    m_AnyZeroFloat()))
    return {};
  return generic.getOutputs()[0];
}

/// True if `op` does nothing but to round each element to nearest even.
inline bool isElementwiseRounding(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !op.hasPureTensorSemantics() ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return false;
  auto cast = op.getBody()
                  ->getTerminator()
                  ->getOperand(0)
                  .getDefiningOp<arith::TruncFOp>();
  constexpr auto nearest = arith::RoundingMode::to_nearest_even;
  return cast && cast.getIn() == op.getBody()->getArgument(0) &&
         cast.getRoundingmode().value_or(nearest) == nearest;
}

/// True for the float types that our ops compute with.
inline bool isFloatOperand(Value value) {
  Type element = getElementTypeOrSelf(value);
  return element.isF32() || element.isBF16() || element.isF16();
}

/// True for `input [T, K] x weight [N, K]` on tensors of f32 results, with
/// static K and N as our ops have them.
inline bool isTransposedMatmul(linalg::MatmulOp op) {
  if (!isa<linalg::MatmulTransposeBOp>(op.getOperation()) ||
      !op.hasPureTensorSemantics() ||
      !llvm::all_of(op.getInputs(), isFloatOperand))
    return false;
  auto input = cast<ShapedType>(op.getInputs()[0].getType());
  auto result = cast<ShapedType>(op.getResult(0).getType());
  return result.getElementType().isF32() && !input.isDynamicDim(1) &&
         !result.isDynamicDim(1);
}

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_MATMULUTILS_H
