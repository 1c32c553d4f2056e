//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensors of 4-bit codes, two in a byte or one for itself.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_NIBBLES_H
#define MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_NIBBLES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mxfp4 {

/// Puts the elements `codes` [..., K], of a 4-bit type or `i8` of which the low
/// bits count, two in a byte [..., K / 2] (F2).
Value packNibbles(ImplicitLocOpBuilder &b, Value codes);

/// The elements [..., K] of a 4-bit type `element` that `bytes` [..., K / 2]
/// hold.
Value unpackNibbles(ImplicitLocOpBuilder &b, Value bytes, Type element);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_NIBBLES_H
