//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The inner loop of a matmul with MXFP4 weights and integer activations. As in
// the product of floats a lane is a row of the weight; what is added up in it
// are the products of the columns in 32 bits: four of bytes, or two of 16-bit
// numbers. Sums of a block are exact, whichever it is.
//
//===----------------------------------------------------------------------===//

#include "IntegerProduct.h"

#include "BlockCode.h"
#include "PanelReader.h"
#include "mxfp4/Format/Bits.h"
#include "mxfp4/Format/BlockFormat.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Words of a row of a weight in a block, and the words after the integers of a
/// row of activations.
static constexpr int64_t kWeightWords = 4, kEndWords = 2;
/// Words of a plane, which has a byte of each integer.
static constexpr int64_t kPlaneWords = 8;

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
    Value sum = vector::ReductionOp::create(b, vector::CombiningKind::ADD,
                                            block.integers);
    storeWord(arith::MulIOp::create(
                  b, sum, constantInt(b, b.getI32Type(), -kWeightOffset)),
              1);
  });
  return rows;
}

namespace {
/// Emits the products of the weights of a block of some groups with that block
/// of some rows of activations.
class BlockProduct {
public:
  BlockProduct(ImplicitLocOpBuilder &b, const VectorISA &isa,
               PanelReader &reader, ArrayRef<Value> groups,
               ArrayRef<ActivationRow> rows, Value block)
      : b(b), isa(isa), reader(reader), groups(groups), rows(rows),
        block(block), i32(VectorType::get({isa.lanes}, b.getI32Type())) {
    auto type = cast<MemRefType>(rows[0].memref.getType());
    wide = type.getElementType().isInteger(16);
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
    for (size_t i = 0; i < count; ++i)
      sums.back()[i] = load(rows[i % rows.size()], words + 1);
    exchangePairs(sums.back());

    int64_t step = wide     ? 1
                   : paired ? 2 * kVectorsOfWord
                            : getByteProductStep(isa);
    int64_t wordsOfStep = std::max<int64_t>(1, step / kVectorsOfWord);
    for (int64_t word = 0; word < kWeightWords; word += wordsOfStep) {
      SmallVector<SmallVector<Value>> weights;
      for (Value group : groups)
        weights.push_back(decode(group, word, wordsOfStep));
      int64_t numVectors = weights.front().size();
      for (int64_t plane = 0; plane < planes; ++plane)
        for (int64_t first = 0; first < numVectors; first += step) {
          int64_t place =
              plane * kPlaneWords + word * numVectors / wordsOfStep + first;
          int64_t factor = isApart ? 1 : int64_t(1) << 8 * (planes - 1 - plane);
          addProducts(weights, first, step, place, factor,
                      sums[isApart ? plane : 0]);
        }
    }
    for (size_t plane = 1; plane < sums.size(); ++plane)
      for (size_t i = 0; i < count; ++i)
        sums[plane][i] = arith::AddIOp::create(
            b, sums[plane][i],
            arith::ShLIOp::create(b, sums[plane - 1][i],
                                  constantInt(b, i32, 8)));
    exchangePairs(sums.back());
    VectorType f32 = getF32Vector(b, isa.lanes);
    SmallVector<Value> products;
    for (size_t i = 0; i < count; ++i) {
      Value scale =
          arith::BitcastOp::create(b, f32, load(rows[i % rows.size()], words));
      products.push_back(arith::MulFOp::create(
          b, arith::SIToFPOp::create(b, f32, sums.back()[i]), scale));
    }
    return products;
  }

private:
  /// Vectors of bytes that a word of a weight is decoded to.
  static constexpr int64_t kVectorsOfWord = 2;

  /// The vectors of `count` words of a group.
  SmallVector<Value> decode(Value group, int64_t word, int64_t count) {
    SmallVector<Value> decoded;
    Value firstWord = mulIndex(b, block, kWeightWords);
    for (int64_t i = word; i < word + count; ++i) {
      Value codes = reader.loadWords(group, addIndex(b, firstWord, i));
      Value even = reader.decodeToBytes(codes, 0);
      Value odd = reader.decodeToBytes(codes, 1);
      if (paired)
        llvm::append_range(decoded, interleaveWords(b, even, odd));
      else if (wide)
        for (Value bytes : {even, odd})
          llvm::append_range(decoded, widenBytes(b, bytes));
      else
        decoded.append({even, odd});
    }
    return decoded;
  }

  /// `count` words of the block of a row from `word` on.
  Value loadWords(const ActivationRow &row, int64_t word, int64_t count) {
    Type element = cast<MemRefType>(row.memref.getType()).getElementType();
    SmallVector<Value> indices(row.prefix);
    indices.append({block, constantIndex(b, word * elementsOfWord)});
    Value raw = vector::LoadOp::create(
        b, VectorType::get({count * elementsOfWord}, element), row.memref,
        indices);
    return vector::BitCastOp::create(
        b, VectorType::get({count}, b.getI32Type()), raw);
  }

  /// Word `word` of the block of a row, in all lanes.
  Value load(const ActivationRow &row, int64_t word) {
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
                   int64_t step, int64_t place, int64_t factor,
                   MutableArrayRef<Value> sums) {
    if (paired)
      return addPairs(weights, place, sums);
    for (size_t row = 0; row < rows.size(); ++row) {
      SmallVector<Value> activations;
      for (int64_t i = 0; i < step; ++i)
        activations.push_back(load(rows[row], place + i));
      for (size_t group = 0; group < groups.size(); ++group) {
        Value &sum = sums[group * rows.size() + row];
        sum = wide ? emitPairProduct(b, isa, weights[group][first],
                                     activations.front(), sum)
                   : emitByteProducts(
                         b, isa, ArrayRef(weights[group]).slice(first, step),
                         activations, sum, factor);
      }
    }
  }

  /// Adds to `sums`, exchanged, the products of two words of weights with the
  /// four of activations from `place` on.
  void addPairs(ArrayRef<SmallVector<Value>> weights, int64_t place,
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
  PanelReader &reader;
  ArrayRef<Value> groups;
  ArrayRef<ActivationRow> rows;
  Value block;
  VectorType i32;
  /// True for 16-bit integers, false for planes.
  bool wide;
  /// True if two rows are multiplied at a time, by two rows of weights.
  bool paired;
  int64_t elementsOfWord;
  /// Words of the integers of a block.
  int64_t words;
  int64_t planes;
};
} // namespace

/// How many of `groups` are multiplied with `rows` in one loop.
static size_t getGroupsTogether(const VectorISA &isa, size_t groups,
                                ArrayRef<ActivationRow> rows) {
  // With many rows groups share what is loaded of those, unless the sums of
  // planes are more than there are registers.
  if (rows.size() > 1)
    return hasSumsOfPlanes(isa, cast<MemRefType>(rows[0].memref.getType()))
               ? 1
               : groups;
  // With one row memory is the limit, and read fastest from one end to the
  // other; but where each product waits for the one before, other groups have
  // to fill the time.
  return isa.byteProduct == VectorISA::ByteProduct::Pairs ? 1 : groups;
}

/// The products of `groups` with `rows`, [group][row].
static SmallVector<Value> emitProducts(ImplicitLocOpBuilder &b,
                                       const VectorISA &isa, const Panel &panel,
                                       ArrayRef<Value> groups,
                                       ArrayRef<ActivationRow> rows) {
  PanelReader reader(b, isa, panel);
  Value zero = constantFloat(b, getF32Vector(b, isa.lanes), 0.0);
  SmallVector<Value> zeros(groups.size() * rows.size(), zero);
  return emitFor(
      b, constantIndex(b, 0), constantIndex(b, panel.columns / mx::kBlockSize),
      1, zeros, [&](Value block, ValueRange carried) {
        if (rows.size() == 1)
          reader.prefetch(groups, mulIndex(b, block, kWeightWords),
                          kWeightWords);
        SmallVector<Value> next;
        for (Value product :
             BlockProduct(b, isa, reader, groups, rows, block).multiply()) {
          Value group = groups[next.size() / rows.size()];
          next.push_back(emitMultiplyAdd(b, isa, product,
                                         reader.loadScales(group, block),
                                         carried[next.size()]));
        }
        return next;
      });
}

SmallVector<Value> mxfp4::emitIntegerProduct(ImplicitLocOpBuilder &b,
                                             const VectorISA &isa,
                                             const Panel &panel,
                                             ArrayRef<Value> groups,
                                             ArrayRef<ActivationRow> rows) {
  size_t together = getGroupsTogether(isa, groups.size(), rows);
  SmallVector<Value> sums;
  for (size_t first = 0; first < groups.size(); first += together)
    llvm::append_range(
        sums, emitProducts(b, isa, panel, groups.slice(first, together), rows));
  return sums;
}
