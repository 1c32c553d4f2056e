//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One token leaves seven of the eight columns of mma.m16n8k16 empty. So each
// column has the activations of a block of its own, and sums of products with
// elements are scaled, rather than each element. The halves of a tile are the
// same rows in two quads.
//
//===----------------------------------------------------------------------===//

#include "RingProduct.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Quads of loads of a row that a warp multiplies together, loads in them, and
/// columns.
static constexpr int64_t kQuads = 2;
static constexpr int64_t kLoads = kQuads * kLanesOfRow;
static constexpr int64_t kColumns = kLoads * mx::kBlockSize;
/// Warps of a block at most.
static constexpr int64_t kMaxWarps = 12;
/// Units that a warp has under way at most, and bytes of them in a block.
static constexpr int64_t kMaxSlots = 2;
static constexpr int64_t kMaxRingBytes = 80 * 1024;
/// Bytes of scales that a lane copies together.
static constexpr int64_t kScalesOfCopy = 4;
/// The exponent of infinities and NaN in an f32.
static constexpr int64_t kLargestExponent = 0x7F800000;
/// Sums of a lane.
static constexpr int64_t kSums = 2;

RingShape::RingShape(const RowWeight &weight, int64_t groups, int64_t units,
                     int64_t inputs)
    : groups(groups), units(units), inputs(inputs),
      pairs(llvm::divideCeil(weight.columns, kColumns)),
      passes(llvm::divideCeil(pairs, kMaxWarps)) {
  warps = llvm::divideCeil(pairs, passes);
  int64_t bytes = warps * groups * kTileRows * kLoads * (kLoadBytes + 1);
  slots =
      std::clamp<int64_t>(kMaxRingBytes / bytes, 1, std::min(kMaxSlots, units));
}

SmallVector<MemRefType> RingShape::getShared(const RowWeight &weight,
                                             MLIRContext *context) const {
  auto getElement = [](Value memref) {
    return cast<MemRefType>(memref.getType()).getElementType();
  };
  return {
      getSharedType(getElement(weight.values),
                    {warps, slots, groups, kQuads, kWarpSize * kLoadBytes}),
      getSharedType(getElement(weight.scales),
                    {warps, slots, groups, kQuads, kTileRows * kLanesOfRow}),
      getSharedType(getWordsType(context), {warps, inputs, kWarpSize}),
      getSharedType(Float32Type::get(context), {warps, units, rows()}),
  };
}

RingProduct::RingProduct(ImplicitLocOpBuilder &b, const KernelThread &thread,
                         const RingShape &shape, const RowWeight &weight,
                         Value input)
    : b(b), thread(thread), shape(shape), rowWeight(weight),
      weight(b, thread, weight), input(input) {
  isSupplier =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                            remIndex(b, this->weight.getGroup(), kLanesOfRow),
                            this->weight.getQuarter());
}

/// The pair of quads of the warp.
Value RingProduct::getPair(Value pass) {
  return addIndex(b, mulIndex(b, pass, shape.warps), thread.warp);
}

/// Group number `number` of the unit that begins with `first`; the last one of
/// the weight if there is no such.
SmallVector<Value> RingProduct::getRow(ArrayRef<Value> first, Value number) {
  auto type = cast<MemRefType>(rowWeight.values.getType());
  SmallVector<Value> row(first);
  row.back() = clampTo(b, addIndex(b, row.back(), number),
                       type.getDimSize(type.getRank() - 2) - 1);
  return row;
}

static void copyAsync(ImplicitLocOpBuilder &b, Value to, ValueRange toPlace,
                      Value from, ValueRange fromPlace, int64_t count) {
  nvgpu::DeviceAsyncCopyOp::create(
      b, nvgpu::DeviceAsyncTokenType::get(b.getContext()), to, toPlace, from,
      fromPlace, b.getIndexAttr(count), /*srcElements=*/Value(),
      count == kLoadBytes ? b.getUnitAttr() : UnitAttr());
}

static Value closeGroup(ImplicitLocOpBuilder &b) {
  return nvgpu::DeviceAsyncCreateGroupOp::create(
      b, nvgpu::DeviceAsyncTokenType::get(b.getContext()), ValueRange());
}

static void syncWarp(ImplicitLocOpBuilder &b) {
  NVVM::SyncWarpOp::create(b, constantInt(b, b.getI32Type(), -1));
}

/// Copies the scales of a unit, kScalesOfCopy by each lane.
void RingProduct::copyScales(ArrayRef<Value> first, Value pair, Value slot) {
  constexpr int64_t bytes = kTileRows * kLanesOfRow,
                    copies = bytes / kScalesOfCopy;
  auto type = cast<MemRefType>(rowWeight.scales.getType());
  int64_t width = type.getDimSize(type.getRank() - 1);
  int64_t items = shape.groups * kQuads * copies;
  for (int64_t done = 0; done < items; done += kWarpSize) {
    Value number = addIndex(b, thread.lane, done);
    auto copyOne = [&] {
      Value group = divIndex(b, number, kQuads * copies);
      Value quad = remIndex(b, divIndex(b, number, copies), kQuads);
      Value place = mulIndex(b, remIndex(b, number, copies), kScalesOfCopy);
      // Past the end are others, which are multiplied by zeros.
      Value from = clampTo(
          b, addIndex(b, mulIndex(b, weight.getQuad(pair, quad), bytes), place),
          width - kScalesOfCopy);
      copyAsync(b, thread.shared[1], {thread.warp, slot, group, quad, place},
                rowWeight.scales, atColumn(getRow(first, group), from),
                kScalesOfCopy);
    };
    if (items - done >= kWarpSize)
      copyOne();
    else
      emitIf(b,
             arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number,
                                   constantIndex(b, items)),
             copyOne);
  }
}

/// Begins to copy `unit` to `slot`.
void RingProduct::copy(Value unit, Value pair, Value slot, GetGroup getGroup) {
  SmallVector<Value> first = getGroup(unit);
  for (int64_t group = 0; group < shape.groups; ++group)
    for (int64_t quad = 0; quad < kQuads; ++quad) {
      Value number = constantIndex(b, quad);
      Value from = mulIndex(b, weight.getBlock(weight.getQuad(pair, number)),
                            kLoadBytes);
      copyAsync(b, thread.shared[0],
                {thread.warp, slot, constantIndex(b, group), number,
                 mulIndex(b, thread.lane, kLoadBytes)},
                rowWeight.values,
                atColumn(getRow(first, constantIndex(b, group)), from),
                kLoadBytes);
    }
  copyScales(first, pair, slot);
}

/// Activations from column `first` on, or zeros past the end of a row.
Value RingProduct::loadInput(ArrayRef<Value> row, Value first) {
  Value isColumn = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, first,
                                         constantIndex(b, rowWeight.columns));
  Value known = clampTo(b, first, rowWeight.columns - kChunk);
  return zeroUnless(b, isColumn,
                    weight.loadColumns(input, atColumn(row, known)));
}

/// Takes the warp's activations to the memory of the block, scaled: a chunk by
/// each lane.
void RingProduct::stageInputs(Value pair, GetInput getInput) {
  Value first = addIndex(b, mulIndex(b, pair, kColumns),
                         mulIndex(b, thread.lane, kChunk));
  SmallVector<Value> loads;
  for (int64_t i = 0; i < shape.inputs; ++i)
    loads.push_back(loadInput(getInput(constantIndex(b, i)), first));
  // Lanes may still read those of the pass before.
  syncWarp(b);
  for (int64_t i = 0; i < shape.inputs; ++i)
    memref::StoreOp::create(
        b, weight.scaleColumns(loads[i]), thread.shared[2],
        ValueRange{thread.warp, constantIndex(b, i), thread.lane});
  syncWarp(b);
}

/// A chunk of the activations that the lane supplies.
Value RingProduct::getStaged(Value input, int64_t chunk) {
  Value place[] = {
      thread.warp, input,
      addIndex(b, mulIndex(b, weight.getGroup(), kWordsOfLoad), chunk)};
  return zeroUnless(b, isSupplier,
                    memref::LoadOp::create(b, thread.shared[2], place));
}

/// What was copied of a group, as multiplyBlocks takes it.
SmallVector<Value> RingProduct::loadCopied(int64_t group, Value pair,
                                           Value slot) {
  SmallVector<Value> loads;
  for (int64_t quad = 0; quad < kQuads; ++quad) {
    Value place[] = {thread.warp, slot, constantIndex(b, group),
                     constantIndex(b, quad),
                     mulIndex(b, thread.lane, kLoadBytes)};
    loads.push_back(loadVector(b, thread.shared[0], place, kLoadBytes));
  }
  Value prefix[] = {thread.warp, slot, constantIndex(b, group)};
  loads.append(
      weight.loadScales(thread.shared[1], pair, [&](Value quad, Value place) {
        return SmallVector<Value>{prefix[0], prefix[1], prefix[2], quad, place};
      }));
  return loads;
}

/// Adds up the sums of the lanes of each row of a group, and stores them.
/// Returns the sum of the lane's row.
Value RingProduct::storeSum(Value unit, int64_t group, ValueRange sums,
                            Value pass) {
  Value sum = arith::AddFOp::create(b, sums[0], sums[1]);
  sum = reduceWarp(
      b, sum,
      [&](Value x, Value y) -> Value { return arith::AddFOp::create(b, x, y); },
      kLanesOfRow);
  Value place[] = {thread.warp, unit,
                   addIndex(b, weight.getGroup(), group * kTileRows)};
  if (shape.passes > 1) {
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, pass,
                                          constantIndex(b, 0));
    Value before = memref::LoadOp::create(b, thread.shared[3], place);
    before = arith::SelectOp::create(
        b, isFirst, constantFloat(b, b.getF32Type(), 0.0), before);
    sum = arith::AddFOp::create(b, before, sum);
    syncWarp(b);
  }
  Value isFirstLane = arith::CmpIOp::create(
      b, arith::CmpIPredicate::eq, weight.getQuarter(), constantIndex(b, 0));
  emitIf(b, isFirstLane,
         [&] { memref::StoreOp::create(b, sum, thread.shared[3], place); });
  return sum;
}

/// While a unit is multiplied, others are on their way. Returns a true i1 if a
/// number was too large.
Value RingProduct::multiplyPass(Value pass, Value count, GetGroup getGroup,
                                GetInput getInput) {
  Value pair = getPair(pass);
  auto copyIfAny = [&](Value unit, Value slot) {
    emitIf(b, arith::CmpIOp::create(b, arith::CmpIPredicate::ult, unit, count),
           [&] { copy(unit, pair, slot, getGroup); });
    return closeGroup(b);
  };
  Value token;
  for (int64_t i = 0; i < shape.slots; ++i)
    token = copyIfAny(constantIndex(b, i), constantIndex(b, i));
  stageInputs(pair, getInput);
  Type i32 = b.getI32Type();
  Value zero = constantIndex(b, 0);
  SmallVector<Value> columns;
  auto loadStaged = [&](Value input) {
    columns.clear();
    for (int64_t chunk = 0; chunk < kWordsOfLoad; ++chunk)
      columns.push_back(getStaged(input, chunk));
  };
  if (shape.inputs == 1)
    loadStaged(zero);
  Value starts[] = {zero, constantInt(b, i32, 0)};
  return emitFor(
      b, zero, count, 1, starts,
      [&](Value unit, ValueRange carried) -> SmallVector<Value> {
        Value slot = carried[0], isLarge = carried[1];
        nvgpu::DeviceAsyncWaitOp::create(b, TypeRange(), token,
                                         b.getI32IntegerAttr(shape.slots - 1));
        // Scales are copied by other lanes.
        syncWarp(b);
        SmallVector<SmallVector<Value>> loads;
        for (int64_t group = 0; group < shape.groups; ++group)
          loads.push_back(loadCopied(group, pair, slot));
        syncWarp(b);
        copyIfAny(addIndex(b, unit, shape.slots), slot);
        if (shape.inputs != 1)
          loadStaged(unit);
        Value exponent = constantInt(b, i32, kLargestExponent);
        for (int64_t group = 0; group < shape.groups; ++group) {
          SmallVector<Value> sums(kSums, constantFloat(b, b.getF32Type(), 0.0));
          sums = weight.multiplyBlocks(
              loads[group], sums, [&](int64_t chunk) { return columns[chunk]; },
              /*isExact=*/false);
          Value bits = arith::AndIOp::create(
              b,
              arith::BitcastOp::create(b, i32,
                                       storeSum(unit, group, sums, pass)),
              exponent);
          isLarge = arith::MaxUIOp::create(b, isLarge, bits);
        }
        Value next = addIndex(b, slot, 1);
        Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, next,
                                             constantIndex(b, shape.slots));
        return {arith::SelectOp::create(b, isLast, zero, next), isLarge};
      })[1];
}

/// Multiplies all again, with elements and activations at their own values.
/// Sums are scaled here, too: an element that its scale made infinite would
/// make NaN of the zeros in other columns.
void RingProduct::multiplyExactly(Value count, GetGroup getGroup,
                                  GetInput getInput) {
  Value zero = constantIndex(b, 0);
  emitFor(b, zero, constantIndex(b, shape.passes), 1, [&](Value pass) {
    Value pair = getPair(pass);
    emitFor(b, zero, count, 1, [&](Value unit) {
      SmallVector<Value> first = getGroup(unit);
      SmallVector<Value> row = getInput(shape.inputs == 1 ? zero : unit);
      for (int64_t group = 0; group < shape.groups; ++group) {
        Tile tile;
        tile.rows[0] = tile.rows[1] = getRow(first, constantIndex(b, group));
        Value quads[] = {weight.getQuad(pair, zero),
                         weight.getQuad(pair, constantIndex(b, 1))};
        SmallVector<Value> sums(kSums, constantFloat(b, b.getF32Type(), 0.0));
        sums = weight.multiplyBlocks(
            weight.loadBlocks(tile, quads), sums,
            [&](int64_t chunk) {
              Value block =
                  addIndex(b, mulIndex(b, pair, kLoads), weight.getGroup());
              return zeroUnless(
                  b, isSupplier,
                  loadInput(row, addIndex(b, mulIndex(b, block, mx::kBlockSize),
                                          chunk * kChunk)));
            },
            /*isExact=*/true);
        storeSum(unit, group, sums, pass);
      }
    });
  });
}

void RingProduct::multiply(Value count, GetGroup getGroup, GetInput getInput) {
  Type i32 = b.getI32Type();
  Value zero = constantInt(b, i32, 0);
  Value largest = zero;
  if (shape.passes == 1)
    largest = multiplyPass(constantIndex(b, 0), count, getGroup, getInput);
  else
    largest = emitFor(
        b, constantIndex(b, 0), constantIndex(b, shape.passes), 1, largest,
        [&](Value pass, ValueRange carried) -> SmallVector<Value> {
          Value ofPass = multiplyPass(pass, count, getGroup, getInput);
          return {arith::MaxUIOp::create(b, carried[0], ofPass)};
        })[0];
  Value isLarge = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, largest,
                                        constantInt(b, i32, kLargestExponent));
  Value isAny = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                      anyOfBlock(b, isLarge), zero);
  emitIf(b, isAny, [&] {
    multiplyExactly(count, getGroup, getInput);
    gpu::BarrierOp::create(b);
  });
}

Value RingProduct::getSum(Value unit, Value row) {
  Value sum;
  for (int64_t warp = 0; warp < shape.warps; ++warp) {
    Value place[] = {constantIndex(b, warp), unit, row};
    Value part = memref::LoadOp::create(b, thread.shared[3], place);
    sum = sum ? arith::AddFOp::create(b, sum, part).getResult() : part;
  }
  return sum;
}
