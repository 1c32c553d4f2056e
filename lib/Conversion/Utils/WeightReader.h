//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads MXFP4 weights for products in integers.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_WEIGHTREADER_H
#define MXFP4_LIB_CONVERSION_UTILS_WEIGHTREADER_H

#include "PanelReader.h"

namespace mlir::mxfp4 {

/// Words of a row of a weight in a block.
constexpr int64_t kWeightWords = 4;

/// Reads weights as the vectors that are multiplied: of bytes, or of 16-bit
/// integers if `wide`. The panel is packed, or has such vectors, [group, block,
/// elements], and f32 scales, [group, block, lanes].
class WeightReader {
public:
  WeightReader(ImplicitLocOpBuilder &b, const VectorISA &isa,
               const Panel &panel, bool wide);

  bool isPacked() const { return packed.has_value(); }

  /// Vectors of the columns that a word of a packed weight has.
  int64_t vectorsOfWord() const { return wide ? 4 : 2; }
  int64_t vectorsOfBlock() const { return kWeightWords * vectorsOfWord(); }

  /// The type of a vector.
  VectorType getType() const;

  /// How many are loaded together at least: those of a packed word, or a pair.
  int64_t vectorsTogether() const { return packed ? vectorsOfWord() : 2; }

  /// `count` vectors of `block` of `group` from `first` on.
  SmallVector<Value> load(Value group, Value block, Value first, int64_t count);

  /// The scales of `block` of `group`.
  Value loadScales(Value group, Value block);

  /// Asks for what comes after `block` of packed weights.
  void prefetch(ArrayRef<Value> groups, Value block);

private:
  ImplicitLocOpBuilder &b;
  const VectorISA &isa;
  const Panel &panel;
  bool wide;
  std::optional<PanelReader> packed;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_WEIGHTREADER_H
