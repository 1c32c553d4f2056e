//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The product that matmuls of one token on a GPU with tensor cores are made of:
// a block multiplies tiles of 16 rows of an MXFP4 weight by up to 8 columns,
// which are rows of bf16 activations.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_TILEPRODUCT_H
#define MXFP4_LIB_CONVERSION_UTILS_TILEPRODUCT_H

#include "TileWeight.h"

namespace mlir::mxfp4 {

/// How a block multiplies tiles: `tiles` at a time, each by `splits` warps that
/// share the columns of the weight.
struct TileShape {
  /// `columns` columns of a tile differ; the others repeat the last of them.
  TileShape(const RowWeight &weight, int64_t tiles, int64_t splits,
            int64_t columns);

  int64_t threads() const { return tiles * splits * kWarpSize; }

  /// The memory of a block: sums, and the activations where they fit.
  SmallVector<MemRefType> getShared(MLIRContext *context) const;

  /// Loads of a row that there are lanes for.
  int64_t paddedParts() const;

  bool keepsInput() const;

  /// Blocks whose registers fit a multiprocessor.
  int64_t residentBlocks() const;

  int64_t tiles, splits, columns;
  /// How many loads make a row.
  int64_t parts;
  /// Loads of a row that a lane has under way, and how often.
  int64_t steps, passes;
};

/// Emits products of tiles. Lane 4g + t of a warp takes every fourth load of
/// row g of each half, from the t-th on, and of the activations of column g.
class TileProduct {
public:
  /// For a block that has the memory of `shape`.
  TileProduct(ImplicitLocOpBuilder &b, const KernelThread &thread,
              const TileShape &shape, const RowWeight &weight, Value input);

  /// The number of the tile of the lane that runs the code.
  Value getTile() const { return tile; }

  /// Takes the rows of `input` whose indices `getRow` gives for a column, for
  /// the products that follow. All threads of the block take part.
  void setInput(function_ref<SmallVector<Value>(Value)> getRow);

  /// Multiplies the tile of each warp. All threads of the block take part, and
  /// getSum knows the results until the next call.
  void multiply(const Tile &tile);

  /// The product of row `row` of the 16 of tile number `tile` and `column`, in
  /// f32.
  Value getSum(Value tile, Value row, Value column);

private:
  /// Where a load of a lane is: its number, that or the last that there is, and
  /// whether they are the same; null if they always are.
  struct Part {
    Value place, part, isPart;
  };

  Part getPart(Value pass, int64_t step);
  Value loadInput(ArrayRef<Value> row, Value part, int64_t chunk);
  Value loadFragment(const Part &part, int64_t chunk);
  SmallVector<Value> load(Value pass, int64_t step, const Tile &tile);

  ImplicitLocOpBuilder &b;
  const KernelThread &thread;
  TileShape shape;
  TileWeight weight;
  Value input;
  Value tile, split, column;
  /// Where the input is not kept: the indices of the row of the lane's column.
  SmallVector<Value> inputRow;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_TILEPRODUCT_H
