//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers mxfp4 ops on tensors to linalg.generic loops, one element at a time.
// Slow and exact: this is what the ops mean.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/BlockCode.h"
#include "../Utils/TileWords.h"
#include "Patterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "mxfp4/Format/Layout.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTMXFP4TOLINALGPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

LogicalResult mxfp4::getInits(PatternRewriter &rewriter, Operation *op,
                              bool hasKernel, SmallVectorImpl<Value> &inits) {
  if (op->getNumResults() == 0)
    return rewriter.notifyMatchFailure(op, "is not on tensors");
  rewriter.setInsertionPoint(op);
  if (auto destinationOp = dyn_cast<DestinationStyleOpInterface>(op)) {
    if (hasKernel)
      return rewriter.notifyMatchFailure(op, "has a lowering to vectors");
    llvm::append_range(inits, destinationOp.getDpsInits());
    return success();
  }
  ReifiedRankedShapedTypeDims shapes;
  if (failed(cast<ReifyRankedShapedTypeOpInterface>(op).reifyResultShapes(
          rewriter, shapes)))
    return failure();
  ImplicitLocOpBuilder b(op->getLoc(), rewriter);
  for (auto [shape, type] : llvm::zip(shapes, op->getResultTypes()))
    inits.push_back(emptyTensor(b, shape, getElementTypeOrSelf(type)));
  return success();
}

void mxfp4::replaceWithCasts(PatternRewriter &rewriter, Operation *op,
                             ValueRange values) {
  SmallVector<Value> results;
  for (auto [value, type] : llvm::zip(values, op->getResultTypes()))
    results.push_back(
        rewriter.createOrFold<tensor::CastOp>(op->getLoc(), type, value));
  rewriter.replaceOp(op, results);
}

Value mxfp4::extractCode(ImplicitLocOpBuilder &b, Value values,
                         ArrayRef<Value> indices) {
  auto type = cast<RankedTensorType>(values.getType());
  Type i32 = b.getI32Type();
  if (!isPackedStorage(type)) {
    Value element = tensor::ExtractOp::create(b, values, indices);
    Type bits = b.getIntegerType(type.getElementTypeBitWidth());
    return arith::ExtUIOp::create(b, i32,
                                  arith::BitcastOp::create(b, bits, element));
  }
  SmallVector<Value> position(indices);
  position.back() = divIndex(b, indices.back(), 2);
  Value odd = remIndex(b, indices.back(), 2);
  Value byte = arith::ExtUIOp::create(
      b, i32, tensor::ExtractOp::create(b, values, position));
  Value shift = arith::MulIOp::create(
      b, arith::IndexCastOp::create(b, i32, odd), constantInt(b, i32, 4));
  return arith::AndIOp::create(b, arith::ShRUIOp::create(b, byte, shift),
                               constantInt(b, i32, 15));
}

Value mxfp4::extractTileCode(ImplicitLocOpBuilder &b, Value values,
                             ArrayRef<Value> indices) {
  Type i32 = b.getI32Type();
  SmallVector<Value> at(indices);
  Value first = mulIndex(b, divIndex(b, at.back(), mx::kTileWordElements),
                         mx::kTileWordElements);
  Value word = constantInt(b, i32, 0);
  for (int64_t i = 0; i < mx::kTileWordElements; ++i) {
    at.back() = addIndex(b, first, i);
    Value bits = arith::ShLIOp::create(b, extractCode(b, values, at),
                                       constantInt(b, i32, 4 * i));
    word = arith::OrIOp::create(b, word, bits);
  }
  return extractFromTileWord(
      b, word, remIndex(b, indices.back(), mx::kTileWordElements));
}

Value mxfp4::extractByte(ImplicitLocOpBuilder &b, Value scales,
                         ArrayRef<Value> indices) {
  Value scale = tensor::ExtractOp::create(b, scales, indices);
  return arith::ExtUIOp::create(
      b, b.getI32Type(), arith::BitcastOp::create(b, b.getI8Type(), scale));
}

namespace {
/// The operands that a weight consists of.
struct Weight {
  template <typename OpTy>
  explicit Weight(OpTy op)
      : values(op.getValues()), scales(op.getScales()),
        tensorScale(op.getTensorScale()),
        format(*getBlockFormat(op.getValues().getType(),
                               op.getScales().getType())) {}

  /// The weight at `indices` (in elements) as an f32: element times scale (F5),
  /// times the scale of the tensor (F22).
  Value extract(ImplicitLocOpBuilder &b, ArrayRef<Value> indices,
                LayoutAttr layout = {}) const {
    SmallVector<Value> block(indices);
    block.back() = divIndex(b, indices.back(), format.blockSize);
    int64_t columns = 0;
    if (layout) {
      columns = getColumns(layout);
      block = getArrangedIndices(b, block, columns / format.blockSize,
                                 layout.getScalesLayout());
    }
    Value byte = extractByte(b, scales, block);
    SmallVector<Value> at = getArrangedIndices(b, indices, columns, layout);
    Value code = layout && layout.getTiled() && format.element.bits == 4
                     ? extractTileCode(b, values, at)
                     : extractCode(b, values, at);
    Value product =
        arith::MulFOp::create(b, decodeElement(b, format.element, code),
                              decodeScale(b, format.scale, byte));
    if (!tensorScale)
      return product;
    return arith::MulFOp::create(b, product,
                                 extractTensorScale(b, tensorScale, indices));
  }

  /// Columns of the weight that `layout` arranged.
  int64_t getColumns(LayoutAttr layout) const {
    SmallVector<int64_t> shape =
        getElementShape(cast<ShapedType>(values.getType()));
    int64_t last = shape.back() / layout.getLanes();
    return layout.getTiled() ? last : last * shape[shape.size() - 2];
  }

  Value values, scales, tensorScale;
  mx::BlockFormat format;
};
} // namespace

namespace {
/// One multiplication per element.
template <typename OpTy>
struct DequantizeLowering final : OpRewritePattern<OpTy> {
  DequantizeLowering(MLIRContext *context, Kernels kernels)
      : OpRewritePattern<OpTy>(context), kernels(kernels) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Value> inits;
    bool hasKernel = kernels == Kernels::Vector &&
                     hasWholeBytes(op.getValues().getType().getElementType());
    if (failed(getInits(rewriter, op, hasKernel, inits)))
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type element = getElementTypeOrSelf(inits[0]);
    Weight weight(op);
    Value result = emitElementwise(
        b, inits[0],
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) {
          return convertFloat(b, weight.extract(b, llvm::to_vector(indices)),
                              element);
        });
    replaceWithCasts(rewriter, op, result);
    return success();
  }

private:
  Kernels kernels;
};

/// The `input` of a matmul as its products take it: as it is, or rounded to
/// blocks of `format`, which are then f32 (F24).
static Value roundInput(ImplicitLocOpBuilder &b, Value input,
                        std::optional<InputFormat> format) {
  if (!format)
    return input;
  Type i32 = b.getI32Type();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), input);
  SmallVector<OpFoldResult> blocks = sizes;
  blocks.back() = b.getIndexAttr(
      cast<ShapedType>(input.getType()).getShape().back() / mx::kBlockSize);
  Value largest =
      findLargest(b, emptyTensor(b, blocks, i32), mx::kBlockSize,
                  [&](ImplicitLocOpBuilder &b, ArrayRef<Value> indices) {
                    return extractF32(b, input, indices);
                  });
  return emitElementwise(
      b, emptyTensor(b, sizes, b.getF32Type()),
      [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) -> Value {
        SmallVector<Value> block(indices);
        block.back() = divIndex(b, block.back(), mx::kBlockSize);
        IntegerBlock rounded = emitIntegerOfBlock(
            b, extractF32(b, input, indices),
            tensor::ExtractOp::create(b, largest, block), *format);
        return arith::MulFOp::create(
            b, arith::SIToFPOp::create(b, b.getF32Type(), rounded.integers),
            rounded.scale);
      });
}

/// A sum over k in rising order, then bias and residual.
struct MatmulOpLowering final : OpRewritePattern<MatmulOp> {
  MatmulOpLowering(MLIRContext *context, Kernels kernels)
      : OpRewritePattern(context), kernels(kernels) {}

  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0)
      return rewriter.notifyMatchFailure(op, "is not on tensors");
    if (hasKernel(op, kernels))
      return rewriter.notifyMatchFailure(op, "has a kernel");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type f32 = b.getF32Type();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, op.getLoc(), op.getInit());
    Weight weight(op);
    Value sums = emitLoops(
        b, 3, roundInput(b, op.getInput(), op.getInputFormat()),
        filledTensor(b, sizes, f32, 0.0), {{0, 2}, {0, 1}},
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
          Value product = arith::MulFOp::create(
              b, convertFloat(b, elements[0], f32),
              weight.extract(b, {indices[1], indices[2]}, op.getLayoutAttr()));
          return arith::AddFOp::create(b, elements[1], product).getResult();
        });
    rewriter.replaceOp(op, emitEpilogue(b, sums, op.getBias(), op.getResidual(),
                                        op.getInit()));
    return success();
  }

private:
  Kernels kernels;
};

/// Each slot reads the weights of its expert; experts are not grouped.
struct MatmulByExpertOpLowering final : OpRewritePattern<MatmulByExpertOp> {
  MatmulByExpertOpLowering(MLIRContext *context, Kernels kernels)
      : OpRewritePattern(context), kernels(kernels) {}

  LogicalResult matchAndRewrite(MatmulByExpertOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0)
      return rewriter.notifyMatchFailure(op, "is not on tensors");
    if (hasKernel(op, kernels))
      return rewriter.notifyMatchFailure(op, "has a kernel");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Location loc = op.getLoc();
    Type f32 = b.getF32Type();
    bool perSlot = op.getInput().getType().getRank() == 3;
    int64_t outputs = op.getInit().getType().getShape().back();
    int64_t rows = op.getActivation() ? 2 * outputs : outputs;
    OpFoldResult tokens =
        tensor::getMixedSize(rewriter, loc, op.getExperts(), 0);
    OpFoldResult slots =
        b.getIndexAttr(op.getExperts().getType().getDimSize(1));

    auto expertOf = [&](ImplicitLocOpBuilder &b, ValueRange indices) -> Value {
      return extractIndex(b, op.getExperts(), indices.take_front(2));
    };
    Weight weight(op);
    // Loops: token, slot, row, k.
    SmallVector<int64_t> inputLoops = {0, 3};
    if (perSlot)
      inputLoops = {0, 1, 3};
    Value sums = emitLoops(
        b, 4, roundInput(b, op.getInput(), op.getInputFormat()),
        filledTensor(b, {tokens, slots, b.getIndexAttr(rows)}, f32, 0.0),
        {inputLoops, {0, 1, 2}},
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
          Value product = arith::MulFOp::create(
              b, convertFloat(b, elements[0], f32),
              weight.extract(b, {expertOf(b, indices), indices[2], indices[3]},
                             op.getLayoutAttr()));
          return arith::AddFOp::create(b, elements[1], product).getResult();
        });

    auto output = [&](ImplicitLocOpBuilder &b, Value token, Value slot,
                      Value row) {
      Value y =
          tensor::ExtractOp::create(b, sums, ValueRange{token, slot, row});
      if (op.getBias()) {
        Value expert = expertOf(b, {token, slot});
        y = arith::AddFOp::create(b, y,
                                  extractF32(b, op.getBias(), {expert, row}));
      }
      return y;
    };
    auto activated = [&](ImplicitLocOpBuilder &b, Value token, Value slot,
                         Value row) {
      std::optional<SwiGLUAttr> activation = op.getActivation();
      if (!activation)
        return output(b, token, slot, row);
      Value even = mulIndex(b, row, 2), odd = addIndex(b, even, 1);
      return emitSwiGLU(
          b, output(b, token, slot, even), output(b, token, slot, odd),
          activation->getAlpha().getValueAsDouble(),
          activation->getLimit().getValueAsDouble(),
          [&](Value x) -> Value { return math::ExpOp::create(b, x); });
    };
    if (!op.getWeights()) {
      Value result = emitElementwise(
          b, op.getInit(),
          [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
            return convertFloat(b, activated(b, at[0], at[1], at[2]),
                                elements.back().getType());
          });
      rewriter.replaceOp(op, result);
      return success();
    }

    // Loops: token, n, slot.
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, op.getInit());
    Value combined = emitLoops(
        b, 3, op.getWeights(), filledTensor(b, sizes, f32, 0.0),
        {{0, 2}, {0, 1}},
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
          Value term =
              arith::MulFOp::create(b, convertFloat(b, elements[0], f32),
                                    activated(b, at[0], at[2], at[1]));
          return arith::AddFOp::create(b, elements[1], term).getResult();
        });
    rewriter.replaceOp(op, emitEpilogue(b, combined, /*bias=*/Value(),
                                        op.getResidual(), op.getInit()));
    return success();
  }

private:
  Kernels kernels;
};

struct ConvertMXFP4ToLinalgPass final
    : mxfp4::impl::ConvertMXFP4ToLinalgPassBase<ConvertMXFP4ToLinalgPass> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DequantizeLowering<DequantizeOp>,
                 DequantizeLowering<DequantizeIntoOp>, MatmulOpLowering,
                 MatmulByExpertOpLowering>(&getContext(), kernels);
    populateQuantizePatterns(patterns, kernels);
    populatePackPatterns(patterns, kernels);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
