//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// bf16 values as the integers that have their bits, but for the operands of
// instructions.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_REPLACEBF16PASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
struct ReplaceBF16Pass final
    : mxfp4::impl::ReplaceBF16PassBase<ReplaceBF16Pass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(verifyMoves()))
      return signalPassFailure();
    SmallVector<std::pair<OpOperand *, Type>> kept = findOperands();
    Type i16 = IntegerType::get(&getContext(), 16);
    AttrTypeReplacer replacer;
    replacer.addReplacement([&](BFloat16Type) { return i16; });
    auto toInteger = [](const APFloat &value) {
      return value.bitcastToAPInt();
    };
    replacer.addReplacement([&](FloatAttr attr) -> std::optional<Attribute> {
      if (!attr.getType().isBF16())
        return std::nullopt;
      return IntegerAttr::get(i16, toInteger(attr.getValue()));
    });
    replacer.addReplacement(
        [&](DenseFPElementsAttr attr) -> std::optional<Attribute> {
          if (!attr.getElementType().isBF16())
            return std::nullopt;
          return attr.mapValues(i16, toInteger);
        });
    // Not the module itself: it has the table of buffers.
    for (Operation &op : *getOperation().getBody())
      replacer.recursivelyReplaceElementsIn(&op, /*replaceAttrs=*/true,
                                            /*replaceLocs=*/false,
                                            /*replaceTypes=*/true);
    for (auto [operand, type] : kept) {
      OpBuilder builder(operand->getOwner());
      operand->set(LLVM::BitcastOp::create(
          builder, operand->getOwner()->getLoc(), type, operand->get()));
    }
  }

private:
  /// The operands of instructions on bf16, with their types.
  SmallVector<std::pair<OpOperand *, Type>> findOperands() {
    SmallVector<std::pair<OpOperand *, Type>> found;
    getOperation().walk([&](LLVM::CallIntrinsicOp op) {
      for (OpOperand &operand : op->getOpOperands())
        if (Type type = operand.get().getType();
            getElementTypeOrSelf(type).isBF16())
          found.push_back({&operand, type});
    });
    return found;
  }

  LogicalResult verifyMoves() {
    WalkResult walk = getOperation().walk([](Operation *op) {
      // Which all arithmetic has, and of the moves a select.
      if (!isa<LLVM::FastmathFlagsInterface>(op) ||
          isa<LLVM::SelectOp, LLVM::CallIntrinsicOp>(op))
        return WalkResult::advance();
      for (Type type : op->getOperandTypes())
        if (getElementTypeOrSelf(type).isBF16()) {
          op->emitOpError("cannot be compiled: expected no arithmetic on bf16 "
                          "to be left");
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }
};
} // namespace
