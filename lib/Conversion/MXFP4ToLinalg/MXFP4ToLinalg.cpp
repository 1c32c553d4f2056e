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

#include "../Utils/ScalarCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTMXFP4TOLINALGPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// The 4-bit element at `indices` (in elements) of `values` as an i32.
static Value extractCode(ImplicitLocOpBuilder &b, Value values,
                         ArrayRef<Value> indices) {
  auto type = cast<RankedTensorType>(values.getType());
  Type i32 = b.getI32Type();
  if (!isPackedStorage(type)) {
    Value element = tensor::ExtractOp::create(b, values, indices);
    return arith::ExtUIOp::create(
        b, i32, arith::BitcastOp::create(b, b.getIntegerType(4), element));
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

/// The weight at `indices` (in elements) as an f32: element times scale (F5).
static Value extractWeight(ImplicitLocOpBuilder &b, Value values, Value scales,
                           ArrayRef<Value> indices, LayoutAttr layout = {}) {
  SmallVector<Value> block(indices);
  block.back() = divIndex(b, indices.back(), kBlockSize);
  if (layout)
    block = getArrangedIndices(b, block, layout.getScalesLayout());
  Value scale = tensor::ExtractOp::create(b, scales, block);
  Value byte = arith::ExtUIOp::create(
      b, b.getI32Type(), arith::BitcastOp::create(b, b.getI8Type(), scale));
  Value code = extractCode(b, values, getArrangedIndices(b, indices, layout));
  return arith::MulFOp::create(b, decodeE2M1(b, code), decodeE8M0(b, byte));
}

/// `tensor` as a value of `type`, of which either may know more of the shape.
static Value castTensor(ImplicitLocOpBuilder &b, Value tensor, Type type) {
  if (tensor.getType() == type)
    return tensor;
  return tensor::CastOp::create(b, type, tensor);
}

/// The scale byte of a block by the bits of its largest magnitude, which is
/// finite (F9, F10).
static Value chooseScale(ImplicitLocOpBuilder &b, Value bits, ScaleRule rule) {
  Type i32 = bits.getType(), f32 = b.getF32Type();
  auto exponentOf = [&](Value bits, int64_t carry) -> Value {
    if (carry != 0)
      bits = arith::AddIOp::create(b, bits, constantInt(b, i32, carry));
    return arith::ShRUIOp::create(b, bits, constantInt(b, i32, 23));
  };
  if (rule == ScaleRule::Nearest) {
    // Between 2^-127, which is subnormal, and 2^-126 the middle is further up.
    Value quotient = arith::BitcastOp::create(
        b, i32,
        arith::DivFOp::create(b, arith::BitcastOp::create(b, f32, bits),
                              constantFloat(b, f32, 6.0)));
    Value isSubnormal =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, quotient,
                              constantInt(b, i32, 0x00800000));
    return arith::SelectOp::create(b, isSubnormal,
                                   exponentOf(quotient, 0x00200000),
                                   exponentOf(quotient, 0x00400000));
  }
  // The carry reaches the exponent from 1.75, above 1.5, or above 1.
  int64_t carry = rule == ScaleRule::Even      ? 0x00200000
                  : rule == ScaleRule::RoundUp ? 0x003FFFFF
                  : rule == ScaleRule::Ceil    ? 0x007FFFFF
                                               : 0;
  // 2 is the exponent of 4, the largest power of two that is an element.
  return arith::MaxSIOp::create(
      b,
      arith::SubIOp::create(b, exponentOf(bits, carry), constantInt(b, i32, 2)),
      constantInt(b, i32, 0));
}

namespace {
/// One multiplication per element.
struct DequantizeOpLowering final : OpRewritePattern<DequantizeOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(DequantizeOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type element = op.getResult().getType().getElementType();
    ReifiedRankedShapedTypeDims shapes;
    if (failed(op.reifyResultShapes(rewriter, shapes)))
      return failure();
    Value result = emitElementwise(
        b, emptyTensor(b, shapes[0], element),
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) {
          return convertFloat(b,
                              extractWeight(b, op.getValues(), op.getScales(),
                                            llvm::to_vector(indices)),
                              element);
        });
    rewriter.replaceOp(op, castTensor(b, result, op.getResult().getType()));
    return success();
  }
};

/// First the largest magnitude of each block as bits, then its scale, then its
/// elements.
struct QuantizeOpLowering final : OpRewritePattern<QuantizeOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    ReifiedRankedShapedTypeDims shapes;
    if (failed(op.reifyResultShapes(rewriter, shapes)))
      return failure();
    Type i32 = b.getI32Type(), f32 = b.getF32Type();
    RankedTensorType scalesType = op.getScales().getType();
    int64_t rank = scalesType.getRank();

    // Magnitudes of f32 order like their bits; NaN and infinity come last.
    auto extractInput = [&](ImplicitLocOpBuilder &b, ArrayRef<Value> indices) {
      return extractF32(b, op.getInput(), indices);
    };
    Value amaxInit = linalg::FillOp::create(b, constantInt(b, i32, 0),
                                            emptyTensor(b, shapes[1], i32))
                         .getResult(0);
    Value lanes = tensor::EmptyOp::create(b, ArrayRef<int64_t>{kBlockSize},
                                          b.getI1Type());
    SmallVector<int64_t> blockLoops =
        llvm::to_vector(llvm::seq<int64_t>(0, rank));
    Value amax = emitLoops(
        b, rank + 1, lanes, amaxInit, {{rank}, blockLoops},
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
          SmallVector<Value> at(indices.drop_back());
          at.back() =
              addIndex(b, mulIndex(b, at.back(), kBlockSize), indices.back());
          Value bits = arith::AndIOp::create(
              b, arith::BitcastOp::create(b, i32, extractInput(b, at)),
              constantInt(b, i32, 0x7FFFFFFF));
          return arith::MaxUIOp::create(b, elements.back(), bits);
        });

    // Below the smallest scale it is that one; a block that is not finite has
    // NaN.
    struct Scale {
      Value byte, isNaN;
    };
    auto getScale = [&](ImplicitLocOpBuilder &b, ValueRange block) -> Scale {
      Value bits = tensor::ExtractOp::create(b, amax, block);
      return {chooseScale(b, bits, op.getScaleRule()),
              arith::CmpIOp::create(b, arith::CmpIPredicate::uge, bits,
                                    constantInt(b, i32, 0x7F800000))};
    };
    Value scales = emitElementwise(
        b, emptyTensor(b, shapes[1], scalesType.getElementType()),
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) {
          Scale scale = getScale(b, indices);
          Value byte = arith::SelectOp::create(
              b, scale.isNaN, constantInt(b, i32, 255), scale.byte);
          return arith::BitcastOp::create(
              b, scalesType.getElementType(),
              arith::TruncIOp::create(b, b.getI8Type(), byte));
        });

    auto encode = [&](ImplicitLocOpBuilder &b,
                      ArrayRef<Value> indices) -> Value {
      SmallVector<Value> block(indices);
      block.back() = divIndex(b, indices.back(), kBlockSize);
      Scale scale = getScale(b, block);
      // 2^(127 - byte) is exact and normal: no rule gives byte 254.
      Value inverse = arith::BitcastOp::create(
          b, f32,
          arith::ShLIOp::create(
              b, arith::SubIOp::create(b, constantInt(b, i32, 254), scale.byte),
              constantInt(b, i32, 23)));
      Value random;
      if (op.getRandom())
        random = arith::ExtUIOp::create(
            b, i32, tensor::ExtractOp::create(b, op.getRandom(), indices));
      Value code = encodeE2M1(
          b, arith::MulFOp::create(b, extractInput(b, indices), inverse),
          op.getRounding(), random);
      return arith::SelectOp::create(b, scale.isNaN, constantInt(b, i32, 0),
                                     code);
    };
    RankedTensorType valuesType = op.getValues().getType();
    Value values = emitElementwise(
        b, emptyTensor(b, shapes[0], valuesType.getElementType()),
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) -> Value {
          SmallVector<Value> at(indices);
          if (!isPackedStorage(valuesType))
            return arith::BitcastOp::create(
                b, valuesType.getElementType(),
                arith::TruncIOp::create(b, b.getIntegerType(4), encode(b, at)));
          at.back() = mulIndex(b, at.back(), 2);
          Value low = encode(b, at);
          at.back() = addIndex(b, at.back(), 1);
          Value high =
              arith::ShLIOp::create(b, encode(b, at), constantInt(b, i32, 4));
          return arith::TruncIOp::create(b, b.getI8Type(),
                                         arith::OrIOp::create(b, low, high));
        });
    rewriter.replaceOp(op, {castTensor(b, values, valuesType),
                            castTensor(b, scales, scalesType)});
    return success();
  }
};

/// Looks for each place of the result which element belongs there.
struct PackOpLowering final : OpRewritePattern<PackOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(PackOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0 || !op.getLayout())
      return rewriter.notifyMatchFailure(op, "layout is not resolved");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    LayoutAttr layout = *op.getLayout();
    ShapedType source = op.getSource().getType();
    int64_t lanes = layout.getLanes();
    // In the elements that are stored.
    int64_t depth = op.getInit().getType().getShape().back() / lanes;
    int64_t rows = source.getDimSize(source.getRank() - 2);
    Type element = source.getElementType();
    Type bits = b.getIntegerType(element.getIntOrFloatBitWidth());
    Value result = emitElementwise(
        b, op.getInit(),
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange) -> Value {
          ValueRange place = at.take_back(3);
          Value group = place[0];
          Value lane = divIndex(b, place[2], depth);
          Value row = getArrangedRow(b, group, lane, layout);
          Value isRow = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row,
                                              constantIndex(b, rows));
          SmallVector<Value> from(at.drop_back(3));
          from.append(
              {arith::SelectOp::create(b, isRow, row, constantIndex(b, 0)),
               addIndex(b, mulIndex(b, place[1], depth),
                        remIndex(b, place[2], depth))});
          Value found = arith::BitcastOp::create(
              b, bits, tensor::ExtractOp::create(b, op.getSource(), from));
          // F19: rows that only fill a group have no bit set.
          return arith::BitcastOp::create(
              b, element,
              arith::SelectOp::create(b, isRow, found,
                                      constantInt(b, bits, 0)));
        });
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// A sum over k in rising order, then bias and residual.
struct MatmulOpLowering final : OpRewritePattern<MatmulOp> {
  MatmulOpLowering(MLIRContext *context, bool slowPathOnly)
      : OpRewritePattern(context), slowPathOnly(slowPathOnly) {}

  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0)
      return rewriter.notifyMatchFailure(op, "is not on tensors");
    if (slowPathOnly && op.getLayout())
      return rewriter.notifyMatchFailure(op, "weight is arranged");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type f32 = b.getF32Type();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, op.getLoc(), op.getInit());
    Value sums = emitLoops(
        b, 3, op.getInput(), filledTensor(b, sizes, f32, 0.0), {{0, 2}, {0, 1}},
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
          Value weight =
              extractWeight(b, op.getValues(), op.getScales(),
                            {indices[1], indices[2]}, op.getLayoutAttr());
          Value product = arith::MulFOp::create(
              b, convertFloat(b, elements[0], f32), weight);
          return arith::AddFOp::create(b, elements[1], product).getResult();
        });
    rewriter.replaceOp(op, emitEpilogue(b, sums, op.getBias(), op.getResidual(),
                                        op.getInit()));
    return success();
  }

private:
  bool slowPathOnly;
};

/// Each slot reads the weights of its expert; experts are not grouped.
struct MatmulByExpertOpLowering final : OpRewritePattern<MatmulByExpertOp> {
  MatmulByExpertOpLowering(MLIRContext *context, bool slowPathOnly)
      : OpRewritePattern(context), slowPathOnly(slowPathOnly) {}

  LogicalResult matchAndRewrite(MatmulByExpertOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0)
      return rewriter.notifyMatchFailure(op, "is not on tensors");
    if (slowPathOnly && op.getLayout())
      return rewriter.notifyMatchFailure(op, "weight is arranged");
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
    // Loops: token, slot, row, k.
    SmallVector<int64_t> inputLoops = {0, 3};
    if (perSlot)
      inputLoops = {0, 1, 3};
    Value sums = emitLoops(
        b, 4, op.getInput(),
        filledTensor(b, {tokens, slots, b.getIndexAttr(rows)}, f32, 0.0),
        {inputLoops, {0, 1, 2}},
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
          Value weight =
              extractWeight(b, op.getValues(), op.getScales(),
                            {expertOf(b, indices), indices[2], indices[3]},
                            op.getLayoutAttr());
          Value product = arith::MulFOp::create(
              b, convertFloat(b, elements[0], f32), weight);
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
  bool slowPathOnly;
};

struct ConvertMXFP4ToLinalgPass final
    : mxfp4::impl::ConvertMXFP4ToLinalgPassBase<ConvertMXFP4ToLinalgPass> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DequantizeOpLowering, QuantizeOpLowering>(&getContext());
    patterns.add<MatmulOpLowering, MatmulByExpertOpLowering>(&getContext(),
                                                             slowPathOnly);
    if (!slowPathOnly)
      patterns.add<PackOpLowering>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
