//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A word of a packed weight becomes two vectors of bytes, or four of 16 bits.
//
//===----------------------------------------------------------------------===//

#include "WeightReader.h"

using namespace mlir;
using namespace mlir::mxfp4;

static bool isPackedPanel(const Panel &panel) {
  return !cast<MemRefType>(panel.scales.getType()).getElementType().isF32();
}

WeightReader::WeightReader(ImplicitLocOpBuilder &b, const VectorISA &isa,
                           const Panel &panel, bool wide)
    : b(b), isa(isa), panel(panel), wide(wide) {
  if (isPackedPanel(panel))
    packed.emplace(b, isa, panel);
}

VectorType WeightReader::getType() const {
  return VectorType::get({(wide ? 2 : 4) * isa.lanes},
                         wide ? b.getI16Type() : b.getI8Type());
}

SmallVector<Value> WeightReader::load(Value group, Value block, Value first,
                                      int64_t count) {
  SmallVector<Value> vectors;
  VectorType type = getType();
  for (int64_t i = 0; !packed && i < count; ++i)
    vectors.push_back(vector::LoadOp::create(
        b, type, panel.values,
        ValueRange{group, block,
                   mulIndex(b, addIndex(b, first, i), type.getNumElements())}));
  for (int64_t i = 0; packed && i < count; i += vectorsOfWord()) {
    Value word = divIndex(b, addIndex(b, first, i), vectorsOfWord());
    Value codes = packed->loadWords(
        group,
        arith::AddIOp::create(b, mulIndex(b, block, kWeightWords), word));
    for (int64_t parity : {0, 1}) {
      Value bytes = packed->decodeToBytes(codes, parity);
      if (wide)
        llvm::append_range(vectors, widenBytes(b, bytes));
      else
        vectors.push_back(bytes);
    }
  }
  return vectors;
}

Value WeightReader::loadScales(Value group, Value block) {
  if (packed)
    return packed->loadScales(group, block);
  return vector::LoadOp::create(b, getF32Vector(b, isa.lanes), panel.scales,
                                ValueRange{group, block, constantIndex(b, 0)});
}

void WeightReader::prefetch(ArrayRef<Value> groups, Value block) {
  if (packed)
    packed->prefetch(groups, mulIndex(b, block, kWeightWords), kWeightWords);
}
