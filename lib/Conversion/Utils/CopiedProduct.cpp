//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A lane copies what it multiplies by itself, so that no warp waits for
// another. The halves of a tile are the same kTileRows rows in two chunks of
// columns that follow each other: even columns of the product have the
// activations of the first chunk, odd ones those of the second.
//
//===----------------------------------------------------------------------===//

#include "CopiedProduct.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Columns that the lanes of a row have together, and chunks of a part.
static constexpr int64_t kColumnsOfChunk = kLanesOfRow * kChunk;
static constexpr int64_t kChunks = 4;
static constexpr int64_t kPairs = kChunks / 2;
static constexpr int64_t kColumnsOfPart = kChunks * kColumnsOfChunk;
/// Warps of a block at most, and bytes of its rows: a block of attention is on
/// the same multiprocessor.
static constexpr int64_t kMaxWarps = 12;
static constexpr int64_t kMaxBytes = 204800;
/// Parts that a warp has under way at a time: what the kernel before requests
/// must not wait behind all of them.
static constexpr int64_t kPartsAtOnce = 2;

CopiedShape::CopiedShape(const RowWeight &weight, int64_t rows)
    : units(llvm::divideCeil(llvm::divideCeil(rows, kTileRows),
                             kMultiprocessors)),
      parts(llvm::divideCeil(weight.columns, kMaxWarps * kColumnsOfPart)),
      warps(llvm::divideCeil(weight.columns, parts * kColumnsOfPart)) {}

bool CopiedShape::fits() const {
  return units * parts * warps * kChunks * kWarpSize * kLoadBytes <= kMaxBytes;
}

SmallVector<MemRefType> CopiedShape::getShared(MLIRContext *context) const {
  return {getSharedType(BFloat16Type::get(context),
                        {warps, units, parts, kChunks, kWarpSize * kChunk}),
          getSharedType(Float32Type::get(context), {warps, rows()})};
}

CopiedProduct::CopiedProduct(ImplicitLocOpBuilder &b,
                             const KernelThread &thread,
                             const CopiedShape &shape, const RowWeight &weight,
                             Value input)
    : b(b), thread(thread), shape(shape), rowWeight(weight),
      weight(b, thread, weight), input(input) {}

static Type getTokenType(ImplicitLocOpBuilder &b) {
  return nvgpu::DeviceAsyncTokenType::get(b.getContext());
}

/// Waits until all but the last `count` groups of copies of the thread are
/// there.
static void waitForCopies(ImplicitLocOpBuilder &b, int64_t count) {
  NVVM::CpAsyncWaitGroupOp::create(b, b.getI32IntegerAttr(int32_t(count)));
}

/// The first column of the lane in a chunk of a part of its warp.
Value CopiedProduct::getColumn(Value part, Value chunk) {
  Value partOfRow = addIndex(b, mulIndex(b, thread.warp, shape.parts), part);
  Value first = addIndex(b, mulIndex(b, partOfRow, kColumnsOfPart),
                         mulIndex(b, chunk, kColumnsOfChunk));
  return addIndex(b, first, mulIndex(b, weight.getQuarter(), kChunk));
}

/// Begins to copy a part of the rows of a unit: zeros past the end of a row.
void CopiedProduct::copy(Value unit, Value part, GetRow getRow) {
  Value row =
      getRow(addIndex(b, mulIndex(b, unit, kTileRows), weight.getGroup()));
  for (int64_t i = 0; i < kChunks; ++i) {
    Value chunk = constantIndex(b, i);
    Value column = getColumn(part, chunk);
    Value isColumn = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, column,
                                           constantIndex(b, rowWeight.columns));
    Value known = arith::SelectOp::create(b, isColumn, constantIndex(b, kChunk),
                                          constantIndex(b, 0));
    nvgpu::DeviceAsyncCopyOp::create(
        b, getTokenType(b), thread.shared[0],
        ValueRange{thread.warp, unit, part, chunk,
                   mulIndex(b, thread.lane, kChunk)},
        rowWeight.values,
        ValueRange{row, clampTo(b, column, rowWeight.columns - kChunk)},
        b.getIndexAttr(kChunk), known, /*bypassL1=*/b.getUnitAttr());
  }
  nvgpu::DeviceAsyncCreateGroupOp::create(b, getTokenType(b), ValueRange());
}

/// The activations that the lane supplies for a pair of chunks: zeros past the
/// end of the row.
Value CopiedProduct::loadInput(int64_t part, int64_t pair) {
  Value chunk = addIndex(b, remIndex(b, weight.getGroup(), 2), 2 * pair);
  Value column = getColumn(constantIndex(b, part), chunk);
  Value isColumn = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, column,
                                         constantIndex(b, rowWeight.columns));
  Value place[] = {constantIndex(b, 0),
                   clampTo(b, column, rowWeight.columns - kChunk)};
  return zeroUnless(b, isColumn, weight.loadColumns(input, place));
}

/// The words that the lane copied of a chunk.
SmallVector<Value> CopiedProduct::loadCopied(Value unit, int64_t part,
                                             int64_t chunk) {
  Value place[] = {thread.warp, unit, constantIndex(b, part),
                   constantIndex(b, chunk), mulIndex(b, thread.lane, kChunk)};
  return splitWords(b, weight.loadColumns(thread.shared[0], place));
}

void CopiedProduct::multiply(GetRow getRow) {
  Value zero = constantIndex(b, 0);
  emitFor(b, zero, constantIndex(b, shape.units * shape.parts), 1,
          [&](Value step) {
            waitForCopies(b, kPartsAtOnce - 1);
            copy(divIndex(b, step, shape.parts), remIndex(b, step, shape.parts),
                 getRow);
          });
  SmallVector<SmallVector<Value>> columns;
  for (int64_t part = 0; part < shape.parts; ++part)
    for (int64_t pair = 0; pair < kPairs; ++pair)
      columns.push_back(splitWords(b, loadInput(part, pair)));
  waitForCopies(b, 0);
  Value none = constantFloat(b, b.getF32Type(), 0.0);
  emitFor(b, zero, constantIndex(b, shape.units), 1, [&](Value unit) {
    // A sum for each pair, so that products need not wait for each other.
    SmallVector<SmallVector<Value>> sums(kPairs,
                                         SmallVector<Value>(kTileSums, none));
    for (int64_t part = 0; part < shape.parts; ++part)
      for (int64_t pair = 0; pair < kPairs; ++pair) {
        SmallVector<Value> low = loadCopied(unit, part, 2 * pair);
        SmallVector<Value> high = loadCopied(unit, part, 2 * pair + 1);
        for (int64_t k = 0; k < kWordsOfLoad; k += 2)
          sums[pair] = emitMMA(
              b, b.getBF16Type(), {low[k], high[k], low[k + 1], high[k + 1]},
              ValueRange(columns[part * kPairs + pair]).slice(k, 2),
              sums[pair]);
      }
    Value sum = none;
    for (ArrayRef<Value> ofPair : sums)
      sum = arith::AddFOp::create(
          b, sum, arith::AddFOp::create(b, ofPair[0], ofPair[3]));
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                          weight.getQuarter(), zero);
    emitIf(b, isFirst, [&] {
      Value row = addIndex(b, mulIndex(b, unit, kTileRows), weight.getGroup());
      memref::StoreOp::create(b, sum, thread.shared[1],
                              ValueRange{thread.warp, row});
    });
  });
  gpu::BarrierOp::create(b);
}

Value CopiedProduct::getSum(Value row) {
  Value sum;
  for (int64_t warp = 0; warp < shape.warps; ++warp) {
    Value place[] = {constantIndex(b, warp), row};
    Value part = memref::LoadOp::create(b, thread.shared[1], place);
    sum = sum ? arith::AddFOp::create(b, sum, part).getResult() : part;
  }
  return sum;
}
