//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Code on whole tensors that passes put between ops: other shapes, other
// element types, and 4-bit codes two in a byte or one for itself.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_TENSORCODE_H
#define MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_TENSORCODE_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mxfp4 {

/// `tensor`, of static shape, in the shape `shape` of as many elements.
Value reshapeTensor(OpBuilder &builder, Location loc, Value tensor,
                    ArrayRef<int64_t> shape);

/// `value`, a float, in a wider or narrower float type.
Value convertFloat(OpBuilder &builder, Location loc, Value value, Type type);

/// `tensor` with its elements in a wider or narrower float type.
Value convertTensor(OpBuilder &builder, Location loc, Value tensor,
                    Type element);

/// `tensor` with its elements as those of `element` that have the same bits.
Value bitcastTensor(OpBuilder &builder, Location loc, Value tensor,
                    Type element);

/// Puts the elements `codes` [..., K], of a 4-bit type or `i8` of which the low
/// bits count, two in a byte [..., K / 2] (F2).
Value packNibbles(ImplicitLocOpBuilder &b, Value codes);

/// The elements [..., K] of a 4-bit type `element` that `bytes` [..., K / 2]
/// hold.
Value unpackNibbles(ImplicitLocOpBuilder &b, Value bytes, Type element);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_TENSORCODE_H
