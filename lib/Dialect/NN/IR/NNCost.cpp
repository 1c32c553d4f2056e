//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the nn ops read, write and compute.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/NN/IR/NN.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::nn;
using mxfp4::Cost;
using mxfp4::multiplySizes;

Cost EmbeddingOp::getCost() {
  ShapedType table = getTable().getType();
  Cost cost = mxfp4::getOperandCost(*this, getTable());
  cost.addBytes(getIds().getType().getDimSize(0),
                multiplySizes(table.getDimSize(1),
                              mxfp4::getElementBytes(table.getElementType())));
  return cost;
}

Cost LinearOp::getCost() {
  ShapedType input = getInput().getType();
  Cost cost = mxfp4::getOperandCost(*this);
  cost.addFlops(input.getDimSize(0),
                mxfp4::getRowFlops(getInit().getType().getDimSize(1),
                                   input.getDimSize(1)));
  return cost;
}

Cost AttentionOp::getCost() {
  ShapedType query = getQuery().getType();
  // Each position is read once, from the caches or from this call.
  Cost cost = mxfp4::getOperandCost(
      *this, {getKey(), getValue(), getKeyCache(), getValueCache()});
  ShapedType key = getKey().getType();
  for (Value cache : {getKeyCache(), getValueCache()})
    cost.addBytesPerPosition(
        multiplySizes(multiplySizes(key.getDimSize(1), key.getDimSize(2)),
                      mxfp4::getElementBytes(getElementTypeOrSelf(cache))));
  // The products with keys and with values.
  cost.flopsPerPair = multiplySizes(
      2, mxfp4::getRowFlops(query.getDimSize(1), query.getDimSize(2)));
  cost.window = getWindow().value_or(0);
  cost.ownSequences = !isa<IndexType>(getPosition().getType());
  return cost;
}

Cost CacheUpdateOp::getCost() {
  // Rows are read, and written to their places.
  Cost cost;
  for (int i = 0; i < 2; ++i)
    cost.addBytes(getInput().getType());
  return cost;
}
