//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers mxfp4 matmuls on memrefs to kernels.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/Kernels.h"
#include "../Utils/LinearKernel.h"
#include "Patterns.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTMXFP4TOGPUPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// Arranged weights are for tensor cores alone.
static bool lowerMatmul(MatmulOp op, bool tensorCores) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  RowWeight weight = getWeight(op);
  if (weight.isArranged && !tensorCores)
    return false;
  emitLinearKernel(b, "matmul", weight, op.getInput(), op.getBias(),
                   op.getResidual(), op.getInit(), {tensorCores});
  return true;
}

namespace {
struct ConvertMXFP4ToGPUPass final
    : mxfp4::impl::ConvertMXFP4ToGPUPassBase<ConvertMXFP4ToGPUPass> {
  using Base::Base;

  void runOnOperation() override {
    auto lower = [&](Operation *op) {
      if (!hasKernel(op, Kernels::GPU))
        return false;
      if (auto matmul = dyn_cast<MatmulOp>(op))
        return lowerMatmul(matmul, tensorCores);
      return lowerMatmulByExpert(cast<MatmulByExpertOp>(op), tensorCores);
    };
    if (failed(lowerOpsToLaunches(getOperation(), TypeID::get<MXFP4Dialect>(),
                                  lower)))
      signalPassFailure();
  }
};
} // namespace
