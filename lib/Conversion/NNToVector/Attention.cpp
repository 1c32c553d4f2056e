//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers attention and what belongs to it to vector code. Each token and query
// head goes over its keys in blocks of as many as a register has lanes, with a
// running maximum and sum, so scores are never in memory. The blocks of a token
// are the same in every call, so its result is, too, to the bit.
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
    Value zero = constantIndex(b, 0);
    // The sink takes part in the maximum and the sum and has no value.
    Value sink = convertFloat(b, memref::LoadOp::create(b, op.getSinks(), head),
                              b.getF32Type());
    State state = {sink, constantFloat(b, b.getF32Type(), 1.0)};
    Value zeros = constantFloat(b, getF32Vector(b, lanes), 0.0);
    state.append(query.size(), zeros);

    own = addIndex(b, op.getPosition(), token);
    first = zero;
    if (op.getWindow())
      first = arith::MaxSIOp::create(
          b, subIndex(b, own, constantIndex(b, *op.getWindow() - 1)), zero);
    firstRow =
        arith::RemUIOp::create(b, first, getSize(b, op.getKeyCache(), 0));
    // Blocks begin at multiples of their size, wherever the call begins.
    Value start = mulIndex(b, divIndex(b, first, isa.lanes), isa.lanes);
    state = emitFor(b, start, addIndex(b, own, 1), isa.lanes, state,
                    [&](Value block, ValueRange carried) {
                      return emitBlock(block, carried);
                    });

    Value sum =
        vector::BroadcastOp::create(b, getF32Vector(b, lanes), state[1]);
    for (size_t i = 0; i < query.size(); ++i)
      storeF32(b, arith::DivFOp::create(b, state[2 + i], sum), op.getInit(),
               {token, head, constantIndex(b, i * lanes)});
  }

private:
  /// The maximum and the sum so far, and the weighted values.
  using State = SmallVector<Value>;
  using Vectors = SmallVector<Value>;

  /// Takes the positions from `block` on, as many as there are lanes: all from
  /// the caches, or some or all of this call.
  State emitBlock(Value block, ValueRange carried) {
    Value isOld =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                              addIndex(b, block, isa.lanes), op.getPosition());
    auto takeOld = [&] {
      return emitBlock(block, carried, [&](Value cache, Value, Value position) {
        return loadOld(cache, position);
      });
    };
    auto takeAny = [&] {
      return emitBlock(
          block, carried, [&](Value cache, Value fresh, Value position) {
            Value isOfCache = arith::CmpIOp::create(
                b, arith::CmpIPredicate::slt, position, op.getPosition());
            return emitIf(
                isOfCache, [&] { return loadOld(cache, position); },
                [&] {
                  return loadRow(fresh,
                                 subIndex(b, position, op.getPosition()));
                });
          });
    };
    return emitIf(isOld, takeOld, takeAny);
  }

  SmallVector<Value> emitIf(Value condition,
                            function_ref<SmallVector<Value>()> then,
                            function_ref<SmallVector<Value>()> otherwise) {
    auto branch = scf::IfOp::create(
        b, condition,
        [&](OpBuilder &builder, Location) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(builder.getInsertionBlock(),
                              builder.getInsertionPoint());
          scf::YieldOp::create(b, then());
        },
        [&](OpBuilder &builder, Location) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(builder.getInsertionBlock(),
                              builder.getInsertionPoint());
          scf::YieldOp::create(b, otherwise());
        });
    return branch.getResults();
  }

  /// The same; `load` gives the row of a position, given the cache and the
  /// tensor of this call that have it.
  State emitBlock(Value block, ValueRange carried,
                  function_ref<Vectors(Value, Value, Value)> load) {
    VectorType ofScores = getF32Vector(b, isa.lanes);
    auto add = [&](Value x, Value y) -> Value {
      return arith::AddFOp::create(b, x, y);
    };
    auto larger = [&](Value x, Value y) -> Value {
      return arith::MaximumFOp::create(b, x, y);
    };
    // Lanes of no key repeat the first or last key and then count for nothing.
    SmallVector<Value> positions;
    Value scores = constantFloat(b, ofScores, 0.0);
    Value isKey = constantInt(b, withElement(ofScores, b.getI1Type()), 0);
    for (int64_t i = 0; i < isa.lanes; ++i) {
      Value position = addIndex(b, block, i);
      positions.push_back(arith::MaxSIOp::create(
          b, arith::MinSIOp::create(b, position, own), first));
      isKey = vector::InsertOp::create(
          b,
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, position,
                                positions[i]),
          isKey, i);
      Vectors key = load(op.getKeyCache(), op.getKey(), positions[i]);
      Value sum = constantFloat(b, getF32Vector(b, lanes), 0.0);
      for (size_t d = 0; d < query.size(); ++d)
        sum = emitMultiplyAdd(b, isa, query[d], key[d], sum);
      scores = vector::InsertOp::create(b, reduceLanes(b, sum, add), scores, i);
    }
    scores = arith::MulFOp::create(
        b, scores, constantFloat(b, ofScores, op.getScale().convertToFloat()));
    scores = arith::SelectOp::create(
        b, isKey, scores,
        constantFloat(b, ofScores, -std::numeric_limits<float>::infinity()));

    Value maximum = larger(carried[0], reduceLanes(b, scores, larger));
    auto expBelowMaximum = [&](Value x) {
      Value top = vector::BroadcastOp::create(b, ofScores, maximum);
      return emitExp(b, arith::SubFOp::create(b, x, top));
    };
    Value weights = expBelowMaximum(scores);
    Value correction = vector::ExtractOp::create(
        b,
        expBelowMaximum(vector::BroadcastOp::create(b, ofScores, carried[0])),
        0);
    State next = {maximum, add(arith::MulFOp::create(b, carried[1], correction),
                               reduceLanes(b, weights, add))};
    Value corrections =
        vector::BroadcastOp::create(b, getF32Vector(b, lanes), correction);
    for (Value values : carried.drop_front(2))
      next.push_back(arith::MulFOp::create(b, values, corrections));
    for (int64_t i = 0; i < isa.lanes; ++i) {
      Value weight = vector::BroadcastOp::create(
          b, getF32Vector(b, lanes), vector::ExtractOp::create(b, weights, i));
      Vectors value = load(op.getValueCache(), op.getValue(), positions[i]);
      for (size_t d = 0; d < query.size(); ++d)
        next[2 + d] = emitMultiplyAdd(b, isa, weight, value[d], next[2 + d]);
    }
    return next;
  }

  /// The row of `position` in a cache of C rows, which is `position mod C`.
  Vectors loadOld(Value cache, Value position) {
    Value rows = getSize(b, cache, 0);
    Value row = addIndex(b, firstRow, subIndex(b, position, first));
    Value isPast =
        arith::CmpIOp::create(b, arith::CmpIPredicate::uge, row, rows);
    return loadRow(
        cache, arith::SelectOp::create(b, isPast, subIndex(b, row, rows), row));
  }

  Vectors loadRow(Value memref, Value row) {
    Vectors vectors;
    for (size_t d = 0; d < query.size(); ++d)
      vectors.push_back(loadF32(
          b, memref, {row, kvHead, constantIndex(b, d * lanes)}, lanes));
    return vectors;
  }

  ImplicitLocOpBuilder &b;
  AttentionOp op;
  const VectorISA &isa;
  Value token, head, kvHead;
  /// The positions that the token attends to, both inclusive.
  Value first, own;
  /// The row of `first` in the caches.
  Value firstRow;
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
