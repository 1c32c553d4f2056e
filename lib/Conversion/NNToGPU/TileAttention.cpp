//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention of bf16 or f16 with tensor cores: a block has a token and all query
// heads of a head of keys and values, which are the rows of its products. Its
// warps take blocks of 16 keys in turn, with a maximum and a sum of their own;
// at the end the block adds up what its warps have, in their order. Where eight
// blocks of a cluster divide the keys of a token, block i then gets what all
// have of head i, and finishes that.
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
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

/// Threads of a block: more where there are few blocks.
static constexpr int64_t kThreadsOfFew = 512;
static constexpr int64_t kThreadsOfMany = 256;
/// Blocks that divide the keys of a token where they can, and their threads.
static constexpr int64_t kClusterBlocks = 8;
static constexpr int64_t kThreadsOfCluster = 128;
/// Blocks of a multiprocessor that would use up its registers: two of these and
/// one of the next kernel share one.
static constexpr int64_t kResidentBlocksOfCluster = 4;
/// Query heads that a block has room for, and lanes that share one.
static constexpr int64_t kHeads = kTileRows;
static constexpr int64_t kLanesOfHead = kWarpSize / kHeads;
static_assert(kClusterBlocks >= kHeads, "each head is finished by a block");
/// Keys that a warp takes at a time, in two products of eight.
static constexpr int64_t kKeys = 16;
static constexpr int64_t kProducts = 2;
/// Sums that a lane has of a product, of which rows of heads have the first.
static constexpr int64_t kSums = 4;
static constexpr int64_t kSumsOfHead = 2;

bool mxfp4::hasTileAttention(AttentionOp op) {
  Type element = op.getQuery().getType().getElementType();
  auto isSame = [&](Value value) {
    return cast<ShapedType>(value.getType()).getElementType() == element;
  };
  ShapedType query = op.getQuery().getType();
  int64_t heads = query.getDimSize(1) / op.getKey().getType().getDimSize(1);
  // A lane loads 16 bytes of a key at least, and all warps' values fit the
  // memory of a block.
  return (element.isBF16() || element.isF16()) && isSame(op.getKey()) &&
         isSame(op.getValue()) && isSame(op.getKeyCache()) &&
         isSame(op.getValueCache()) && heads <= kHeads &&
         query.getDimSize(2) % 32 == 0 && query.getDimSize(2) <= 64;
}

namespace {
/// Attention over some keys, of which there are `count`: of each and each of a
/// few heads the largest score and the sum of exponentials below it, and the
/// sum of values weighted by these. `factors` is what each counts for in the
/// whole.
struct Parts {
  Value states, values, factors;
  int64_t count;
};

/// Emits the code of one block, or of one of `blocks` of a cluster.
class TileAttentionEmitter {
public:
  TileAttentionEmitter(ImplicitLocOpBuilder &b, AttentionOp op,
                       const KernelThread &thread, int64_t blocks)
      : b(b), op(op), thread(thread), blocks(blocks), f32(b.getF32Type()),
        i32(b.getI32Type()),
        element(cast<FloatType>(op.getQuery().getType().getElementType())),
        headDim(op.getQuery().getType().getDimSize(2)),
        heads(op.getQuery().getType().getDimSize(1) /
              op.getKey().getType().getDimSize(1)),
        group(divIndex(b, thread.lane, kLanesOfHead)),
        quarter(remIndex(b, thread.lane, kLanesOfHead)),
        rank(remIndex(b, thread.block, blocks)),
        ofWarps(getParts(0, thread.warps())) {
    if (blocks > 1)
      ofBlocks = getParts(3, blocks);
  }

  /// Threads of a block.
  static int64_t getThreads(AttentionOp op, int64_t blocks) {
    if (blocks > 1)
      return kThreadsOfCluster;
    return areFew(op) ? kThreadsOfFew : kThreadsOfMany;
  }

  /// The memory of a block: the parts of its warps, and those of all blocks for
  /// the head that it finishes.
  static SmallVector<MemRefType> getShared(AttentionOp op, int64_t blocks) {
    Type f32 = Float32Type::get(op.getContext());
    int64_t headDim = op.getQuery().getType().getDimSize(2);
    SmallVector<MemRefType> types;
    auto add = [&](int64_t count, int64_t heads) {
      types.push_back(getSharedType(f32, {count, heads, 2}));
      types.push_back(getSharedType(f32, {count, heads, headDim}));
      types.push_back(getSharedType(f32, {count + 1, heads}));
    };
    add(getThreads(op, blocks) / kWarpSize, kHeads);
    if (blocks > 1)
      add(blocks, /*heads=*/1);
    return types;
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
      int64_t step = kKeys * thread.warps() * blocks;
      bool looksAhead = areFew(op);
      size_t count = state.size();
      if (looksAhead)
        state.append(loadBlock(block, to, keys));
      state = emitFor(
          b, block, to, step, state, [&](Value block, ValueRange carried) {
            if (!looksAhead)
              return emitBlock(block, to, carried, loadBlock(block, to, keys));
            Value following = addIndex(b, block, step);
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
    // from the last warp on, which has the least to do so far. Blocks of a
    // cluster take turns.
    Value number = addIndex(b, mulIndex(b, thread.warp, blocks), rank);
    takeKeys(first, run.position, number,
             {op.getKeyCache(), op.getValueCache(),
              addIndex(b, run.firstHead, kvHead), /*isCache=*/true});
    takeKeys(arith::MaxUIOp::create(b, first, run.position),
             addIndex(b, own, 1),
             subIndex(b, constantIndex(b, thread.warps() * blocks - 1), number),
             {op.getKey(), op.getValue(), kvHead, /*isCache=*/false});
    if (blocks > 1)
      NVVM::ClusterArriveRelaxedOp::create(b, UnitAttr());
    storeState(state);
    gpu::BarrierOp::create(b);
    auto getSink = [&](Value ofBlock) {
      Value last = constantIndex(b, heads - 1);
      return loadScalar(
          b, op.getSinks(),
          addIndex(b, firstHead, arith::MinUIOp::create(b, ofBlock, last)));
    };
    if (blocks > 1)
      return emitCluster(token, firstHead, getSink);
    emitFactors(ofWarps, getSink);
    Value end = constantIndex(b, heads * headDim);
    emitFor(b, thread.thread, end, thread.threads, [&](Value item) {
      Value number = divIndex(b, item, headDim);
      Value d = remIndex(b, item, headDim);
      storeScalar(b, getResult(ofWarps, number, d), op.getInit(),
                  {token, addIndex(b, firstHead, number), d});
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

  /// Words of `count` elements of 16 bits of `memref` from `place` on.
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
    return emitMMA(b, element, {low, none, high, none}, columns, sums);
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

  /// Two numbers in the type of keys, `low` in the lower half.
  Value emitPair(Value low, Value high) {
    const char *name =
        element.isF16() ? "llvm.nvvm.ff2f16x2.rn" : "llvm.nvvm.ff2bf16x2.rn";
    auto pair = LLVM::CallIntrinsicOp::create(b, VectorType::get({2}, element),
                                              b.getStringAttr(name),
                                              ValueRange{high, low});
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
            b, value, ofWarps.states,
            ValueRange{thread.warp, group, constantIndex(b, int64_t(i))});
    });
    int64_t elements = headDim / kHeads;
    for (int64_t j = 0; j < elements; ++j)
      for (int64_t i = 0; i < kSumsOfHead; ++i) {
        Value lane = addIndex(b, mulIndex(b, quarter, kSumsOfHead), i);
        memref::StoreOp::create(
            b, state[2 + kSumsOfHead * j + i], ofWarps.values,
            ValueRange{thread.warp, group,
                       addIndex(b, mulIndex(b, lane, elements), j)});
      }
  }

  /// The parts that stand in the memory of the block from number `first` on.
  Parts getParts(int64_t first, int64_t count) {
    return {thread.shared[first], thread.shared[first + 1],
            thread.shared[first + 2], count};
  }

  using GetSink = function_ref<Value(Value head)>;

  /// Sets what each part counts for, as exp(its maximum - the largest). After
  /// the last of each head comes that of its sink, which takes part in the
  /// maximum and the sum and has no value; without `getSink` the largest
  /// itself. All threads of the block take part.
  void emitFactors(const Parts &parts, GetSink getSink) {
    int64_t ofPart = cast<MemRefType>(parts.states.getType()).getDimSize(1);
    Value isItem =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, thread.thread,
                              constantIndex(b, (parts.count + 1) * ofPart));
    emitIf(b, isItem, [&] {
      Value part = divIndex(b, thread.thread, ofPart);
      Value head = remIndex(b, thread.thread, ofPart);
      Value last = constantIndex(b, parts.count);
      Value isLast =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, part, last);
      Value sink = getSink ? getSink(head) : lowest(), top = sink;
      SmallVector<Value> tops;
      for (int64_t i = 0; i < parts.count; ++i) {
        tops.push_back(loadState(parts, i, head, 0));
        top = larger(top, tops.back());
      }
      Value own = sink;
      for (int64_t i = 0; i < parts.count; ++i) {
        Value isOwn = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, part,
                                            constantIndex(b, i));
        own = arith::SelectOp::create(b, isOwn, tops[i], own);
      }
      Value factor = expBelow(own, top);
      if (!getSink)
        factor = arith::SelectOp::create(b, isLast, top, factor);
      memref::StoreOp::create(b, factor, parts.factors, ValueRange{part, head});
    });
    gpu::BarrierOp::create(b);
  }

  Value loadState(const Parts &parts, int64_t part, Value head, int64_t i) {
    Value place[] = {constantIndex(b, part), head, constantIndex(b, i)};
    return memref::LoadOp::create(b, parts.states, place);
  }

  Value loadFactor(const Parts &parts, int64_t part, Value head) {
    return memref::LoadOp::create(b, parts.factors,
                                  ValueRange{constantIndex(b, part), head});
  }

  /// `first` and the sums of exponentials of a head.
  Value getSum(const Parts &parts, Value head, Value first) {
    Value sum = first;
    for (int64_t i = 0; i < parts.count; ++i)
      sum = math::FmaOp::create(b, loadState(parts, i, head, 1),
                                loadFactor(parts, i, head), sum);
    return sum;
  }

  /// The sum of element `d` of a head.
  Value getValue(const Parts &parts, Value head, Value d) {
    Value total = constantFloat(b, f32, 0.0);
    for (int64_t i = 0; i < parts.count; ++i) {
      Value place[] = {constantIndex(b, i), head, d};
      total =
          math::FmaOp::create(b, memref::LoadOp::create(b, parts.values, place),
                              loadFactor(parts, i, head), total);
    }
    return total;
  }

  /// Element `d` of a head, with its sink.
  Value getResult(const Parts &parts, Value head, Value d) {
    Value sum = getSum(parts, head, loadFactor(parts, parts.count, head));
    return arith::DivFOp::create(b, getValue(parts, head, d), sum);
  }

  /// Block i of the cluster finishes head i, for which it gets the parts of
  /// all.
  void emitCluster(Value token, Value firstHead, GetSink getSink) {
    emitFactors(ofWarps, nullptr);
    // All blocks have begun.
    NVVM::ClusterWaitOp::create(b, UnitAttr());
    Value zero = constantIndex(b, 0);
    Value end = constantIndex(b, heads * headDim);
    emitFor(b, thread.thread, end, thread.threads, [&](Value item) {
      Value head = divIndex(b, item, headDim), d = remIndex(b, item, headDim);
      storeInBlock(head, getValue(ofWarps, head, d), ofBlocks.values,
                   {rank, zero, d});
      emitIf(b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, d, zero),
             [&] {
               Value top = loadFactor(ofWarps, ofWarps.count, head);
               Value sum = getSum(ofWarps, head, constantFloat(b, f32, 0.0));
               storeInBlock(head, top, ofBlocks.states, {rank, zero, zero});
               storeInBlock(head, sum, ofBlocks.states,
                            {rank, zero, constantIndex(b, 1)});
             });
    });
    emitClusterBarrier(b);
    emitFactors(ofBlocks, [&](Value) { return getSink(rank); });
    Value isElement = arith::AndIOp::create(
        b,
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, thread.thread,
                              constantIndex(b, headDim)),
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, rank,
                              constantIndex(b, heads)));
    emitIf(b, isElement, [&] {
      storeScalar(b, getResult(ofBlocks, zero, thread.thread), op.getInit(),
                  {token, addIndex(b, firstHead, rank), thread.thread});
    });
  }

  /// Stores an f32 in the memory of block `block` of the cluster.
  void storeInBlock(Value block, Value value, Value memref, ValueRange place) {
    Value operands[] = {getAddressInCluster(b, block, memref, place), value};
    LLVM::InlineAsmOp::create(
        b, /*res=*/Type(), operands, "st.shared::cluster.f32 [$0], $1;",
        "r,f,~{memory}", /*has_side_effects=*/true, /*is_align_stack=*/false,
        LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
  }

  ImplicitLocOpBuilder &b;
  AttentionOp op;
  const KernelThread &thread;
  int64_t blocks;
  Type f32, i32;
  /// Of queries, keys and values.
  FloatType element;
  int64_t headDim, heads;
  /// Head and quarter of it of the lane that runs the code.
  Value group, quarter;
  /// The number of the block in its cluster.
  Value rank;
  Parts ofWarps, ofBlocks;
  SmallVector<Value> query;
  /// The tokens of the sequence of the token.
  TokenRun run;
};
} // namespace

void mxfp4::launchTileAttention(AttentionOp op, bool clusters) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  int64_t kvHeads = op.getKey().getType().getDimSize(1);
  bool isOneToken = op.getQuery().getType().getDimSize(0) == 1;
  int64_t blocks = clusters && isOneToken ? kClusterBlocks : 1;
  int64_t threads = TileAttentionEmitter::getThreads(op, blocks);
  SmallVector<MemRefType> shared = TileAttentionEmitter::getShared(op, blocks);
  if (blocks > 1) {
    gpu::LaunchOp launch = emitLaunch(
        b, "attention", kvHeads * blocks, threads, shared,
        [&](const KernelThread &thread) {
          TileAttentionEmitter(b, op, thread, blocks)
              .emit(constantIndex(b, 0), divIndex(b, thread.block, blocks));
        },
        kResidentBlocksOfCluster, blocks);
    // It leaves much room for the next one.
    launch->setAttr(kStartsNextAttrName, b.getUnitAttr());
    return;
  }
  Value items = mulIndex(b, getSize(b, op.getQuery(), 0), kvHeads);
  emitLaunch(
      b, "attention", getBlocks(items, 1), threads, shared,
      [&](const KernelThread &thread) {
        emitForEachItemOfBlock(b, thread, items, [&](Value item) {
          TileAttentionEmitter(b, op, thread, blocks)
              .emit(divIndex(b, item, kvHeads), remIndex(b, item, kvHeads));
        });
      },
      /*residentBlocks=*/threads == kThreadsOfMany ? 2 : 1);
}
