//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bufferization as both CPU pipelines do it.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_PIPELINES_BUFFERIZE_H
#define MXFP4_LIB_PIPELINES_BUFFERIZE_H

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "mxfp4/Conversion/Passes.h"
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

namespace mlir::mxfp4 {

/// Tensors to memrefs, functions included. A function writes its results into
/// its arguments, so nothing is returned.
inline void addBufferization(OpPassManager &manager) {
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  options.unknownTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  manager.addPass(bufferization::createEmptyTensorEliminationPass());
  manager.addPass(bufferization::createOneShotBufferizePass(options));
  manager.addPass(bufferization::createDropEquivalentBufferResultsPass());
  manager.addPass(createDropEntryResultsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addNestedPass<func::FuncOp>(createLowerCopiesPass());
}

/// Tensors to memrefs where `kernels` take what has one: weights are arranged
/// as `layouts` says, if it does, and ops without a kernel become loops.
inline void
addTensorLowering(OpPassManager &manager,
                  const std::optional<AssignLayoutsPassOptions> &layouts,
                  Kernels kernels) {
  manager.addPass(createNumberOpsPass());
  if (layouts) {
    manager.addNestedPass<func::FuncOp>(createAssignLayoutsPass(*layouts));
    manager.addPass(createHoistPacksPass());
  }
  manager.addPass(createResolveLayoutsPass());
  manager.addNestedPass<func::FuncOp>(createAssignDestinationsPass());
  manager.addPass(createPackStoragePass());
  manager.addNestedPass<func::FuncOp>(createEvaluatePacksPass());
  manager.addNestedPass<func::FuncOp>(
      createConvertMXFP4ToLinalgPass({kernels}));
  manager.addNestedPass<func::FuncOp>(createConvertNNToLinalgPass({kernels}));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  addBufferization(manager);
}

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_PIPELINES_BUFFERIZE_H
