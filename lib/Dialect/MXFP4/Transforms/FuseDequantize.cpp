//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes a matmul with an expanded weight a matmul with the blocks themselves.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "MatmulUtils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#define DEBUG_TYPE "mxfp4-fuse-dequantize"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_FUSEDEQUANTIZEPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// Multiplies by the packed weight instead of expanding it first.
///
///   %w = mxfp4.dequantize %values, %scales
///   %y = linalg.matmul ins(%x, %w) outs(%zeros)   // %w is [out, in]
///
/// becomes
///
///   %y = mxfp4.matmul ins(%x, %values, %scales) outs(%init)
///
/// A weight with other readers stays expanded: it has to be in memory anyway,
/// and decoding it twice would cost more than reading it. So does one that is
/// expanded to less than the values have, since the fused op would not round.
struct FuseDequantizeIntoMatmul final : OpRewritePattern<linalg::MatmulOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(linalg::MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (!isTransposedMatmul(op))
      return rewriter.notifyMatchFailure(op, "is not input x [out, in]");
    auto weight = op.getInputs()[1].getDefiningOp<DequantizeOp>();
    if (!weight)
      return rewriter.notifyMatchFailure(op, "weight is not dequantized here");
    if (!weight->hasOneUse())
      return rewriter.notifyMatchFailure(weight, "weight has other readers");
    Type element = weight.getResult().getType().getElementType();
    if (element.isF16() || (weight.getTensorScale() && !element.isF32()))
      return rewriter.notifyMatchFailure(weight, "is rounded when expanded");
    if (weight.getTensorScale() &&
        weight.getTensorScale().getType().getRank() != 0)
      return rewriter.notifyMatchFailure(weight, "rows have their own scales");
    Value init = getZeroFilledInit(op);
    if (!init)
      return rewriter.notifyMatchFailure(op, "does not start from zero");

    rewriter.replaceOpWithNewOp<MatmulOp>(
        op, op->getResultTypes(), op.getInputs()[0], weight.getValues(),
        weight.getScales(), weight.getTensorScale(), /*bias=*/Value(),
        /*residual=*/Value(), init,
        /*layout=*/LayoutAttr());
    return success();
  }
};

struct FuseDequantizePass final
    : mxfp4::impl::FuseDequantizePassBase<FuseDequantizePass> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseDequantizeIntoMatmul>(patterns.getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
