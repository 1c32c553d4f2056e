//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers mxfp4 matmuls on memrefs to kernels.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/Kernels.h"
#include "../Utils/LinearKernel.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTMXFP4TOGPUPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// Threads of a block.
static constexpr int64_t kThreads = 256;

template <typename OpTy> static RowWeight getWeight(OpTy op) {
  return {op.getValues(), op.getScales(),
          op.getInput().getType().getShape().back(),
          /*isArranged=*/op.getLayout().has_value()};
}

/// Arranged weights are for tensor cores alone.
static bool lowerMatmul(MatmulOp op, bool tensorCores) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  RowWeight weight = getWeight(op);
  if (weight.isArranged && !tensorCores)
    return false;
  emitLinearKernel(b, "matmul", weight, op.getInput(), op.getBias(),
                   op.getResidual(), op.getInit(), tensorCores);
  return true;
}

namespace {
/// What the two ways to emit a matmul by expert share.
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

/// A block has outputs of a few tiles for one slot of a token, which is their
/// only column; or, where slots are added up, of all slots: then a tile has the
/// same outputs for two slots, one in each half, and slot s has column s.
class ExpertTileEmitter : ExpertEmitter {
public:
  explicit ExpertTileEmitter(MatmulByExpertOp op)
      : ExpertEmitter(op),
        outputsOfTile((addsUp || rowsOfOutput == 2 ? 1 : 2) * kTileRows),
        tiles(addsUp ? llvm::divideCeil(slots, 2) : kTiles),
        outputsOfBlock(addsUp ? outputsOfTile : tiles * outputsOfTile),
        hasOneInput(op.getExperts().getType().getDimSize(0) == 1 &&
                    (addsUp || op.getInput().getType().getRank() == 2)),
        shape(weight, tiles, kThreads / kWarpSize / tiles, addsUp ? slots : 1) {
  }

  void emit() {
    Value tokens = getSize(b, op.getExperts(), 0);
    int64_t groups = llvm::divideCeil(outputs, outputsOfBlock);
    Value items = mulIndex(b, tokens, groups * (addsUp ? 1 : slots));
    emitLaunch(
        b, "matmul_by_expert", getBlocks(items, 1), shape.threads(),
        shape.getShared(b.getContext()),
        [&](const KernelThread &thread) {
          TileProduct product(b, thread, shape, weight, op.getInput());
          Value zero = constantIndex(b, 0);
          auto setInput = [&](Value token, Value slot) {
            product.setInput([&](Value column) {
              return getInputRow(token, addsUp ? column : slot);
            });
          };
          if (hasOneInput)
            setInput(zero, zero);
          emitForEachItemOfBlock(b, thread, items, [&](Value item) {
            Value first =
                mulIndex(b, remIndex(b, item, groups), outputsOfBlock);
            Value rest = divIndex(b, item, groups);
            Value token = addsUp ? rest : divIndex(b, rest, slots);
            Value slot = addsUp ? zero : remIndex(b, rest, slots);
            if (!hasOneInput)
              setInput(token, slot);
            emitItem(thread, product, token, slot, first);
          });
        },
        shape.residentBlocks());
  }

private:
  /// Tiles of a block where they are of different outputs.
  static constexpr int64_t kTiles = 4;

  void emitItem(const KernelThread &thread, TileProduct &product, Value token,
                Value slot, Value first) {
    Tile tile;
    for (int64_t half = 0; half < 2; ++half)
      tile.rows[half] = getRows(product, token, slot, first, half);
    // Thread i finishes output i. What it needs for that is requested before
    // all else where that is a kernel's only work; in a loop it would take
    // registers.
    Value number = remIndex(b, thread.thread, outputsOfBlock);
    Value output = addIndex(b, first, number);
    Value known =
        arith::MinUIOp::create(b, output, constantIndex(b, outputs - 1));
    SmallVector<SmallVector<Value>> biases;
    Value residual;
    auto request = [&] {
      for (int64_t s = 0; s < (addsUp ? slots : 1); ++s)
        biases.push_back(loadBiases(
            getExpert(token, addsUp ? constantIndex(b, s) : slot), known));
      if (addsUp)
        residual = loadResidual(token, known);
    };
    if (hasOneInput)
      request();
    product.multiply(tile);
    if (!hasOneInput)
      request();
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
              addIndex(b, place, (addsUp ? s % 2 : r) * kTileRows),
              constantIndex(b, addsUp ? s : 0)));
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
  SmallVector<Value> getRows(TileProduct &product, Value token, Value slot,
                             Value first, int64_t half) {
    Value group = divIndex(b, first, kTileRows);
    if (addsUp) {
      slot = arith::MinUIOp::create(
          b, addIndex(b, mulIndex(b, product.getTile(), 2), half),
          constantIndex(b, slots - 1));
    } else {
      // Rows of gate and up are groups that take turns, as halves are.
      group = mulIndex(b, group, rowsOfOutput);
      group = addIndex(b, addIndex(b, group, mulIndex(b, product.getTile(), 2)),
                       half);
    }
    int64_t groups = op.getValues().getType().getDimSize(1);
    return {getExpert(token, slot),
            arith::MinUIOp::create(b, group, constantIndex(b, groups - 1))};
  }

  int64_t outputsOfTile, tiles, outputsOfBlock;
  /// True if all blocks multiply the same rows of activations.
  bool hasOneInput;
  TileShape shape;
};

struct ConvertMXFP4ToGPUPass final
    : mxfp4::impl::ConvertMXFP4ToGPUPassBase<ConvertMXFP4ToGPUPass> {
  using Base::Base;

  void runOnOperation() override {
    auto lower = [&](Operation *op) {
      if (!hasKernel(op, Kernels::GPU))
        return false;
      if (auto matmul = dyn_cast<MatmulOp>(op))
        return lowerMatmul(matmul, tensorCores);
      return lowerMatmulByExpert(cast<MatmulByExpertOp>(op));
    };
    if (failed(lowerOpsToLaunches(getOperation(), TypeID::get<MXFP4Dialect>(),
                                  lower)))
      signalPassFailure();
  }

private:
  bool lowerMatmulByExpert(MatmulByExpertOp op) {
    RowWeight weight = getWeight(op);
    if (tensorCores && hasTiles(weight, op.getInput()))
      ExpertTileEmitter(op).emit();
    else if (!weight.isArranged)
      ExpertRowEmitter(op).emit();
    else
      return false;
    return true;
  }
};
} // namespace
