//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One token takes all of the memory's bandwidth with products of rows, unless
// the weight must be decoded, or copied before the token is there; tensor cores
// multiply others.
//
//===----------------------------------------------------------------------===//

#include "LinearKernel.h"

#include "CopiedProduct.h"
#include "StagedProduct.h"
#include "TileProduct.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Threads of a block whose warps multiply rows, and tokens by which they do so
/// at a time where there are many.
static constexpr int64_t kThreads = 256;
static constexpr int64_t kTokens = 4;
/// Blocks of one at most: with 64 registers of a thread.
static constexpr int64_t kMaxResident = 4;
/// Rows that a warp multiplies at a time where there are enough for all warps
/// of a GPU, and how many that is.
static constexpr int64_t kRows = 4;
static constexpr int64_t kManyRows = 8192;
/// Of fewer rows all warps of a block share each, so that there are some
/// blocks; up to so many tokens more warps than else, or blocks of a cluster,
/// share those of dense weights.
static constexpr int64_t kFewRows = 512;
static constexpr int64_t kFewTokens = 64;
/// Tokens whose activations warps load by themselves, where there are not more.
static constexpr int64_t kMaxStreamed = 16;
/// Blocks of a cluster at most, on all chips that have them.
static constexpr int64_t kMaxClusterBlocks = 8;
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

/// Stores `sum` plus `bias` and `residual`, which may be null, at `place`, the
/// indices of token and row.
static void storeOutput(ImplicitLocOpBuilder &b, Value sum, Value bias,
                        Value residual, Value init, ArrayRef<Value> place) {
  if (bias)
    sum = arith::AddFOp::create(b, sum, bias);
  if (residual)
    sum = arith::AddFOp::create(b, sum, residual);
  storeScalar(b, sum, init, place);
}

static Value isBelow(ImplicitLocOpBuilder &b, Value x, Value end) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x, end);
}

/// The rows of an arranged or a plain weight of `outputs` rows that a tile has
/// from `firstRow` on. One that is none is the last.
static Tile getTile(ImplicitLocOpBuilder &b, const RowWeight &weight,
                    Value firstRow, Value group, int64_t outputs) {
  Tile tile;
  for (int64_t half = 0; half < 2; ++half) {
    Value row = addIndex(b, firstRow, half * kTileRows);
    tile.rows[half] = {
        weight.isArranged
            ? clamp(b, divIndex(b, row, kTileRows),
                    constantIndex(b, llvm::divideCeil(outputs, kTileRows)))
            : clamp(b, addIndex(b, row, group), constantIndex(b, outputs))};
  }
  return tile;
}

/// A block multiplies kTiles tiles by one token.
static void emitWithTiles(ImplicitLocOpBuilder &b, StringRef name,
                          const RowWeight &weight, Value input, Value bias,
                          Value residual, Value init) {
  int64_t outputs = cast<MemRefType>(init.getType()).getDimSize(1);
  TileShape shape(weight, kTiles, kSplits, /*inputs=*/1);
  constexpr int64_t rowsOfTile = 2 * kTileRows, rows = kTiles * rowsOfTile;
  Value zero = constantIndex(b, 0);
  emitLaunch(
      b, name, llvm::divideCeil(outputs, rows), shape.threads(),
      shape.getShared(b.getContext()),
      [&](const KernelThread &thread) {
        TileProduct product(b, thread, shape, weight, input);
        Value firstRow = mulIndex(b, thread.block, rows);
        Value rowOfTile =
            addIndex(b, firstRow, mulIndex(b, product.getTile(), rowsOfTile));
        product.multiply(
            getTile(b, weight, rowOfTile, /*group=*/Value(), outputs),
            [&](Value) -> SmallVector<Value> { return {zero}; });
        // Thread i finishes output i.
        Value row = addIndex(b, firstRow, thread.thread);
        Value isOutput = arith::AndIOp::create(
            b, isBelow(b, thread.thread, constantIndex(b, rows)),
            isBelow(b, row, constantIndex(b, outputs)));
        emitIf(b, isOutput, [&] {
          Value sum = product.getSum(divIndex(b, thread.thread, rowsOfTile),
                                     remIndex(b, thread.thread, rowsOfTile));
          storeOutput(b, sum, bias ? loadScalar(b, bias, row) : Value(),
                      residual ? loadScalar(b, residual, {zero, row}) : Value(),
                      init, {zero, row});
        });
      },
      shape.residentBlocks());
}

/// True if blocks should copy the rows of a dense weight before the one token
/// is there: of weights with the same input, which share a kernel, they have no
/// room for all.
static bool hasCopies(const RowWeight &weight, int64_t outputs,
                      int64_t outputsTogether, GPUFeatures features) {
  return features.overlap && outputs >= kFewRows &&
         outputsTogether <= outputs && CopiedShape(weight, outputs).fits();
}

/// A block multiplies some rows by one token, and copies them before that is
/// there.
static void emitWithCopies(ImplicitLocOpBuilder &b, StringRef name,
                           const RowWeight &weight, Value input, Value bias,
                           Value residual, Value init) {
  int64_t outputs = cast<MemRefType>(init.getType()).getDimSize(1);
  CopiedShape shape(weight, outputs);
  emitLaunch(b, name, llvm::divideCeil(outputs, shape.rows()), shape.threads(),
             shape.getShared(b.getContext()), [&](const KernelThread &thread) {
               CopiedProduct product(b, thread, shape, weight, input);
               Value token = constantIndex(b, 0),
                     end = constantIndex(b, outputs);
               Value firstRow = mulIndex(b, thread.block, shape.rows());
               // Thread i finishes row i. What it needs for that is requested
               // before all else.
               Value row = addIndex(b, firstRow, thread.thread);
               Value known = clamp(b, row, end);
               Value added = bias ? loadScalar(b, bias, known) : Value();
               Value before =
                   residual ? loadScalar(b, residual, {token, known}) : Value();
               product.multiply([&](Value ofBlock) {
                 return clamp(b, addIndex(b, firstRow, ofBlock), end);
               });
               Value isOutput = arith::AndIOp::create(
                   b, isBelow(b, thread.thread, constantIndex(b, shape.rows())),
                   isBelow(b, row, end));
               emitIf(b, isOutput, [&] {
                 storeOutput(b, product.getSum(thread.thread), added, before,
                             init, {token, row});
               });
             });
}

/// For a weight of `outputs` rows, by which up to `maxTokens` tokens are
/// multiplied. More warps share a row where that makes more blocks of it, so
/// that more of it is read together, and fewer where it is read often: each
/// block loads the activations of its own. Blocks of a cluster share rows in
/// place of warps, so that each block has more of them.
static StagedShape getStagedShape(const RowWeight &weight, int64_t outputs,
                                  int64_t maxTokens, bool clusters,
                                  int64_t outputsTogether) {
  int64_t columnTiles = StagedShape::getColumnTiles(maxTokens);
  if (outputs >= 2 * kManyRows)
    return {weight, /*splits=*/1, columnTiles};
  if (outputs < kFewRows)
    return {weight, /*splits=*/8, /*columnTiles=*/1};
  if (!weight.scales && maxTokens <= kMaxStreamed)
    return {weight, /*splits=*/8, columnTiles, /*isStreamed=*/true};
  if (!weight.scales && maxTokens <= kFewTokens && clusters) {
    StagedShape shape(weight, /*splits=*/2,
                      StagedShape::getColumnTiles(
                          maxTokens, StagedShape::kMaxDenseColumnTiles));
    int64_t blocks =
        llvm::divideCeil(std::max(outputs, outputsTogether), shape.rows());
    shape.clusterBlocks =
        std::clamp<int64_t>(kStagedResidentBlocks * kMultiprocessors / blocks,
                            1, kMaxClusterBlocks);
    return shape;
  }
  if (!weight.scales && maxTokens <= kFewTokens)
    return {weight, /*splits=*/4, columnTiles};
  return {weight, /*splits=*/2, columnTiles};
}

/// A block multiplies tiles by many tokens.
static void emitStaged(ImplicitLocOpBuilder &b, StringRef name,
                       const RowWeight &weight, Value input, Value bias,
                       Value residual, Value init, bool clusters,
                       int64_t outputsTogether) {
  int64_t outputs = cast<MemRefType>(init.getType()).getDimSize(1);
  int64_t maxTokens = getMaxTokens(b.getInsertionBlock()->getParentOp(), init);
  StagedShape shape =
      getStagedShape(weight, outputs, maxTokens, clusters, outputsTogether);
  Value tokens = getSize(b, init, 0);
  int64_t columns = shape.maxColumns();
  Value columnTiles = constantIndex(b, 1);
  if (maxTokens > columns)
    columnTiles = divIndex(b, addIndex(b, tokens, columns - 1), columns);
  Value items =
      mulIndex(b, columnTiles, llvm::divideCeil(outputs, shape.rows()));
  int64_t blocks = getBlocks(items, 1);
  assert((shape.clusterBlocks == 1 || blocks != kAnyBlocks) &&
         "clusters are for few tokens");
  if (blocks != kAnyBlocks)
    blocks *= shape.clusterBlocks;
  emitLaunch(
      b, name, blocks, shape.threads(), shape.getShared(b.getContext()),
      [&](const KernelThread &thread) {
        // All blocks of a cluster have the same item.
        KernelThread cluster = thread;
        if (shape.clusterBlocks > 1) {
          cluster.block = divIndex(b, thread.block, shape.clusterBlocks);
          cluster.blocks = divIndex(b, thread.blocks, shape.clusterBlocks);
          cluster.blockCount /= shape.clusterBlocks;
        }
        emitForEachItemOfBlock(b, cluster, items, [&](Value item) {
          KernelThread own = forget(b, thread);
          StagedProduct product(b, own, shape, weight, input, own.shared[0]);
          // Blocks side by side share rows of the weight.
          Value firstRow = mulIndex(
              b, arith::DivUIOp::create(b, item, columnTiles), shape.rows());
          Value firstToken = mulIndex(
              b, arith::RemUIOp::create(b, item, columnTiles), columns);
          Value count = arith::MinUIOp::create(
              b, subIndex(b, tokens, firstToken), constantIndex(b, columns));
          Value ofTile =
              mulIndex(b, divIndex(b, own.warp, shape.splits), 2 * kTileRows);
          Tile tile = getTile(b, weight, addIndex(b, firstRow, ofTile),
                              divIndex(b, own.lane, kLanesOfRow), outputs);
          product.multiply(
              tile, count,
              [&](Value column) -> SmallVector<Value> {
                return {addIndex(b, firstToken, column)};
              },
              [&](Value ofBlock, ArrayRef<StagedSums> sums) {
                for (int64_t half = 0; half < 2; ++half) {
                  Value row = addIndex(b, addIndex(b, firstRow, ofBlock),
                                       half * kTileRows);
                  // All is requested before any of it is needed.
                  Value known = clamp(b, row, constantIndex(b, outputs));
                  Value added = bias ? loadScalar(b, bias, known) : Value();
                  SmallVector<Value> before(sums.size());
                  for (size_t i = 0; residual && i < sums.size(); ++i) {
                    Value token = clamp(
                        b, addIndex(b, firstToken, sums[i].column), tokens);
                    before[i] = loadScalar(b, residual, {token, known});
                  }
                  Value isRow = isBelow(b, row, constantIndex(b, outputs));
                  for (size_t i = 0; i < sums.size(); ++i) {
                    Value isOutput =
                        arith::AndIOp::create(b, isRow, sums[i].isColumn);
                    emitIf(b, isOutput, [&] {
                      storeOutput(
                          b, sums[i].sums[half], added, before[i], init,
                          {addIndex(b, firstToken, sums[i].column), row});
                    });
                  }
                }
              });
        });
      },
      kStagedResidentBlocks, shape.clusterBlocks);
}

void mxfp4::emitLinearKernel(ImplicitLocOpBuilder &b, StringRef name,
                             const RowWeight &weight, Value input, Value bias,
                             Value residual, Value init, GPUFeatures features,
                             int64_t outputsTogether) {
  auto type = cast<MemRefType>(init.getType());
  bool isOneToken = type.getDimSize(0) == 1;
  if (!features.tensorCores || !hasTiles(weight, input))
    return emitWithRows(b, name, weight, input, bias, residual, init,
                        outputsTogether);
  if (isOneToken && !weight.scales)
    return hasCopies(weight, type.getDimSize(1), outputsTogether, features)
               ? emitWithCopies(b, name, weight, input, bias, residual, init)
               : emitWithRows(b, name, weight, input, bias, residual, init,
                              outputsTogether);
  if (isOneToken)
    return emitWithTiles(b, name, weight, input, bias, residual, init);
  emitStaged(b, name, weight, input, bias, residual, init, features.clusters,
             outputsTogether);
}
