//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weight of products that tensor cores multiply: how the lanes of a warp
// load tiles of 16 rows of it and make them bf16.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_TILEWEIGHT_H
#define MXFP4_LIB_CONVERSION_UTILS_TILEWEIGHT_H

#include "RowProduct.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

namespace mlir::mxfp4 {

/// Columns of a tile; a half of it has kTileRows rows.
constexpr int64_t kTileColumns = 8;
/// Lanes that share a row of a half.
constexpr int64_t kLanesOfRow = kWarpSize / kTileRows;
/// Sums that a lane has of a tile and kTileColumns columns.
constexpr int64_t kTileSums = 4;
/// The largest scale of MXFP4, 2, whose product with an element of 2^-126 of
/// its value is one of bf16.
constexpr int64_t kLargestScale = 128;
/// The lowest scale for which multiplyBlocks gives infinity or NaN unless
/// `isExact`; so it does for activations from 2^(kLargeBlockScale - 127) on.
constexpr int64_t kLargeBlockScale = 192;
/// Words of a load, and activations of bf16 that a load has.
constexpr int64_t kWordsOfLoad = kLoadBytes / 4;
constexpr int64_t kChunk = kLoadBytes / 2;

/// The rows of a weight that a tile has. For each half the indices of row
/// `lane / 4` of it, for the lane that runs the code; of the group of rows
/// where the weight is arranged.
struct Tile {
  SmallVector<Value> rows[2];
};

/// The product of a tile of 16 rows and 16 positions by 8 columns, plus `sums`:
/// fragments of mma.m16n8k16 with `element`, bf16 or f16, of 4 words of rows, 2
/// words of columns and 4 sums of f32.
SmallVector<Value> emitMMA(ImplicitLocOpBuilder &b, FloatType element,
                           ArrayRef<Value> rows, ValueRange columns,
                           ValueRange sums);

/// True if tensor cores multiply `weight` and `input`: bf16, or MXFP4 that is
/// arranged for that.
bool hasTiles(const RowWeight &weight, Value input);

/// A vector of the words of a load, and their values.
VectorType getWordsType(MLIRContext *context);
SmallVector<Value> splitWords(ImplicitLocOpBuilder &b, Value words);

/// `value`, or zeros where `condition`, which may be null, does not hold.
Value zeroUnless(ImplicitLocOpBuilder &b, Value condition, Value value);

/// `index`, or `last` if that is smaller, of numbers that fit 32 bits.
Value clampTo(ImplicitLocOpBuilder &b, Value index, int64_t last);

/// Loads and multiplies a weight. Lane 4g + t of a warp has loads of row g of
/// each half of a tile, and multiplies them by the activations of column g of
/// each kTileColumns columns. Its sums are those of row g of the first half and
/// columns 2t and 2t + 1, then of the second half.
class TileWeight {
public:
  TileWeight(ImplicitLocOpBuilder &b, const KernelThread &thread,
             const RowWeight &weight);

  /// g and t of the lane that runs the code.
  Value getGroup() const { return group; }
  Value getQuarter() const { return quarter; }

  /// Chunks of activations for a load of `weight`.
  static int64_t getChunks(const RowWeight &weight) {
    return weight.scales ? mx::kBlockSize / kChunk : 1;
  }

  /// The lane's of the four loads from number 4 * `quad` on of the rows of
  /// `tile`, for both halves: elements, then scales. Past the end of a row
  /// these are others of it.
  SmallVector<Value> load(const Tile &tile, Value quad);
  size_t loadsOfPart() const { return weight.scales ? 4 : 2; }

  /// Likewise of MXFP4, for multiplyBlocks: elements of both halves, then two
  /// scales, in an i16 where they are a load.
  SmallVector<Value> loadBlocks(const Tile &tile, Value quad);
  size_t loadsOfBlocks() const { return hasScalePairs() ? 3 : 4; }

  /// kChunk activations at `place` of `input` as words.
  Value loadColumns(Value input, ValueRange place);

  /// Adds to `sums`, kTileSums for each kTileColumns columns, the products of
  /// what `load` loaded. `getColumns` gives the words for a chunk and the
  /// kTileColumns columns of a number. Scales of MXFP4 above 2 and NaN, which a
  /// model hardly has, are multiplied right only where `hasLargeScales`.
  SmallVector<Value>
  multiply(ValueRange loads, ValueRange sums,
           function_ref<Value(int64_t chunk, int64_t number)> getColumns,
           bool hasLargeScales);

  /// Adds to `sums`, two of each lane, the products of what `loadBlocks` loaded
  /// by one row of activations for each half. Those of lane 4g + t are of row g
  /// of half t / 2, and are added up over t % 2 and both sums at the end.
  /// `getColumns` gives the words for a chunk: in lane 4g + t with t = g % 4
  /// the activations for its load of half g / 4, in others zeros. Unless
  /// `isExact` they come from scaleColumns.
  SmallVector<Value>
  multiplyBlocks(ValueRange loads, ValueRange sums,
                 function_ref<Value(int64_t chunk)> getColumns, bool isExact);
  /// `words` of activations as multiplyBlocks takes them unless `isExact`.
  Value scaleColumns(Value words);

  /// The largest of `largest`, an i32, and the scales among `loads`; above
  /// kLargestScale it needs that.
  Value getLargestScale(ValueRange loads, Value largest);

private:
  struct Place {
    Value quad, isLast;
  };

  Place getPlace(Value quad);
  Value getBlock(const Place &place, Value ofQuad, int64_t count = 1);
  Value loadElements(ArrayRef<Value> row, Value block);
  Value loadScale(ArrayRef<Value> row, Value block);
  /// True if a load takes two scales of a row.
  bool hasScalePairs() const { return parts % 2 == 0; }
  SmallVector<Value> loadScales(const Tile &tile, const Place &place);
  Value joinScales(ValueRange loads);
  Value multiplyPair(Value pair, Value factor);
  Value getScaleByte(Value scale);
  SmallVector<Value> makeFactors(Value byte, bool isLarge);
  Value makeWord(int64_t value);
  Value makePowers(int64_t exponent);
  Value multiplyWords(Value words, Value factor);
  Value makeScale(Value byte, bool isExact);
  Value isUpperHalf();

  ImplicitLocOpBuilder &b;
  RowWeight weight;
  Value group, quarter;
  /// Loads of a row.
  int64_t parts;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_TILEWEIGHT_H
