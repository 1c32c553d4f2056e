//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Floats are computed in f64 and rounded after each op, which for f32, bf16 and
// f16 is the same as computing in their type.
//
//===----------------------------------------------------------------------===//

#include "ScalarEvaluation.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/TypeUtilities.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace mlir::mxfp4;

static unsigned widthOf(Type type) {
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

static ScalarValue integer(Type type, uint64_t bits) {
  ScalarValue value;
  value.bits = bits & llvm::maskTrailingOnes<uint64_t>(widthOf(type));
  return value;
}

static ScalarValue real(Type type, double number) {
  ScalarValue value;
  value.real = roundToFloat(type, number);
  return value;
}

int64_t mxfp4::signExtend(Type type, uint64_t bits) {
  return llvm::SignExtend64(bits, widthOf(type));
}

static bool isWideFloat(Type type) {
  return type.isF16() || type.isBF16() || type.isF32() || type.isF64();
}

double mxfp4::roundToFloat(Type type, double number) {
  if (type.isF64())
    return number;
  if (type.isF32())
    return static_cast<float>(number);
  llvm::APFloat value(number);
  bool losesInfo;
  value.convert(cast<FloatType>(type).getFloatSemantics(),
                llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return value.convertToDouble();
}

ScalarValue mxfp4::decodeBits(Type type, uint64_t bits) {
  ScalarValue value;
  if (!isa<FloatType>(type))
    return integer(type, bits);
  if (isa<Float8E8M0FNUType>(type)) {
    value.real = mx::decodeE8M0(static_cast<uint8_t>(bits));
  } else if (const mx::ElementFormat *format = getElementFormat(type)) {
    value.real = mx::decode(*format, static_cast<uint8_t>(bits));
  } else {
    llvm::APFloat number(cast<FloatType>(type).getFloatSemantics(),
                         llvm::APInt(widthOf(type), bits));
    value.real = number.convertToDouble();
  }
  return value;
}

/// The bits of a number of one of the wide float types, or of an integer.
static uint64_t encodeBits(Type type, ScalarValue value) {
  if (!isa<FloatType>(type))
    return value.bits;
  llvm::APFloat number(value.real);
  bool losesInfo;
  number.convert(cast<FloatType>(type).getFloatSemantics(),
                 llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return number.bitcastToAPInt().getZExtValue();
}

std::optional<ScalarValue> mxfp4::getScalar(Attribute attribute) {
  if (auto number = dyn_cast<IntegerAttr>(attribute)) {
    if (number.getValue().getBitWidth() > 64)
      return std::nullopt;
    return integer(number.getType(), number.getValue().getZExtValue());
  }
  if (auto number = dyn_cast<FloatAttr>(attribute)) {
    if (widthOf(number.getType()) > 64)
      return std::nullopt;
    return decodeBits(number.getType(),
                      number.getValue().bitcastToAPInt().getZExtValue());
  }
  return std::nullopt;
}

std::optional<ScalarValue> mxfp4::getElement(ElementsAttr elements,
                                             int64_t place) {
  Type type = elements.getElementType();
  if (!type.isIntOrIndexOrFloat() || widthOf(type) > 64)
    return std::nullopt;
  if (isa<FloatType>(type)) {
    if (auto values = elements.tryGetValues<APFloat>())
      return decodeBits(
          type, (*(values->begin() + place)).bitcastToAPInt().getZExtValue());
  } else if (auto values = elements.tryGetValues<APInt>()) {
    return integer(type, (*(values->begin() + place)).getZExtValue());
  }
  auto resource = dyn_cast<DenseResourceElementsAttr>(elements);
  if (!resource || widthOf(type) % 8 != 0)
    return std::nullopt;
  AsmResourceBlob *blob = resource.getRawHandle().getBlob();
  size_t bytes = widthOf(type) / 8;
  size_t begin = static_cast<size_t>(place) * bytes;
  if (!blob || blob->getData().size() < begin + bytes)
    return std::nullopt;
  uint64_t bits = 0;
  for (size_t i = bytes; i-- > 0;)
    bits = bits << 8 | static_cast<uint8_t>(blob->getData()[begin + i]);
  return decodeBits(type, bits);
}

bool mxfp4::canEvaluateOp(Operation *op) {
  return isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::AndIOp,
             arith::OrIOp, arith::XOrIOp, arith::ShLIOp, arith::ShRUIOp,
             arith::ShRSIOp, arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp,
             arith::MinUIOp, arith::CmpIOp, arith::SelectOp, arith::ExtUIOp,
             arith::ExtSIOp, arith::TruncIOp, arith::IndexCastOp,
             arith::IndexCastUIOp, arith::BitcastOp, tensor::BitcastOp,
             arith::UIToFPOp, arith::SIToFPOp, arith::FPToSIOp, arith::FPToUIOp,
             arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
             arith::NegFOp, arith::CmpFOp, arith::MaximumFOp, arith::MinimumFOp,
             arith::ExtFOp, arith::TruncFOp, arith::ScalingExtFOp, math::AbsFOp,
             math::ExpOp, math::Exp2Op, math::PowFOp, math::FPowIOp,
             math::FloorOp, math::CeilOp>(op);
}

static bool compareIntegers(arith::CmpIPredicate predicate, Type type,
                            uint64_t a, uint64_t b) {
  int64_t x = signExtend(type, a), y = signExtend(type, b);
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return a == b;
  case arith::CmpIPredicate::ne:
    return a != b;
  case arith::CmpIPredicate::slt:
    return x < y;
  case arith::CmpIPredicate::sle:
    return x <= y;
  case arith::CmpIPredicate::sgt:
    return x > y;
  case arith::CmpIPredicate::sge:
    return x >= y;
  case arith::CmpIPredicate::ult:
    return a < b;
  case arith::CmpIPredicate::ule:
    return a <= b;
  case arith::CmpIPredicate::ugt:
    return a > b;
  case arith::CmpIPredicate::uge:
    return a >= b;
  }
  llvm_unreachable("unknown predicate");
}

static std::optional<uint64_t> shift(Operation *op, Type type, uint64_t value,
                                     uint64_t amount) {
  if (amount >= widthOf(type)) // poison
    return std::nullopt;
  if (isa<arith::ShLIOp>(op))
    return value << amount;
  if (isa<arith::ShRUIOp>(op))
    return value >> amount;
  return static_cast<uint64_t>(signExtend(type, value) >> amount);
}

/// The result of an integer op on `x` and `y` of `type`.
static std::optional<uint64_t> evaluateIntegers(Operation *op, Type type,
                                                uint64_t x, uint64_t y) {
  int64_t signedX = signExtend(type, x), signedY = signExtend(type, y);
  return llvm::TypeSwitch<Operation *, std::optional<uint64_t>>(op)
      .Case([&](arith::AddIOp) { return x + y; })
      .Case([&](arith::SubIOp) { return x - y; })
      .Case([&](arith::MulIOp) { return x * y; })
      .Case([&](arith::AndIOp) { return x & y; })
      .Case([&](arith::OrIOp) { return x | y; })
      .Case([&](arith::XOrIOp) { return x ^ y; })
      .Case([&](arith::MaxSIOp) { return signedX > signedY ? x : y; })
      .Case([&](arith::MinSIOp) { return signedX < signedY ? x : y; })
      .Case([&](arith::MaxUIOp) { return std::max(x, y); })
      .Case([&](arith::MinUIOp) { return std::min(x, y); })
      .Case<arith::ShLIOp, arith::ShRUIOp, arith::ShRSIOp>(
          [&](Operation *op) { return shift(op, type, x, y); })
      .Case([&](arith::CmpIOp compare) {
        return uint64_t(compareIntegers(compare.getPredicate(), type, x, y));
      })
      .Default(std::optional<uint64_t>());
}

/// The result of a float op before it is rounded.
static std::optional<double> evaluateFloats(Operation *op, double x, double y) {
  return llvm::TypeSwitch<Operation *, std::optional<double>>(op)
      .Case([&](arith::AddFOp) { return x + y; })
      .Case([&](arith::SubFOp) { return x - y; })
      .Case<arith::MulFOp, arith::ScalingExtFOp>(
          [&](Operation *) { return x * y; })
      .Case([&](arith::DivFOp) { return x / y; })
      .Case([&](arith::NegFOp) { return -x; })
      .Case([&](arith::MaximumFOp) {
        return std::isnan(x) || std::isnan(y) ? x + y : std::max(x, y);
      })
      .Case([&](arith::MinimumFOp) {
        return std::isnan(x) || std::isnan(y) ? x + y : std::min(x, y);
      })
      .Case<arith::ExtFOp, arith::TruncFOp>([&](Operation *) { return x; })
      .Case([&](math::AbsFOp) { return std::fabs(x); })
      .Case([&](math::ExpOp) { return std::exp(x); })
      .Case([&](math::Exp2Op) { return std::exp2(x); })
      .Case([&](math::PowFOp) { return std::pow(x, y); })
      .Case([&](math::FloorOp) { return std::floor(x); })
      .Case([&](math::CeilOp) { return std::ceil(x); })
      .Default(std::optional<double>());
}

static bool compareFloats(arith::CmpFPredicate predicate, double x, double y) {
  bool isUnordered = std::isnan(x) || std::isnan(y);
  switch (predicate) {
  case arith::CmpFPredicate::AlwaysFalse:
    return false;
  case arith::CmpFPredicate::AlwaysTrue:
    return true;
  case arith::CmpFPredicate::ORD:
    return !isUnordered;
  case arith::CmpFPredicate::UNO:
    return isUnordered;
  case arith::CmpFPredicate::OEQ:
    return x == y;
  case arith::CmpFPredicate::ONE:
    return x < y || x > y;
  case arith::CmpFPredicate::OLT:
    return x < y;
  case arith::CmpFPredicate::OLE:
    return x <= y;
  case arith::CmpFPredicate::OGT:
    return x > y;
  case arith::CmpFPredicate::OGE:
    return x >= y;
  case arith::CmpFPredicate::UEQ:
    return isUnordered || x == y;
  case arith::CmpFPredicate::UNE:
    return isUnordered || x != y;
  case arith::CmpFPredicate::ULT:
    return isUnordered || x < y;
  case arith::CmpFPredicate::ULE:
    return isUnordered || x <= y;
  case arith::CmpFPredicate::UGT:
    return isUnordered || x > y;
  case arith::CmpFPredicate::UGE:
    return isUnordered || x >= y;
  }
  llvm_unreachable("unknown predicate");
}

/// A float as an integer of `type`, if it fits.
static std::optional<ScalarValue> toInteger(Type type, double number,
                                            bool isSigned) {
  double whole = std::trunc(number);
  double limit = std::ldexp(1.0, widthOf(type) - (isSigned ? 1 : 0));
  if (!(whole >= (isSigned ? -limit : 0.0) && whole < limit))
    return std::nullopt;
  return integer(type, isSigned
                           ? static_cast<uint64_t>(static_cast<int64_t>(whole))
                           : static_cast<uint64_t>(whole));
}

std::optional<ScalarValue> mxfp4::evaluateOp(Operation *op,
                                             ArrayRef<ScalarValue> operands) {
  if (!canEvaluateOp(op))
    return std::nullopt;
  Type from = getElementTypeOrSelf(op->getOperand(0).getType());
  Type to = getElementTypeOrSelf(op->getResult(0).getType());
  if ((isa<FloatType>(to) && !isWideFloat(to) && !isa<arith::BitcastOp>(op) &&
       !isa<tensor::BitcastOp>(op)) ||
      (isa<FloatType>(from) && widthOf(from) > 64))
    return std::nullopt;
  ScalarValue x = operands[0];
  ScalarValue y = operands.size() > 1 ? operands[1] : ScalarValue();
  if (isa<arith::SelectOp>(op))
    return x.bits & 1 ? operands[1] : operands[2];
  if (isa<arith::BitcastOp, tensor::BitcastOp>(op)) {
    if (widthOf(from) != widthOf(to) ||
        (isa<FloatType>(from) && !isWideFloat(from)))
      return std::nullopt;
    return decodeBits(to, encodeBits(from, x));
  }
  if (isa<arith::ExtUIOp, arith::TruncIOp, arith::IndexCastUIOp>(op))
    return integer(to, x.bits);
  if (isa<arith::ExtSIOp, arith::IndexCastOp>(op))
    return integer(to, static_cast<uint64_t>(signExtend(from, x.bits)));
  if (isa<arith::UIToFPOp>(op))
    return real(to, static_cast<double>(x.bits));
  if (isa<arith::SIToFPOp>(op))
    return real(to, static_cast<double>(signExtend(from, x.bits)));
  if (isa<arith::FPToSIOp, arith::FPToUIOp>(op))
    return toInteger(to, x.real, isa<arith::FPToSIOp>(op));
  if (isa<math::FPowIOp>(op)) {
    Type exponent = getElementTypeOrSelf(op->getOperand(1).getType());
    return real(to, std::pow(x.real, signExtend(exponent, y.bits)));
  }
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return integer(to, compareFloats(compare.getPredicate(), x.real, y.real));
  if (auto scaling = dyn_cast<arith::ScalingExtFOp>(op))
    // Other scales are rounded to E8M0 first.
    if (!isa<Float8E8M0FNUType>(getElementTypeOrSelf(scaling.getScale())))
      return std::nullopt;
  if (isa<FloatType>(to)) {
    if (std::optional<double> result = evaluateFloats(op, x.real, y.real))
      return real(to, *result);
    return std::nullopt;
  }
  if (std::optional<uint64_t> result =
          evaluateIntegers(op, from, x.bits, y.bits))
    return integer(to, *result);
  return std::nullopt;
}
