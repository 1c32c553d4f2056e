//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers mxfp4.dequantize_into and mxfp4.quantize_into. Blocks never cross a
// row, so a tensor is one run of blocks, which threads divide. The elements of
// a block are in vector registers; so are the scales of some blocks together,
// as the arithmetic of one takes as long as that of all.
//
//===----------------------------------------------------------------------===//

#include "../Utils/BlockCode.h"
#include "../Utils/LinearLowering.h"
#include "Patterns.h"
#include "mxfp4/Format/Bits.h"

#include <algorithm>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace mlir::mxfp4;

/// `memref` with all dimensions in one.
static Value flatten(ImplicitLocOpBuilder &b, Value memref) {
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  if (rank == 1)
    return memref;
  ReassociationIndices all(rank);
  std::iota(all.begin(), all.end(), 0);
  return memref::CollapseShapeOp::create(b, memref,
                                         ArrayRef<ReassociationIndices>(all));
}

/// Fails unless vectors can load and store the elements of an op, and one index
/// can count them.
template <typename OpTy> static LogicalResult checkElements(OpTy op) {
  for (Type type : op->getOperandTypes()) {
    int64_t size = 1;
    for (int64_t extent : cast<MemRefType>(type).getShape())
      if (!ShapedType::isDynamic(extent))
        size = multiplySizes(size, extent);
    if (size == std::numeric_limits<int64_t>::max())
      return op.emitOpError("cannot be lowered to vectors: expected less than "
                            "2^63 elements, but got ")
             << type;
  }
  Type element = op.getValues().getType().getElementType();
  if (isa<Float4E2M1FNType>(element))
    return op.emitOpError("cannot be lowered to vectors: expected 4-bit "
                          "elements as bytes (mxfp4-pack-storage), but got ")
           << op.getValues().getType();
  if (!hasWholeBytes(element))
    return op.emitOpError("cannot be lowered to vectors: expected elements of "
                          "4 or 8 bits, but got ")
           << op.getValues().getType();
  return success();
}

/// How many elements are expanded or made together: four or eight blocks, whose
/// scales are worked out in the lanes of one register.
static constexpr int64_t kTileElements = 128;

/// Calls `body` for tiles of kTileElements, given as their first block and the
/// number of their blocks, of all blocks that `scales` has one for, in
/// parallel; and for the rest for one block at a time.
static void
emitBlockTiles(ImplicitLocOpBuilder &b, const mx::BlockFormat &format,
               Value scales,
               function_ref<void(Value first, int64_t count)> body) {
  int64_t tile = kTileElements / format.blockSize;
  Value blocks = getSize(b, scales, 0);
  Value tiles = arith::CeilDivUIOp::create(b, blocks, constantIndex(b, tile));
  emitParallel(b, tiles, [&](ValueRange indices) {
    Value first = mulIndex(b, indices[0], tile);
    int64_t size = cast<MemRefType>(scales.getType()).getDimSize(0);
    if (!ShapedType::isDynamic(size) && size % tile == 0)
      return body(first, tile);
    Value isFull = arith::CmpIOp::create(b, arith::CmpIPredicate::ule,
                                         addIndex(b, first, tile), blocks);
    auto branch = scf::IfOp::create(b, isFull, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    body(first, tile);
    b.setInsertionPoint(branch.elseBlock()->getTerminator());
    emitFor(b, first, blocks, 1, [&](Value block) { body(block, 1); });
  });
}

/// Asks for the `count` elements of `memref` that are kBytesAhead after
/// `offset`, or the last. A tile is more code than a processor looks ahead in,
/// and so it would wait for memory in each.
static void emitPrefetch(ImplicitLocOpBuilder &b, Value memref, Value offset,
                         int64_t count, bool isWrite) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t perLine = kLineBytes / getElementBytes(type.getElementType());
  int64_t ahead = kBytesAhead / getElementBytes(type.getElementType());
  Value last = subIndex(b, getSize(b, memref, 0), constantIndex(b, count));
  Value start = arith::MinUIOp::create(b, addIndex(b, offset, ahead), last);
  for (int64_t i = 0; i < count; i += perLine)
    memref::PrefetchOp::create(b, memref, addIndex(b, start, i), isWrite,
                               /*localityHint=*/3, /*isDataCache=*/true);
}

/// Lane `index` of `vector` in each lane of a vector of `lanes`.
static Value broadcastLane(ImplicitLocOpBuilder &b, Value vector, int64_t index,
                           int64_t lanes) {
  Value scalar = vector::ExtractOp::create(b, vector, index);
  return vector::BroadcastOp::create(
      b, VectorType::get({lanes}, scalar.getType()), scalar);
}

namespace {
/// The scale of whole tensors (F22): one, or one for each of some runs of
/// blocks of the same length.
class TensorScale {
public:
  /// `scale` may be null. `scales` are those of the blocks.
  TensorScale(ImplicitLocOpBuilder &b, Value scale, Value scales) : b(b) {
    if (!scale)
      return;
    int64_t rank = cast<MemRefType>(scale.getType()).getRank();
    if (rank == 0) {
      common = memref::LoadOp::create(b, scale, ValueRange());
      return;
    }
    tensorScales = flatten(b, scale);
    blocksPerScale = constantIndex(b, 1);
    for (int64_t i = rank, e = cast<MemRefType>(scales.getType()).getRank();
         i < e; ++i)
      blocksPerScale =
          arith::MulIOp::create(b, blocksPerScale, getSize(b, scales, i));
  }

  /// Those of `count` blocks from `first` on, as f32; null if there is none.
  Value load(Value first, int64_t count) const {
    VectorType type = getF32Vector(b, count);
    if (!tensorScales)
      return common ? vector::BroadcastOp::create(b, type, common) : common;
    SmallVector<Value> scales;
    for (int64_t i = 0; i < count; ++i) {
      Value index =
          arith::DivUIOp::create(b, addIndex(b, first, i), blocksPerScale);
      scales.push_back(memref::LoadOp::create(b, tensorScales, index));
    }
    return vector::FromElementsOp::create(b, type, scales);
  }

private:
  ImplicitLocOpBuilder &b;
  Value common;
  Value tensorScales, blocksPerScale;
};
} // namespace

/// Bytes of `memref` from `offset` on, one in each of `lanes` lanes, as i32.
static Value loadBytes(ImplicitLocOpBuilder &b, Value memref, Value offset,
                       int64_t lanes) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  Value raw = vector::LoadOp::create(b, VectorType::get({lanes}, element),
                                     memref, offset);
  Value bytes = raw;
  if (!element.isInteger(8))
    bytes = arith::BitcastOp::create(b, VectorType::get({lanes}, b.getI8Type()),
                                     raw);
  return arith::ExtUIOp::create(b, VectorType::get({lanes}, b.getI32Type()),
                                bytes);
}

/// Stores bytes, or the low bytes of integers.
static void storeBytes(ImplicitLocOpBuilder &b, Value bytes, Value memref,
                       Value offset) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  Type type = withElement(bytes.getType(), b.getI8Type());
  if (bytes.getType() != type)
    bytes = arith::TruncIOp::create(b, type, bytes);
  if (!element.isInteger(8))
    bytes = arith::BitcastOp::create(b, withElement(type, element), bytes);
  vector::StoreOp::create(b, bytes, memref, offset);
}

//===----------------------------------------------------------------------===//
// Dequantize
//===----------------------------------------------------------------------===//

/// The f32 values of `lanes` E2M1 elements that stand in `bytes` from `offset`
/// on. Each lane gets the 32 bits that its element is in, and moves them.
static Value decodeNibblesAt(ImplicitLocOpBuilder &b, const VectorISA &isa,
                             Value bytes, Value offset, int64_t lanes) {
  constexpr int64_t perWord = 8;
  Type i32 = b.getI32Type();
  Value raw = vector::LoadOp::create(
      b, VectorType::get({lanes / 2}, b.getI8Type()), bytes, offset);
  Value words = vector::BitCastOp::create(
      b, VectorType::get({lanes / perWord}, i32), raw);
  SmallVector<int64_t> wordOf;
  SmallVector<int32_t> shifts;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    wordOf.push_back(lane / perWord);
    shifts.push_back(4 * (lane % perWord));
  }
  VectorType type = VectorType::get({lanes}, i32);
  Value spread = vector::ShuffleOp::create(b, words, words, wordOf);
  Value shift = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<int32_t>(shifts)));
  return decodeNibbles(b, isa, arith::ShRUIOp::create(b, spread, shift), 0);
}

LogicalResult mxfp4::lowerDequantize(DequantizeIntoOp op,
                                     const VectorISA &isa) {
  if (failed(checkElements(op)))
    return failure();
  ImplicitLocOpBuilder b(op.getLoc(), op);
  const mx::BlockFormat &format =
      *getBlockFormat(op.getValues().getType(), op.getScales().getType());
  bool isPacked = isPackedStorage(op.getValues().getType());
  Value values = flatten(b, op.getValues()),
        scales = flatten(b, op.getScales());
  Value init = flatten(b, op.getInit());
  TensorScale tensorScale(b, op.getTensorScale(), op.getScales());
  // At least eight lanes, as so many E2M1 elements are in 32 bits.
  int64_t lanes = std::max<int64_t>(isa.lanes, 8);

  auto emitBlock = [&](Value block, Value scale, Value factor) {
    Value first = mulIndex(b, block, format.blockSize);
    Value firstByte = mulIndex(b, block, format.blockBytes());
    for (int64_t i = 0; i < format.blockSize; i += lanes) {
      Value elements =
          isPacked ? decodeNibblesAt(b, isa, values,
                                     addIndex(b, firstByte, i / 2), lanes)
                   : decodeElement(b, format.element,
                                   loadBytes(b, values,
                                             addIndex(b, firstByte, i), lanes));
      Value product = arith::MulFOp::create(b, elements, scale);
      if (factor)
        product = arith::MulFOp::create(b, product, factor);
      storeF32(b, product, init, addIndex(b, first, i));
    }
  };
  emitBlockTiles(b, format, scales, [&](Value first, int64_t count) {
    if (count > 1) {
      emitPrefetch(b, values, mulIndex(b, first, format.blockBytes()),
                   count * format.blockBytes(), /*isWrite=*/false);
      emitPrefetch(b, init, mulIndex(b, first, format.blockSize),
                   count * format.blockSize, /*isWrite=*/true);
    }
    Value ofBlocks =
        decodeScale(b, format.scale, loadBytes(b, scales, first, count));
    Value ofTensor = tensorScale.load(first, count);
    for (int64_t i = 0; i < count; ++i)
      emitBlock(addIndex(b, first, i), broadcastLane(b, ofBlocks, i, lanes),
                ofTensor ? broadcastLane(b, ofTensor, i, lanes) : Value());
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Quantize
//===----------------------------------------------------------------------===//

/// Lanes [first, first + count) of `vector`.
static Value takeLanes(ImplicitLocOpBuilder &b, Value vector, int64_t first,
                       int64_t count) {
  return vector::ExtractStridedSliceOp::create(
      b, vector, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{count},
      ArrayRef<int64_t>{1});
}

/// The largest of lane i and lane i + `lanes` and so on, in `lanes` lanes.
static Value foldMax(ImplicitLocOpBuilder &b, Value vector, int64_t lanes) {
  int64_t size = cast<VectorType>(vector.getType()).getDimSize(0);
  for (; size > lanes; size /= 2)
    vector = arith::MaxUIOp::create(b, takeLanes(b, vector, 0, size / 2),
                                    takeLanes(b, vector, size / 2, size / 2));
  return vector;
}

/// The largest of each four lanes of `x` and of `y` that stand together: first
/// those of x and y in turn from the lower two, then from the upper two.
static Value foldPairs(ImplicitLocOpBuilder &b, Value x, Value y) {
  int64_t lanes = cast<VectorType>(x.getType()).getDimSize(0);
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < lanes; i += 4) {
    low.append({i, lanes + i, i + 1, lanes + i + 1});
    high.append({i + 2, lanes + i + 2, i + 3, lanes + i + 3});
  }
  return arith::MaxUIOp::create(b, vector::ShuffleOp::create(b, x, y, low),
                                vector::ShuffleOp::create(b, x, y, high));
}

/// The largest lane of each of four vectors, in as many lanes. Folded together
/// they take half as many steps as one after another.
static Value reduceFour(ImplicitLocOpBuilder &b, const VectorISA &isa,
                        ArrayRef<Value> vectors) {
  SmallVector<Value> folded;
  for (Value vector : vectors)
    folded.push_back(foldMax(b, vector, isa.lanes));
  // In each four lanes: 0, 2, 0, 2 and 1, 3, 1, 3, then 0, 1, 2, 3.
  Value even = foldPairs(b, folded[0], folded[2]);
  Value odd = foldPairs(b, folded[1], folded[3]);
  return foldMax(b, foldPairs(b, even, odd), 4);
}

/// The largest lane of each of `vectors`, which are one, four or eight, in as
/// many lanes.
static Value reduceMax(ImplicitLocOpBuilder &b, const VectorISA &isa,
                       ArrayRef<Value> vectors) {
  int64_t count = vectors.size();
  if (count == 1)
    return vector::BroadcastOp::create(
        b, VectorType::get({1}, b.getI32Type()),
        vector::ReductionOp::create(b, vector::CombiningKind::MAXUI,
                                    vectors[0]));
  if (count == 4)
    return reduceFour(b, isa, vectors);
  return vector::ShuffleOp::create(
      b, reduceMax(b, isa, vectors.take_front(count / 2)),
      reduceMax(b, isa, vectors.drop_front(count / 2)),
      llvm::to_vector(llvm::seq<int64_t>(0, count)));
}

/// Pairs of codes, an i32 in each lane, as bytes (F2), in half as many lanes.
static Value pairCodes(ImplicitLocOpBuilder &b, Value codes) {
  int64_t pairs = cast<VectorType>(codes.getType()).getDimSize(0) / 2;
  Value bytes = arith::TruncIOp::create(
      b, VectorType::get({2 * pairs}, b.getI8Type()), codes);
  // The bytes 0h and 0l, as one number 0h0l, become hl.
  VectorType i16 = VectorType::get({pairs}, b.getI16Type());
  Value both = vector::BitCastOp::create(b, i16, bytes);
  Value moved = arith::ShRUIOp::create(b, both, constantInt(b, i16, 4));
  return arith::OrIOp::create(b, both, moved);
}

/// `words`, of which only the low bytes count, as bytes; 0 unless lane `index`
/// of `mask` has all bits.
static Value maskBytes(ImplicitLocOpBuilder &b, Value words, Value mask,
                       int64_t index) {
  constexpr int64_t perWord = 4;
  int64_t lanes = cast<VectorType>(words.getType()).getDimSize(0);
  VectorType i8 = VectorType::get({lanes}, b.getI8Type());
  Value bytes = vector::BitCastOp::create(
      b, VectorType::get({lanes / perWord}, b.getI32Type()),
      arith::TruncIOp::create(b, i8, words));
  Value masked = arith::AndIOp::create(
      b, bytes, broadcastLane(b, mask, index, lanes / perWord));
  return vector::BitCastOp::create(b, i8, masked);
}

LogicalResult mxfp4::lowerQuantize(QuantizeIntoOp op, const VectorISA &isa) {
  if (failed(checkElements(op)))
    return failure();
  ImplicitLocOpBuilder b(op.getLoc(), op);
  BlockMaker maker(op);
  bool isPacked = isPackedStorage(op.getValues().getType());
  int64_t lanes = maker.format.blockSize;
  VectorType i32 = VectorType::get({lanes}, b.getI32Type());
  Value input = flatten(b, op.getInput()), values = flatten(b, op.getValues());
  Value scales = flatten(b, op.getScales());
  Value random;
  if (op.getRandom())
    random = flatten(b, op.getRandom());
  TensorScale encodeScale(b, op.getEncodeScale(), op.getScales());

  // Both are i32 vectors: the bits of the numbers and of their magnitudes.
  auto encodeBlock = [&](Value block, Value bits, Value magnitudes,
                         Value inverse) {
    Value bytes;
    if (random)
      bytes = loadBytes(b, random, mulIndex(b, block, lanes), lanes);
    Value scaled = arith::MulFOp::create(
        b, arith::BitcastOp::create(b, inverse.getType(), magnitudes), inverse);
    Value codes = arith::OrIOp::create(
        b,
        encodeMagnitude(b, maker.format.element, scaled, maker.rounding, bytes),
        getSignOfCode(b, maker.format.element, bits));
    return isPacked ? pairCodes(b, codes) : codes;
  };
  emitBlockTiles(b, maker.format, scales, [&](Value first, int64_t count) {
    if (count > 1) {
      emitPrefetch(b, input, mulIndex(b, first, lanes), count * lanes,
                   /*isWrite=*/false);
      emitPrefetch(b, values, mulIndex(b, first, maker.format.blockBytes()),
                   count * maker.format.blockBytes(), /*isWrite=*/true);
    }
    SmallVector<Value> numbers, magnitudes;
    for (int64_t i = 0; i < count; ++i) {
      Value start = mulIndex(b, addIndex(b, first, i), lanes);
      numbers.push_back(
          arith::BitcastOp::create(b, i32, loadF32(b, input, start, lanes)));
      // Magnitudes of f32 order like their bits; NaN and infinity come last.
      magnitudes.push_back(arith::AndIOp::create(
          b, numbers.back(), constantInt(b, i32, mx::kMagnitudeMask)));
    }
    BlockMaker::Scale scale = maker.chooseScale(
        b, reduceMax(b, isa, magnitudes), encodeScale.load(first, count));
    storeBytes(b, scale.byte, scales, first);
    Type ofBlocks = scale.byte.getType();
    Value isFinite =
        arith::SelectOp::create(b, scale.isNaN, constantInt(b, ofBlocks, 0),
                                constantInt(b, ofBlocks, -1));
    for (int64_t i = 0; i < count; ++i) {
      Value block = addIndex(b, first, i);
      Value codes = encodeBlock(block, numbers[i], magnitudes[i],
                                broadcastLane(b, scale.inverse, i, lanes));
      storeBytes(b, maskBytes(b, codes, isFinite, i), values, // F11
                 mulIndex(b, block, maker.format.blockBytes()));
    }
  });
  return success();
}
