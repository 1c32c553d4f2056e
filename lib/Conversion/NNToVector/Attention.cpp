//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers attention and what belongs to it to vector code. Each token and query
// head goes over its keys in blocks of as many as a register has lanes, with a
// running maximum and sum, so scores are never in memory.
//
//===----------------------------------------------------------------------===//

#include "../Utils/VectorCode.h"
#include "Patterns.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

/// Applies `combine` to the halves of a vector until one element is left.
static Value reduceLanes(ImplicitLocOpBuilder &b, Value vector,
                         function_ref<Value(Value, Value)> combine) {
  int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  for (; lanes > 1; lanes /= 2) {
    auto half = [&](int64_t offset) -> Value {
      return vector::ExtractStridedSliceOp::create(
          b, vector, ArrayRef<int64_t>{offset}, ArrayRef<int64_t>{lanes / 2},
          ArrayRef<int64_t>{1});
    };
    vector = combine(half(0), half(lanes / 2));
  }
  return vector::ExtractOp::create(b, vector, 0);
}

/// The widest vector of at most `lanes` lanes that divides a row of `size`.
static int64_t getDividingLanes(int64_t size, int64_t lanes) {
  while (size % lanes != 0)
    lanes /= 2;
  return lanes;
}

void mxfp4::lowerRotaryEmbedding(RotaryEmbeddingOp op, const VectorISA &isa) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Type f32 = b.getF32Type();
  ShapedType type = op.getInput().getType();
  int64_t heads = type.getDimSize(1), half = type.getDimSize(2) / 2;
  int64_t lanes = getDividingLanes(half, isa.lanes);
  SmallVector<float> frequencies = op.getYarn().getFrequencies(2 * half);
  VectorType vectorType = getF32Vector(b, lanes);
  Value amplitude = constantFloat(b, vectorType, op.getYarn().getAmplitude());

  emitParallel(b, getSize(b, op.getInput(), 0), [&](ValueRange indices) {
    Value token = indices[0];
    Value position = arith::UIToFPOp::create(
        b, f32,
        arith::IndexCastOp::create(b, b.getI64Type(),
                                   addIndex(b, op.getPosition(), token)));
    Value positions = vector::BroadcastOp::create(b, vectorType, position);
    for (int64_t pair = 0; pair < half; pair += lanes) {
      Value frequency = arith::ConstantOp::create(
          b, DenseElementsAttr::get(
                 vectorType, ArrayRef<float>(frequencies).slice(pair, lanes)));
      Value angle = arith::MulFOp::create(b, positions, frequency);
      Value cosine =
          arith::MulFOp::create(b, math::CosOp::create(b, angle), amplitude);
      Value sine =
          arith::MulFOp::create(b, math::SinOp::create(b, angle), amplitude);
      emitFor(b, constantIndex(b, 0), constantIndex(b, heads), 1,
              [&](Value head) {
                Value low[] = {token, head, constantIndex(b, pair)};
                Value high[] = {token, head, constantIndex(b, pair + half)};
                Value x = loadF32(b, op.getInput(), low, lanes);
                Value y = loadF32(b, op.getInput(), high, lanes);
                auto product = [&](Value p, Value q) -> Value {
                  return arith::MulFOp::create(b, p, q);
                };
                storeF32(b,
                         arith::SubFOp::create(b, product(x, cosine),
                                               product(y, sine)),
                         op.getInit(), low);
                storeF32(b,
                         arith::AddFOp::create(b, product(y, cosine),
                                               product(x, sine)),
                         op.getInit(), high);
              });
    }
  });
}

void mxfp4::lowerCacheUpdate(CacheUpdateOp op, const VectorISA &isa) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  ShapedType type = op.getInput().getType();
  Value tokens = getSize(b, op.getInput(), 0);
  Value rows = getSize(b, op.getInit(), 0);
  Value skipped =
      arith::MaxSIOp::create(b, subIndex(b, tokens, rows), constantIndex(b, 0));
  emitParallel(b, subIndex(b, tokens, skipped), [&](ValueRange indices) {
    Value token = addIndex(b, skipped, indices[0]);
    Value row =
        arith::RemUIOp::create(b, addIndex(b, op.getPosition(), token), rows);
    emitFor(b, constantIndex(b, 0), constantIndex(b, type.getDimSize(1)), 1,
            [&](Value head) {
              emitRow(b, type.getDimSize(2), isa.lanes,
                      [&](Value offset, Value tail) {
                        Value x =
                            loadF32(b, op.getInput(), {token, head, offset},
                                    isa.lanes, tail);
                        storeF32(b, x, op.getInit(), {row, head, offset}, tail);
                      });
            });
  });
}

namespace {
/// Emits the attention of one token and query head.
class HeadEmitter {
public:
  HeadEmitter(ImplicitLocOpBuilder &b, AttentionOp op, const VectorISA &isa,
              Value token, Value head)
      : b(b), op(op), isa(isa), token(token), head(head),
        headDim(op.getQuery().getType().getDimSize(2)),
        lanes(getDividingLanes(headDim, isa.lanes)) {
    int64_t group = op.getQuery().getType().getDimSize(1) /
                    op.getKey().getType().getDimSize(1);
    kvHead = arith::DivUIOp::create(b, head, constantIndex(b, group));
    for (int64_t d = 0; d < headDim; d += lanes)
      query.push_back(
          loadF32(b, op.getQuery(), {token, head, constantIndex(b, d)}, lanes));
  }

  void emit() {
    Value zero = constantIndex(b, 0), position = op.getPosition();
    // The sink takes part in the maximum and the sum and has no value.
    Value sink = convertFloat(b, memref::LoadOp::create(b, op.getSinks(), head),
                              b.getF32Type());
    State state = {sink, constantFloat(b, b.getF32Type(), 1.0)};
    Value zeros = constantFloat(b, getF32Vector(b, lanes), 0.0);
    state.append(query.size(), zeros);

    // Old positions from `first` on, then those of this call.
    Value first = zero, firstToken = zero;
    if (op.getWindow()) {
      Value reach = constantIndex(b, *op.getWindow() - 1);
      Value own = addIndex(b, position, token);
      first = arith::MaxSIOp::create(b, subIndex(b, own, reach), zero);
      firstToken = arith::MaxSIOp::create(b, subIndex(b, token, reach), zero);
    }
    Value rows = getSize(b, op.getKeyCache(), 0);
    Value numOld =
        arith::MaxSIOp::create(b, subIndex(b, position, first), zero);
    Value start = arith::RemUIOp::create(b, first, rows);
    state = emitSegment(
        op.getKeyCache(), op.getValueCache(), numOld,
        [&](Value j) -> Value {
          Value row = addIndex(b, start, j);
          Value isPast =
              arith::CmpIOp::create(b, arith::CmpIPredicate::uge, row, rows);
          return arith::SelectOp::create(b, isPast, subIndex(b, row, rows),
                                         row);
        },
        state);
    Value numNew = addIndex(b, subIndex(b, token, firstToken), 1);
    state = emitSegment(
        op.getKey(), op.getValue(), numNew,
        [&](Value j) { return addIndex(b, firstToken, j); }, state);

    Value sum =
        vector::BroadcastOp::create(b, getF32Vector(b, lanes), state[1]);
    for (size_t i = 0; i < query.size(); ++i)
      storeF32(b, arith::DivFOp::create(b, state[2 + i], sum), op.getInit(),
               {token, head, constantIndex(b, i * lanes)});
  }

private:
  /// The maximum and the sum so far, and the weighted values.
  using State = SmallVector<Value>;

  /// Takes `count` positions of which `rowOf` gives the row in `keys`,
  /// `values`.
  State emitSegment(Value keys, Value values, Value count,
                    function_ref<Value(Value)> rowOf, const State &state) {
    return emitFor(b, constantIndex(b, 0), count, isa.lanes, state,
                   [&](Value j, ValueRange carried) {
                     return emitBlock(keys, values, count, j, rowOf, carried);
                   });
  }

  State emitBlock(Value keys, Value values, Value count, Value firstKey,
                  function_ref<Value(Value)> rowOf, ValueRange carried) {
    VectorType block = getF32Vector(b, isa.lanes);
    auto add = [&](Value x, Value y) -> Value {
      return arith::AddFOp::create(b, x, y);
    };
    auto larger = [&](Value x, Value y) -> Value {
      return arith::MaximumFOp::create(b, x, y);
    };
    // Lanes past the end repeat the last key and then count for nothing.
    Value last = subIndex(b, count, constantIndex(b, 1));
    SmallVector<Value> rows;
    Value scores = constantFloat(b, block, 0.0);
    for (int64_t i = 0; i < isa.lanes; ++i) {
      Value j = arith::MinSIOp::create(b, addIndex(b, firstKey, i), last);
      rows.push_back(rowOf(j));
      Value sum = constantFloat(b, getF32Vector(b, lanes), 0.0);
      for (size_t d = 0; d < query.size(); ++d)
        sum = emitMultiplyAdd(b, isa, query[d], loadRow(keys, rows[i], d), sum);
      scores = vector::InsertOp::create(b, reduceLanes(b, sum, add), scores, i);
    }
    scores = arith::MulFOp::create(
        b, scores, constantFloat(b, block, op.getScale().convertToFloat()));
    Value isKey = vector::CreateMaskOp::create(
        b, VectorType::get({isa.lanes}, b.getI1Type()),
        subIndex(b, count, firstKey));
    scores = arith::SelectOp::create(
        b, isKey, scores,
        constantFloat(b, block, -std::numeric_limits<float>::infinity()));

    Value maximum = larger(carried[0], reduceLanes(b, scores, larger));
    auto expBelowMaximum = [&](Value x) {
      Value top = vector::BroadcastOp::create(b, block, maximum);
      return emitExp(b, arith::SubFOp::create(b, x, top));
    };
    Value weights = expBelowMaximum(scores);
    Value correction = vector::ExtractOp::create(
        b, expBelowMaximum(vector::BroadcastOp::create(b, block, carried[0])),
        0);
    State next = {maximum, add(arith::MulFOp::create(b, carried[1], correction),
                               reduceLanes(b, weights, add))};
    Value corrections =
        vector::BroadcastOp::create(b, getF32Vector(b, lanes), correction);
    for (size_t d = 0; d < query.size(); ++d) {
      Value sum = arith::MulFOp::create(b, carried[2 + d], corrections);
      for (int64_t i = 0; i < isa.lanes; ++i) {
        Value weight = vector::BroadcastOp::create(
            b, getF32Vector(b, lanes),
            vector::ExtractOp::create(b, weights, i));
        sum = emitMultiplyAdd(b, isa, weight, loadRow(values, rows[i], d), sum);
      }
      next.push_back(sum);
    }
    return next;
  }

  Value loadRow(Value memref, Value row, int64_t d) {
    return loadF32(b, memref, {row, kvHead, constantIndex(b, d * lanes)},
                   lanes);
  }

  ImplicitLocOpBuilder &b;
  AttentionOp op;
  const VectorISA &isa;
  Value token, head, kvHead;
  int64_t headDim, lanes;
  SmallVector<Value> query;
};
} // namespace

void mxfp4::lowerAttention(AttentionOp op, const VectorISA &isa) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  SmallVector<Value> sizes = {getSize(b, op.getQuery(), 0),
                              getSize(b, op.getQuery(), 1)};
  emitParallel(b, sizes, [&](ValueRange indices) {
    HeadEmitter(b, op, isa, indices[0], indices[1]).emit();
  });
}
