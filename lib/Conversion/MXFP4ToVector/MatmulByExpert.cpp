//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers mxfp4.matmul_by_expert: the slots of all tokens are sorted by expert,
// then each thread goes through the experts in use with its share of weight
// rows. An expert's weights are so read once for all its tokens.
//
//===----------------------------------------------------------------------===//

#include "../Utils/IntegerProduct.h"
#include "../Utils/LinearLowering.h"
#include "../Utils/TileRegisterProduct.h"
#include "Patterns.h"

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// The slots in the order of their experts, in memory.
struct SortedSlots {
  Value slots; ///< [T * S] numbers t * S + s.
  Value
      offsets; ///< [E + 1]: those of expert e are offsets[e] to offsets[e + 1].
  Value active;    ///< [E] experts that have slots, in rising order.
  Value numActive; ///< [1]

  /// The slots of `expert`.
  IndexRange getRange(ImplicitLocOpBuilder &b, Value expert) const {
    return {loadIndex(b, offsets, expert),
            loadIndex(b, offsets, addIndex(b, expert, 1))};
  }
};
} // namespace

/// Calls `body` for each expert that has slots.
static void forEachExpert(ImplicitLocOpBuilder &b, const SortedSlots &sorted,
                          function_ref<void(Value expert)> body) {
  Value zero = constantIndex(b, 0);
  emitFor(b, zero, loadIndex(b, sorted.numActive, zero), 1,
          [&](Value index) { body(loadIndex(b, sorted.active, index)); });
}

static void increment(ImplicitLocOpBuilder &b, Value memref, Value index,
                      Value amount) {
  Value old = memref::LoadOp::create(b, memref, index);
  memref::StoreOp::create(b, arith::AddIOp::create(b, old, amount), memref,
                          index);
}

/// Sorts by counting, on one thread: there are few slots.
static SortedSlots sortSlots(ImplicitLocOpBuilder &b, Value experts,
                             int64_t numExperts) {
  auto type = cast<MemRefType>(experts.getType());
  Type i32 = b.getI32Type();
  SmallVector<Value> dynamicSizes;
  if (type.isDynamicDim(0))
    dynamicSizes.push_back(getSize(b, experts, 0));
  auto flatten = [&](Value memref) -> Value {
    return memref::CollapseShapeOp::create(
        b, memref, ArrayRef<ReassociationIndices>{{0, 1}});
  };
  SortedSlots sorted;
  sorted.slots = flatten(memref::AllocOp::create(
      b, MemRefType::get(type.getShape(), i32), dynamicSizes));
  sorted.offsets =
      memref::AllocOp::create(b, MemRefType::get({numExperts + 1}, i32));
  sorted.active =
      memref::AllocOp::create(b, MemRefType::get({numExperts}, i32));
  sorted.numActive = memref::AllocOp::create(b, MemRefType::get({1}, i32));
  Value flat = flatten(experts);

  emitParallel(b, constantIndex(b, 1), [&](ValueRange) {
    Value zero = constantIndex(b, 0);
    Value zero32 = constantInt(b, i32, 0), one32 = constantInt(b, i32, 1);
    Value numSlots = getSize(b, flat, 0);
    emitFor(b, zero, constantIndex(b, numExperts + 1), 1, [&](Value expert) {
      memref::StoreOp::create(b, zero32, sorted.offsets, expert);
    });
    emitFor(b, zero, numSlots, 1, [&](Value slot) {
      Value expert = loadIndex(b, flat, slot);
      increment(b, sorted.offsets, addIndex(b, expert, 1), one32);
    });
    // offsets[e + 1] becomes where expert e starts, and by the scatter below
    // where it ends.
    memref::StoreOp::create(b, zero32, sorted.numActive, zero);
    emitFor(b, zero, constantIndex(b, numExperts), 1, zero32,
            [&](Value expert, ValueRange carried) -> SmallVector<Value> {
              Value next = addIndex(b, expert, 1);
              Value count = memref::LoadOp::create(b, sorted.offsets, next);
              memref::StoreOp::create(b, carried[0], sorted.offsets, next);
              Value isActive = arith::CmpIOp::create(
                  b, arith::CmpIPredicate::ne, count, zero32);
              emitIf(b, isActive, [&] {
                Value end = loadIndex(b, sorted.numActive, zero);
                memref::StoreOp::create(
                    b, arith::IndexCastOp::create(b, i32, expert),
                    sorted.active, end);
                increment(b, sorted.numActive, zero, one32);
              });
              return {arith::AddIOp::create(b, carried[0], count)};
            });
    emitFor(b, zero, numSlots, 1, [&](Value slot) {
      Value next = addIndex(b, loadIndex(b, flat, slot), 1);
      Value place = loadIndex(b, sorted.offsets, next);
      memref::StoreOp::create(b, arith::IndexCastOp::create(b, i32, slot),
                              sorted.slots, place);
      increment(b, sorted.offsets, next, one32);
    });
  });
  return sorted;
}

/// The first tile [E] of the slots of each expert that has some, where each
/// begins with a tile of its own.
static Value findFirstTiles(ImplicitLocOpBuilder &b,
                            const SortedSlots &sorted) {
  Type i32 = b.getI32Type();
  Value tiles =
      memref::AllocOp::create(b, cast<MemRefType>(sorted.active.getType()));
  emitParallel(b, constantIndex(b, 1), [&](ValueRange) {
    Value zero = constantIndex(b, 0);
    emitFor(b, zero, loadIndex(b, sorted.numActive, zero), 1, zero,
            [&](Value index, ValueRange carried) -> SmallVector<Value> {
              Value expert = loadIndex(b, sorted.active, index);
              memref::StoreOp::create(
                  b, arith::IndexCastOp::create(b, i32, carried[0]), tiles,
                  expert);
              IndexRange range = sorted.getRange(b, expert);
              Value count = subIndex(b, range.end, range.begin);
              return {addIndex(b, carried[0],
                               divIndex(b, addIndex(b, count, kRowsOfTile - 1),
                                        kRowsOfTile))};
            });
  });
  return tiles;
}

namespace {
/// The epilogue of a tile: bias, activation, routing weight, and where the
/// result goes.
class Epilogue {
public:
  Epilogue(ImplicitLocOpBuilder &b, const VectorISA &isa, MatmulByExpertOp op)
      : b(b), isa(isa), op(op), lanes(isa.lanes),
        outputs(op.getInit().getType().getShape().back()) {
    if (!op.getWeights())
      flatInit = memref::CollapseShapeOp::create(
          b, op.getInit(), ArrayRef<ReassociationIndices>{{0, 1}, {2}});
    else
      flatWeights = memref::CollapseShapeOp::create(
          b, op.getWeights(), ArrayRef<ReassociationIndices>{{0, 1}});
  }

  /// The columns of the result that a unit of groups makes start here.
  Value getColumn(Value group) {
    if (op.getActivation())
      group = arith::DivUIOp::create(b, group, constantIndex(b, 2));
    return mulIndex(b, group, lanes);
  }

  /// Sets the tokens' sums to what they start from.
  void startSums(Value column) {
    Value tail = getTail(b, outputs, column, lanes);
    emitFor(b, constantIndex(b, 0), getSize(b, op.getInit(), 0), 1,
            [&](Value token) {
              Value start = op.getResidual()
                                ? loadF32(b, op.getResidual(), {token, column},
                                          lanes, tail)
                                : constantFloat(b, getF32Vector(b, lanes), 0.0);
              storeF32(b, start, op.getInit(), {token, column}, tail);
            });
  }

  /// Finishes the sums of a unit: of one group, or gate and up.
  void finish(Value expert, Value group, ArrayRef<Value> sums, Value slot,
              Value token) {
    Value column = getColumn(group);
    Value tail = getTail(b, outputs, column, lanes);
    Value result = op.getActivation() ? activate(expert, column, sums)
                                      : addBias(expert, column, tail, sums[0]);
    if (!op.getWeights())
      return storeF32(b, result, flatInit, {slot, column}, tail);
    Value scalar = memref::LoadOp::create(b, flatWeights, slot);
    Value weight = vector::BroadcastOp::create(
        b, getF32Vector(b, lanes), convertFloat(b, scalar, b.getF32Type()));
    Value old = loadF32(b, op.getInit(), {token, column}, lanes, tail);
    storeF32(b, emitMultiplyAdd(b, isa, weight, result, old), op.getInit(),
             {token, column}, tail);
  }

private:
  Value addBias(Value expert, Value column, Value tail, Value sum) {
    if (!op.getBias())
      return sum;
    return arith::AddFOp::create(
        b, sum, loadF32(b, op.getBias(), {expert, column}, lanes, tail));
  }

  /// The bias holds gate and up in turn, as the rows of the checkpoint.
  Value activate(Value expert, Value column, ArrayRef<Value> sums) {
    Value gate = sums[0], up = sums[1];
    if (op.getBias()) {
      Value row = mulIndex(b, column, 2);
      Value tail = getTail(b, 2 * outputs, row, 2 * lanes);
      Value pairs = loadF32(b, op.getBias(), {expert, row}, 2 * lanes, tail);
      auto split = vector::DeinterleaveOp::create(b, pairs);
      gate = arith::AddFOp::create(b, gate, split.getRes1());
      up = arith::AddFOp::create(b, up, split.getRes2());
    }
    SwiGLUAttr activation = *op.getActivation();
    return emitSwiGLU(b, gate, up, activation.getAlpha().getValueAsDouble(),
                      activation.getLimit().getValueAsDouble(),
                      [&](Value x) { return emitExp(b, x); });
  }

  ImplicitLocOpBuilder &b;
  const VectorISA &isa;
  MatmulByExpertOp op;
  int64_t lanes;
  int64_t outputs;
  Value flatInit, flatWeights;
};
} // namespace

LogicalResult mxfp4::lowerMatmulByExpert(MatmulByExpertOp op,
                                         const VectorISA &isa) {
  if (failed(checkPanelOp(op, isa, op.getValues(), op.getLayoutAttr())))
    return failure();
  if (op.getWeights() && !op.getInit().getType().getElementType().isF32())
    return op.emitOpError("cannot be lowered to vectors: expected an f32 sum "
                          "over experts, but got ")
           << op.getInit().getType();

  ImplicitLocOpBuilder b(op.getLoc(), op);
  ShapedType values = op.getValues().getType();
  int64_t slotsPerToken = op.getExperts().getType().getDimSize(1);
  int64_t groups = values.getDimSize(1);
  int64_t unit = op.getActivation() ? 2 : 1;
  bool perSlot = op.getInput().getType().getRank() == 3;
  Panel anyPanel = {op.getValues(), op.getScales(), {}, 0};
  Value tokens = getSize(b, op.getInit(), 0);
  SortedSlots sorted = sortSlots(b, op.getExperts(), values.getDimSize(0));
  Epilogue epilogue(b, isa, op);

  auto getSlot = [&](Value row) { return loadIndex(b, sorted.slots, row); };
  auto getToken = [&](Value slot) -> Value {
    return arith::DivUIOp::create(b, slot, constantIndex(b, slotsPerToken));
  };
  auto getSource = [&](Value row) {
    Value slot = getSlot(row);
    return perSlot ? slot : getToken(slot);
  };
  auto emitProducts = [&](const TileShape &tile, Value input, Value firstTiles,
                          GetRows getRows) {
    emitGroupBlocks(b, groups, tile.groupsOfBlock, [&](Value begin, Value end) {
      if (op.getWeights())
        emitFor(b, begin, end, unit, [&](Value group) {
          epilogue.startSums(epilogue.getColumn(group));
        });
      forEachExpert(b, sorted, [&](Value expert) {
        Panel panel = {op.getValues(),
                       op.getScales(),
                       {expert},
                       op.getInput().getType().getShape().back(),
                       loadTensorScale(b, op.getTensorScale(), expert)};
        ActivationRows rows = {input, sorted.getRange(b, expert)};
        if (firstTiles)
          rows.firstTile = loadIndex(b, firstTiles, expert);
        emitPanelProducts(
            b, isa, panel, tile, {begin, end}, groups, unit, rows, getRows,
            [&](ArrayRef<Value> tileGroups, Value row, ArrayRef<Value> sums) {
              Value slot = getSlot(row), token = getToken(slot);
              for (size_t g = 0; g < tileGroups.size(); g += unit)
                epilogue.finish(expert, tileGroups[g], sums.slice(g, unit),
                                slot, token);
            });
      });
    });
  };

  auto emitFew = [&] {
    Value input = makeActivationRows(b, isa, anyPanel, op.getInput(), tokens,
                                     op.getInputFormat());
    TileShape tile =
        getTileShape(isa, groups, op.getExperts().getType().getDimSize(0) == 1,
                     decodesOnce(isa, input));
    emitProducts(tile, input, {}, [&](Value first, int64_t count) {
      SmallVector<ActivationRow> rows;
      for (int64_t i = 0; i < count; ++i)
        rows.push_back({input, {getSource(addIndex(b, first, i))}});
      return rows;
    });
  };
  auto emitMany = [&](Value rows) {
    Value firstTiles = findFirstTiles(b, sorted);
    Value input = op.getInput();
    if (perSlot)
      input = memref::CollapseShapeOp::create(
          b, input, ArrayRef<ReassociationIndices>{{0, 1}, {2}});
    emitParallel(b, getNumTileBlocks(b, input), [&](ValueRange indices) {
      forEachExpert(b, sorted, [&](Value expert) {
        storeTileRows(b, anyPanel, input, indices[0],
                      sorted.getRange(b, expert), rows,
                      loadIndex(b, firstTiles, expert), getSource);
      });
    });
    emitProducts(getTileShape(isa, groups, /*isOneToken=*/false,
                              /*isDecoded=*/true),
                 rows, firstTiles, {});
  };
  emitFewOrMany(b, isa, anyPanel, op.getInput(), tokens,
                mulIndex(b, tokens, slotsPerToken), values.getDimSize(0),
                emitFew, emitMany);
  return success();
}
