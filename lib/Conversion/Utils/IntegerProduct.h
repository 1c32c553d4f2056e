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

/// The rows `input` [..., K] as integers (F24), [..., K / 32, W] of i32. The W
/// words of a block are its planes of 8 words, the highest first, then the
/// scale of its integers as an f32, halved because weights are doubled, and
/// what its sum of products starts from to make up for kWeightOffset. A plane
/// holds a byte of each integer; the 8 columns of a word of a weight are two
/// words, of the even and of the odd columns.
Value emitIntegerRows(ImplicitLocOpBuilder &b, Value input, Value tokens,
                      InputFormat format);

/// True if `row` is one of those.
bool isIntegerRow(const ActivationRow &row);

/// As emitPanelProduct, with such rows.
SmallVector<SmallVector<Value>>
emitIntegerProduct(ImplicitLocOpBuilder &b, const VectorISA &isa,
                   const Panel &panel, ArrayRef<Value> groups,
                   ArrayRef<ActivationRow> rows);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_INTEGERPRODUCT_H
