//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The way to an NVIDIA GPU: ops to launches of kernels on one arena, then the
// kernels to NVVM.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Pipelines/Pipelines.h"

#include "Bufferize.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/NVGPUToNVVM/NVGPUToNVVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mxfp4/Conversion/Passes.h"
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

using namespace mlir;

void mxfp4::buildLaunchPipeline(OpPassManager &manager,
                                const NVVMPipelineOptions &options) {
  std::optional<AssignLayoutsPassOptions> layouts;
  if (options.tensorCores) {
    layouts.emplace();
    layouts->tiles = true;
  }
  addTensorLowering(manager, layouts, Kernels::GPU);
  manager.addNestedPass<func::FuncOp>(
      createConvertMXFP4ToGPUPass({options.tensorCores}));
  manager.addNestedPass<func::FuncOp>(createConvertNNToGPUPass(
      {options.tensorCores, options.clusters, options.overlap}));
  manager.addPass(createConvertLinalgToParallelLoopsPass());
  manager.addPass(createCSEPass());
  manager.addNestedPass<func::FuncOp>(createMapLoopsToGPUPass());
  manager.addNestedPass<func::FuncOp>(createMergeLaunchesPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createPlanMemoryPass());
  manager.addPass(createOutlineKernelsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void mxfp4::buildNVVMPipeline(OpPassManager &manager,
                              const NVVMPipelineOptions &options) {
  manager.addPass(createPlanLaunchesPass());
  OpPassManager &kernels = manager.nest<gpu::GPUModuleOp>();
  kernels.addPass(createHoistLoadsPass());
  if (options.overlap)
    kernels.addPass(createOverlapLaunchesPass());
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createExpandNarrowFloatsPass());
  arith::ArithEmulateUnsupportedFloatsOptions emulate;
  emulate.sourceTypeStrs = {"bf16",     "f4E2M1FN", "f6E2M3FN", "f6E3M2FN",
                            "f8E4M3FN", "f8E5M2",   "f8E8M0FNU"};
  kernels.addPass(arith::createArithEmulateUnsupportedFloats(emulate));
  kernels.addPass(math::createMathExtendToSupportedTypes());
  kernels.addPass(createExpandNarrowFloatsPass());
  kernels.addPass(arith::createArithExpandOpsPass());
  // There is no library on a GPU.
  kernels.addPass(createExpandMathPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertVectorToLLVMPass());
  kernels.addPass(createConvertNVGPUToNVVMPass());
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createUBToLLVMConversionPass());
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

void mxfp4::buildGPUPipeline(OpPassManager &manager,
                             const NVVMPipelineOptions &options) {
  buildLaunchPipeline(manager, options);
  buildNVVMPipeline(manager, options);
}
