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
#include "TensorCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
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

/// Rows whose experts are worth a constant.
static constexpr int64_t kMaxRows = 1 << 20;

/// True if `op` can multiply by the blocks that its weight is expanded from.
static bool canTakeBlocks(linalg::LinalgOp op, DequantizeOp weight) {
  if (!op.hasPureTensorSemantics() ||
      !llvm::all_of(op.getDpsInputs(), isFloatOperand) ||
      !getZeroFilledInit(op))
    return false;
  // The fused op would not round after it multiplied by the scale of a tensor.
  int64_t scaleRank = 0;
  if (auto scale = weight.getTensorScale()) {
    if (!weight.getResult().getType().getElementType().isF32())
      return false;
    scaleRank = scale.getType().getRank();
  }
  if (auto matmul = dyn_cast<linalg::MatmulOp>(op.getOperation()))
    return isTransposedMatmul(matmul) && scaleRank == 0;
  if (!isa<linalg::BatchMatmulTransposeBOp>(op.getOperation()) || scaleRank > 1)
    return false;
  auto hasFixedSize = [](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return tensor.hasStaticShape() && tensor.getNumElements() != 0;
  };
  auto result = cast<RankedTensorType>(op->getResult(0).getType());
  return result.getElementType().isF32() &&
         llvm::all_of(op->getOperandTypes(), hasFixedSize) &&
         multiplySizes(result.getDimSize(0), result.getDimSize(1)) <= kMaxRows;
}

/// The weight of `op`, if all its readers multiply by the blocks instead. One
/// that something else reads stays expanded: it has to be in memory anyway, and
/// decoding it twice would cost more than reading it.
static FailureOr<DequantizeOp> getFusedWeight(linalg::LinalgOp op,
                                              PatternRewriter &rewriter) {
  auto weight = op.getDpsInputs()[1].getDefiningOp<DequantizeOp>();
  if (!weight)
    return rewriter.notifyMatchFailure(op, "weight is not dequantized here");
  bool isFused = llvm::all_of(weight->getUses(), [&](OpOperand &use) {
    auto reader = dyn_cast<linalg::LinalgOp>(use.getOwner());
    return reader && use.getOperandNumber() == 1 &&
           canTakeBlocks(reader, weight);
  });
  if (!isFused)
    return rewriter.notifyMatchFailure(weight, "weight is read as it is");
  return weight;
}

namespace {
/// Multiplies by the packed weight instead of expanding it first.
///
///   %w = mxfp4.dequantize %values, %scales
///   %y = linalg.matmul ins(%x, %w) outs(%zeros)   // %w is [out, in]
///
/// becomes
///
///   %y = mxfp4.matmul ins(%x, %values, %scales) outs(%init)
struct FuseDequantizeIntoMatmul final : OpRewritePattern<linalg::MatmulOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(linalg::MatmulOp op,
                                PatternRewriter &rewriter) const override {
    FailureOr<DequantizeOp> weight = getFusedWeight(op, rewriter);
    if (failed(weight))
      return failure();
    Value input = op.getInputs()[0];
    rewriter.replaceOpWithNewOp<MatmulOp>(
        op, op->getResultTypes(), input, weight->getValues(),
        weight->getScales(), weight->getTensorScale(), /*bias=*/Value(),
        /*residual=*/Value(), getZeroFilledInit(op),
        /*inputFormat=*/InputFormatAttr(), /*layout=*/LayoutAttr());
    return success();
  }
};

/// The same for a weight of each batch, which is the expert of its rows.
///
///   %w = mxfp4.dequantize %values, %scales            // [batch, out, in]
///   %y = linalg.batch_matmul ins(%x, %w) outs(%zeros) // %x is [batch, T, in]
///
/// becomes
///
///   %y = mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts)
///
/// with %x as [batch * T, in], %experts [batch * T, 1] and the result as
/// [batch * T, 1, out].
struct FuseDequantizeIntoBatchMatmul final
    : OpRewritePattern<linalg::BatchMatmulOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(linalg::BatchMatmulOp op,
                                PatternRewriter &rewriter) const override {
    FailureOr<DequantizeOp> weight = getFusedWeight(op, rewriter);
    if (failed(weight))
      return failure();
    auto result = cast<RankedTensorType>(op.getResult(0).getType());
    int64_t batches = result.getDimSize(0), rows = result.getDimSize(1);
    Location loc = op.getLoc();
    auto reshape = [&](Value tensor, ArrayRef<int64_t> shape) {
      return reshapeTensor(rewriter, loc, tensor, shape);
    };
    SmallVector<int32_t> experts;
    for (int64_t batch = 0; batch < batches; ++batch)
      experts.append(rows, int32_t(batch));
    auto expertsType =
        RankedTensorType::get({batches * rows, 1}, rewriter.getI32Type());
    Value ofRows = arith::ConstantOp::create(
        rewriter, loc, DenseElementsAttr::get(expertsType, ArrayRef(experts)));
    int64_t columns =
        cast<ShapedType>(op.getInputs()[0].getType()).getDimSize(2);
    Value input = reshape(op.getInputs()[0], {batches * rows, columns});
    Value flat = reshape(getZeroFilledInit(op),
                         {batches * rows, 1, result.getDimSize(2)});
    auto product = MatmulByExpertOp::create(
        rewriter, loc, TypeRange(flat.getType()), input, weight->getValues(),
        weight->getScales(), ofRows, weight->getTensorScale(), /*bias=*/Value(),
        /*weights=*/Value(), /*residual=*/Value(), flat,
        /*activation=*/SwiGLUAttr(), /*inputFormat=*/InputFormatAttr(),
        /*layout=*/LayoutAttr());
    rewriter.replaceOp(op, reshape(product->getResult(0), result.getShape()));
    return success();
  }
};

struct FuseDequantizePass final
    : mxfp4::impl::FuseDequantizePassBase<FuseDequantizePass> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseDequantizeIntoMatmul, FuseDequantizeIntoBatchMatmul>(
        patterns.getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
