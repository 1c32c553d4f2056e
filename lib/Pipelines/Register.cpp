//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The names of pipelines and passes, and the dialects of the project.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Pipelines/Pipelines.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mxfp4/Conversion/Passes.h"
#include "mxfp4/Dialect/MXFP4/Transforms/BufferizableOpInterfaceImpl.h"
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"
#include "mxfp4/Dialect/MXFP4/Transforms/ValueBoundsOpInterfaceImpl.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

using namespace mlir;

void mxfp4::registerPipelinesAndPasses() {
  registerMXFP4Passes();
  registerMXFP4ConversionPasses();
  PassPipelineRegistration<AdoptionPipelineOptions>(
      "mxfp4-adopt", "Make functions of another compiler entry points",
      buildAdoptionPipeline);
  PassPipelineRegistration<>("mxfp4-raise",
                             "Recognize what other compilers write",
                             buildRaisingPipeline);
  PassPipelineRegistration<>("mxfp4-fuse",
                             "Fuse matmuls with what surrounds them",
                             buildFusionPipeline);
  PassPipelineRegistration<CPUPipelineOptions>(
      "mxfp4-lower-to-vector", "Lower tensors to loops of vector code",
      buildVectorPipeline);
  PassPipelineRegistration<CPUPipelineOptions>(
      "mxfp4-lower-to-cpu", "Lower tensors to the LLVM dialect for a CPU",
      buildCPUPipeline);
  PassPipelineRegistration<NVVMPipelineOptions>(
      "mxfp4-lower-to-launches",
      "Lower tensors to launches of kernels of a GPU", buildLaunchPipeline);
  PassPipelineRegistration<NVVMPipelineOptions>(
      "mxfp4-lower-launches-to-nvvm",
      "Lower launches to a plan and kernels to NVVM", buildNVVMPipeline);
  PassPipelineRegistration<NVVMPipelineOptions>(
      "mxfp4-lower-to-nvvm", "Lower tensors to a plan of launches and NVVM",
      buildGPUPipeline);
  PassPipelineRegistration<>("mxfp4-lower-to-loops",
                             "Lower tensors to plain loops, slow and exact",
                             buildLoopsPipeline);
  PassPipelineRegistration<>(
      "mxfp4-lower-to-reference",
      "Lower tensors to the LLVM dialect by plain loops, slow and exact",
      buildReferencePipeline);
  PassPipelineRegistration<>("mxfp4-lower-to-llvm",
                             "Lower loops to the LLVM dialect",
                             buildLLVMPipeline);
}

void mxfp4::registerDialects(DialectRegistry &registry) {
  registry.insert<MXFP4Dialect, nn::NNDialect>();
  registerBufferizableOpInterfaceModels(registry);
  registerValueBoundsOpInterfaceModels(registry);
}
