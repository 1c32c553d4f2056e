//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention: a block has a token and a query head. Its warps take blocks of 32
// keys in turn, with a maximum and a sum of their own: eight lanes share a key,
// then each lane has a score, then each has a few elements of all values. At
// the end the block adds up what its warps have, in their order.
//
//===----------------------------------------------------------------------===//

#include "../Utils/RowProduct.h"
#include "../Utils/TokenPlaces.h"
#include "Patterns.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

/// Threads of a block.
static constexpr int64_t kThreads = 256;
/// Lanes that share a key, and keys that a warp multiplies at a time.
static constexpr int64_t kLanesOfKey = 8;
static constexpr int64_t kKeysAtOnce = kWarpSize / kLanesOfKey;
/// Values that are under way at the same time.
static constexpr int64_t kValuesAtOnce = 8;

namespace {
/// Emits the code of one block.
class AttentionEmitter {
public:
  AttentionEmitter(ImplicitLocOpBuilder &b, AttentionOp op,
                   const KernelThread &thread)
      : b(b), op(op), thread(thread), f32(b.getF32Type()),
        headDim(op.getQuery().getType().getDimSize(2)),
        elements(llvm::divideCeil(headDim, kWarpSize)),
        elementsOfKey(headDim / kLanesOfKey), states(thread.shared[0]),
        values(thread.shared[1]) {}

  /// The memory of a block: maximum and sum of each warp, and its weighted
  /// values.
  static SmallVector<MemRefType> getShared(AttentionOp op) {
    Type f32 = Float32Type::get(op.getContext());
    int64_t headDim = op.getQuery().getType().getDimSize(2);
    return {getSharedType(f32, {kThreads / kWarpSize, 2}),
            getSharedType(f32, {kThreads / kWarpSize, headDim})};
  }

  void emit(Value token, Value head) {
    int64_t kvHeads = op.getKey().getType().getDimSize(1);
    kvHead = divIndex(b, head, op.getQuery().getType().getDimSize(1) / kvHeads);
    run = getTokenRun(b, op.getPosition(), op.getSequence(), token, kvHeads);
    own = getPosition(b, run, token);
    first = constantIndex(b, 0);
    if (op.getWindow())
      first = arith::MaxSIOp::create(
          b, subIndex(b, own, constantIndex(b, *op.getWindow() - 1)), first);
    firstElement =
        mulIndex(b, remIndex(b, thread.lane, kLanesOfKey), elementsOfKey);
    query =
        splitVector(b, loadVector(b, op.getQuery(), {token, head, firstElement},
                                  elementsOfKey));

    SmallVector<Value> state(2 + elements, constantFloat(b, f32, 0.0));
    state[0] = lowest();
    Value shift = mulIndex(b, thread.warp, kWarpSize);
    auto takeKeys = [&](Value from, Value to, const Keys &keys) {
      state =
          emitFor(b, addIndex(b, from, shift), to, kWarpSize * thread.warps(),
                  state, [&](Value block, ValueRange carried) {
                    return emitBlock(block, to, keys, carried);
                  });
    };
    // Those before this call, which are in the caches, then those of this call.
    Value middle = arith::MaxUIOp::create(b, first, run.position);
    takeKeys(first, run.position,
             {op.getKeyCache(), op.getValueCache(),
              addIndex(b, run.firstHead, kvHead), /*isCache=*/true});
    takeKeys(middle, addIndex(b, own, 1),
             {op.getKey(), op.getValue(), kvHead, /*isCache=*/false});
    Value isFirstLane = isEqual(thread.lane, 0);
    emitIf(b, isFirstLane, [&] {
      for (int64_t i = 0; i < 2; ++i)
        memref::StoreOp::create(b, state[i], states,
                                ValueRange{thread.warp, constantIndex(b, i)});
    });
    for (int64_t i = 0; i < elements; ++i) {
      Value d = addIndex(b, thread.lane, i * kWarpSize);
      emitIf(b, isInHead(d), [&] {
        memref::StoreOp::create(b, state[2 + i], values,
                                ValueRange{thread.warp, d});
      });
    }
    gpu::BarrierOp::create(b);
    emitForEachElement([&](Value d) {
      storeScalar(b, combineWarps(d, head), op.getInit(), {token, head, d});
    });
    // The next query must not come before all are done with this one.
    gpu::BarrierOp::create(b);
  }

private:
  Value lowest() {
    return constantFloat(b, f32, -std::numeric_limits<float>::infinity());
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value multiply(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value larger(Value x, Value y) { return arith::MaximumFOp::create(b, x, y); }
  Value isEqual(Value x, int64_t y) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, x,
                                 constantIndex(b, y));
  }
  Value isInHead(Value d) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, d,
                                 constantIndex(b, headDim));
  }
  /// exp(x - top); 0 where x is minus infinity.
  Value expBelow(Value x, Value top) {
    return math::ExpOp::create(b, arith::SubFOp::create(b, x, top));
  }

  /// Each element of a head, by one of the threads of the block.
  void emitForEachElement(function_ref<void(Value)> body) {
    emitFor(b, thread.thread, constantIndex(b, headDim), kThreads, body);
  }

  /// Where keys and values are: in caches of C rows, position p in row p mod C,
  /// or in the tensors of this call.
  struct Keys {
    Value keys, values, head;
    bool isCache;
  };

  /// The row of `position`, as an i32.
  Value getRow(const Keys &keys, Value position) {
    Type i32 = b.getI32Type();
    auto narrow = [&](Value index) -> Value {
      return arith::IndexCastOp::create(b, i32, index);
    };
    if (!keys.isCache)
      return narrow(
          addIndex(b, run.token, subIndex(b, position, run.position)));
    return arith::RemUIOp::create(b, narrow(position),
                                  narrow(getSize(b, keys.keys, 0)));
  }

  Value widen(Value index) {
    return arith::IndexCastUIOp::create(b, b.getIndexType(), index);
  }

  Value shuffle(Value value, Value lane) {
    return gpu::ShuffleOp::create(b, value, lane,
                                  constantInt(b, b.getI32Type(), kWarpSize),
                                  gpu::ShuffleMode::IDX)
        .getShuffleResult();
  }

  /// The products of the query and the keys in the rows that lanes have: each
  /// lane gets that of its own.
  Value emitScores(const Keys &keys, Value row) {
    Type i32 = b.getI32Type();
    auto narrow = [&](Value index) -> Value {
      return arith::IndexCastOp::create(b, i32, index);
    };
    Value group = divIndex(b, thread.lane, kLanesOfKey);
    SmallVector<Value> loads;
    for (int64_t key = 0; key < kWarpSize; key += kKeysAtOnce) {
      Value rowOfKey = widen(shuffle(row, narrow(addIndex(b, group, key))));
      loads.push_back(loadVector(
          b, keys.keys, {rowOfKey, keys.head, firstElement}, elementsOfKey));
    }
    // Lane i wants the score of key i, which the lanes of group i mod 4 have.
    Value source =
        narrow(mulIndex(b, remIndex(b, thread.lane, kKeysAtOnce), kLanesOfKey));
    Value turn = divIndex(b, thread.lane, kKeysAtOnce);
    Value score = constantFloat(b, f32, 0.0);
    for (auto [i, load] : llvm::enumerate(loads)) {
      Value sum = constantFloat(b, f32, 0.0);
      for (auto [x, y] : llvm::zip(splitVector(b, load), query))
        sum = math::FmaOp::create(b, x, y, sum);
      sum = reduceWarp(
          b, sum, [&](Value x, Value y) { return add(x, y); }, kLanesOfKey);
      score = arith::SelectOp::create(b, isEqual(turn, int64_t(i)),
                                      shuffle(sum, source), score);
    }
    return multiply(score,
                    constantFloat(b, f32, op.getScale().convertToFloat()));
  }

  /// Takes the 32 positions from `block` on, or those before `end`.
  SmallVector<Value> emitBlock(Value block, Value end, const Keys &keys,
                               ValueRange carried) {
    Value position = addIndex(b, block, thread.lane);
    Value isKey =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, position, end);
    // Lanes of no key repeat the last one, which then counts for nothing.
    Value last = subIndex(b, end, constantIndex(b, 1));
    Value row = getRow(keys, arith::MinUIOp::create(b, position, last));
    Value score =
        arith::SelectOp::create(b, isKey, emitScores(keys, row), lowest());
    Value top = larger(carried[0], reduceWarp(b, score, [&](Value x, Value y) {
                         return larger(x, y);
                       }));
    Value weight = expBelow(score, top);
    Value correction = expBelow(carried[0], top);
    Value sum =
        reduceWarp(b, weight, [&](Value x, Value y) { return add(x, y); });
    SmallVector<Value> next = {top, add(multiply(carried[1], correction), sum)};
    SmallVector<Value> parts;
    for (Value part : carried.drop_front(2))
      parts.push_back(multiply(part, correction));
    Value count = arith::MinUIOp::create(b, subIndex(b, end, block),
                                         constantIndex(b, kWarpSize));
    parts = emitFor(b, constantIndex(b, 0), count, kValuesAtOnce, parts,
                    [&](Value key, ValueRange carried) {
                      SmallVector<Value> factors, loads;
                      for (int64_t i = 0; i < kValuesAtOnce; ++i) {
                        Value lane = arith::IndexCastOp::create(
                            b, b.getI32Type(), addIndex(b, key, i));
                        factors.push_back(shuffle(weight, lane));
                        Value rowOfKey = widen(shuffle(row, lane));
                        for (int64_t e = 0; e < elements; ++e) {
                          Value d = arith::MinUIOp::create(
                              b, addIndex(b, thread.lane, e * kWarpSize),
                              constantIndex(b, headDim - 1));
                          loads.push_back(loadScalar(b, keys.values,
                                                     {rowOfKey, keys.head, d}));
                        }
                      }
                      SmallVector<Value> sums(carried);
                      for (int64_t i = 0; i < kValuesAtOnce; ++i)
                        for (int64_t e = 0; e < elements; ++e)
                          sums[e] = math::FmaOp::create(
                              b, factors[i], loads[i * elements + e], sums[e]);
                      return sums;
                    });
    next.append(parts);
    return next;
  }

  /// Element `d` of the result. The sink takes part in the maximum and the sum
  /// and has no value.
  Value combineWarps(Value d, Value head) {
    Value sink = loadScalar(b, op.getSinks(), head);
    auto load = [&](int64_t warp, int64_t i) -> Value {
      return memref::LoadOp::create(
          b, states, ValueRange{constantIndex(b, warp), constantIndex(b, i)});
    };
    Value top = sink;
    for (int64_t warp = 0; warp < thread.warps(); ++warp)
      top = larger(top, load(warp, 0));
    Value sum = expBelow(sink, top);
    Value total = constantFloat(b, f32, 0.0);
    for (int64_t warp = 0; warp < thread.warps(); ++warp) {
      Value factor = expBelow(load(warp, 0), top);
      sum = math::FmaOp::create(b, load(warp, 1), factor, sum);
      Value part = memref::LoadOp::create(
          b, values, ValueRange{constantIndex(b, warp), d});
      total = math::FmaOp::create(b, part, factor, total);
    }
    return arith::DivFOp::create(b, total, sum);
  }

  ImplicitLocOpBuilder &b;
  AttentionOp op;
  const KernelThread &thread;
  Type f32;
  int64_t headDim;
  /// Elements of a head that a lane has.
  int64_t elements;
  /// Elements of a query and a key that a lane has, and the first of them.
  int64_t elementsOfKey;
  Value firstElement;
  SmallVector<Value> query;
  Value states, values;
  Value kvHead;
  /// The tokens of the sequence of the token.
  TokenRun run;
  /// The positions that the token attends to, both inclusive.
  Value first, own;
};
} // namespace

void mxfp4::launchAttention(AttentionOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  int64_t heads = op.getQuery().getType().getDimSize(1);
  Value items = mulIndex(b, getSize(b, op.getQuery(), 0), heads);
  emitLaunch(b, "attention", getBlocks(items, 1), kThreads,
             AttentionEmitter::getShared(op), [&](const KernelThread &thread) {
               emitForEachItemOfBlock(b, thread, items, [&](Value item) {
                 AttentionEmitter(b, op, thread)
                     .emit(divIndex(b, item, heads), remIndex(b, item, heads));
               });
             });
}
