//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pieces of scalar and vector code that several lowerings emit: exact
// conversions of the narrow formats, and loops over tensors.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_SCALARCODE_H
#define MXFP4_LIB_CONVERSION_UTILS_SCALARCODE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

namespace mlir::mxfp4 {

/// `type` with the element type `element`: a vector of the same shape or the
/// scalar.
Type withElement(Type type, Type element);

/// A constant of an integer or float type, or a vector of one that holds it in
/// every lane.
Value constantInt(ImplicitLocOpBuilder &b, Type type, int64_t value);
Value constantFloat(ImplicitLocOpBuilder &b, Type type, double value);
Value constantIndex(ImplicitLocOpBuilder &b, int64_t value);

/// Arithmetic of indices, which are not negative.
Value addIndex(ImplicitLocOpBuilder &b, Value x, Value y);
Value addIndex(ImplicitLocOpBuilder &b, Value x, int64_t y);
Value subIndex(ImplicitLocOpBuilder &b, Value x, Value y);
Value mulIndex(ImplicitLocOpBuilder &b, Value x, int64_t y);
Value divIndex(ImplicitLocOpBuilder &b, Value x, int64_t y);
Value remIndex(ImplicitLocOpBuilder &b, Value x, int64_t y);

/// `value` (a float or a vector of floats) in the element type `element`.
Value convertFloat(ImplicitLocOpBuilder &b, Value value, Type element);

/// The f32 value of a code of `format`, given as an i32 or a vector of them
/// with no other bits set (F3).
Value decodeElement(ImplicitLocOpBuilder &b, const mx::ElementFormat &format,
                    Value code);

/// The f32 value of a scale byte, given in the same way (F4, F22).
Value decodeScale(ImplicitLocOpBuilder &b, mx::ScaleFormat format, Value byte);

/// The code of `format` as an i32 that the f32 `value`, which is no NaN, is
/// rounded to, saturating (F7). Stochastic rounding takes `random`, an i32
/// below 256 (F21); else it is null.
Value encodeElement(ImplicitLocOpBuilder &b, const mx::ElementFormat &format,
                    Value value, Rounding rounding, Value random);

/// The same for a `value` that has no sign.
Value encodeMagnitude(ImplicitLocOpBuilder &b, const mx::ElementFormat &format,
                      Value value, Rounding rounding, Value random);

/// The sign bit of a code of `format` for an f32 with the bits `bits`, an i32.
Value getSignOfCode(ImplicitLocOpBuilder &b, const mx::ElementFormat &format,
                    Value bits);

/// A signed i32 in the order of the f32 with the bits `bits`, and back.
Value flipOrder(ImplicitLocOpBuilder &b, Value bits);

/// g * sigmoid(alpha * g) * (u + 1) with both clamped to the limit, on f32 or
/// vectors of f32. `exp` makes the exponential of a value.
Value emitSwiGLU(ImplicitLocOpBuilder &b, Value gate, Value up, double alpha,
                 double limit, function_ref<Value(Value)> exp);

/// The body of a loop: gets the loop's indices and the elements of its
/// operands, the output last, and returns the new element of the output.
using LoopBody = function_ref<Value(ImplicitLocOpBuilder &, ValueRange indices,
                                    ValueRange elements)>;

/// A loop nest over tensors as a linalg.generic: `maps` gives for each input
/// and then the output the loops that index its dimensions. Loops that index no
/// dimension of the output are reductions.
Value emitLoops(ImplicitLocOpBuilder &b, unsigned loops, ValueRange inputs,
                Value output, ArrayRef<SmallVector<int64_t>> maps,
                LoopBody body);

/// Computes each element of a tensor of the shape of `output` from its indices.
Value emitElementwise(ImplicitLocOpBuilder &b, Value output, LoopBody body);

/// The float element of a tensor as an f32, and the i32 element as an index.
Value extractF32(ImplicitLocOpBuilder &b, Value tensor, ValueRange indices);
Value extractIndex(ImplicitLocOpBuilder &b, Value tensor, ValueRange indices);

/// The element of `scales`, a scale of whole tensors, for an element of the
/// weight at `indices` (F22).
Value extractTensorScale(ImplicitLocOpBuilder &b, Value scales,
                         ValueRange indices);

/// Where the element `indices` (row and column last) of a weight of `columns`
/// columns stands that `layout` arranges (F17, F18, F25). Without one that is
/// `indices`.
SmallVector<Value> getArrangedIndices(ImplicitLocOpBuilder &b,
                                      ValueRange indices, int64_t columns,
                                      LayoutAttr layout);

/// The row that is in `lane` of `group`, which may be one past the last (F18).
Value getArrangedRow(ImplicitLocOpBuilder &b, Value group, Value lane,
                     LayoutAttr layout);

/// The result of a matmul: `sums[t, n]`, which are f32, plus `bias[n]` and
/// `residual[t, n]` where not null, in the element type of `init`.
Value emitEpilogue(ImplicitLocOpBuilder &b, Value sums, Value bias,
                   Value residual, Value init);

/// An empty tensor of `element` with the given sizes, and one filled with
/// `value`.
Value emptyTensor(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes,
                  Type element);
Value filledTensor(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes,
                   Type element, double value);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_SCALARCODE_H
