//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lets a kernel be launched while the one before still runs, so that it is
// there when that is done.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_OVERLAPLAUNCHESPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// True if `op` computes without memory, or loads a number of the call, which
/// is there before the first kernel starts.
static bool needsNoOther(Operation &op) {
  return isMemoryEffectFree(&op) || isa<LLVM::LoadOp>(op);
}

namespace {
struct OverlapLaunchesPass final
    : mxfp4::impl::OverlapLaunchesPassBase<OverlapLaunchesPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<gpu::GPUFuncOp>()) {
      Block &entry = kernel.getBody().front();
      ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
      b.setInsertionPoint(
          &*llvm::find_if_not(entry.without_terminator(), needsNoOther));
      NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::wait);
      b.setInsertionPointToStart(&entry);
      NVVM::GriddepcontrolOp::create(
          b, NVVM::GridDepActionKind::launch_dependents);
    }
  }
};
} // namespace
