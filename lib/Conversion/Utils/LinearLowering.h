//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A matmul with a dense or a block-scaled weight on memrefs: the same loops for
// both, since only the panel differs.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_LINEARLOWERING_H
#define MXFP4_LIB_CONVERSION_UTILS_LINEARLOWERING_H

#include "VectorCode.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::mxfp4 {

/// Emits `init[t, n] = input[t] . weight[n] + bias[n] + residual[t, n]`; `bias`
/// and `residual` may be null.
void emitLinear(ImplicitLocOpBuilder &b, const VectorISA &isa,
                const Panel &panel, Value input,
                std::optional<InputFormat> format, Value bias, Value residual,
                Value init);

/// The scale of a whole tensor that a weight at `prefix` has, of `scales` [] or
/// with a dimension for each index; null if `scales` is null.
Value loadTensorScale(ImplicitLocOpBuilder &b, Value scales, ValueRange prefix);

/// Groups and activation rows of the tiles of a panel product. With one token
/// all sums are of different groups; otherwise of two groups and many tokens,
/// so that a decoded weight is used more than once.
struct TileShape {
  int64_t groups;
  /// Falling to one.
  ArrayRef<int64_t> rows;
  /// Groups by whose tiles a tile of rows is multiplied, one after the other:
  /// rows that do not fit a cache are read once for all of them.
  int64_t groupsOfBlock;
};
/// The tiles of a weight of `groups` groups; `isDecoded` where a weight is
/// decoded once for many rows.
TileShape getTileShape(const VectorISA &isa, int64_t groups, bool isOneToken,
                       bool isDecoded);

/// The activations `input` [T, K] or [T, S, K] of `tokens` tokens as rows
/// [T * S, ...] of what is multiplied with `panel`: integers if `format` says
/// so and `isa` can, else floats. Floats of more than one token are in f32:
/// each is read for every group of weight rows, so it is converted once before.
Value makeActivationRows(ImplicitLocOpBuilder &b, const VectorISA &isa,
                         const Panel &panel, Value input, Value tokens,
                         std::optional<InputFormat> format);

/// Emits `few`; or, where `input` is multiplied by `panel` in tiles
/// (hasTileProduct), `many`; or both and a choice, if the number of `tokens` is
/// not known. `many` gets memory for `count` rows of `parts` parts in tiles.
void emitFewOrMany(ImplicitLocOpBuilder &b, const VectorISA &isa,
                   const Panel &panel, Value input, Value tokens, Value count,
                   int64_t parts, function_ref<void()> few,
                   function_ref<void(Value)> many);

/// Rows of activations: those of `memory` in `range`, or if they are in tiles
/// (storeTileRows) in those from `firstTile` on.
struct ActivationRows {
  Value memory;
  IndexRange range;
  Value firstTile = {};
};

using GetRows =
    function_ref<SmallVector<ActivationRow>(Value first, int64_t count)>;

/// Emits the products of the groups of `panel` in `groupRange`, of `groups` in
/// all, with `rows`, of which `getRows` gives some consecutive ones unless they
/// are in tiles. `finish` takes the sums of a row with each of some groups;
/// `unit` groups are never apart.
void emitPanelProducts(
    ImplicitLocOpBuilder &b, const VectorISA &isa, const Panel &panel,
    const TileShape &tile, IndexRange groupRange, int64_t groups, int64_t unit,
    const ActivationRows &rows, GetRows getRows,
    function_ref<void(ArrayRef<Value> groups, Value row, ArrayRef<Value> sums)>
        finish);

/// Fails with a reason unless the emitter handles these types and `layout`,
/// which may be null.
LogicalResult checkPanelOp(Operation *op, const VectorISA &isa, Value weight,
                           LayoutAttr layout);

/// Fails unless there is an instruction set called `name`.
LogicalResult checkISA(MLIRContext *context, StringRef name);

/// Replaces the ops of a dialect on memrefs in `function` by what `lower` emits
/// before them, for the instruction set called `isaName`.
LogicalResult lowerOpsToVector(
    func::FuncOp function, StringRef isaName, TypeID dialect,
    function_ref<LogicalResult(Operation *, const VectorISA &)> lower);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_LINEARLOWERING_H
