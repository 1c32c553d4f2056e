//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads and decodes the weights of a panel, and loads what they are multiplied
// by.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_PANELREADER_H
#define MXFP4_LIB_CONVERSION_UTILS_PANELREADER_H

#include "VectorCode.h"

namespace mlir::mxfp4 {

/// The code of a block, or of a step of a dense panel, is unrolled for up to so
/// many rows. For more it would be larger than what processors keep decoded.
constexpr size_t kRowsOfLoop = 4;

/// How many columns the loop over a dense panel takes at a time.
int64_t getDenseStep(int64_t columns, int64_t depth);

/// Where the activation of `row` in `column` is.
SmallVector<Value> getActivationIndices(ImplicitLocOpBuilder &b,
                                        const ActivationRow &row, Value column);

/// Emits the reading of one panel. A lane of a vector is a row of the weight. A
/// word is some consecutive columns of all lanes, which are loaded together:
/// the 32 bits of a row that stand together, or two columns of 8-bit elements.
class PanelReader {
public:
  PanelReader(ImplicitLocOpBuilder &b, const VectorISA &isa,
              const Panel &panel);

  /// The format of the weight; null if it is dense.
  const mx::BlockFormat *getFormat() const { return format; }

  /// Word `word` of the rows of `group`.
  Value loadWords(Value group, Value word);

  /// The columns of a word.
  int64_t getWordColumns() const;

  /// Column `index` of the words, as f32, divided by getFactor(). What
  /// markNaN finds may be a number.
  Value decode(Value words, int64_t index);

  /// The even (0) or odd (1) columns of words of E2M1 elements, four bytes in
  /// each lane: twice the element, plus kWeightOffset.
  Value decodeToBytes(Value words, int64_t parity);

  /// `sums` of products with the `count` words of `group` from `word` on, where
  /// a row has a NaN there: NaN.
  SmallVector<Value> markNaN(ArrayRef<Value> sums, Value group, Value word,
                             int64_t count);

  /// What the sum of a block is to be multiplied by, besides its scale.
  double getFactor() const;

  /// The codes of the scales of `block` of the rows of `group`, as i32.
  Value loadScaleCodes(Value group, Value block);

  /// The scales of `block` of the rows of `group`, as f32 (F4, F22).
  Value loadScales(Value group, Value block);

  /// How many activations of a row are loaded together: bf16 in pairs.
  int64_t getActivationStep(const ActivationRow &row, int64_t depth);

  /// The activations of `row` in `count` columns from `column` on, as many as
  /// are loaded together, each in all lanes.
  SmallVector<Value> loadActivations(const ActivationRow &row, Value column,
                                     int64_t count);

  /// Asks for the `count` words of each of `groups`, a block if there are
  /// blocks, that are up to kBytesAhead after `word`, or so far into the next
  /// tile, and for the scales of the block in the next tile. Of dense weights
  /// only where that helps (VectorISA::fetchesAhead).
  void prefetch(ArrayRef<Value> groups, Value word, int64_t count);

private:
  /// True for 8-bit elements.
  bool hasBytes() const;
  int64_t getWordBytes() const;

  /// Where word `word` of `group` begins.
  SmallVector<Value> getWordIndices(Value group, Value word);

  /// The low (0) or high (1) of the two bf16 in each lane, as f32 (F13).
  Value splitBF16(Value words, Type i32, Type f32, int64_t index);

  ImplicitLocOpBuilder &b;
  const VectorISA &vectors;
  const Panel &panel;
  Type element;
  /// The values of the panel; 8-bit elements with columns and lanes in one
  /// dimension.
  Value values;
  const mx::BlockFormat *format = nullptr;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_PANELREADER_H
