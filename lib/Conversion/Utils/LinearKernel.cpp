//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One token takes all of the memory's bandwidth with products of rows, unless
// the weight must be decoded; several are multiplied as tiles.
//
//===----------------------------------------------------------------------===//

#include "LinearKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Threads of a block whose warps multiply rows, and tokens by which they do so
/// at a time where there are many.
static constexpr int64_t kThreads = 256;
static constexpr int64_t kTokens = 4;
/// Multiprocessors of the GPUs that are built for: 132 of an H100 or H200.
static constexpr int64_t kMultiprocessors = 132;
/// Blocks of one at most: with 64 registers of a thread.
static constexpr int64_t kMaxResident = 4;
/// Rows that a warp multiplies at a time where there are enough for all warps
/// of a GPU, and how many that is.
static constexpr int64_t kRows = 4;
static constexpr int64_t kManyRows = 8192;
/// Tiles of a block, and warps that share the columns of one.
static constexpr int64_t kTiles = 4;
static constexpr int64_t kSplits = 2;

/// `index`, or the last one below `size` if that is smaller.
static Value clamp(ImplicitLocOpBuilder &b, Value index, Value size) {
  return arith::MinUIOp::create(b, index,
                                subIndex(b, size, constantIndex(b, 1)));
}

RowShape mxfp4::getRowShape(int64_t outputs) {
  int64_t resident = std::min<int64_t>(
      llvm::divideCeil(outputs, kThreads / kWarpSize * kMultiprocessors),
      kMaxResident);
  return {resident, resident <= 2 ? kRowLoads : resident == 3 ? 8 : 4};
}

/// A warp multiplies a few rows.
static void emitWithRows(ImplicitLocOpBuilder &b, StringRef name,
                         const RowWeight &weight, Value input, Value bias,
                         Value residual, Value init, int64_t outputsTogether) {
  auto initType = cast<MemRefType>(init.getType());
  int64_t outputs = initType.getDimSize(1);
  int64_t rows = outputs >= kManyRows ? kRows : 1;
  int64_t columns = initType.getDimSize(0) == 1 ? 1 : kTokens;
  Value tokens = getSize(b, init, 0);
  Value tiles = divIndex(b, addIndex(b, tokens, columns - 1), columns);
  Value items = mulIndex(b, tiles, llvm::divideCeil(outputs, rows));
  int64_t blocks = getBlocks(items, kThreads / kWarpSize);
  RowShape shape = {/*resident=*/1, kRowLoads};
  if (columns == 1 && rows == 1)
    shape = getRowShape(std::max(outputs, outputsTogether));
  else if (columns == 1)
    shape.resident = 2;
  emitLaunch(
      b, name, blocks, kThreads, {},
      [&](const KernelThread &thread) {
        emitForEachItemOfWarp(b, thread, items, [&](Value item) {
          // Warps side by side share rows of the weight.
          Value firstRow =
              mulIndex(b, arith::DivUIOp::create(b, item, tiles), rows);
          Value firstToken =
              mulIndex(b, arith::RemUIOp::create(b, item, tiles), columns);
          RowGroup group;
          SmallVector<Value> tokenNumbers;
          for (int64_t r = 0; r < rows; ++r) {
            Value row = addIndex(b, firstRow, r);
            group.weightRows.push_back(
                {outputs % rows == 0
                     ? row
                     : clamp(b, row, constantIndex(b, outputs))});
          }
          for (int64_t t = 0; t < columns; ++t) {
            tokenNumbers.push_back(addIndex(b, firstToken, t));
            group.inputRows.push_back(
                {columns == 1 ? tokenNumbers[t]
                              : clamp(b, tokenNumbers[t], tokens)});
          }
          // Lane i finishes the sums of row i.
          Value ownRow = addIndex(b, firstRow, thread.lane);
          Value end = constantIndex(b, outputs);
          Value place = clamp(b, ownRow, end);
          // What it needs is requested before all else.
          Value added = bias ? loadScalar(b, bias, place) : Value();
          SmallVector<Value> before;
          for (int64_t t = 0; residual && t < columns; ++t)
            before.push_back(
                loadScalar(b, residual, {group.inputRows[t][0], place}));
          auto sums =
              emitRowProducts(b, thread, weight, input, group, shape.loads)[0];
          Value isRow =
              arith::CmpIOp::create(b, arith::CmpIPredicate::ult, ownRow, end);
          Value isLane =
              arith::CmpIOp::create(b, arith::CmpIPredicate::ult, thread.lane,
                                    constantIndex(b, rows));
          emitIf(b, arith::AndIOp::create(b, isLane, isRow), [&] {
            for (int64_t t = 0; t < columns; ++t) {
              Value isToken = arith::CmpIOp::create(
                  b, arith::CmpIPredicate::ult, tokenNumbers[t], tokens);
              emitIf(b, isToken, [&] {
                Value sum = sums[0][t];
                for (int64_t r = 1; r < rows; ++r) {
                  Value isMine =
                      arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                            thread.lane, constantIndex(b, r));
                  sum = arith::SelectOp::create(b, isMine, sums[r][t], sum);
                }
                if (added)
                  sum = arith::AddFOp::create(b, sum, added);
                if (residual)
                  sum = arith::AddFOp::create(b, sum, before[t]);
                storeScalar(b, sum, init, {tokenNumbers[t], ownRow});
              });
            }
          });
        });
      },
      shape.resident);
}

/// A block multiplies kTiles tiles by the same tokens.
static void emitWithTiles(ImplicitLocOpBuilder &b, StringRef name,
                          const RowWeight &weight, Value input, Value bias,
                          Value residual, Value init) {
  auto initType = cast<MemRefType>(init.getType());
  int64_t outputs = initType.getDimSize(1);
  int64_t maxTokens = initType.getDimSize(0);
  TileShape shape(weight, kTiles, kSplits,
                  ShapedType::isDynamic(maxTokens)
                      ? kTileColumns
                      : std::min(maxTokens, kTileColumns));
  constexpr int64_t rows = kTiles * 2 * kTileRows;
  Value tokens = getSize(b, init, 0);
  Value columnTiles =
      divIndex(b, addIndex(b, tokens, kTileColumns - 1), kTileColumns);
  Value items = mulIndex(b, columnTiles, llvm::divideCeil(outputs, rows));
  auto isBelow = [&](Value x, Value end) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x, end);
  };
  Value end = constantIndex(b, outputs);
  emitLaunch(
      b, name, getBlocks(items, 1), shape.threads(),
      shape.getShared(b.getContext()),
      [&](const KernelThread &thread) {
        TileProduct product(b, thread, shape, weight, input);
        emitForEachItemOfBlock(b, thread, items, [&](Value item) {
          // Blocks side by side share rows of the weight.
          Value firstRow =
              mulIndex(b, arith::DivUIOp::create(b, item, columnTiles), rows);
          Value firstToken = mulIndex(
              b, arith::RemUIOp::create(b, item, columnTiles), kTileColumns);
          product.setInput([&](Value column) -> SmallVector<Value> {
            return {clamp(b, addIndex(b, firstToken, column), tokens)};
          });
          Value rowOfTile = addIndex(
              b, firstRow, mulIndex(b, product.getTile(), 2 * kTileRows));
          Tile tile;
          for (int64_t half = 0; half < 2; ++half) {
            Value row = addIndex(b, rowOfTile, half * kTileRows);
            tile.rows[half] = {
                weight.isArranged
                    ? clamp(b, divIndex(b, row, kTileRows),
                            constantIndex(b,
                                          llvm::divideCeil(outputs, kTileRows)))
                    : clamp(b, addIndex(b, row, product.getGroup()), end)};
          }
          product.multiply(tile);
          // Threads side by side finish outputs of the same token.
          emitFor(
              b, thread.thread, constantIndex(b, rows * kTileColumns),
              shape.threads(), [&](Value number) {
                Value place = remIndex(b, number, rows);
                Value column = divIndex(b, number, rows);
                Value row = addIndex(b, firstRow, place);
                Value token = addIndex(b, firstToken, column);
                Value isOutput = arith::AndIOp::create(b, isBelow(row, end),
                                                       isBelow(token, tokens));
                emitIf(b, isOutput, [&] {
                  Value sum =
                      product.getSum(divIndex(b, place, 2 * kTileRows),
                                     remIndex(b, place, 2 * kTileRows), column);
                  Value at[] = {token, row};
                  if (bias)
                    sum =
                        arith::AddFOp::create(b, sum, loadScalar(b, bias, row));
                  if (residual)
                    sum = arith::AddFOp::create(b, sum,
                                                loadScalar(b, residual, at));
                  storeScalar(b, sum, init, at);
                });
              });
        });
      },
      shape.residentBlocks());
}

void mxfp4::emitLinearKernel(ImplicitLocOpBuilder &b, StringRef name,
                             const RowWeight &weight, Value input, Value bias,
                             Value residual, Value init, bool tensorCores,
                             int64_t outputsTogether) {
  bool isOneToken = cast<MemRefType>(init.getType()).getDimSize(0) == 1;
  bool needsTiles = weight.scales || !isOneToken;
  if (tensorCores && needsTiles && hasTiles(weight, input))
    emitWithTiles(b, name, weight, input, bias, residual, init);
  else
    emitWithRows(b, name, weight, input, bias, residual, init, outputsTogether);
}
