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

#include "BF16Product.h"
#include "IntegerProduct.h"
#include "PanelReader.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// The products in f32, [group][row].
static SmallVector<Value> emitFloatProduct(ImplicitLocOpBuilder &b,
                                           const VectorISA &isa,
                                           const Panel &panel,
                                           ArrayRef<Value> groups,
                                           ArrayRef<ActivationRow> rows) {
  PanelReader reader(b, isa, panel);
  VectorType f32 = getF32Vector(b, isa.lanes);
  const mx::BlockFormat *format = reader.getFormat();
  int64_t depth = reader.getWordColumns();
  int64_t step =
      format ? format->blockSize : getDenseStep(panel.columns, depth);
  Value zero = constantFloat(b, f32, 0.0);
  SmallVector<Value> zeros(groups.size() * rows.size(), zero);

  SmallVector<Value> sums = emitFor(
      b, constantIndex(b, 0), constantIndex(b, panel.columns / step), 1, zeros,
      [&](Value iteration, ValueRange carried) {
        Value firstWord = mulIndex(b, iteration, step / depth);
        if (rows.size() == 1)
          reader.prefetch(groups, firstWord, step / depth);
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
        Value factor = constantFloat(b, f32, reader.getFactor());
        for (size_t group = 0; group < groups.size(); ++group) {
          size_t first = group * rows.size();
          SmallVector<Value> ofGroup =
              reader.markNaN(ArrayRef(partial).slice(first, rows.size()),
                             groups[group], firstWord, step / depth);
          Value scale = reader.loadScales(groups[group], iteration);
          for (size_t row = 0; row < rows.size(); ++row) {
            Value sum = ofGroup[row];
            if (reader.getFactor() != 1.0)
              sum = arith::MulFOp::create(b, sum, factor);
            next.push_back(
                emitMultiplyAdd(b, isa, sum, scale, carried[first + row]));
          }
        }
        return next;
      });

  if (panel.tensorScale) {
    Value scale = vector::BroadcastOp::create(b, f32, panel.tensorScale);
    for (Value &sum : sums)
      sum = arith::MulFOp::create(b, sum, scale);
  }
  return sums;
}

SmallVector<SmallVector<Value>>
mxfp4::emitPanelProduct(ImplicitLocOpBuilder &b, const VectorISA &isa,
                        const Panel &panel, ArrayRef<Value> groups,
                        ArrayRef<ActivationRow> rows) {
  auto emit = isIntegerRow(rows[0])                        ? emitIntegerProduct
              : hasBF16Product(isa, panel, rows[0].memref) ? emitBF16Product
                                                           : emitFloatProduct;
  SmallVector<Value> sums = emit(b, isa, panel, groups, rows);
  SmallVector<SmallVector<Value>> result;
  for (size_t group = 0; group < groups.size(); ++group)
    result.emplace_back(ArrayRef(sums).slice(group * rows.size(), rows.size()));
  return result;
}

void mxfp4::emitGroupBlocks(ImplicitLocOpBuilder &b, int64_t groups,
                            int64_t size,
                            function_ref<void(Value, Value)> body) {
  Value blocks = constantIndex(b, llvm::divideCeil(groups, size));
  emitParallel(b, blocks, [&](ValueRange indices) {
    Value first = mulIndex(b, indices[0], size);
    Value end = addIndex(b, first, size);
    if (groups % size != 0)
      end = arith::MinUIOp::create(b, end, constantIndex(b, groups));
    body(first, end);
  });
}

void mxfp4::emitGroupTiles(ImplicitLocOpBuilder &b, Value begin, Value end,
                           int64_t groups, int64_t tile, int64_t unit,
                           function_ref<void(Value, int64_t)> body) {
  // Only the last block may end within a tile.
  Value middle = end;
  if (groups % tile != 0)
    middle =
        subIndex(b, end,
                 arith::RemUIOp::create(b, arith::SubIOp::create(b, end, begin),
                                        constantIndex(b, tile)));
  emitFor(b, begin, middle, tile, [&](Value first) { body(first, tile); });
  if (groups % tile != 0)
    emitFor(b, middle, end, unit, [&](Value first) { body(first, unit); });
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
