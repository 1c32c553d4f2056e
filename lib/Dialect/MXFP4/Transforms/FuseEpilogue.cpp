//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Takes bias, activation, routing weights, residual and rounding into the
// matmul that feeds them. Each pattern adds one part, so parts fuse in any
// combination.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "MatmulUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

#define DEBUG_TYPE "mxfp4-fuse-epilogue"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_FUSEEPILOGUEPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// The op that makes `value`, if it is an `OpTy` that only `reader` reads, and
/// as often as it is made: one outside of the reader's loop would move into it.
template <typename OpTy>
static OpTy getOnlyReadBy(Operation *reader, Value value) {
  auto op = value.getDefiningOp<OpTy>();
  return op && op->hasOneUse() && op->getBlock() == reader->getBlock() ? op
                                                                       : OpTy();
}

/// True if the weight of `op` has been given an arrangement, which depends on
/// what the op does.
static bool isArranged(MatmulByExpertOp op) {
  auto values = dyn_cast<RankedTensorType>(op.getValues().getType());
  return op.getLayout() || (values && values.getEncoding());
}

/// True if a matmul, which knows its number of columns, can write to `init`.
static bool hasStaticColumns(Value init) {
  auto type = cast<ShapedType>(init.getType());
  return !type.isDynamicDim(type.getRank() - 1);
}

/// The matmul again, into `init`. The caller adds a part of the epilogue.
template <typename MatmulTy>
static MatmulTy cloneInto(PatternRewriter &rewriter, MatmulTy matmul,
                          Value init) {
  auto fused = cast<MatmulTy>(rewriter.clone(*matmul));
  fused.getInitMutable().assign(init);
  fused->getResult(0).setType(cast<RankedTensorType>(init.getType()));
  return fused;
}

/// The matmul that makes `value` for `reader` alone, if what `reader` does can
/// follow it in registers: nothing does yet but the bias.
static FailureOr<MatmulByExpertOp>
getMatmulToExtend(PatternRewriter &rewriter, Operation *reader, Value value) {
  auto matmul = getOnlyReadBy<MatmulByExpertOp>(reader, value);
  if (!matmul)
    return rewriter.notifyMatchFailure(reader, "no matmul for this alone");
  if (!hasStaticColumns(
          cast<DestinationStyleOpInterface>(reader).getDpsInits()[0]))
    return rewriter.notifyMatchFailure(reader, "columns are not static");
  if (matmul.getActivation() || matmul.getWeights())
    return rewriter.notifyMatchFailure(matmul, "has an epilogue");
  if (!matmul.getInit().getType().getElementType().isF32())
    return rewriter.notifyMatchFailure(matmul, "result is rounded before");
  return matmul;
}

/// If `op` computes `matrix[t, n] + vector[n]` in f32 and rounds it once to its
/// result type, sets `matrix` and `vector`.
static bool matchBiasAdd(linalg::GenericOp op, Value &matrix, Value &vector) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      op.getNumLoops() != 2 || op.getNumParallelLoops() != 2 ||
      !op.hasPureTensorSemantics())
    return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineMap column = AffineMap::get(2, 0, getAffineDimExpr(1, op.getContext()),
                                    op.getContext());
  if (!maps[0].isIdentity() || maps[1] != column || !maps[2].isIdentity())
    return false;

  auto skip = [](Value value, auto isConversion) {
    Operation *definition = value.getDefiningOp();
    return definition && isConversion(definition) ? definition->getOperand(0)
                                                  : value;
  };
  auto widens = [](Operation *o) { return isa<arith::ExtFOp>(o); };
  auto narrows = [](Operation *o) { return isa<arith::TruncFOp>(o); };
  Value result = skip(op.getBlock()->getTerminator()->getOperand(0), narrows);
  auto add = result.getDefiningOp<arith::AddFOp>();
  if (!add || !add.getType().isF32() ||
      skip(add.getLhs(), widens) != op.getBlock()->getArgument(0) ||
      skip(add.getRhs(), widens) != op.getBlock()->getArgument(1))
    return false;
  matrix = op.getInputs()[0];
  vector = op.getInputs()[1];
  return isFloatOperand(vector) && isFloatOperand(op.getResult(0));
}

namespace {
/// Names a dense matmul, so that it can have an epilogue.
///
///   %y = linalg.matmul ins(%x, %w) outs(%zeros)   // %w is [out, in]
///
/// becomes
///
///   %y = nn.linear ins(%x, %w) outs(%init)
///
/// A matmul that adds to what is there stays as it is.
struct NameDenseMatmul final : OpRewritePattern<linalg::MatmulOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(linalg::MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (!isTransposedMatmul(op))
      return rewriter.notifyMatchFailure(op, "is not input x [out, in]");
    if (op.getInputs()[1].getDefiningOp<DequantizeOp>())
      return rewriter.notifyMatchFailure(op, "weight is block-scaled");
    Value init = getZeroFilledInit(op);
    if (!init)
      return rewriter.notifyMatchFailure(op, "does not start from zero");
    rewriter.replaceOpWithNewOp<nn::LinearOp>(
        op, op->getResultTypes(), op.getInputs()[0], op.getInputs()[1],
        /*bias=*/Value(), /*residual=*/Value(), init, /*layout=*/LayoutAttr());
    return success();
  }
};

/// Adds the bias where the sum is still in registers.
///
///   %y = nn.linear ins(%x, %w) outs(%init)
///   %z = linalg.generic: %y[t, n] + %bias[n]
///
/// becomes
///
///   %z = nn.linear ins(%x, %w) bias(%bias) outs(%init)
///
/// A matmul with a residual keeps it out: the order of additions would change.
template <typename MatmulTy>
struct FuseBias final : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern<linalg::GenericOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    Value matrix, vector;
    if (!matchBiasAdd(op, matrix, vector))
      return rewriter.notifyMatchFailure(op, "does not add a bias");
    if (!hasStaticColumns(op.getOutputs()[0]))
      return rewriter.notifyMatchFailure(op, "columns are not static");
    auto matmul = getOnlyReadBy<MatmulTy>(op, matrix);
    if (!matmul)
      return rewriter.notifyMatchFailure(op, "no matmul for this alone");
    if (!matmul.getInit().getType().getElementType().isF32())
      return rewriter.notifyMatchFailure(matmul, "result is rounded before");
    if (matmul.getBias() || matmul.getResidual())
      return rewriter.notifyMatchFailure(matmul, "has an epilogue");
    auto fused = cloneInto(rewriter, matmul, op.getOutputs()[0]);
    fused.getBiasMutable().assign(vector);
    rewriter.replaceOp(op, fused->getResults());
    return success();
  }
};

/// Rounds the result where it is still in registers.
///
///   %y = nn.linear ins(%x, %w) outs(%init : tensor<...xf32>)
///   %z = linalg.generic: arith.truncf %y
///
/// becomes
///
///   %z = nn.linear ins(%x, %w) outs(%narrow : tensor<...xbf16>)
template <typename MatmulTy>
struct FuseRounding final : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern<linalg::GenericOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isElementwiseRounding(op) || !isFloatOperand(op.getResult(0)))
      return rewriter.notifyMatchFailure(op, "is no rounding");
    if (!hasStaticColumns(op.getOutputs()[0]))
      return rewriter.notifyMatchFailure(op, "columns are not static");
    auto matmul = getOnlyReadBy<MatmulTy>(op, op.getInputs()[0]);
    if (!matmul)
      return rewriter.notifyMatchFailure(op, "no matmul for this alone");
    if (!matmul.getInit().getType().getElementType().isF32())
      return rewriter.notifyMatchFailure(matmul, "result is rounded before");
    if constexpr (std::is_same_v<MatmulTy, MatmulByExpertOp>)
      if (matmul.getWeights())
        return rewriter.notifyMatchFailure(matmul, "kernels add experts up");
    auto fused = cloneInto(rewriter, matmul, op.getOutputs()[0]);
    rewriter.replaceOp(op, fused->getResults());
    return success();
  }
};

/// Adds the residual where the sum is still in registers.
///
///   %y = nn.linear ins(%x, %w) outs(%init)
///   %z = linalg.add ins(%y, %residual)
///
/// becomes
///
///   %z = nn.linear ins(%x, %w) residual(%residual) outs(%init)
template <typename MatmulTy>
struct FuseResidual final : OpRewritePattern<linalg::AddOp> {
  using OpRewritePattern<linalg::AddOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::AddOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "is not on tensors");
    Type type = op.getResult(0).getType();
    for (auto [sum, residual] : {std::pair(0, 1), std::pair(1, 0)}) {
      auto matmul = getOnlyReadBy<MatmulTy>(op, op.getInputs()[sum]);
      if (!matmul || matmul.getResidual() || !takesResidual(matmul))
        continue;
      // Both must be what the sum is, or a rounding would be lost.
      if (matmul.getInit().getType() != type ||
          op.getInputs()[residual].getType() != type ||
          !cast<ShapedType>(type).getElementType().isF32())
        continue;
      rewriter.setInsertionPoint(op);
      auto fused = cloneInto(rewriter, matmul, op.getOutputs()[0]);
      fused.getResidualMutable().assign(op.getInputs()[residual]);
      rewriter.replaceOp(op, fused->getResults());
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no matmul for this alone");
  }

private:
  static bool takesResidual(MatmulTy op) {
    if constexpr (std::is_same_v<MatmulTy, MatmulByExpertOp>)
      return static_cast<bool>(op.getWeights());
    return true;
  }
};

/// The bias of each expert, where the sum is still in registers.
///
///   %y = mxfp4.matmul_by_expert ins(..., %experts) outs(%init)
///   %z = nn.add_expert_bias ins(%y, %bias, %experts)
///
/// becomes
///
///   %z = mxfp4.matmul_by_expert ins(..., %experts) bias(%bias) outs(%init)
struct FuseExpertBias final : OpRewritePattern<nn::AddExpertBiasOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(nn::AddExpertBiasOp op,
                                PatternRewriter &rewriter) const override {
    auto matmul = getMatmulToExtend(rewriter, op, op.getInput());
    if (failed(matmul))
      return failure();
    if (matmul->getExperts() != op.getExperts() ||
        matmul->getValues().getType().getDimSize(0) !=
            op.getBias().getType().getDimSize(0))
      return rewriter.notifyMatchFailure(op, "bias of other experts");
    if (matmul->getBias())
      return rewriter.notifyMatchFailure(*matmul, "has a bias");
    auto fused = cloneInto(rewriter, *matmul, op.getInit());
    fused.getBiasMutable().assign(op.getBias());
    rewriter.replaceOp(op, fused->getResults());
    return success();
  }
};

/// Gate and up of a pair are both in registers when their sums are done.
///
///   %y = mxfp4.matmul_by_expert ins(...) bias(%bias) outs(%init)
///   %z = nn.swiglu ins(%y)
///
/// becomes
///
///   %z = mxfp4.matmul_by_expert ins(...) bias(%bias) activation(...)
///   outs(%init)
struct FuseSwiGLU final : OpRewritePattern<nn::SwiGLUOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(nn::SwiGLUOp op,
                                PatternRewriter &rewriter) const override {
    auto matmul = getMatmulToExtend(rewriter, op, op.getInput());
    if (failed(matmul))
      return failure();
    if (isArranged(*matmul))
      return rewriter.notifyMatchFailure(*matmul, "rows are not in pairs");
    auto fused = cloneInto(rewriter, *matmul, op.getInit());
    fused.setActivationAttr(op.getActivation());
    rewriter.replaceOp(op, fused->getResults());
    return success();
  }
};

/// The sum over the slots of a token, without a row for each slot in memory.
///
///   %y = mxfp4.matmul_by_expert ins(...) bias(%bias) outs(%init)
///   %z = nn.combine_experts ins(%y, %weights)
///
/// becomes
///
///   %z = mxfp4.matmul_by_expert ins(...) bias(%bias) weights(%weights)
///   outs(%init)
struct FuseCombineExperts final : OpRewritePattern<nn::CombineExpertsOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(nn::CombineExpertsOp op,
                                PatternRewriter &rewriter) const override {
    auto matmul = getMatmulToExtend(rewriter, op, op.getInput());
    if (failed(matmul))
      return failure();
    auto fused = cloneInto(rewriter, *matmul, op.getInit());
    fused.getWeightsMutable().assign(op.getWeights());
    rewriter.replaceOp(op, fused->getResults());
    return success();
  }
};

struct FuseEpiloguePass final
    : mxfp4::impl::FuseEpiloguePassBase<FuseEpiloguePass> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<NameDenseMatmul, FuseBias<nn::LinearOp>, FuseBias<MatmulOp>,
                 FuseResidual<nn::LinearOp>, FuseResidual<MatmulOp>,
                 FuseResidual<MatmulByExpertOp>, FuseRounding<nn::LinearOp>,
                 FuseRounding<MatmulOp>, FuseRounding<MatmulByExpertOp>,
                 FuseExpertBias, FuseSwiGLU, FuseCombineExperts>(
        patterns.getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
