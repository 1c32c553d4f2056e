//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Comparison and evaluation. Floats are computed in f64 and rounded to their
// type after each op, which gives the same as computing in f32, bf16 or f16.
//
//===----------------------------------------------------------------------===//

#include "ElementTrace.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cstring>

using namespace mlir;
using namespace mlir::mxfp4;

bool ElementTrace::isSameComputation(const ElementTrace &other) const {
  if (nodes.size() != other.nodes.size())
    return false;
  for (auto [a, b] : llvm::zip(nodes, other.nodes)) {
    if (a.kind != b.kind || a.type != b.type || a.tensor != b.tensor ||
        a.op != b.op || a.operands != b.operands)
      return false;
    if (a.kind == Node::Kind::Constant &&
        (a.value.bits != b.value.bits ||
         std::memcmp(&a.value.real, &b.value.real, sizeof(double)) != 0))
      return false;
  }
  return true;
}

bool ElementTrace::isMultipleOf(Value factor) const {
  // How often it is a factor of each node.
  SmallVector<int> degrees;
  for (const Node &node : nodes) {
    int degree = node.kind == Node::Kind::Read && node.tensor == factor;
    for (unsigned operand : node.operands)
      degree += degrees[operand];
    bool isProduct = node.kind == Node::Kind::Read ||
                     isa_and_present<arith::MulFOp, arith::ExtFOp>(node.op);
    if (degree != 0 && !isProduct)
      return false;
    degrees.push_back(degree);
  }
  return degrees.back() == 1;
}

std::optional<ScalarValue> ElementTrace::evaluate(
    llvm::function_ref<ScalarValue(const Node &)> readValue) const {
  SmallVector<std::optional<ScalarValue>, 64> values;
  for (const Node &node : nodes) {
    SmallVector<ScalarValue, 3> operands;
    for (unsigned operand : node.operands)
      if (values[operand])
        operands.push_back(*values[operand]);
    bool isDefined = operands.size() == node.operands.size();
    std::optional<ScalarValue> value;
    switch (node.kind) {
    case Node::Kind::Constant:
      value = node.value;
      break;
    case Node::Kind::Read:
      value = readValue(node);
      break;
    case Node::Kind::Lookup: {
      auto shape = cast<ShapedType>(node.tensor.getType()).getShape();
      int64_t place = 0;
      for (size_t i = 0; isDefined && i < shape.size(); ++i) {
        auto index = static_cast<int64_t>(operands[i].bits);
        isDefined = index >= 0 && index < shape[i];
        place = place * shape[i] + index;
      }
      if (isDefined)
        value = node.table[place];
      break;
    }
    case Node::Kind::Op:
      if (auto select = dyn_cast<arith::SelectOp>(node.op)) {
        // What is not taken need not be defined.
        if (std::optional<ScalarValue> taken = values[node.operands[0]])
          value = values[node.operands[taken->bits & 1 ? 1 : 2]];
      } else if (isDefined) {
        value = evaluateOp(node.op, operands);
      }
      break;
    }
    values.push_back(value);
  }
  return values.back();
}
