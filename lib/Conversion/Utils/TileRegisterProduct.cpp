//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The matmul of many rows by AMX. A tile of sums has 16 rows of activations and
// 16 of the weight; tdpbf16ps adds to it the products of 32 columns, which are
// 16 words of two: the panel's own order. A weight in MXFP4 is decoded to
// memory in the first cache, its scales included, which is exact.
//
//===----------------------------------------------------------------------===//

#include "TileRegisterProduct.h"

#include "PanelReader.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Format/ElementFormat.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Columns of bf16 of a tile, which are a row of 64 bytes.
static constexpr int64_t kTileColumns = 32, kRowBytes = 64;
static constexpr int64_t kTileElements = kRowsOfTile * kTileColumns;
static constexpr int64_t kTileBytes = kRowsOfTile * kRowBytes;
/// Columns of a weight that are in the first cache together, those of two
/// groups: 32 KiB.
static constexpr int64_t kDecodedColumns = 512;
/// The tiles: four of sums, two of activations, two of weights.
static constexpr int64_t kNumTiles = 8, kRowTile = 4, kWeightTile = 6;

static MemRefType getMemRef(Value memref) {
  return cast<MemRefType>(memref.getType());
}

bool mxfp4::hasTileProduct(const VectorISA &isa, const Panel &panel,
                           Value input) {
  MemRefType type = getMemRef(input), values = getMemRef(panel.values);
  if (!isa.hasTileProduct || !type.getElementType().isBF16() ||
      type.getShape().back() % kTileColumns != 0)
    return false;
  // Tiles of a dense weight are found by the address of its first element.
  if (!panel.scales)
    return values.getElementType().isBF16() && values.getLayout().isIdentity();
  const mx::BlockFormat *format =
      getBlockFormat(values, getMemRef(panel.scales));
  return format && StringRef(format->name) == mx::kMXFP4.name;
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

Value mxfp4::allocateTileRows(ImplicitLocOpBuilder &b, Value input, Value count,
                              int64_t parts) {
  int64_t columns = getMemRef(input).getShape().back();
  return memref::AllocOp::create(
      b, MemRefType::get({ShapedType::kDynamic, columns}, b.getBF16Type()),
      addIndex(b, count, parts * kRowsOfTile));
}

Value mxfp4::getNumTileBlocks(ImplicitLocOpBuilder &b, Value input) {
  return constantIndex(b, getMemRef(input).getShape().back() / kTileColumns);
}

void mxfp4::storeTileRows(ImplicitLocOpBuilder &b, const Panel &panel,
                          Value input, Value block, IndexRange range,
                          Value rows, Value firstTile,
                          function_ref<Value(Value)> getSource) {
  auto type = VectorType::get({kTileColumns}, b.getBF16Type());
  SmallVector<int64_t> order;
  for (int64_t word = 0; word < kTileColumns; word += 8)
    for (int64_t low = 0; low < 4; ++low)
      order.append({word + low, word + low + 4});
  int64_t columns = getMemRef(input).getShape().back();
  Value column = mulIndex(b, block, kTileColumns);
  Value flat = memref::CollapseShapeOp::create(
      b, rows, ArrayRef<ReassociationIndices>{{0, 1}});
  emitFor(b, range.begin, range.end, 1, [&](Value row) {
    Value numbers = vector::LoadOp::create(b, type, input,
                                           ValueRange{getSource(row), column});
    if (panel.scales)
      numbers = vector::ShuffleOp::create(b, numbers, numbers, order);
    Value index = subIndex(b, row, range.begin);
    Value tile = addIndex(b, firstTile, divIndex(b, index, kRowsOfTile));
    Value place = addIndex(
        b, mulIndex(b, tile, kRowsOfTile * columns),
        addIndex(b, mulIndex(b, block, kTileElements),
                 mulIndex(b, remIndex(b, index, kRowsOfTile), kTileColumns)));
    vector::StoreOp::create(b, numbers, flat, place);
  });
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

static void callTileIntrinsic(ImplicitLocOpBuilder &b, StringRef name,
                              ValueRange operands) {
  LLVM::CallIntrinsicOp::create(b, b.getStringAttr(name), operands);
}

/// The number of a tile, as an intrinsic takes it.
static Value constantTile(ImplicitLocOpBuilder &b, int64_t tile) {
  return constantInt(b, b.getI8Type(), tile);
}

namespace {
/// Rows in memory that a tile can take: `stride` bytes apart, from `address`
/// on, an index.
struct TileMemory {
  Value address;
  int64_t stride;

  /// The same, `bytes` further.
  TileMemory move(ImplicitLocOpBuilder &b, Value bytes) const {
    return {addIndex(b, address, bytes), stride};
  }
};
} // namespace

static TileMemory getTileMemory(ImplicitLocOpBuilder &b, Value memref,
                                int64_t stride) {
  return {memref::ExtractAlignedPointerAsIndexOp::create(b, memref), stride};
}

static Value getPointer(ImplicitLocOpBuilder &b, Value address) {
  Value number = arith::IndexCastOp::create(b, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                  number);
}

/// Loads or stores a tile.
static void moveTile(ImplicitLocOpBuilder &b, StringRef name, int64_t tile,
                     const TileMemory &memory) {
  callTileIntrinsic(b, name,
                    {constantTile(b, tile), getPointer(b, memory.address),
                     constantInt(b, b.getI64Type(), memory.stride)});
}

static void loadTile(ImplicitLocOpBuilder &b, int64_t tile,
                     const TileMemory &memory) {
  moveTile(b, "llvm.x86.tileloadd64", tile, memory);
}

static void storeTile(ImplicitLocOpBuilder &b, int64_t tile,
                      const TileMemory &memory) {
  moveTile(b, "llvm.x86.tilestored64", tile, memory);
}

void mxfp4::emitWithTiles(ImplicitLocOpBuilder &b, function_ref<void()> body) {
  // What ldtilecfg reads: the palette, then bytes of a row of each tile from 16
  // on and rows from 48 on.
  SmallVector<int8_t> config(64);
  config[0] = 1;
  for (int64_t tile = 0; tile < kNumTiles; ++tile) {
    config[16 + 2 * tile] = kRowBytes;
    config[48 + tile] = kRowsOfTile;
  }
  Value memory = allocateStack(b, {64}, b.getI8Type());
  auto type = VectorType::get({64}, b.getI8Type());
  vector::StoreOp::create(
      b,
      arith::ConstantOp::create(
          b, DenseElementsAttr::get(type, ArrayRef<int8_t>(config))),
      memory, constantIndex(b, 0));
  callTileIntrinsic(b, "llvm.x86.ldtilecfg",
                    getPointer(b, getTileMemory(b, memory, 0).address));
  body();
  callTileIntrinsic(b, "llvm.x86.tilerelease", {});
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

namespace {
/// Emits the decoding of MXFP4 weights of 16 rows to bf16.
class TileDecoder {
public:
  TileDecoder(ImplicitLocOpBuilder &b, const VectorISA &isa, const Panel &panel)
      : b(b), isa(isa), reader(b, isa, panel),
        i32(VectorType::get({isa.lanes}, b.getI32Type())),
        i16(VectorType::get({kTileColumns}, b.getI16Type())) {}

  /// Decodes `count` blocks of `group` from `first` on to `decoded` [group,
  /// block, element], of which `place` is the group.
  void decode(Value group, Value first, Value count, Value decoded,
              Value place) {
    emitFor(b, constantIndex(b, 0), count, 1, [&](Value index) {
      Value block = arith::AddIOp::create(b, first, index);
      reader.prefetch({group}, mulIndex(b, block, kWordsOfBlock),
                      kWordsOfBlock);
      Value codes = reader.loadScaleCodes(group, block);
      // So that no exponent leaves those of normal numbers.
      Value isNormal = arith::CmpIOp::create(
          b, arith::CmpIPredicate::ule,
          arith::SubIOp::create(b, codes, constantInt(b, i32, kLeastScale)),
          constantInt(b, i32, kGreatestScale - kLeastScale));
      Value areNormal =
          vector::ReductionOp::create(b, vector::CombiningKind::AND, isNormal);
      auto emit = [&](auto decodeWord) {
        for (int64_t word = 0; word < kWordsOfBlock; ++word) {
          Value words = reader.loadWords(
              group, addIndex(b, mulIndex(b, block, kWordsOfBlock), word));
          for (int64_t pair = 0; pair < kPairsOfWord; ++pair) {
            Value numbers = decodeWord(words, pair);
            int64_t offset = (word * kPairsOfWord + pair) * kTileColumns;
            vector::StoreOp::create(
                b,
                arith::BitcastOp::create(b, i16.clone(b.getBF16Type()),
                                         numbers),
                decoded, ValueRange{place, index, constantIndex(b, offset)});
          }
        }
      };
      emitIf(
          b, areNormal,
          [&] {
            emit([&](Value words, int64_t pair) {
              return addExponents(lookUp(words, pair), codes);
            });
          },
          [&] {
            Value scales = reader.loadScales(group, block);
            emit([&](Value words, int64_t pair) {
              return multiply(words, pair, scales);
            });
          });
    });
  }

private:
  static constexpr int64_t kWordsOfBlock = 4, kPairsOfWord = 4;
  /// Scales by which all elements, from 0.5 to 6, become normal numbers.
  static constexpr int64_t kLeastScale = 2, kGreatestScale = 252;

  /// Columns `pair` and `pair` + 4 of words, as bf16 in the halves of lanes.
  Value lookUp(Value words, int64_t pair) {
    if (pair != 0)
      words = arith::ShRUIOp::create(b, words, constantInt(b, i32, 4 * pair));
    // An index has 5 bits, of which the highest is of the next column.
    SmallVector<int16_t> table;
    for (int64_t code = 0; code < i16.getNumElements(); ++code) {
      float value = mx::decode(mx::kE2M1, uint8_t(code % 16));
      table.push_back(int16_t(llvm::bit_cast<uint32_t>(value) >> 16));
    }
    Value values = arith::ConstantOp::create(
        b, DenseElementsAttr::get(i16, ArrayRef<int16_t>(table)));
    return callIntrinsic(b, "llvm.x86.avx512.permvar.hi.512", i16,
                         {values, vector::BitCastOp::create(b, i16, words)});
  }

  /// `numbers`, which are two of a row in each lane of i32, times the scales of
  /// the rows with these codes.
  Value addExponents(Value numbers, Value codes) {
    constexpr int64_t bias = 127, mantissaBits = 7;
    Value exponents = arith::ShLIOp::create(
        b, arith::SubIOp::create(b, codes, constantInt(b, i32, bias)),
        constantInt(b, i32, mantissaBits));
    Value low =
        arith::AndIOp::create(b, exponents, constantInt(b, i32, 0xFFFF));
    Value both = arith::OrIOp::create(
        b, low, arith::ShLIOp::create(b, low, constantInt(b, i32, 16)));
    Value magnitudes =
        arith::AndIOp::create(b, numbers, constantInt(b, i16, 0x7FFF));
    Value isZero = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                         magnitudes, constantInt(b, i16, 0));
    Value scaled = arith::AddIOp::create(
        b, numbers, vector::BitCastOp::create(b, i16, both));
    return arith::SelectOp::create(b, isZero, numbers, scaled);
  }

  /// The same columns times any scales, by way of f32. Numbers have at most two
  /// significant bits, so that their upper halves are all of them.
  Value multiply(Value words, int64_t pair, Value scales) {
    auto getBits = [&](int64_t column) -> Value {
      Value numbers = arith::MulFOp::create(
          b, decodeNibbles(b, isa, words, column), scales);
      return arith::BitcastOp::create(b, i32, numbers);
    };
    Value low =
        arith::ShRUIOp::create(b, getBits(pair), constantInt(b, i32, 16));
    Value high = arith::AndIOp::create(b, getBits(pair + 4),
                                       constantInt(b, i32, 0xFFFF0000));
    return vector::BitCastOp::create(b, i16,
                                     arith::OrIOp::create(b, low, high));
  }

  ImplicitLocOpBuilder &b;
  const VectorISA &isa;
  PanelReader reader;
  VectorType i32, i16;
};
} // namespace

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

namespace {
/// Some groups in memory as tiles: block `firstBlock` of group i of `groups` is
/// at `memory`, a tile further for each block, and `blocks` for each group.
struct WeightTiles {
  TileMemory memory;
  SmallVector<Value> groups;
  int64_t blocks;
  Value firstBlock;

  TileMemory get(ImplicitLocOpBuilder &b, size_t group, Value block) const {
    Value tile = addIndex(b, mulIndex(b, groups[group], blocks),
                          addIndex(b, firstBlock, block));
    return memory.move(b, mulIndex(b, tile, kTileBytes));
  }
};
} // namespace

/// Adds to the sums of `count` tiles of rows at `sums`, those of a group side
/// by side, the products of `numBlocks` blocks of rows at `rows`, a tile
/// `tileBytes` after the other, with `weights`.
static void multiplyTiles(ImplicitLocOpBuilder &b, const WeightTiles &weights,
                          Value numBlocks, int64_t count,
                          const TileMemory &rows, int64_t tileBytes,
                          const TileMemory &sums) {
  int64_t numGroups = weights.groups.size();
  auto forEachSum = [&](function_ref<void(int64_t row, int64_t group)> body) {
    for (int64_t row = 0; row < count; ++row)
      for (int64_t group = 0; group < numGroups; ++group)
        body(row, group);
  };
  auto getSum = [&](int64_t row, int64_t group) {
    return sums.move(b, constantIndex(b, row * kRowsOfTile * sums.stride +
                                             group * kRowBytes));
  };
  auto getTile = [&](int64_t row, int64_t group) {
    return row * numGroups + group;
  };
  forEachSum([&](int64_t row, int64_t group) {
    loadTile(b, getTile(row, group), getSum(row, group));
  });
  emitFor(b, constantIndex(b, 0), numBlocks, 1, [&](Value block) {
    TileMemory ofBlock = rows.move(b, mulIndex(b, block, kTileBytes));
    for (int64_t row = 0; row < count; ++row)
      loadTile(b, kRowTile + row,
               ofBlock.move(b, constantIndex(b, row * tileBytes)));
    for (int64_t group = 0; group < numGroups; ++group)
      loadTile(b, kWeightTile + group, weights.get(b, group, block));
    forEachSum([&](int64_t row, int64_t group) {
      callTileIntrinsic(b, "llvm.x86.tdpbf16ps",
                        {constantTile(b, getTile(row, group)),
                         constantTile(b, kRowTile + row),
                         constantTile(b, kWeightTile + group)});
    });
  });
  forEachSum([&](int64_t row, int64_t group) {
    storeTile(b, getTile(row, group), getSum(row, group));
  });
}

void mxfp4::emitTileProducts(
    ImplicitLocOpBuilder &b, const VectorISA &isa, const Panel &panel,
    ArrayRef<Value> groups, Value rows, IndexRange range, Value firstTile,
    function_ref<void(Value, ArrayRef<Value>)> finish) {
  int64_t numGroups = groups.size();
  int64_t numBlocks = panel.columns / kTileColumns;
  int64_t chunk = std::min(kDecodedColumns / kTileColumns, numBlocks);
  VectorType f32 = getF32Vector(b, isa.lanes);
  Value zero = constantIndex(b, 0);
  Value sums = allocateStack(b, {kRowsOfTileBlock, numGroups, isa.lanes},
                             b.getF32Type());
  Value decoded;
  SmallVector<Value> places;
  for (int64_t i = 0; i < numGroups; ++i)
    places.push_back(constantIndex(b, i));
  if (panel.scales)
    decoded =
        allocateStack(b, {numGroups, chunk, kTileElements}, b.getBF16Type());

  Value count = subIndex(b, range.end, range.begin);
  emitFor(b, zero, count, 1, [&](Value row) {
    for (Value place : places)
      vector::StoreOp::create(b, constantFloat(b, f32, 0.0), sums,
                              ValueRange{row, place, zero});
  });
  int64_t tileBytes = numBlocks * kTileBytes;
  TileMemory ofRows = getTileMemory(b, rows, kRowBytes);
  TileMemory ofSums = getTileMemory(b, sums, numGroups * kRowBytes);
  Value numTiles =
      divIndex(b, addIndex(b, count, kRowsOfTile - 1), kRowsOfTile);
  emitFor(b, zero, constantIndex(b, numBlocks), chunk, [&](Value block) {
    Value size = arith::MinUIOp::create(
        b, subIndex(b, constantIndex(b, numBlocks), block),
        constantIndex(b, chunk));
    WeightTiles weights;
    if (decoded) {
      TileDecoder decoder(b, isa, panel);
      for (auto [group, place] : llvm::zip(groups, places))
        decoder.decode(group, block, size, decoded, place);
      weights = {getTileMemory(b, decoded, kRowBytes), places, chunk, zero};
    } else {
      assert(panel.prefix.empty() && "expected a single dense weight");
      weights = {getTileMemory(b, panel.values, kRowBytes),
                 SmallVector<Value>(groups), numBlocks, block};
    }
    emitRowTiles(b, zero, numTiles, {2, 1}, [&](Value tile, int64_t tiles) {
      Value offset =
          addIndex(b, mulIndex(b, addIndex(b, firstTile, tile), tileBytes),
                   mulIndex(b, block, kTileBytes));
      Value row = mulIndex(b, tile, kRowsOfTile);
      multiplyTiles(b, weights, size, tiles, ofRows.move(b, offset), tileBytes,
                    ofSums.move(b, mulIndex(b, row, ofSums.stride)));
    });
  });
  Value scale = panel.tensorScale;
  if (scale)
    scale = vector::BroadcastOp::create(b, f32, scale);
  emitFor(b, zero, count, 1, [&](Value row) {
    SmallVector<Value> ofRow;
    for (Value place : places) {
      Value sum =
          vector::LoadOp::create(b, f32, sums, ValueRange{row, place, zero});
      ofRow.push_back(scale ? arith::MulFOp::create(b, sum, scale).getResult()
                            : sum);
    }
    finish(addIndex(b, range.begin, row), ofRow);
  });
}
