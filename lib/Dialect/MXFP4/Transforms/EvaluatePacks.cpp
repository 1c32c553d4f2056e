//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights that are constants of a module are arranged once, when it is
// compiled, and not in every call.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "mxfp4/Format/Layout.h"

#define DEBUG_TYPE "mxfp4-evaluate-packs"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_EVALUATEPACKSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// What `op` makes of `source`; null if that is not known here.
static DenseElementsAttr evaluatePack(PackOp op, DenseElementsAttr source) {
  if (!op.getLayout() || source.isSplat())
    return {};
  bool isPacked = isPackedStorage(source.getType());
  int64_t bits = isPacked ? 4 : source.getElementType().getIntOrFloatBitWidth();
  if (bits != 4 && bits != 8 && bits != 16)
    return {};
  LayoutAttr attr = *op.getLayout();
  mx::InterleavedLayout layout{attr.getLanes(), attr.getDepth(),
                               attr.getPaired(), attr.getTiled()};
  SmallVector<int64_t> shape = getElementShape(source.getType());
  int64_t columns = shape.pop_back_val(), rows = shape.pop_back_val();
  int64_t matrices = ShapedType::getNumElements(shape);
  if (!layout.check(rows, columns, bits))
    return {};
  auto result = cast<RankedTensorType>(op.getInit().getType());
  int64_t sourceBytes = rows * columns * bits / 8;
  int64_t resultBytes = layout.byteCount(rows, columns, bits);
  std::vector<char> packed(matrices * resultBytes);
  auto *bytes = reinterpret_cast<uint8_t *>(packed.data());
  auto *from = reinterpret_cast<const uint8_t *>(source.getRawData().data());
  for (int64_t i = 0; i < matrices; ++i)
    mx::packInterleaved(layout, from + i * sourceBytes, rows, columns, bits,
                        bytes + i * resultBytes);
  return DenseElementsAttr::getFromRawBuffer(result, packed);
}

namespace {
struct EvaluatePacksPass final
    : mxfp4::impl::EvaluatePacksPassBase<EvaluatePacksPass> {
  using Base::Base;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation().walk([&](PackOp op) {
      DenseElementsAttr source;
      if (op.getNumResults() == 0 ||
          !matchPattern(op.getSource(), m_Constant(&source)))
        return;
      DenseElementsAttr packed = evaluatePack(op, source);
      if (!packed)
        return;
      rewriter.setInsertionPoint(op);
      rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, packed);
    });
  }
};
} // namespace
