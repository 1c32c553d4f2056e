//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The slow exact path: every op to plain loops, temporaries on the heap.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Pipelines/Pipelines.h"

#include "Bufferize.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mxfp4/Conversion/Passes.h"
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

using namespace mlir;

void mxfp4::buildLoopsPipeline(OpPassManager &manager) {
  manager.addPass(createResolveLayoutsPass());
  manager.addPass(createPackStoragePass());
  manager.addNestedPass<func::FuncOp>(createConvertMXFP4ToLinalgPass());
  manager.addNestedPass<func::FuncOp>(createConvertNNToLinalgPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  addBufferization(manager);
  bufferization::buildBufferDeallocationPipeline(
      manager, bufferization::BufferDeallocationPipelineOptions());
  manager.addPass(createConvertLinalgToLoopsPass());
  manager.addPass(createCanonicalizerPass());
}

void mxfp4::buildReferencePipeline(OpPassManager &manager) {
  buildLoopsPipeline(manager);
  buildLLVMPipeline(manager);
}
