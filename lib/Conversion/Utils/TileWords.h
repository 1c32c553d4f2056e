//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Words of eight E2M1 elements as tiled layouts store them (F25 of
// docs/Format.md), from which a few instructions make pairs of bf16.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_TILEWORDS_H
#define MXFP4_LIB_CONVERSION_UTILS_TILEWORDS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mxfp4 {

/// The word, an i32, for eight elements in an i32, the first in its low bits.
Value encodeTileWord(ImplicitLocOpBuilder &b, Value elements);

/// Elements 2i and 2i + 1 of a word, for each i of 4, as two bf16 in an i32:
/// their bits without those of the exponent that would be above, so that they
/// are 2^-126 of their values.
SmallVector<Value> decodeTileWord(ImplicitLocOpBuilder &b, Value word);

/// The code, an i32, of element number `number` of a word, an index.
Value extractFromTileWord(ImplicitLocOpBuilder &b, Value word, Value number);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_TILEWORDS_H
