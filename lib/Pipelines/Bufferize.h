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

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_PIPELINES_BUFFERIZE_H
