//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The product that matmuls of many tokens on a GPU with tensor cores are made
// of: a block multiplies tiles of 16 rows of a weight by up to 32 columns, or
// 64 of one without scales, which are rows of bf16 activations. Each part of
// the weight is loaded and decoded once for all of them.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_STAGEDPRODUCT_H
#define MXFP4_LIB_CONVERSION_UTILS_STAGEDPRODUCT_H

#include "TileWeight.h"

namespace mlir::mxfp4 {

/// How the eight warps of a block share its work: `splits` of them share the
/// columns of the weight for each of its tiles, and so do `clusterBlocks`
/// blocks of a cluster.
struct StagedShape {
  /// With up to `columnTiles`, a power of two, times kTileColumns columns at a
  /// time: more than kMaxColumnTiles, or kMaxDenseColumnTiles for a weight
  /// without scales, take so many registers that others of the block are
  /// spilled.
  StagedShape(const RowWeight &weight, int64_t splits, int64_t columnTiles,
              bool isStreamed = false)
      : splits(splits), columnTiles(columnTiles),
        chunks(TileWeight::getChunks(weight)), isStreamed(isStreamed) {}

  static constexpr int64_t kMaxColumnTiles = 4;
  static constexpr int64_t kMaxDenseColumnTiles = 8;
  /// Tiles of columns for up to `maxColumns` of them.
  static int64_t getColumnTiles(int64_t maxColumns,
                                int64_t most = kMaxColumnTiles) {
    for (int64_t tiles = 1; tiles < most; tiles *= 2)
      if (maxColumns <= tiles * kTileColumns)
        return tiles;
    return most;
  }

  int64_t threads() const { return 8 * kWarpSize; }
  int64_t tiles() const { return threads() / kWarpSize / splits; }
  /// Rows of the weight that the block multiplies at a time, and columns at
  /// most.
  int64_t rows() const { return tiles() * 2 * kTileRows; }
  int64_t maxColumns() const { return columnTiles * kTileColumns; }

  /// The sums of all warps but the first that share a row, in 16 bytes, for so
  /// many tiles of columns.
  int64_t sumLoads(int64_t columnTiles) const {
    return (splits - 1) * tiles() * columnTiles * kWarpSize;
  }
  /// What the memory of a block holds, in 16 bytes: the activations of two
  /// stages, which have two loads of a weight without scales by each lane; then
  /// sums of warps, and those that other blocks of the cluster read.
  int64_t stagedLoads() const {
    if (isStreamed)
      return sumLoads(columnTiles);
    int64_t loads = splits * maxColumns() * kLanesOfRow * chunks;
    int64_t sums = sumLoads(columnTiles);
    if (clusterBlocks > 1)
      sums += tiles() * columnTiles * kWarpSize;
    return std::max<int64_t>({1024, (chunks == 1 ? 4 : 2) * loads, sums});
  }
  MemRefType getShared(MLIRContext *context) const {
    return getSharedType(getWordsType(context), {stagedLoads()});
  }

  /// Warps that share the columns of the weight, and blocks that do: more than
  /// one only of a weight without scales, with two splits at least.
  int64_t splits, clusterBlocks = 1;
  int64_t columnTiles;
  /// Of activations for a load of the weight.
  int64_t chunks;
  /// Activations do not stand in the memory of the block. For weights without
  /// scales.
  bool isStreamed;
};

/// Blocks whose registers fit a multiprocessor.
constexpr int64_t kStagedResidentBlocks = 2;

/// What a lane has of a column at the end: the products in f32 of its row of
/// both halves.
struct StagedSums {
  Value column;
  /// False if there are not so many columns.
  Value isColumn;
  Value sums[2];
};

/// Emits such products. The activations go through the memory of the block,
/// unless they are streamed; while those of a stage are multiplied, the next
/// are on their way.
class StagedProduct {
public:
  /// The indices of the row of the input that is a column.
  using GetRow = function_ref<SmallVector<Value>(Value column)>;
  /// What a lane does at the end, with the number among the rows of the block
  /// of its row of the first half; that of the second is kTileRows more.
  using Finish = function_ref<void(Value row, ArrayRef<StagedSums>)>;

  /// For a block with the memory `shared`.
  StagedProduct(ImplicitLocOpBuilder &b, const KernelThread &thread,
                StagedShape shape, const RowWeight &weight, Value input,
                Value shared);

  /// Multiplies the tile of each warp by `count` columns, one at least and
  /// shape.maxColumns() at most. All threads of the block take part; memory of
  /// the block that they wrote before can be read in `getRow`.
  void multiply(const Tile &tile, Value count, GetRow getRow, Finish finish);

private:
  Value emitVariants(const Tile &tile, Value count, GetRow getRow,
                     Finish finish);
  Value emit(int64_t columnTiles, bool hasLargeScales, const Tile &tile,
             Value count, GetRow getRow, Finish finish);
  Value getRank();
  Value getQuad(Value split, Value stage, int64_t parts, int64_t part);
  SmallVector<Value> multiplyStaged(const KernelThread &thread,
                                    int64_t columnTiles, bool hasLargeScales,
                                    const Tile &tile, Value count,
                                    GetRow getRow);
  SmallVector<Value> multiplyStreamed(const KernelThread &thread,
                                      int64_t columnTiles, const Tile &tile,
                                      Value count, GetRow getRow);
  SmallVector<Value> addSplits(const KernelThread &thread, ValueRange sums);
  Value getPlaceInCluster(const KernelThread &thread, int64_t columnTiles,
                          Value columnTile);
  void shareSums(const KernelThread &thread, ValueRange sums);
  SmallVector<Value> addBlocks(const KernelThread &thread, int64_t columnTiles,
                               Value firstTile, int64_t count);

  ImplicitLocOpBuilder &b;
  const KernelThread &thread;
  StagedShape shape;
  RowWeight weight;
  Value input, shared;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_STAGEDPRODUCT_H
