//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The inner loop of every matmul on a CPU. A lane of a vector register is a row
// of the weight; 32 bits of it hold some consecutive elements, which are
// decoded one after another and multiplied by one activation in all lanes. So
// there is no sum across lanes, and each weight is decoded once for all
// activation rows.
//
//===----------------------------------------------------------------------===//

#include "VectorCode.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

using namespace mlir;
using namespace mlir::mxfp4;

bool mxfp4::isPanelType(Type weight) {
  return weight.isF32() || weight.isBF16() || weight.isInteger(8) ||
         isa<Float8E4M3FNType, Float8E5M2Type>(weight);
}

int64_t mxfp4::getPanelDepth(Type weight) {
  constexpr int64_t laneBits = 32;
  int64_t bits = weight.isInteger(8) ? 4 : weight.getIntOrFloatBitWidth();
  return laneBits / bits;
}

bool mxfp4::isActivationType(Type activation) {
  return activation.isF32() || activation.isBF16();
}

namespace {
/// Reads the weights and activations of a tile.
class TileReader {
public:
  TileReader(ImplicitLocOpBuilder &b, const VectorISA &isa, const Panel &panel)
      : b(b), isa(isa), panel(panel),
        element(cast<MemRefType>(panel.values.getType()).getElementType()) {
    if (panel.scales)
      format = getBlockFormat(cast<MemRefType>(panel.values.getType()),
                              cast<MemRefType>(panel.scales.getType()));
  }

  /// The format of the weight; null if it is dense.
  const mx::BlockFormat *getFormat() const { return format; }

  /// The words of `group` that hold the columns from `column` on.
  Value loadWords(Value group, Value word) {
    SmallVector<Value> indices(panel.prefix);
    indices.append({group, word, constantIndex(b, 0)});
    int64_t perLane = 32 / element.getIntOrFloatBitWidth();
    Value raw = vector::LoadOp::create(
        b, VectorType::get({isa.lanes * perLane}, element), panel.values,
        indices);
    Type words = VectorType::get({isa.lanes}, b.getI32Type());
    return vector::BitCastOp::create(b, words, raw);
  }

  /// Column `index` of the words, as f32.
  Value decode(Value words, int64_t index) {
    Type i32 = words.getType();
    VectorType f32 = getF32Vector(b, isa.lanes);
    if (element.isInteger(8))
      return decodeNibbles(b, isa, words, index);
    if (format)
      return decodeElement(b, format->element, extractByte(words, index));
    if (element.isF32())
      return arith::BitcastOp::create(b, f32, words);
    return splitBF16(words, i32, f32, index);
  }

  /// The scales of `block` of the rows of `group`, as f32 (F4, F22).
  Value loadScales(Value group, Value block) {
    SmallVector<Value> indices(panel.prefix);
    indices.append({group, block, constantIndex(b, 0)});
    Type scale = cast<MemRefType>(panel.scales.getType()).getElementType();
    Value raw = vector::LoadOp::create(b, VectorType::get({isa.lanes}, scale),
                                       panel.scales, indices);
    Type bytes = VectorType::get({isa.lanes}, b.getI8Type());
    Type i32 = VectorType::get({isa.lanes}, b.getI32Type());
    return decodeScale(b, format->scale,
                       arith::ExtUIOp::create(
                           b, i32, arith::BitcastOp::create(b, bytes, raw)));
  }

  /// How many activations of a row are loaded together: bf16 in pairs.
  int64_t getActivationStep(const ActivationRow &row, int64_t depth) {
    Type type = cast<MemRefType>(row.memref.getType()).getElementType();
    return type.isBF16() && depth % 2 == 0 ? 2 : 1;
  }

  /// The activations of `row` in `count` columns from `column` on, as many as
  /// are loaded together, each in all lanes.
  SmallVector<Value> loadActivations(const ActivationRow &row, Value column,
                                     int64_t count) {
    VectorType f32 = getF32Vector(b, isa.lanes);
    Type type = cast<MemRefType>(row.memref.getType()).getElementType();
    SmallVector<Value> indices(row.prefix);
    indices.push_back(column);
    if (count == 1) {
      Value scalar = memref::LoadOp::create(b, row.memref, indices);
      return {vector::BroadcastOp::create(
          b, f32, convertFloat(b, scalar, b.getF32Type()))};
    }
    Value pair = vector::LoadOp::create(b, VectorType::get({2}, type),
                                        row.memref, indices);
    Value word = vector::ExtractOp::create(
        b,
        vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()),
                                  pair),
        0);
    Type i32 = f32.clone(b.getI32Type());
    Value words = vector::BroadcastOp::create(b, i32, word);
    return {splitBF16(words, i32, f32, 0), splitBF16(words, i32, f32, 1)};
  }

  /// Asks for the `count` words of each of `groups` that are kBytesAhead after
  /// `word`, or so far into the next tile.
  void prefetchWords(ArrayRef<Value> groups, Value word, int64_t count) {
    auto type = cast<MemRefType>(panel.values.getType());
    int64_t numGroups = type.getDimSize(type.getRank() - 3);
    int64_t numWords = type.getDimSize(type.getRank() - 2);
    int64_t wordBytes = 4 * isa.lanes;
    Value ahead = addIndex(b, word, kBytesAhead / wordBytes);
    Value isNext = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, ahead,
                                         constantIndex(b, numWords));
    ahead = arith::SelectOp::create(
        b, isNext, subIndex(b, ahead, constantIndex(b, numWords)), ahead);
    ahead =
        arith::MinUIOp::create(b, ahead, constantIndex(b, numWords - count));
    Value offset = arith::SelectOp::create(
        b, isNext, constantIndex(b, groups.size()), constantIndex(b, 0));
    for (Value group : groups) {
      Value next =
          arith::MinUIOp::create(b, arith::AddIOp::create(b, group, offset),
                                 constantIndex(b, numGroups - 1));
      for (int64_t i = 0; i < count;
           i += std::max<int64_t>(1, kLineBytes / wordBytes)) {
        SmallVector<Value> indices(panel.prefix);
        indices.append({next, addIndex(b, ahead, i), constantIndex(b, 0)});
        memref::PrefetchOp::create(b, panel.values, indices, /*isWrite=*/false,
                                   /*localityHint=*/3, /*isDataCache=*/true);
      }
    }
  }

private:
  /// Byte `index` of each lane.
  Value extractByte(Value words, int64_t index) {
    Type i32 = words.getType();
    Value moved =
        arith::ShRUIOp::create(b, words, constantInt(b, i32, 8 * index));
    return arith::AndIOp::create(b, moved, constantInt(b, i32, 0xFF));
  }

  /// The low (0) or high (1) of the two bf16 in each lane, as f32 (F13).
  Value splitBF16(Value words, Type i32, Type f32, int64_t index) {
    Value bits =
        index == 0
            ? arith::ShLIOp::create(b, words, constantInt(b, i32, 16))
                  .getResult()
            : arith::AndIOp::create(b, words, constantInt(b, i32, 0xFFFF0000))
                  .getResult();
    return arith::BitcastOp::create(b, f32, bits);
  }

  ImplicitLocOpBuilder &b;
  const VectorISA &isa;
  const Panel &panel;
  Type element;
  const mx::BlockFormat *format = nullptr;
};
} // namespace

/// The code of a block is unrolled for up to so many rows. For more it would be
/// larger than what processors keep decoded.
static constexpr size_t kRowsOfLoop = 4;

/// How many columns the loop over a dense panel takes at a time.
static int64_t getDenseStep(int64_t columns, int64_t depth) {
  for (int64_t step : {16, 8, 4, 2})
    if (step % depth == 0 && columns % step == 0)
      return step;
  return depth;
}

SmallVector<SmallVector<Value>>
mxfp4::emitPanelProduct(ImplicitLocOpBuilder &b, const VectorISA &isa,
                        const Panel &panel, ArrayRef<Value> groups,
                        ArrayRef<ActivationRow> rows) {
  TileReader reader(b, isa, panel);
  VectorType f32 = getF32Vector(b, isa.lanes);
  const mx::BlockFormat *format = reader.getFormat();
  int64_t depth =
      getPanelDepth(cast<MemRefType>(panel.values.getType()).getElementType());
  int64_t step =
      format ? format->blockSize : getDenseStep(panel.columns, depth);
  Value zero = constantFloat(b, f32, 0.0);
  SmallVector<Value> zeros(groups.size() * rows.size(), zero);

  SmallVector<Value> sums = emitFor(
      b, constantIndex(b, 0), constantIndex(b, panel.columns / step), 1, zeros,
      [&](Value iteration, ValueRange carried) {
        Value firstWord = mulIndex(b, iteration, step / depth);
        if (rows.size() == 1)
          reader.prefetchWords(groups, firstWord, step / depth);
        auto addWord = [&](Value word, SmallVector<Value> partial) {
          SmallVector<Value> words;
          for (Value group : groups)
            words.push_back(reader.loadWords(group, word));
          Value column = mulIndex(b, word, depth);
          int64_t together = reader.getActivationStep(rows[0], depth);
          for (int64_t i = 0; i < depth; i += together) {
            SmallVector<SmallVector<Value>> weights(together);
            for (int64_t j = 0; j < together; ++j)
              for (Value ofGroup : words)
                weights[j].push_back(reader.decode(ofGroup, i + j));
            // Each activation is loaded right before it is multiplied: there
            // are no registers to keep them in.
            for (size_t row = 0; row < rows.size(); ++row) {
              SmallVector<Value> activations = reader.loadActivations(
                  rows[row], addIndex(b, column, i), together);
              for (int64_t j = 0; j < together; ++j)
                for (size_t group = 0; group < groups.size(); ++group) {
                  Value &sum = partial[group * rows.size() + row];
                  sum = emitMultiplyAdd(b, isa, weights[j][group],
                                        activations[j], sum);
                }
            }
          }
          return partial;
        };
        // The sums of this block, or of all columns so far.
        SmallVector<Value> partial(format ? zeros
                                          : SmallVector<Value>(carried));
        if (rows.size() > kRowsOfLoop) {
          partial = emitFor(b, firstWord, addIndex(b, firstWord, step / depth),
                            1, partial, [&](Value word, ValueRange sums) {
                              return addWord(word, SmallVector<Value>(sums));
                            });
        } else {
          for (int64_t i = 0; i < step / depth; ++i)
            partial = addWord(addIndex(b, firstWord, i), std::move(partial));
        }
        if (!format)
          return partial;
        SmallVector<Value> next;
        for (size_t group = 0; group < groups.size(); ++group) {
          Value scale = reader.loadScales(groups[group], iteration);
          for (size_t row = 0; row < rows.size(); ++row) {
            size_t index = group * rows.size() + row;
            next.push_back(
                emitMultiplyAdd(b, isa, partial[index], scale, carried[index]));
          }
        }
        return next;
      });

  if (panel.tensorScale) {
    Value scale = vector::BroadcastOp::create(b, f32, panel.tensorScale);
    for (Value &sum : sums)
      sum = arith::MulFOp::create(b, sum, scale);
  }
  SmallVector<SmallVector<Value>> result;
  for (size_t group = 0; group < groups.size(); ++group)
    result.emplace_back(ArrayRef(sums).slice(group * rows.size(), rows.size()));
  return result;
}

void mxfp4::emitGroupTiles(ImplicitLocOpBuilder &b, int64_t groups,
                           int64_t tile, int64_t unit,
                           function_ref<void(Value, int64_t)> body) {
  Value tiles = constantIndex(b, llvm::divideCeil(groups, tile));
  emitParallel(b, tiles, [&](ValueRange indices) {
    Value first = mulIndex(b, indices[0], tile);
    if (groups % tile == 0)
      return body(first, tile);
    Value last = addIndex(b, first, tile);
    Value end = constantIndex(b, groups);
    Value isFull =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ule, last, end);
    auto branch = scf::IfOp::create(b, isFull, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    body(first, tile);
    b.setInsertionPoint(branch.elseBlock()->getTerminator());
    emitFor(b, first, end, unit, [&](Value group) { body(group, unit); });
  });
}

void mxfp4::emitRowTiles(ImplicitLocOpBuilder &b, Value begin, Value end,
                         ArrayRef<int64_t> tiles,
                         function_ref<void(Value, int64_t)> body) {
  for (int64_t tile : tiles) {
    Value middle = end;
    if (tile != 1) {
      Value count = arith::SubIOp::create(b, end, begin);
      Value rest = arith::RemUIOp::create(b, count, constantIndex(b, tile));
      middle = arith::SubIOp::create(b, end, rest);
    }
    emitFor(b, begin, middle, tile, [&](Value row) { body(row, tile); });
    begin = middle;
  }
}
