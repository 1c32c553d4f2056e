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

#include "TileProduct.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Lanes that share a row.
static constexpr int64_t kLanesOfRow = kWarpSize / kTileRows;
/// Loads of a row that a lane has under way at most.
static constexpr int64_t kMaxSteps = 2;
/// Words of a load, activations of bf16 that a load has, and sums that a lane
/// has of a tile.
static constexpr int64_t kWords = kLoadBytes / 4;
static constexpr int64_t kChunk = kLoadBytes / 2;
static constexpr int64_t kSums = 4;
/// Bytes of activations that a block keeps at most.
static constexpr int64_t kMaxInputBytes = 32768;

/// The lowest bit of E2M1 elements as bf16, whose value is 2^-kElementShift of
/// theirs then. Up to the scale kLargestScale both make one factor of bf16.
static constexpr int64_t kMantissaEnd = 6;
static constexpr int64_t kElementShift = 126;
static constexpr int64_t kLargestScale = 128;
static constexpr int64_t kNaNScale = 255;
static constexpr int64_t kNaN = 0x7FC0;

SmallVector<Value> mxfp4::emitMMA(ImplicitLocOpBuilder &b, ArrayRef<Value> rows,
                                  ValueRange columns, ValueRange sums) {
  Type result = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(kSums, b.getF32Type()));
  std::array<NVVM::MMATypes, 2> types = {NVVM::MMATypes::bf16,
                                         NVVM::MMATypes::bf16};
  std::array<NVVM::MMALayout, 2> layouts = {NVVM::MMALayout::row,
                                            NVVM::MMALayout::col};
  auto product = NVVM::MmaOp::create(
      b, result, rows, columns, sums, {2 * kTileRows, kTileColumns, 16},
      /*b1Op=*/std::nullopt, /*intOverflow=*/std::nullopt, types, layouts);
  SmallVector<Value> results;
  for (int64_t i = 0; i < kSums; ++i)
    results.push_back(LLVM::ExtractValueOp::create(b, product, i));
  return results;
}

bool mxfp4::hasTiles(const RowWeight &weight, Value input) {
  return getElementTypeOrSelf(input).isBF16() &&
         (weight.scales ? weight.isArranged
                        : getElementTypeOrSelf(weight.values).isBF16());
}

TileShape::TileShape(const RowWeight &weight, int64_t tiles, int64_t splits,
                     int64_t columns)
    : tiles(tiles), splits(splits), columns(columns),
      columnsOfLoad(weight.scales ? 32 : 8),
      parts(weight.columns / columnsOfLoad) {
  int64_t needed = llvm::divideCeil(parts, kLanesOfRow * splits);
  passes = llvm::divideCeil(needed, kMaxSteps);
  steps = llvm::divideCeil(needed, passes);
}

int64_t TileShape::paddedParts() const {
  return passes * steps * splits * kLanesOfRow;
}

bool TileShape::keepsInput() const {
  return columns * paddedParts() * columnsOfLoad * 2 <= kMaxInputBytes;
}

int64_t TileShape::residentBlocks() const {
  // With 80 registers of a thread, of which hardly any is spilled. Measured on
  // an H200, two blocks with 128 are slower.
  constexpr int64_t threadsOfMultiprocessor = 768;
  return std::max<int64_t>(threadsOfMultiprocessor / threads(), 1);
}

SmallVector<MemRefType> TileShape::getShared(MLIRContext *context) const {
  SmallVector<MemRefType> types = {getSharedType(
      Float32Type::get(context), {tiles, splits, 2 * kTileRows, kTileColumns})};
  if (keepsInput())
    types.push_back(
        getSharedType(VectorType::get({kWords}, IntegerType::get(context, 32)),
                      {columns, columnsOfLoad / kChunk, paddedParts()}));
  return types;
}

TileProduct::TileProduct(ImplicitLocOpBuilder &b, const KernelThread &thread,
                         const TileShape &shape, const RowWeight &weight,
                         Value input)
    : b(b), thread(thread), shape(shape), weight(weight), input(input) {
  tile = divIndex(b, thread.warp, shape.splits);
  split = remIndex(b, thread.warp, shape.splits);
  group = divIndex(b, thread.lane, kLanesOfRow);
  quarter = remIndex(b, thread.lane, kLanesOfRow);
  column =
      arith::MinUIOp::create(b, group, constantIndex(b, shape.columns - 1));
}

Value TileProduct::zeroUnless(Value condition, Value value) {
  if (!condition)
    return value;
  return arith::SelectOp::create(b, condition, value,
                                 constantInt(b, value.getType(), 0));
}

/// `vector` of 16 bytes as words.
static Value toWords(ImplicitLocOpBuilder &b, Value vector) {
  return vector::BitCastOp::create(b, VectorType::get({kWords}, b.getI32Type()),
                                   vector);
}

static SmallVector<Value> splitWords(ImplicitLocOpBuilder &b, Value words) {
  SmallVector<Value> result;
  for (int64_t i = 0; i < kWords; ++i)
    result.push_back(vector::ExtractOp::create(b, words, i));
  return result;
}

/// Words of eight activations as decodePairs has their weights: i and i + 4
/// together, for each i.
Value TileProduct::orderPairs(Value words) {
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

/// The activations for 8 columns of load number `part` of a row of the weight.
Value TileProduct::loadInput(ArrayRef<Value> row, Value part, int64_t chunk) {
  Value first =
      addIndex(b, mulIndex(b, part, shape.columnsOfLoad), chunk * kChunk);
  Value words = toWords(b, loadVector(b, input, atColumn(row, first), kChunk));
  return weight.scales ? orderPairs(words) : words;
}

void TileProduct::setInput(function_ref<SmallVector<Value>(Value)> getRow) {
  if (!shape.keepsInput()) {
    inputRow = getRow(column);
    return;
  }
  // The products before must be done.
  gpu::BarrierOp::create(b);
  int64_t parts = shape.paddedParts();
  Value end = constantIndex(b, shape.columns * parts);
  emitFor(b, thread.thread, end, shape.threads(), [&](Value item) {
    Value ofColumn = divIndex(b, item, parts);
    Value place = remIndex(b, item, parts);
    Value isPart = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, place,
                                         constantIndex(b, shape.parts));
    Value part =
        arith::MinUIOp::create(b, place, constantIndex(b, shape.parts - 1));
    SmallVector<Value> row = getRow(ofColumn);
    for (int64_t i = 0; i < shape.columnsOfLoad / kChunk; ++i)
      memref::StoreOp::create(b, zeroUnless(isPart, loadInput(row, part, i)),
                              thread.shared[1],
                              ValueRange{ofColumn, constantIndex(b, i), place});
  });
  gpu::BarrierOp::create(b);
}

/// The activations for eight columns of a load of a row, two words for each
/// product.
Value TileProduct::loadFragment(const Part &part, int64_t chunk) {
  // Past the end of a row there are zeros, for which the last block of the
  // weight is taken again: a row where that is infinite gets infinity or NaN.
  if (!shape.keepsInput())
    return zeroUnless(part.isPart, loadInput(inputRow, part.part, chunk));
  Value place[] = {column, constantIndex(b, chunk), part.place};
  return memref::LoadOp::create(b, thread.shared[1], place);
}

Value TileProduct::loadWeight(ArrayRef<Value> row, Value part) {
  if (!weight.scales)
    return loadVector(b, weight.values,
                      atColumn(row, mulIndex(b, part, kChunk)), kChunk);
  return loadVector(
      b, weight.values,
      atColumn(atColumn(row, part), mulIndex(b, group, kLoadBytes)),
      kLoadBytes);
}

Value TileProduct::loadScale(ArrayRef<Value> row, Value part) {
  return memref::LoadOp::create(b, weight.scales,
                                atColumn(atColumn(row, part), group));
}

/// Elements i and i + 4 of the eight in `word`, for each i, as bf16 by 2^126.
SmallVector<Value> TileProduct::decodePairs(Value word) {
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

Value TileProduct::multiplyPair(Value pair, Value factor) {
  Type type = VectorType::get({2}, b.getBF16Type());
  // Not arith, which is widened to f32 later.
  Value product =
      LLVM::FMulOp::create(b, LLVM::BitcastOp::create(b, type, pair),
                           LLVM::BitcastOp::create(b, type, factor));
  return LLVM::BitcastOp::create(b, b.getI32Type(), product);
}

/// 2^(exponent - 127) as bf16, twice.
Value TileProduct::makeFactor(Value exponent) {
  Type i32 = b.getI32Type();
  Value bits = arith::ShLIOp::create(b, exponent, constantInt(b, i32, 7));
  return arith::MulIOp::create(b, bits, constantInt(b, i32, 0x00010001));
}

TileProduct::Part TileProduct::getPart(Value pass, int64_t step) {
  Value turn = addIndex(b, mulIndex(b, pass, shape.steps), step);
  Value quad = addIndex(b, mulIndex(b, turn, shape.splits), split);
  Value place = addIndex(b, mulIndex(b, quad, kLanesOfRow), quarter);
  if (shape.parts == shape.paddedParts())
    return {place, place, Value()};
  Value last = constantIndex(b, shape.parts - 1);
  return {place, arith::MinUIOp::create(b, place, last),
          arith::CmpIOp::create(b, arith::CmpIPredicate::ule, place, last)};
}

/// What a lane loads of the weight in a step, for both halves: elements, then
/// scales.
SmallVector<Value> TileProduct::load(Value pass, int64_t step,
                                     const Tile &tile) {
  Value part = getPart(pass, step).part;
  SmallVector<Value> loads;
  for (ArrayRef<Value> row : tile.rows)
    loads.push_back(loadWeight(row, part));
  for (ArrayRef<Value> row : tile.rows)
    if (weight.scales)
      loads.push_back(loadScale(row, part));
  return loads;
}

SmallVector<Value> TileProduct::multiplyLoads(const Part &part,
                                              ValueRange loads,
                                              ValueRange sums) {
  SmallVector<Value> words[2];
  for (int64_t half = 0; half < 2; ++half)
    words[half] = splitWords(b, toWords(b, loads[half]));
  if (!weight.scales) {
    SmallVector<Value> columns = splitWords(b, loadFragment(part, 0));
    SmallVector<Value> carried(sums);
    for (int64_t i = 0; i < kWords; i += 2)
      carried = emitMMA(
          b, {words[0][i], words[1][i], words[0][i + 1], words[1][i + 1]},
          ValueRange(columns).slice(i, 2), carried);
    return carried;
  }

  Type i32 = b.getI32Type();
  auto number = [&](int64_t value) { return constantInt(b, i32, value); };
  Value bytes[2];
  for (int64_t half = 0; half < 2; ++half)
    bytes[half] = arith::ExtUIOp::create(
        b, i32, arith::BitcastOp::create(b, b.getI8Type(), loads[2 + half]));
  // The products with `factors` of the elements, which are several for one.
  auto multiply = [&](ArrayRef<SmallVector<Value>> factors) {
    SmallVector<Value> carried(sums);
    for (int64_t i = 0; i < kWords; ++i) {
      SmallVector<Value> pairs[2];
      for (int64_t half = 0; half < 2; ++half)
        for (Value pair : decodePairs(words[half][i])) {
          for (Value factor : factors[half])
            pair = multiplyPair(pair, factor);
          pairs[half].push_back(pair);
        }
      SmallVector<Value> columns = splitWords(b, loadFragment(part, i));
      for (int64_t k = 0; k < kWords; k += 2)
        carried = emitMMA(
            b, {pairs[0][k], pairs[1][k], pairs[0][k + 1], pairs[1][k + 1]},
            ValueRange(columns).slice(k, 2), carried);
    }
    scf::YieldOp::create(b, carried);
  };
  // Scales that need two factors or are NaN, which a model hardly has, are code
  // of their own.
  Value isLarge = arith::CmpIOp::create(
      b, arith::CmpIPredicate::ugt,
      arith::MaxUIOp::create(b, bytes[0], bytes[1]), number(kLargestScale));
  Value isAnyLarge = NVVM::VoteSyncOp::create(b, b.getI1Type(), number(-1),
                                              isLarge, NVVM::VoteSyncKind::any);
  auto branch = scf::IfOp::create(b, TypeRange(sums), isAnyLarge,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Value> factors[2];
  b.setInsertionPointToStart(branch.elseBlock());
  for (int64_t half = 0; half < 2; ++half)
    factors[half] = {makeFactor(
        arith::AddIOp::create(b, bytes[half], number(kElementShift)))};
  multiply(factors);
  b.setInsertionPointToStart(branch.thenBlock());
  for (int64_t half = 0; half < 2; ++half) {
    Value isNaN = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        bytes[half], number(kNaNScale));
    Value first = arith::AddIOp::create(
        b, arith::MinUIOp::create(b, bytes[half], number(kLargestScale)),
        number(kElementShift));
    Value rest = arith::SubIOp::create(
        b, arith::MaxUIOp::create(b, bytes[half], number(kLargestScale)),
        number(1));
    factors[half] = {arith::SelectOp::create(b, isNaN,
                                             number(kNaN | kNaN << 16),
                                             makeFactor(first)),
                     makeFactor(rest)};
  }
  multiply(factors);
  return branch.getResults();
}

void TileProduct::multiply(const Tile &tile) {
  // While a load is multiplied, that of the next pass is on its way.
  Value zero = constantIndex(b, 0);
  SmallVector<Value> carried(kSums, constantFloat(b, b.getF32Type(), 0.0));
  for (int64_t step = 0; step < shape.steps; ++step)
    carried.append(load(zero, step, tile));
  size_t loadsOfStep = weight.scales ? 4 : 2;
  auto emitPass = [&](Value pass, ValueRange carried, bool isLast) {
    SmallVector<Value> sums(carried.take_front(kSums)), ahead;
    for (int64_t step = 0; step < shape.steps; ++step) {
      ValueRange loads = carried.slice(kSums + step * loadsOfStep, loadsOfStep);
      sums = multiplyLoads(getPart(pass, step), loads, sums);
      if (!isLast)
        ahead.append(load(addIndex(b, pass, 1), step, tile));
    }
    sums.append(ahead);
    return sums;
  };
  Value last = constantIndex(b, shape.passes - 1);
  if (shape.passes > 1)
    carried =
        emitFor(b, zero, last, 1, carried, [&](Value pass, ValueRange carried) {
          return emitPass(pass, carried, /*isLast=*/false);
        });
  SmallVector<Value> sums = emitPass(last, carried, /*isLast=*/true);

  // The sums of the product before must have been read.
  gpu::BarrierOp::create(b);
  for (int64_t half = 0; half < 2; ++half)
    for (int64_t c = 0; c < 2; ++c) {
      Value place[] = {this->tile, split, addIndex(b, group, half * kTileRows),
                       addIndex(b, mulIndex(b, quarter, 2), c)};
      memref::StoreOp::create(b, sums[2 * half + c], thread.shared[0], place);
    }
  gpu::BarrierOp::create(b);
}

Value TileProduct::getSum(Value tile, Value row, Value column) {
  Value sum;
  for (int64_t split = 0; split < shape.splits; ++split) {
    Value place[] = {tile, constantIndex(b, split), row, column};
    Value part = memref::LoadOp::create(b, thread.shared[0], place);
    sum = sum ? arith::AddFOp::create(b, sum, part).getResult() : part;
  }
  return sum;
}
