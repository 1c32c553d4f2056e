//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mma.m16n8k16 adds up over positions 2t, 2t + 1, 2t + 8 and 2t + 9 of the four
// lanes of a row. Which columns of the weight stand there does not matter as
// long as the activations agree, so a lane loads 16 bytes of a row and takes
// pairs of columns from them as they come; words of MXFP4 are encoded for that
// (F25). Source: PTX ISA, "Matrix Fragments for mma.m16n8k16".
//
//===----------------------------------------------------------------------===//

#include "TileWeight.h"

#include "TileWords.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Elements of MXFP4 as bf16 are 2^-kElementShift of their value. Up to the
/// scale kLargestScale both make one factor.
static constexpr int64_t kElementShift = 126;
/// Of the factor for that activations get the one part and scales the other,
/// each so that what is below kLargeBlockScale stays finite.
static constexpr int64_t kColumnShift = kElementShift / 2;
static constexpr int64_t kBias = 127;
static constexpr int64_t kNaNScale = 255;
static constexpr int64_t kNaN = 0x7FC0;

SmallVector<Value> mxfp4::emitMMA(ImplicitLocOpBuilder &b, FloatType element,
                                  ArrayRef<Value> rows, ValueRange columns,
                                  ValueRange sums) {
  Type result = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(kTileSums, b.getF32Type()));
  bool isF16 = element.isF16();
  NVVM::MMATypes type = isF16 ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  std::array<NVVM::MMATypes, 2> types = {type, type};
  auto asOperands = [&](ValueRange words) {
    SmallVector<Value> operands(words);
    auto pair = VectorType::get({2}, element);
    for (Value &word : operands)
      if (isF16)
        word = LLVM::BitcastOp::create(b, pair, word);
    return operands;
  };
  std::array<NVVM::MMALayout, 2> layouts = {NVVM::MMALayout::row,
                                            NVVM::MMALayout::col};
  auto product = NVVM::MmaOp::create(
      b, result, asOperands(rows), asOperands(columns), sums,
      {2 * kTileRows, kTileColumns, 16},
      /*b1Op=*/std::nullopt, /*intOverflow=*/std::nullopt, types, layouts);
  SmallVector<Value> results;
  for (int64_t i = 0; i < kTileSums; ++i)
    results.push_back(LLVM::ExtractValueOp::create(b, product, i));
  return results;
}

bool mxfp4::hasTiles(const RowWeight &weight, Value input) {
  return getElementTypeOrSelf(input).isBF16() &&
         (weight.scales ? weight.isArranged
                        : getElementTypeOrSelf(weight.values).isBF16());
}

VectorType mxfp4::getWordsType(MLIRContext *context) {
  return VectorType::get({kWordsOfLoad}, IntegerType::get(context, 32));
}

SmallVector<Value> mxfp4::splitWords(ImplicitLocOpBuilder &b, Value words) {
  SmallVector<Value> result;
  for (int64_t i = 0; i < kWordsOfLoad; ++i)
    result.push_back(vector::ExtractOp::create(b, words, i));
  return result;
}

Value mxfp4::zeroUnless(ImplicitLocOpBuilder &b, Value condition, Value value) {
  if (!condition)
    return value;
  return arith::SelectOp::create(b, condition, value,
                                 constantInt(b, value.getType(), 0));
}

/// `vector` of 16 bytes as words.
static Value toWords(ImplicitLocOpBuilder &b, Value vector) {
  return vector::BitCastOp::create(b, getWordsType(b.getContext()), vector);
}

TileWeight::TileWeight(ImplicitLocOpBuilder &b, const KernelThread &thread,
                       const RowWeight &weight)
    : b(b), weight(weight), group(divIndex(b, thread.lane, kLanesOfRow)),
      quarter(remIndex(b, thread.lane, kLanesOfRow)),
      parts(weight.columns / (getChunks(weight) * kChunk)) {}

Value TileWeight::makeWord(int64_t value) {
  return constantInt(b, b.getI32Type(), value);
}

Value mxfp4::clampTo(ImplicitLocOpBuilder &b, Value index, int64_t last) {
  Type i32 = b.getI32Type();
  Value smaller =
      arith::MinUIOp::create(b, arith::IndexCastUIOp::create(b, i32, index),
                             constantInt(b, i32, last));
  return arith::IndexCastUIOp::create(b, b.getIndexType(), smaller);
}

/// Where the blocks of a group of rows from number 4 * `quad` on begin;
/// `isLast` is null if all are four.
TileWeight::Place TileWeight::getPlace(Value quad) {
  int64_t last = llvm::divideCeil(parts, kLanesOfRow) - 1;
  quad = clampTo(b, quad, last);
  Value isLast;
  if (parts % kLanesOfRow != 0)
    isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, quad,
                                   constantIndex(b, last));
  return {quad, isLast};
}

/// The number of block `ofQuad` of four of the lane's row in its group, the
/// first of `count`; or of the last so many if there are fewer than four.
Value TileWeight::getBlock(const Place &place, Value ofQuad, int64_t count) {
  Value block = addIndex(b, mulIndex(b, group, kLanesOfRow), ofQuad);
  if (place.isLast) {
    int64_t width = parts % kLanesOfRow;
    Value known =
        arith::MinUIOp::create(b, ofQuad, constantIndex(b, width - count));
    block = arith::SelectOp::create(
        b, place.isLast, addIndex(b, mulIndex(b, group, width), known), block);
  }
  return addIndex(b, mulIndex(b, place.quad, kTileRows * kLanesOfRow), block);
}

Value TileWeight::loadElements(ArrayRef<Value> row, Value block) {
  return loadVector(b, weight.values,
                    atColumn(row, mulIndex(b, block, kLoadBytes)), kLoadBytes);
}

Value TileWeight::loadScale(ArrayRef<Value> row, Value block) {
  return memref::LoadOp::create(b, weight.scales, atColumn(row, block));
}

SmallVector<Value> TileWeight::load(const Tile &tile, Value quad) {
  SmallVector<Value> loads;
  if (!weight.scales) {
    Value part = addIndex(b, mulIndex(b, quad, kLanesOfRow), quarter);
    Value first = mulIndex(b, clampTo(b, part, parts - 1), kChunk);
    for (ArrayRef<Value> row : tile.rows)
      loads.push_back(
          loadVector(b, weight.values, atColumn(row, first), kChunk));
    return loads;
  }
  Value block = getBlock(getPlace(quad), quarter);
  for (ArrayRef<Value> row : tile.rows)
    loads.push_back(loadElements(row, block));
  for (ArrayRef<Value> row : tile.rows)
    loads.push_back(loadScale(row, block));
  return loads;
}

/// The scales of two blocks of the lane's row of half t / 2: of t % 2 the first
/// or the last two of four. As they come, since what is computed of a load in a
/// loop waits for it at once.
SmallVector<Value> TileWeight::loadScales(const Tile &tile,
                                          const Place &place) {
  Value isUpper = isUpperHalf();
  SmallVector<Value> row;
  for (auto [lower, upper] : llvm::zip(tile.rows[0], tile.rows[1]))
    row.push_back(arith::SelectOp::create(b, isUpper, upper, lower));
  Value first = mulIndex(b, remIndex(b, quarter, 2), 2);
  if (!hasScalePairs())
    return {loadScale(row, getBlock(place, first)),
            loadScale(row, getBlock(place, addIndex(b, first, 1)))};
  auto pair = VectorType::get({1}, b.getIntegerType(16));
  Value both = loadVector(
      b, weight.scales, atColumn(row, getBlock(place, first, /*count=*/2)), 2);
  return {vector::ExtractOp::create(b, vector::BitCastOp::create(b, pair, both),
                                    0)};
}

/// The two scales among `loads`, in the low bits of an i32.
Value TileWeight::joinScales(ValueRange loads) {
  if (hasScalePairs())
    return arith::ExtUIOp::create(b, b.getI32Type(), loads[2]);
  return arith::OrIOp::create(
      b, getScaleByte(loads[2]),
      arith::ShLIOp::create(b, getScaleByte(loads[3]), makeWord(8)));
}

SmallVector<Value> TileWeight::loadBlocks(const Tile &tile, Value quad) {
  Place place = getPlace(quad);
  Value block = getBlock(place, quarter);
  SmallVector<Value> loads = {loadElements(tile.rows[0], block),
                              loadElements(tile.rows[1], block)};
  loads.append(loadScales(tile, place));
  return loads;
}

Value TileWeight::loadColumns(Value input, ValueRange place) {
  return toWords(b, loadVector(b, input, place, kChunk));
}

Value TileWeight::multiplyPair(Value pair, Value factor) {
  Type type = VectorType::get({2}, b.getBF16Type());
  // Not arith, which is widened to f32 later.
  Value product =
      LLVM::FMulOp::create(b, LLVM::BitcastOp::create(b, type, pair),
                           LLVM::BitcastOp::create(b, type, factor));
  return LLVM::BitcastOp::create(b, b.getI32Type(), product);
}

Value TileWeight::getScaleByte(Value scale) {
  return arith::ExtUIOp::create(
      b, b.getI32Type(), arith::BitcastOp::create(b, b.getI8Type(), scale));
}

/// Pairs of bf16 whose product is the scale `byte` for elements as
/// decodeTileWord makes them.
SmallVector<Value> TileWeight::makeFactors(Value byte, bool isLarge) {
  // 2^(exponent - 127), twice.
  auto make = [&](Value exponent) -> Value {
    Value bits = arith::ShLIOp::create(b, exponent, makeWord(7));
    return arith::MulIOp::create(b, bits, makeWord(0x00010001));
  };
  if (!isLarge)
    return {make(arith::AddIOp::create(b, byte, makeWord(kElementShift)))};
  Value isNaN = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, byte,
                                      makeWord(kNaNScale));
  Value first = arith::AddIOp::create(
      b, arith::MinUIOp::create(b, byte, makeWord(kLargestScale)),
      makeWord(kElementShift));
  Value rest = arith::SubIOp::create(
      b, arith::MaxUIOp::create(b, byte, makeWord(kLargestScale)), makeWord(1));
  return {arith::SelectOp::create(b, isNaN, makeWord(kNaN | kNaN << 16),
                                  make(first)),
          make(rest)};
}

Value TileWeight::getLargestScale(ValueRange loads, Value largest) {
  for (Value scale : loads.take_back(2))
    largest = arith::MaxUIOp::create(b, largest, getScaleByte(scale));
  return largest;
}

SmallVector<Value>
TileWeight::multiply(ValueRange loads, ValueRange sums,
                     function_ref<Value(int64_t, int64_t)> getColumns,
                     bool hasLargeScales) {
  SmallVector<Value> words[2], factors[2];
  for (int64_t half = 0; half < 2; ++half) {
    words[half] = splitWords(b, toWords(b, loads[half]));
    if (weight.scales)
      factors[half] =
          makeFactors(getScaleByte(loads[2 + half]), hasLargeScales);
  }
  SmallVector<Value> results(sums);
  size_t tiles = sums.size() / kTileSums;
  for (int64_t chunk = 0; chunk < getChunks(weight); ++chunk) {
    // Requested before elements are decoded.
    SmallVector<SmallVector<Value>> columns;
    for (size_t number = 0; number < tiles; ++number)
      columns.push_back(splitWords(b, getColumns(chunk, number)));
    SmallVector<Value> pairs[2];
    for (int64_t half = 0; half < 2; ++half) {
      if (!weight.scales) {
        pairs[half] = words[half];
        continue;
      }
      for (Value pair : decodeTileWord(b, words[half][chunk])) {
        for (Value factor : factors[half])
          pair = multiplyPair(pair, factor);
        pairs[half].push_back(pair);
      }
    }
    for (size_t number = 0; number < tiles; ++number) {
      auto own = MutableArrayRef(results).slice(number * kTileSums, kTileSums);
      for (int64_t k = 0; k < kWordsOfLoad; k += 2)
        llvm::copy(emitMMA(b, b.getBF16Type(),
                           {pairs[0][k], pairs[1][k], pairs[0][k + 1],
                            pairs[1][k + 1]},
                           ValueRange(columns[number]).slice(k, 2), own),
                   own.begin());
    }
  }
  return results;
}

/// True in lanes that scale sums of the second half.
Value TileWeight::isUpperHalf() {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::uge, quarter,
                               constantIndex(b, kLanesOfRow / 2));
}

/// 2^`exponent` as two bf16.
Value TileWeight::makePowers(int64_t exponent) {
  int64_t bits = (kBias + exponent) << 7;
  return makeWord(bits | bits << 16);
}

/// Multiplies each word by two bf16.
Value TileWeight::multiplyWords(Value words, Value factor) {
  SmallVector<Value> products;
  for (Value word : splitWords(b, words))
    products.push_back(multiplyPair(word, factor));
  return vector::FromElementsOp::create(b, cast<VectorType>(words.getType()),
                                        products);
}

Value TileWeight::scaleColumns(Value words) {
  return multiplyWords(words, makePowers(kColumnShift));
}

/// The scale `byte` as an f32, by 2^(kElementShift - kColumnShift) unless
/// `isExact`: infinity from kLargeBlockScale on.
Value TileWeight::makeScale(Value byte, bool isExact) {
  auto place = [&](Value exponent) -> Value {
    return arith::ShLIOp::create(b, exponent, makeWord(23));
  };
  Value bits;
  if (!isExact) {
    Value known = arith::MinUIOp::create(b, byte, makeWord(kLargeBlockScale));
    bits = place(arith::AddIOp::create(b, known,
                                       makeWord(kElementShift - kColumnShift)));
  } else {
    auto is = [&](int64_t value) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, byte,
                                   makeWord(value));
    };
    bits = arith::SelectOp::create(b, is(kNaNScale), makeWord(kNaN << 16),
                                   place(byte));
    // 2^-127 is not normal.
    bits = arith::SelectOp::create(b, is(0), makeWord(1 << 22), bits);
  }
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

SmallVector<Value>
TileWeight::multiplyBlocks(ValueRange loads, ValueRange sums,
                           function_ref<Value(int64_t)> getColumns,
                           bool isExact) {
  // A column of the products belongs to a block of one half: 0 to 3 to those of
  // the first, 4 to 7 to those of the second. So they are scaled afterwards.
  SmallVector<Value> words[2];
  for (int64_t half = 0; half < 2; ++half)
    words[half] = splitWords(b, toWords(b, loads[half]));
  SmallVector<Value> products(kTileSums, constantFloat(b, b.getF32Type(), 0.0));
  for (int64_t chunk = 0; chunk < getChunks(weight); ++chunk) {
    SmallVector<Value> pairs[2];
    for (int64_t half = 0; half < 2; ++half)
      for (Value pair : decodeTileWord(b, words[half][chunk]))
        pairs[half].push_back(
            isExact ? multiplyPair(pair, makePowers(kElementShift)) : pair);
    SmallVector<Value> columns = splitWords(b, getColumns(chunk));
    for (int64_t k = 0; k < kWordsOfLoad; k += 2)
      products =
          emitMMA(b, b.getBF16Type(),
                  {pairs[0][k], pairs[1][k], pairs[0][k + 1], pairs[1][k + 1]},
                  ValueRange(columns).slice(k, 2), products);
  }
  Value isUpper = isUpperHalf();
  Value scales = joinScales(loads);
  Value bytes[] = {arith::AndIOp::create(b, scales, makeWord(255)),
                   arith::ShRUIOp::create(b, scales, makeWord(8))};
  SmallVector<Value> results;
  for (int64_t i = 0; i < 2; ++i) {
    Value product =
        arith::SelectOp::create(b, isUpper, products[2 + i], products[i]);
    results.push_back(
        math::FmaOp::create(b, makeScale(bytes[i], isExact), product, sums[i]));
  }
  return results;
}
