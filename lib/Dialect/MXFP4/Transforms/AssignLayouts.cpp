//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chooses how weights are interleaved: as many rows side by side as a vector
// register has f32 lanes, 32 bits of each; or four blocks of 8 rows of a tile.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

#define DEBUG_TYPE "mxfp4-assign-layouts"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_ASSIGNLAYOUTSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// Bits of a row that stand together in a lane.
static constexpr int64_t kLaneBits = 32;

/// Puts a pack to `layout` before the operand.
static void packOperand(OpBuilder &builder, OpOperand &operand,
                        LayoutAttr layout) {
  auto type = cast<RankedTensorType>(operand.get().getType());
  auto packedType =
      RankedTensorType::get(type.getShape(), type.getElementType(), layout);
  Location loc = operand.getOwner()->getLoc();
  Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                       type.getElementType(), layout);
  auto pack = PackOp::create(builder, loc, TypeRange(packedType), operand.get(),
                             init, /*layout=*/LayoutAttr());
  operand.set(pack->getResult(0));
}

/// True if `weight` has no arrangement yet.
static bool isPlain(Value weight) {
  auto type = dyn_cast<RankedTensorType>(weight.getType());
  return type && type.hasStaticShape() && !type.getEncoding();
}

/// True for the dense weights that kernels multiply.
static bool isDense(Value weight) {
  Type element = getElementTypeOrSelf(weight);
  return element.isF32() || element.isBF16();
}

/// True if tensor cores multiply the weight of `op`.
template <typename OpTy> static bool isForTiles(OpTy op) {
  const mx::BlockFormat *format =
      getBlockFormat(op.getValues().getType(), op.getScales().getType());
  return format && StringRef(format->name) == mx::kMXFP4.name &&
         getElementTypeOrSelf(op.getInput()).isBF16() && !op.getInputFormat() &&
         !op.getTensorScale();
}

namespace {
struct AssignLayoutsPass final
    : mxfp4::impl::AssignLayoutsPassBase<AssignLayoutsPass> {
  using Base::Base;

  void runOnOperation() override {
    if (lanes < 1 || lanes > 64) {
      getOperation().emitError()
          << "expected 1 to 64 lanes, but got " << lanes.getValue();
      return signalPassFailure();
    }
    OpBuilder builder(&getContext());
    getOperation().walk([&](Operation *op) {
      builder.setInsertionPoint(op);
      if (auto linear = dyn_cast<nn::LinearOp>(op))
        return assignDense(builder, linear);
      if (auto matmul = dyn_cast<MatmulOp>(op))
        return assignBlocks(builder, matmul, /*paired=*/false);
      if (auto matmul = dyn_cast<MatmulByExpertOp>(op)) {
        // Kernels add experts up where the sum is kept.
        if (matmul.getWeights() &&
            !matmul.getInit().getType().getElementType().isF32())
          return;
        // No tile has both rows of an output for all slots.
        if (tiles && matmul.getWeights() && matmul.getActivation())
          return;
        assignBlocks(builder, matmul, matmul.getActivation().has_value());
      }
    });
  }

private:
  // A weight that no kernel reads stays as it is, and takes the slow path.

  void assignDense(OpBuilder &builder, nn::LinearOp op) {
    if (tiles || op.getLayout() || !isPlain(op.getWeight()) ||
        !isDense(op.getWeight()))
      return;
    ShapedType type = op.getWeight().getType();
    int64_t depth = kLaneBits / type.getElementTypeBitWidth();
    if (type.getDimSize(1) % depth != 0)
      return;
    packOperand(builder, op.getWeightMutable(),
                LayoutAttr::get(&getContext(), lanes, depth,
                                /*paired=*/false, /*tiled=*/false));
  }

  template <typename OpTy>
  void assignBlocks(OpBuilder &builder, OpTy op, bool paired) {
    if (op.getLayout() || !isPlain(op.getValues()) || !isPlain(op.getScales()))
      return;
    int64_t bits =
        getElementFormat(op.getValues().getType().getElementType())->bits;
    if (kLaneBits % bits != 0)
      return;
    if (tiles) {
      if (!isForTiles(op))
        return;
      auto layout =
          LayoutAttr::get(&getContext(), kTileRows, kTileDepth, paired,
                          /*tiled=*/true);
      packOperand(builder, op.getValuesMutable(), layout);
      packOperand(builder, op.getScalesMutable(), layout.getScalesLayout());
      return;
    }
    // 8-bit elements of a column stand together, so that a vector of them has
    // one in each lane.
    auto layout = LayoutAttr::get(&getContext(), lanes,
                                  bits == 8 ? 1 : kLaneBits / bits, paired,
                                  /*tiled=*/false);
    packOperand(builder, op.getValuesMutable(), layout);
    packOperand(builder, op.getScalesMutable(), layout.getScalesLayout());
  }
};
} // namespace
