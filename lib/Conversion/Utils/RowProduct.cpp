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

/// Loads of weights that a lane has under way, and how many of them of one row
/// at most.
static constexpr int64_t kLoads = 12;
static constexpr int64_t kMaxSteps = 6;

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
/// Emits the part of a lane.
class LaneEmitter {
public:
  LaneEmitter(ImplicitLocOpBuilder &b, const RowWeight &weight, Value input,
              ArrayRef<RowGroup> groups)
      : b(b), weight(weight), input(input), groups(groups) {
    int64_t bits =
        weight.scales
            ? 4
            : getElementTypeOrSelf(weight.values).getIntOrFloatBitWidth();
    columnsOfLoad = 8 * kLoadBytes / bits;
  }

  /// Columns that a lane takes at a time.
  int64_t getColumns() const { return columnsOfLoad; }

  /// Adds to `sums` the products of the columns of all of `parts`, numbers of
  /// such; where one but the first is not below `end`, it counts for nothing.
  SmallVector<Value> emit(ArrayRef<Value> parts, Value end, ValueRange sums) {
    // All loads come first, so that they are under way together.
    SmallVector<Loads> loads;
    SmallVector<Value> areParts;
    for (Value part : parts) {
      areParts.push_back(
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, part, end));
      Value place = arith::MinUIOp::create(
          b, part, subIndex(b, end, constantIndex(b, 1)));
      loads.push_back(load(loads.empty() ? part : place));
    }
    SmallVector<Value> results(sums);
    for (size_t i = 0; i < parts.size(); ++i) {
      SmallVector<Value> next = multiply(loads[i], results);
      for (size_t k = 0; k < next.size(); ++k)
        results[k] = i == 0 ? next[k]
                            : arith::SelectOp::create(b, areParts[i], next[k],
                                                      results[k])
                                  .getResult();
    }
    return results;
  }

private:
  /// What is loaded for some columns, in the order of groups.
  struct Loads {
    SmallVector<Value> weights, scales, inputs;
  };

  Loads load(Value part) {
    Loads loads;
    Value column = mulIndex(b, part, columnsOfLoad);
    for (const RowGroup &group : groups) {
      for (ArrayRef<Value> row : group.weightRows) {
        loads.weights.push_back(loadWeight(row, part));
        if (weight.scales)
          loads.scales.push_back(
              memref::LoadOp::create(b, weight.scales, atColumn(row, part)));
      }
      for (ArrayRef<Value> row : group.inputRows)
        loads.inputs.push_back(
            loadVector(b, input, atColumn(row, column), columnsOfLoad));
    }
    return loads;
  }

  SmallVector<Value> multiply(const Loads &loads, ValueRange sums) {
    SmallVector<Value> results;
    size_t w = 0, firstInput = 0;
    for (const RowGroup &group : groups) {
      SmallVector<SmallVector<Value>> rows;
      for (size_t i = 0; i < group.inputRows.size(); ++i)
        rows.push_back(splitVector(b, loads.inputs[firstInput + i]));
      firstInput += group.inputRows.size();
      for (size_t r = 0; r < group.weightRows.size(); ++r, ++w) {
        ValueRange before = sums.slice(results.size(), rows.size());
        if (!weight.scales) {
          llvm::append_range(results,
                             multiplyFloats(loads.weights[w], rows, before));
          continue;
        }
        Value scale = decode(loads.scales[w]);
        SmallVector<Value> products = multiplyBlock(loads.weights[w], rows);
        for (size_t i = 0; i < products.size(); ++i)
          results.push_back(emitFMA(b, products[i], scale, before[i]));
      }
    }
    return results;
  }

  Value loadWeight(ArrayRef<Value> row, Value part) {
    int64_t elements = weight.scales ? kLoadBytes : columnsOfLoad;
    return loadVector(b, weight.values,
                      atColumn(row, mulIndex(b, part, elements)), elements);
  }

  /// A scale times kElementFactor, in f32.
  Value decode(Value scale) {
    Value byte = arith::ExtUIOp::create(
        b, b.getI32Type(), arith::BitcastOp::create(b, b.getI8Type(), scale));
    return arith::MulFOp::create(
        b, decodeScale(b, mx::ScaleFormat::E8M0, byte),
        constantFloat(b, b.getF32Type(), kElementFactor));
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

  /// The products of a block without its scale.
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
  const RowWeight &weight;
  Value input;
  ArrayRef<RowGroup> groups;
  int64_t columnsOfLoad;
};
} // namespace

SmallVector<SmallVector<SmallVector<Value>>>
mxfp4::emitRowProducts(ImplicitLocOpBuilder &b, const KernelThread &thread,
                       const RowWeight &weight, Value input,
                       ArrayRef<RowGroup> groups) {
  LaneEmitter emitter(b, weight, input, groups);
  size_t count = 0;
  for (const RowGroup &group : groups)
    count += group.weightRows.size() * group.inputRows.size();
  SmallVector<Value> zeros(count, constantFloat(b, b.getF32Type(), 0.0));
  Value parts = constantIndex(b, weight.columns / emitter.getColumns());
  int64_t weightRows = 0;
  for (const RowGroup &group : groups)
    weightRows += group.weightRows.size();
  int64_t steps = std::clamp<int64_t>(kLoads / weightRows, 1, kMaxSteps);
  SmallVector<Value> sums =
      emitFor(b, thread.lane, parts, steps * kWarpSize, zeros,
              [&](Value part, ValueRange carried) {
                SmallVector<Value> numbers;
                for (int64_t i = 0; i < steps; ++i)
                  numbers.push_back(addIndex(b, part, i * kWarpSize));
                return emitter.emit(numbers, parts, carried);
              });
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
