//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes entry points return nothing. Upstream's drop-equivalent-buffer-results
// leaves public functions alone, because it does not know who calls them; an
// entry point is called by the runtime, which knows its arguments.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/SymbolTable.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#define DEBUG_TYPE "mxfp4-drop-entry-results"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_DROPENTRYRESULTSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

static LogicalResult dropResults(func::FuncOp entry) {
  WalkResult result = entry.walk([&](func::ReturnOp op) {
    for (auto [index, value] : llvm::enumerate(op.getOperands())) {
      while (auto cast = value.getDefiningOp<memref::CastOp>())
        value = cast.getSource();
      auto argument = dyn_cast<BlockArgument>(value);
      if (argument && isa<MemRefType>(value.getType()) &&
          argument.getOwner()->isEntryBlock())
        continue;
      entry.emitOpError()
          << "cannot be an entry point: expected result " << index
          << " to be a memref argument that it writes, but got another value "
             "of type "
          << value.getType();
      return WalkResult::interrupt();
    }
    op.getOperandsMutable().clear();
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  entry.setFunctionType(FunctionType::get(
      entry.getContext(), entry.getArgumentTypes(), TypeRange()));
  entry.setResAttrsAttr(nullptr);
  return success();
}

namespace {
struct DropEntryResultsPass final
    : mxfp4::impl::DropEntryResultsPassBase<DropEntryResultsPass> {
  using Base::Base;

  void runOnOperation() override {
    SymbolTableCollection symbols;
    SymbolUserMap users(symbols, getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(kEntryAttrName) &&
          (failed(verifyNotCalled(function, users)) ||
           failed(dropResults(function))))
        return signalPassFailure();
  }
};
} // namespace
