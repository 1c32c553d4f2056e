//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// TOSA keeps elements and scales as two operands as well, so a cast is the same
// op under another name, and a matmul is two of them and a product.
//
//===----------------------------------------------------------------------===//

#include "RaiseTosa.h"

#include "TensorCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Fails unless `values` and `scales` are blocks of a format of ours.
static LogicalResult checkBlocks(PatternRewriter &rewriter, Operation *op,
                                 Value values, Value scales) {
  auto valuesType = dyn_cast<RankedTensorType>(values.getType());
  auto scalesType = dyn_cast<RankedTensorType>(scales.getType());
  if (!valuesType || !scalesType || valuesType.getRank() == 0 ||
      valuesType.isDynamicDim(valuesType.getRank() - 1) ||
      scalesType.isDynamicDim(scalesType.getRank() - 1))
    return rewriter.notifyMatchFailure(op, "last dimension is not static");
  if (!getBlockFormat(valuesType, scalesType))
    return rewriter.notifyMatchFailure(op, "format has no name");
  return success();
}

static Value dequantize(ImplicitLocOpBuilder &b, Value values, Value scales,
                        Type element) {
  auto type = cast<RankedTensorType>(values.getType()).clone(element);
  return DequantizeOp::create(b, type, values, scales,
                              /*tensor_scale=*/Value());
}

namespace {
struct RaiseCastFromBlockScaled final
    : OpRewritePattern<tosa::CastFromBlockScaledOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(tosa::CastFromBlockScaledOp op,
                                PatternRewriter &rewriter) const override {
    if (failed(
            checkBlocks(rewriter, op, op.getInputData(), op.getInputScale())))
      return failure();
    auto type = dyn_cast<RankedTensorType>(op.getOutputData().getType());
    if (!type ||
        !(type.getElementType().isF32() || type.getElementType().isBF16() ||
          type.getElementType().isF16()))
      return rewriter.notifyMatchFailure(op, "result has no wide float");
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, type, op.getInputData(),
                                              op.getInputScale(),
                                              /*tensor_scale=*/Value());
    return success();
  }
};

/// Expands both sides; fusion takes the second one into the product.
///
///   %y = tosa.matmul_t_block_scaled %a, %as, %b, %bs
///
/// becomes, where all batches of `a` [B, T, K] have one `b` [1, N, K],
///
///   %x = mxfp4.dequantize %a, %as      // and collapsed to [B * T, K]
///   %w = mxfp4.dequantize %b, %bs      // [N, K]
///   %y = linalg.matmul %x, %w          // expanded to [B, T, N]
///
/// and a linalg.batch_matmul where each has its own.
struct RaiseMatmulTBlockScaled final
    : OpRewritePattern<tosa::MatmulTBlockScaledOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(tosa::MatmulTBlockScaledOp op,
                                PatternRewriter &rewriter) const override {
    if (failed(checkBlocks(rewriter, op, op.getAData(), op.getAScale())) ||
        failed(checkBlocks(rewriter, op, op.getBData(), op.getBScale())))
      return failure();
    auto inputType = cast<RankedTensorType>(op.getAData().getType());
    auto weightType = cast<RankedTensorType>(op.getBData().getType());
    auto type = dyn_cast<RankedTensorType>(op.getOutputData().getType());
    if (!type || !type.getElementType().isF32() ||
        !weightType.hasStaticShape() || inputType.isDynamicDim(0))
      return rewriter.notifyMatchFailure(op, "shapes are not known");

    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type f32 = b.getF32Type();
    int64_t batches = inputType.getDimSize(0);
    int64_t rows = weightType.getDimSize(1), columns = weightType.getDimSize(2);
    Value input = dequantize(b, op.getAData(), op.getAScale(), f32);
    auto makeZeros = [&](ArrayRef<OpFoldResult> sizes) {
      Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
      Value init = tensor::EmptyOp::create(b, sizes, f32);
      return linalg::FillOp::create(b, zero, init).getResult(0);
    };
    Value product;
    if (weightType.getDimSize(0) == 1) {
      Value values =
          reshapeTensor(b, b.getLoc(), op.getBData(), {rows, columns});
      Value scales = reshapeTensor(
          b, b.getLoc(), op.getBScale(),
          {rows,
           cast<RankedTensorType>(op.getBScale().getType()).getDimSize(2)});
      Value weight = dequantize(b, values, scales, f32);
      Value flat = tensor::CollapseShapeOp::create(
          b, input, ArrayRef<ReassociationIndices>{{0, 1}, {2}});
      Value zeros = makeZeros(
          {tensor::getMixedSize(b, b.getLoc(), flat, 0), b.getIndexAttr(rows)});
      Value sums = linalg::MatmulTransposeBOp::create(
                       b, b.getLoc(), zeros.getType(), ValueRange{flat, weight},
                       ValueRange{zeros})
                       .getResult(0);
      SmallVector<OpFoldResult> sizes = {
          b.getIndexAttr(batches),
          tensor::getMixedSize(b, b.getLoc(), input, 1), b.getIndexAttr(rows)};
      auto expanded =
          RankedTensorType::get({batches, inputType.getDimSize(1), rows}, f32);
      product = tensor::ExpandShapeOp::create(
          b, expanded, sums, ArrayRef<ReassociationIndices>{{0, 1}, {2}},
          sizes);
    } else {
      Value weight = dequantize(b, op.getBData(), op.getBScale(), f32);
      Value zeros = makeZeros({b.getIndexAttr(batches),
                               tensor::getMixedSize(b, b.getLoc(), input, 1),
                               b.getIndexAttr(rows)});
      product = linalg::BatchMatmulTransposeBOp::create(
                    b, b.getLoc(), zeros.getType(), ValueRange{input, weight},
                    ValueRange{zeros})
                    .getResult(0);
    }
    rewriter.replaceOp(op, b.createOrFold<tensor::CastOp>(type, product));
    return success();
  }
};
} // namespace

void mxfp4::populateRaiseTosaPatterns(RewritePatternSet &patterns) {
  patterns.add<RaiseCastFromBlockScaled, RaiseMatmulTBlockScaled>(
      patterns.getContext());
}
