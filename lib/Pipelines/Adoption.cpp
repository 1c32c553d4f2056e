//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Modules of other compilers: their idioms to ops of the dialect, and their
// functions to entry points.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Pipelines/Pipelines.h"

#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

using namespace mlir;

void mxfp4::buildRaisingPipeline(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addNestedPass<func::FuncOp>(createRaiseToMXFP4Pass());
  manager.addPass(createCanonicalizerPass());
  manager.addNestedPass<func::FuncOp>(createWidenSumsPass());
  manager.addPass(createCanonicalizerPass());
}

void mxfp4::buildAdoptionPipeline(OpPassManager &manager,
                                  const AdoptionPipelineOptions &options) {
  // What exporters make functions of, such as a lookup, is part of an idiom.
  manager.addPass(createInlinerPass());
  manager.addPass(createSymbolDCEPass());
  if (options.raise)
    buildRaisingPipeline(manager);
  else
    manager.addNestedPass<func::FuncOp>(createWidenSumsPass());
  manager.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  MakeEntryPointsPassOptions entryOptions;
  entryOptions.maxTokens = options.maxTokens;
  llvm::append_range(entryOptions.weights, options.weights);
  manager.addPass(createMakeEntryPointsPass(entryOptions));
}
