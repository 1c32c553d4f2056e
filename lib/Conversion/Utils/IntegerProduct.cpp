//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The inner loop of a matmul with MXFP4 weights and integer activations. As in
// the product of floats a lane is a row of the weight; what is added up in it
// are the products of the columns in 32 bits, four of bytes or two of 16-bit
// numbers, or in pairs of 16 bits. Sums of a block are exact, whichever it is.
//
//===----------------------------------------------------------------------===//

#include "IntegerProduct.h"

#include "BlockCode.h"
#include "WeightReader.h"
#include "mxfp4/Format/Bits.h"
#include "mxfp4/Format/BlockFormat.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// The words after the integers of a row of activations.
static constexpr int64_t kEndWords = 2;
/// Words of a plane, which has a byte of each integer.
static constexpr int64_t kPlaneWords = 8;
/// So many rows are few: with more it is faster to decode weights once. They
/// are multiplied in tiles of these, which is as many sums as there are
/// registers for beside those of all blocks before.
static constexpr int64_t kFewRows = 8;
static constexpr int64_t kFewRowTiles[] = {6, 5, 4, 3, 2, 1};

/// The planes of rows of bytes.
static int64_t getNumPlanes(MemRefType rows) {
  return rows.getShape().back() / mx::kBlockSize;
}

/// 16-bit integers of many rows are multiplied as they are: weights are widened
/// once for all rows. With one row that would cost more than a second plane.
static bool isWide(const VectorISA &isa, InputFormat format, bool isOneRow) {
  return format == InputFormat::Int16 && !isOneRow && hasPairProduct(isa);
}

/// True if each plane of `rows` has sums of its own: where products cannot be
/// multiplied by what their plane counts.
static bool hasSumsOfPlanes(const VectorISA &isa, MemRefType rows) {
  return rows.getElementType().isInteger(8) && getNumPlanes(rows) > 1 &&
         !hasByteProductFactor(isa);
}

/// True if products with `rows` are added up in 16 bits over a block: one plane
/// of bytes, weights without kWeightOffset of at most 12 and 16 products in
/// each sum make less than 2^15. What is larger on the way, and the offset, go
/// round the 16 bits and come back.
static bool hasPairSums(const VectorISA &isa, MemRefType rows) {
  return isa.byteProduct == VectorISA::ByteProduct::Pairs &&
         rows.getElementType().isInteger(8) && getNumPlanes(rows) == 1;
}

bool mxfp4::hasIntegerProduct(const VectorISA &isa, const Panel &panel) {
  auto values = cast<MemRefType>(panel.values.getType());
  return isa.byteProduct != VectorISA::ByteProduct::None && panel.scales &&
         values.getElementType().isInteger(8) &&
         llvm::isa<Float8E8M0FNUType>(
             cast<MemRefType>(panel.scales.getType()).getElementType());
}

bool mxfp4::isIntegerRow(const ActivationRow &row) {
  return cast<MemRefType>(row.memref.getType()).getElementType().isInteger();
}

/// The numbers of a block, as bytes or 16-bit integers, in the order of the
/// columns of decoded weights.
static Value arrangeNumbers(ImplicitLocOpBuilder &b, Value numbers) {
  auto type = cast<VectorType>(numbers.getType());
  bool isByte = type.getElementType().isInteger(8);
  SmallVector<int64_t> order;
  for (int64_t word = 0; word < kWeightWords; ++word)
    for (int64_t parity : {0, 1})
      for (int64_t first : {0, 1})
        // Bytes in turn, or the even ones and then the odd ones.
        for (int64_t second : {0, 1})
          order.push_back(
              8 * word + parity +
              2 * (isByte ? 2 * first + second : first + 2 * second));
  return vector::ShuffleOp::create(b, numbers, numbers, order);
}

Value mxfp4::emitIntegerRows(ImplicitLocOpBuilder &b, const VectorISA &isa,
                             Value input, Value tokens, InputFormat format) {
  auto type = cast<MemRefType>(input.getType());
  int64_t blocks = type.getShape().back() / mx::kBlockSize;
  int64_t rank = type.getRank();
  bool wide = isWide(isa, format, type.getDimSize(0) == 1);
  Type element = wide ? b.getI16Type() : b.getI8Type();
  int64_t elementsOfWord = 32 / element.getIntOrFloatBitWidth();
  int64_t planes = format == InputFormat::Int16 && !wide ? 2 : 1;
  SmallVector<int64_t> shape(type.getShape().drop_back());
  shape.append({blocks, planes * mx::kBlockSize + kEndWords * elementsOfWord});
  SmallVector<Value> dynamicSizes;
  if (type.isDynamicDim(0))
    dynamicSizes.push_back(tokens);
  Value rows =
      memref::AllocOp::create(b, MemRefType::get(shape, element), dynamicSizes);

  SmallVector<Value> sizes;
  for (int64_t i = 0; i < rank; ++i)
    sizes.push_back(getSize(b, rows, i));
  emitParallel(b, sizes, [&](ValueRange indices) {
    SmallVector<Value> from(indices);
    from.back() = mulIndex(b, from.back(), mx::kBlockSize);
    IntegerBlock block =
        emitIntegerBlock(b, loadF32(b, input, from, mx::kBlockSize), format);
    auto store = [&](Value value, int64_t first) {
      SmallVector<Value> at(indices);
      at.push_back(constantIndex(b, first));
      vector::StoreOp::create(b, value, rows, at);
    };
    auto storeWord = [&](Value word, int64_t index) {
      Type i32 = b.getI32Type();
      if (word.getType() != i32)
        word = arith::BitcastOp::create(b, i32, word);
      Value vector =
          vector::BroadcastOp::create(b, VectorType::get({1}, i32), word);
      auto elements = VectorType::get({elementsOfWord}, element);
      store(vector::BitCastOp::create(b, elements, vector),
            planes * mx::kBlockSize + index * elementsOfWord);
    };
    Type vectorType = block.integers.getType();
    Type numbers = withElement(vectorType, element);
    // From the lowest plane up: what a plane cannot hold is left to the next.
    Value rest = block.integers;
    for (int64_t plane = planes - 1; plane >= 0; --plane) {
      Value low = arith::TruncIOp::create(b, numbers, rest);
      store(arrangeNumbers(b, low), plane * mx::kBlockSize);
      if (plane == 0)
        break;
      rest = arith::SubIOp::create(b, rest,
                                   arith::ExtSIOp::create(b, vectorType, low));
      rest = arith::ShRSIOp::create(b, rest, constantInt(b, vectorType, 8));
    }
    storeWord(arith::MulFOp::create(b, block.scale,
                                    constantFloat(b, b.getF32Type(), 0.5)),
              0);
    Type i32 = b.getI32Type();
    auto getStart = [&](Value integers) -> Value {
      Value sum =
          vector::ReductionOp::create(b, vector::CombiningKind::ADD, integers);
      return arith::MulIOp::create(b, sum, constantInt(b, i32, -kWeightOffset));
    };
    if (!hasPairSums(isa, cast<MemRefType>(rows.getType())))
      return storeWord(getStart(block.integers), 1);
    // Half of a word each, as arrangeNumbers has the columns.
    SmallVector<int64_t> columns[2];
    for (int64_t column = 0; column < mx::kBlockSize; ++column)
      columns[column % 8 / 4].push_back(column);
    Value halves[2];
    for (size_t i : {0, 1})
      halves[i] = getStart(vector::ShuffleOp::create(
          b, block.integers, block.integers, columns[i]));
    Value low =
        arith::AndIOp::create(b, halves[0], constantInt(b, i32, 0xFFFF));
    Value high = arith::ShLIOp::create(b, halves[1], constantInt(b, i32, 16));
    storeWord(arith::OrIOp::create(b, low, high), 1);
  });
  return rows;
}

/// True for rows of 16-bit integers.
static bool isWideRows(Value rows) {
  return cast<MemRefType>(rows.getType()).getElementType().isInteger(16);
}

namespace {
/// Emits the products of the weights of a block of some groups with that block
/// of some rows of activations.
class BlockProduct {
public:
  BlockProduct(ImplicitLocOpBuilder &b, const VectorISA &isa,
               WeightReader &reader, ArrayRef<Value> groups,
               ArrayRef<ActivationRow> rows, Value block, Value activationBlock)
      : b(b), isa(isa), reader(reader), groups(groups), rows(rows),
        block(block), activationBlock(activationBlock),
        i32(VectorType::get({isa.lanes}, b.getI32Type())) {
    auto type = cast<MemRefType>(rows[0].memref.getType());
    wide = isWideRows(rows[0].memref);
    inPairs = hasPairSums(isa, type);
    elementsOfWord = 32 / type.getElementTypeBitWidth();
    words = type.getShape().back() / elementsOfWord - kEndWords;
    planes = wide ? 1 : getNumPlanes(type);
    paired = isa.hasMatrixProduct && rows.size() % 2 == 0;
  }

  /// The products, [group][row], in units of the scales of the weights.
  SmallVector<Value> multiply() {
    size_t count = groups.size() * rows.size();
    bool isApart =
        hasSumsOfPlanes(isa, cast<MemRefType>(rows[0].memref.getType()));
    Value zero = constantInt(b, i32, 0);
    SmallVector<SmallVector<Value>> sums(isApart ? planes : 1,
                                         SmallVector<Value>(count, zero));
    for (size_t i = 0; i < count; ++i) {
      Value &sum = sums.back()[i];
      sum = load(rows[i % rows.size()], constantIndex(b, words + 1));
      if (inPairs)
        sum = vector::BitCastOp::create(
            b, VectorType::get({2 * isa.lanes}, b.getI16Type()), sum);
    }
    exchangePairs(sums.back());

    int64_t step = wide || inPairs ? 1
                   : paired        ? 2 * kVectorsOfWord
                                   : getByteProductStep(isa);
    int64_t together = std::max(step, reader.vectorsTogether());
    auto addVectors = [&](Value first) {
      SmallVector<SmallVector<Value>> weights;
      for (Value group : groups)
        weights.push_back(loadWeights(group, first, together));
      for (int64_t plane = 0; plane < planes; ++plane)
        for (int64_t i = 0; i < together; i += step) {
          Value place = addIndex(b, first, plane * kPlaneWords + i);
          int64_t factor = isApart ? 1 : int64_t(1) << 8 * (planes - 1 - plane);
          addProducts(weights, i, step, place, factor,
                      sums[isApart ? plane : 0]);
        }
    };
    int64_t vectors = reader.vectorsOfBlock();
    if (reader.isPacked() || rows.size() == 1) {
      for (int64_t first = 0; first < vectors; first += together)
        addVectors(constantIndex(b, first));
    } else {
      // A loop, so that the sums stay in registers: of straight code LLVM would
      // make one for each group, with all activations on the stack.
      SmallVector<Value> carried;
      for (ArrayRef<Value> ofPlane : sums)
        llvm::append_range(carried, ofPlane);
      auto setSums = [&](ValueRange values) {
        for (auto [i, ofPlane] : llvm::enumerate(sums))
          llvm::copy(values.slice(i * count, count), ofPlane.begin());
      };
      setSums(emitFor(b, constantIndex(b, 0), constantIndex(b, vectors),
                      together, carried, [&](Value first, ValueRange values) {
                        setSums(values);
                        addVectors(first);
                        SmallVector<Value> next;
                        for (ArrayRef<Value> ofPlane : sums)
                          llvm::append_range(next, ofPlane);
                        return next;
                      }));
    }
    for (size_t plane = 1; plane < sums.size(); ++plane)
      for (size_t i = 0; i < count; ++i)
        sums[plane][i] = arith::AddIOp::create(
            b, sums[plane][i],
            arith::ShLIOp::create(b, sums[plane - 1][i],
                                  constantInt(b, i32, 8)));
    if (inPairs)
      for (Value &sum : sums.back())
        sum = emitPairSums(b, isa, sum);
    exchangePairs(sums.back());
    VectorType f32 = getF32Vector(b, isa.lanes);
    SmallVector<Value> products;
    for (size_t i = 0; i < count; ++i) {
      Value scale = arith::BitcastOp::create(
          b, f32, load(rows[i % rows.size()], constantIndex(b, words)));
      products.push_back(arith::MulFOp::create(
          b, arith::SIToFPOp::create(b, f32, sums.back()[i]), scale));
    }
    return products;
  }

private:
  /// Vectors of bytes that a word of a weight is decoded to.
  static constexpr int64_t kVectorsOfWord = 2;

  /// `count` vectors of a group from `first` on.
  SmallVector<Value> loadWeights(Value group, Value first, int64_t count) {
    SmallVector<Value> vectors = reader.load(group, block, first, count);
    if (!paired)
      return vectors;
    SmallVector<Value> weights;
    for (int64_t i = 0; i < count; i += kVectorsOfWord)
      llvm::append_range(weights,
                         interleaveWords(b, vectors[i], vectors[i + 1]));
    return weights;
  }

  /// `count` words of the block of a row from `word` on.
  Value loadWords(const ActivationRow &row, Value word, int64_t count) {
    Type element = cast<MemRefType>(row.memref.getType()).getElementType();
    SmallVector<Value> indices(row.prefix);
    indices.append({activationBlock, mulIndex(b, word, elementsOfWord)});
    Value raw = vector::LoadOp::create(
        b, VectorType::get({count * elementsOfWord}, element), row.memref,
        indices);
    return vector::BitCastOp::create(
        b, VectorType::get({count}, b.getI32Type()), raw);
  }

  /// Word `word` of the block of a row, in all lanes.
  Value load(const ActivationRow &row, Value word) {
    Value scalar = vector::ExtractOp::create(b, loadWords(row, word, 1), 0);
    return vector::BroadcastOp::create(b, i32, scalar);
  }

  /// What is sums of each of two rows becomes sums of both rows with half of
  /// the weights, and the other way round, if that is how they are multiplied.
  void exchangePairs(MutableArrayRef<Value> sums) {
    for (size_t i = 0; paired && i < sums.size(); i += 2)
      exchangeHalves(b, sums[i], sums[i + 1]);
  }

  /// Adds to `sums`, [group][row], the products of `step` vectors of weights
  /// with the words of activations from `place` on.
  void addProducts(ArrayRef<SmallVector<Value>> weights, int64_t first,
                   int64_t step, Value place, int64_t factor,
                   MutableArrayRef<Value> sums) {
    if (paired)
      return addPairs(weights, place, sums);
    for (size_t row = 0; row < rows.size(); ++row) {
      SmallVector<Value> activations;
      for (int64_t i = 0; i < step; ++i)
        activations.push_back(load(rows[row], addIndex(b, place, i)));
      for (size_t group = 0; group < groups.size(); ++group) {
        Value &sum = sums[group * rows.size() + row];
        ArrayRef<Value> vectors =
            ArrayRef<Value>(weights[group]).slice(first, step);
        sum = wide ? emitPairProduct(b, isa, vectors[0], activations[0], sum)
              : inPairs
                  ? emitBytePairs(b, isa, vectors[0], activations[0], sum)
                  : emitByteProducts(b, isa, vectors, activations, sum, factor);
      }
    }
  }

  /// Adds to `sums`, exchanged, the products of two words of weights with the
  /// four of activations from `place` on.
  void addPairs(ArrayRef<SmallVector<Value>> weights, Value place,
                MutableArrayRef<Value> sums) {
    for (size_t row = 0; row < rows.size(); row += 2) {
      // Two words of both rows, and the other two.
      Value halves[] = {loadWords(rows[row], place, 4),
                        loadWords(rows[row + 1], place, 4)};
      exchangeHalves(b, halves[0], halves[1]);
      for (size_t word : {0, 1})
        for (size_t group = 0; group < groups.size(); ++group)
          for (size_t half : {0, 1}) {
            Value &sum = sums[group * rows.size() + row + half];
            sum = emitMatrixProduct(b, halves[word],
                                    weights[group][2 * word + half], sum);
          }
    }
  }

  ImplicitLocOpBuilder &b;
  const VectorISA &isa;
  WeightReader &reader;
  ArrayRef<Value> groups;
  ArrayRef<ActivationRow> rows;
  /// Of the weights, and of the activations.
  Value block, activationBlock;
  VectorType i32;
  /// True for 16-bit integers, false for planes.
  bool wide;
  /// True if a block is added up in 16 bits.
  bool inPairs;
  /// True if two rows are multiplied at a time, by two rows of weights.
  bool paired;
  int64_t elementsOfWord;
  /// Words of the integers of a block.
  int64_t words;
  int64_t planes;
};
} // namespace

/// How many of `groups` are multiplied with `rows` in one loop.
static size_t getGroupsTogether(const VectorISA &isa,
                                const WeightReader &reader, size_t groups,
                                ArrayRef<ActivationRow> rows) {
  // With one row memory is the limit, and read fastest from one end to the
  // other; but where each product waits for the one before, other groups have
  // to fill the time.
  bool hasPairs = isa.byteProduct == VectorISA::ByteProduct::Pairs;
  if (rows.size() == 1)
    return hasPairs ? 1 : groups;
  // With many rows groups share what is loaded of those, unless the sums of
  // planes are more than there are registers, or weights are decoded there too.
  if (hasSumsOfPlanes(isa, cast<MemRefType>(rows[0].memref.getType())) ||
      (hasPairs && reader.isPacked()))
    return 1;
  return groups;
}

/// `sums`, [group][row], plus the products of `count` blocks of `groups` with
/// those of `rows` from `firstBlock` on.
static SmallVector<Value>
emitProducts(ImplicitLocOpBuilder &b, const VectorISA &isa, const Panel &panel,
             ArrayRef<Value> groups, ArrayRef<ActivationRow> rows,
             Value firstBlock, Value count, ArrayRef<Value> sums) {
  WeightReader reader(b, isa, panel, isWideRows(rows[0].memref));
  size_t together = getGroupsTogether(isa, reader, groups.size(), rows);
  SmallVector<Value> results;
  for (size_t first = 0; first < groups.size(); first += together) {
    ArrayRef<Value> own = groups.slice(first, together);
    llvm::append_range(
        results,
        emitFor(b, constantIndex(b, 0), count, 1,
                sums.slice(first * rows.size(), together * rows.size()),
                [&](Value block, ValueRange carried) {
                  // With matrix products tiles before have read the weights;
                  // decoded ones are in the cache, and the reader knows.
                  if (rows.size() == 1 || !isa.hasMatrixProduct)
                    reader.prefetch(own, block);
                  SmallVector<Value> next;
                  Value ofRows = arith::AddIOp::create(b, firstBlock, block);
                  for (Value product :
                       BlockProduct(b, isa, reader, own, rows, block, ofRows)
                           .multiply()) {
                    Value group = own[next.size() / rows.size()];
                    next.push_back(emitMultiplyAdd(
                        b, isa, product, reader.loadScales(group, block),
                        carried[next.size()]));
                  }
                  return next;
                }));
  }
  return results;
}

SmallVector<Value> mxfp4::emitIntegerProduct(ImplicitLocOpBuilder &b,
                                             const VectorISA &isa,
                                             const Panel &panel,
                                             ArrayRef<Value> groups,
                                             ArrayRef<ActivationRow> rows) {
  Value zero = constantFloat(b, getF32Vector(b, isa.lanes), 0.0);
  return emitProducts(b, isa, panel, groups, rows, constantIndex(b, 0),
                      constantIndex(b, panel.columns / mx::kBlockSize),
                      SmallVector<Value>(groups.size() * rows.size(), zero));
}

/// Decodes `count` blocks of `groups` of `panel` from `firstBlock` on to the
/// first ones of `decoded`.
static void decodeBlocks(ImplicitLocOpBuilder &b, const VectorISA &isa,
                         const Panel &panel, ArrayRef<Value> groups,
                         Value firstBlock, Value count, const Panel &decoded) {
  WeightReader reader(b, isa, panel, isWideRows(decoded.values));
  for (size_t i = 0; i < groups.size(); ++i) {
    Value group = groups[i], to = constantIndex(b, i);
    emitFor(b, constantIndex(b, 0), count, 1, [&](Value block) {
      Value from = arith::AddIOp::create(b, firstBlock, block);
      reader.prefetch(group, from);
      int64_t place = 0;
      auto store = [&](Value vector, Value memref) {
        vector::StoreOp::create(b, vector, memref,
                                ValueRange{to, block, constantIndex(b, place)});
      };
      store(reader.loadScales(group, from), decoded.scales);
      for (Value vector : reader.load(group, from, constantIndex(b, 0),
                                      reader.vectorsOfBlock())) {
        store(vector, decoded.values);
        place += reader.getType().getNumElements();
      }
    });
  }
}

/// True if few rows are multiplied faster by weights that are decoded on the
/// way than from memory: measured with AVX2 on Zen 3 (docs/Performance.md).
static bool decodesForFew(const VectorISA &isa) {
  return isa.byteProduct == VectorISA::ByteProduct::Pairs &&
         isa.registers == 16;
}

bool mxfp4::decodesOnce(const VectorISA &isa, Value input) {
  return isIntegerRow({input, {}}) && !isa.hasMatrixProduct;
}

/// emitIntegerProducts for few rows: weights are decoded anew for each tile.
static void emitFewProducts(
    ImplicitLocOpBuilder &b, const VectorISA &isa, const Panel &panel,
    ArrayRef<Value> groups, IndexRange range,
    function_ref<SmallVector<ActivationRow>(Value, int64_t)> getRows,
    function_ref<void(Value, ArrayRef<Value>)> finish) {
  emitRowTiles(
      b, range.begin, range.end, kFewRowTiles, [&](Value row, int64_t size) {
        SmallVector<Value> sums =
            emitIntegerProduct(b, isa, panel, groups, getRows(row, size));
        for (int64_t i = 0; i < size; ++i) {
          SmallVector<Value> ofRow;
          for (size_t group = 0; group < groups.size(); ++group)
            ofRow.push_back(sums[group * size + i]);
          finish(addIndex(b, row, i), ofRow);
        }
      });
}

/// emitIntegerProducts for many rows: weights are decoded once for kRowsOfBlock
/// of them, to memory that stays in the first cache.
static void emitManyProducts(
    ImplicitLocOpBuilder &b, const VectorISA &isa, const Panel &panel,
    ArrayRef<Value> groups, Value input, IndexRange range,
    function_ref<SmallVector<ActivationRow>(Value, int64_t)> getRows,
    function_ref<void(Value, ArrayRef<Value>)> finish) {
  WeightReader reader(b, isa, panel, isWideRows(input));
  VectorType vector = reader.getType(), f32 = getF32Vector(b, isa.lanes);
  int64_t numGroups = groups.size();
  int64_t elements = reader.vectorsOfBlock() * vector.getNumElements();
  int64_t blockBytes =
      numGroups * elements * vector.getElementTypeBitWidth() / 8;
  int64_t numBlocks = panel.columns / mx::kBlockSize;
  int64_t chunk = std::min(kDecodedBytes / blockBytes, numBlocks);
  Panel decoded = {
      allocateStack(b, {numGroups, chunk, elements}, vector.getElementType()),
      allocateStack(b, {numGroups, chunk, isa.lanes}, b.getF32Type()),
      {},
      panel.columns};
  Value sums =
      allocateStack(b, {kRowsOfBlock, numGroups, isa.lanes}, b.getF32Type());
  Value zero = constantIndex(b, 0);
  SmallVector<Value> decodedGroups;
  for (int64_t i = 0; i < numGroups; ++i)
    decodedGroups.push_back(constantIndex(b, i));

  emitFor(b, range.begin, range.end, kRowsOfBlock, [&](Value first) {
    Value last =
        arith::MinUIOp::create(b, addIndex(b, first, kRowsOfBlock), range.end);
    auto place = [&](Value row, int64_t group) -> SmallVector<Value> {
      return {arith::SubIOp::create(b, row, first), decodedGroups[group], zero};
    };
    emitFor(b, first, last, 1, [&](Value row) {
      for (int64_t i = 0; i < numGroups; ++i)
        vector::StoreOp::create(b, constantFloat(b, f32, 0.0), sums,
                                place(row, i));
    });
    emitFor(b, zero, constantIndex(b, numBlocks), chunk, [&](Value block) {
      Value count = arith::MinUIOp::create(
          b, subIndex(b, constantIndex(b, numBlocks), block),
          constantIndex(b, chunk));
      decodeBlocks(b, isa, panel, groups, block, count, decoded);
      emitRowTiles(b, first, last, isa.rowTiles, [&](Value row, int64_t size) {
        SmallVector<SmallVector<Value>> places;
        for (int64_t group = 0; group < numGroups; ++group)
          for (int64_t i = 0; i < size; ++i)
            places.push_back(place(addIndex(b, row, i), group));
        SmallVector<Value> partial;
        for (ArrayRef<Value> at : places)
          partial.push_back(vector::LoadOp::create(b, f32, sums, at));
        partial = emitProducts(b, isa, decoded, decodedGroups,
                               getRows(row, size), block, count, partial);
        for (auto [sum, at] : llvm::zip(partial, places))
          vector::StoreOp::create(b, sum, sums, at);
      });
    });
    emitFor(b, first, last, 1, [&](Value row) {
      SmallVector<Value> ofRow;
      for (int64_t i = 0; i < numGroups; ++i)
        ofRow.push_back(vector::LoadOp::create(b, f32, sums, place(row, i)));
      finish(row, ofRow);
    });
  });
}

void mxfp4::emitIntegerProducts(
    ImplicitLocOpBuilder &b, const VectorISA &isa, const Panel &panel,
    ArrayRef<Value> groups, Value input, IndexRange range,
    function_ref<SmallVector<ActivationRow>(Value, int64_t)> getRows,
    function_ref<void(Value, ArrayRef<Value>)> finish) {
  auto emitMany = [&] {
    emitManyProducts(b, isa, panel, groups, input, range, getRows, finish);
  };
  if (!decodesForFew(isa))
    return emitMany();
  Value isFew =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ule,
                            arith::SubIOp::create(b, range.end, range.begin),
                            constantIndex(b, kFewRows));
  emitIf(
      b, isFew,
      [&] { emitFewProducts(b, isa, panel, groups, range, getRows, finish); },
      emitMany);
}
