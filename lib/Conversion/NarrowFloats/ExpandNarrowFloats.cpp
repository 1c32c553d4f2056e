//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Casts from and to the floats of eight bits and less, which LLVM does not
// have, as arithmetic on their bits.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/ScalarCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "mxfp4/Format/Bits.h"

#define DEBUG_TYPE "mxfp4-expand-narrow-floats"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_EXPANDNARROWFLOATSPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

static bool isNarrow(Type type) {
  Type element = getElementTypeOrSelf(type);
  return isa<FloatType>(element) && element.getIntOrFloatBitWidth() <= 8;
}

/// True if `type` is one that casts are expanded from and to.
static bool isKnown(Type type) {
  Type element = getElementTypeOrSelf(type);
  return isa<Float8E8M0FNUType, Float16Type, BFloat16Type, Float32Type,
             Float64Type>(element) ||
         getElementFormat(element);
}

/// True if `op` casts from or to a type that LLVM does not have, or between a
/// float of 16 bits and an f64, for which it would call a function.
static bool isToBeExpanded(Operation *op) {
  if (!isa<arith::ExtFOp, arith::TruncFOp>(op))
    return false;
  Type from = op->getOperand(0).getType(), to = op->getResult(0).getType();
  if (isa<TensorType>(from))
    return false;
  auto areHalfAndDouble = [](Type x, Type y) {
    return getElementTypeOrSelf(x).getIntOrFloatBitWidth() == 16 &&
           getElementTypeOrSelf(y).isF64();
  };
  return isNarrow(from) || isNarrow(to) || areHalfAndDouble(from, to) ||
         areHalfAndDouble(to, from);
}

/// The integer type, scalar or vector, that has the bits of `type`.
static Type getBitsType(ImplicitLocOpBuilder &b, Type type) {
  unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  return withElement(type, b.getIntegerType(width));
}

static bool isToNearestEven(arith::ExtFOp) { return true; }

static bool isToNearestEven(arith::TruncFOp op) {
  return op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even) ==
         arith::RoundingMode::to_nearest_even;
}

/// An f64 as the f32 next to it whose last bit is set, if none is equal:
/// rounded again to fewer bits it gives what one rounding would.
static Value roundToOdd(ImplicitLocOpBuilder &b, Value value) {
  Type f32 = withElement(value.getType(), b.getF32Type());
  Type i32 = withElement(value.getType(), b.getI32Type());
  Value nearest = arith::TruncFOp::create(b, f32, value);
  Value wide = arith::ExtFOp::create(b, value.getType(), nearest);
  auto bitsOf = [&](Value x, Type type) -> Value {
    return arith::BitcastOp::create(b, type, x);
  };
  Type i64 = withElement(value.getType(), b.getI64Type());
  Value magnitudeMask =
      constantInt(b, i64, std::numeric_limits<int64_t>::max());
  Value isBeyond = arith::CmpIOp::create(
      b, arith::CmpIPredicate::ugt,
      arith::AndIOp::create(b, bitsOf(wide, i64), magnitudeMask),
      arith::AndIOp::create(b, bitsOf(value, i64), magnitudeMask));
  // The last bit of a NaN may be set: it stays one.
  Value isInexact =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, wide, value);
  Value truncated = arith::SubIOp::create(
      b, bitsOf(nearest, i32), arith::ExtUIOp::create(b, i32, isBeyond));
  Value odd = arith::OrIOp::create(b, truncated,
                                   arith::ExtUIOp::create(b, i32, isInexact));
  return bitsOf(odd, f32);
}

/// The code of `value`, an f32, as an i32. What is too large or no number
/// becomes infinity and NaN, as far as the format has them; else the largest
/// number and -0 are left for these.
static Value encodeCast(ImplicitLocOpBuilder &b,
                        const mx::ElementFormat &format, Value value) {
  Type i32 = withElement(value.getType(), b.getI32Type());
  auto integer = [&](int64_t value) { return constantInt(b, i32, value); };
  auto select = [&](Value magnitude, int64_t above, int64_t code,
                    Value other) -> Value {
    Value isAbove = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt,
                                          magnitude, integer(above));
    return arith::SelectOp::create(b, isAbove, integer(code), other);
  };
  Value bits = arith::BitcastOp::create(b, i32, value);
  Value magnitude = arith::AndIOp::create(b, bits, integer(mx::kMagnitudeMask));
  Value code = encodeElement(b, format, value, Rounding::NearestEven,
                             /*random=*/Value());
  int64_t signBit = format.magnitudeMask() + 1;
  Value sign = arith::AndIOp::create(b, code, integer(signBit));
  Value unsignedCode =
      arith::AndIOp::create(b, code, integer(format.magnitudeMask()));
  if (format.nan) {
    // Half a step beyond the largest number; a tie goes to the even code.
    float below = mx::decode(format, format.largest - 1);
    float limit = format.largestValue + (format.largestValue - below) / 2;
    int64_t last = int64_t(mx::bitsOf(limit)) - (format.largest & 1);
    unsignedCode =
        select(magnitude, last, format.infinity ? format.infinity : format.nan,
               unsignedCode);
  }
  unsignedCode = select(magnitude, mx::kInfinityBits, format.nan, unsignedCode);
  if (!format.nan)
    sign = select(magnitude, mx::kInfinityBits, signBit, sign);
  return arith::OrIOp::create(b, unsignedCode, sign);
}

/// The E8M0 scale nearest to `value`, an f32, as an i32. A tie goes up, and
/// what is not above zero becomes NaN; between the two smallest scales all goes
/// up, as in ml_dtypes and JAX.
static Value encodeE8M0(ImplicitLocOpBuilder &b, Value value) {
  Type i32 = withElement(value.getType(), b.getI32Type());
  auto integer = [&](int64_t value) { return constantInt(b, i32, value); };
  Value bits = arith::BitcastOp::create(b, i32, value);
  constexpr int64_t half = 1 << (mx::kMantissaBits - 1);
  Value isNormal = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, bits,
                                         integer((1 << mx::kMantissaBits) - 1));
  Value rounded = arith::ShRUIOp::create(
      b,
      arith::AddIOp::create(b,
                            arith::AddIOp::create(b, bits, integer(half - 1)),
                            arith::ExtUIOp::create(b, i32, isNormal)),
      integer(mx::kMantissaBits));
  // Zero, and all with a sign, which come after infinity.
  Value hasNone = arith::CmpIOp::create(
      b, arith::CmpIPredicate::uge, arith::SubIOp::create(b, bits, integer(1)),
      integer(mx::kInfinityBits - 1));
  return arith::SelectOp::create(
      b, hasNone, integer(mx::kScaleNaN),
      arith::MinUIOp::create(b, rounded, integer(mx::kScaleNaN)));
}

/// `value` of any of the types as an f32 that is to be rounded to fewer bits.
static Value widen(ImplicitLocOpBuilder &b, Value value) {
  Type element = getElementTypeOrSelf(value);
  if (element.isF64())
    return roundToOdd(b, value);
  if (!isNarrow(element))
    return convertFloat(b, value, b.getF32Type());
  Value code = arith::ExtUIOp::create(
      b, withElement(value.getType(), b.getI32Type()),
      arith::BitcastOp::create(b, getBitsType(b, value.getType()), value));
  const mx::ElementFormat *format = getElementFormat(element);
  return format ? decodeElement(b, *format, code)
                : decodeScale(b, mx::ScaleFormat::E8M0, code);
}

/// The f32 `value` as `type`.
static Value narrow(ImplicitLocOpBuilder &b, Value value, Type type) {
  Type element = getElementTypeOrSelf(type);
  if (!isNarrow(element))
    return convertFloat(b, value, element);
  const mx::ElementFormat *format = getElementFormat(element);
  Value code = format ? encodeCast(b, *format, value) : encodeE8M0(b, value);
  return arith::BitcastOp::create(
      b, type, arith::TruncIOp::create(b, getBitsType(b, type), code));
}

namespace {
template <typename CastOp> struct ExpandCast final : OpRewritePattern<CastOp> {
  using OpRewritePattern<CastOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(CastOp op,
                                PatternRewriter &rewriter) const override {
    if (!isToBeExpanded(op) || !isKnown(op.getIn().getType()) ||
        !isKnown(op.getType()) || !isToNearestEven(op))
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, narrow(b, widen(b, op.getIn()), op.getType()));
    return success();
  }
};

/// Multiplies or divides by an E8M0 scale in f32, and rounds then.
template <typename ScalingOp, typename ProductOp>
struct ExpandScaling final : OpRewritePattern<ScalingOp> {
  using OpRewritePattern<ScalingOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(ScalingOp op,
                                PatternRewriter &rewriter) const override {
    Type scale = getElementTypeOrSelf(op.getScale());
    if (isa<TensorType>(op.getType()) || !isa<Float8E8M0FNUType>(scale) ||
        !isKnown(op.getIn().getType()) || !isKnown(op.getType()))
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value product =
        ProductOp::create(b, widen(b, op.getIn()), widen(b, op.getScale()));
    rewriter.replaceOp(op, narrow(b, product, op.getType()));
    return success();
  }
};

struct ExpandNarrowFloatsPass final
    : mxfp4::impl::ExpandNarrowFloatsPassBase<ExpandNarrowFloatsPass> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandCast<arith::ExtFOp>, ExpandCast<arith::TruncFOp>,
                 ExpandScaling<arith::ScalingExtFOp, arith::MulFOp>,
                 ExpandScaling<arith::ScalingTruncFOp, arith::DivFOp>>(
        patterns.getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    WalkResult walk =
        getOperation()->walk([](Operation *op) {
          if (!isToBeExpanded(op))
            return WalkResult::advance();
          op->emitOpError()
              << "cannot be expanded: expected a cast, rounded to the nearest, "
                 "between f4E2M1FN, f6E2M3FN, f6E3M2FN, f8E4M3FN, f8E5M2, "
                 "f8E8M0FNU, f16, bf16, f32 and f64, but got "
              << op->getOperand(0).getType() << " to "
              << op->getResult(0).getType();
          return WalkResult::interrupt();
        });
    if (walk.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
