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

/// Decoded weights at a time: the first cache of most processors has 32 KiB,
/// and rows go through it beside them. The sums of so many rows, with two
/// groups of weight rows, take little of it.
constexpr int64_t kDecodedBytes = 16 * 1024;
constexpr int64_t kRowsOfBlock = 64;

/// The rows `input` [..., K] as integers (F24), [..., K / 32, E]. A block is
/// its integers, then the scale of those as an f32, halved because weights are
/// doubled, and the i32 or two i16 that its sums of products start from to make
/// up for kWeightOffset. The integers are 16 bits each, or planes of a byte of
/// each, the highest first, as `isa` multiplies so many rows best; those of a
/// word of a weight follow each other in the order in which it is decoded.
Value emitIntegerRows(ImplicitLocOpBuilder &b, const VectorISA &isa,
                      Value input, Value tokens, InputFormat format);

/// True if `row` is one of those.
bool isIntegerRow(const ActivationRow &row);

/// The sums of emitPanelProduct with such rows, one group after the other.
SmallVector<Value> emitIntegerProduct(ImplicitLocOpBuilder &b,
                                      const VectorISA &isa, const Panel &panel,
                                      ArrayRef<Value> groups,
                                      ArrayRef<ActivationRow> rows);

/// True if weights are decoded once for the rows `input` where there are many:
/// integers, unless two are multiplied at a time, which takes all registers.
bool decodesOnce(const VectorISA &isa, Value input);

/// The same for all rows in `range`, where decodesOnce, of which `getRows`
/// gives some consecutive ones of `input`; `finish` takes the sums of a row
/// with each of `groups`. Weights are decoded once for kRowsOfBlock rows, or
/// with AVX2 for each tile of few.
void emitIntegerProducts(
    ImplicitLocOpBuilder &b, const VectorISA &isa, const Panel &panel,
    ArrayRef<Value> groups, Value input, IndexRange range,
    function_ref<SmallVector<ActivationRow>(Value first, int64_t count)>
        getRows,
    function_ref<void(Value row, ArrayRef<Value> sums)> finish);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_INTEGERPRODUCT_H
