//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers nn ops on tensors to linalg.generic loops, one element at a time. Slow
// and exact: this is what the ops mean.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/Kernels.h"
#include "../Utils/Sampling.h"
#include "../Utils/ScalarCode.h"
#include "../Utils/TokenPlaces.h"
#include "Patterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

#include <limits>

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTNNTOLINALGPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

namespace {
/// A pattern that replaces a destination-style op on tensors by what `lower`
/// returns.
template <typename OpTy,
          SmallVector<Value> (*lower)(OpTy, ImplicitLocOpBuilder &)>
struct OpLowering final : OpRewritePattern<OpTy> {
  OpLowering(MLIRContext *context, Kernels kernels)
      : OpRewritePattern<OpTy>(context), kernels(kernels) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() == 0 || hasKernel(op, kernels))
      return rewriter.notifyMatchFailure(op, "is not on tensors, or a kernel");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, lower(op, b));
    return success();
  }

private:
  Kernels kernels;
};
} // namespace

static SmallVector<Value> lowerEmbedding(EmbeddingOp op,
                                         ImplicitLocOpBuilder &b) {
  return {emitElementwise(
      b, op.getInit(),
      [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
        Value id = extractIndex(b, op.getIds(), at[0]);
        return convertFloat(b, extractF32(b, op.getTable(), {id, at[1]}),
                            elements.back().getType());
      })};
}

static SmallVector<Value> lowerRMSNorm(RMSNormOp op, ImplicitLocOpBuilder &b) {
  Type f32 = b.getF32Type();
  int64_t width = op.getInput().getType().getDimSize(1);
  OpFoldResult tokens = tensor::getMixedSize(b, op.getLoc(), op.getInput(), 0);
  Value squares = emitLoops(
      b, 2, op.getInput(), filledTensor(b, tokens, f32, 0.0), {{0, 1}, {0}},
      [&](ImplicitLocOpBuilder &b, ValueRange, ValueRange elements) -> Value {
        Value x = convertFloat(b, elements[0], f32);
        return arith::AddFOp::create(b, elements[1],
                                     arith::MulFOp::create(b, x, x));
      });
  return {emitElementwise(
      b, op.getInit(),
      [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
        Value mean = arith::DivFOp::create(
            b, tensor::ExtractOp::create(b, squares, at[0]),
            constantFloat(b, f32, width));
        Value root = math::SqrtOp::create(
            b, arith::AddFOp::create(
                   b, mean,
                   constantFloat(b, f32, op.getEpsilon().convertToFloat())));
        Value normal =
            arith::DivFOp::create(b, extractF32(b, op.getInput(), at), root);
        return convertFloat(b,
                            arith::MulFOp::create(
                                b, extractF32(b, op.getGain(), at[1]), normal),
                            elements.back().getType());
      })};
}

static SmallVector<Value> lowerLinear(LinearOp op, ImplicitLocOpBuilder &b) {
  Type f32 = b.getF32Type();
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, op.getLoc(), op.getInit());
  // Loops: token, row, k.
  Value sums = emitLoops(
      b, 3, op.getInput(), filledTensor(b, sizes, f32, 0.0), {{0, 2}, {0, 1}},
      [&](ImplicitLocOpBuilder &b, ValueRange at,
          ValueRange elements) -> Value {
        Value weight = extractF32(
            b, op.getWeight(),
            getArrangedIndices(b, at.drop_front(),
                               op.getInput().getType().getShape().back(),
                               op.getLayoutAttr()));
        Value product =
            arith::MulFOp::create(b, convertFloat(b, elements[0], f32), weight);
        return arith::AddFOp::create(b, elements[1], product);
      });
  return {emitEpilogue(b, sums, op.getBias(), op.getResidual(), op.getInit())};
}

/// An expert's slot is the number of logits that come before its own, so slots
/// are found without sorting.
static SmallVector<Value> lowerRouteTopK(RouteTopKOp op,
                                         ImplicitLocOpBuilder &b) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  Location loc = op.getLoc();
  int64_t slots = op.getInitExperts().getType().getDimSize(1);
  OpFoldResult tokens = tensor::getMixedSize(b, loc, op.getLogits(), 0);
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, loc, op.getLogits());
  Value lowest = constantFloat(b, f32, -std::numeric_limits<float>::infinity());
  Value logits = emitElementwise(
      b, emptyTensor(b, sizes, f32),
      [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange) -> Value {
        Value x = extractF32(b, op.getLogits(), at);
        Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
        return arith::SelectOp::create(b, isNaN, lowest, x);
      });
  auto zeros = [&](ArrayRef<OpFoldResult> shape) {
    return linalg::FillOp::create(b, constantInt(b, i32, 0),
                                  emptyTensor(b, shape, i32))
        .getResult(0);
  };
  Value ranks = emitLoops(
      b, 3, logits, zeros(sizes), {{0, 2}, {0, 1}},
      [&](ImplicitLocOpBuilder &b, ValueRange at,
          ValueRange elements) -> Value {
        Value own = tensor::ExtractOp::create(b, logits, at.take_front(2));
        Value larger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT,
                                             elements[0], own);
        Value equal = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                            elements[0], own);
        Value lower =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at[2], at[1]);
        Value before = arith::OrIOp::create(
            b, larger, arith::AndIOp::create(b, equal, lower));
        return arith::AddIOp::create(b, elements[1],
                                     arith::ExtUIOp::create(b, i32, before));
      });
  Value chosen = emitLoops(
      b, 3, ranks, zeros({tokens, b.getIndexAttr(slots)}), {{0, 2}, {0, 1}},
      [&](ImplicitLocOpBuilder &b, ValueRange at,
          ValueRange elements) -> Value {
        Value slot = arith::IndexCastOp::create(b, i32, at[1]);
        Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                             elements[0], slot);
        Value expert = arith::SelectOp::create(
            b, isHere, arith::IndexCastOp::create(b, i32, at[2]),
            constantInt(b, i32, 0));
        return arith::AddIOp::create(b, elements[1], expert);
      });
  Value experts = emitElementwise(
      b, op.getInitExperts(),
      [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange) -> Value {
        return tensor::ExtractOp::create(b, chosen, at);
      });

  // Slot 0 has the largest logit.
  auto exponential = [&](ImplicitLocOpBuilder &b, Value token, Value slot) {
    Value expert = extractIndex(b, chosen, {token, slot});
    Value best = extractIndex(b, chosen, {token, constantIndex(b, 0)});
    Value difference = arith::SubFOp::create(
        b, tensor::ExtractOp::create(b, logits, ValueRange{token, expert}),
        tensor::ExtractOp::create(b, logits, ValueRange{token, best}));
    return math::ExpOp::create(b, difference).getResult();
  };
  Value sums =
      emitLoops(b, 2, chosen, filledTensor(b, tokens, f32, 0.0), {{0, 1}, {0}},
                [&](ImplicitLocOpBuilder &b, ValueRange at,
                    ValueRange elements) -> Value {
                  return arith::AddFOp::create(b, elements[1],
                                               exponential(b, at[0], at[1]));
                });
  Value weights = emitElementwise(
      b, op.getInitWeights(),
      [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
        Value weight =
            arith::DivFOp::create(b, exponential(b, at[0], at[1]),
                                  tensor::ExtractOp::create(b, sums, at[0]));
        return convertFloat(b, weight, elements.back().getType());
      });
  return {experts, weights};
}

static SmallVector<Value> lowerAddExpertBias(AddExpertBiasOp op,
                                             ImplicitLocOpBuilder &b) {
  return {emitElementwise(
      b, op.getInit(),
      [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
        Value expert = extractIndex(b, op.getExperts(), at.take_front(2));
        Value sum =
            arith::AddFOp::create(b, extractF32(b, op.getInput(), at),
                                  extractF32(b, op.getBias(), {expert, at[2]}));
        return convertFloat(b, sum, elements.back().getType());
      })};
}

static SmallVector<Value> lowerSwiGLU(SwiGLUOp op, ImplicitLocOpBuilder &b) {
  return {emitElementwise(
      b, op.getInit(),
      [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
        SmallVector<Value> gate(at), up(at);
        gate.back() = arith::MulIOp::create(b, at.back(), constantIndex(b, 2));
        up.back() = arith::AddIOp::create(b, gate.back(), constantIndex(b, 1));
        Value result = emitSwiGLU(
            b, extractF32(b, op.getInput(), gate),
            extractF32(b, op.getInput(), up),
            op.getActivation().getAlpha().getValueAsDouble(),
            op.getActivation().getLimit().getValueAsDouble(),
            [&](Value x) -> Value { return math::ExpOp::create(b, x); });
        return convertFloat(b, result, elements.back().getType());
      })};
}

static SmallVector<Value> lowerCombineExperts(CombineExpertsOp op,
                                              ImplicitLocOpBuilder &b) {
  Type f32 = b.getF32Type();
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, op.getLoc(), op.getInit());
  Value sums = emitLoops(
      b, 3, {op.getInput(), op.getWeights()}, filledTensor(b, sizes, f32, 0.0),
      {{0, 2, 1}, {0, 2}, {0, 1}},
      [&](ImplicitLocOpBuilder &b, ValueRange, ValueRange elements) -> Value {
        Value product =
            arith::MulFOp::create(b, convertFloat(b, elements[1], f32),
                                  convertFloat(b, elements[0], f32));
        return arith::AddFOp::create(b, elements[2], product);
      });
  return {emitElementwise(
      b, op.getInit(),
      [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
        return convertFloat(b, tensor::ExtractOp::create(b, sums, at),
                            elements.back().getType());
      })};
}

static SmallVector<Value> lowerSample(SampleOp op, ImplicitLocOpBuilder &b) {
  Type f32 = b.getF32Type(), i64 = b.getI64Type();
  OpFoldResult tokens = tensor::getMixedSize(b, op.getLoc(), op.getLogits(), 0);
  Value lowest =
      linalg::FillOp::create(b, constantInt(b, i64, kLowestSampleKey),
                             emptyTensor(b, tokens, i64))
          .getResult(0);
  Value keys =
      emitLoops(b, 2, op.getLogits(), lowest, {{0, 1}, {0}},
                [&](ImplicitLocOpBuilder &b, ValueRange at,
                    ValueRange elements) -> Value {
                  auto get = [&](int64_t i) -> Value {
                    return tensor::ExtractOp::create(b, op.getSettings(),
                                                     constantIndex(b, i));
                  };
                  SampleSettings settings = {get(0), get(1), {get(2), get(3)}};
                  Value key = emitSampleKey(
                      b, settings, convertFloat(b, elements[0], f32), at[1],
                      getPosition(b, op.getPosition(), at[0]),
                      getSequence(b, op.getSequence(), at[0]));
                  return arith::MaxSIOp::create(b, elements[1], key);
                });
  return {emitElementwise(
      b, op.getInit(), [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange) {
        return emitSampledToken(b, tensor::ExtractOp::create(b, keys, at));
      })};
}

namespace {
struct ConvertNNToLinalgPass final
    : mxfp4::impl::ConvertNNToLinalgPassBase<ConvertNNToLinalgPass> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateAttentionToLinalgPatterns(patterns, kernels);
    patterns.add<OpLowering<EmbeddingOp, lowerEmbedding>,
                 OpLowering<RMSNormOp, lowerRMSNorm>,
                 OpLowering<LinearOp, lowerLinear>,
                 OpLowering<RouteTopKOp, lowerRouteTopK>,
                 OpLowering<AddExpertBiasOp, lowerAddExpertBias>,
                 OpLowering<SwiGLUOp, lowerSwiGLU>,
                 OpLowering<CombineExpertsOp, lowerCombineExperts>,
                 OpLowering<SampleOp, lowerSample>>(&getContext(), kernels);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
