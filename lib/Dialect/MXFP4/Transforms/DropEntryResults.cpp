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

#define DEBUG_TYPE "mxfp4-drop-entry-results"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_DROPENTRYRESULTSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
struct DropEntryResultsPass final
    : mxfp4::impl::DropEntryResultsPassBase<DropEntryResultsPass> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr("mxfp4.entry") || function.isExternal())
      return;
    WalkResult result = function.walk([&](func::ReturnOp op) {
      for (auto [index, value] : llvm::enumerate(op.getOperands())) {
        while (auto cast = value.getDefiningOp<memref::CastOp>())
          value = cast.getSource();
        auto argument = dyn_cast<BlockArgument>(value);
        if (argument && isa<MemRefType>(value.getType()) &&
            argument.getOwner()->isEntryBlock())
          continue;
        function.emitOpError()
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
      return signalPassFailure();
    function.setFunctionType(FunctionType::get(
        &getContext(), function.getArgumentTypes(), TypeRange()));
    function.setResAttrsAttr(nullptr);
  }
};
} // namespace
