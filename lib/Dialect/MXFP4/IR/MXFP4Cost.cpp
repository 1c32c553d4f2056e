//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the ops of the mxfp4 dialect read, write and compute.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

#include "mxfp4/Dialect/MXFP4/IR/MXFP4Interfaces.cpp.inc"

/// Adds `amount` to `sum`, which ends at the largest integer.
static void addTo(int64_t &sum, int64_t amount) {
  if (llvm::AddOverflow(sum, amount, sum))
    sum = std::numeric_limits<int64_t>::max();
}

/// Adds `amount` for each of `rows`, as Cost says.
static void addRows(int64_t rows, int64_t amount, int64_t &fixed,
                    int64_t &perToken) {
  if (ShapedType::isDynamic(rows))
    addTo(perToken, amount);
  else
    addTo(fixed, multiplySizes(rows, amount));
}

void Cost::addBytesPerPosition(int64_t amount) {
  addTo(bytesPerPosition, amount);
}

void Cost::addBytes(int64_t rows, int64_t amount) {
  addRows(rows, amount, bytes, bytesPerToken);
}

void Cost::addFlops(int64_t rows, int64_t amount) {
  addRows(rows, amount, flops, flopsPerToken);
}

/// Bytes of the elements of `type`, with 1 for each dynamic dimension.
static int64_t getStaticBytes(ShapedType type) {
  int64_t elements = 1;
  for (int64_t size : type.getShape())
    elements = multiplySizes(elements, ShapedType::isDynamic(size) ? 1 : size);
  if (isa<Float4E2M1FNType>(type.getElementType()))
    return llvm::divideCeil(elements, 2); // F2
  return multiplySizes(elements, type.getElementType().isIntOrFloat()
                                     ? getElementBytes(type.getElementType())
                                     : 8);
}

void Cost::addBytes(ShapedType type) {
  if (type.hasRank())
    addBytes(type.hasStaticShape() ? 1 : ShapedType::kDynamic,
             getStaticBytes(type));
}

namespace {
struct CostField {
  StringLiteral name;
  int64_t mx::OpCost::*field;
};
} // namespace

static constexpr CostField kFields[] = {
    {"bytes", &Cost::bytes},
    {"bytes_per_token", &Cost::bytesPerToken},
    {"bytes_per_position", &Cost::bytesPerPosition},
    {"bytes_per_expert", &Cost::bytesPerExpert},
    {"experts", &Cost::experts},
    {"experts_per_token", &Cost::expertsPerToken},
    {"flops", &Cost::flops},
    {"flops_per_token", &Cost::flopsPerToken},
    {"flops_per_pair", &Cost::flopsPerPair},
    {"window", &Cost::window},
    {"own_sequences", &Cost::ownSequences}};

DictionaryAttr Cost::getAttr(MLIRContext *context) const {
  Builder builder(context);
  SmallVector<NamedAttribute> fields;
  for (const CostField &field : kFields)
    if (int64_t value = this->*field.field)
      fields.push_back(
          builder.getNamedAttr(field.name, builder.getI64IntegerAttr(value)));
  return builder.getDictionaryAttr(fields);
}

Cost Cost::get(DictionaryAttr fields) {
  Cost cost;
  for (const CostField &field : kFields)
    if (auto value = fields.getAs<IntegerAttr>(field.name))
      cost.*field.field = value.getInt();
  return cost;
}

Cost mxfp4::getOperandCost(Operation *op, ValueRange except) {
  Cost cost;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<ShapedType>(operand.getType()))
      if (!llvm::is_contained(except, operand))
        cost.addBytes(type);
  return cost;
}

int64_t mxfp4::getRowFlops(int64_t rows, int64_t columns) {
  return multiplySizes(2, multiplySizes(rows, columns));
}

Cost MatmulOp::getCost() {
  ShapedType input = getInput().getType();
  Cost cost = getOperandCost(*this);
  cost.addFlops(
      input.getDimSize(0),
      getRowFlops(getInit().getType().getDimSize(1), input.getDimSize(1)));
  return cost;
}

Cost MatmulByExpertOp::getCost() {
  ShapedType input = getInput().getType(), values = getValues().getType();
  ShapedType chosen = getExperts().getType();
  int64_t experts = values.getDimSize(0);
  int64_t tokens = chosen.getDimSize(0), slots = chosen.getDimSize(1);
  SmallVector<Value> ofExperts = {getValues(), getScales()};
  if (getBias())
    ofExperts.push_back(getBias());

  Cost cost = getOperandCost(*this, ofExperts);
  Cost weights;
  for (Value weight : ofExperts)
    weights.addBytes(cast<ShapedType>(weight.getType()));
  int64_t expertBytes = weights.bytes / std::max<int64_t>(experts, 1);
  if (ShapedType::isDynamic(tokens)) {
    cost.bytesPerExpert = expertBytes;
    cost.experts = experts;
    cost.expertsPerToken = slots;
  } else {
    cost.addBytes(std::min(multiplySizes(tokens, slots), experts), expertBytes);
  }
  int64_t rows = getInit().getType().getShape().back();
  if (getActivation())
    rows = multiplySizes(rows, 2);
  cost.addFlops(
      tokens, multiplySizes(slots, getRowFlops(rows, input.getShape().back())));
  return cost;
}
