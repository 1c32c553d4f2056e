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
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_OVERLAPLAUNCHESPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
struct OverlapLaunchesPass final
    : mxfp4::impl::OverlapLaunchesPassBase<OverlapLaunchesPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<gpu::GPUFuncOp>()) {
      ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
      b.setInsertionPointToStart(&kernel.getBody().front());
      for (NVVM::GridDepActionKind kind :
           {NVVM::GridDepActionKind::launch_dependents,
            NVVM::GridDepActionKind::wait})
        NVVM::GriddepcontrolOp::create(b, kind);
    }
  }
};
} // namespace
