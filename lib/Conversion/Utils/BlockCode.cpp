//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scales of blocks by integer arithmetic on the bits of an f32.
//
//===----------------------------------------------------------------------===//

#include "BlockCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mxfp4/Format/Bits.h"
#include "mxfp4/Format/Quantize.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;

/// The E8M0 scale byte of a block by the bits of its largest magnitude, which
/// is finite (F9, F10).
static Value chooseE8M0(ImplicitLocOpBuilder &b,
                        const mx::ElementFormat &element, Value bits,
                        ScaleRule rule) {
  Type i32 = bits.getType(), f32 = withElement(i32, b.getF32Type());
  auto exponentOf = [&](Value bits, int64_t carry) -> Value {
    if (carry != 0)
      bits = arith::AddIOp::create(b, bits, constantInt(b, i32, carry));
    return arith::ShRUIOp::create(b, bits,
                                  constantInt(b, i32, mx::kMantissaBits));
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

/// The E4M3 scale byte of a block by its largest magnitude (F22).
static Value chooseE4M3(ImplicitLocOpBuilder &b,
                        const mx::ElementFormat &element, Value bits,
                        Value encodeScale) {
  Type f32 = withElement(bits.getType(), b.getF32Type());
  // The reciprocal is rounded first.
  Value factor = constantFloat(b, f32, 1.0f / element.largestValue);
  if (encodeScale)
    factor = arith::MulFOp::create(b, encodeScale, factor);
  Value largest = arith::BitcastOp::create(b, f32, bits);
  return encodeElement(b, mx::kE4M3, arith::MulFOp::create(b, largest, factor),
                       Rounding::NearestEven, /*random=*/Value());
}

/// 2^(exponent - 127).
static Value powerOfTwo(ImplicitLocOpBuilder &b, Value exponent) {
  Type i32 = exponent.getType();
  return arith::BitcastOp::create(
      b, withElement(i32, b.getF32Type()),
      arith::ShLIOp::create(b, exponent,
                            constantInt(b, i32, mx::kMantissaBits)));
}

/// 2^-E for the E8M0 scale `byte`.
static Value invertE8M0(ImplicitLocOpBuilder &b, Value byte) {
  // Exact and normal: no rule gives byte 254.
  return powerOfTwo(
      b, arith::SubIOp::create(b, constantInt(b, byte.getType(), 254), byte));
}

/// 1 / (scale * decode scale) for the E4M3 scale `byte` (F22).
static Value invertE4M3(ImplicitLocOpBuilder &b, Value byte,
                        Value encodeScale) {
  Type f32 = withElement(byte.getType(), b.getF32Type());
  Value one = constantFloat(b, f32, 1.0);
  Value divisor = decodeScale(b, mx::ScaleFormat::E4M3, byte);
  if (encodeScale)
    divisor = arith::MulFOp::create(b, divisor,
                                    arith::DivFOp::create(b, one, encodeScale));
  Value inverse = arith::DivFOp::create(b, one, divisor);
  Value largest = constantFloat(b, f32, std::numeric_limits<float>::max());
  Value isFinite =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, inverse, largest);
  return arith::SelectOp::create(b, isFinite, inverse, largest);
}

BlockMaker::Scale BlockMaker::chooseScale(ImplicitLocOpBuilder &b,
                                          Value largest,
                                          Value encodeScale) const {
  Type i32 = largest.getType();
  bool isE8M0 = format.scale == mx::ScaleFormat::E8M0;
  Value finite = isE8M0 ? chooseE8M0(b, format.element, largest, rule)
                        : chooseE4M3(b, format.element, largest, encodeScale);
  Value inverse =
      isE8M0 ? invertE8M0(b, finite) : invertE4M3(b, finite, encodeScale);
  // NaN and infinity are the largest magnitudes.
  Value isNaN = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, largest,
                                      constantInt(b, i32, mx::kInfinityBits));
  Value nan = constantInt(b, i32, isE8M0 ? mx::kScaleNaN : mx::kE4M3.nan);
  return {arith::SelectOp::create(b, isNaN, nan, finite), isNaN, inverse};
}

/// The scale of blocks of 16-bit integers, a power of two, and its inverse.
static std::pair<Value, Value> chooseInt16Scale(ImplicitLocOpBuilder &b,
                                                Value largest) {
  Type i32 = largest.getType();
  // Numbers from 2^E on become 2^14 and more. E is one more where the largest
  // would round to what two signed bytes cannot hold.
  constexpr int64_t shift = 14, carry = 2 << (mx::kMantissaBits - 7);
  Value exponent = arith::ShRUIOp::create(
      b, arith::AddIOp::create(b, largest, constantInt(b, i32, carry)),
      constantInt(b, i32, mx::kMantissaBits));
  // Half of the scale is a normal number as well.
  exponent =
      arith::MaxSIOp::create(b, exponent, constantInt(b, i32, shift + 2));
  return {powerOfTwo(b, arith::SubIOp::create(b, exponent,
                                              constantInt(b, i32, shift))),
          powerOfTwo(b, arith::SubIOp::create(
                            b, constantInt(b, i32, 254 + shift), exponent))};
}

/// The scale of blocks of 8-bit integers, of which the largest becomes 127, and
/// its inverse.
static std::pair<Value, Value> chooseInt8Scale(ImplicitLocOpBuilder &b,
                                               Value largest) {
  Type i32 = largest.getType(), f32 = withElement(i32, b.getF32Type());
  // From 2^-118 on half of the scale is a normal number, and the inverse
  // finite.
  constexpr int64_t smallest = int64_t(127 - 118) << mx::kMantissaBits;
  Value magnitude = arith::BitcastOp::create(
      b, f32,
      arith::MaxSIOp::create(b, largest, constantInt(b, i32, smallest)));
  Value limit = constantFloat(b, f32, 127.0);
  return {arith::DivFOp::create(b, magnitude, limit),
          arith::DivFOp::create(b, limit, magnitude)};
}

IntegerBlock mxfp4::emitIntegerOfBlock(ImplicitLocOpBuilder &b, Value x,
                                       Value largest, InputFormat format) {
  Type i32 = largest.getType(), f32 = withElement(i32, b.getF32Type());
  auto [scale, inverse] = format == InputFormat::Int16
                              ? chooseInt16Scale(b, largest)
                              : chooseInt8Scale(b, largest);
  Value isNaN = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, largest,
                                      constantInt(b, i32, mx::kInfinityBits));
  Value nan = constantFloat(b, f32, std::numeric_limits<float>::quiet_NaN());
  scale = arith::SelectOp::create(b, isNaN, nan, scale);
  if (auto vector = dyn_cast<VectorType>(x.getType()))
    inverse = vector::BroadcastOp::create(b, vector, inverse);

  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
  Value magic = constantFloat(b, x.getType(), 12582912.0);
  Type integers = withElement(x.getType(), b.getI32Type());
  Value rounded =
      arith::AddFOp::create(b, arith::MulFOp::create(b, x, inverse), magic);
  return {arith::SubIOp::create(b,
                                arith::BitcastOp::create(b, integers, rounded),
                                arith::BitcastOp::create(b, integers, magic)),
          scale};
}

IntegerBlock mxfp4::emitIntegerBlock(ImplicitLocOpBuilder &b, Value numbers,
                                     InputFormat format) {
  Type integers = withElement(numbers.getType(), b.getI32Type());
  // Magnitudes order like their bits; NaN and infinity come last.
  Value magnitudes =
      arith::AndIOp::create(b, arith::BitcastOp::create(b, integers, numbers),
                            constantInt(b, integers, mx::kMagnitudeMask));
  Value largest =
      vector::ReductionOp::create(b, vector::CombiningKind::MAXSI, magnitudes);
  return emitIntegerOfBlock(b, numbers, largest, format);
}
