//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the arrangement of a weight its shape.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "TensorTypes.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

#define DEBUG_TYPE "mxfp4-resolve-layouts"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_RESOLVELAYOUTSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// Fails if `op` uses a tensor of a layout and would mean something else when
/// that has its shape in memory.
static LogicalResult checkResolvable(Operation *op, RankedTensorType type) {
  if (!isa_and_present<LayoutAttr>(type.getEncoding()) ||
      isa<tensor::EmptyOp, func::FuncOp, func::CallOp, func::ReturnOp, PackOp,
          nn::LinearOp, MatmulOp, MatmulByExpertOp>(op))
    return success();
  return op->emitOpError()
         << "cannot be resolved: expected only matmuls to use "
            "tensors of a layout, but got "
         << type;
}

namespace {
struct ResolveLayoutsPass final
    : mxfp4::impl::ResolveLayoutsPassBase<ResolveLayoutsPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(checkTensorTypes(getOperation(), checkResolvable)))
      return signalPassFailure();
    getOperation().walk([](Operation *op) {
      if (auto pack = dyn_cast<PackOp>(op))
        setLayout(pack, pack.getInit());
      else if (auto linear = dyn_cast<nn::LinearOp>(op))
        setLayout(linear, linear.getWeight());
      else if (auto matmul = dyn_cast<MatmulOp>(op))
        setLayout(matmul, matmul.getValues());
      else if (auto matmul = dyn_cast<MatmulByExpertOp>(op))
        setLayout(matmul, matmul.getValues());
    });
    auto resolve = [](RankedTensorType type) {
      auto layout = dyn_cast_or_null<LayoutAttr>(type.getEncoding());
      if (!layout)
        return type;
      return RankedTensorType::get(
          getStoredShape(type, layout.getPackedShape(getElementShape(type))),
          type.getElementType());
    };
    getOperation().walk(
        [&](Operation *op) { convertTensorTypes(op, resolve); });
  }

private:
  template <typename OpTy> static void setLayout(OpTy op, Value weight) {
    if (LayoutAttr layout = getEncodedLayout(weight.getType()))
      op.setLayoutAttr(layout);
  }
};
} // namespace
