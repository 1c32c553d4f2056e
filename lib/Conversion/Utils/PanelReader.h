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

/// Emits the reading of one panel. A lane of a vector is a row of the weight;
/// a word is the 32 bits of it that stand together, some consecutive elements.
class PanelReader {
public:
  PanelReader(ImplicitLocOpBuilder &b, const VectorISA &isa,
              const Panel &panel);

  /// The format of the weight; null if it is dense.
  const mx::BlockFormat *getFormat() const { return format; }

  /// Word `word` of the rows of `group`.
  Value loadWords(Value group, Value word);

  /// Column `index` of the words, as f32.
  Value decode(Value words, int64_t index);

  /// The even (0) or odd (1) columns of words of E2M1 elements, four bytes in
  /// each lane: twice the element, plus kWeightOffset.
  Value decodeBytes(Value words, int64_t parity);

  /// The scales of `block` of the rows of `group`, as f32 (F4, F22).
  Value loadScales(Value group, Value block);

  /// How many activations of a row are loaded together: bf16 in pairs.
  int64_t getActivationStep(const ActivationRow &row, int64_t depth);

  /// The activations of `row` in `count` columns from `column` on, as many as
  /// are loaded together, each in all lanes.
  SmallVector<Value> loadActivations(const ActivationRow &row, Value column,
                                     int64_t count);

  /// Asks for the `count` words of each of `groups` that are kBytesAhead after
  /// `word`, or so far into the next tile.
  void prefetchWords(ArrayRef<Value> groups, Value word, int64_t count);

private:
  /// Byte `index` of each lane.
  Value extractByte(Value words, int64_t index);

  /// The low (0) or high (1) of the two bf16 in each lane, as f32 (F13).
  Value splitBF16(Value words, Type i32, Type f32, int64_t index);

  ImplicitLocOpBuilder &b;
  const VectorISA &isa;
  const Panel &panel;
  Type element;
  const mx::BlockFormat *format = nullptr;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_PANELREADER_H
