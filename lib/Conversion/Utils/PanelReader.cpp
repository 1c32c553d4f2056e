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

#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;

bool mxfp4::isPanelType(Type weight) {
  return weight.isF32() || weight.isBF16() || weight.isInteger(8) ||
         isa<Float8E4M3FNType, Float8E5M2Type>(weight);
}

int64_t mxfp4::getPanelDepth(Type weight) {
  // 8-bit elements of a column stand together, so that a vector of them has one
  // in each lane.
  if (isa<Float8E4M3FNType, Float8E5M2Type>(weight))
    return 1;
  constexpr int64_t laneBits = 32;
  int64_t bits = weight.isInteger(8) ? 4 : weight.getIntOrFloatBitWidth();
  return laneBits / bits;
}

int64_t mxfp4::getDenseStep(int64_t columns, int64_t depth) {
  for (int64_t step : {16, 8, 4, 2})
    if (step % depth == 0 && columns % step == 0)
      return step;
  return depth;
}

SmallVector<Value> mxfp4::getActivationIndices(ImplicitLocOpBuilder &b,
                                               const ActivationRow &row,
                                               Value column) {
  SmallVector<Value> indices(row.prefix);
  if (row.step)
    indices[0] =
        arith::AddIOp::create(b, row.prefix[0], mulIndex(b, column, row.step));
  else
    indices.push_back(column);
  return indices;
}

PanelReader::PanelReader(ImplicitLocOpBuilder &b, const VectorISA &isa,
                         const Panel &panel)
    : b(b), vectors(isa), panel(panel),
      element(cast<MemRefType>(panel.values.getType()).getElementType()),
      values(panel.values) {
  if (panel.scales)
    format = getBlockFormat(cast<MemRefType>(panel.values.getType()),
                            cast<MemRefType>(panel.scales.getType()));
  if (!hasBytes())
    return;
  int64_t rank = cast<MemRefType>(values.getType()).getRank();
  SmallVector<ReassociationIndices> dimensions;
  for (int64_t i = 0; i + 1 < rank; ++i)
    dimensions.push_back({i});
  dimensions.back().push_back(rank - 1);
  values = memref::CollapseShapeOp::create(b, values, dimensions);
}

bool PanelReader::hasBytes() const {
  return isa<Float8E4M3FNType, Float8E5M2Type>(element);
}

int64_t PanelReader::getWordColumns() const {
  return hasBytes() ? 2 : getPanelDepth(element);
}

int64_t PanelReader::getWordBytes() const {
  return hasBytes() ? 2 * vectors.lanes : 4 * vectors.lanes;
}

SmallVector<Value> PanelReader::getWordIndices(Value group, Value word) {
  SmallVector<Value> indices(panel.prefix);
  indices.push_back(group);
  if (hasBytes())
    indices.push_back(mulIndex(b, word, getWordBytes()));
  else
    indices.append({word, constantIndex(b, 0)});
  return indices;
}

Value PanelReader::loadWords(Value group, Value word) {
  int64_t elements = getWordBytes() * 8 / element.getIntOrFloatBitWidth();
  Value raw = vector::LoadOp::create(b, VectorType::get({elements}, element),
                                     values, getWordIndices(group, word));
  if (hasBytes())
    return raw;
  Type words = VectorType::get({vectors.lanes}, b.getI32Type());
  return vector::BitCastOp::create(b, words, raw);
}

Value PanelReader::decode(Value words, int64_t index) {
  Type i32 = words.getType();
  VectorType f32 = getF32Vector(b, vectors.lanes);
  if (element.isInteger(8))
    return decodeNibbles(b, vectors, words, index);
  if (hasBytes())
    return vector::ExtractStridedSliceOp::create(
        b, decodeBytes(b, vectors, format->element, words),
        ArrayRef<int64_t>{index * vectors.lanes},
        ArrayRef<int64_t>{vectors.lanes}, ArrayRef<int64_t>{1});
  if (element.isF32())
    return arith::BitcastOp::create(b, f32, words);
  return splitBF16(words, i32, f32, index);
}

SmallVector<Value> PanelReader::markNaN(ArrayRef<Value> sums, Value group,
                                        Value word, int64_t count) {
  if (!isa<Float8E4M3FNType>(element) || !vectors.hasF16)
    return SmallVector<Value>(sums);
  // Without its sign a NaN is the largest code. Bytes are taken from two words
  // at a time, and those of a row are four in a vector.
  auto type = VectorType::get({2 * getWordBytes()}, b.getI8Type());
  Value largest = constantInt(b, type, 0);
  for (int64_t i = 0; i < count; i += 2) {
    Value raw =
        vector::LoadOp::create(b, type.clone(element), values,
                               getWordIndices(group, addIndex(b, word, i)));
    Value bytes = arith::BitcastOp::create(b, type, raw);
    largest = arith::MaxUIOp::create(b, largest,
                                     arith::AddIOp::create(b, bytes, bytes));
  }
  for (int64_t size = getWordBytes(); size >= vectors.lanes; size /= 2) {
    auto half = [&](int64_t offset) -> Value {
      return vector::ExtractStridedSliceOp::create(
          b, largest, ArrayRef<int64_t>{offset}, ArrayRef<int64_t>{size},
          ArrayRef<int64_t>{1});
    };
    largest = arith::MaxUIOp::create(b, half(0), half(size));
  }
  Value isNaN = arith::CmpIOp::create(
      b, arith::CmpIPredicate::eq, largest,
      constantInt(b, largest.getType(), 2 * mx::kE4M3.nan));
  Value nan = constantFloat(b, getF32Vector(b, vectors.lanes),
                            std::numeric_limits<float>::quiet_NaN());
  SmallVector<Value> marked;
  for (Value sum : sums)
    marked.push_back(arith::SelectOp::create(b, isNaN, nan, sum));
  return marked;
}

double PanelReader::getFactor() const {
  return hasBytes() ? getFactorOfBytes(vectors, format->element) : 1.0;
}

Value PanelReader::loadScaleCodes(Value group, Value block) {
  SmallVector<Value> indices(panel.prefix);
  indices.append({group, block, constantIndex(b, 0)});
  Type scale = cast<MemRefType>(panel.scales.getType()).getElementType();
  Value raw = vector::LoadOp::create(b, VectorType::get({vectors.lanes}, scale),
                                     panel.scales, indices);
  Type bytes = VectorType::get({vectors.lanes}, b.getI8Type());
  Type i32 = VectorType::get({vectors.lanes}, b.getI32Type());
  return arith::ExtUIOp::create(b, i32,
                                arith::BitcastOp::create(b, bytes, raw));
}

Value PanelReader::loadScales(Value group, Value block) {
  return decodeScale(b, format->scale, loadScaleCodes(group, block));
}

int64_t PanelReader::getActivationStep(const ActivationRow &row,
                                       int64_t depth) {
  Type type = cast<MemRefType>(row.memref.getType()).getElementType();
  return type.isBF16() && depth % 2 == 0 ? 2 : 1;
}

SmallVector<Value> PanelReader::loadActivations(const ActivationRow &row,
                                                Value column, int64_t count) {
  VectorType f32 = getF32Vector(b, vectors.lanes);
  Type type = cast<MemRefType>(row.memref.getType()).getElementType();
  SmallVector<Value> indices = getActivationIndices(b, row, column);
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

/// How far ahead of what is read of each group memory is asked for: with
/// several groups less, since it all has to be on its way at the same time.
static int64_t getBytesAhead(ArrayRef<Value> groups) {
  return groups.size() > 1 ? kBytesAhead / 2 : kBytesAhead;
}

void PanelReader::prefetch(ArrayRef<Value> groups, Value word, int64_t count) {
  if (!format && vectors.fetchesAhead)
    return;
  auto type = cast<MemRefType>(panel.values.getType());
  int64_t numGroups = type.getDimSize(type.getRank() - 3);
  int64_t numWords = panel.columns / getWordColumns();
  int64_t wordBytes = getWordBytes();
  auto ask = [&](Value memref, ValueRange indices) {
    memref::PrefetchOp::create(b, memref, indices, /*isWrite=*/false,
                               /*localityHint=*/3, /*isDataCache=*/true);
  };
  auto moveGroup = [&](Value group, Value offset) -> Value {
    return arith::MinUIOp::create(b, arith::AddIOp::create(b, group, offset),
                                  constantIndex(b, numGroups - 1));
  };
  Value ahead = addIndex(b, word, getBytesAhead(groups) / wordBytes);
  Value isNext = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, ahead,
                                       constantIndex(b, numWords));
  ahead = arith::SelectOp::create(
      b, isNext, subIndex(b, ahead, constantIndex(b, numWords)), ahead);
  ahead = arith::MinUIOp::create(b, ahead, constantIndex(b, numWords - count));
  Value size = constantIndex(b, groups.size());
  Value offset = arith::SelectOp::create(b, isNext, size, constantIndex(b, 0));
  for (Value group : groups) {
    Value next = moveGroup(group, offset);
    for (int64_t i = 0; i < count;
         i += std::max<int64_t>(1, kLineBytes / wordBytes))
      ask(values, getWordIndices(next, addIndex(b, ahead, i)));
  }
  if (!format)
    return;
  // The scales of a group are less than a page.
  Value block = arith::DivUIOp::create(b, word, constantIndex(b, count));
  for (Value group : groups) {
    SmallVector<Value> indices(panel.prefix);
    indices.append({moveGroup(group, size), block, constantIndex(b, 0)});
    ask(panel.scales, indices);
  }
}

Value PanelReader::splitBF16(Value words, Type i32, Type f32, int64_t index) {
  Value bits =
      index == 0
          ? arith::ShLIOp::create(b, words, constantInt(b, i32, 16)).getResult()
          : arith::AndIOp::create(b, words, constantInt(b, i32, 0xFFFF0000))
                .getResult();
  return arith::BitcastOp::create(b, f32, bits);
}

Value PanelReader::decodeToBytes(Value words, int64_t parity) {
  Type i32 = words.getType();
  Value codes = words;
  if (parity != 0)
    codes = arith::ShRUIOp::create(b, words, constantInt(b, i32, 4));
  codes = arith::AndIOp::create(b, codes, constantInt(b, i32, 0x0F0F0F0F));
  return lookUpBytes(b, vectors, codes);
}
