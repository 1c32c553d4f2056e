//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exact conversions of the narrow formats as arith ops, and loops over tensors.
// The conversions are our own: those of arith-expand are wrong for scale byte 0
// and for ties.
//
//===----------------------------------------------------------------------===//

#include "ScalarCode.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mxfp4/Format/Bits.h"

#include <cmath>

using namespace mlir;
using namespace mlir::mxfp4;

Type mxfp4::withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

static Value constant(ImplicitLocOpBuilder &b, Type type, TypedAttr scalar) {
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(vector, Attribute(scalar)));
  return arith::ConstantOp::create(b, scalar);
}

Value mxfp4::constantInt(ImplicitLocOpBuilder &b, Type type, int64_t value) {
  return constant(b, type, b.getIntegerAttr(getElementTypeOrSelf(type), value));
}

Value mxfp4::constantFloat(ImplicitLocOpBuilder &b, Type type, double value) {
  return constant(b, type, b.getFloatAttr(getElementTypeOrSelf(type), value));
}

Value mxfp4::constantIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

Value mxfp4::addIndex(ImplicitLocOpBuilder &b, Value x, Value y) {
  return arith::AddIOp::create(b, x, y);
}

Value mxfp4::addIndex(ImplicitLocOpBuilder &b, Value x, int64_t y) {
  return y == 0 ? x : addIndex(b, x, constantIndex(b, y));
}

Value mxfp4::subIndex(ImplicitLocOpBuilder &b, Value x, Value y) {
  return arith::SubIOp::create(b, x, y);
}

Value mxfp4::mulIndex(ImplicitLocOpBuilder &b, Value x, int64_t y) {
  return y == 1 ? x : arith::MulIOp::create(b, x, constantIndex(b, y));
}

Value mxfp4::divIndex(ImplicitLocOpBuilder &b, Value x, int64_t y) {
  return y == 1 ? x : arith::DivUIOp::create(b, x, constantIndex(b, y));
}

Value mxfp4::remIndex(ImplicitLocOpBuilder &b, Value x, int64_t y) {
  return y == 1 ? constantIndex(b, 0)
                : arith::RemUIOp::create(b, x, constantIndex(b, y));
}

Value mxfp4::convertFloat(ImplicitLocOpBuilder &b, Value value, Type element) {
  Type type = withElement(value.getType(), element);
  unsigned from = getElementTypeOrSelf(value).getIntOrFloatBitWidth();
  unsigned to = element.getIntOrFloatBitWidth();
  if (type == value.getType())
    return value;
  if (to > from)
    return arith::ExtFOp::create(b, type, value);
  if (to < from)
    return arith::TruncFOp::create(b, type, value);
  // f16 and bf16 hold different numbers in as many bits.
  return convertFloat(b, convertFloat(b, value, b.getF32Type()), element);
}

/// The power of two 2^`exponent` as a constant.
static Value constantPower(ImplicitLocOpBuilder &b, Type f32, int exponent) {
  return constantFloat(b, f32, std::ldexp(1.0, exponent));
}

Value mxfp4::decodeElement(ImplicitLocOpBuilder &b,
                           const mx::ElementFormat &format, Value code) {
  Type i32 = code.getType();
  Type f32 = withElement(i32, b.getF32Type());
  auto integer = [&](int64_t value) { return constantInt(b, i32, value); };
  auto isBelow = [&](Value value, int64_t bound) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, value,
                                 integer(bound));
  };
  int64_t mask = format.magnitudeMask();
  Value magnitude = arith::AndIOp::create(b, code, integer(mask));
  Value sign = arith::ShLIOp::create(
      b, arith::AndIOp::create(b, code, integer(mask + 1)),
      integer(32 - format.bits));
  // Exponent and mantissa stand as in f32, but the exponent has another bias.
  int64_t hidden = int64_t(1) << format.mantissaBits;
  Value bits = arith::AddIOp::create(
      b,
      arith::ShLIOp::create(b, magnitude,
                            integer(mx::kMantissaBits - format.mantissaBits)),
      integer(int64_t(127 - format.bias) << mx::kMantissaBits));
  // Subnormal numbers are multiples of the smallest.
  Value subnormal = arith::BitcastOp::create(
      b, i32,
      arith::MulFOp::create(
          b, arith::SIToFPOp::create(b, f32, magnitude),
          constantPower(b, f32, 1 - format.bias - format.mantissaBits)));
  bits =
      arith::SelectOp::create(b, isBelow(magnitude, hidden), subnormal, bits);
  if (format.nan)
    bits = arith::SelectOp::create(b, isBelow(magnitude, format.largest + 1),
                                   bits, integer(0x7FC00000));
  if (format.infinity)
    bits = arith::SelectOp::create(
        b,
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, magnitude,
                              integer(format.infinity)),
        integer(0x7F800000), bits);
  return arith::BitcastOp::create(b, f32, arith::OrIOp::create(b, bits, sign));
}

/// The f32 value of an E8M0 scale (F4).
static Value decodeE8M0(ImplicitLocOpBuilder &b, Value byte) {
  Type i32 = byte.getType();
  auto integer = [&](int64_t value) { return constantInt(b, i32, value); };
  // Byte 0 is 2^-127, a subnormal.
  Value bits = arith::MaxUIOp::create(
      b, arith::ShLIOp::create(b, byte, integer(mx::kMantissaBits)),
      integer(0x00400000));
  // Byte 255 is NaN and not infinity: it alone carries into the sign, which
  // then sets all bits. A comparison would be made of bytes and widened again.
  Value next = arith::AddIOp::create(b, bits, integer(0x00800000));
  Value isNaN = arith::ShRSIOp::create(b, next, integer(31));
  return arith::BitcastOp::create(b, withElement(i32, b.getF32Type()),
                                  arith::OrIOp::create(b, bits, isNaN));
}

Value mxfp4::decodeScale(ImplicitLocOpBuilder &b, mx::ScaleFormat format,
                         Value byte) {
  return format == mx::ScaleFormat::E8M0 ? decodeE8M0(b, byte)
                                         : decodeElement(b, mx::kE4M3, byte);
}

Value mxfp4::encodeMagnitude(ImplicitLocOpBuilder &b,
                             const mx::ElementFormat &format, Value value,
                             Rounding rounding, Value random) {
  Type f32 = value.getType();
  Type i32 = withElement(f32, b.getI32Type());
  auto integer = [&](int64_t value) { return constantInt(b, i32, value); };
  auto toBits = [&](Value value) -> Value {
    return arith::BitcastOp::create(b, i32, value);
  };
  auto toFloat = [&](Value bits) -> Value {
    return arith::BitcastOp::create(b, f32, bits);
  };
  Value bits = arith::MinUIOp::create(b, toBits(value),
                                      integer(mx::bitsOf(format.largestValue)));
  Value magnitude = toFloat(bits);
  // The power of two below the number, from the smallest normal number on:
  // below that one neighbors are as far apart as above.
  int64_t smallest = int64_t(128 - format.bias) << mx::kMantissaBits;
  Value power = arith::MaxUIOp::create(
      b, arith::AndIOp::create(b, bits, integer(mx::kInfinityBits)),
      integer(smallest));
  // In the binade of `magic` the f32 numbers are as far apart as neighbors of
  // the format at `power`. So the sum is rounded to nearest, ties to even, and
  // its low bits count the neighbors from zero. Each binade further up has the
  // steps of one: to count those, too, `power` is added as a number of steps,
  // and what the smallest power would be is taken away before. That is an even
  // number, which leaves ties what they are.
  int64_t droppedBits = mx::kMantissaBits - format.mantissaBits;
  constexpr int64_t byteMask = 0xFF;
  int64_t stepsBelow = -(smallest >> droppedBits) & byteMask;
  Value powerOfMagic = arith::AddIOp::create(
      b, power, integer(droppedBits << mx::kMantissaBits));
  Value magic = arith::AddIOp::create(
      b, power, integer((droppedBits << mx::kMantissaBits) + stepsBelow));
  Value sum = arith::AddFOp::create(b, magnitude, toFloat(magic));
  Value code = arith::AddIOp::create(
      b, toBits(sum), arith::ShRUIOp::create(b, power, integer(droppedBits)));

  if (rounding != Rounding::NearestEven) {
    // How far the number is above the neighbor; all of this is exact.
    Value rest = arith::SubFOp::create(
        b, magnitude, arith::SubFOp::create(b, sum, toFloat(magic)));
    auto constantBelowMagic = [&](int64_t exponent) {
      return toFloat(arith::SubIOp::create(
          b, powerOfMagic, integer(exponent << mx::kMantissaBits)));
    };
    // `code` moved by the number of comparisons that are true.
    auto compare = [&](arith::CmpFPredicate predicate, Value x,
                       Value y) -> Value {
      return arith::CmpFOp::create(b, predicate, x, y);
    };
    auto count = [&](Value isTrue) -> Value {
      return arith::ExtUIOp::create(b, i32, isTrue);
    };
    Value half = constantBelowMagic(mx::kMantissaBits + 1);
    switch (rounding) {
    case Rounding::NearestEven:
      break;
    case Rounding::NearestAway:
      code = arith::AddIOp::create(
          b, code, count(compare(arith::CmpFPredicate::OEQ, rest, half)));
      break;
    case Rounding::NearestZero: {
      Value isTie = compare(arith::CmpFPredicate::OEQ, rest,
                            arith::NegFOp::create(b, half));
      code = arith::SubIOp::create(b, code, count(isTie));
      break;
    }
    case Rounding::Stochastic: {
      // F21: the rest from the lower neighbor and random / 256 of a step are
      // together at least one step.
      Value step = constantBelowMagic(mx::kMantissaBits);
      Value isBelow =
          compare(arith::CmpFPredicate::OLT, rest, constantFloat(b, f32, 0.0));
      rest = arith::SelectOp::create(
          b, isBelow, arith::AddFOp::create(b, rest, step), rest);
      Value missing = arith::MulFOp::create(
          b,
          arith::SIToFPOp::create(
              b, f32, arith::SubIOp::create(b, integer(256), random)),
          step);
      Value isUp =
          compare(arith::CmpFPredicate::OGE,
                  arith::MulFOp::create(b, rest, constantFloat(b, f32, 256.0)),
                  missing);
      code = arith::AddIOp::create(
          b, arith::SubIOp::create(b, code, count(isBelow)), count(isUp));
      break;
    }
    }
  }
  return arith::AndIOp::create(b, code, integer(byteMask));
}

Value mxfp4::getSignOfCode(ImplicitLocOpBuilder &b,
                           const mx::ElementFormat &format, Value bits) {
  Type i32 = bits.getType();
  return arith::AndIOp::create(
      b, arith::ShRUIOp::create(b, bits, constantInt(b, i32, 32 - format.bits)),
      constantInt(b, i32, int64_t(1) << (format.bits - 1)));
}

Value mxfp4::encodeElement(ImplicitLocOpBuilder &b,
                           const mx::ElementFormat &format, Value value,
                           Rounding rounding, Value random) {
  Type i32 = withElement(value.getType(), b.getI32Type());
  Value bits = arith::BitcastOp::create(b, i32, value);
  Value magnitude = arith::BitcastOp::create(
      b, value.getType(),
      arith::AndIOp::create(b, bits, constantInt(b, i32, mx::kMagnitudeMask)));
  Value code = encodeMagnitude(b, format, magnitude, rounding, random);
  return arith::OrIOp::create(b, code, getSignOfCode(b, format, bits));
}

Value mxfp4::emitSwiGLU(ImplicitLocOpBuilder &b, Value gate, Value up,
                        double alpha, double limit,
                        function_ref<Value(Value)> exp) {
  Type type = gate.getType();
  Value high = constantFloat(b, type, limit);
  Value low = constantFloat(b, type, -limit);
  Value one = constantFloat(b, type, 1.0);
  Value g = arith::MinimumFOp::create(b, gate, high);
  Value u =
      arith::MaximumFOp::create(b, arith::MinimumFOp::create(b, up, high), low);
  Value exponent =
      exp(arith::MulFOp::create(b, g, constantFloat(b, type, -alpha)));
  Value sigmoid =
      arith::DivFOp::create(b, one, arith::AddFOp::create(b, one, exponent));
  return arith::MulFOp::create(b, arith::MulFOp::create(b, g, sigmoid),
                               arith::AddFOp::create(b, u, one));
}

Value mxfp4::emitLoops(ImplicitLocOpBuilder &b, unsigned loops,
                       ValueRange inputs, Value output,
                       ArrayRef<SmallVector<int64_t>> maps, LoopBody body) {
  SmallVector<AffineMap> affineMaps;
  for (ArrayRef<int64_t> map : maps) {
    SmallVector<AffineExpr> exprs;
    for (int64_t loop : map)
      exprs.push_back(b.getAffineDimExpr(loop));
    affineMaps.push_back(AffineMap::get(loops, 0, exprs, b.getContext()));
  }
  SmallVector<utils::IteratorType> iterators(loops,
                                             utils::IteratorType::reduction);
  for (int64_t loop : maps.back())
    iterators[loop] = utils::IteratorType::parallel;
  auto generic = linalg::GenericOp::create(
      b, output.getType(), inputs, output, affineMaps, iterators,
      [&](OpBuilder &builder, Location loc, ValueRange elements) {
        ImplicitLocOpBuilder inner(loc, builder);
        SmallVector<Value> indices;
        for (unsigned i = 0; i < loops; ++i)
          indices.push_back(linalg::IndexOp::create(inner, i));
        linalg::YieldOp::create(inner, body(inner, indices, elements));
      });
  return generic.getResult(0);
}

Value mxfp4::emitElementwise(ImplicitLocOpBuilder &b, Value output,
                             LoopBody body) {
  int64_t rank = cast<ShapedType>(output.getType()).getRank();
  SmallVector<int64_t> identity = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  return emitLoops(b, rank, {}, output, {identity}, body);
}

Value mxfp4::extractF32(ImplicitLocOpBuilder &b, Value tensor,
                        ValueRange indices) {
  return convertFloat(b, tensor::ExtractOp::create(b, tensor, indices),
                      b.getF32Type());
}

Value mxfp4::extractIndex(ImplicitLocOpBuilder &b, Value tensor,
                          ValueRange indices) {
  return arith::IndexCastOp::create(
      b, b.getIndexType(), tensor::ExtractOp::create(b, tensor, indices));
}

Value mxfp4::extractTensorScale(ImplicitLocOpBuilder &b, Value scales,
                                ValueRange indices) {
  int64_t rank = cast<ShapedType>(scales.getType()).getRank();
  return tensor::ExtractOp::create(b, scales, indices.take_front(rank));
}

SmallVector<Value> mxfp4::getArrangedIndices(ImplicitLocOpBuilder &b,
                                             ValueRange indices,
                                             int64_t columns,
                                             LayoutAttr layout) {
  if (!layout)
    return SmallVector<Value>(indices);
  int64_t lanes = layout.getLanes(), depth = layout.getDepth();
  Value row = indices.drop_back().back(), column = indices.back();
  Value place = layout.getPaired() ? divIndex(b, row, 2) : row;
  Value group = divIndex(b, place, lanes), lane = remIndex(b, place, lanes);
  if (layout.getPaired())
    group = addIndex(b, mulIndex(b, group, 2), remIndex(b, row, 2));
  SmallVector<Value> at(indices.drop_back(2));
  if (layout.getTiled()) {
    Value first = mulIndex(b, divIndex(b, column, depth), depth);
    Value width =
        arith::MinUIOp::create(b, constantIndex(b, depth),
                               subIndex(b, constantIndex(b, columns), first));
    Value ofLane = addIndex(b, arith::MulIOp::create(b, lane, width),
                            remIndex(b, column, depth));
    at.append({group, addIndex(b, mulIndex(b, first, lanes), ofLane)});
    return at;
  }
  at.append(
      {group, divIndex(b, column, depth),
       addIndex(b, mulIndex(b, lane, depth), remIndex(b, column, depth))});
  return at;
}

Value mxfp4::getArrangedRow(ImplicitLocOpBuilder &b, Value group, Value lane,
                            LayoutAttr layout) {
  int64_t lanes = layout.getLanes();
  if (!layout.getPaired())
    return addIndex(b, mulIndex(b, group, lanes), lane);
  Value pair = addIndex(b, mulIndex(b, divIndex(b, group, 2), lanes), lane);
  return addIndex(b, mulIndex(b, pair, 2), remIndex(b, group, 2));
}

Value mxfp4::emitEpilogue(ImplicitLocOpBuilder &b, Value sums, Value bias,
                          Value residual, Value init) {
  return emitElementwise(
      b, init,
      [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
        Value sum = tensor::ExtractOp::create(b, sums, at);
        if (bias)
          sum = arith::AddFOp::create(b, sum, extractF32(b, bias, at[1]));
        if (residual)
          sum = arith::AddFOp::create(b, sum, extractF32(b, residual, at));
        return convertFloat(b, sum, elements.back().getType());
      });
}

Value mxfp4::emptyTensor(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes,
                         Type element) {
  return tensor::EmptyOp::create(b, sizes, element);
}

Value mxfp4::filledTensor(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes,
                          Type element, double value) {
  Value scalar = constantFloat(b, element, value);
  return linalg::FillOp::create(b, scalar, emptyTensor(b, sizes, element))
      .getResult(0);
}

Value mxfp4::flipOrder(ImplicitLocOpBuilder &b, Value bits) {
  Type i32 = b.getI32Type();
  Value sign = arith::ShRSIOp::create(b, bits, constantInt(b, i32, 31));
  return arith::XOrIOp::create(
      b, bits, arith::AndIOp::create(b, sign, constantInt(b, i32, 0x7FFFFFFF)));
}
