//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an element of a tensor is computed from. A trace follows elementwise
// ops, table lookups and changes of shape back to reads of other tensors, and
// can then be evaluated for all that those may hold.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_ELEMENTTRACE_H
#define MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_ELEMENTTRACE_H

#include "LinearIndex.h"
#include "ScalarEvaluation.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace mlir::mxfp4 {

/// A computation of one element: nodes in the order of evaluation.
class ElementTrace {
public:
  struct Node {
    enum class Kind { Constant, Read, Lookup, Op } kind;
    Type type;
    /// Of a constant.
    ScalarValue value = {};
    /// What is read or looked up.
    Value tensor = {};
    /// Where a read is, in row-major order.
    std::optional<LinearIndex> place = {};
    /// Of a lookup: all elements, in row-major order.
    SmallVector<ScalarValue, 0> table = {};
    Operation *op = nullptr;
    /// Of an op, and the indices of a lookup.
    SmallVector<unsigned, 3> operands = {};
  };

  /// The element of `tensor` at `indices`, or nothing if it depends on what
  /// cannot be followed. Variables of the indices have the sizes `sizes`.
  static std::optional<ElementTrace>
  create(Value tensor, ArrayRef<LinearIndex> indices, ArrayRef<int64_t> sizes);

  ArrayRef<Node> getNodes() const { return nodes; }

  /// True if both do the same with what they read, in the same tensors.
  bool isSameComputation(const ElementTrace &other) const;

  /// True if what is read of `factor` is a factor of the element, once.
  bool isMultipleOf(Value factor) const;

  /// The element, with `readValue` for each read in the order of nodes; nothing
  /// if it is not defined.
  std::optional<ScalarValue>
  evaluate(llvm::function_ref<ScalarValue(const Node &)> readValue) const;

private:
  friend class ElementTracer;
  SmallVector<Node> nodes;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_ELEMENTTRACE_H
