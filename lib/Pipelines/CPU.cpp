//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fast path on a CPU: weights rearranged for vector registers, ops to
// parallel loops of vector code, loops divided among threads, one arena.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Pipelines/Pipelines.h"

#include "Bufferize.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mxfp4/Conversion/Passes.h"
#include "mxfp4/Conversion/VectorISA.h"
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

using namespace mlir;

void mxfp4::buildVectorPipeline(OpPassManager &manager,
                                const CPUPipelineOptions &options) {
  // An unknown one is an error of the passes that lower to it.
  const VectorISA *isa = VectorISA::find(options.isa);
  AssignLayoutsPassOptions layouts;
  layouts.lanes = isa ? isa->lanes : 1;
  addTensorLowering(manager, layouts, Kernels::Vector);
  manager.addNestedPass<func::FuncOp>(
      createConvertMXFP4ToVectorPass({options.isa}));
  manager.addNestedPass<func::FuncOp>(
      createConvertNNToVectorPass({options.isa}));
  manager.addPass(createConvertLinalgToParallelLoopsPass());
  // No canonicalization here: it takes the loop from what runs once, and with
  // it the knowledge that one thread is to run it.
  manager.addPass(createCSEPass());
  manager.addPass(createDistributeLoopsPass());
  manager.addPass(createPlanMemoryPass());
  manager.addPass(createCanonicalizerPass());
}

void mxfp4::buildCPUPipeline(OpPassManager &manager,
                             const CPUPipelineOptions &options) {
  buildVectorPipeline(manager, options);
  buildLLVMPipeline(manager);
}
