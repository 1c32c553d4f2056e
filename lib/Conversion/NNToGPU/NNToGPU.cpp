//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers nn ops on memrefs to kernels.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/Kernels.h"
#include "../Utils/LinearKernel.h"
#include "../Utils/TokenPlaces.h"
#include "Patterns.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <limits>

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTNNTOGPUPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

/// Threads of the blocks of kernels here, and of a block at most.
static constexpr int64_t kThreads = 256;
static constexpr int64_t kMaxThreads = 1024;

/// A block has a token, and a thread some of its elements, which it keeps.
static void lowerRMSNorm(RMSNormOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Type f32 = b.getF32Type();
  int64_t width = op.getInput().getType().getDimSize(1);
  // A thread takes a few elements together.
  int64_t together = width % 4 == 0 ? 4 : 1;
  int64_t parts = width / together;
  // As many threads as are busy, up to the most that a block has; for one token
  // as many as in the kernels that read the result, which can take this one's
  // place.
  bool isOneToken = op.getInput().getType().getDimSize(0) == 1;
  int64_t threads =
      isOneToken ? kThreads
                 : std::clamp<int64_t>(llvm::alignTo(parts, mxfp4::kWarpSize),
                                       mxfp4::kWarpSize, kMaxThreads);
  int64_t count = llvm::divideCeil(parts, threads);
  Value tokens = getSize(b, op.getInput(), 0);
  auto add = [&](Value x, Value y) -> Value {
    return arith::AddFOp::create(b, x, y);
  };
  emitLaunch(
      b, "rms_norm", getBlocks(tokens, 1), threads,
      getSharedType(f32, {threads / mxfp4::kWarpSize}),
      [&](const KernelThread &thread) {
        SmallVector<Value> columns, areColumns, places, gains;
        Value end = constantIndex(b, width);
        for (int64_t i = 0; i < count; ++i) {
          Value part = addIndex(b, thread.thread, i * threads);
          columns.push_back(mulIndex(b, part, together));
          areColumns.push_back(arith::CmpIOp::create(
              b, arith::CmpIPredicate::ult, columns[i], end));
          places.push_back(arith::MinUIOp::create(
              b, columns[i], constantIndex(b, width - together)));
          gains.push_back(loadVector(b, op.getGain(), places[i], together));
        }
        emitForEachItemOfBlock(b, thread, tokens, [&](Value token) {
          SmallVector<Value> loads;
          for (Value place : places)
            loads.push_back(
                loadVector(b, op.getInput(), {token, place}, together));
          Value sum = constantFloat(b, f32, 0.0);
          for (int64_t i = 0; i < count; ++i) {
            Value added = sum;
            for (Value element : splitVector(b, loads[i]))
              added = math::FmaOp::create(b, element, element, added);
            sum = arith::SelectOp::create(b, areColumns[i], added, sum);
          }
          sum = reduceWarp(b, sum, add);
          Value isFirst = arith::CmpIOp::create(
              b, arith::CmpIPredicate::eq, thread.lane, constantIndex(b, 0));
          emitIf(b, isFirst, [&] {
            memref::StoreOp::create(b, sum, thread.shared[0], thread.warp);
          });
          gpu::BarrierOp::create(b);
          Value total = constantFloat(b, f32, 0.0);
          for (int64_t warp = 0; warp < thread.warps(); ++warp)
            total = add(total, memref::LoadOp::create(b, thread.shared[0],
                                                      constantIndex(b, warp)));
          // Another token's sums must not come before all have read these.
          gpu::BarrierOp::create(b);
          Value mean =
              arith::DivFOp::create(b, total, constantFloat(b, f32, width));
          Value root = math::SqrtOp::create(
              b, add(mean,
                     constantFloat(b, f32, op.getEpsilon().convertToFloat())));
          Value factor =
              arith::DivFOp::create(b, constantFloat(b, f32, 1.0), root);
          Type type = op.getInit().getType().getElementType();
          for (int64_t i = 0; i < count; ++i)
            emitIf(b, areColumns[i], [&] {
              SmallVector<Value> results;
              for (auto [element, gain] : llvm::zip(splitVector(b, loads[i]),
                                                    splitVector(b, gains[i])))
                results.push_back(convertFloat(
                    b,
                    arith::MulFOp::create(
                        b, gain, arith::MulFOp::create(b, element, factor)),
                    type));
              vector::StoreOp::create(
                  b,
                  vector::FromElementsOp::create(
                      b, VectorType::get({together}, type), results),
                  op.getInit(), ValueRange{token, columns[i]});
            });
        });
      });
}

/// `outputsTogether` counts those of all products of the same input.
static void lowerLinear(LinearOp op, GPUFeatures features,
                        int64_t outputsTogether) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  RowWeight weight = {op.getWeight(), /*scales=*/Value(),
                      op.getInput().getType().getDimSize(1)};
  emitLinearKernel(b, "linear", weight, op.getInput(), op.getBias(),
                   op.getResidual(), op.getInit(), features, outputsTogether);
}

static void lowerCacheUpdate(CacheUpdateOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  ShapedType type = op.getInput().getType();
  Value tokens = getSize(b, op.getInput(), 0);
  Value rows = getSize(b, op.getInit(), 0);
  int64_t kvHeads = type.getDimSize(1);
  // Of one sequence only the last tokens stay.
  Value skipped = constantIndex(b, 0);
  if (!isPerToken(op.getPosition()))
    skipped = arith::MaxSIOp::create(b, subIndex(b, tokens, rows), skipped);
  Value sizes[] = {subIndex(b, tokens, skipped), constantIndex(b, kvHeads),
                   constantIndex(b, type.getDimSize(2))};
  emitParallel(b, sizes, [&](ValueRange at) {
    Value token = addIndex(b, skipped, at[0]);
    Value row = arith::RemUIOp::create(
        b, getPosition(b, op.getPosition(), token), rows);
    Value firstHead =
        mulIndex(b, getSequence(b, op.getSequence(), token), kvHeads);
    storeScalar(b, loadScalar(b, op.getInput(), {token, at[1], at[2]}),
                op.getInit(), {row, addIndex(b, firstHead, at[1]), at[2]});
  });
}

/// The largest (`Max`) or smallest of a signed i32 of all lanes.
static Value reduceInteger(ImplicitLocOpBuilder &b, Value value,
                           NVVM::ReduxKind kind, bool tensorCores) {
  // The chips that have tensor cores for bf16 have an instruction.
  if (tensorCores)
    return NVVM::ReduxOp::create(b, value.getType(), value, kind,
                                 constantInt(b, b.getI32Type(), -1));
  return reduceWarp(b, value, [&](Value x, Value y) -> Value {
    if (kind == NVVM::ReduxKind::MAX)
      return arith::MaxSIOp::create(b, x, y);
    return arith::MinSIOp::create(b, x, y);
  });
}

/// A warp has a token. Lane i keeps the logits of experts i, i + 32, ..., and
/// all agree on the largest that is left, once for each slot.
static void lowerRouteTopK(RouteTopKOp op, bool tensorCores) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  int64_t experts = op.getLogits().getType().getDimSize(1);
  int64_t slots = op.getInitExperts().getType().getDimSize(1);
  Value tokens = getSize(b, op.getLogits(), 0);
  Value taken = constantInt(b, i32, std::numeric_limits<int32_t>::min());
  emitLaunch(
      b, "route_top_k", getBlocks(tokens, kThreads / mxfp4::kWarpSize),
      kThreads, {}, [&](const KernelThread &thread) {
        emitForEachItemOfWarp(b, thread, tokens, [&](Value token) {
          SmallVector<Value> keys, numbers;
          for (int64_t first = 0; first < experts; first += mxfp4::kWarpSize) {
            Value number = addIndex(b, thread.lane, first);
            Value isExpert =
                arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number,
                                      constantIndex(b, experts));
            Value place = arith::MinUIOp::create(b, number,
                                                 constantIndex(b, experts - 1));
            Value x = loadScalar(b, op.getLogits(), {token, place});
            Value isNaN =
                arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
            x = arith::SelectOp::create(
                b, isNaN,
                constantFloat(b, f32, -std::numeric_limits<float>::infinity()),
                x);
            // -0 and 0 are equal.
            x = arith::AddFOp::create(b, x, constantFloat(b, f32, 0.0));
            Value key = flipOrder(b, arith::BitcastOp::create(b, i32, x));
            keys.push_back(arith::SelectOp::create(b, isExpert, key, taken));
            numbers.push_back(arith::IndexCastOp::create(b, i32, number));
          }
          SmallVector<Value> chosen, logits;
          for (int64_t slot = 0; slot < slots; ++slot) {
            Value key = keys[0];
            for (Value other : ArrayRef(keys).drop_front())
              key = arith::MaxSIOp::create(b, key, other);
            key = reduceInteger(b, key, NVVM::ReduxKind::MAX, tensorCores);
            // The first of those that are equal.
            Value number =
                constantInt(b, i32, std::numeric_limits<int32_t>::max());
            for (auto [own, ofOwn] : llvm::reverse(llvm::zip(keys, numbers))) {
              Value isEqual =
                  arith::CmpIOp::create(b, arith::CmpIPredicate::eq, own, key);
              number = arith::SelectOp::create(b, isEqual, ofOwn, number);
            }
            number =
                reduceInteger(b, number, NVVM::ReduxKind::MIN, tensorCores);
            chosen.push_back(number);
            logits.push_back(
                arith::BitcastOp::create(b, f32, flipOrder(b, key)));
            for (size_t i = 0; i < keys.size(); ++i) {
              Value isChosen = arith::CmpIOp::create(
                  b, arith::CmpIPredicate::eq, numbers[i], number);
              keys[i] = arith::SelectOp::create(b, isChosen, taken, keys[i]);
            }
          }
          Value sum = constantFloat(b, f32, 0.0);
          SmallVector<Value> exponentials;
          for (Value logit : logits) {
            Value difference = arith::SubFOp::create(b, logit, logits[0]);
            exponentials.push_back(math::ExpOp::create(b, difference));
            sum = arith::AddFOp::create(b, sum, exponentials.back());
          }
          Value isFirst = arith::CmpIOp::create(
              b, arith::CmpIPredicate::eq, thread.lane, constantIndex(b, 0));
          emitIf(b, isFirst, [&] {
            for (int64_t slot = 0; slot < slots; ++slot) {
              Value place[] = {token, constantIndex(b, slot)};
              memref::StoreOp::create(b, chosen[slot], op.getInitExperts(),
                                      place);
              storeScalar(b, arith::DivFOp::create(b, exponentials[slot], sum),
                          op.getInitWeights(), place);
            }
          });
        });
      });
}

namespace {
struct ConvertNNToGPUPass final
    : mxfp4::impl::ConvertNNToGPUPassBase<ConvertNNToGPUPass> {
  using Base::Base;

  void runOnOperation() override {
    outputs.clear();
    rotated.clear();
    getOperation().walk([&](LinearOp op) {
      outputs[op.getInput()] += op.getWeight().getType().getDimSize(0);
    });
    getOperation().walk([&](RotaryEmbeddingOp op) {
      if (LinearOp linear = getRotatedLinear(op))
        rotated[linear] = op;
    });
    if (failed(lowerOpsToLaunches(getOperation(), TypeID::get<NNDialect>(),
                                  [&](Operation *op) { return lower(op); })))
      signalPassFailure();
  }

private:
  bool lower(Operation *op) {
    if (!hasKernel(op, Kernels::GPU))
      return false;
    // Its launch comes where that is rotated.
    if (rotated.contains(op))
      return false;
    TypeSwitch<Operation *>(op)
        .Case([](RMSNormOp op) { lowerRMSNorm(op); })
        .Case([&](LinearOp op) {
          lowerLinear(op, {tensorCores, clusters, overlap},
                      outputs.lookup(op.getInput()));
        })
        .Case([&](AttentionOp op) {
          if (tensorCores && hasTileAttention(op))
            launchTileAttention(op, clusters);
          else
            launchAttention(op);
        })
        .Case([&](RotaryEmbeddingOp op) { lowerRotary(op); })
        .Case([](CacheUpdateOp op) { lowerCacheUpdate(op); })
        .Case([&](RouteTopKOp op) { lowerRouteTopK(op, tensorCores); })
        .Case([](SampleOp op) { launchSample(op); });
    return true;
  }

  void lowerRotary(RotaryEmbeddingOp op) {
    auto known = llvm::find_if(
        rotated, [&](const auto &pair) { return pair.second == op; });
    if (known == rotated.end())
      return lowerRotaryEmbedding(op);
    auto linear = cast<LinearOp>(known->first);
    rotated.erase(known);
    launchRotatedLinear(linear, op, outputs.lookup(linear.getInput()));
    linear.erase();
  }

  /// How many each memref is multiplied to.
  DenseMap<Value, int64_t> outputs;
  /// Products that are rotated in the same kernel, and by what.
  DenseMap<Operation *, Operation *> rotated;
};
} // namespace
