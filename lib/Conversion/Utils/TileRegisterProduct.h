//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Panel products of many rows in registers that hold a matrix each (AMX):
// activations and weights are bf16, sums f32.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_TILEREGISTERPRODUCT_H
#define MXFP4_LIB_CONVERSION_UTILS_TILEREGISTERPRODUCT_H

#include "VectorCode.h"
#include "mxfp4/ABI/Program.h"

namespace mlir::mxfp4 {

/// So many tokens and more are multiplied in tiles. Fewer have the same bits as
/// one token, drafts with what they follow among them.
constexpr int64_t kTokensOfTiles = 32;
static_assert(mx::kMaxRewind + 1 < kTokensOfTiles);

/// Rows of a tile.
constexpr int64_t kRowsOfTile = 16;

/// Rows that share what is decoded of a weight. With 2880 columns they take a
/// third of 2 MiB, which processors with tiles have as their second cache.
constexpr int64_t kRowsOfTileBlock = 128;

/// True if `isa` multiplies `input` [..., K] by `panel` in tiles where there
/// are enough tokens: bf16, with a weight of bf16 or MXFP4.
bool hasTileProduct(const VectorISA &isa, const Panel &panel, Value input);

/// Memory for `count` rows of `input` [..., K] in `parts` parts, each of which
/// begins with a tile of its own, as emitTileProducts takes them: tile after
/// tile, of which each 32 columns are together.
Value allocateTileRows(ImplicitLocOpBuilder &b, Value input, Value count,
                       int64_t parts);

/// The blocks of 32 columns of `input` [..., K].
Value getNumTileBlocks(ImplicitLocOpBuilder &b, Value input);

/// Stores the rows in `range`, of which row i is row getSource(i) of `input`
/// [R, K], to the tiles of `rows` from `firstTile` on: block `block` of 32
/// columns, in the order in which `panel` is decoded.
void storeTileRows(ImplicitLocOpBuilder &b, const Panel &panel, Value input,
                   Value block, IndexRange range, Value rows, Value firstTile,
                   function_ref<Value(Value row)> getSource);

/// Calls `body` with tiles ready for use.
void emitWithTiles(ImplicitLocOpBuilder &b, function_ref<void()> body);

/// The products of `groups`, at most two, of `panel` with the rows in `range`,
/// at most kRowsOfTileBlock, which are in the tiles of `rows` from `firstTile`
/// on; `finish` takes the sums of a row.
void emitTileProducts(
    ImplicitLocOpBuilder &b, const VectorISA &isa, const Panel &panel,
    ArrayRef<Value> groups, Value rows, IndexRange range, Value firstTile,
    function_ref<void(Value row, ArrayRef<Value> sums)> finish);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_TILEREGISTERPRODUCT_H
