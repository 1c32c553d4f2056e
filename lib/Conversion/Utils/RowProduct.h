//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The product that matmuls on a GPU are made of: a warp multiplies some rows of
// a weight by some rows of activations.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_ROWPRODUCT_H
#define MXFP4_LIB_CONVERSION_UTILS_ROWPRODUCT_H

#include "KernelCode.h"

namespace mlir::mxfp4 {

/// A weight [..., rows, columns] in row-major order: floats, or MXFP4 in its
/// storage form (F2) with `scales` [..., rows, columns / 32]. Arranged for
/// tiles (F25) MXFP4 is [..., groups, 4 * columns] and its scales
/// [..., groups, columns / 4]: up to four blocks of each of kTileRows rows,
/// then the next four.
struct RowWeight {
  Value values;
  /// Null for floats.
  Value scales;
  int64_t columns;
  bool isArranged = false;
};

/// Rows of a weight, each with its indices, and rows of activations, each at
/// the indices of `input`.
struct RowGroup {
  SmallVector<SmallVector<Value>> weightRows;
  SmallVector<SmallVector<Value>> inputRows;
};

/// Loads of weights that a lane has under way where it has registers for more
/// than these.
constexpr int64_t kRowLoads = 12;

/// result[group][weight row][input row] is their product in f32, in all lanes
/// of the warp. A lane adds up every 32nd part of the columns, of as many as
/// one load of the weight takes, and has at most `loads` of these under way;
/// then the sums of lanes are added up in a fixed order.
SmallVector<SmallVector<SmallVector<Value>>>
emitRowProducts(ImplicitLocOpBuilder &b, const KernelThread &thread,
                const RowWeight &weight, Value input, ArrayRef<RowGroup> groups,
                int64_t loads = kRowLoads);

/// `indices` with `column` as the last.
SmallVector<Value> atColumn(ArrayRef<Value> indices, Value column);

/// The elements of a vector, as f32.
SmallVector<Value> splitVector(ImplicitLocOpBuilder &b, Value vector);

/// Loads an element as f32, and stores an f32 in the element type of `memref`.
Value loadScalar(ImplicitLocOpBuilder &b, Value memref, ValueRange indices);
void storeScalar(ImplicitLocOpBuilder &b, Value value, Value memref,
                 ValueRange indices);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_ROWPRODUCT_H
