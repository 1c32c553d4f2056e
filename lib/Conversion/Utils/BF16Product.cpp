//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The inner loop of a matmul of bf16 by bf16. As in the product of f32 a lane
// is a row of the weight, and its 32 bits are two columns, which are multiplied
// as they are. Where there are products of matrices two words of four rows
// become four columns of two rows.
//
//===----------------------------------------------------------------------===//

#include "BF16Product.h"

#include "PanelReader.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Columns of a word.
static constexpr int64_t kWordColumns = 2;

static bool isBF16(Value memref) {
  return cast<MemRefType>(memref.getType()).getElementType().isBF16();
}

bool mxfp4::hasBF16Product(const VectorISA &isa, const Panel &panel,
                           Value activations) {
  return isa.hasBF16Product && !panel.scales && isBF16(panel.values) &&
         isBF16(activations);
}

int64_t mxfp4::getBF16Depth(const VectorISA &isa, const Panel &panel) {
  constexpr int64_t matrixColumns = 4;
  return isa.hasMatrixProduct && panel.columns % matrixColumns == 0
             ? matrixColumns
             : kWordColumns;
}

namespace {
/// Emits the products of some columns of some groups of weight rows with those
/// of some rows of activations.
class ColumnProduct {
public:
  ColumnProduct(ImplicitLocOpBuilder &b, const VectorISA &isa,
                PanelReader &reader, int64_t depth, ArrayRef<Value> groups,
                ArrayRef<ActivationRow> rows)
      : b(b), isa(isa), reader(reader), groups(groups), rows(rows),
        depth(depth), isPaired(depth > kWordColumns && rows.size() % 2 == 0) {}

  /// The words of the columns that stand together.
  int64_t getWords() const { return depth / kWordColumns; }

  /// Adds to `sums`, [group][row], the products of these words from `word` on.
  void addTo(MutableArrayRef<Value> sums, Value word) {
    SmallVector<SmallVector<Value>> weights;
    for (Value group : groups)
      weights.push_back(loadWeights(group, word));
    Value column = mulIndex(b, word, kWordColumns);
    if (isPaired)
      addPairs(sums, weights, column);
    else
      addRows(sums, weights, column);
  }

  /// Makes sums of each row of what addTo has added up. Zeros may be either.
  void finish(MutableArrayRef<Value> sums) {
    for (size_t i = 0; isPaired && i < sums.size(); i += 2)
      exchangeHalves(b, sums[i], sums[i + 1]);
  }

private:
  SmallVector<Value> loadWeights(Value group, Value word) {
    SmallVector<Value> words;
    for (int64_t i = 0; i < getWords(); ++i)
      words.push_back(reader.loadWords(group, addIndex(b, word, i)));
    if (isPaired)
      return interleaveWords(b, words[0], words[1]);
    return words;
  }

  /// `count` numbers of `row`, or of it and the next, `offset` after those in
  /// `column`, as words.
  Value loadWords(const ActivationRow &row, Value column, int64_t offset,
                  int64_t count) {
    SmallVector<Value> indices = getActivationIndices(b, row, column);
    indices.back() = addIndex(b, indices.back(), offset);
    Value numbers = vector::LoadOp::create(
        b, VectorType::get({count}, b.getBF16Type()), row.memref, indices);
    return vector::BitCastOp::create(
        b, VectorType::get({count / kWordColumns}, b.getI32Type()), numbers);
  }

  void addRows(MutableArrayRef<Value> sums,
               ArrayRef<SmallVector<Value>> weights, Value column) {
    Type words = weights[0][0].getType();
    for (size_t row = 0; row < rows.size(); ++row)
      for (int64_t i = 0; i < getWords(); ++i) {
        Value word = vector::ExtractOp::create(
            b, loadWords(rows[row], column, i * kWordColumns, kWordColumns), 0);
        Value activations = vector::BroadcastOp::create(b, words, word);
        for (size_t group = 0; group < groups.size(); ++group) {
          Value &sum = sums[group * rows.size() + row];
          sum = emitBF16Products(b, isa, weights[group][i], activations, sum);
        }
      }
  }

  /// Sums are those of two rows with two of the four of a group.
  void addPairs(MutableArrayRef<Value> sums,
                ArrayRef<SmallVector<Value>> weights, Value column) {
    for (size_t row = 0; row < rows.size(); row += 2) {
      Value activations = loadWords(rows[row], column, 0, 2 * depth);
      for (size_t group = 0; group < groups.size(); ++group)
        for (size_t half : {0, 1}) {
          Value &sum = sums[group * rows.size() + row + half];
          sum = emitMatrixProduct(b, activations, weights[group][half], sum);
        }
    }
  }

  ImplicitLocOpBuilder &b;
  const VectorISA &isa;
  PanelReader &reader;
  ArrayRef<Value> groups;
  ArrayRef<ActivationRow> rows;
  int64_t depth;
  /// True if two rows are multiplied at a time, by two rows of weights.
  bool isPaired;
};
} // namespace

SmallVector<Value> mxfp4::emitBF16Product(ImplicitLocOpBuilder &b,
                                          const VectorISA &isa,
                                          const Panel &panel,
                                          ArrayRef<Value> groups,
                                          ArrayRef<ActivationRow> rows) {
  PanelReader reader(b, isa, panel);
  ColumnProduct product(b, isa, reader, getBF16Depth(isa, panel), groups, rows);
  int64_t words = product.getWords();
  int64_t step =
      rows.size() > kRowsOfLoop
          ? words
          : getDenseStep(panel.columns, words * kWordColumns) / kWordColumns;
  Value zero = constantFloat(b, getF32Vector(b, isa.lanes), 0.0);
  SmallVector<Value> zeros(groups.size() * rows.size(), zero);
  SmallVector<Value> sums = emitFor(
      b, constantIndex(b, 0), constantIndex(b, panel.columns / kWordColumns),
      step, zeros, [&](Value word, ValueRange carried) {
        if (rows.size() == 1)
          reader.prefetch(groups, word, step);
        SmallVector<Value> next(carried);
        for (int64_t i = 0; i < step; i += words)
          product.addTo(next, addIndex(b, word, i));
        return next;
      });
  product.finish(sums);
  return sums;
}
