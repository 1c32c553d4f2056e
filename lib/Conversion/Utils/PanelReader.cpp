//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits loads of weights and activations.
//
//===----------------------------------------------------------------------===//

#include "PanelReader.h"

using namespace mlir;
using namespace mlir::mxfp4;

bool mxfp4::isPanelType(Type weight) {
  return weight.isF32() || weight.isBF16() || weight.isInteger(8) ||
         isa<Float8E4M3FNType, Float8E5M2Type>(weight);
}

int64_t mxfp4::getPanelDepth(Type weight) {
  constexpr int64_t laneBits = 32;
  int64_t bits = weight.isInteger(8) ? 4 : weight.getIntOrFloatBitWidth();
  return laneBits / bits;
}

bool mxfp4::isActivationType(Type activation) {
  return activation.isF32() || activation.isBF16();
}

PanelReader::PanelReader(ImplicitLocOpBuilder &b, const VectorISA &isa,
                         const Panel &panel)
    : b(b), isa(isa), panel(panel),
      element(cast<MemRefType>(panel.values.getType()).getElementType()) {
  if (panel.scales)
    format = getBlockFormat(cast<MemRefType>(panel.values.getType()),
                            cast<MemRefType>(panel.scales.getType()));
}

Value PanelReader::loadWords(Value group, Value word) {
  SmallVector<Value> indices(panel.prefix);
  indices.append({group, word, constantIndex(b, 0)});
  int64_t perLane = 32 / element.getIntOrFloatBitWidth();
  Value raw =
      vector::LoadOp::create(b, VectorType::get({isa.lanes * perLane}, element),
                             panel.values, indices);
  Type words = VectorType::get({isa.lanes}, b.getI32Type());
  return vector::BitCastOp::create(b, words, raw);
}

Value PanelReader::decode(Value words, int64_t index) {
  Type i32 = words.getType();
  VectorType f32 = getF32Vector(b, isa.lanes);
  if (element.isInteger(8))
    return decodeNibbles(b, isa, words, index);
  if (format)
    return decodeElement(b, format->element, extractByte(words, index));
  if (element.isF32())
    return arith::BitcastOp::create(b, f32, words);
  return splitBF16(words, i32, f32, index);
}

Value PanelReader::loadScales(Value group, Value block) {
  SmallVector<Value> indices(panel.prefix);
  indices.append({group, block, constantIndex(b, 0)});
  Type scale = cast<MemRefType>(panel.scales.getType()).getElementType();
  Value raw = vector::LoadOp::create(b, VectorType::get({isa.lanes}, scale),
                                     panel.scales, indices);
  Type bytes = VectorType::get({isa.lanes}, b.getI8Type());
  Type i32 = VectorType::get({isa.lanes}, b.getI32Type());
  return decodeScale(
      b, format->scale,
      arith::ExtUIOp::create(b, i32, arith::BitcastOp::create(b, bytes, raw)));
}

int64_t PanelReader::getActivationStep(const ActivationRow &row,
                                       int64_t depth) {
  Type type = cast<MemRefType>(row.memref.getType()).getElementType();
  return type.isBF16() && depth % 2 == 0 ? 2 : 1;
}

SmallVector<Value> PanelReader::loadActivations(const ActivationRow &row,
                                                Value column, int64_t count) {
  VectorType f32 = getF32Vector(b, isa.lanes);
  Type type = cast<MemRefType>(row.memref.getType()).getElementType();
  SmallVector<Value> indices(row.prefix);
  indices.push_back(column);
  if (count == 1) {
    Value scalar = memref::LoadOp::create(b, row.memref, indices);
    return {vector::BroadcastOp::create(
        b, f32, convertFloat(b, scalar, b.getF32Type()))};
  }
  Value pair = vector::LoadOp::create(b, VectorType::get({2}, type), row.memref,
                                      indices);
  Value word = vector::ExtractOp::create(
      b,
      vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), pair),
      0);
  Type i32 = f32.clone(b.getI32Type());
  Value words = vector::BroadcastOp::create(b, i32, word);
  return {splitBF16(words, i32, f32, 0), splitBF16(words, i32, f32, 1)};
}

void PanelReader::prefetchWords(ArrayRef<Value> groups, Value word,
                                int64_t count) {
  auto type = cast<MemRefType>(panel.values.getType());
  int64_t numGroups = type.getDimSize(type.getRank() - 3);
  int64_t numWords = type.getDimSize(type.getRank() - 2);
  int64_t wordBytes = 4 * isa.lanes;
  Value ahead = addIndex(b, word, kBytesAhead / wordBytes);
  Value isNext = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, ahead,
                                       constantIndex(b, numWords));
  ahead = arith::SelectOp::create(
      b, isNext, subIndex(b, ahead, constantIndex(b, numWords)), ahead);
  ahead = arith::MinUIOp::create(b, ahead, constantIndex(b, numWords - count));
  Value offset = arith::SelectOp::create(
      b, isNext, constantIndex(b, groups.size()), constantIndex(b, 0));
  for (Value group : groups) {
    Value next =
        arith::MinUIOp::create(b, arith::AddIOp::create(b, group, offset),
                               constantIndex(b, numGroups - 1));
    for (int64_t i = 0; i < count;
         i += std::max<int64_t>(1, kLineBytes / wordBytes)) {
      SmallVector<Value> indices(panel.prefix);
      indices.append({next, addIndex(b, ahead, i), constantIndex(b, 0)});
      memref::PrefetchOp::create(b, panel.values, indices, /*isWrite=*/false,
                                 /*localityHint=*/3, /*isDataCache=*/true);
    }
  }
}

Value PanelReader::extractByte(Value words, int64_t index) {
  Type i32 = words.getType();
  Value moved =
      arith::ShRUIOp::create(b, words, constantInt(b, i32, 8 * index));
  return arith::AndIOp::create(b, moved, constantInt(b, i32, 0xFF));
}

Value PanelReader::splitBF16(Value words, Type i32, Type f32, int64_t index) {
  Value bits =
      index == 0
          ? arith::ShLIOp::create(b, words, constantInt(b, i32, 16)).getResult()
          : arith::AndIOp::create(b, words, constantInt(b, i32, 0xFFFF0000))
                .getResult();
  return arith::BitcastOp::create(b, f32, bits);
}

Value PanelReader::decodeBytes(Value words, int64_t parity) {
  Type i32 = words.getType();
  Value codes = words;
  if (parity != 0)
    codes = arith::ShRUIOp::create(b, words, constantInt(b, i32, 4));
  codes = arith::AndIOp::create(b, codes, constantInt(b, i32, 0x0F0F0F0F));
  return lookUpBytes(b, isa, codes);
}
