//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sampling.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Bits of an infinite f32.
static constexpr int64_t kInfinity = 0x7F800000;

/// The first word of Philox4x32-10 for the counter (token, position, sequence,
/// 0).
static Value emitPhilox(ImplicitLocOpBuilder &b, const SampleSettings &settings,
                        Value token, Value position, Value sequence) {
  constexpr int rounds = 10;
  Type i32 = b.getI32Type();
  auto word = [&](int64_t value) { return constantInt(b, i32, value); };
  Value counter[4] = {token, position, sequence, word(0)};
  Value key[2] = {settings.key[0], settings.key[1]};
  auto multiply = [&](Value x, int64_t factor) {
    return arith::MulUIExtendedOp::create(b, x, word(factor));
  };
  auto mix = [&](Value x, Value y, Value z) -> Value {
    return arith::XOrIOp::create(b, arith::XOrIOp::create(b, x, y), z);
  };
  for (int round = 0; round < rounds; ++round) {
    auto first = multiply(counter[0], 0xD2511F53);
    auto second = multiply(counter[2], 0xCD9E8D57);
    Value next[] = {mix(second.getHigh(), counter[1], key[0]), second.getLow(),
                    mix(first.getHigh(), counter[3], key[1]), first.getLow()};
    std::copy(std::begin(next), std::end(next), counter);
    key[0] = arith::AddIOp::create(b, key[0], word(0x9E3779B9));
    key[1] = arith::AddIOp::create(b, key[1], word(0xBB67AE85));
  }
  return counter[0];
}

/// -ln(1 - w) with w = (random + 0.5) / 2^32.
static Value emitExponential(ImplicitLocOpBuilder &b, Value random) {
  Type f32 = b.getF32Type();
  auto number = [&](double value) { return constantFloat(b, f32, value); };
  Value w = arith::MulFOp::create(
      b,
      arith::AddFOp::create(b, arith::UIToFPOp::create(b, f32, random),
                            number(0.5)),
      number(0x1p-32));
  // Near 0 the difference to 1 has few digits: the first terms of the series.
  Value few = arith::MulFOp::create(
      b, w,
      arith::AddFOp::create(b, number(1.0),
                            arith::MulFOp::create(b, w, number(0.5))));
  // A w next to 1 is rounded to it.
  Value rest = arith::MaximumFOp::create(
      b, arith::SubFOp::create(b, number(1.0), w), number(0x1p-33));
  Value many = arith::NegFOp::create(b, math::LogOp::create(b, rest));
  Value isSmall =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, w, number(0x1p-12));
  return arith::SelectOp::create(b, isSmall, few, many);
}

Value mxfp4::emitSampleKey(ImplicitLocOpBuilder &b,
                           const SampleSettings &settings, Value logit,
                           Value token, Value position, Value sequence) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type(), i64 = b.getI64Type();
  Value number = arith::IndexCastOp::create(b, i32, token);
  Value random = emitPhilox(b, settings, number,
                            arith::IndexCastOp::create(b, i32, position),
                            arith::IndexCastOp::create(b, i32, sequence));
  Value noise = arith::NegFOp::create(
      b, math::LogOp::create(b, emitExponential(b, random)));
  Value factor = arith::BitcastOp::create(b, f32, settings.factor);
  Value noisy =
      arith::AddFOp::create(b, arith::MulFOp::create(b, logit, factor), noise);
  Value isGreedy = arith::CmpIOp::create(
      b, arith::CmpIPredicate::eq, settings.factor, constantInt(b, i32, 0));
  Value score = arith::SelectOp::create(b, isGreedy, logit, noisy);
  // -0 and 0 are equal.
  score = arith::AddFOp::create(b, score, constantFloat(b, f32, 0.0));
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, logit, logit);
  Value order = arith::SelectOp::create(
      b, isNaN, constantInt(b, i32, 0x7FFFFFFF),
      flipOrder(b, arith::BitcastOp::create(b, i32, score)));
  Value high = arith::ShLIOp::create(b, arith::ExtSIOp::create(b, i64, order),
                                     constantInt(b, i64, 32));
  // Of equal scores the lowest token is the largest.
  Value low = arith::ExtUIOp::create(
      b, i64, arith::XOrIOp::create(b, number, constantInt(b, i32, -1)));
  Value isAllowed = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number,
                                          settings.limit);
  return arith::SelectOp::create(b, isAllowed,
                                 arith::OrIOp::create(b, high, low),
                                 constantInt(b, i64, kLowestSampleKey));
}

Value mxfp4::emitSampledToken(ImplicitLocOpBuilder &b, Value key) {
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  Value order = arith::TruncIOp::create(
      b, i32, arith::ShRSIOp::create(b, key, constantInt(b, i64, 32)));
  Value token = arith::XOrIOp::create(b, arith::TruncIOp::create(b, i32, key),
                                      constantInt(b, i32, -1));
  auto isBeyond = [&](arith::CmpIPredicate predicate, int64_t bits) -> Value {
    return arith::CmpIOp::create(b, predicate, order,
                                 constantInt(b, i32, bits));
  };
  Value isNone =
      arith::OrIOp::create(b, isBeyond(arith::CmpIPredicate::sge, kInfinity),
                           isBeyond(arith::CmpIPredicate::sle, ~kInfinity));
  return arith::SelectOp::create(b, isNone, constantInt(b, i32, -1), token);
}
