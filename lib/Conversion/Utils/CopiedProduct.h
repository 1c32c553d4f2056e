//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The product of one token and a dense weight on a GPU with tensor cores whose
// kernels overlap: a block copies all of its rows to its memory before it has
// the input.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_COPIEDPRODUCT_H
#define MXFP4_LIB_CONVERSION_UTILS_COPIEDPRODUCT_H

#include "TileWeight.h"

namespace mlir::mxfp4 {

/// How a block multiplies `units` units of kTileRows rows. Warps share the
/// columns: each has `parts` parts of all rows.
struct CopiedShape {
  /// For a weight of `rows` rows, of which each multiprocessor has a part.
  CopiedShape(const RowWeight &weight, int64_t rows);

  int64_t threads() const { return warps * kWarpSize; }
  int64_t rows() const { return units * kTileRows; }

  /// True if a block has memory for its rows beside what other kernels take.
  bool fits() const;

  /// The memory of a block: rows and sums.
  SmallVector<MemRefType> getShared(MLIRContext *context) const;

  int64_t units, parts, warps;
};

/// Emits such a product.
class CopiedProduct {
public:
  /// The row of the weight that is number `row` of the block.
  using GetRow = function_ref<Value(Value row)>;

  /// For a block that has the memory of `shape`.
  CopiedProduct(ImplicitLocOpBuilder &b, const KernelThread &thread,
                const CopiedShape &shape, const RowWeight &weight, Value input);

  /// Multiplies all rows. All threads of the block take part, and getSum knows
  /// the results then.
  void multiply(GetRow getRow);

  /// The product of row number `row` of the block, in f32.
  Value getSum(Value row);

private:
  Value getColumn(Value part, Value chunk);
  void copy(Value unit, Value part, GetRow getRow);
  Value loadInput(int64_t part, int64_t pair);
  SmallVector<Value> loadCopied(Value unit, int64_t part, int64_t chunk);

  ImplicitLocOpBuilder &b;
  const KernelThread &thread;
  CopiedShape shape;
  RowWeight rowWeight;
  TileWeight weight;
  Value input;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_COPIEDPRODUCT_H
