//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of dense panels in bf16 with activations in bf16, by instructions
// that add up the products of pairs in f32.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_BF16PRODUCT_H
#define MXFP4_LIB_CONVERSION_UTILS_BF16PRODUCT_H

#include "VectorCode.h"

namespace mlir::mxfp4 {

/// True if `isa` multiplies `panel` by rows of `activations` as bf16 numbers.
bool hasBF16Product(const VectorISA &isa, const Panel &panel,
                    Value activations);

/// How many columns of such a row stand together where rows are packed: those
/// of a lane, or of a row of a matrix.
int64_t getBF16Depth(const VectorISA &isa, const Panel &panel);

/// The sums of emitPanelProduct, one group after the other, of one row or of
/// packed rows. A row has the same sums, to the bit, whatever is multiplied
/// along with it.
SmallVector<Value> emitBF16Product(ImplicitLocOpBuilder &b,
                                   const VectorISA &isa, const Panel &panel,
                                   ArrayRef<Value> groups,
                                   ArrayRef<ActivationRow> rows);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_BF16PRODUCT_H
