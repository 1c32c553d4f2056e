//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Panel products in integers: activations as planes of signed bytes, weights as
// unsigned bytes.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_INTEGERPRODUCT_H
#define MXFP4_LIB_CONVERSION_UTILS_INTEGERPRODUCT_H

#include "VectorCode.h"

namespace mlir::mxfp4 {

/// True if `isa` multiplies elements of `panel` as integers.
bool hasIntegerProduct(const VectorISA &isa, const Panel &panel);

/// The rows `input` [..., K] as integers (F24), [..., K / 32, E]. A block is
/// its integers, then the scale of those as an f32, halved because weights are
/// doubled, and the i32 that its sum of products starts from to make up for
/// kWeightOffset. The integers are 16 bits each, or planes of a byte of each,
/// the highest first, as `isa` multiplies so many rows best; those of a word of
/// a weight follow each other in the order in which it is decoded.
Value emitIntegerRows(ImplicitLocOpBuilder &b, const VectorISA &isa,
                      Value input, Value tokens, InputFormat format);

/// True if `row` is one of those.
bool isIntegerRow(const ActivationRow &row);

/// The sums of emitPanelProduct with such rows, one group after the other.
SmallVector<Value> emitIntegerProduct(ImplicitLocOpBuilder &b,
                                      const VectorISA &isa, const Panel &panel,
                                      ArrayRef<Value> groups,
                                      ArrayRef<ActivationRow> rows);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_INTEGERPRODUCT_H
