//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4.quantize and mxfp4.cast_to_nvfp4 as loops.
//
//===----------------------------------------------------------------------===//

#include "../Utils/BlockCode.h"
#include "Patterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mxfp4/Format/Bits.h"

using namespace mlir;
using namespace mlir::mxfp4;

Value mxfp4::findLargest(
    ImplicitLocOpBuilder &b, Value init, int64_t blockSize,
    function_ref<Value(ImplicitLocOpBuilder &, ArrayRef<Value>)> extract) {
  Type i32 = b.getI32Type();
  int64_t rank = cast<ShapedType>(init.getType()).getRank();
  Value zeros =
      linalg::FillOp::create(b, constantInt(b, i32, 0), init).getResult(0);
  Value lanes =
      tensor::EmptyOp::create(b, ArrayRef<int64_t>{blockSize}, b.getI1Type());
  // Magnitudes of f32 order like their bits; NaN and infinity come last.
  return emitLoops(
      b, rank + 1, lanes, zeros,
      {{rank}, llvm::to_vector(llvm::seq<int64_t>(0, rank))},
      [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
        SmallVector<Value> at(indices.drop_back());
        at.back() =
            addIndex(b, mulIndex(b, at.back(), blockSize), indices.back());
        Value bits = arith::AndIOp::create(
            b, arith::BitcastOp::create(b, i32, extract(b, at)),
            constantInt(b, i32, mx::kMagnitudeMask));
        return arith::MaxUIOp::create(b, elements.back(), bits);
      });
}

namespace {
/// First the largest magnitude of each block as bits, then its scale, then its
/// elements.
template <typename OpTy>
struct QuantizeLowering final : OpRewritePattern<OpTy> {
  QuantizeLowering(MLIRContext *context, Kernels kernels)
      : OpRewritePattern<OpTy>(context), kernels(kernels) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Value> inits;
    bool hasKernel = kernels == Kernels::Vector &&
                     hasWholeBytes(op.getValues().getType().getElementType());
    if (failed(getInits(rewriter, op, hasKernel, inits)))
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type i32 = b.getI32Type();
    BlockMaker maker(op);
    int64_t blockSize = maker.format.blockSize;
    ShapedType scalesType = op.getScales().getType();

    auto extractInput = [&](ImplicitLocOpBuilder &b, ArrayRef<Value> indices) {
      return extractF32(b, op.getInput(), indices);
    };
    Value largest = findLargest(
        b, emptyTensor(b, tensor::getMixedSizes(b, b.getLoc(), inits[1]), i32),
        blockSize, extractInput);

    auto getScale = [&](ImplicitLocOpBuilder &b, ArrayRef<Value> block) {
      Value encodeScale;
      if (op.getEncodeScale())
        encodeScale = extractTensorScale(b, op.getEncodeScale(), block);
      return maker.chooseScale(b, tensor::ExtractOp::create(b, largest, block),
                               encodeScale);
    };
    Value scales = emitElementwise(
        b, inits[1],
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) {
          BlockMaker::Scale scale = getScale(b, llvm::to_vector(indices));
          return arith::BitcastOp::create(
              b, scalesType.getElementType(),
              arith::TruncIOp::create(b, b.getI8Type(), scale.byte));
        });

    auto encode = [&](ImplicitLocOpBuilder &b,
                      ArrayRef<Value> indices) -> Value {
      SmallVector<Value> block(indices);
      block.back() = divIndex(b, indices.back(), blockSize);
      BlockMaker::Scale scale = getScale(b, block);
      Value random;
      if (op.getRandom())
        random = arith::ExtUIOp::create(
            b, i32, tensor::ExtractOp::create(b, op.getRandom(), indices));
      Value code = encodeElement(
          b, maker.format.element,
          arith::MulFOp::create(b, extractInput(b, indices), scale.inverse),
          maker.rounding, random);
      return arith::SelectOp::create(b, scale.isNaN, constantInt(b, i32, 0),
                                     code);
    };
    ShapedType valuesType = op.getValues().getType();
    Value values = emitElementwise(
        b, inits[0],
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
    replaceWithCasts(rewriter, op, {values, scales});
    return success();
  }

private:
  Kernels kernels;
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
        arith::ShLIOp::create(b, exponentByte, integer(b, mx::kMantissaBits)));

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
} // namespace

void mxfp4::populateQuantizePatterns(RewritePatternSet &patterns,
                                     Kernels kernels) {
  patterns.add<QuantizeLowering<QuantizeOp>, QuantizeLowering<QuantizeIntoOp>>(
      patterns.getContext(), kernels);
  patterns.add<CastToNVFP4OpLowering>(patterns.getContext());
}
