//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A stage has a few loads of the weight by each lane, all four lanes of a row
// and all splits, and the activations for those. Both are requested when the
// stage before begins. Where activations are streamed, each lane has those that
// it multiplies in registers. Else they stand in the memory of the block in the
// order (split, load of the weight, chunk, column, lane), so that the 32 lanes
// of a warp read 512 bytes in one piece; the lowest bits of their place are
// mixed with the chunk, so that threads that store loads of a column side by
// side meet different banks too.
//
//===----------------------------------------------------------------------===//

#include "StagedProduct.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/Support/MathExtras.h"

#include <functional>

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// The activations of columnTiles * kTileColumns columns in the memory of a
/// block.
class StagedColumns {
public:
  StagedColumns(ImplicitLocOpBuilder &b, const KernelThread &thread,
                StagedShape shape, const RowWeight &rows, Value input,
                Value shared, int64_t columnTiles, Value rank)
      : b(b), thread(thread), weight(b, thread, rows), rows(rows), input(input),
        shared(shared), rank(rank), splits(shape.splits),
        clusterBlocks(shape.clusterBlocks), chunks(shape.chunks),
        columns(columnTiles * kTileColumns) {
    // With more the 128 registers of a thread do not hold two stages.
    int64_t most = chunks > 1 || columnTiles > 1 ? 2 : 4;
    parts = std::min(shape.stagedLoads() / 2 / loadsOfStage(), most);
  }

  /// Loads of a row of the weight by a lane in a stage.
  int64_t getParts() const { return parts; }
  int64_t getStages() const {
    return llvm::divideCeil(rows.columns, columnsOfStage());
  }

  /// Prepares what the thread loads, of the rows that `getRow` gives for the
  /// first `count` columns.
  void setRows(Value count, StagedProduct::GetRow getRow) {
    Value last = subIndex(b, count, constantIndex(b, 1));
    for (int64_t done = 0; done < loadsOfStage(); done += thread.threads) {
      Load &load = loads.emplace_back();
      Value number = addIndex(b, thread.thread, done);
      if (loadsOfStage() - done < thread.threads)
        load.isMine =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number,
                                  constantIndex(b, loadsOfStage()));
      // Threads side by side load a column in one piece.
      Value column = divIndex(b, number, splits * loadsOfColumn());
      Value ofColumn = remIndex(b, number, splits * loadsOfColumn());
      load.row = getRow(arith::MinUIOp::create(b, column, last));
      Value ofStage =
          addIndex(b, mulIndex(b, rank, splits * loadsOfColumn()), ofColumn);
      load.first = mulIndex(b, ofStage, kChunk);
      Value ofSplit = divIndex(b, ofColumn, loadsOfColumn());
      Value ofPart = remIndex(b, ofColumn, loadsOfColumn());
      Value part = divIndex(b, ofPart, kLanesOfRow * chunks);
      Value ofLane = remIndex(b, ofPart, kLanesOfRow * chunks);
      load.place = getPlace(ofSplit, part, remIndex(b, ofLane, chunks), column,
                            divIndex(b, ofLane, chunks));
    }
  }

  /// Requests what the thread loads for stage number `stage`.
  SmallVector<Value> request(Value stage) {
    Value before = mulIndex(b, stage, columnsOfStage());
    SmallVector<Value> words;
    for (const Load &load : loads) {
      Value first = addIndex(b, load.first, before);
      // Past the end of a row there are zeros; see TileProduct::getColumns.
      // The stage after the last two is requested, too, but not multiplied.
      Value isColumn;
      if (rows.columns % (2 * columnsOfStage()) != 0)
        isColumn = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, first,
                                         constantIndex(b, rows.columns));
      first = clampTo(b, first, rows.columns - kChunk);
      words.push_back(zeroUnless(
          b, isColumn, weight.loadColumns(input, atColumn(load.row, first))));
    }
    return words;
  }

  /// Stores that where stages begin with `start`.
  void store(ValueRange words, Value start) {
    for (size_t i = 0; i < loads.size(); ++i) {
      auto store = [&] {
        memref::StoreOp::create(b, words[i], shared,
                                ValueRange{addIndex(b, start, loads[i].place)});
      };
      if (loads[i].isMine)
        emitIf(b, loads[i].isMine, store);
      else
        store();
    }
  }

  /// Where a stage begins of those that take turns.
  Value getStart(Value turn) { return mulIndex(b, turn, loadsOfStage()); }

  /// The words of the lane's column of tile number `tile` for a chunk of a load
  /// of the weight.
  Value load(Value start, Value split, int64_t part, int64_t chunk,
             int64_t tile) {
    Value column = addIndex(b, weight.getGroup(), tile * kTileColumns);
    Value place =
        getPlace(split, constantIndex(b, part), constantIndex(b, chunk), column,
                 weight.getQuarter());
    return memref::LoadOp::create(b, shared,
                                  ValueRange{addIndex(b, start, place)});
  }

private:
  /// A load that a thread makes for each stage: the indices of the row, the
  /// column of the weight in stage 0, and the place in the memory of a stage.
  /// Null if all threads make it.
  struct Load {
    SmallVector<Value> row;
    Value first, place, isMine;
  };

  /// Loads of activations in a stage, of a column and split and of all.
  int64_t loadsOfColumn() const { return parts * kLanesOfRow * chunks; }
  int64_t loadsOfStage() const { return splits * columns * loadsOfColumn(); }
  /// Columns of the weight in a stage of all blocks that share them.
  int64_t columnsOfStage() const {
    return clusterBlocks * splits * loadsOfColumn() * kChunk;
  }

  Value getPlace(Value split, Value part, Value chunk, Value column,
                 Value quarter) {
    Value plane = addIndex(b, mulIndex(b, split, parts), part);
    plane = addIndex(b, mulIndex(b, plane, chunks), chunk);
    Value place = addIndex(b, mulIndex(b, column, kLanesOfRow), quarter);
    // Eight threads store the chunks of two lanes, or, where a load has but
    // one, all lanes of two loads.
    Value mixed = chunks > 1 ? mulIndex(b, chunk, 2)
                             : mulIndex(b, remIndex(b, part, 2), kLanesOfRow);
    return addIndex(b, mulIndex(b, plane, columns * kLanesOfRow),
                    arith::XOrIOp::create(b, place, mixed));
  }

  ImplicitLocOpBuilder &b;
  const KernelThread &thread;
  TileWeight weight;
  const RowWeight &rows;
  Value input, shared, rank;
  int64_t splits, clusterBlocks, chunks, columns;
  int64_t parts = 1;
  SmallVector<Load> loads;
};
} // namespace

StagedProduct::StagedProduct(ImplicitLocOpBuilder &b,
                             const KernelThread &thread, StagedShape shape,
                             const RowWeight &weight, Value input, Value shared)
    : b(b), thread(thread), shape(shape), weight(weight), input(input),
      shared(shared) {}

/// The sums of all splits, in the lanes of the first.
SmallVector<Value> StagedProduct::addSplits(const KernelThread &thread,
                                            ValueRange sums) {
  Value tile = divIndex(b, thread.warp, shape.splits);
  Value split = remIndex(b, thread.warp, shape.splits);
  int64_t vectors = sums.size() / kTileSums;
  Type words = getWordsType(b.getContext());
  Type floats = VectorType::get({kTileSums}, b.getF32Type());
  auto getPlace = [&](Value ofSplit, int64_t i) {
    Value number = addIndex(b, mulIndex(b, tile, shape.splits - 1),
                            subIndex(b, ofSplit, constantIndex(b, 1)));
    number = addIndex(b, mulIndex(b, number, vectors), i);
    return addIndex(b, mulIndex(b, number, kWarpSize), thread.lane);
  };
  Value zero = constantIndex(b, 0);
  // All must be done with the last stage.
  gpu::BarrierOp::create(b);
  emitIf(
      b, arith::CmpIOp::create(b, arith::CmpIPredicate::ne, split, zero), [&] {
        for (int64_t i = 0; i < vectors; ++i) {
          Value vector = vector::FromElementsOp::create(
              b, cast<VectorType>(floats),
              sums.slice(i * kTileSums, kTileSums));
          memref::StoreOp::create(b,
                                  vector::BitCastOp::create(b, words, vector),
                                  shared, ValueRange{getPlace(split, i)});
        }
      });
  gpu::BarrierOp::create(b);
  SmallVector<Value> totals(sums);
  for (int64_t other = 1; other < shape.splits; ++other)
    for (int64_t i = 0; i < vectors; ++i) {
      // The lanes of other splits read what is not theirs and drop it.
      Value vector = vector::BitCastOp::create(
          b, floats,
          memref::LoadOp::create(
              b, shared, ValueRange{getPlace(constantIndex(b, other), i)}));
      for (int64_t k = 0; k < kTileSums; ++k) {
        Value &total = totals[i * kTileSums + k];
        total = arith::AddFOp::create(b, total,
                                      vector::ExtractOp::create(b, vector, k));
      }
    }
  return totals;
}

/// Where a lane has its sums of a tile of columns for the blocks of the
/// cluster, after what addSplits needs.
Value StagedProduct::getPlaceInCluster(const KernelThread &thread,
                                       int64_t columnTiles, Value columnTile) {
  Value tile = divIndex(b, thread.warp, shape.splits);
  Value number = addIndex(b, mulIndex(b, tile, columnTiles), columnTile);
  Value place = addIndex(b, mulIndex(b, number, kWarpSize), thread.lane);
  return addIndex(b, place, shape.sumLoads(columnTiles));
}

/// Lets the blocks of the cluster read `sums` of the first split.
void StagedProduct::shareSums(const KernelThread &thread, ValueRange sums) {
  auto floats = VectorType::get({kTileSums}, b.getF32Type());
  int64_t columnTiles = sums.size() / kTileSums;
  auto store = [&] {
    for (int64_t i = 0; i < columnTiles; ++i) {
      Value vector = vector::FromElementsOp::create(
          b, floats, sums.slice(i * kTileSums, kTileSums));
      memref::StoreOp::create(
          b, vector::BitCastOp::create(b, getWordsType(b.getContext()), vector),
          shared,
          ValueRange{
              getPlaceInCluster(thread, columnTiles, constantIndex(b, i))});
    }
  };
  Value split = remIndex(b, thread.warp, shape.splits);
  emitIf(b,
         arith::CmpIOp::create(b, arith::CmpIPredicate::eq, split,
                               constantIndex(b, 0)),
         store);
  emitClusterBarrier(b);
}

/// The sums of all blocks of the cluster of `count` tiles of columns from
/// number `firstTile` on, in the order of blocks.
SmallVector<Value> StagedProduct::addBlocks(const KernelThread &thread,
                                            int64_t columnTiles,
                                            Value firstTile, int64_t count) {
  Type f32 = b.getF32Type();
  auto vector = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(kTileSums, f32));
  SmallVector<Value> loads;
  for (int64_t block = 0; block < shape.clusterBlocks; ++block)
    for (int64_t i = 0; i < count; ++i) {
      Value tile = clampTo(b, addIndex(b, firstTile, i), columnTiles - 1);
      Value address = getAddressInCluster(
          b, constantIndex(b, block), shared,
          ValueRange{getPlaceInCluster(thread, columnTiles, tile)});
      loads.push_back(LLVM::InlineAsmOp::create(
                          b, vector, address,
                          "ld.shared::cluster.v4.f32 {$0, $1, $2, $3}, [$4];",
                          "=f,=f,=f,=f,r", /*has_side_effects=*/true,
                          /*is_align_stack=*/false, LLVM::TailCallKind::None,
                          LLVM::AsmDialectAttr(), ArrayAttr())
                          .getResult(0));
    }
  SmallVector<Value> totals;
  for (int64_t i = 0; i < count; ++i)
    for (int64_t k = 0; k < kTileSums; ++k) {
      Value total;
      for (int64_t block = 0; block < shape.clusterBlocks; ++block) {
        Value sum =
            LLVM::ExtractValueOp::create(b, loads[block * count + i], k);
        total = total ? arith::AddFOp::create(b, total, sum).getResult() : sum;
      }
      totals.push_back(total);
    }
  return totals;
}

/// The number of the block in its cluster.
Value StagedProduct::getRank() {
  return remIndex(b, thread.block, shape.clusterBlocks);
}

/// The number among those of its row of the four loads that the lanes of a row
/// make of part `part` of the `parts` of a stage.
Value StagedProduct::getQuad(Value split, Value stage, int64_t parts,
                             int64_t part) {
  Value number =
      addIndex(b, mulIndex(b, stage, shape.clusterBlocks), getRank());
  number = addIndex(b, mulIndex(b, number, shape.splits), split);
  return addIndex(b, mulIndex(b, number, parts), part);
}

/// The sums of the split, and where code looks for large scales the largest
/// one, for so many tiles of columns. All threads of the block stage
/// activations.
SmallVector<Value> StagedProduct::multiplyStaged(const KernelThread &thread,
                                                 int64_t columnTiles,
                                                 bool hasLargeScales,
                                                 const Tile &tile, Value count,
                                                 GetRow getRow) {
  Value split = remIndex(b, thread.warp, shape.splits);
  TileWeight tiles(b, thread, weight);
  StagedColumns staged(b, thread, shape, weight, input, shared, columnTiles,
                       getRank());
  staged.setRows(count, getRow);
  int64_t parts = staged.getParts(), stages = staged.getStages();
  auto loadStage = [&](Value stage) {
    SmallVector<Value> loads;
    for (int64_t part = 0; part < parts; ++part)
      loads.append(tiles.load(tile, getQuad(split, stage, parts, part)));
    return loads;
  };

  Value zero = constantIndex(b, 0);
  bool looksForLarge = weight.scales && !hasLargeScales;
  int64_t sumCount = columnTiles * kTileSums;
  SmallVector<Value> carried(sumCount, constantFloat(b, b.getF32Type(), 0.0));
  if (looksForLarge)
    carried.push_back(constantInt(b, b.getI32Type(), 0));
  int64_t loadsStart = carried.size();
  size_t loadsOfPart = tiles.loadsOfPart();
  carried.append(loadStage(zero));
  staged.store(staged.request(zero), staged.getStart(zero));

  // Two stages take turns, each with its registers and its memory.
  carried =
      emitFor(b, zero, constantIndex(b, llvm::divideCeil(stages, 2)), 1,
              carried, [&](Value turn, ValueRange carried) {
                SmallVector<Value> sums(carried.take_front(sumCount)),
                    loads(carried.drop_front(loadsStart));
                Value largest = looksForLarge ? carried[sumCount] : Value();
                for (int64_t i = 0; i < 2; ++i) {
                  Value next = addIndex(b, mulIndex(b, turn, 2), i + 1);
                  // No assembler moves these behind the barrier, to where they
                  // are needed.
                  SmallVector<Value> ahead = loadStage(next);
                  SmallVector<Value> words = staged.request(next);
                  // This stage is there, and nobody needs the one before.
                  gpu::BarrierOp::create(b);
                  Value start = staged.getStart(constantIndex(b, i));
                  for (int64_t part = 0; part < parts; ++part) {
                    ValueRange own = ValueRange(loads).slice(part * loadsOfPart,
                                                             loadsOfPart);
                    if (looksForLarge)
                      largest = tiles.getLargestScale(own, largest);
                    sums = tiles.multiply(
                        own, sums,
                        [&](int64_t chunk, int64_t number) {
                          return staged.load(start, split, part, chunk, number);
                        },
                        hasLargeScales);
                  }
                  staged.store(words, staged.getStart(constantIndex(b, 1 - i)));
                  loads = ahead;
                }
                if (looksForLarge)
                  sums.push_back(largest);
                sums.append(loads);
                return sums;
              });
  carried.truncate(loadsStart);
  return carried;
}

/// Likewise, where each warp loads the activations that it multiplies by
/// itself. No warp waits for another, and a few loads of each lane are always
/// under way.
SmallVector<Value> StagedProduct::multiplyStreamed(const KernelThread &thread,
                                                   int64_t columnTiles,
                                                   const Tile &tile,
                                                   Value count, GetRow getRow) {
  // What 128 registers of a thread hold: loads of a row by a lane at a time,
  // and how many times as many are ahead.
  int64_t parts = columnTiles == 1 ? 2 : 1, ahead = columnTiles == 2 ? 3 : 2;
  Value split = remIndex(b, thread.warp, shape.splits);
  TileWeight tiles(b, thread, weight);
  Value last = subIndex(b, count, constantIndex(b, 1));
  SmallVector<SmallVector<Value>> rows;
  for (int64_t i = 0; i < columnTiles; ++i) {
    Value column = addIndex(b, tiles.getGroup(), i * kTileColumns);
    rows.push_back(getRow(arith::MinUIOp::create(b, column, last)));
  }
  int64_t loads = weight.columns / kChunk;
  int64_t stages = llvm::divideCeil(loads, shape.splits * parts * kLanesOfRow);
  auto getNumber = [&](Value quad) {
    return addIndex(b, mulIndex(b, quad, kLanesOfRow), tiles.getQuarter());
  };
  // Weights, then activations.
  size_t size = parts * (tiles.loadsOfPart() + columnTiles);
  auto loadStage = [&](Value stage) {
    SmallVector<Value> weights, activations;
    for (int64_t part = 0; part < parts; ++part) {
      Value quad = getQuad(split, stage, parts, part);
      weights.append(tiles.load(tile, quad));
      Value first = mulIndex(b, clampTo(b, getNumber(quad), loads - 1), kChunk);
      for (ArrayRef<Value> row : rows)
        activations.push_back(tiles.loadColumns(input, atColumn(row, first)));
    }
    weights.append(activations);
    return weights;
  };

  SmallVector<Value> carried(columnTiles * kTileSums,
                             constantFloat(b, b.getF32Type(), 0.0));
  size_t sumCount = carried.size();
  for (int64_t i = 0; i < ahead; ++i)
    carried.append(loadStage(constantIndex(b, i)));
  // As many stages at a time as there are sets of registers.
  int64_t turns = llvm::divideCeil(stages, ahead + 1);
  // Compilers that unroll the loop have no registers for it.
  carried = emitFor(
      b, constantIndex(b, 0), forget(b, constantIndex(b, turns)), 1, carried,
      [&](Value turn, ValueRange carried) {
        SmallVector<Value> sums(carried.take_front(sumCount)),
            queue(carried.drop_front(sumCount));
        Value stage = mulIndex(b, turn, ahead + 1);
        for (int64_t i = 0; i <= ahead; ++i) {
          queue.append(loadStage(addIndex(b, stage, i + ahead)));
          ValueRange own = ValueRange(queue).take_front(size);
          ValueRange weights = own.take_front(parts * tiles.loadsOfPart());
          ValueRange activations = own.drop_front(weights.size());
          for (int64_t part = 0; part < parts; ++part) {
            // Past the end of a row there are zeros; not before, since what is
            // computed of a load waits for it.
            Value quad = getQuad(split, addIndex(b, stage, i), parts, part);
            Value isLoad =
                arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                      getNumber(quad), constantIndex(b, loads));
            sums = tiles.multiply(
                weights.slice(part * tiles.loadsOfPart(), tiles.loadsOfPart()),
                sums,
                [&](int64_t, int64_t number) {
                  return zeroUnless(b, isLoad,
                                    activations[part * columnTiles + number]);
                },
                /*hasLargeScales=*/false);
          }
          queue.erase(queue.begin(), queue.begin() + size);
        }
        sums.append(queue);
        return sums;
      });
  carried.truncate(sumCount);
  return carried;
}

/// Emits the code for so many tiles of columns. Returns whether it met large
/// scales without being for them, and so did not finish: an i32 that is not 0
/// then; null of a weight without scales.
Value StagedProduct::emit(int64_t columnTiles, bool hasLargeScales,
                          const Tile &tile, Value count, GetRow getRow,
                          Finish finish) {
  KernelThread thread = forget(b, this->thread);
  Value split = remIndex(b, thread.warp, shape.splits);
  TileWeight tiles(b, thread, weight);
  assert(!(shape.isStreamed && weight.scales) && "scales are for stages");
  assert((shape.clusterBlocks == 1 || (!weight.scales && shape.splits > 1)) &&
         "clusters are for dense weights whose rows warps share");
  SmallVector<Value> carried =
      shape.isStreamed
          ? multiplyStreamed(thread, columnTiles, tile, count, getRow)
          : multiplyStaged(thread, columnTiles, hasLargeScales, tile, count,
                           getRow);
  Type i32 = b.getI32Type();
  Value zero = constantIndex(b, 0);
  bool looksForLarge = weight.scales && !hasLargeScales;
  int64_t sumCount = columnTiles * kTileSums;

  SmallVector<Value> sums(ArrayRef<Value>(carried).take_front(sumCount));
  if (shape.splits > 1)
    sums = addSplits(thread, sums);
  // Each block of a cluster finishes some tiles of columns.
  Value firstTile = constantIndex(b, 0);
  int64_t ownTiles = llvm::divideCeil(columnTiles, shape.clusterBlocks);
  if (shape.clusterBlocks > 1) {
    shareSums(thread, sums);
    firstTile = mulIndex(b, getRank(), ownTiles);
  }
  auto finishOwn = [&] {
    if (shape.clusterBlocks > 1)
      sums = addBlocks(thread, columnTiles, firstTile, ownTiles);
    SmallVector<StagedSums> all;
    Value row = addIndex(
        b, mulIndex(b, divIndex(b, thread.warp, shape.splits), 2 * kTileRows),
        tiles.getGroup());
    Value firstColumn = addIndex(b, mulIndex(b, firstTile, kTileColumns),
                                 mulIndex(b, tiles.getQuarter(), 2));
    for (int64_t i = 0; i < ownTiles * kTileSums / 2; ++i) {
      // Sums 0 and 1 are of the first half, 2 and 3 of the second.
      int64_t place = i / 2 * kTileSums + i % 2;
      Value column = addIndex(b, firstColumn, i / 2 * kTileColumns + i % 2);
      // In 32 bits, since the count is kept until here.
      Value isColumn =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                arith::IndexCastUIOp::create(b, i32, column),
                                arith::IndexCastUIOp::create(b, i32, count));
      all.push_back(
          {column, isColumn, {sums[place], sums[place + kTileSums / 2]}});
    }
    finish(row, all);
  };
  auto finishAll = [&] {
    if (shape.splits == 1)
      finishOwn();
    else
      emitIf(b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, split, zero),
             finishOwn);
    // Nobody ends while others read its sums.
    if (shape.clusterBlocks > 1)
      emitClusterBarrier(b);
  };
  if (!looksForLarge) {
    finishAll();
    return weight.scales ? constantInt(b, i32, 0) : Value();
  }
  Value isLarge =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, carried[sumCount],
                            constantInt(b, i32, kLargestScale));
  Value isAnyLarge = anyOfBlock(b, isLarge);
  emitIf(b,
         arith::CmpIOp::create(b, arith::CmpIPredicate::eq, isAnyLarge,
                               constantInt(b, i32, 0)),
         finishAll);
  return isAnyLarge;
}

/// Emits code for each power of two of column tiles. Returns what emit does.
Value StagedProduct::emitVariants(const Tile &tile, Value count, GetRow getRow,
                                  Finish finish) {
  SmallVector<Type> results;
  if (weight.scales)
    results.push_back(b.getI32Type());
  std::function<Value(int64_t)> emitFrom = [&](int64_t columnTiles) {
    auto emitOwn = [&] {
      return emit(columnTiles, /*hasLargeScales=*/false, tile, count, getRow,
                  finish);
    };
    if (columnTiles == shape.columnTiles)
      return emitOwn();
    Value fits =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ule, count,
                              constantIndex(b, columnTiles * kTileColumns));
    auto branch = scf::IfOp::create(b, results, fits, /*addThenBlock=*/true,
                                    /*addElseBlock=*/true);
    auto yield = [&](Value result) {
      scf::YieldOp::create(b, result ? ValueRange(result) : ValueRange());
    };
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    yield(emitOwn());
    b.setInsertionPointToStart(branch.elseBlock());
    yield(emitFrom(2 * columnTiles));
    return weight.scales ? Value(branch.getResult(0)) : Value();
  };
  return emitFrom(1);
}

void StagedProduct::multiply(const Tile &tile, Value count, GetRow getRow,
                             Finish finish) {
  // The products before must be done.
  gpu::BarrierOp::create(b);
  Value isAnyLarge = emitVariants(tile, count, getRow, finish);
  if (!weight.scales)
    return;
  // Large scales are multiplied by code of their own, again.
  Value isLarge = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, isAnyLarge,
                                        constantInt(b, b.getI32Type(), 0));
  emitIf(b, isLarge, [&] {
    emitFor(b, constantIndex(b, 0), count, kTileColumns, [&](Value first) {
      gpu::BarrierOp::create(b);
      Value rest = arith::MinUIOp::create(b, subIndex(b, count, first),
                                          constantIndex(b, kTileColumns));
      emit(
          /*columnTiles=*/1, /*hasLargeScales=*/true, tile, rest,
          [&](Value column) { return getRow(addIndex(b, first, column)); },
          [&](Value row, ArrayRef<StagedSums> sums) {
            SmallVector<StagedSums> moved(sums);
            for (StagedSums &own : moved)
              own.column = addIndex(b, first, own.column);
            finish(row, moved);
          });
    });
  });
}
