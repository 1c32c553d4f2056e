//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Evaluates scalar ops of arith and math. Folding does not do: it has no pow of
// bf16, and takes the byte 0xFF of f8E8M0FNU for an infinity.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_SCALAREVALUATION_H
#define MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_SCALAREVALUATION_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"

#include <cstdint>
#include <optional>

namespace mlir::mxfp4 {

/// A number: a float as the f64 that holds it, an integer or index with the
/// bits above its width zero.
struct ScalarValue {
  double real = 0.0;
  uint64_t bits = 0;
};

/// The integer of type `type` as a signed one.
int64_t signExtend(Type type, uint64_t bits);

/// The number that the bits of an element of `type` stand for.
ScalarValue decodeBits(Type type, uint64_t bits);

/// The real number rounded to a float type of f16, bf16, f32 or f64.
double roundToFloat(Type type, double real);

/// The number an attribute or an element of one is, if it is one.
std::optional<ScalarValue> getScalar(Attribute attribute);
std::optional<ScalarValue> getElement(ElementsAttr elements, int64_t place);

/// True for ops that `evaluateOp` knows.
bool canEvaluateOp(Operation *op);

/// The result of `op`, on scalars or element by element on tensors; nothing if
/// it is not defined.
std::optional<ScalarValue> evaluateOp(Operation *op,
                                      ArrayRef<ScalarValue> operands);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_SCALAREVALUATION_H
