//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mma.m16n8k16 adds up over positions 2t, 2t + 1, 2t + 8 and 2t + 9 of the four
// lanes of a row. Which columns of the weight stand there does not matter as
// long as the activations agree, so a lane loads 16 bytes of a row as they are
// and takes pairs of columns from them as they come. Source: PTX ISA, "Matrix
// Fragments for mma.m16n8k16".
//
//===----------------------------------------------------------------------===//

#include "TileWeight.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// The lowest bit of E2M1 elements as bf16, whose value is 2^-kElementShift of
/// theirs then. Up to the scale kLargestScale both make one factor.
static constexpr int64_t kMantissaEnd = 6;
static constexpr int64_t kElementShift = 126;
static constexpr int64_t kNaNScale = 255;
static constexpr int64_t kNaN = 0x7FC0;

SmallVector<Value> mxfp4::emitMMA(ImplicitLocOpBuilder &b, ArrayRef<Value> rows,
                                  ValueRange columns, ValueRange sums) {
  Type result = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(kTileSums, b.getF32Type()));
  std::array<NVVM::MMATypes, 2> types = {NVVM::MMATypes::bf16,
                                         NVVM::MMATypes::bf16};
  std::array<NVVM::MMALayout, 2> layouts = {NVVM::MMALayout::row,
                                            NVVM::MMALayout::col};
  auto product = NVVM::MmaOp::create(
      b, result, rows, columns, sums, {2 * kTileRows, kTileColumns, 16},
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
      quarter(remIndex(b, thread.lane, kLanesOfRow)) {}

Value TileWeight::makeWord(int64_t value) {
  return constantInt(b, b.getI32Type(), value);
}

Value TileWeight::loadElements(ArrayRef<Value> row, Value part) {
  if (!weight.scales)
    return loadVector(b, weight.values,
                      atColumn(row, mulIndex(b, part, kChunk)), kChunk);
  return loadVector(
      b, weight.values,
      atColumn(atColumn(row, part), mulIndex(b, group, kLoadBytes)),
      kLoadBytes);
}

Value TileWeight::loadScale(ArrayRef<Value> row, Value part) {
  return memref::LoadOp::create(b, weight.scales,
                                atColumn(atColumn(row, part), group));
}

SmallVector<Value> TileWeight::load(const Tile &tile, Value part) {
  SmallVector<Value> loads;
  for (ArrayRef<Value> row : tile.rows)
    loads.push_back(loadElements(row, part));
  for (ArrayRef<Value> row : tile.rows)
    if (weight.scales)
      loads.push_back(loadScale(row, part));
  return loads;
}

/// Words of eight activations as decodePairs has their weights: i and i + 4
/// together, for each i.
Value TileWeight::orderPairs(Value words) {
  Type i32 = b.getI32Type();
  auto number = [&](int64_t value) { return constantInt(b, i32, value); };
  SmallVector<Value> in = splitWords(b, words), out;
  for (int64_t i = 0; i < 2; ++i) {
    Value low = in[i], high = in[i + 2];
    out.push_back(
        arith::OrIOp::create(b, arith::AndIOp::create(b, low, number(0xFFFF)),
                             arith::ShLIOp::create(b, high, number(16))));
    out.push_back(arith::OrIOp::create(
        b, arith::ShRUIOp::create(b, low, number(16)),
        arith::AndIOp::create(b, high, number(0xFFFF0000))));
  }
  return vector::FromElementsOp::create(b, words.getType(), out);
}

Value TileWeight::loadColumns(Value input, ValueRange place) {
  Value words = toWords(b, loadVector(b, input, place, kChunk));
  return weight.scales ? orderPairs(words) : words;
}

/// Elements i and i + 4 of the eight in `word`, for each i, as bf16 by 2^126.
SmallVector<Value> TileWeight::decodePairs(Value word) {
  Type i32 = b.getI32Type();
  auto number = [&](int64_t value) { return constantInt(b, i32, value); };
  SmallVector<Value> pairs;
  for (int64_t i = 0; i < 4; ++i) {
    Value source =
        i < 2 ? word : arith::ShRUIOp::create(b, word, number(8)).getResult();
    int64_t shift = 4 * (i % 2);
    // One multiplication moves both the sign and the rest where they belong.
    Value codes = arith::AndIOp::create(b, source, number(0x000F000F << shift));
    Value moved = arith::MulIOp::create(
        b, codes, number((1 << (kMantissaEnd - shift)) + (1 << (12 - shift))));
    pairs.push_back(arith::AndIOp::create(b, moved, number(0x81C081C0)));
  }
  return pairs;
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

/// Pairs of bf16 whose product is the scale `byte` for elements as decodePairs
/// makes them.
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
  for (int64_t chunk = 0; chunk < getChunks(weight); ++chunk) {
    SmallVector<Value> pairs[2];
    for (int64_t half = 0; half < 2; ++half) {
      if (!weight.scales) {
        pairs[half] = words[half];
        continue;
      }
      for (Value pair : decodePairs(words[half][chunk])) {
        for (Value factor : factors[half])
          pair = multiplyPair(pair, factor);
        pairs[half].push_back(pair);
      }
    }
    for (size_t number = 0; number < sums.size() / kTileSums; ++number) {
      SmallVector<Value> columns = splitWords(b, getColumns(chunk, number));
      auto own = MutableArrayRef(results).slice(number * kTileSums, kTileSums);
      for (int64_t k = 0; k < kWordsOfLoad; k += 2)
        llvm::copy(emitMMA(b,
                           {pairs[0][k], pairs[1][k], pairs[0][k + 1],
                            pairs[1][k + 1]},
                           ValueRange(columns).slice(k, 2), own),
                   own.begin());
    }
  }
  return results;
}
