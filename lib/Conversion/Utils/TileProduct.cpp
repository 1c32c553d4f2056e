//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One token leaves seven of the eight columns of mma.m16n8k16 empty. So each
// column has the activations of a block of its own, and sums of products with
// elements are scaled, rather than each element.
//
//===----------------------------------------------------------------------===//

#include "TileProduct.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Columns of the weight that a load has: a block.
static constexpr int64_t kColumnsOfLoad = mx::kBlockSize;
/// Fours of loads of a row that a warp has under way at most.
static constexpr int64_t kMaxSteps = 2;
/// Bytes of activations that a block keeps at most.
static constexpr int64_t kMaxInputBytes = 32768;
/// Loads of activations that a thread has under way at most.
static constexpr int64_t kInputLoads = 4;
/// The exponent of infinities and NaN in an f32.
static constexpr int64_t kLargestExponent = 0x7F800000;
/// Sums of a lane.
static constexpr int64_t kSums = 2;

TileShape::TileShape(const RowWeight &weight, int64_t tiles, int64_t splits,
                     int64_t inputs)
    : tiles(tiles), splits(splits), inputs(inputs),
      parts(weight.columns / kColumnsOfLoad) {
  int64_t needed = llvm::divideCeil(parts, kLanesOfRow * splits);
  passes = llvm::divideCeil(needed, kMaxSteps);
  steps = llvm::divideCeil(needed, passes);
}

int64_t TileShape::places() const {
  // Two places of four chunks side by side are in different banks.
  return llvm::alignTo(passes * steps * splits * kLanesOfRow, 8) + 2;
}

bool TileShape::keepsInput() const {
  return inputs * places() * kColumnsOfLoad * 2 <= kMaxInputBytes;
}

int64_t TileShape::residentBlocks() const {
  // With 80 registers of a thread, of which hardly any is spilled. Measured on
  // an H200, two blocks with 128 are slower.
  constexpr int64_t threadsOfMultiprocessor = 768;
  return std::max<int64_t>(threadsOfMultiprocessor / threads(), 1);
}

SmallVector<MemRefType> TileShape::getShared(MLIRContext *context) const {
  SmallVector<MemRefType> types = {
      getSharedType(Float32Type::get(context), {tiles, splits, 2 * kTileRows})};
  if (keepsInput())
    types.push_back(
        getSharedType(getWordsType(context), {inputs, kWordsOfLoad, places()}));
  return types;
}

TileProduct::TileProduct(ImplicitLocOpBuilder &b, const KernelThread &thread,
                         const TileShape &shape, const RowWeight &weight,
                         Value input)
    : b(b), thread(thread), shape(shape), weight(b, thread, weight),
      input(input) {
  tile = divIndex(b, thread.warp, shape.splits);
  split = remIndex(b, thread.warp, shape.splits);
  Value group = this->weight.getGroup();
  isSupplier = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                     remIndex(b, group, kLanesOfRow),
                                     this->weight.getQuarter());
  Value half = divIndex(b, group, kLanesOfRow);
  inputNumber =
      shape.inputs == 1
          ? constantIndex(b, 0)
          : arith::MinUIOp::create(b, addIndex(b, mulIndex(b, tile, 2), half),
                                   constantIndex(b, shape.inputs - 1))
                .getResult();
}

/// The four loads of a row that its lanes make in a turn of the warp.
Value TileProduct::getQuad(Value turn) {
  return addIndex(b, mulIndex(b, turn, shape.splits), split);
}

/// The lane's of them.
Value TileProduct::getPart(Value quad) {
  return addIndex(b, mulIndex(b, quad, kLanesOfRow), weight.getQuarter());
}

/// A chunk of the activations for load number `part` of a row of the weight, or
/// zeros if there is no such load.
Value TileProduct::loadInput(ArrayRef<Value> row, Value part, Value chunk) {
  Value last = constantIndex(b, shape.parts - 1);
  Value isPart =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ule, part, last);
  Value first = addIndex(
      b, mulIndex(b, arith::MinUIOp::create(b, part, last), kColumnsOfLoad),
      mulIndex(b, chunk, kChunk));
  return zeroUnless(b, isPart, weight.loadColumns(input, atColumn(row, first)));
}

/// Takes all activations to the memory of the block, scaled.
void TileProduct::keepInput(function_ref<SmallVector<Value>(Value)> getRow) {
  int64_t chunksOfRow = shape.places() * kWordsOfLoad;
  int64_t items = shape.inputs * chunksOfRow;
  // As much is requested at once as there are registers for, and threads side
  // by side load side by side.
  for (int64_t begin = 0; begin < items;
       begin += kInputLoads * thread.threads) {
    SmallVector<SmallVector<Value>> places;
    SmallVector<Value> loads, conditions;
    for (int64_t done = begin;
         done < std::min(items, begin + kInputLoads * thread.threads);
         done += thread.threads) {
      Value number = addIndex(b, thread.thread, done), isItem;
      if (items - done < thread.threads) {
        isItem = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number,
                                       constantIndex(b, items));
        number = arith::MinUIOp::create(b, number, constantIndex(b, items - 1));
      }
      Value ofInput = divIndex(b, number, chunksOfRow);
      Value ofRow = remIndex(b, number, chunksOfRow);
      Value part = divIndex(b, ofRow, kWordsOfLoad);
      Value chunk = remIndex(b, ofRow, kWordsOfLoad);
      loads.push_back(loadInput(getRow(ofInput), part, chunk));
      places.push_back({ofInput, chunk, part});
      conditions.push_back(isItem);
    }
    for (size_t i = 0; i < loads.size(); ++i) {
      auto store = [&] {
        memref::StoreOp::create(b, weight.scaleColumns(loads[i]),
                                thread.shared[1], places[i]);
      };
      if (conditions[i])
        emitIf(b, conditions[i], store);
      else
        store();
    }
  }
  gpu::BarrierOp::create(b);
}

/// A chunk of the activations that the lane supplies for four loads of a row,
/// as they are in the memory of the block.
Value TileProduct::getKept(Value quad, int64_t chunk) {
  Value part = getPart(quad);
  Value zeros = constantIndex(b, shape.places() - 1);
  Value place[] = {inputNumber, constantIndex(b, chunk),
                   arith::SelectOp::create(b, isSupplier, part, zeros)};
  return memref::LoadOp::create(b, thread.shared[1], place);
}

/// Likewise, as they are in `input`.
Value TileProduct::getColumns(Value quad, int64_t chunk) {
  // Past the end of a row there are zeros, for which other blocks of it are
  // taken again: where these have large scales, which sums find, or NaN, so
  // does the row.
  return zeroUnless(
      b, isSupplier,
      loadInput(inputRow, getPart(quad), constantIndex(b, chunk)));
}

/// Returns the sum of the lane's row of half t / 2.
Value TileProduct::storeSums(ValueRange sums) {
  Value sum = arith::AddFOp::create(b, sums[0], sums[1]);
  sum = reduceWarp(
      b, sum,
      [&](Value x, Value y) -> Value { return arith::AddFOp::create(b, x, y); },
      /*lanes=*/2);
  Value quarter = weight.getQuarter();
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                            remIndex(b, quarter, 2), constantIndex(b, 0));
  emitIf(b, isFirst, [&] {
    Value row = addIndex(b, mulIndex(b, divIndex(b, quarter, 2), kTileRows),
                         weight.getGroup());
    memref::StoreOp::create(b, sum, thread.shared[0],
                            ValueRange{tile, split, row});
  });
  return sum;
}

/// While a load is multiplied, that of the next pass is on its way. Returns the
/// sum of the lane's row, which is not finite if a number was too large.
Value TileProduct::multiplyAhead(const Tile &tile) {
  Value zero = constantIndex(b, 0);
  SmallVector<Value> carried(kSums, constantFloat(b, b.getF32Type(), 0.0));
  auto getOwnQuad = [&](Value pass, int64_t step) {
    return getQuad(addIndex(b, mulIndex(b, pass, shape.steps), step));
  };
  auto load = [&](Value pass, int64_t step) {
    return weight.loadBlocks(tile, getOwnQuad(pass, step));
  };
  for (int64_t step = 0; step < shape.steps; ++step)
    carried.append(load(zero, step));
  auto emitPass = [&](Value pass, ValueRange carried, bool isLast) {
    SmallVector<Value> sums(carried.take_front(kSums)), ahead;
    for (int64_t step = 0; step < shape.steps; ++step) {
      size_t count = weight.loadsOfBlocks();
      ValueRange loads = carried.slice(kSums + step * count, count);
      Value quad = getOwnQuad(pass, step);
      sums = weight.multiplyBlocks(
          loads, sums,
          [&](int64_t chunk) -> Value {
            if (shape.keepsInput())
              return getKept(quad, chunk);
            return weight.scaleColumns(getColumns(quad, chunk));
          },
          /*isExact=*/false);
      if (!isLast)
        ahead.append(load(addIndex(b, pass, 1), step));
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
  return storeSums(ValueRange(sums).take_front(kSums));
}

/// Multiplies all again, with elements and activations at their own values.
/// Sums are scaled here, too: an element that its scale made infinite would
/// make NaN of the zeros in other columns.
void TileProduct::multiplyExactly(const Tile &tile) {
  SmallVector<Value> sums(kSums, constantFloat(b, b.getF32Type(), 0.0));
  sums = emitFor(b, constantIndex(b, 0),
                 constantIndex(b, shape.passes * shape.steps), 1, sums,
                 [&](Value turn, ValueRange sums) {
                   Value quad = getQuad(turn);
                   return weight.multiplyBlocks(
                       weight.loadBlocks(tile, quad), sums,
                       [&](int64_t chunk) { return getColumns(quad, chunk); },
                       /*isExact=*/true);
                 });
  storeSums(sums);
}

void TileProduct::multiply(const Tile &tile,
                           function_ref<SmallVector<Value>(Value)> getRow) {
  inputRow = getRow(inputNumber);
  if (shape.keepsInput())
    keepInput(getRow);
  Type i32 = b.getI32Type();
  Value bits = arith::BitcastOp::create(b, i32, multiplyAhead(tile));
  Value exponent = constantInt(b, i32, kLargestExponent);
  Value isLarge =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                            arith::AndIOp::create(b, bits, exponent), exponent);
  Value isAny =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, anyOfBlock(b, isLarge),
                            constantInt(b, i32, 0));
  emitIf(b, isAny, [&] {
    multiplyExactly(tile);
    gpu::BarrierOp::create(b);
  });
}

Value TileProduct::getSum(Value tile, Value row) {
  Value sum;
  for (int64_t split = 0; split < shape.splits; ++split) {
    Value place[] = {tile, constantIndex(b, split), row};
    Value part = memref::LoadOp::create(b, thread.shared[0], place);
    sum = sum ? arith::AddFOp::create(b, sum, part).getResult() : part;
  }
  return sum;
}
