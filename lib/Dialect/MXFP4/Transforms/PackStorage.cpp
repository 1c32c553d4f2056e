//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes tensors of 4-bit elements tensors of bytes.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "TensorTypes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#define DEBUG_TYPE "mxfp4-pack-storage"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_PACKSTORAGEPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

static bool holdsElements(RankedTensorType type) {
  return isa<Float4E2M1FNType>(type.getElementType());
}

/// True if `op` means the same when its 4-bit tensors become bytes.
static bool knowsStorageForm(Operation *op) {
  // Only the last dimension changes.
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    std::optional<int64_t> index = dim.getConstantIndex();
    return index && *index < dim.getSource().getType().getRank() - 1;
  }
  return isa<tensor::EmptyOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp,
             bufferization::MaterializeInDestinationOp, func::FuncOp,
             func::CallOp, func::ReturnOp>(op) ||
         isa_and_present<MXFP4Dialect>(op->getDialect());
}

/// Fails unless `type`, which `op` uses, has a storage form.
static LogicalResult checkPackable(Operation *op, RankedTensorType type) {
  if (!holdsElements(type))
    return success();
  if (!knowsStorageForm(op))
    return op->emitOpError()
           << "cannot be packed: expected only mxfp4 ops to use 4-bit tensors, "
              "but got "
           << type;
  if (type.getRank() == 0 || type.isDynamicDim(type.getRank() - 1) ||
      type.getShape().back() % 2 != 0)
    return op->emitOpError()
           << "cannot be packed: expected an even static last dimension, but "
              "got "
           << type;
  return success();
}

namespace {
struct PackStoragePass final
    : mxfp4::impl::PackStoragePassBase<PackStoragePass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(checkTensorTypes(getOperation(), checkPackable)))
      return signalPassFailure();

    convertTensorTypes(getOperation(), [&](RankedTensorType type) {
      if (!holdsElements(type))
        return type;
      SmallVector<int64_t> shape(type.getShape());
      shape.back() /= 2; // F2, F15
      return RankedTensorType::get(shape, IntegerType::get(&getContext(), 8),
                                   type.getEncoding());
    });
    getOperation().walk([](tensor::ExpandShapeOp op) {
      op.setStaticOutputShape(op.getResultType().getShape());
    });
  }
};
} // namespace
