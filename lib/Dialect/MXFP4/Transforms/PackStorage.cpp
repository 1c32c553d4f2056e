//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes tensors of 4-bit elements tensors of bytes, as far as ops take them.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "TensorCode.h"
#include "TensorTypes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/ADT/SetVector.h"

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

static bool hasStorageForm(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() != 0 &&
         !tensor.isDynamicDim(tensor.getRank() - 1) &&
         tensor.getShape().back() % 2 == 0;
}

static RankedTensorType getStorageType(RankedTensorType type) {
  if (!holdsElements(type))
    return type;
  SmallVector<int64_t> shape(type.getShape());
  shape.back() /= 2; // F2, F15
  return RankedTensorType::get(shape, IntegerType::get(type.getContext(), 8),
                               type.getEncoding());
}

/// True if `op` makes a tensor that any reader may have for itself.
static bool isCheap(Operation *op) {
  return isa_and_present<tensor::EmptyOp, arith::ConstantOp>(op);
}

static bool takesBytes(Operation *op);

/// True if `value`, a tensor of 4-bit elements, becomes one of bytes.
static bool isPacked(Value value) {
  if (Operation *op = value.getDefiningOp())
    return takesBytes(op);
  Block *block = value.getParentBlock();
  return block->isEntryBlock() && isa<func::FuncOp>(block->getParentOp());
}

static bool canBePacked(Value value) {
  return hasStorageForm(value.getType()) &&
         (isCheap(value.getDefiningOp()) || isPacked(value));
}

/// True if `op` means the same when its 4-bit tensors become bytes, and they
/// do.
static bool takesBytes(Operation *op) {
  // Only the last dimension changes.
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    std::optional<int64_t> index = dim.getConstantIndex();
    return index && canBePacked(dim.getSource()) &&
           *index < cast<ShapedType>(dim.getSource().getType()).getRank() - 1;
  }
  if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
    return hasStorageForm(op->getResult(0).getType()) &&
           canBePacked(op->getOperand(0));
  // All readers of such an op are of one kind.
  if (isCheap(op))
    return !op->use_empty() && takesBytes(*op->user_begin());
  if (auto copy = dyn_cast<bufferization::MaterializeInDestinationOp>(op))
    return isa<TensorType>(copy.getDest().getType());
  return isa<func::FuncOp, func::CallOp, func::ReturnOp>(op) ||
         isa_and_present<MXFP4Dialect>(op->getDialect());
}

/// Fails unless `type`, which `op` uses, has a storage form if it needs one.
static LogicalResult checkPackable(Operation *op, RankedTensorType type) {
  if (!holdsElements(type))
    return success();
  if (type.getEncoding() && !takesBytes(op))
    return op->emitOpError()
           << "cannot be packed: expected only mxfp4 ops to use 4-bit tensors "
              "with an encoding, but got "
           << type;
  auto function = dyn_cast<func::FuncOp>(op);
  if (function && function.getBlocks().size() > 1)
    return op->emitOpError() << "cannot be packed: expected one block in a "
                                "function that uses 4-bit tensors, but got "
                             << function.getBlocks().size();
  if (hasStorageForm(type) || !takesBytes(op))
    return success();
  return op->emitOpError()
         << "cannot be packed: expected an even static last dimension, but got "
         << type;
}

/// Makes a constant of 4-bit elements one of bytes. Fails if its elements are
/// not at hand.
static LogicalResult packConstant(arith::ConstantOp op) {
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!elements)
    return op.emitOpError("cannot be packed: expected dense elements, but got ")
           << op.getValue();
  SmallVector<uint8_t> bytes;
  for (auto [i, element] : llvm::enumerate(elements.getValues<APFloat>())) {
    uint8_t code = element.bitcastToAPInt().getZExtValue();
    if (i % 2 == 0)
      bytes.push_back(code);
    else
      bytes.back() |= code << 4;
  }
  auto type = getStorageType(cast<RankedTensorType>(op.getType()));
  op.setValueAttr(DenseElementsAttr::get(type, ArrayRef(bytes)));
  return success();
}

namespace {
struct PackStoragePass final
    : mxfp4::impl::PackStoragePassBase<PackStoragePass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<OpOperand *> operands;
    module.walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands())
        if (holdsElements(operand.get().getType()))
          operands.push_back(&operand);
    });
    // One for each reader, so that they need not have the same form.
    for (OpOperand *operand : operands)
      if (Operation *op = operand->get().getDefiningOp();
          isCheap(op) && !op->hasOneUse())
        operand->set(OpBuilder(operand->getOwner()).clone(*op)->getResult(0));
    if (failed(checkTensorTypes(module, checkPackable)))
      return signalPassFailure();

    // Where a tensor is read in another form than it is made.
    SmallVector<OpOperand *> edges;
    for (OpOperand *operand : operands)
      if (takesBytes(operand->getOwner()) != isPacked(operand->get()))
        edges.push_back(operand);
    llvm::SetVector<Operation *> packed;
    module.walk([&](Operation *op) {
      if (takesBytes(op))
        packed.insert(op);
    });

    for (Operation *op : packed) {
      if (auto constant = dyn_cast<arith::ConstantOp>(op))
        if (holdsElements(constant.getType()) && failed(packConstant(constant)))
          return signalPassFailure();
      convertTensorTypes(op, getStorageType);
      if (auto reshape = dyn_cast<tensor::ExpandShapeOp>(op))
        reshape.setStaticOutputShape(reshape.getResultType().getShape());
    }
    // Outside of the bodies of ops, which may read a tensor element by element.
    DenseMap<Value, Value> others;
    OpBuilder builder(&getContext());
    for (OpOperand *edge : edges) {
      Value tensor = edge->get(), &other = others[tensor];
      if (!other) {
        builder.setInsertionPointAfterValue(tensor);
        ImplicitLocOpBuilder b(tensor.getLoc(), builder);
        other = packed.contains(edge->getOwner())
                    ? packNibbles(b, tensor)
                    : unpackNibbles(b, tensor, b.getType<Float4E2M1FNType>());
      }
      edge->set(other);
    }
  }
};
} // namespace
