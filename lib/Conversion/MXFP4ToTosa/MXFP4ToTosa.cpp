//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers to the block-scaled ops of TOSA 1.1 what they can say: expansion, and
// a product where both sides are blocks.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTMXFP4TOTOSAPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// True if TOSA has the format: blocks of 32 with E8M0 scales.
static bool isInTosa(ShapedType values, ShapedType scales) {
  const mx::BlockFormat *format = getBlockFormat(values, scales);
  return format && format->scale == mx::ScaleFormat::E8M0 &&
         !isPackedStorage(values);
}

/// `tensor` [rows, columns] as [1, rows, columns].
static Value addBatch(ImplicitLocOpBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape = {1};
  llvm::append_range(shape, type.getShape());
  SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1)};
  llvm::append_range(sizes, tensor::getMixedSizes(b, b.getLoc(), tensor));
  return tensor::ExpandShapeOp::create(
      b, RankedTensorType::get(shape, type.getElementType()), tensor,
      ArrayRef<ReassociationIndices>{{0, 1}, {2}}, sizes);
}

namespace {
struct DequantizeOpLowering final : OpRewritePattern<DequantizeOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(DequantizeOp op,
                                PatternRewriter &rewriter) const override {
    Type element = op.getResult().getType().getElementType();
    if (!isInTosa(op.getValues().getType(), op.getScales().getType()) ||
        !(element.isF32() || element.isBF16()))
      return rewriter.notifyMatchFailure(op, "has no TOSA op");
    rewriter.replaceOpWithNewOp<tosa::CastFromBlockScaledOp>(
        op, op.getResult().getType(), op.getValues(), op.getScales(),
        tosa::BlockSize::BLOCK_SIZE_32);
    return success();
  }
};

/// The input must be blocks as well, of the type of the weight.
struct MatmulOpLowering final : OpRewritePattern<MatmulOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0 || op.getLayout() || op.getBias() ||
        op.getResidual() || getEncodedLayout(op.getValues().getType()) ||
        !op.getInit().getType().getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "is more than a product");
    auto input = op.getInput().getDefiningOp<DequantizeOp>();
    if (!input ||
        input.getValues().getType().getElementType() !=
            op.getValues().getType().getElementType() ||
        !input.getResult().getType().getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "input is not of such blocks");
    if (!isInTosa(op.getValues().getType(), op.getScales().getType()) ||
        !isInTosa(input.getValues().getType(), input.getScales().getType()))
      return rewriter.notifyMatchFailure(op, "has no TOSA op");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    auto batchType = RankedTensorType::get(
        {1, type.getDimSize(0), type.getDimSize(1)}, type.getElementType());
    Value product = tosa::MatmulTBlockScaledOp::create(
        b, batchType, addBatch(b, input.getValues()),
        addBatch(b, input.getScales()), addBatch(b, op.getValues()),
        addBatch(b, op.getScales()), tosa::BlockSize::BLOCK_SIZE_32);
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(
        op, type, product, ArrayRef<ReassociationIndices>{{0, 1}, {2}});
    if (input->use_empty())
      rewriter.eraseOp(input);
    return success();
  }
};

struct ConvertMXFP4ToTosaPass final
    : mxfp4::impl::ConvertMXFP4ToTosaPassBase<ConvertMXFP4ToTosaPass> {
  using Base::Base;

  void runOnOperation() override {
    // Products first: they look for the expansion of their input.
    RewritePatternSet products(&getContext()), casts(&getContext());
    products.add<MatmulOpLowering>(&getContext());
    casts.add<DequantizeOpLowering>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(products));
    walkAndApplyPatterns(getOperation(), std::move(casts));
  }
};
} // namespace
