//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Says where dequantize and quantize write. A result that is only copied to
// its place goes there at once.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/TypeUtilities.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#define DEBUG_TYPE "mxfp4-assign-destinations"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_ASSIGNDESTINATIONSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// What `use` copies its operand to as it is, or null.
static Value getCopyTarget(OpOperand &use) {
  if (auto copy = dyn_cast<linalg::CopyOp>(use.getOwner()))
    return use.getOperandNumber() == 0 ? copy.getOutputs()[0] : Value();
  if (auto copy =
          dyn_cast<bufferization::MaterializeInDestinationOp>(use.getOwner()))
    return use.get() == copy.getSource() ? copy.getDest() : Value();
  return {};
}

/// The tensor that a result of `op` is copied to and that exists before `op`,
/// or null.
static Value findCopyTarget(OpResult result, const DominanceInfo &dominance) {
  for (OpOperand &use : result.getUses()) {
    Value target = getCopyTarget(use);
    if (target && target.getType() == result.getType() &&
        dominance.properlyDominates(target, result.getOwner()))
      return target;
  }
  return {};
}

/// Has the op `create` makes of inits take the place of `op`.
static void
replaceByIntoOp(IRRewriter &rewriter, const DominanceInfo &dominance,
                ReifyRankedShapedTypeOpInterface op,
                function_ref<Operation *(ArrayRef<Value> inits)> create) {
  rewriter.setInsertionPoint(op);
  ReifiedRankedShapedTypeDims shapes;
  LogicalResult reified = op.reifyResultShapes(rewriter, shapes);
  assert(succeeded(reified) && "the shapes of blocks follow from operands");
  (void)reified;

  SmallVector<Value> inits;
  for (OpResult result : op->getResults()) {
    Value init = findCopyTarget(result, dominance);
    if (!init)
      init = rewriter.createOrFold<tensor::CastOp>(
          op.getLoc(), result.getType(),
          tensor::EmptyOp::create(rewriter, op.getLoc(),
                                  shapes[result.getResultNumber()],
                                  getElementTypeOrSelf(result.getType())));
    inits.push_back(init);
  }
  Operation *intoOp = create(inits);
  for (auto [result, init] : llvm::zip(op->getResults(), inits))
    for (OpOperand &use : llvm::make_early_inc_range(result.getUses()))
      if (getCopyTarget(use) == init)
        rewriter.replaceOp(use.getOwner(),
                           intoOp->getResult(result.getResultNumber()));
  rewriter.replaceOp(op, intoOp->getResults());
}

namespace {
struct AssignDestinationsPass final
    : mxfp4::impl::AssignDestinationsPassBase<AssignDestinationsPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<DequantizeOp, QuantizeOp>(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    DominanceInfo dominance(getOperation());
    for (Operation *op : ops) {
      if (auto dequantize = dyn_cast<DequantizeOp>(op))
        assign(rewriter, dominance, dequantize);
      else
        assign(rewriter, dominance, cast<QuantizeOp>(op));
    }
  }

private:
  static void assign(IRRewriter &rewriter, const DominanceInfo &dominance,
                     DequantizeOp op) {
    if (!hasWholeBytes(op.getValues().getType().getElementType()))
      return;
    replaceByIntoOp(rewriter, dominance, op, [&](ArrayRef<Value> inits) {
      return DequantizeIntoOp::create(
          rewriter, op.getLoc(), op->getResultTypes(), op.getValues(),
          op.getScales(), op.getTensorScale(), inits[0]);
    });
  }

  static void assign(IRRewriter &rewriter, const DominanceInfo &dominance,
                     QuantizeOp op) {
    if (!hasWholeBytes(op.getValues().getType().getElementType()))
      return;
    replaceByIntoOp(rewriter, dominance, op, [&](ArrayRef<Value> inits) {
      return QuantizeIntoOp::create(rewriter, op.getLoc(), op->getResultTypes(),
                                    op.getInput(), op.getEncodeScale(),
                                    op.getRandom(), inits[0], inits[1],
                                    op.getScaleRule(), op.getRounding());
    });
  }
};
} // namespace
