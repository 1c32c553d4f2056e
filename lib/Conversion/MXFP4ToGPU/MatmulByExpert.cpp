//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers mxfp4.matmul_by_expert on memrefs to kernels.
//
//===----------------------------------------------------------------------===//

#include "../Utils/StagedProduct.h"
#include "../Utils/TileProduct.h"
#include "Patterns.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Threads of a block.
static constexpr int64_t kThreads = 256;

namespace {
/// What the ways to emit a matmul by expert share.
class ExpertEmitter {
protected:
  explicit ExpertEmitter(MatmulByExpertOp op)
      : b(op.getLoc(), op), op(op), weight(getWeight(op)),
        slots(op.getExperts().getType().getDimSize(1)),
        outputs(op.getInit().getType().getShape().back()),
        rowsOfOutput(op.getActivation() ? 2 : 1),
        addsUp(op.getWeights() != nullptr) {}

  Value getExpert(Value token, Value slot) {
    return loadIndex(b, op.getExperts(), {token, slot});
  }

  Value isOutput(Value output) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, output,
                                 constantIndex(b, outputs));
  }

  SmallVector<Value> getInputRow(Value token, Value slot) {
    if (op.getInput().getType().getRank() == 2)
      return {token};
    return {token, slot};
  }

  /// The indices of row number `r` of `output`.
  SmallVector<Value> getWeightRow(Value expert, Value output, int64_t r) {
    return {expert, addIndex(b, mulIndex(b, output, rowsOfOutput), r)};
  }

  /// The number of a group of rows, or of the last.
  Value clampGroup(Value group) {
    int64_t groups = op.getValues().getType().getDimSize(1);
    return arith::MinUIOp::create(b, group, constantIndex(b, groups - 1));
  }

  /// The group of rows of a half of tile number `tile` of those that have the
  /// outputs from `first` on. Groups of gate and up take turns, as halves do.
  SmallVector<Value> getGroup(Value expert, Value first, Value tile,
                              int64_t half) {
    Value group = mulIndex(b, divIndex(b, first, kTileRows), rowsOfOutput);
    group = addIndex(b, addIndex(b, group, mulIndex(b, tile, 2)), half);
    return {expert, clampGroup(group)};
  }

  /// The biases of the rows of an output; none if there are none.
  SmallVector<Value> loadBiases(Value expert, Value output) {
    SmallVector<Value> biases;
    for (int64_t r = 0; op.getBias() && r < rowsOfOutput; ++r)
      biases.push_back(
          loadScalar(b, op.getBias(), getWeightRow(expert, output, r)));
    return biases;
  }

  /// An output from the sums of its rows.
  Value finish(ArrayRef<Value> sums, ArrayRef<Value> biases) {
    SmallVector<Value> rows(sums);
    for (auto [row, bias] : llvm::zip(rows, biases))
      row = arith::AddFOp::create(b, row, bias);
    std::optional<SwiGLUAttr> activation = op.getActivation();
    if (!activation)
      return rows[0];
    return emitSwiGLU(
        b, rows[0], rows[1], activation->getAlpha().getValueAsDouble(),
        activation->getLimit().getValueAsDouble(),
        [&](Value x) -> Value { return math::ExpOp::create(b, x); });
  }

  /// What is added to an output; null if nothing is.
  Value loadResidual(Value token, Value output) {
    return op.getResidual() ? loadScalar(b, op.getResidual(), {token, output})
                            : Value();
  }

  /// The sum of `finished`, one number for each slot, by their weights.
  Value addSlots(Value token, Value residual, ArrayRef<Value> finished) {
    Value total = constantFloat(b, b.getF32Type(), 0.0);
    for (int64_t s = 0; s < slots; ++s) {
      Value factor =
          loadScalar(b, op.getWeights(), {token, constantIndex(b, s)});
      total = math::FmaOp::create(b, factor, finished[s], total);
    }
    return residual ? arith::AddFOp::create(b, total, residual).getResult()
                    : total;
  }

  ImplicitLocOpBuilder b;
  MatmulByExpertOp op;
  RowWeight weight;
  int64_t slots, outputs;
  /// Rows of the weight that make an output.
  int64_t rowsOfOutput;
  bool addsUp;
};

/// A warp has a few outputs of one slot, or, where slots are added up, of all
/// slots of a token.
class ExpertRowEmitter : ExpertEmitter {
public:
  explicit ExpertRowEmitter(MatmulByExpertOp op)
      : ExpertEmitter(op),
        outputsOfWarp(std::max<int64_t>(
            getRowsOfWarp() / (addsUp ? 2 : rowsOfOutput), 1)) {}

  void emit() {
    Value tokens = getSize(b, op.getExperts(), 0);
    int64_t groups = llvm::divideCeil(outputs, outputsOfWarp);
    Value items = mulIndex(b, tokens, groups * (addsUp ? 1 : slots));
    emitLaunch(b, "matmul_by_expert", getBlocks(items, kThreads / kWarpSize),
               kThreads, {}, [&](const KernelThread &thread) {
                 emitForEachItemOfWarp(b, thread, items, [&](Value item) {
                   Value first =
                       mulIndex(b, remIndex(b, item, groups), outputsOfWarp);
                   Value rest = divIndex(b, item, groups);
                   if (addsUp)
                     return emitSum(thread, rest, first);
                   emitSlot(thread, divIndex(b, rest, slots),
                            remIndex(b, rest, slots), first);
                 });
               });
  }

private:
  /// Rows that a warp multiplies at a time: more where there are enough for all
  /// warps of a GPU.
  int64_t getRowsOfWarp() const {
    int64_t rows = outputs * rowsOfOutput;
    return rows >= 4096 ? 4 : rows >= 1024 ? 2 : 1;
  }

  /// `output`, or the last one if that is smaller.
  Value clampOutput(Value output) {
    return arith::MinUIOp::create(b, output, constantIndex(b, outputs - 1));
  }

  /// The rows of outputs from `first` on, and the input of a slot.
  RowGroup getGroup(Value token, Value slot, Value expert, Value first) {
    RowGroup group;
    for (int64_t i = 0; i < outputsOfWarp; ++i)
      for (int64_t r = 0; r < rowsOfOutput; ++r)
        group.weightRows.push_back(
            getWeightRow(expert, clampOutput(addIndex(b, first, i)), r));
    group.inputRows.push_back(getInputRow(token, slot));
    return group;
  }

  /// Output number `i` of a warp from the sums of its rows.
  Value finishRows(ArrayRef<SmallVector<Value>> sums, int64_t i, Value expert,
                   Value output) {
    SmallVector<Value> rows;
    for (int64_t r = 0; r < rowsOfOutput; ++r)
      rows.push_back(sums[i * rowsOfOutput + r][0]);
    return finish(rows, loadBiases(expert, output));
  }

  /// Lane i finishes output number i of the warp.
  void emitForEachOutput(const KernelThread &thread, Value first,
                         function_ref<void(int64_t, Value)> body) {
    for (int64_t i = 0; i < outputsOfWarp; ++i) {
      Value output = addIndex(b, first, i);
      Value isMine = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                           thread.lane, constantIndex(b, i));
      emitIf(b, arith::AndIOp::create(b, isMine, isOutput(output)),
             [&] { body(i, output); });
    }
  }

  void emitSlot(const KernelThread &thread, Value token, Value slot,
                Value first) {
    Value expert = getExpert(token, slot);
    auto sums = emitRowProducts(b, thread, weight, op.getInput(),
                                getGroup(token, slot, expert, first))[0];
    emitForEachOutput(thread, first, [&](int64_t i, Value output) {
      storeScalar(b, finishRows(sums, i, expert, output), op.getInit(),
                  {token, slot, output});
    });
  }

  void emitSum(const KernelThread &thread, Value token, Value first) {
    SmallVector<RowGroup> groups;
    SmallVector<Value> experts;
    for (int64_t s = 0; s < slots; ++s) {
      Value slot = constantIndex(b, s);
      experts.push_back(getExpert(token, slot));
      groups.push_back(getGroup(token, slot, experts.back(), first));
    }
    auto sums = emitRowProducts(b, thread, weight, op.getInput(), groups);
    emitForEachOutput(thread, first, [&](int64_t i, Value output) {
      SmallVector<Value> finished;
      for (int64_t s = 0; s < slots; ++s)
        finished.push_back(finishRows(sums[s], i, experts[s], output));
      storeScalar(b, addSlots(token, loadResidual(token, output), finished),
                  op.getInit(), {token, output});
    });
  }

  int64_t outputsOfWarp;
};

/// For one token. A block has outputs of a few tiles for one slot; or, where
/// slots are added up, of all slots: then a tile has the same outputs for two
/// slots, one in each half.
class ExpertTileEmitter : ExpertEmitter {
public:
  explicit ExpertTileEmitter(MatmulByExpertOp op)
      : ExpertEmitter(op),
        outputsOfTile((addsUp || rowsOfOutput == 2 ? 1 : 2) * kTileRows),
        tiles(addsUp ? llvm::divideCeil(slots, 2) : kTiles),
        outputsOfBlock(addsUp ? outputsOfTile : tiles * outputsOfTile),
        shape(weight, tiles, kThreads / kWarpSize / tiles, addsUp ? slots : 1) {
  }

  void emit() {
    int64_t groups = llvm::divideCeil(outputs, outputsOfBlock);
    emitLaunch(
        b, "matmul_by_expert", groups * (addsUp ? 1 : slots), shape.threads(),
        shape.getShared(b.getContext()),
        [&](const KernelThread &thread) {
          token = constantIndex(b, 0);
          emitBlock(
              thread, divIndex(b, thread.block, groups),
              mulIndex(b, remIndex(b, thread.block, groups), outputsOfBlock));
        },
        shape.residentBlocks());
  }

private:
  /// Tiles of a block where they are of different outputs.
  static constexpr int64_t kTiles = 4;

  void emitBlock(const KernelThread &thread, Value slot, Value first) {
    TileProduct product(b, thread, shape, weight, op.getInput());
    Tile tile;
    for (int64_t half = 0; half < 2; ++half)
      tile.rows[half] = getRows(product, slot, first, half);
    // Thread i finishes output i. What it needs for that is requested before
    // all else.
    Value number = remIndex(b, thread.thread, outputsOfBlock);
    Value output = addIndex(b, first, number);
    Value known =
        arith::MinUIOp::create(b, output, constantIndex(b, outputs - 1));
    SmallVector<SmallVector<Value>> biases;
    for (int64_t s = 0; s < (addsUp ? slots : 1); ++s)
      biases.push_back(loadBiases(
          getExpert(token, addsUp ? constantIndex(b, s) : slot), known));
    Value residual = addsUp ? loadResidual(token, known) : Value();
    product.multiply(tile, [&](Value input) {
      return getInputRow(token, addsUp ? input : slot);
    });
    Value isMine =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, thread.thread,
                              constantIndex(b, outputsOfBlock));
    emitIf(b, arith::AndIOp::create(b, isMine, isOutput(output)), [&] {
      Value place = remIndex(b, number, outputsOfTile);
      SmallVector<Value> finished;
      for (int64_t s = 0; s < int64_t(biases.size()); ++s) {
        Value numberOfTile = addsUp ? constantIndex(b, s / 2)
                                    : divIndex(b, number, outputsOfTile);
        SmallVector<Value> sums;
        for (int64_t r = 0; r < rowsOfOutput; ++r)
          sums.push_back(product.getSum(
              numberOfTile,
              addIndex(b, place, (addsUp ? s % 2 : r) * kTileRows)));
        finished.push_back(finish(sums, biases[s]));
      }
      if (addsUp)
        storeScalar(b, addSlots(token, residual, finished), op.getInit(),
                    {token, output});
      else
        storeScalar(b, finished[0], op.getInit(), {token, slot, output});
    });
  }

  /// The group of rows of a half of a tile, for outputs from `first` on. One
  /// that is none is the last.
  SmallVector<Value> getRows(TileProduct &product, Value slot, Value first,
                             int64_t half) {
    if (!addsUp)
      return getGroup(getExpert(token, slot), first, product.getTile(), half);
    slot = arith::MinUIOp::create(
        b, addIndex(b, mulIndex(b, product.getTile(), 2), half),
        constantIndex(b, slots - 1));
    return {getExpert(token, slot), clampGroup(divIndex(b, first, kTileRows))};
  }

  int64_t outputsOfTile, tiles, outputsOfBlock;
  TileShape shape;
  Value token;
};

/// For many tokens. A block has outputs of an expert, and multiplies them by
/// all slots that chose it, which it finds by itself, so that an expert's
/// weights are read and decoded once for up to 32 slots, or as many as there
/// are tokens.
class ExpertStagedEmitter : ExpertEmitter {
public:
  explicit ExpertStagedEmitter(MatmulByExpertOp op)
      : ExpertEmitter(op),
        // A token does not choose an expert twice.
        shape(weight, /*splits=*/1,
              StagedShape::getColumnTiles(getMaxTokens(op, op.getExperts()))),
        outputsOfBlock(shape.rows() / rowsOfOutput),
        groups(llvm::divideCeil(outputs, outputsOfBlock)) {}

  void emit() {
    Value tokens = getSize(b, op.getExperts(), 0);
    Type f32 = b.getF32Type(), i32 = b.getI32Type();
    result = op.getInit();
    if (addsUp) {
      // Slots are added up when all are there.
      SmallVector<Value> sizes;
      SmallVector<int64_t> dims = {op.getExperts().getType().getDimSize(0),
                                   slots, outputs};
      if (ShapedType::isDynamic(dims[0]))
        sizes.push_back(tokens);
      result = memref::AllocOp::create(b, MemRefType::get(dims, f32), sizes);
    }
    numSlots = mulIndex(b, tokens, slots);
    int64_t experts = op.getValues().getType().getDimSize(0);
    // A block for each item: they take different times, and a loop takes
    // registers.
    emitLaunch(
        b, "matmul_by_expert", groups * experts, shape.threads(),
        {shape.getShared(b.getContext()),
         getSharedType(i32, {shape.maxColumns()}),
         getSharedType(i32, {kThreads / kWarpSize})},
        [&](const KernelThread &thread) { emitBlock(thread); },
        kStagedResidentBlocks);
    if (addsUp)
      emitSums(tokens);
  }

private:
  /// Calls `body` for each slot of the warp's share, 32 at a time: with the
  /// number of the lane's, whether it chose the expert of the block, and the
  /// number of those that did in the share before. Returns how many did in all.
  Value emitForEachSlot(const KernelThread &thread,
                        function_ref<void(Value, Value, Value)> body) {
    Type i32 = b.getI32Type();
    Value expert = getExpertOf(thread);
    Value turns = divIndex(b, addIndex(b, numSlots, shape.threads() - 1),
                           shape.threads());
    Value begin = arith::MulIOp::create(b, thread.warp, turns);
    Value end = addIndex(b, begin, turns);
    Value below = arith::SubIOp::create(
        b,
        arith::ShLIOp::create(b, constantInt(b, i32, 1),
                              arith::IndexCastOp::create(b, i32, thread.lane)),
        constantInt(b, i32, 1));
    auto count = [&](Value bits) -> Value {
      return arith::IndexCastUIOp::create(b, b.getIndexType(),
                                          LLVM::CtPopOp::create(b, i32, bits));
    };
    return emitFor(
        b, begin, end, 1, constantIndex(b, 0),
        [&](Value turn, ValueRange carried) -> SmallVector<Value> {
          Value number = addIndex(b, mulIndex(b, turn, kWarpSize), thread.lane);
          Value isSlot = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                               number, numSlots);
          Value known = arith::MinUIOp::create(
              b, number, subIndex(b, numSlots, constantIndex(b, 1)));
          Value chosen =
              getExpert(divIndex(b, known, slots), remIndex(b, known, slots));
          Value isChosen = arith::AndIOp::create(
              b, isSlot,
              arith::CmpIOp::create(b, arith::CmpIPredicate::eq, chosen,
                                    expert));
          Value all =
              NVVM::VoteSyncOp::create(b, i32, constantInt(b, i32, -1),
                                       isChosen, NVVM::VoteSyncKind::ballot);
          if (body)
            body(number, isChosen,
                 addIndex(b, carried[0],
                          count(arith::AndIOp::create(b, all, below))));
          return {addIndex(b, carried[0], count(all))};
        })[0];
  }

  /// The expert of a block, and its first output.
  Value getExpertOf(const KernelThread &thread) {
    return divIndex(b, thread.block, groups);
  }
  Value getFirst(const KernelThread &thread) {
    return mulIndex(b, remIndex(b, thread.block, groups), outputsOfBlock);
  }

  void emitBlock(const KernelThread &thread) {
    Type i32 = b.getI32Type();
    Value counts = thread.shared[2];
    Value count = emitForEachSlot(thread, nullptr);
    emitIf(b,
           arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread.lane,
                                 constantIndex(b, 0)),
           [&] {
             memref::StoreOp::create(b,
                                     arith::IndexCastOp::create(b, i32, count),
                                     counts, ValueRange{thread.warp});
           });
    gpu::BarrierOp::create(b);
    // Numbers of 32 bits, since they are kept while all is multiplied.
    auto narrow = [&](Value index) -> Value {
      return arith::IndexCastUIOp::create(b, i32, index);
    };
    auto widen = [&](Value number) -> Value {
      return arith::IndexCastUIOp::create(b, b.getIndexType(), number);
    };
    Value total =
        narrow(addCounts(thread, counts, constantIndex(b, thread.warps())));
    auto passes = scf::ForOp::create(b, constantInt(b, i32, 0), total,
                                     constantInt(b, i32, shape.maxColumns()));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(passes.getBody());
    emitPass(forget(b, thread), widen(passes.getInductionVar()), widen(total));
  }

  /// The slots that the warps before number `end` counted.
  Value addCounts(const KernelThread &thread, Value counts, Value end) {
    Value zero = constantIndex(b, 0), sum = zero;
    for (int64_t warp = 0; warp < thread.warps(); ++warp) {
      Value number = constantIndex(b, warp);
      Value isBefore =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number, end);
      sum = addIndex(b, sum,
                     arith::SelectOp::create(
                         b, isBefore, loadIndex(b, counts, number), zero));
    }
    return sum;
  }

  /// Multiplies the slots of the expert from number `from` of `total` on, as
  /// many as the block can at a time.
  void emitPass(const KernelThread &thread, Value from, Value total) {
    Value columns = thread.shared[1];
    Value before = addCounts(thread, thread.shared[2], thread.warp);
    // Those of the pass before must be done.
    gpu::BarrierOp::create(b);
    emitForEachSlot(thread, [&](Value number, Value isChosen, Value place) {
      Value column = subIndex(b, addIndex(b, before, place), from);
      Value isColumn =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, column,
                                constantIndex(b, shape.maxColumns()));
      emitIf(b, arith::AndIOp::create(b, isChosen, isColumn), [&] {
        memref::StoreOp::create(
            b, arith::IndexCastOp::create(b, b.getI32Type(), number), columns,
            ValueRange{column});
      });
    });
    Tile tile;
    for (int64_t half = 0; half < 2; ++half)
      tile.rows[half] =
          getGroup(getExpertOf(thread), getFirst(thread), thread.warp, half);
    Value count = arith::MinUIOp::create(b, subIndex(b, total, from),
                                         constantIndex(b, shape.maxColumns()));
    StagedProduct(b, thread, shape, weight, op.getInput(), thread.shared[0])
        .multiply(
            tile, count,
            [&](Value column) {
              SmallVector<Value> place = getSlot(columns, column);
              return getInputRow(place[0], place[1]);
            },
            [&](Value row, ArrayRef<StagedSums> sums) {
              finishSlots(thread, row, columns, sums);
            });
  }

  /// Token and slot of a column.
  SmallVector<Value> getSlot(Value columns, Value column) {
    Value number = loadIndex(b, columns, column);
    return {divIndex(b, number, slots), remIndex(b, number, slots)};
  }

  /// Stores the outputs of the lane, which has row number `row` of the block
  /// and another: they are gate and up, or of an output each.
  void finishSlots(const KernelThread &thread, Value row, Value columns,
                   ArrayRef<StagedSums> all) {
    if (rowsOfOutput == 2)
      row = addIndex(b, mulIndex(b, divIndex(b, row, 2 * kTileRows), kTileRows),
                     remIndex(b, row, kTileRows));
    for (int64_t i = 0; i < 2 / rowsOfOutput; ++i) {
      Value output =
          addIndex(b, addIndex(b, getFirst(thread), row), i * kTileRows);
      emitIf(b, isOutput(output), [&] {
        SmallVector<Value> biases = loadBiases(getExpertOf(thread), output);
        for (const StagedSums &own : all)
          emitIf(b, own.isColumn, [&] {
            SmallVector<Value> place = getSlot(columns, own.column);
            place.push_back(output);
            storeScalar(
                b, finish(ArrayRef(own.sums).slice(i, rowsOfOutput), biases),
                result, place);
          });
      });
    }
  }

  /// Adds up the slots of each token.
  void emitSums(Value tokens) {
    Value sizes[] = {tokens, constantIndex(b, outputs)};
    emitParallel(b, sizes, [&](ValueRange at) {
      SmallVector<Value> finished;
      for (int64_t s = 0; s < slots; ++s)
        finished.push_back(
            loadScalar(b, result, {at[0], constantIndex(b, s), at[1]}));
      storeScalar(b, addSlots(at[0], loadResidual(at[0], at[1]), finished),
                  op.getInit(), {at[0], at[1]});
    });
  }

  StagedShape shape;
  /// Outputs of a block, and blocks of an expert.
  int64_t outputsOfBlock, groups;
  Value numSlots;
  /// The outputs of each slot.
  Value result;
};
} // namespace

bool mxfp4::lowerMatmulByExpert(MatmulByExpertOp op, bool tensorCores) {
  RowWeight weight = getWeight(op);
  bool isOneToken = op.getExperts().getType().getDimSize(0) == 1;
  if (!tensorCores || !hasTiles(weight, op.getInput())) {
    if (weight.isArranged)
      return false;
    ExpertRowEmitter(op).emit();
  } else if (isOneToken) {
    ExpertTileEmitter(op).emit();
  } else {
    ExpertStagedEmitter(op).emit();
  }
  return true;
}
