//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of fusions: blocks into matmuls first, then what follows a matmul.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Pipelines/Pipelines.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

using namespace mlir;

void mxfp4::buildFusionPipeline(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createFuseDequantizePass());
  manager.addNestedPass<func::FuncOp>(createFuseEpiloguePass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}
