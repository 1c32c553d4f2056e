//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileProduct.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Columns of the weight that a load has: a block.
static constexpr int64_t kColumnsOfLoad = mx::kBlockSize;
/// Loads of a row that a lane has under way at most.
static constexpr int64_t kMaxSteps = 2;
/// Bytes of activations that a block keeps at most.
static constexpr int64_t kMaxInputBytes = 32768;

TileShape::TileShape(const RowWeight &weight, int64_t tiles, int64_t splits,
                     int64_t columns)
    : tiles(tiles), splits(splits), columns(columns),
      parts(weight.columns / kColumnsOfLoad) {
  int64_t needed = llvm::divideCeil(parts, kLanesOfRow * splits);
  passes = llvm::divideCeil(needed, kMaxSteps);
  steps = llvm::divideCeil(needed, passes);
}

int64_t TileShape::paddedParts() const {
  return passes * steps * splits * kLanesOfRow;
}

bool TileShape::keepsInput() const {
  return columns * paddedParts() * kColumnsOfLoad * 2 <= kMaxInputBytes;
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
    types.push_back(getSharedType(getWordsType(context),
                                  {columns, kWordsOfLoad, paddedParts()}));
  return types;
}

TileProduct::TileProduct(ImplicitLocOpBuilder &b, const KernelThread &thread,
                         const TileShape &shape, const RowWeight &weight,
                         Value input)
    : b(b), thread(thread), shape(shape), weight(b, thread, weight),
      input(input) {
  tile = divIndex(b, thread.warp, shape.splits);
  split = remIndex(b, thread.warp, shape.splits);
  column = arith::MinUIOp::create(b, this->weight.getGroup(),
                                  constantIndex(b, shape.columns - 1));
}

/// The activations for 8 columns of load number `part` of a row of the weight.
Value TileProduct::loadInput(ArrayRef<Value> row, Value part, int64_t chunk) {
  Value first = addIndex(b, mulIndex(b, part, kColumnsOfLoad), chunk * kChunk);
  return weight.loadColumns(input, atColumn(row, first));
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
    for (int64_t i = 0; i < kWordsOfLoad; ++i)
      memref::StoreOp::create(b, zeroUnless(b, isPart, loadInput(row, part, i)),
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
    return zeroUnless(b, part.isPart, loadInput(inputRow, part.part, chunk));
  Value place[] = {column, constantIndex(b, chunk), part.place};
  return memref::LoadOp::create(b, thread.shared[1], place);
}

TileProduct::Part TileProduct::getPart(Value pass, int64_t step) {
  Value turn = addIndex(b, mulIndex(b, pass, shape.steps), step);
  Value quad = addIndex(b, mulIndex(b, turn, shape.splits), split);
  Value place =
      addIndex(b, mulIndex(b, quad, kLanesOfRow), weight.getQuarter());
  if (shape.parts == shape.paddedParts())
    return {place, place, Value()};
  Value last = constantIndex(b, shape.parts - 1);
  return {place, arith::MinUIOp::create(b, place, last),
          arith::CmpIOp::create(b, arith::CmpIPredicate::ule, place, last)};
}

/// What a lane loads of the weight in a step.
SmallVector<Value> TileProduct::load(Value pass, int64_t step,
                                     const Tile &tile) {
  return weight.load(tile, getPart(pass, step).part);
}

void TileProduct::multiply(const Tile &tile) {
  // While a load is multiplied, that of the next pass is on its way.
  Value zero = constantIndex(b, 0);
  SmallVector<Value> carried(kTileSums, constantFloat(b, b.getF32Type(), 0.0));
  for (int64_t step = 0; step < shape.steps; ++step)
    carried.append(load(zero, step, tile));
  size_t loadsOfStep = weight.loadsOfPart();
  auto emitPass = [&](Value pass, ValueRange carried, bool isLast) {
    SmallVector<Value> sums(carried.take_front(kTileSums)), ahead;
    for (int64_t step = 0; step < shape.steps; ++step) {
      ValueRange loads =
          carried.slice(kTileSums + step * loadsOfStep, loadsOfStep);
      Part part = getPart(pass, step);
      // Large scales are code of their own.
      Type i32 = b.getI32Type();
      Value isLarge = arith::CmpIOp::create(
          b, arith::CmpIPredicate::ugt,
          weight.getLargestScale(loads, constantInt(b, i32, 0)),
          constantInt(b, i32, kLargestScale));
      Value isAnyLarge =
          NVVM::VoteSyncOp::create(b, b.getI1Type(), constantInt(b, i32, -1),
                                   isLarge, NVVM::VoteSyncKind::any);
      auto branch =
          scf::IfOp::create(b, TypeRange(ValueRange(sums)), isAnyLarge,
                            /*addThenBlock=*/true, /*addElseBlock=*/true);
      for (bool isLarge : {false, true}) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(isLarge ? branch.thenBlock()
                                           : branch.elseBlock());
        scf::YieldOp::create(b, weight.multiply(
                                    loads, sums,
                                    [&](int64_t chunk, int64_t) {
                                      return loadFragment(part, chunk);
                                    },
                                    isLarge));
      }
      sums = branch.getResults();
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
      Value place[] = {this->tile, split,
                       addIndex(b, weight.getGroup(), half * kTileRows),
                       addIndex(b, mulIndex(b, weight.getQuarter(), 2), c)};
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
