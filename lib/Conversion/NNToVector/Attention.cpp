//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers attention and what belongs to it to vector code. A lane is a query:
// one head of one token, of those that share keys and values. Keys are taken in
// blocks of as many as a register has lanes, with a running maximum and sum, so
// scores are never in memory, and each element of a key or value is multiplied
// by all lanes. The blocks of a token are the same in every call, and others in
// its register do not touch its lane, so its result is the same, to the bit.
//
//===----------------------------------------------------------------------===//

#include "../Utils/TokenPlaces.h"
#include "../Utils/VectorCode.h"
#include "Patterns.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

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
                                   getPosition(b, op.getPosition(), token)));
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
  int64_t kvHeads = type.getDimSize(1);
  // Of one sequence only the last tokens stay.
  Value skipped = constantIndex(b, 0);
  if (!isPerToken(op.getPosition()))
    skipped = arith::MaxSIOp::create(b, subIndex(b, tokens, rows), skipped);
  emitParallel(b, subIndex(b, tokens, skipped), [&](ValueRange indices) {
    Value token = addIndex(b, skipped, indices[0]);
    Value row = arith::RemUIOp::create(
        b, getPosition(b, op.getPosition(), token), rows);
    Value firstHead =
        mulIndex(b, getSequence(b, op.getSequence(), token), kvHeads);
    emitFor(
        b, constantIndex(b, 0), constantIndex(b, kvHeads), 1, [&](Value head) {
          Value place = addIndex(b, firstHead, head);
          emitRow(b, type.getDimSize(2), isa.lanes,
                  [&](Value offset, Value tail) {
                    Value x = loadF32(b, op.getInput(), {token, head, offset},
                                      isa.lanes, tail);
                    storeF32(b, x, op.getInit(), {row, place, offset}, tail);
                  });
        });
  });
}

namespace {
/// How queries, of which there are some, are put into lanes.
struct QueryTile {
  QueryTile(AttentionOp op, const VectorISA &isa) {
    ShapedType query = op.getQuery().getType();
    int64_t group = query.getDimSize(1) / op.getKey().getType().getDimSize(1);
    headDim = query.getDimSize(2);
    lanes = isa.lanes;
    // Half of the registers hold the scores of a block, or its weights.
    int64_t scores = isa.registers / 2;
    vectors = std::max<int64_t>(1, scores / lanes);
    heads = std::min(group, vectors * lanes);
    while (group % heads != 0)
      --heads;
    // Lanes share keys, so they are of one sequence.
    tokens = isPerToken(op.getPosition()) ? 1 : vectors * lanes / heads;
    if (!query.isDynamicDim(0))
      tokens = std::min(tokens, query.getDimSize(0));
    vectors = llvm::divideCeil(tokens * heads, lanes);
    columns = std::max<int64_t>(1, scores / 2 / vectors);
    while (headDim % columns != 0)
      --columns;
  }

  int64_t headDim;
  int64_t lanes;
  /// Registers of queries.
  int64_t vectors;
  /// Heads and tokens of a tile: lane t * heads + h is head h of token t.
  int64_t heads, tokens;
  /// How many columns of the result are in registers at a time.
  int64_t columns;

  int64_t numQueries() const { return tokens * heads; }
  /// Lanes, some of which may be of no query.
  int64_t width() const { return vectors * lanes; }
};

/// Emits the attention of a tile: of some tokens from `firstToken` on and some
/// query heads from `firstHead` on.
class TileEmitter {
public:
  TileEmitter(ImplicitLocOpBuilder &b, AttentionOp op, const VectorISA &isa,
              const QueryTile &tile, Value firstToken, Value firstHead)
      : b(b), op(op), isa(isa), tile(tile), f32(getF32Vector(b, tile.lanes)),
        rowLanes(getDividingLanes(tile.headDim, tile.lanes)),
        firstToken(firstToken), firstHead(firstHead),
        zero(constantIndex(b, 0)) {
    int64_t kvHeads = op.getKey().getType().getDimSize(1);
    int64_t group = op.getQuery().getType().getDimSize(1) / kvHeads;
    kvHead = divIndex(b, firstHead, group);
    run =
        getTokenRun(b, op.getPosition(), op.getSequence(), firstToken, kvHeads);
    lastToken = arith::MinSIOp::create(
        b, addIndex(b, firstToken, tile.tokens - 1),
        subIndex(b, getSize(b, op.getQuery(), 0), constantIndex(b, 1)));
  }

  void emit() {
    int64_t headDim = tile.headDim, width = tile.width();
    rows = allocate(width * headDim);
    queries = allocate(width * headDim);
    results = allocate(width * headDim);
    keys = allocate(tile.lanes * headDim);
    values = allocate(tile.lanes * headDim);
    sinks = allocate(width);
    loadQueries();

    Value own = getPosition(b, run, firstToken),
          last = getPosition(b, run, lastToken);
    first = zero;
    if (op.getWindow())
      first = arith::MaxSIOp::create(
          b, subIndex(b, own, constantIndex(b, *op.getWindow() - 1)), zero);
    firstRow =
        arith::RemUIOp::create(b, first, getSize(b, op.getKeyCache(), 0));
    setLimits(own);

    // The sink takes part in the maximum and the sum and has no value.
    SmallVector<Value> state;
    for (int64_t i = 0; i < tile.vectors; ++i)
      state.push_back(load(sinks, constantIndex(b, i * tile.lanes)));
    state.append(tile.vectors, constantFloat(b, f32, 1.0));
    // Blocks begin at multiples of their size, wherever the call begins.
    Value start = mulIndex(b, divIndex(b, first, tile.lanes), tile.lanes);
    state = emitFor(b, start, addIndex(b, last, 1), tile.lanes, state,
                    [&](Value block, ValueRange carried) {
                      loadBlock(block, last);
                      return emitBlock(block, carried);
                    });
    storeResults(ArrayRef(state).drop_front(tile.vectors));
  }

private:
  using Vectors = SmallVector<Value>;

  /// Stack memory of `size` f32.
  Value allocate(int64_t size) {
    return allocateStack(b, size, b.getF32Type());
  }

  /// Lanes of `memref` from `place` on.
  Value load(Value memref, Value place) {
    return vector::LoadOp::create(b, f32, memref, place);
  }

  /// Element i * `stride` of `memref` after `place` in lane i.
  Value gather(Value memref, Value place, int64_t stride, int64_t lanes) {
    SmallVector<int32_t> offsets;
    for (int64_t i = 0; i < lanes; ++i)
      offsets.push_back(int32_t(i * stride));
    auto indices = VectorType::get({lanes}, b.getI32Type());
    auto type = getF32Vector(b, lanes);
    return vector::GatherOp::create(
        b, type, memref, place,
        arith::ConstantOp::create(
            b, DenseElementsAttr::get(indices, ArrayRef<int32_t>(offsets))),
        constantInt(b, withElement(type, b.getI1Type()), 1),
        constantFloat(b, type, 0.0));
  }

  /// Calls `body` with each query and its token, from `firstToken` on, and
  /// head.
  void
  forEachQuery(int64_t count,
               function_ref<void(Value query, Value token, Value head)> body) {
    emitFor(b, zero, constantIndex(b, count), 1, [&](Value query) {
      body(query, addIndex(b, firstToken, divIndex(b, query, tile.heads)),
           addIndex(b, firstHead, remIndex(b, query, tile.heads)));
    });
  }

  /// Puts the queries into lanes, and their sinks; lanes of none repeat others.
  void loadQueries() {
    int64_t headDim = tile.headDim;
    forEachQuery(tile.width(), [&](Value query, Value token, Value head) {
      Value source = arith::MinSIOp::create(b, token, lastToken);
      copyRow(op.getQuery(), {source, head}, rows, query);
      Value sink = convertFloat(
          b, memref::LoadOp::create(b, op.getSinks(), head), b.getF32Type());
      // Maxima are finite, also of blocks of which a lane has no key.
      sink = arith::MaximumFOp::create(
          b, sink,
          constantFloat(b, b.getF32Type(),
                        std::numeric_limits<float>::lowest()));
      memref::StoreOp::create(b, sink, sinks, query);
    });
    emitFor(b, zero, constantIndex(b, headDim), 1, [&](Value column) {
      for (int64_t i = 0; i < tile.vectors; ++i) {
        Value place = addIndex(b, column, i * tile.lanes * headDim);
        Value at = getLanes(column, i);
        vector::StoreOp::create(b, gather(rows, place, headDim, tile.lanes),
                                queries, at);
        vector::StoreOp::create(b, constantFloat(b, f32, 0.0), results, at);
      }
    });
  }

  /// Where vector `i` of `column` is.
  Value getLanes(Value column, int64_t i) {
    return addIndex(b, mulIndex(b, column, tile.width()), i * tile.lanes);
  }

  /// Copies the row of `source` at `indices` to row `row` of `target`, as f32.
  void copyRow(Value source, ValueRange indices, Value target, Value row) {
    for (int64_t column = 0; column < tile.headDim; column += rowLanes) {
      SmallVector<Value> at(indices);
      at.push_back(constantIndex(b, column));
      vector::StoreOp::create(
          b, loadF32(b, source, at, rowLanes), target,
          addIndex(b, mulIndex(b, row, tile.headDim), column));
    }
  }

  /// The first and last position that each lane attends to. `own` is that of
  /// the first token.
  void setLimits(Value own) {
    auto type = VectorType::get({tile.lanes}, b.getI32Type());
    // No position is larger.
    int64_t reach = std::min<int64_t>(op.getWindow().value_or(1) - 1,
                                      std::numeric_limits<int32_t>::max());
    own = vector::BroadcastOp::create(
        b, type, arith::IndexCastOp::create(b, b.getI32Type(), own));
    for (int64_t i = 0; i < tile.vectors; ++i) {
      SmallVector<int32_t> tokens;
      for (int64_t lane = 0; lane < tile.lanes; ++lane)
        tokens.push_back(int32_t((i * tile.lanes + lane) / tile.heads));
      Value greatest = arith::AddIOp::create(
          b, own,
          arith::ConstantOp::create(
              b, DenseElementsAttr::get(type, ArrayRef<int32_t>(tokens))));
      lasts.push_back(greatest);
      if (op.getWindow())
        firsts.push_back(
            arith::SubIOp::create(b, greatest, constantInt(b, type, reach)));
    }
  }

  /// Makes f32 of the keys and values from position `block` on, as many as
  /// there are lanes. What is not from `first` to `last` repeats those.
  void loadBlock(Value block, Value last) {
    emitFor(b, zero, constantIndex(b, tile.lanes), 1, [&](Value row) {
      Value position = arith::MaxSIOp::create(
          b, arith::MinSIOp::create(b, addIndex(b, block, row), last), first);
      Value isOfCache = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                              position, run.position);
      auto copy = [&](Value key, Value value, ValueRange source) {
        copyRow(key, source, keys, row);
        copyRow(value, source, values, row);
      };
      emitIf(
          b, isOfCache,
          [&] {
            copy(op.getKeyCache(), op.getValueCache(),
                 {getCacheRow(position), addIndex(b, run.firstHead, kvHead)});
          },
          [&] {
            Value token =
                addIndex(b, run.token, subIndex(b, position, run.position));
            copy(op.getKey(), op.getValue(), {token, kvHead});
          });
    });
  }

  /// The row of `position` in a cache of C rows, which is `position mod C`.
  Value getCacheRow(Value position) {
    Value size = getSize(b, op.getKeyCache(), 0);
    Value row = addIndex(b, firstRow, subIndex(b, position, first));
    Value isPast =
        arith::CmpIOp::create(b, arith::CmpIPredicate::uge, row, size);
    return arith::SelectOp::create(b, isPast, subIndex(b, row, size), row);
  }

  /// The scores, [key][vector], of the keys from position `block` on.
  Vectors emitScores(Value block) {
    Vectors zeros(tile.lanes * tile.vectors, constantFloat(b, f32, 0.0));
    Vectors scores =
        emitFor(b, zero, constantIndex(b, tile.headDim), 1, zeros,
                [&](Value column, ValueRange carried) {
                  Vectors ofColumn, next;
                  for (int64_t i = 0; i < tile.vectors; ++i)
                    ofColumn.push_back(load(queries, getLanes(column, i)));
                  for (int64_t key = 0; key < tile.lanes; ++key) {
                    Value element = broadcastElement(keys, key, column);
                    for (Value query : ofColumn)
                      next.push_back(emitMultiplyAdd(b, isa, query, element,
                                                     carried[next.size()]));
                  }
                  return next;
                });
    Value scale = constantFloat(b, f32, op.getScale().convertToFloat());
    Value none = constantFloat(b, f32, -std::numeric_limits<float>::infinity());
    for (auto [i, score] : llvm::enumerate(scores))
      score = arith::SelectOp::create(
          b, attends(block, i), arith::MulFOp::create(b, score, scale), none);
    return scores;
  }

  /// True if all lanes attend to all positions from `block` on that are in it.
  Value attendsToAll(Value block) {
    Value end = addIndex(b, block, tile.lanes);
    Value isBefore =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sle, end,
                              addIndex(b, getPosition(b, run, firstToken), 1));
    if (!op.getWindow())
      return isBefore;
    Value lastFirst = subIndex(b, getPosition(b, run, lastToken),
                               constantIndex(b, *op.getWindow() - 1));
    return arith::AndIOp::create(
        b, isBefore,
        arith::CmpIOp::create(b, arith::CmpIPredicate::sge, block, lastFirst));
  }

  /// Which lanes attend to the key of score `index` of the block.
  Value attends(Value block, size_t index) {
    size_t i = index % size_t(tile.vectors);
    Value position = addIndex(b, block, int64_t(index) / tile.vectors);
    Value splat = vector::BroadcastOp::create(
        b, lasts[i].getType(),
        arith::IndexCastOp::create(b, b.getI32Type(), position));
    Value isKey =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sle, splat, lasts[i]);
    if (firsts.empty())
      return isKey;
    return arith::AndIOp::create(
        b, isKey,
        arith::CmpIOp::create(b, arith::CmpIPredicate::sge, splat, firsts[i]));
  }

  /// Element `column` of row `row` of a block, in all lanes.
  Value broadcastElement(Value memref, int64_t row, Value column) {
    Value element = memref::LoadOp::create(
        b, memref, addIndex(b, column, row * tile.headDim));
    return vector::BroadcastOp::create(b, f32, element);
  }

  /// The maxima and sums after the block, of those before. Adds its values, by
  /// their weights, to the results.
  Vectors emitBlock(Value block, ValueRange carried) {
    Vectors weights = emitScores(block);
    Vectors maxima(carried.take_front(tile.vectors));
    for (auto [i, score] : llvm::enumerate(weights)) {
      Value &maximum = maxima[i % tile.vectors];
      maximum = arith::MaximumFOp::create(b, maximum, score);
    }
    auto expBelowMaximum = [&](Value x, size_t i) {
      return emitExp(b, arith::SubFOp::create(b, x, maxima[i]));
    };
    Vectors corrections, sums;
    for (int64_t i = 0; i < tile.vectors; ++i) {
      corrections.push_back(expBelowMaximum(carried[i], i));
      sums.push_back(
          arith::MulFOp::create(b, carried[tile.vectors + i], corrections[i]));
    }
    for (auto [i, weight] : llvm::enumerate(weights)) {
      weight = expBelowMaximum(weight, i % tile.vectors);
      Value &sum = sums[i % tile.vectors];
      sum = arith::AddFOp::create(b, sum, weight);
    }
    auto addColumns = [&](ArrayRef<Value> areKeys) {
      emitFor(b, zero, constantIndex(b, tile.headDim), tile.columns,
              [&](Value column) {
                for (int64_t i = 0; i < tile.columns; ++i)
                  addColumn(addIndex(b, column, i), weights, areKeys,
                            corrections);
              });
    };
    // Zero times what a lane does not attend to may be NaN.
    emitIf(
        b, attendsToAll(block), [&] { addColumns({}); },
        [&] {
          Vectors areKeys;
          for (size_t i = 0; i < weights.size(); ++i)
            areKeys.push_back(attends(block, i));
          addColumns(areKeys);
        });
    llvm::append_range(maxima, sums);
    return maxima;
  }

  /// Adds a column of the values of a block to the results, in the lanes that
  /// `areKeys` has for each weight, or in all if it is empty.
  void addColumn(Value column, ArrayRef<Value> weights, ArrayRef<Value> areKeys,
                 ArrayRef<Value> corrections) {
    Vectors sums;
    for (int64_t i = 0; i < tile.vectors; ++i)
      sums.push_back(arith::MulFOp::create(
          b, load(results, getLanes(column, i)), corrections[i]));
    for (int64_t key = 0; key < tile.lanes; ++key) {
      Value element = broadcastElement(values, key, column);
      for (auto [i, sum] : llvm::enumerate(sums)) {
        size_t index = size_t(key * tile.vectors) + i;
        Value next = emitMultiplyAdd(b, isa, weights[index], element, sum);
        sum = areKeys.empty()
                  ? next
                  : arith::SelectOp::create(b, areKeys[index], next, sum)
                        .getResult();
      }
    }
    for (auto [i, sum] : llvm::enumerate(sums))
      vector::StoreOp::create(b, sum, results, getLanes(column, int64_t(i)));
  }

  /// Divides the results by `sums` and stores the row of each query.
  void storeResults(ArrayRef<Value> sums) {
    Value one = constantFloat(b, f32, 1.0);
    for (auto [i, sum] : llvm::enumerate(sums))
      vector::StoreOp::create(b, arith::DivFOp::create(b, one, sum), sinks,
                              constantIndex(b, int64_t(i) * tile.lanes));
    Value inverses = sinks;
    forEachQuery(tile.numQueries(), [&](Value query, Value token, Value head) {
      Value isToken =
          arith::CmpIOp::create(b, arith::CmpIPredicate::sle, token, lastToken);
      emitIf(b, isToken, [&] {
        VectorType type = getF32Vector(b, rowLanes);
        Value inverse = vector::BroadcastOp::create(
            b, type, memref::LoadOp::create(b, inverses, query));
        for (int64_t column = 0; column < tile.headDim; column += rowLanes) {
          Value row = gather(results, addIndex(b, query, column * tile.width()),
                             tile.width(), rowLanes);
          storeF32(b, arith::MulFOp::create(b, row, inverse), op.getInit(),
                   {token, head, constantIndex(b, column)});
        }
      });
    });
  }

  ImplicitLocOpBuilder &b;
  AttentionOp op;
  const VectorISA &isa;
  const QueryTile &tile;
  VectorType f32;
  /// Lanes by which rows are copied.
  int64_t rowLanes;
  Value firstToken, firstHead, zero;
  Value kvHead, lastToken;
  /// The tokens of the sequence of the tile.
  TokenRun run;
  /// On the stack: queries [width, D] and [D, width], results [D, width], the
  /// keys and values of a block [lanes, D], and sinks [width].
  Value rows, queries, results, keys, values, sinks;
  /// The first position of the tile, and its row in the caches.
  Value first, firstRow;
  /// By vector, the positions that lanes attend to, both inclusive; no first
  /// ones without a window.
  Vectors firsts, lasts;
};
} // namespace

void mxfp4::lowerAttention(AttentionOp op, const VectorISA &isa) {
  ShapedType query = op.getQuery().getType();
  if (query.getDimSize(0) == 0 || query.getDimSize(1) == 0)
    return;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  QueryTile tile(op, isa);
  int64_t headTiles = query.getDimSize(1) / tile.heads;
  Value tokens = getSize(b, op.getQuery(), 0);
  Value tiles = divIndex(b, addIndex(b, tokens, tile.tokens - 1), tile.tokens);
  emitParallel(b, mulIndex(b, tiles, headTiles), [&](ValueRange indices) {
    // The later a token the more keys it has: early and late ones in turn.
    Value turn = divIndex(b, indices[0], headTiles);
    Value half = divIndex(b, turn, 2);
    Value isEarly = arith::CmpIOp::create(
        b, arith::CmpIPredicate::eq, remIndex(b, turn, 2), constantIndex(b, 0));
    Value late = subIndex(b, subIndex(b, tiles, constantIndex(b, 1)), half);
    Value index = arith::SelectOp::create(b, isEarly, half, late);
    TileEmitter(b, op, isa, tile, mulIndex(b, index, tile.tokens),
                mulIndex(b, remIndex(b, indices[0], headTiles), tile.heads))
        .emit();
  });
}
