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
#include "../Utils/RowProduct.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTMXFP4TOGPUPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// Threads of the blocks of a matmul.
static constexpr int64_t kThreads = 256;

static void lowerMatmul(MatmulOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  RowWeight weight = {op.getValues(), op.getScales(),
                      op.getInput().getType().getDimSize(1)};
  emitLinearKernel(b, "matmul", weight, op.getInput(), op.getBias(),
                   op.getResidual(), op.getInit());
}

namespace {
/// Emits a matmul by expert: a warp has a few outputs of one slot, or, where
/// slots are added up, of all slots of a token.
class ExpertEmitter {
public:
  explicit ExpertEmitter(MatmulByExpertOp op)
      : b(op.getLoc(), op), op(op),
        weight{op.getValues(), op.getScales(),
               op.getInput().getType().getShape().back()},
        slots(op.getExperts().getType().getDimSize(1)),
        outputs(op.getInit().getType().getShape().back()),
        rowsOfOutput(op.getActivation() ? 2 : 1),
        outputsOfWarp(
            std::max<int64_t>(getRowsOfWarp(outputs * rowsOfOutput) /
                                  (op.getWeights() ? 2 : rowsOfOutput),
                              1)) {}

  void emit() {
    Value tokens = getSize(b, op.getExperts(), 0);
    int64_t groups = llvm::divideCeil(outputs, outputsOfWarp);
    bool addsUp = op.getWeights() != nullptr;
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
  Value getExpert(Value token, Value slot) {
    return loadIndex(b, op.getExperts(), {token, slot});
  }

  /// The rows of outputs from `first` on, and the input of a slot. A row past
  /// the last is that.
  RowGroup getGroup(Value token, Value slot, Value expert, Value first) {
    RowGroup group;
    for (int64_t i = 0; i < outputsOfWarp; ++i) {
      Value output = arith::MinUIOp::create(b, addIndex(b, first, i),
                                            constantIndex(b, outputs - 1));
      for (int64_t r = 0; r < rowsOfOutput; ++r)
        group.weightRows.push_back(
            {expert, addIndex(b, mulIndex(b, output, rowsOfOutput), r)});
    }
    group.inputRows.push_back(op.getInput().getType().getRank() == 2
                                  ? SmallVector<Value>{token}
                                  : SmallVector<Value>{token, slot});
    return group;
  }

  /// Output number `i` of a warp from the sums of its rows.
  Value finish(ArrayRef<SmallVector<Value>> sums, int64_t i, Value expert,
               Value output) {
    SmallVector<Value> rows;
    for (int64_t r = 0; r < rowsOfOutput; ++r) {
      Value sum = sums[i * rowsOfOutput + r][0];
      if (op.getBias()) {
        Value row = addIndex(b, mulIndex(b, output, rowsOfOutput), r);
        sum = arith::AddFOp::create(b, sum,
                                    loadScalar(b, op.getBias(), {expert, row}));
      }
      rows.push_back(sum);
    }
    std::optional<SwiGLUAttr> activation = op.getActivation();
    if (!activation)
      return rows[0];
    return emitSwiGLU(
        b, rows[0], rows[1], activation->getAlpha().getValueAsDouble(),
        activation->getLimit().getValueAsDouble(),
        [&](Value x) -> Value { return math::ExpOp::create(b, x); });
  }

  /// Lane i finishes output number i of the warp.
  void emitForEachOutput(const KernelThread &thread, Value first,
                         function_ref<void(int64_t, Value)> body) {
    for (int64_t i = 0; i < outputsOfWarp; ++i) {
      Value output = addIndex(b, first, i);
      Value isMine = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                           thread.lane, constantIndex(b, i));
      Value isOutput = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                             output, constantIndex(b, outputs));
      emitIf(b, arith::AndIOp::create(b, isMine, isOutput),
             [&] { body(i, output); });
    }
  }

  void emitSlot(const KernelThread &thread, Value token, Value slot,
                Value first) {
    Value expert = getExpert(token, slot);
    auto sums = emitRowProducts(b, thread, weight, op.getInput(),
                                getGroup(token, slot, expert, first))[0];
    emitForEachOutput(thread, first, [&](int64_t i, Value output) {
      storeScalar(b, finish(sums, i, expert, output), op.getInit(),
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
      Value total = constantFloat(b, b.getF32Type(), 0.0);
      for (int64_t s = 0; s < slots; ++s) {
        Value factor =
            loadScalar(b, op.getWeights(), {token, constantIndex(b, s)});
        total = math::FmaOp::create(
            b, factor, finish(sums[s], i, experts[s], output), total);
      }
      if (op.getResidual())
        total = arith::AddFOp::create(
            b, total, loadScalar(b, op.getResidual(), {token, output}));
      storeScalar(b, total, op.getInit(), {token, output});
    });
  }

  ImplicitLocOpBuilder b;
  MatmulByExpertOp op;
  RowWeight weight;
  int64_t slots, outputs;
  /// Rows of the weight that make an output.
  int64_t rowsOfOutput;
  int64_t outputsOfWarp;
};

struct ConvertMXFP4ToGPUPass final
    : mxfp4::impl::ConvertMXFP4ToGPUPassBase<ConvertMXFP4ToGPUPass> {
  using Base::Base;

  void runOnOperation() override {
    auto lower = [](Operation *op) {
      if (!hasKernel(op, Kernels::GPU))
        return false;
      if (auto matmul = dyn_cast<MatmulOp>(op))
        lowerMatmul(matmul);
      else
        ExpertEmitter(cast<MatmulByExpertOp>(op)).emit();
      return true;
    };
    if (failed(lowerOpsToLaunches(getOperation(), TypeID::get<MXFP4Dialect>(),
                                  lower)))
      signalPassFailure();
  }
};
} // namespace
