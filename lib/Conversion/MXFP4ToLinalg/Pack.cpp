//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers mxfp4.pack to loops.
//
//===----------------------------------------------------------------------===//

#include "../Utils/Kernels.h"
#include "../Utils/TileWords.h"
#include "Patterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// Looks for each place of the result which element belongs there. Elements are
/// those that are stored: bytes may have two of 4 bits.
class PackEmitter {
public:
  explicit PackEmitter(PackOp op)
      : op(op), layout(*op.getLayout()), type(op.getSource().getType()),
        lanes(layout.getLanes()), rows(type.getDimSize(type.getRank() - 2)),
        columns(type.getShape().back()),
        bits(type.getElementType().getIntOrFloatBitWidth()),
        isPacked(isPackedStorage(type)) {}

  /// The element at `at` of the result.
  Value emit(ImplicitLocOpBuilder &b, ValueRange at) {
    Type element = type.getElementType();
    Value found = layout.getTiled() ? findInTiles(b, at) : find(b, at);
    return arith::BitcastOp::create(b, element, found);
  }

private:
  Value find(ImplicitLocOpBuilder &b, ValueRange at) {
    ValueRange place = at.take_back(3);
    int64_t depth = op.getInit().getType().getShape().back() / lanes;
    Value lane = divIndex(b, place[2], depth);
    Value column =
        addIndex(b, mulIndex(b, place[1], depth), remIndex(b, place[2], depth));
    return load(b, at.drop_back(3), getArrangedRow(b, place[0], lane, layout),
                column);
  }

  /// In a tiled layout (F25).
  Value findInTiles(ImplicitLocOpBuilder &b, ValueRange at) {
    ValueRange place = at.take_back(2);
    int64_t depth = layout.getDepth() / (isPacked ? 2 : 1);
    Value run = mulIndex(b, divIndex(b, place[1], lanes * depth), depth);
    Value width =
        arith::MinUIOp::create(b, constantIndex(b, depth),
                               subIndex(b, constantIndex(b, columns), run));
    Value ofRun = remIndex(b, place[1], lanes * depth);
    Value lane = arith::DivUIOp::create(b, ofRun, width);
    Value column = addIndex(b, run, arith::RemUIOp::create(b, ofRun, width));
    Value row = getArrangedRow(b, place[0], lane, layout);
    ValueRange matrix = at.drop_back(2);
    bool isEncoded = isPacked || bits == 4;
    if (!isEncoded)
      return load(b, matrix, row, column);
    // The word that the element is in, of as many elements as that has.
    Type i32 = b.getI32Type(), own = b.getIntegerType(bits);
    int64_t count = 32 / bits;
    Value number = remIndex(b, column, count);
    Value first = subIndex(b, column, number);
    Value word = constantInt(b, i32, 0);
    for (int64_t i = 0; i < count; ++i) {
      Value part = arith::ExtUIOp::create(
          b, i32, load(b, matrix, row, addIndex(b, first, i)));
      word = arith::OrIOp::create(
          b, word,
          arith::ShLIOp::create(b, part, constantInt(b, i32, bits * i)));
    }
    Value shift = arith::IndexCastOp::create(b, i32, mulIndex(b, number, bits));
    return arith::TruncIOp::create(
        b, own, arith::ShRUIOp::create(b, encodeTileWord(b, word), shift));
  }

  /// The bits of an element of the source, or none of a row that only fills a
  /// group (F19).
  Value load(ImplicitLocOpBuilder &b, ValueRange matrix, Value row,
             Value column) {
    Value isRow = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row,
                                        constantIndex(b, rows));
    SmallVector<Value> from(matrix);
    from.append(
        {arith::SelectOp::create(b, isRow, row, constantIndex(b, 0)), column});
    Type own = b.getIntegerType(bits);
    Value found = arith::BitcastOp::create(
        b, own, tensor::ExtractOp::create(b, op.getSource(), from));
    return arith::SelectOp::create(b, isRow, found, constantInt(b, own, 0));
  }

  PackOp op;
  LayoutAttr layout;
  ShapedType type;
  int64_t lanes, rows, columns, bits;
  bool isPacked;
};

struct PackOpLowering final : OpRewritePattern<PackOp> {
  PackOpLowering(MLIRContext *context, Kernels kernels)
      : OpRewritePattern(context), kernels(kernels) {}

  LogicalResult matchAndRewrite(PackOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0 || !op.getLayout())
      return rewriter.notifyMatchFailure(op, "layout is not resolved");
    if (hasKernel(op, kernels))
      return rewriter.notifyMatchFailure(op, "has a kernel");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    PackEmitter emitter(op);
    rewriter.replaceOp(
        op, emitElementwise(b, op.getInit(),
                            [&](ImplicitLocOpBuilder &b, ValueRange at,
                                ValueRange) { return emitter.emit(b, at); }));
    return success();
  }

private:
  Kernels kernels;
};
} // namespace

void mxfp4::populatePackPatterns(RewritePatternSet &patterns, Kernels kernels) {
  patterns.add<PackOpLowering>(patterns.getContext(), kernels);
}
