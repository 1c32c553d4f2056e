//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes blocks as upstream does: elements [..., K / 32, 32], scales [..., K /
// 32] and arith.scaling_extf in the body of a linalg.generic. The way back is
// mxfp4-raise-to-mxfp4.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/ScalarCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTMXFP4TOSCALINGEXTFPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// The block size of elements that `arith.scaling_extf` can scale, or nothing.
static std::optional<int64_t> getScalableBlock(ShapedType values,
                                               ShapedType scales) {
  const mx::BlockFormat *format = getBlockFormat(values, scales);
  if (!format || format->scale != mx::ScaleFormat::E8M0 ||
      isPackedStorage(values))
    return std::nullopt;
  return format->blockSize;
}

static Value scale(ImplicitLocOpBuilder &b, Type wide, Value element,
                   Value factor) {
  return arith::ScalingExtFOp::create(b, wide, element, factor,
                                      arith::FastMathFlagsAttr());
}

/// The dimensions of a tensor of `rank` with the last as blocks and elements.
static SmallVector<ReassociationIndices> getBlockDims(int64_t rank) {
  SmallVector<ReassociationIndices> dims;
  for (int64_t i = 0; i + 1 < rank; ++i)
    dims.push_back({i});
  dims.push_back({rank - 1, rank});
  return dims;
}

/// `tensor` with its last dimension as blocks of `blockSize`.
static Value splitBlocks(ImplicitLocOpBuilder &b, Value tensor,
                         int64_t blockSize) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.back() /= blockSize;
  shape.push_back(blockSize);
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), tensor);
  sizes.back() = b.getIndexAttr(shape[shape.size() - 2]);
  sizes.push_back(b.getIndexAttr(blockSize));
  return tensor::ExpandShapeOp::create(
      b, RankedTensorType::get(shape, type.getElementType()), tensor,
      getBlockDims(type.getRank()), sizes);
}

namespace {
struct DequantizeOpLowering final : OpRewritePattern<DequantizeOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(DequantizeOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<int64_t> blockSize =
        getScalableBlock(op.getValues().getType(), op.getScales().getType());
    if (!blockSize)
      return rewriter.notifyMatchFailure(op, "has no arith.scaling_extf");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    Value values = splitBlocks(b, op.getValues(), *blockSize);
    int64_t loops = cast<RankedTensorType>(values.getType()).getRank();
    SmallVector<int64_t> all = llvm::to_vector(llvm::seq<int64_t>(0, loops));
    SmallVector<int64_t> block(ArrayRef<int64_t>(all).drop_back());
    Value init = emptyTensor(b, tensor::getMixedSizes(b, b.getLoc(), values),
                             type.getElementType());
    Value expanded = emitLoops(
        b, loops, {values, op.getScales()}, init, {all, block, all},
        [&](ImplicitLocOpBuilder &b, ValueRange, ValueRange elements) -> Value {
          return scale(b, type.getElementType(), elements[0], elements[1]);
        });
    Value result =
        tensor::CollapseShapeOp::create(b, expanded, getBlockDims(loops - 1));
    rewriter.replaceOp(op, b.createOrFold<tensor::CastOp>(type, result));
    return success();
  }
};

/// A contraction over blocks and the elements in them, and the epilogue.
struct MatmulOpLowering final : OpRewritePattern<MatmulOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<int64_t> blockSize =
        getScalableBlock(op.getValues().getType(), op.getScales().getType());
    if (op.getNumResults() == 0 || op.getLayout() ||
        getEncodedLayout(op.getValues().getType()) || !blockSize)
      return rewriter.notifyMatchFailure(op, "has no arith.scaling_extf");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type f32 = b.getF32Type();
    Value input = splitBlocks(b, op.getInput(), *blockSize);
    Value values = splitBlocks(b, op.getValues(), *blockSize);
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, op.getLoc(), op.getInit());
    // Loops: token, row, block, element.
    Value sums = emitLoops(
        b, 4, {input, values, op.getScales()}, filledTensor(b, sizes, f32, 0.0),
        {{0, 2, 3}, {1, 2, 3}, {1, 2}, {0, 1}},
        [&](ImplicitLocOpBuilder &b, ValueRange, ValueRange elements) -> Value {
          Value weight = scale(b, f32, elements[1], elements[2]);
          Value product = arith::MulFOp::create(
              b, convertFloat(b, elements[0], f32), weight);
          return arith::AddFOp::create(b, elements[3], product);
        });
    rewriter.replaceOp(op, emitEpilogue(b, sums, op.getBias(), op.getResidual(),
                                        op.getInit()));
    return success();
  }
};

struct ConvertMXFP4ToScalingExtFPass final
    : mxfp4::impl::ConvertMXFP4ToScalingExtFPassBase<
          ConvertMXFP4ToScalingExtFPass> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DequantizeOpLowering, MatmulOpLowering>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
