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
#include "mxfp4/Format/Quantize.h"

#include <cmath>
#include <limits>

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTMXFP4TOLINALGPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// The code of the element at `indices` (in elements) of `values` as an i32.
static Value extractCode(ImplicitLocOpBuilder &b, Value values,
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

/// The scale byte at `indices` as an i32.
static Value extractByte(ImplicitLocOpBuilder &b, Value scales,
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
    if (layout)
      block = getArrangedIndices(b, block, layout.getScalesLayout());
    Value byte = extractByte(b, scales, block);
    Value code = extractCode(b, values, getArrangedIndices(b, indices, layout));
    Value product =
        arith::MulFOp::create(b, decodeElement(b, format.element, code),
                              decodeScale(b, format.scale, byte));
    if (!tensorScale)
      return product;
    return arith::MulFOp::create(b, product,
                                 extractTensorScale(b, tensorScale, indices));
  }

  Value values, scales, tensorScale;
  mx::BlockFormat format;
};
} // namespace

/// The E8M0 scale byte of a block by the bits of its largest magnitude, which
/// is finite (F9, F10).
static Value chooseE8M0(ImplicitLocOpBuilder &b,
                        const mx::ElementFormat &element, Value bits,
                        ScaleRule rule) {
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
                              constantFloat(b, f32, element.largestValue)));
    Value isSubnormal =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, quotient,
                              constantInt(b, i32, 0x00800000));
    return arith::SelectOp::create(b, isSubnormal,
                                   exponentOf(quotient, 0x00200000),
                                   exponentOf(quotient, 0x00400000));
  }
  static_assert(int(ScaleRule::Floor) == int(mx::ScaleRule::Floor) &&
                int(ScaleRule::Even) == int(mx::ScaleRule::Even) &&
                int(ScaleRule::RoundUp) == int(mx::ScaleRule::RoundUp) &&
                int(ScaleRule::Ceil) == int(mx::ScaleRule::Ceil));
  int64_t carry = mx::getScaleCarry(element, static_cast<mx::ScaleRule>(rule));
  int64_t exponentOfLargest = std::ilogb(element.largestValue);
  return arith::MaxSIOp::create(
      b,
      arith::SubIOp::create(b, exponentOf(bits, carry),
                            constantInt(b, i32, exponentOfLargest)),
      constantInt(b, i32, 0));
}

namespace {
/// Makes blocks of one format.
class BlockMaker {
public:
  explicit BlockMaker(QuantizeOp op)
      : op(op), format(*getBlockFormat(op.getValues().getType(),
                                       op.getScales().getType())) {}

  struct Scale {
    /// The scale byte where the block is finite.
    Value byte;
    Value isNaN;
  };

  /// The scale of the block at `indices` with the largest magnitude `bits`.
  Scale chooseScale(ImplicitLocOpBuilder &b, Value bits,
                    ArrayRef<Value> indices) {
    Value isNaN =
        arith::CmpIOp::create(b, arith::CmpIPredicate::uge, bits,
                              constantInt(b, b.getI32Type(), 0x7F800000));
    if (format.scale == mx::ScaleFormat::E8M0)
      return {chooseE8M0(b, format.element, bits, op.getScaleRule()), isNaN};
    // F22. The reciprocal is rounded first.
    Value factor =
        constantFloat(b, b.getF32Type(), 1.0f / format.element.largestValue);
    if (op.getEncodeScale())
      factor = arith::MulFOp::create(
          b, extractTensorScale(b, op.getEncodeScale(), indices), factor);
    Value largest = arith::BitcastOp::create(b, b.getF32Type(), bits);
    return {encodeElement(b, mx::kE4M3,
                          arith::MulFOp::create(b, largest, factor),
                          Rounding::NearestEven, /*random=*/Value()),
            isNaN};
  }

  /// What the numbers of a block are multiplied by before they are rounded.
  Value getInverse(ImplicitLocOpBuilder &b, Scale scale,
                   ArrayRef<Value> indices) {
    Type i32 = b.getI32Type(), f32 = b.getF32Type();
    if (format.scale == mx::ScaleFormat::E8M0)
      // 2^(127 - byte) is exact and normal: no rule gives byte 254.
      return arith::BitcastOp::create(
          b, f32,
          arith::ShLIOp::create(
              b, arith::SubIOp::create(b, constantInt(b, i32, 254), scale.byte),
              constantInt(b, i32, 23)));
    Value one = constantFloat(b, f32, 1.0);
    Value divisor = decodeScale(b, format.scale, scale.byte);
    if (op.getEncodeScale())
      divisor = arith::MulFOp::create(
          b, divisor,
          arith::DivFOp::create(
              b, one, extractTensorScale(b, op.getEncodeScale(), indices)));
    return arith::MinimumFOp::create(
        b, arith::DivFOp::create(b, one, divisor),
        constantFloat(b, f32, std::numeric_limits<float>::max()));
  }

  QuantizeOp op;
  mx::BlockFormat format;
};

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
    Weight weight(op);
    Value result = emitElementwise(
        b, emptyTensor(b, shapes[0], element),
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) {
          return convertFloat(b, weight.extract(b, llvm::to_vector(indices)),
                              element);
        });
    rewriter.replaceOp(
        op, b.createOrFold<tensor::CastOp>(op.getResult().getType(), result));
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
    Type i32 = b.getI32Type();
    BlockMaker maker(op);
    int64_t blockSize = maker.format.blockSize;
    RankedTensorType scalesType = op.getScales().getType();
    int64_t rank = scalesType.getRank();

    // Magnitudes of f32 order like their bits; NaN and infinity come last.
    auto extractInput = [&](ImplicitLocOpBuilder &b, ArrayRef<Value> indices) {
      return extractF32(b, op.getInput(), indices);
    };
    Value amaxInit = linalg::FillOp::create(b, constantInt(b, i32, 0),
                                            emptyTensor(b, shapes[1], i32))
                         .getResult(0);
    Value lanes =
        tensor::EmptyOp::create(b, ArrayRef<int64_t>{blockSize}, b.getI1Type());
    SmallVector<int64_t> blockLoops =
        llvm::to_vector(llvm::seq<int64_t>(0, rank));
    Value amax = emitLoops(
        b, rank + 1, lanes, amaxInit, {{rank}, blockLoops},
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
          SmallVector<Value> at(indices.drop_back());
          at.back() =
              addIndex(b, mulIndex(b, at.back(), blockSize), indices.back());
          Value bits = arith::AndIOp::create(
              b, arith::BitcastOp::create(b, i32, extractInput(b, at)),
              constantInt(b, i32, 0x7FFFFFFF));
          return arith::MaxUIOp::create(b, elements.back(), bits);
        });

    auto getScale = [&](ImplicitLocOpBuilder &b, ArrayRef<Value> block) {
      Value bits = tensor::ExtractOp::create(b, amax, block);
      return maker.chooseScale(b, bits, block);
    };
    int64_t nan = maker.format.scale == mx::ScaleFormat::E8M0 ? mx::kScaleNaN
                                                              : mx::kE4M3.nan;
    Value scales = emitElementwise(
        b, emptyTensor(b, shapes[1], scalesType.getElementType()),
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) {
          BlockMaker::Scale scale = getScale(b, llvm::to_vector(indices));
          Value byte = arith::SelectOp::create(
              b, scale.isNaN, constantInt(b, i32, nan), scale.byte);
          return arith::BitcastOp::create(
              b, scalesType.getElementType(),
              arith::TruncIOp::create(b, b.getI8Type(), byte));
        });

    auto encode = [&](ImplicitLocOpBuilder &b,
                      ArrayRef<Value> indices) -> Value {
      SmallVector<Value> block(indices);
      block.back() = divIndex(b, indices.back(), blockSize);
      BlockMaker::Scale scale = getScale(b, block);
      Value inverse = maker.getInverse(b, scale, block);
      Value random;
      if (op.getRandom())
        random = arith::ExtUIOp::create(
            b, i32, tensor::ExtractOp::create(b, op.getRandom(), indices));
      Value code = encodeElement(
          b, maker.format.element,
          arith::MulFOp::create(b, extractInput(b, indices), inverse),
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
                arith::TruncIOp::create(
                    b, b.getIntegerType(maker.format.element.bits),
                    encode(b, at)));
          at.back() = mulIndex(b, at.back(), 2);
          Value low = encode(b, at);
          at.back() = addIndex(b, at.back(), 1);
          Value high =
              arith::ShLIOp::create(b, encode(b, at), constantInt(b, i32, 4));
          return arith::TruncIOp::create(b, b.getI8Type(),
                                         arith::OrIOp::create(b, low, high));
        });
    rewriter.replaceOp(op,
                       {b.createOrFold<tensor::CastOp>(valuesType, values),
                        b.createOrFold<tensor::CastOp>(scalesType, scales)});
    return success();
  }
};

/// First whether each block is zero, then the range of the scales of the
/// others, then the new scales.
struct CastToNVFP4OpLowering final : OpRewritePattern<CastToNVFP4Op> {
  using Base::Base;

  LogicalResult matchAndRewrite(CastToNVFP4Op op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type i32 = b.getI32Type();
    auto integer = [&](ImplicitLocOpBuilder &b, int64_t value) {
      return constantInt(b, i32, value);
    };
    RankedTensorType scalesType = op.getScales().getType();
    int64_t rank = scalesType.getRank();
    SmallVector<int64_t> blockLoops =
        llvm::to_vector(llvm::seq<int64_t>(0, rank));

    // The largest magnitude of the codes of each block.
    SmallVector<OpFoldResult> blocks =
        tensor::getMixedSizes(rewriter, op.getLoc(), op.getScales());
    auto filled = [&](ArrayRef<OpFoldResult> sizes, int64_t value) {
      return linalg::FillOp::create(b, integer(b, value),
                                    emptyTensor(b, sizes, i32))
          .getResult(0);
    };
    Value lanes = tensor::EmptyOp::create(
        b, ArrayRef<int64_t>{mx::kMXFP4.blockSize}, b.getI1Type());
    Value largestCodes = emitLoops(
        b, rank + 1, lanes, filled(blocks, 0), {{rank}, blockLoops},
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
          SmallVector<Value> at(indices.drop_back());
          at.back() = addIndex(b, mulIndex(b, at.back(), mx::kMXFP4.blockSize),
                               indices.back());
          Value code =
              arith::AndIOp::create(b, extractCode(b, op.getValues(), at),
                                    integer(b, mx::kE2M1.magnitudeMask()));
          return arith::MaxUIOp::create(b, elements.back(), code).getResult();
        });

    // The smallest and the largest scale of blocks that count; 255 and 0 where
    // there are none.
    auto reduceScales = [&](int64_t neutral, auto combine) {
      return emitLoops(
          b, rank, op.getScales(), filled({}, neutral), {blockLoops, {}},
          [&](ImplicitLocOpBuilder &b, ValueRange indices,
              ValueRange elements) -> Value {
            Value byte =
                extractByte(b, op.getScales(), llvm::to_vector(indices));
            Value isZero = arith::CmpIOp::create(
                b, arith::CmpIPredicate::eq,
                tensor::ExtractOp::create(b, largestCodes, indices),
                integer(b, 0));
            Value isNaN = arith::CmpIOp::create(
                b, arith::CmpIPredicate::eq, byte, integer(b, mx::kScaleNaN));
            return arith::SelectOp::create(
                b, arith::OrIOp::create(b, isZero, isNaN), elements.back(),
                combine(b, elements.back(), byte));
          });
    };
    Value low = tensor::ExtractOp::create(
        b,
        reduceScales(mx::kScaleNaN,
                     [](ImplicitLocOpBuilder &b, Value x, Value y) -> Value {
                       return arith::MinSIOp::create(b, x, y);
                     }),
        ValueRange());
    Value high = tensor::ExtractOp::create(
        b,
        reduceScales(-1,
                     [](ImplicitLocOpBuilder &b, Value x, Value y) -> Value {
                       return arith::MaxSIOp::create(b, x, y);
                     }),
        ValueRange());

    // F23: 2^-9 to 2^8 are E4M3 numbers. The largest scale becomes 2^8, or less
    // where the tensor scale would be subnormal.
    constexpr int64_t lowest = -9, highest = 8;
    Value isExact = arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                                          arith::SubIOp::create(b, high, low),
                                          integer(b, highest - lowest));
    Value isEmpty = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, high,
                                          integer(b, 0));
    Value exponentByte = arith::SelectOp::create(
        b, isEmpty, integer(b, 127),
        arith::MaxSIOp::create(
            b, arith::SubIOp::create(b, high, integer(b, highest)),
            integer(b, 1)));
    Value tensorScale = arith::BitcastOp::create(
        b, b.getF32Type(),
        arith::ShLIOp::create(b, exponentByte, integer(b, 23)));

    ReifiedRankedShapedTypeDims shapes;
    if (failed(op.reifyResultShapes(rewriter, shapes)))
      return failure();
    RankedTensorType nvType = op.getNvScales().getType();
    Value nvScales = emitElementwise(
        b, emptyTensor(b, shapes[0], nvType.getElementType()),
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) -> Value {
          SmallVector<Value> block(indices);
          block.back() = divIndex(b, indices.back(), 2);
          Value byte = extractByte(b, op.getScales(), block);
          // The exponent, from 0 for the lowest.
          Value own = arith::SubIOp::create(
              b, arith::SubIOp::create(b, byte, exponentByte),
              integer(b, lowest));
          own = arith::MinSIOp::create(
              b, arith::MaxSIOp::create(b, own, integer(b, 0)),
              integer(b, highest - lowest));
          // 2^-9 to 2^-7 are the subnormal codes 1, 2 and 4; from then on the
          // exponent counts.
          Value isSubnormal = arith::CmpIOp::create(
              b, arith::CmpIPredicate::slt, own, integer(b, 3));
          Value code = arith::SelectOp::create(
              b, isSubnormal, arith::ShLIOp::create(b, integer(b, 1), own),
              arith::ShLIOp::create(
                  b, arith::SubIOp::create(b, own, integer(b, 2)),
                  integer(b, mx::kE4M3.mantissaBits)));
          Value isNaN = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, byte,
                                              integer(b, mx::kScaleNaN));
          code = arith::SelectOp::create(b, isNaN, integer(b, mx::kE4M3.nan),
                                         code);
          return arith::BitcastOp::create(
              b, nvType.getElementType(),
              arith::TruncIOp::create(b, b.getI8Type(), code));
        });
    rewriter.replaceOp(
        op,
        {b.createOrFold<tensor::CastOp>(nvType, nvScales),
         tensor::FromElementsOp::create(b, op.getTensorScale().getType(),
                                        tensorScale),
         tensor::FromElementsOp::create(b, op.getExact().getType(), isExact)});
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
    Weight weight(op);
    Value sums = emitLoops(
        b, 3, op.getInput(), filledTensor(b, sizes, f32, 0.0), {{0, 2}, {0, 1}},
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
    Weight weight(op);
    // Loops: token, slot, row, k.
    SmallVector<int64_t> inputLoops = {0, 3};
    if (perSlot)
      inputLoops = {0, 1, 3};
    Value sums = emitLoops(
        b, 4, op.getInput(),
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
  bool slowPathOnly;
};

struct ConvertMXFP4ToLinalgPass final
    : mxfp4::impl::ConvertMXFP4ToLinalgPassBase<ConvertMXFP4ToLinalgPass> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns
        .add<DequantizeOpLowering, QuantizeOpLowering, CastToNVFP4OpLowering>(
            &getContext());
    patterns.add<MatmulOpLowering, MatmulByExpertOpLowering>(&getContext(),
                                                             slowPathOnly);
    if (!slowPathOnly)
      patterns.add<PackOpLowering>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
