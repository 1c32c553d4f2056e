//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers attention and what belongs to it (rotation, cache) to linalg.generic
// loops. Scores are kept for the whole span of positions that any token of the
// call can see.
//
//===----------------------------------------------------------------------===//

#include "../Utils/Kernels.h"
#include "../Utils/ScalarCode.h"
#include "../Utils/TokenPlaces.h"
#include "Patterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

namespace {
/// Sine and cosine are computed for each element.
struct RotaryEmbeddingOpLowering final : OpRewritePattern<RotaryEmbeddingOp> {
  RotaryEmbeddingOpLowering(MLIRContext *context, Kernels kernels)
      : OpRewritePattern(context), kernels(kernels) {}

  LogicalResult matchAndRewrite(RotaryEmbeddingOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0 || hasKernel(op, kernels))
      return rewriter.notifyMatchFailure(op, "is not on tensors, or a kernel");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type f32 = b.getF32Type();
    int64_t half = op.getInput().getType().getDimSize(2) / 2;
    SmallVector<float> frequencies = op.getYarn().getFrequencies(2 * half);
    Value table = arith::ConstantOp::create(
        b, DenseElementsAttr::get(RankedTensorType::get({half}, f32),
                                  ArrayRef<float>(frequencies)));
    Value result = emitElementwise(
        b, op.getInit(),
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
          Value middle = constantIndex(b, half);
          Value isHigh = arith::CmpIOp::create(b, arith::CmpIPredicate::uge,
                                               at[2], middle);
          Value pair = arith::RemUIOp::create(b, at[2], middle);
          Value partner = arith::SelectOp::create(b, isHigh, pair,
                                                  addIndex(b, pair, middle));
          Value position = arith::UIToFPOp::create(
              b, f32,
              arith::IndexCastOp::create(
                  b, b.getI64Type(), getPosition(b, op.getPosition(), at[0])));
          Value angle = arith::MulFOp::create(
              b, position, tensor::ExtractOp::create(b, table, pair));
          Value amplitude = constantFloat(b, f32, op.getYarn().getAmplitude());
          Value cosine = arith::MulFOp::create(b, math::CosOp::create(b, angle),
                                               amplitude);
          Value sine = arith::MulFOp::create(b, math::SinOp::create(b, angle),
                                             amplitude);
          Value signedSine = arith::SelectOp::create(
              b, isHigh, sine, arith::NegFOp::create(b, sine));
          auto extract = [&](Value d) {
            return convertFloat(
                b,
                tensor::ExtractOp::create(b, op.getInput(),
                                          ValueRange{at[0], at[1], d}),
                f32);
          };
          Value rotated = arith::AddFOp::create(
              b, arith::MulFOp::create(b, extract(at[2]), cosine),
              arith::MulFOp::create(b, extract(partner), signedSine));
          return convertFloat(b, rotated, elements.back().getType());
        });
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  Kernels kernels;
};

/// Goes over the whole cache and keeps the rows that get no new position.
struct CacheUpdateOpLowering final : OpRewritePattern<CacheUpdateOp> {
  CacheUpdateOpLowering(MLIRContext *context, Kernels kernels)
      : OpRewritePattern(context), kernels(kernels) {}

  LogicalResult matchAndRewrite(CacheUpdateOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0 || hasKernel(op, kernels))
      return rewriter.notifyMatchFailure(op, "is not on tensors, or a kernel");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value zero = constantIndex(b, 0);
    Value rows = tensor::DimOp::create(b, op.getInit(), zero);
    Value tokens = tensor::DimOp::create(b, op.getInput(), zero);
    int64_t kvHeads = op.getInput().getType().getDimSize(1);
    Value result = emitElementwise(
        b, op.getInit(),
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
          Value token = findToken(b, op, divIndex(b, at[1], kvHeads), at[0],
                                  rows, tokens);
          Value isNew = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                              token, tokens);
          Value head = remIndex(b, at[1], kvHeads);
          // As bits: a processor without bf16 would round what it selects, by
          // a function that is not there.
          Type element = elements.back().getType();
          Type bits = b.getIntegerType(element.getIntOrFloatBitWidth());
          auto choice = scf::IfOp::create(
              b, isNew,
              [&](OpBuilder &builder, Location loc) {
                ImplicitLocOpBuilder b(loc, builder);
                Value fresh = tensor::ExtractOp::create(
                    b, op.getInput(), ValueRange{token, head, at[2]});
                scf::YieldOp::create(
                    b, Value(arith::BitcastOp::create(
                           b, bits, convertFloat(b, fresh, element))));
              },
              [&](OpBuilder &builder, Location loc) {
                scf::YieldOp::create(builder, loc,
                                     Value(arith::BitcastOp::create(
                                         builder, loc, bits, elements.back())));
              });
          return arith::BitcastOp::create(b, element, choice.getResult(0))
              .getResult();
        });
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  /// The last of `tokens` tokens that belongs in `row` of `sequence`, or a
  /// number that is none.
  static Value findToken(ImplicitLocOpBuilder &b, CacheUpdateOp op,
                         Value sequence, Value row, Value rows, Value tokens) {
    auto isEqual = [&](ImplicitLocOpBuilder &b, Value x, Value y) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, x, y);
    };
    Value one = constantIndex(b, 1);
    if (!isPerToken(op.getPosition())) {
      Value last = subIndex(b, addIndex(b, op.getPosition(), tokens), one);
      Value age = arith::RemUIOp::create(
          b, subIndex(b, addIndex(b, last, rows), row), rows);
      // Before the first token for an age that none has.
      Value token = subIndex(b, subIndex(b, tokens, one), age);
      Value isMine = isEqual(
          b, sequence, getSequence(b, op.getSequence(), constantIndex(b, 0)));
      return arith::SelectOp::create(b, isMine, token, tokens);
    }
    return scf::ForOp::create(
               b, constantIndex(b, 0), tokens, one, tokens,
               [&](OpBuilder &builder, Location loc, Value token,
                   ValueRange carried) {
                 ImplicitLocOpBuilder b(loc, builder);
                 Value ofToken = arith::RemUIOp::create(
                     b, getPosition(b, op.getPosition(), token), rows);
                 Value isMine = arith::AndIOp::create(
                     b, isEqual(b, ofToken, row),
                     isEqual(b, sequence,
                             getSequence(b, op.getSequence(), token)));
                 scf::YieldOp::create(b, Value(arith::SelectOp::create(
                                             b, isMine, token, carried[0])));
               })
        .getResult(0);
  }

  Kernels kernels;
};

/// Scores, their largest with the sink, the sum of exponentials, and the sum of
/// values, one loop nest each.
struct AttentionOpLowering final : OpRewritePattern<AttentionOp> {
  AttentionOpLowering(MLIRContext *context, Kernels kernels)
      : OpRewritePattern(context), kernels(kernels) {}

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0 || hasKernel(op, kernels))
      return rewriter.notifyMatchFailure(op, "is not on tensors, or a kernel");
    Location loc = op.getLoc();
    ImplicitLocOpBuilder b(loc, rewriter);
    Type f32 = b.getF32Type();
    ShapedType queryType = op.getQuery().getType();
    int64_t heads = queryType.getDimSize(1);
    int64_t kvHeads = op.getKey().getType().getDimSize(1);
    Value zero = constantIndex(b, 0);
    Value tokens = tensor::DimOp::create(b, op.getQuery(), zero);
    Value rows = tensor::DimOp::create(b, op.getKeyCache(), zero);
    // Of a batch each token has its own.
    Value first =
        isPerToken(op.getPosition()) ? Value() : getFirst(b, op, zero);
    Value span = getSpan(b, op, first, tokens);
    // Position number j of those that a token may see.
    auto getOther = [&](ImplicitLocOpBuilder &b, Value token, Value j) {
      return addIndex(b, first ? first : getFirst(b, op, token), j);
    };

    auto extract = [&](ImplicitLocOpBuilder &b, Value cache, Value fresh,
                       Value token, Value j, Value head, Value d) {
      TokenRun run =
          getTokenRun(b, op.getPosition(), op.getSequence(), token, kvHeads);
      Value at = getOther(b, token, j);
      Value isOld =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at, run.position);
      Value kvHead = divIndex(b, head, heads / kvHeads);
      Value row = arith::SelectOp::create(
          b, isOld, arith::RemUIOp::create(b, at, rows), zero);
      // What a token does not see may be past those of the call.
      Value recentToken = arith::MinUIOp::create(
          b, addIndex(b, run.token, subIndex(b, at, run.position)),
          subIndex(b, tokens, constantIndex(b, 1)));
      recentToken = arith::SelectOp::create(b, isOld, zero, recentToken);
      Value old = tensor::ExtractOp::create(
          b, cache, ValueRange{row, addIndex(b, run.firstHead, kvHead), d});
      Value recent = tensor::ExtractOp::create(
          b, fresh, ValueRange{recentToken, kvHead, d});
      return arith::SelectOp::create(b, isOld, convertFloat(b, old, f32),
                                     convertFloat(b, recent, f32))
          .getResult();
    };

    auto isSeen = [&](ImplicitLocOpBuilder &b, Value token, Value j) -> Value {
      Value own = getPosition(b, op.getPosition(), token);
      Value other = getOther(b, token, j);
      Value seen =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ule, other, own);
      if (!op.getWindow())
        return seen;
      Value inWindow = arith::CmpIOp::create(
          b, arith::CmpIPredicate::ugt,
          addIndex(b, other, constantIndex(b, *op.getWindow())), own);
      return arith::AndIOp::create(b, seen, inWindow);
    };

    OpFoldResult tokensSize =
        tensor::getMixedSize(rewriter, loc, op.getQuery(), 0);
    OpFoldResult headsSize = b.getIndexAttr(heads);
    Value products = emitLoops(
        b, 4, op.getQuery(),
        filledTensor(b, {tokensSize, headsSize, span}, f32, 0.0),
        {{0, 1, 3}, {0, 1, 2}},
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
          Value key = extract(b, op.getKeyCache(), op.getKey(), at[0], at[2],
                              at[1], at[3]);
          Value product =
              arith::MulFOp::create(b, convertFloat(b, elements[0], f32), key);
          return arith::AddFOp::create(b, elements[1], product).getResult();
        });
    Value scores = emitElementwise(
        b, emptyTensor(b, {tokensSize, headsSize, span}, f32),
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange) {
          Value scaled = arith::MulFOp::create(
              b, tensor::ExtractOp::create(b, products, at),
              constantFloat(b, f32, op.getScale().convertToFloat()));
          Value seen = isSeen(b, at[0], at[2]);
          return arith::SelectOp::create(
                     b, seen, scaled,
                     constantFloat(b, f32,
                                   -std::numeric_limits<float>::infinity()))
              .getResult();
        });

    auto sinkOf = [&](ImplicitLocOpBuilder &b, Value head) {
      return convertFloat(b, tensor::ExtractOp::create(b, op.getSinks(), head),
                          f32);
    };
    Value sinks =
        emitElementwise(b, emptyTensor(b, {tokensSize, headsSize}, f32),
                        [&](ImplicitLocOpBuilder &b, ValueRange at,
                            ValueRange) { return sinkOf(b, at[1]); });
    Value largest = emitLoops(
        b, 3, scores, sinks, {{0, 1, 2}, {0, 1}},
        [&](ImplicitLocOpBuilder &b, ValueRange, ValueRange elements) -> Value {
          return arith::MaximumFOp::create(b, elements[0], elements[1]);
        });
    auto weightOf = [&](ImplicitLocOpBuilder &b, Value score, ValueRange row) {
      Value top = tensor::ExtractOp::create(b, largest, row);
      return math::ExpOp::create(b, arith::SubFOp::create(b, score, top))
          .getResult();
    };
    Value sinkWeights = emitElementwise(
        b, emptyTensor(b, {tokensSize, headsSize}, f32),
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange) {
          return weightOf(b, sinkOf(b, at[1]), at);
        });
    Value sums = emitLoops(
        b, 3, scores, sinkWeights, {{0, 1, 2}, {0, 1}},
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
          return arith::AddFOp::create(
                     b, elements[1], weightOf(b, elements[0], at.take_front(2)))
              .getResult();
        });
    // Loops: token, head, d, position.
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, op.getInit());
    Value combined = emitLoops(
        b, 4, scores, filledTensor(b, sizes, f32, 0.0), {{0, 1, 3}, {0, 1, 2}},
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
          Value value = extract(b, op.getValueCache(), op.getValue(), at[0],
                                at[3], at[1], at[2]);
          Value weight = weightOf(b, elements[0], at.take_front(2));
          Value product = arith::MulFOp::create(b, weight, value);
          // A value that is not seen may be NaN, which a weight of 0 keeps.
          Value seen = isSeen(b, at[0], at[3]);
          Value term = arith::SelectOp::create(b, seen, product,
                                               constantFloat(b, f32, 0.0));
          return arith::AddFOp::create(b, elements[1], term).getResult();
        });
    Value result = emitElementwise(
        b, op.getInit(),
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
          Value quotient = arith::DivFOp::create(
              b, tensor::ExtractOp::create(b, combined, at),
              tensor::ExtractOp::create(b, sums, at.take_front(2)));
          return convertFloat(b, quotient, elements.back().getType());
        });
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  /// The first position that `token` sees.
  static Value getFirst(ImplicitLocOpBuilder &b, AttentionOp op, Value token) {
    if (!op.getWindow())
      return constantIndex(b, 0);
    Value own = getPosition(b, op.getPosition(), token);
    return arith::MaxSIOp::create(
        b, subIndex(b, own, constantIndex(b, *op.getWindow() - 1)),
        constantIndex(b, 0));
  }

  /// How many positions from the first on that a token sees are looked at: of
  /// tokens of one sequence those that any of them sees, where `first` is of
  /// the first one, else as many as the last position of all makes.
  static Value getSpan(ImplicitLocOpBuilder &b, AttentionOp op, Value first,
                       Value tokens) {
    if (!isPerToken(op.getPosition()))
      return subIndex(b, addIndex(b, op.getPosition(), tokens), first);
    Value zero = constantIndex(b, 0), one = constantIndex(b, 1);
    Value span =
        scf::ForOp::create(
            b, zero, tokens, one, zero,
            [&](OpBuilder &builder, Location loc, Value token,
                ValueRange carried) {
              ImplicitLocOpBuilder b(loc, builder);
              Value own = getPosition(b, op.getPosition(), token);
              scf::YieldOp::create(
                  b,
                  Value(arith::MaxUIOp::create(
                      b, carried[0], addIndex(b, own, constantIndex(b, 1)))));
            })
            .getResult(0);
    if (!op.getWindow())
      return span;
    return arith::MinUIOp::create(b, span, constantIndex(b, *op.getWindow()));
  }

  Kernels kernels;
};
} // namespace

void mxfp4::populateAttentionToLinalgPatterns(RewritePatternSet &patterns,
                                              Kernels kernels) {
  patterns.add<AttentionOpLowering, CacheUpdateOpLowering,
               RotaryEmbeddingOpLowering>(patterns.getContext(), kernels);
}
