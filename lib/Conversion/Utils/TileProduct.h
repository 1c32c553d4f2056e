//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The product that matmuls of one token on a GPU with tensor cores are made of:
// a block multiplies tiles of 16 rows of an MXFP4 weight by a row of bf16
// activations, or by one for each half of a tile.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_TILEPRODUCT_H
#define MXFP4_LIB_CONVERSION_UTILS_TILEPRODUCT_H

#include "TileWeight.h"

namespace mlir::mxfp4 {

/// How a block multiplies `tiles` tiles, each by `splits` warps that share the
/// columns of the weight.
struct TileShape {
  /// With `inputs` rows of activations: one for all tiles, or one for each
  /// half.
  TileShape(const RowWeight &weight, int64_t tiles, int64_t splits,
            int64_t inputs);

  int64_t threads() const { return tiles * splits * kWarpSize; }

  /// The memory of a block: sums, and the activations where they fit.
  SmallVector<MemRefType> getShared(MLIRContext *context) const;

  /// Places for a chunk of each load in a row of the activations that are kept;
  /// those from `parts` on hold zeros.
  int64_t places() const;

  bool keepsInput() const;

  /// Blocks whose registers fit a multiprocessor.
  int64_t residentBlocks() const;

  int64_t tiles, splits, inputs;
  /// How many loads make a row.
  int64_t parts;
  /// Fours of them that a warp has under way, and how often.
  int64_t steps, passes;
};

/// Emits a product of tiles. Lane 4g + t of a warp takes every fourth load of
/// row g of each half, from the t-th on.
class TileProduct {
public:
  /// For a block that has the memory of `shape`.
  TileProduct(ImplicitLocOpBuilder &b, const KernelThread &thread,
              const TileShape &shape, const RowWeight &weight, Value input);

  /// The number of the tile of the lane that runs the code.
  Value getTile() const { return tile; }

  /// Multiplies the tile of each warp by the rows of `input` whose indices
  /// `getRow` gives. All threads of the block take part, and getSum knows the
  /// results then.
  void multiply(const Tile &tile,
                function_ref<SmallVector<Value>(Value input)> getRow);

  /// The product of row `row` of the 16 of tile number `tile`, in f32.
  Value getSum(Value tile, Value row);

private:
  Value getQuad(Value turn);
  Value getPart(Value quad);
  Value loadInput(ArrayRef<Value> row, Value part, Value chunk);
  void keepInput(function_ref<SmallVector<Value>(Value)> getRow);
  Value getKept(Value quad, int64_t chunk);
  Value getColumns(Value quad, int64_t chunk);
  Value multiplyAhead(const Tile &tile);
  void multiplyExactly(const Tile &tile);
  Value storeSums(ValueRange sums);

  ImplicitLocOpBuilder &b;
  const KernelThread &thread;
  TileShape shape;
  TileWeight weight;
  Value input;
  Value tile, split;
  /// Whether the lane supplies activations for its column of products, the
  /// number of their row, and its indices.
  Value isSupplier, inputNumber;
  SmallVector<Value> inputRow;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_TILEPRODUCT_H
