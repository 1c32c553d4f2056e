//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers nn ops on memrefs to parallel loops of vector code.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/LinearLowering.h"
#include "Patterns.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTNNTOVECTORPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

static void lowerEmbedding(EmbeddingOp op, const VectorISA &isa) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  emitParallel(b, getSize(b, op.getIds(), 0), [&](ValueRange indices) {
    Value token = indices[0];
    Value id = loadIndex(b, op.getIds(), token);
    emitRow(b, op.getTable().getType().getDimSize(1), isa.lanes,
            [&](Value offset, Value tail) {
              Value x =
                  loadF32(b, op.getTable(), {id, offset}, isa.lanes, tail);
              storeF32(b, x, op.getInit(), {token, offset}, tail);
            });
  });
}

/// Adds up squares in the lanes of one register, then over lanes.
static void lowerRMSNorm(RMSNormOp op, const VectorISA &isa) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Type f32 = b.getF32Type();
  VectorType vectorType = getF32Vector(b, isa.lanes);
  int64_t width = op.getInput().getType().getDimSize(1);
  emitParallel(b, getSize(b, op.getInput(), 0), [&](ValueRange indices) {
    Value token = indices[0];
    Value zeros = constantFloat(b, vectorType, 0.0);
    int64_t full = width - width % isa.lanes;
    auto addSquares = [&](Value sum, Value offset, Value tail) {
      Value x = loadF32(b, op.getInput(), {token, offset}, isa.lanes, tail);
      return emitMultiplyAdd(b, isa, x, x, sum);
    };
    Value sums =
        emitFor(b, constantIndex(b, 0), constantIndex(b, full), isa.lanes,
                zeros, [&](Value offset, ValueRange carried) {
                  return SmallVector<Value>{addSquares(carried[0], offset, {})};
                })[0];
    if (full < width) {
      Value offset = constantIndex(b, full);
      sums = addSquares(sums, offset, getTail(b, width, offset, isa.lanes));
    }
    Value sum = constantFloat(b, f32, 0.0);
    for (int64_t lane = 0; lane < isa.lanes; ++lane)
      sum = arith::AddFOp::create(b, sum,
                                  vector::ExtractOp::create(b, sums, lane));
    Value mean = arith::DivFOp::create(b, sum, constantFloat(b, f32, width));
    Value root = math::SqrtOp::create(
        b,
        arith::AddFOp::create(
            b, mean, constantFloat(b, f32, op.getEpsilon().convertToFloat())));
    Value factor = vector::BroadcastOp::create(
        b, vectorType,
        arith::DivFOp::create(b, constantFloat(b, f32, 1.0), root));
    emitRow(b, width, isa.lanes, [&](Value offset, Value tail) {
      Value x = loadF32(b, op.getInput(), {token, offset}, isa.lanes, tail);
      Value gain = loadF32(b, op.getGain(), offset, isa.lanes, tail);
      Value normal = arith::MulFOp::create(b, x, factor);
      storeF32(b, arith::MulFOp::create(b, gain, normal), op.getInit(),
               {token, offset}, tail);
    });
  });
}

static void lowerSwiGLU(SwiGLUOp op, const VectorISA &isa) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  int64_t rank = op.getInit().getType().getRank();
  int64_t width = op.getInput().getType().getDimSize(rank - 1) / 2;
  SmallVector<Value> sizes;
  for (int64_t i = 0; i + 1 < rank; ++i)
    sizes.push_back(getSize(b, op.getInit(), i));
  if (sizes.empty())
    sizes.push_back(constantIndex(b, 1));
  emitParallel(b, sizes, [&](ValueRange indices) {
    SmallVector<Value> prefix(indices.take_front(rank - 1));
    emitRow(b, width, isa.lanes, [&](Value offset, Value tail) {
      SmallVector<Value> from(prefix), to(prefix);
      from.push_back(mulIndex(b, offset, 2));
      to.push_back(offset);
      Value pairTail =
          tail ? getTail(b, 2 * width, from.back(), 2 * isa.lanes) : Value();
      auto pairs = vector::DeinterleaveOp::create(
          b, loadF32(b, op.getInput(), from, 2 * isa.lanes, pairTail));
      SwiGLUAttr activation = op.getActivation();
      storeF32(b,
               emitSwiGLU(b, pairs.getRes1(), pairs.getRes2(),
                          activation.getAlpha().getValueAsDouble(),
                          activation.getLimit().getValueAsDouble(),
                          [&](Value x) { return emitExp(b, x); }),
               op.getInit(), to, tail);
    });
  });
}

static LogicalResult lowerLinear(LinearOp op, const VectorISA &isa) {
  if (failed(checkPanelOp(op, isa, op.getWeight(), op.getLayoutAttr())))
    return failure();
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Panel panel = {
      op.getWeight(), /*scales=*/{}, {}, op.getInput().getType().getDimSize(1)};
  emitLinear(b, isa, panel, op.getInput(), /*format=*/std::nullopt,
             op.getBias(), op.getResidual(), op.getInit());
  return success();
}

namespace {
struct ConvertNNToVectorPass final
    : mxfp4::impl::ConvertNNToVectorPassBase<ConvertNNToVectorPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    return checkISA(context, isa);
  }

  void runOnOperation() override {
    if (failed(lowerOpsToVector(getOperation(), isa, TypeID::get<NNDialect>(),
                                lower)))
      signalPassFailure();
  }

private:
  static LogicalResult lower(Operation *op, const VectorISA &isa) {
    return TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](LinearOp op) { return lowerLinear(op, isa); })
        .Case(
            [&](EmbeddingOp op) { return lowerEmbedding(op, isa), success(); })
        .Case([&](RMSNormOp op) { return lowerRMSNorm(op, isa), success(); })
        .Case([&](RotaryEmbeddingOp op) {
          return lowerRotaryEmbedding(op, isa), success();
        })
        .Case(
            [&](AttentionOp op) { return lowerAttention(op, isa), success(); })
        .Case([&](CacheUpdateOp op) {
          return lowerCacheUpdate(op, isa), success();
        })
        .Case(
            [&](RouteTopKOp op) { return lowerRouteTopK(op, isa), success(); })
        .Case([&](AddExpertBiasOp op) {
          return lowerAddExpertBias(op, isa), success();
        })
        .Case([&](SwiGLUOp op) { return lowerSwiGLU(op, isa), success(); })
        .Case([&](CombineExpertsOp op) {
          return lowerCombineExperts(op, isa), success();
        })
        .DefaultUnreachable("every op has a lowering");
  }
};
} // namespace
