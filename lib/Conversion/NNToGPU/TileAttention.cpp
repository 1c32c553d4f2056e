//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention of bf16 with tensor cores: a block has a token and all query heads
// of a head of keys and values, which are the rows of its products. Its warps
// take blocks of 16 keys in turn, with a maximum and a sum of their own; at the
// end the block adds up what its warps have, in their order.
//
// Lane 4g + t has head g. Of the scores of eight keys it has those of keys 2t
// and 2t + 1, which stand where the product with the values wants them. It
// loads a quarter of key g, and an eighth of the values of its own keys.
// Source: PTX ISA, "Matrix Fragments for mma.m16n8k16".
//
//===----------------------------------------------------------------------===//

#include "../Utils/TileWeight.h"
#include "../Utils/TokenPlaces.h"
#include "Patterns.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

/// Threads of a block: more where there are few blocks.
static constexpr int64_t kThreadsOfFew = 512;
static constexpr int64_t kThreadsOfMany = 256;
/// Query heads that a block has room for, and lanes that share one.
static constexpr int64_t kHeads = kTileRows;
static constexpr int64_t kLanesOfHead = kWarpSize / kHeads;
/// Keys that a warp takes at a time, in two products of eight.
static constexpr int64_t kKeys = 16;
static constexpr int64_t kProducts = 2;
/// Sums that a lane has of a product, of which rows of heads have the first.
static constexpr int64_t kSums = 4;
static constexpr int64_t kSumsOfHead = 2;

bool mxfp4::hasTileAttention(AttentionOp op) {
  auto isBF16 = [](Value value) {
    return cast<ShapedType>(value.getType()).getElementType().isBF16();
  };
  ShapedType query = op.getQuery().getType();
  int64_t heads = query.getDimSize(1) / op.getKey().getType().getDimSize(1);
  // A lane loads 16 bytes of a key at least, and all warps' values fit the
  // memory of a block.
  return isBF16(op.getQuery()) && isBF16(op.getKey()) &&
         isBF16(op.getValue()) && isBF16(op.getKeyCache()) &&
         isBF16(op.getValueCache()) && heads <= kHeads &&
         query.getDimSize(2) % 32 == 0 && query.getDimSize(2) <= 64;
}

namespace {
/// Emits the code of one block.
class TileAttentionEmitter {
public:
  TileAttentionEmitter(ImplicitLocOpBuilder &b, AttentionOp op,
                       const KernelThread &thread)
      : b(b), op(op), thread(thread), f32(b.getF32Type()), i32(b.getI32Type()),
        headDim(op.getQuery().getType().getDimSize(2)),
        heads(op.getQuery().getType().getDimSize(1) /
              op.getKey().getType().getDimSize(1)),
        group(divIndex(b, thread.lane, kLanesOfHead)),
        quarter(remIndex(b, thread.lane, kLanesOfHead)),
        states(thread.shared[0]), values(thread.shared[1]) {}

  /// Threads of a block.
  static int64_t getThreads(AttentionOp op) {
    return areFew(op) ? kThreadsOfFew : kThreadsOfMany;
  }

  /// The memory of a block: maximum and sum of each warp and head, and its
  /// weighted values.
  static SmallVector<MemRefType> getShared(AttentionOp op) {
    Type f32 = Float32Type::get(op.getContext());
    int64_t headDim = op.getQuery().getType().getDimSize(2);
    int64_t warps = getThreads(op) / kWarpSize;
    return {getSharedType(f32, {warps, kHeads, 2}),
            getSharedType(f32, {warps, kHeads, headDim})};
  }

  void emit(Value token, Value kvHead) {
    run = getTokenRun(b, op.getPosition(), op.getSequence(), token,
                      op.getKey().getType().getDimSize(1));
    Value own = getPosition(b, run, token);
    Value first = constantIndex(b, 0);
    if (op.getWindow())
      first = arith::MaxSIOp::create(
          b, subIndex(b, own, constantIndex(b, *op.getWindow() - 1)), first);
    Value firstHead = mulIndex(b, kvHead, heads);
    Value head =
        addIndex(b, firstHead,
                 arith::MinUIOp::create(b, group, constantIndex(b, heads - 1)));
    query = loadQuarter(op.getQuery(), {token, head});

    SmallVector<Value> state(2 + headDim / kLanesOfHead,
                             constantFloat(b, f32, 0.0));
    state[0] = lowest();
    auto takeKeys = [&](Value from, Value to, Value warp, const Keys &keys) {
      // While the keys of a block are multiplied, the next are on their way, if
      // no other block hides the time that they take.
      Value block = addIndex(b, from, mulIndex(b, warp, kKeys));
      bool looksAhead = areFew(op);
      size_t count = state.size();
      if (looksAhead)
        state.append(loadBlock(block, to, keys));
      state = emitFor(
          b, block, to, kKeys * thread.warps(), state,
          [&](Value block, ValueRange carried) {
            if (!looksAhead)
              return emitBlock(block, to, carried, loadBlock(block, to, keys));
            Value following = addIndex(b, block, kKeys * thread.warps());
            SmallVector<Value> ahead = loadBlock(following, to, keys);
            SmallVector<Value> next =
                emitBlock(block, to, carried.take_front(count),
                          carried.drop_front(count));
            next.append(ahead);
            return next;
          });
      state.truncate(count);
    };
    // Those before this call, which are in the caches, then those of this call,
    // from the last warp on, which has the least to do so far.
    takeKeys(first, run.position, thread.warp,
             {op.getKeyCache(), op.getValueCache(),
              addIndex(b, run.firstHead, kvHead), /*isCache=*/true});
    takeKeys(arith::MaxUIOp::create(b, first, run.position),
             addIndex(b, own, 1),
             subIndex(b, constantIndex(b, thread.warps() - 1), thread.warp),
             {op.getKey(), op.getValue(), kvHead, /*isCache=*/false});
    storeState(state);
    gpu::BarrierOp::create(b);
    Value end = constantIndex(b, heads * headDim);
    emitFor(b, thread.thread, end, thread.threads, [&](Value item) {
      Value number = divIndex(b, item, headDim);
      Value d = remIndex(b, item, headDim);
      Value ofToken = addIndex(b, firstHead, number);
      storeScalar(b, combineWarps(number, d, ofToken), op.getInit(),
                  {token, ofToken, d});
    });
    // The next item must not come before all are done with this one.
    gpu::BarrierOp::create(b);
  }

private:
  /// True if all blocks run at the same time, each alone.
  static bool areFew(AttentionOp op) {
    int64_t kvHeads = op.getKey().getType().getDimSize(1);
    return getMaxTokens(op, op.getQuery()) <= kMultiprocessors / kvHeads;
  }

  Value lowest() {
    return constantFloat(b, f32, -std::numeric_limits<float>::infinity());
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value multiply(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value larger(Value x, Value y) { return arith::MaximumFOp::create(b, x, y); }
  Value word(int64_t value) { return constantInt(b, i32, value); }

  /// exp(x - top); 0 where x is minus infinity, also if `top` is.
  Value expBelow(Value x, Value top) {
    Value isNone =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, lowest());
    Value power = math::ExpOp::create(b, arith::SubFOp::create(b, x, top));
    return arith::SelectOp::create(b, isNone, constantFloat(b, f32, 0.0),
                                   power);
  }

  /// Words of `count` elements of bf16 of `memref` from `place` on.
  SmallVector<Value> loadWords(Value memref, SmallVector<Value> place,
                               int64_t count) {
    SmallVector<Value> words;
    Value first = place.back();
    for (int64_t done = 0; done < count;) {
      int64_t size = std::min(count - done, kLoadBytes / 2);
      place.back() = addIndex(b, first, done);
      Value load =
          vector::BitCastOp::create(b, VectorType::get({size / 2}, i32),
                                    loadVector(b, memref, place, size));
      for (int64_t i = 0; i < size / 2; ++i)
        words.push_back(vector::ExtractOp::create(b, load, i));
      done += size;
    }
    return words;
  }

  /// The quarter of a head that the lane multiplies.
  SmallVector<Value> loadQuarter(Value memref, SmallVector<Value> place) {
    int64_t count = headDim / kLanesOfHead;
    place.push_back(mulIndex(b, quarter, count));
    return loadWords(memref, place, count);
  }

  /// Where keys and values are: in caches of C rows, position p in row p mod C,
  /// or in the tensors of this call.
  struct Keys {
    Value keys, values, head;
    bool isCache;
  };

  /// The row of a position, or of the last one before `end`.
  Value getRow(const Keys &keys, Value position, Value end) {
    position = arith::MinUIOp::create(b, position,
                                      subIndex(b, end, constantIndex(b, 1)));
    if (!keys.isCache)
      return addIndex(b, run.token, subIndex(b, position, run.position));
    auto narrow = [&](Value index) -> Value {
      return arith::IndexCastOp::create(b, i32, index);
    };
    Value row = arith::RemUIOp::create(b, narrow(position),
                                       narrow(getSize(b, keys.keys, 0)));
    return arith::IndexCastUIOp::create(b, b.getIndexType(), row);
  }

  /// The position of the lane's key number `i` of the 16 from `block` on, of
  /// which it has kProducts * kSumsOfHead.
  Value getOwnKey(Value block, int64_t i) {
    Value first = addIndex(b, block, mulIndex(b, quarter, kSumsOfHead));
    return addIndex(b, first, i / kSumsOfHead * kTileColumns + i % kSumsOfHead);
  }

  /// A product whose rows are heads: the other half of the tile is zero.
  SmallVector<Value> emitProduct(Value low, Value high, ValueRange columns,
                                 ValueRange sums) {
    Value none = word(0);
    return emitMMA(b, {low, none, high, none}, columns, sums);
  }

  /// Loads the keys of the 16 positions from `block` on, or of those before
  /// `end`, then their values.
  SmallVector<Value> loadBlock(Value block, Value end, const Keys &keys) {
    SmallVector<Value> words;
    for (int64_t i = 0; i < kProducts; ++i) {
      Value key = addIndex(b, addIndex(b, block, group), i * kTileColumns);
      words.append(loadQuarter(keys.keys, {getRow(keys, key, end), keys.head}));
    }
    int64_t elements = headDim / kHeads;
    for (int64_t i = 0; i < kProducts * kSumsOfHead; ++i)
      words.append(loadWords(keys.values,
                             {getRow(keys, getOwnKey(block, i), end), keys.head,
                              mulIndex(b, group, elements)},
                             elements));
    return words;
  }

  /// Takes the 16 positions from `block` on, or those before `end`, of which
  /// loadBlock gave `words`.
  SmallVector<Value> emitBlock(Value block, Value end, ValueRange carried,
                               ValueRange words) {
    int64_t elements = headDim / kHeads;
    size_t ofKey = headDim / kLanesOfHead / 2, ofValue = elements / 2;
    SmallVector<ValueRange> keyWords, valueWords;
    for (int64_t i = 0; i < kProducts; ++i)
      keyWords.push_back(words.slice(i * ofKey, ofKey));
    for (int64_t i = 0; i < kProducts * kSumsOfHead; ++i)
      valueWords.push_back(
          words.slice(kProducts * ofKey + i * ofValue, ofValue));

    SmallVector<Value> scores;
    SmallVector<Value> zeros(kSums, constantFloat(b, f32, 0.0));
    Value scale = constantFloat(b, f32, op.getScale().convertToFloat());
    for (ValueRange key : keyWords) {
      SmallVector<Value> sums = zeros;
      for (size_t k = 0; k < key.size(); k += 2)
        sums = emitProduct(query[k], query[k + 1], key.slice(k, 2), sums);
      for (int64_t i = 0; i < kSumsOfHead; ++i) {
        Value isKey = arith::CmpIOp::create(
            b, arith::CmpIPredicate::ult,
            getOwnKey(block, int64_t(scores.size())), end);
        scores.push_back(arith::SelectOp::create(
            b, isKey, multiply(sums[i], scale), lowest()));
      }
    }
    Value top = carried[0];
    for (Value score : scores)
      top = larger(top, score);
    top = reduceWarp(
        b, top, [&](Value x, Value y) { return larger(x, y); }, kLanesOfHead);
    Value correction = expBelow(carried[0], top);
    Value sum = multiply(carried[1], correction);
    SmallVector<Value> weights;
    for (Value score : scores) {
      weights.push_back(expBelow(score, top));
      sum = add(sum, weights.back());
    }
    SmallVector<Value> next = {top, sum};
    Value low = emitPair(weights[0], weights[1]);
    Value high = emitPair(weights[2], weights[3]);
    // Product j has element j of each lane's values.
    for (int64_t j = 0; j < elements; ++j) {
      Value columns[] = {
          pickHalves(valueWords[0][j / 2], valueWords[1][j / 2], j % 2),
          pickHalves(valueWords[2][j / 2], valueWords[3][j / 2], j % 2)};
      SmallVector<Value> sums = zeros;
      for (int64_t i = 0; i < kSumsOfHead; ++i)
        sums[i] = multiply(carried[2 + kSumsOfHead * j + i], correction);
      sums = emitProduct(low, high, columns, sums);
      next.append(sums.begin(), sums.begin() + kSumsOfHead);
    }
    return next;
  }

  /// Two numbers as bf16, `low` in the lower half.
  Value emitPair(Value low, Value high) {
    auto pair = LLVM::CallIntrinsicOp::create(
        b, VectorType::get({2}, b.getBF16Type()),
        b.getStringAttr("llvm.nvvm.ff2bf16x2.rn"), ValueRange{high, low});
    return LLVM::BitcastOp::create(b, i32, pair.getResult(0));
  }

  /// The lower or the upper halves of two words.
  Value pickHalves(Value low, Value high, bool upper) {
    if (upper)
      return arith::OrIOp::create(
          b, arith::ShRUIOp::create(b, low, word(16)),
          arith::AndIOp::create(b, high, word(0xFFFF0000)));
    return arith::OrIOp::create(b, arith::AndIOp::create(b, low, word(0xFFFF)),
                                arith::ShLIOp::create(b, high, word(16)));
  }

  void storeState(ArrayRef<Value> state) {
    Value sum = reduceWarp(
        b, state[1], [&](Value x, Value y) { return add(x, y); }, kLanesOfHead);
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, quarter,
                                          constantIndex(b, 0));
    emitIf(b, isFirst, [&] {
      for (auto [i, value] : llvm::enumerate(ArrayRef<Value>{state[0], sum}))
        memref::StoreOp::create(
            b, value, states,
            ValueRange{thread.warp, group, constantIndex(b, int64_t(i))});
    });
    int64_t elements = headDim / kHeads;
    for (int64_t j = 0; j < elements; ++j)
      for (int64_t i = 0; i < kSumsOfHead; ++i) {
        Value lane = addIndex(b, mulIndex(b, quarter, kSumsOfHead), i);
        memref::StoreOp::create(
            b, state[2 + kSumsOfHead * j + i], values,
            ValueRange{thread.warp, group,
                       addIndex(b, mulIndex(b, lane, elements), j)});
      }
  }

  /// Element `d` of head `number` of the block. The sink takes part in the
  /// maximum and the sum and has no value.
  Value combineWarps(Value number, Value d, Value head) {
    Value sink = loadScalar(b, op.getSinks(), head);
    auto load = [&](int64_t warp, int64_t i) -> Value {
      Value place[] = {constantIndex(b, warp), number, constantIndex(b, i)};
      return memref::LoadOp::create(b, states, place);
    };
    Value top = sink;
    for (int64_t warp = 0; warp < thread.warps(); ++warp)
      top = larger(top, load(warp, 0));
    Value sum = expBelow(sink, top);
    Value total = constantFloat(b, f32, 0.0);
    for (int64_t warp = 0; warp < thread.warps(); ++warp) {
      Value factor = expBelow(load(warp, 0), top);
      sum = math::FmaOp::create(b, load(warp, 1), factor, sum);
      Value place[] = {constantIndex(b, warp), number, d};
      total = math::FmaOp::create(b, memref::LoadOp::create(b, values, place),
                                  factor, total);
    }
    return arith::DivFOp::create(b, total, sum);
  }

  ImplicitLocOpBuilder &b;
  AttentionOp op;
  const KernelThread &thread;
  Type f32, i32;
  int64_t headDim, heads;
  /// Head and quarter of it of the lane that runs the code.
  Value group, quarter;
  Value states, values;
  SmallVector<Value> query;
  /// The tokens of the sequence of the token.
  TokenRun run;
};
} // namespace

void mxfp4::launchTileAttention(AttentionOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  int64_t kvHeads = op.getKey().getType().getDimSize(1);
  Value items = mulIndex(b, getSize(b, op.getQuery(), 0), kvHeads);
  emitLaunch(
      b, "attention", getBlocks(items, 1), TileAttentionEmitter::getThreads(op),
      TileAttentionEmitter::getShared(op), [&](const KernelThread &thread) {
        emitForEachItemOfBlock(b, thread, items, [&](Value item) {
          TileAttentionEmitter(b, op, thread)
              .emit(divIndex(b, item, kvHeads), remIndex(b, item, kvHeads));
        });
      });
}
