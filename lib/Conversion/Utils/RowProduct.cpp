//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lanes of a warp take loads of 16 bytes of the same weight rows side by side,
// so that a warp reads whole cache lines, and keep the activations for all
// rows.
//
//===----------------------------------------------------------------------===//

#include "RowProduct.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

Value mxfp4::loadScalar(ImplicitLocOpBuilder &b, Value memref,
                        ValueRange indices) {
  return convertFloat(b, memref::LoadOp::create(b, memref, indices),
                      b.getF32Type());
}

void mxfp4::storeScalar(ImplicitLocOpBuilder &b, Value value, Value memref,
                        ValueRange indices) {
  memref::StoreOp::create(
      b, convertFloat(b, value, getElementTypeOrSelf(memref)), memref, indices);
}

static Value emitFMA(ImplicitLocOpBuilder &b, Value x, Value y, Value z) {
  return math::FmaOp::create(b, x, y, z);
}

SmallVector<Value> mxfp4::atColumn(ArrayRef<Value> indices, Value column) {
  SmallVector<Value> result(indices);
  result.push_back(column);
  return result;
}

SmallVector<Value> mxfp4::splitVector(ImplicitLocOpBuilder &b, Value vector) {
  SmallVector<Value> elements;
  int64_t count = cast<VectorType>(vector.getType()).getDimSize(0);
  for (int64_t i = 0; i < count; ++i)
    elements.push_back(convertFloat(b, vector::ExtractOp::create(b, vector, i),
                                    b.getF32Type()));
  return elements;
}

/// 2^14: what decoded elements have to be multiplied by.
static constexpr double kElementFactor = 16384.0;

/// The E2M1 elements in the bits [4 * pair, 4 * pair + 4) of both halves of
/// `word`, an i32, divided by kElementFactor: in f16, an exponent of 2 bits and
/// a mantissa of 1 stand right where that is their value, as a subnormal too.
static std::pair<Value, Value> decodePair(ImplicitLocOpBuilder &b, Value word,
                                          int64_t pair) {
  Type i32 = b.getI32Type();
  auto move = [&](int64_t left, int64_t mask) -> Value {
    Value moved = word;
    if (left > 0)
      moved = arith::ShLIOp::create(b, word, constantInt(b, i32, left));
    else if (left < 0)
      moved = arith::ShRUIOp::create(b, word, constantInt(b, i32, -left));
    return arith::AndIOp::create(b, moved, constantInt(b, i32, mask));
  };
  Value bits = arith::OrIOp::create(b, move(9 - 4 * pair, 0x0E000E00),
                                    move(12 - 4 * pair, 0x80008000));
  Value vector =
      vector::BroadcastOp::create(b, VectorType::get({1}, i32), bits);
  Value halves = vector::BitCastOp::create(
      b, VectorType::get({2}, b.getF16Type()), vector);
  SmallVector<Value> elements = splitVector(b, halves);
  return {elements[0], elements[1]};
}

namespace {
/// Emits the part of a lane: every 32nd load of the rows. It has the loads of a
/// few steps under way, and while those of a pass are multiplied, those of the
/// next are requested.
class LaneEmitter {
public:
  LaneEmitter(ImplicitLocOpBuilder &b, const KernelThread &thread,
              const RowWeight &weight, Value input, ArrayRef<RowGroup> groups,
              int64_t loads)
      : b(b), thread(thread), weight(weight), input(input), groups(groups) {
    int64_t bits =
        weight.scales
            ? 4
            : getElementTypeOrSelf(weight.values).getIntOrFloatBitWidth();
    columnsOfLoad = 8 * kLoadBytes / bits;
    parts = weight.columns / columnsOfLoad;
    int64_t rows = 0;
    for (const RowGroup &group : groups) {
      rows += group.weightRows.size();
      sumCount += group.weightRows.size() * group.inputRows.size();
    }
    int64_t most = std::max<int64_t>(loads / rows, 1);
    int64_t needed = llvm::divideCeil(parts, kWarpSize);
    passes = llvm::divideCeil(needed, most);
    steps = llvm::divideCeil(needed, passes);
    loadsOfStep = rows * (weight.scales ? 2 : 1);
  }

  /// The sums of the lane, in the order of groups.
  SmallVector<Value> emit() {
    Value first = constantIndex(b, 0);
    Value last = constantIndex(b, passes - 1);
    SmallVector<Value> carried(sumCount, constantFloat(b, b.getF32Type(), 0.0));
    for (int64_t step = 0; step < steps; ++step)
      carried.append(load(first, step));
    if (passes > 1)
      carried = emitFor(b, first, last, 1, carried,
                        [&](Value pass, ValueRange carried) {
                          return emitPass(pass, carried, /*isLast=*/false);
                        });
    return emitPass(last, carried, /*isLast=*/true);
  }

private:
  /// Where a load of a lane is, or the last that there is, and whether it is
  /// one; null if it always is.
  struct Part {
    Value place, isPart;
  };

  Part getPart(Value pass, int64_t step) {
    Value turn = addIndex(b, mulIndex(b, pass, steps), step);
    Value place = addIndex(b, mulIndex(b, turn, kWarpSize), thread.lane);
    if (parts == passes * steps * kWarpSize)
      return {place, Value()};
    Value last = constantIndex(b, parts - 1);
    return {arith::MinUIOp::create(b, place, last),
            arith::CmpIOp::create(b, arith::CmpIPredicate::ule, place, last)};
  }

  /// What a lane loads of the weight in a step: a load of each row, each
  /// followed by its scale.
  SmallVector<Value> load(Value pass, int64_t step) {
    Value part = getPart(pass, step).place;
    SmallVector<Value> loads;
    for (const RowGroup &group : groups)
      for (ArrayRef<Value> row : group.weightRows) {
        loads.push_back(loadWeight(row, part));
        if (weight.scales)
          loads.push_back(
              memref::LoadOp::create(b, weight.scales, atColumn(row, part)));
      }
    return loads;
  }

  /// Adds the products of a pass to the sums that `carried` begins with; its
  /// loads follow, and follow the result for the next pass.
  SmallVector<Value> emitPass(Value pass, ValueRange carried, bool isLast) {
    SmallVector<Value> sums(carried.take_front(sumCount)), ahead;
    for (int64_t step = 0; step < steps; ++step) {
      ValueRange loads =
          carried.slice(sumCount + step * loadsOfStep, loadsOfStep);
      Part part = getPart(pass, step);
      SmallVector<Value> next = multiply(loads, part.place, sums);
      for (auto [sum, added] : llvm::zip(sums, next))
        sum = part.isPart ? arith::SelectOp::create(b, part.isPart, added, sum)
                                .getResult()
                          : added;
      if (!isLast)
        ahead.append(load(addIndex(b, pass, 1), step));
    }
    sums.append(ahead);
    return sums;
  }

  SmallVector<Value> multiply(ValueRange loads, Value part, ValueRange sums) {
    SmallVector<Value> results;
    Value column = mulIndex(b, part, columnsOfLoad);
    for (const RowGroup &group : groups) {
      SmallVector<SmallVector<Value>> rows;
      for (ArrayRef<Value> row : group.inputRows)
        rows.push_back(splitVector(
            b, loadVector(b, input, atColumn(row, column), columnsOfLoad)));
      for (size_t r = 0; r < group.weightRows.size(); ++r) {
        ValueRange before = sums.slice(results.size(), rows.size());
        Value elements = loads.front();
        loads = loads.drop_front();
        if (!weight.scales) {
          llvm::append_range(results, multiplyFloats(elements, rows, before));
          continue;
        }
        Value scale = decode(loads.front());
        loads = loads.drop_front();
        SmallVector<Value> products = multiplyBlock(elements, rows);
        for (size_t i = 0; i < products.size(); ++i) {
          // In two steps, since a scale can be as large as any f32.
          Value product = arith::MulFOp::create(
              b, products[i], constantFloat(b, b.getF32Type(), kElementFactor));
          results.push_back(emitFMA(b, product, scale, before[i]));
        }
      }
    }
    return results;
  }

  Value loadWeight(ArrayRef<Value> row, Value part) {
    int64_t elements = weight.scales ? kLoadBytes : columnsOfLoad;
    return loadVector(b, weight.values,
                      atColumn(row, mulIndex(b, part, elements)), elements);
  }

  /// A scale in f32.
  Value decode(Value scale) {
    Value byte = arith::ExtUIOp::create(
        b, b.getI32Type(), arith::BitcastOp::create(b, b.getI8Type(), scale));
    return decodeScale(b, mx::ScaleFormat::E8M0, byte);
  }

  SmallVector<Value> multiplyFloats(Value vector,
                                    ArrayRef<SmallVector<Value>> rows,
                                    ValueRange sums) {
    SmallVector<Value> elements = splitVector(b, vector);
    SmallVector<Value> results(sums);
    for (size_t i = 0; i < rows.size(); ++i)
      for (size_t k = 0; k < elements.size(); ++k)
        results[i] = emitFMA(b, elements[k], rows[i][k], results[i]);
    return results;
  }

  /// The products of a block without its scale, divided by kElementFactor.
  SmallVector<Value> multiplyBlock(Value bytes,
                                   ArrayRef<SmallVector<Value>> rows) {
    Type i32 = b.getI32Type();
    Value words = vector::BitCastOp::create(
        b, VectorType::get({kLoadBytes / 4}, i32), bytes);
    SmallVector<Value> results(rows.size(),
                               constantFloat(b, b.getF32Type(), 0.0));
    for (int64_t i = 0; i < kLoadBytes / 4; ++i) {
      Value word = vector::ExtractOp::create(b, words, i);
      for (int64_t pair = 0; pair < 4; ++pair) {
        auto [low, high] = decodePair(b, word, pair);
        for (size_t r = 0; r < rows.size(); ++r) {
          results[r] = emitFMA(b, low, rows[r][8 * i + pair], results[r]);
          results[r] = emitFMA(b, high, rows[r][8 * i + pair + 4], results[r]);
        }
      }
    }
    return results;
  }

  ImplicitLocOpBuilder &b;
  const KernelThread &thread;
  const RowWeight &weight;
  Value input;
  ArrayRef<RowGroup> groups;
  /// Columns that a load of a lane has, and how many loads make a row.
  int64_t columnsOfLoad, parts;
  /// Loads of a row that a lane has under way, and how often.
  int64_t steps, passes;
  /// Loads in a step with scales, and sums.
  int64_t loadsOfStep, sumCount = 0;
};
} // namespace

SmallVector<SmallVector<SmallVector<Value>>>
mxfp4::emitRowProducts(ImplicitLocOpBuilder &b, const KernelThread &thread,
                       const RowWeight &weight, Value input,
                       ArrayRef<RowGroup> groups, int64_t loads) {
  SmallVector<Value> sums =
      LaneEmitter(b, thread, weight, input, groups, loads).emit();
  SmallVector<SmallVector<SmallVector<Value>>> results;
  size_t next = 0;
  for (const RowGroup &group : groups) {
    auto &ofGroup = results.emplace_back();
    for (size_t r = 0; r < group.weightRows.size(); ++r) {
      auto &ofRow = ofGroup.emplace_back();
      for (size_t i = 0; i < group.inputRows.size(); ++i)
        ofRow.push_back(reduceWarp(b, sums[next++], [&](Value x, Value y) {
          return arith::AddFOp::create(b, x, y).getResult();
        }));
    }
  }
  return results;
}
