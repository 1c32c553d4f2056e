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
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

#define DEBUG_TYPE "mxfp4-pack-storage"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_PACKSTORAGEPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

static bool holdsElements(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<Float4E2M1FNType>(tensor.getElementType());
}

/// True if `op` means the same when its 4-bit tensors become bytes.
static bool knowsStorageForm(Operation *op) {
  return isa<MXFP4Dialect, nn::NNDialect, func::FuncDialect>(op->getDialect()) ||
         isa<tensor::EmptyOp>(op);
}

namespace {
struct PackStoragePass final
    : mxfp4::impl::PackStoragePassBase<PackStoragePass> {
  using Base::Base;

  void runOnOperation() override {
    WalkResult result = getOperation().walk([](Operation *op) {
      for (Type type : llvm::concat<const Type>(
               SmallVector<Type>(op->getOperandTypes()),
               SmallVector<Type>(op->getResultTypes()))) {
        if (!holdsElements(type))
          continue;
        if (!knowsStorageForm(op)) {
          op->emitOpError() << "cannot be packed: expected only mxfp4 ops to "
                               "use 4-bit tensors, but got "
                            << type;
          return WalkResult::interrupt();
        }
        auto tensor = cast<RankedTensorType>(type);
        if (tensor.getRank() == 0 ||
            tensor.isDynamicDim(tensor.getRank() - 1) ||
            tensor.getShape().back() % 2 != 0) {
          op->emitOpError() << "cannot be packed: expected an even static last "
                               "dimension, but got "
                            << type;
          return WalkResult::interrupt();
        }
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();

    convertTensorTypes(getOperation(), [&](RankedTensorType type) {
      if (!holdsElements(type))
        return type;
      SmallVector<int64_t> shape(type.getShape());
      shape.back() /= 2; // F2, F15
      return RankedTensorType::get(shape, IntegerType::get(&getContext(), 8),
                                   type.getEncoding());
    });
  }
};
} // namespace
