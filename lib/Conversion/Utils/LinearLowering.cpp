//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loops of a matmul around the panel product, and its epilogue.
//
//===----------------------------------------------------------------------===//

#include "LinearLowering.h"

#include "BF16Product.h"
#include "BlockCode.h"
#include "IntegerProduct.h"
#include "TileRegisterProduct.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

TileShape mxfp4::getTileShape(const VectorISA &isa, int64_t groups,
                              bool isOneToken, bool isDecoded) {
  static constexpr int64_t one[] = {1};
  if (isOneToken) {
    // The more groups, the more products wait for none before, and the more
    // streams memory is read in: 32 rows are enough of the one and not too many
    // of the other.
    int64_t together = std::clamp<int64_t>(32 / isa.lanes, 2, 4);
    return {together, one, together};
  }
  constexpr int64_t tile = 2;
  // The weights of a block stay in the second cache beside the rows of a tile:
  // with 2880 columns of MXFP4 they are 49 KB, of bf16 184 KB. Where they
  // are decoded a few columns at a time, the more groups share the rows of an
  // expert that are in that cache, the better. Where there are few groups,
  // blocks are smaller, so that many threads can share them.
  constexpr int64_t blocks = 64;
  int64_t weightRowsOfBlock = isDecoded ? 128 : 32;
  int64_t largest = std::max(tile, weightRowsOfBlock / isa.lanes);
  return {tile, isa.rowTiles,
          std::clamp(groups / blocks / tile * tile, tile, largest)};
}

/// Copies `input` to a new memref of f32, `step` elements of a row at a time,
/// as `convert` makes them of a vector.
static Value convertRows(ImplicitLocOpBuilder &b, Value input, Value tokens,
                         int64_t step, function_ref<Value(Value)> convert) {
  auto type = cast<MemRefType>(input.getType());
  SmallVector<Value> dynamicSizes, sizes;
  if (type.isDynamicDim(0))
    dynamicSizes.push_back(tokens);
  for (int64_t i = 0; i + 1 < type.getRank(); ++i)
    sizes.push_back(getSize(b, input, i));
  Value wide = memref::AllocOp::create(
      b, MemRefType::get(type.getShape(), b.getF32Type()), dynamicSizes);
  emitParallel(b, sizes, [&](ValueRange indices) {
    emitRow(b, type.getShape().back(), step, [&](Value offset, Value tail) {
      SmallVector<Value> at(indices);
      at.push_back(offset);
      storeF32(b, convert(loadF32(b, input, at, step, tail)), wide, at, tail);
    });
  });
  return wide;
}

/// The integers of blocks as floats, for what multiplies floats.
static Value roundRows(ImplicitLocOpBuilder &b, Value input, Value tokens,
                       InputFormat format) {
  return convertRows(
      b, input, tokens, mx::kBlockSize, [&](Value numbers) -> Value {
        IntegerBlock block = emitIntegerBlock(b, numbers, format);
        Type type = numbers.getType();
        return arith::MulFOp::create(
            b, arith::SIToFPOp::create(b, type, block.integers),
            vector::BroadcastOp::create(b, type, block.scale));
      });
}

/// `input`, rounded as `format` says: integers where `isa` can multiply those
/// by `panel`, else floats.
static Value makeRows(ImplicitLocOpBuilder &b, const VectorISA &isa,
                      const Panel &panel, Value input, Value tokens,
                      std::optional<InputFormat> format) {
  if (!format)
    return input;
  return hasIntegerProduct(isa, panel)
             ? emitIntegerRows(b, isa, input, tokens, *format)
             : roundRows(b, input, tokens, *format);
}

Value mxfp4::makeActivationRows(ImplicitLocOpBuilder &b, const VectorISA &isa,
                                const Panel &panel, Value input, Value tokens,
                                std::optional<InputFormat> format) {
  auto type = cast<MemRefType>(input.getType());
  Value rows = makeRows(b, isa, panel, input, tokens, format);
  if (rows == input && !type.getElementType().isF32() &&
      type.getDimSize(0) != 1)
    rows = convertRows(b, input, tokens, isa.lanes,
                       [](Value numbers) { return numbers; });
  if (type.getRank() == 2)
    return rows;
  SmallVector<ReassociationIndices> dimensions = {{0, 1}};
  for (int64_t i = 2; i < cast<MemRefType>(rows.getType()).getRank(); ++i)
    dimensions.push_back({i});
  return memref::CollapseShapeOp::create(b, rows, dimensions);
}

Value mxfp4::loadTensorScale(ImplicitLocOpBuilder &b, Value scales,
                             ValueRange prefix) {
  if (!scales)
    return {};
  int64_t rank = cast<MemRefType>(scales.getType()).getRank();
  return memref::LoadOp::create(b, scales, prefix.take_front(rank));
}

/// How many columns of rows a thread packs at a time.
static constexpr int64_t kPackedColumns = 64;

/// `rows` [tokens, columns] as numbers of type `element`, packed in the tiles
/// in which they are multiplied: `depth` columns of a row, then of the next row
/// of the tile. A product then reads one stream, where rows that are a multiple
/// of a page apart would not even fit the nearest cache.
static Value packRows(ImplicitLocOpBuilder &b, Value rows, Value tokens,
                      ArrayRef<int64_t> tiles, Type element, int64_t depth) {
  auto type = cast<MemRefType>(rows.getType());
  int64_t columns = type.getDimSize(1);
  SmallVector<Value> dynamicSizes;
  if (type.isDynamicDim(0))
    dynamicSizes.push_back(tokens);
  Value packed = memref::CollapseShapeOp::create(
      b,
      memref::AllocOp::create(b, MemRefType::get(type.getShape(), element),
                              dynamicSizes),
      ArrayRef<ReassociationIndices>{{0, 1}});
  Type together = VectorType::get({depth}, type.getElementType());
  Value chunks = constantIndex(b, llvm::divideCeil(columns, kPackedColumns));
  emitParallel(b, chunks, [&](ValueRange indices) {
    Value begin = mulIndex(b, indices[0], kPackedColumns);
    Value end = arith::MinSIOp::create(b, addIndex(b, begin, kPackedColumns),
                                       constantIndex(b, columns));
    emitRowTiles(
        b, constantIndex(b, 0), tokens, tiles, [&](Value first, int64_t count) {
          emitFor(b, begin, end, depth, [&](Value column) {
            Value place = arith::AddIOp::create(b, mulIndex(b, first, columns),
                                                mulIndex(b, column, count));
            for (int64_t row = 0; row < count; ++row) {
              Value numbers = vector::LoadOp::create(
                  b, together, rows,
                  ValueRange{addIndex(b, first, row), column});
              vector::StoreOp::create(b, convertFloat(b, numbers, element),
                                      packed, addIndex(b, place, row * depth));
            }
          });
        });
  });
  return packed;
}

void mxfp4::emitFewOrMany(ImplicitLocOpBuilder &b, const VectorISA &isa,
                          const Panel &panel, Value input, Value tokens,
                          Value count, int64_t parts, function_ref<void()> few,
                          function_ref<void(Value)> many) {
  std::optional<int64_t> known = getConstantIntValue(tokens);
  if (!hasTileProduct(isa, panel, input) || (known && *known < kTokensOfTiles))
    return few();
  Value rows = allocateTileRows(b, input, count, parts);
  if (known)
    return many(rows);
  Value areMany = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, tokens,
                                        constantIndex(b, kTokensOfTiles));
  scf::IfOp branch = emitIf(b, areMany, [&] { many(rows); }, few);
  // Memory is planned for a function as a whole, that of `few` for as many
  // tokens as there can be.
  branch->walk([&](memref::AllocOp alloc) { alloc->moveBefore(branch); });
}

void mxfp4::emitPanelProducts(
    ImplicitLocOpBuilder &b, const VectorISA &isa, const Panel &panel,
    const TileShape &tile, IndexRange groupRange, int64_t groups, int64_t unit,
    const ActivationRows &rows, GetRows getRows,
    function_ref<void(ArrayRef<Value>, Value, ArrayRef<Value>)> finish) {
  auto forEachTile = [&](function_ref<void(ArrayRef<Value>)> body) {
    emitGroupTiles(b, groupRange.begin, groupRange.end, groups, tile.groups,
                   unit, [&](Value first, int64_t count) {
                     SmallVector<Value> tileGroups;
                     for (int64_t i = 0; i < count; ++i)
                       tileGroups.push_back(addIndex(b, first, i));
                     body(tileGroups);
                   });
  };
  if (rows.firstTile)
    return emitWithTiles(b, [&] {
      IndexRange range = rows.range;
      emitFor(b, range.begin, range.end, kRowsOfTileBlock, [&](Value first) {
        IndexRange block = {
            first, arith::MinUIOp::create(
                       b, addIndex(b, first, kRowsOfTileBlock), range.end)};
        Value tile =
            addIndex(b, rows.firstTile,
                     divIndex(b, subIndex(b, first, range.begin), kRowsOfTile));
        forEachTile([&](ArrayRef<Value> tileGroups) {
          emitTileProducts(b, isa, panel, tileGroups, rows.memory, block, tile,
                           [&](Value row, ArrayRef<Value> sums) {
                             finish(tileGroups, row, sums);
                           });
        });
      });
    });
  if (tile.rows.size() > 1 && decodesOnce(isa, rows.memory))
    return forEachTile([&](ArrayRef<Value> tileGroups) {
      emitIntegerProducts(b, isa, panel, tileGroups, rows.memory, rows.range,
                          getRows, [&](Value row, ArrayRef<Value> sums) {
                            finish(tileGroups, row, sums);
                          });
    });
  emitRowTiles(b, rows.range.begin, rows.range.end, tile.rows,
               [&](Value first, int64_t count) {
                 SmallVector<ActivationRow> ofTile = getRows(first, count);
                 forEachTile([&](ArrayRef<Value> tileGroups) {
                   auto sums =
                       emitPanelProduct(b, isa, panel, tileGroups, ofTile);
                   for (int64_t i = 0; i < count; ++i) {
                     SmallVector<Value> ofRow;
                     for (ArrayRef<Value> ofGroup : sums)
                       ofRow.push_back(ofGroup[i]);
                     finish(tileGroups, addIndex(b, first, i), ofRow);
                   }
                 });
               });
}

LogicalResult mxfp4::checkPanelOp(Operation *op, const VectorISA &isa,
                                  Value weight, LayoutAttr layout) {
  if (!layout)
    return op->emitOpError("cannot be lowered to vectors: expected a layout "
                           "(mxfp4-assign-layouts)");
  auto weightType = cast<MemRefType>(weight.getType());
  if (!isPanelType(weightType.getElementType()))
    return op->emitOpError()
           << "cannot be lowered to " << isa.name
           << ": expected a weight of f32, bf16, f8 or i8 (packed 4-bit), but "
              "got "
           << weightType;
  int64_t depth = getPanelDepth(weightType.getElementType());
  if (layout.getLanes() != isa.lanes || layout.getDepth() != depth ||
      layout.getTiled())
    return op->emitOpError()
           << "cannot be lowered to " << isa.name << ": expected a layout of "
           << isa.lanes << " lanes and depth " << depth << ", but got "
           << layout;
  return success();
}

void mxfp4::emitLinear(ImplicitLocOpBuilder &b, const VectorISA &isa,
                       const Panel &panel, Value input,
                       std::optional<InputFormat> format, Value bias,
                       Value residual, Value init) {
  auto initType = cast<MemRefType>(init.getType());
  int64_t outputs = initType.getDimSize(1);
  Value tokens = getSize(b, init, 0);
  int64_t groups = llvm::divideCeil(outputs, isa.lanes);
  IndexRange all = {constantIndex(b, 0), tokens};
  auto emitProducts = [&](const TileShape &tile, const ActivationRows &rows,
                          GetRows getRows) {
    emitGroupBlocks(b, groups, tile.groupsOfBlock, [&](Value begin, Value end) {
      emitPanelProducts(
          b, isa, panel, tile, {begin, end}, groups, /*unit=*/1, rows, getRows,
          [&](ArrayRef<Value> tileGroups, Value token, ArrayRef<Value> sums) {
            for (auto [group, sum] : llvm::zip(tileGroups, sums)) {
              Value column = mulIndex(b, group, isa.lanes);
              Value tail = getTail(b, outputs, column, isa.lanes);
              SmallVector<Value> at = {token, column};
              Value result = sum;
              if (bias)
                result = arith::AddFOp::create(
                    b, result, loadF32(b, bias, column, isa.lanes, tail));
              if (residual)
                result = arith::AddFOp::create(
                    b, result, loadF32(b, residual, at, isa.lanes, tail));
              storeF32(b, result, init, at, tail);
            }
          });
    });
  };

  auto emitFew = [&] {
    Value activations = makeRows(b, isa, panel, input, tokens, format);
    TileShape tile = getTileShape(isa, groups, initType.getDimSize(0) == 1,
                                  decodesOnce(isa, activations));
    bool isPacked = tile.rows.size() > 1 && !isIntegerRow({activations, {}});
    int64_t depth = 1;
    if (isPacked) {
      Type element = b.getF32Type();
      if (hasBF16Product(isa, panel, activations)) {
        element = b.getBF16Type();
        depth = getBF16Depth(isa, panel);
      }
      activations = packRows(b, activations, tokens, tile.rows, element, depth);
    }
    emitProducts(tile, {activations, all}, [&](Value first, int64_t count) {
      SmallVector<ActivationRow> rows;
      Value start = mulIndex(b, first, panel.columns);
      for (int64_t i = 0; i < count; ++i)
        rows.push_back(
            isPacked ? ActivationRow{activations,
                                     {addIndex(b, start, i * depth)},
                                     count}
                     : ActivationRow{activations, {addIndex(b, first, i)}});
      return rows;
    });
  };
  emitFewOrMany(b, isa, panel, input, tokens, tokens, /*parts=*/1, emitFew,
                [&](Value rows) {
                  Value zero = constantIndex(b, 0);
                  emitParallel(
                      b, getNumTileBlocks(b, input), [&](ValueRange indices) {
                        storeTileRows(b, panel, input, indices[0], all, rows,
                                      zero, [](Value row) { return row; });
                      });
                  emitProducts(getTileShape(isa, groups, /*isOneToken=*/false,
                                            /*isDecoded=*/true),
                               {rows, all, zero}, {});
                });
}

LogicalResult mxfp4::checkISA(MLIRContext *context, StringRef name) {
  if (VectorISA::find(name))
    return success();
  InFlightDiagnostic diagnostic = emitError(UnknownLoc::get(context))
                                  << "expected one of the instruction sets ";
  llvm::interleaveComma(VectorISA::all(), diagnostic,
                        [&](const VectorISA &isa) { diagnostic << isa.name; });
  return diagnostic << ", but got '" << name << "'";
}

LogicalResult mxfp4::lowerOpsToVector(
    func::FuncOp function, StringRef isaName, TypeID dialect,
    function_ref<LogicalResult(Operation *, const VectorISA &)> lower) {
  const VectorISA *isa = VectorISA::find(isaName);
  WalkResult result = function.walk([&](Operation *op) {
    if (!op->getDialect() || op->getDialect()->getTypeID() != dialect ||
        op->getNumResults() != 0)
      return WalkResult::advance();
    if (failed(checkContiguous(op)) || failed(lower(op, *isa)))
      return WalkResult::interrupt();
    op->erase();
    return WalkResult::skip();
  });
  return failure(result.wasInterrupted());
}
