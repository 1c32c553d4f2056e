//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The orders in which passes run, each under a name of its own.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_PIPELINES_PIPELINES_H
#define MXFP4_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassOptions.h"

namespace mlir {
class OpPassManager;
class DialectRegistry;

namespace mxfp4 {

/// The options of the pipelines for a CPU.
struct CPUPipelineOptions : PassPipelineOptions<CPUPipelineOptions> {
  Option<std::string> isa{
      *this, "isa",
      llvm::cl::desc("amx, avx512bf16, avx512vnni, avx512, avxvnni, avx2, "
                     "neon_mmla, neon_dotprod, "
                     "neon or baseline"),
      llvm::cl::init("avx2")};
};

/// The options of the pipelines for a GPU.
struct NVVMPipelineOptions : PassPipelineOptions<NVVMPipelineOptions> {
  Option<bool> overlap{
      *this, "overlap",
      llvm::cl::desc("Let kernels be launched while the one before still "
                     "runs, from sm_90 on"),
      llvm::cl::init(false)};
  Option<bool> tensorCores{
      *this, "tensor-cores",
      llvm::cl::desc("Multiply tiles of bf16 and f16, from sm_80 on"),
      llvm::cl::init(false)};
  Option<bool> clusters{
      *this, "clusters",
      llvm::cl::desc("Divide work among blocks that reach each other's memory, "
                     "from sm_90 on"),
      llvm::cl::init(false)};
};

struct AdoptionPipelineOptions : PassPipelineOptions<AdoptionPipelineOptions> {
  Option<int64_t> maxTokens{
      *this, "max-tokens",
      llvm::cl::desc("Size of dynamic leading dimensions at most"),
      llvm::cl::init(512)};
  ListOption<std::string> weights{
      *this, "weights",
      llvm::cl::desc("Arguments that are weights, such as main.arg1")};
  Option<bool> raise{*this, "raise",
                     llvm::cl::desc("Recognize what other compilers write"),
                     llvm::cl::init(true)};
};

/// mxfp4-adopt: a module of another compiler to the graph stage, with its
/// public functions as entry points.
void buildAdoptionPipeline(OpPassManager &manager,
                           const AdoptionPipelineOptions &options);

/// mxfp4-raise: what other compilers write for dequantization, to our ops.
void buildRaisingPipeline(OpPassManager &manager);

/// mxfp4-fuse: matmuls with what surrounds them.
void buildFusionPipeline(OpPassManager &manager);

/// mxfp4-lower-to-vector: tensors to loops of vector code on one arena.
void buildVectorPipeline(OpPassManager &manager,
                         const CPUPipelineOptions &options);

/// mxfp4-lower-to-cpu: the same, and on to the LLVM dialect.
void buildCPUPipeline(OpPassManager &manager,
                      const CPUPipelineOptions &options);

/// mxfp4-lower-to-launches: tensors to launches of kernels of a GPU on one
/// arena.
void buildLaunchPipeline(OpPassManager &manager,
                         const NVVMPipelineOptions &options);

/// mxfp4-lower-launches-to-nvvm: launches to a plan, and the kernels to NVVM.
void buildNVVMPipeline(OpPassManager &manager,
                       const NVVMPipelineOptions &options);

/// mxfp4-lower-to-nvvm: both.
void buildGPUPipeline(OpPassManager &manager,
                      const NVVMPipelineOptions &options);

/// mxfp4-lower-to-loops: tensors to plain loops, slow and exact.
void buildLoopsPipeline(OpPassManager &manager);

/// mxfp4-lower-to-reference: the same, and on to the LLVM dialect.
void buildReferencePipeline(OpPassManager &manager);

/// mxfp4-lower-to-llvm: what the two have in common, from loops to the LLVM
/// dialect.
void buildLLVMPipeline(OpPassManager &manager);

/// Makes the pipelines and all passes known by name.
void registerPipelinesAndPasses();

/// Adds the dialects of the project with the interfaces that its pipelines use.
void registerDialects(DialectRegistry &registry);

} // namespace mxfp4
} // namespace mlir

#endif // MXFP4_PIPELINES_PIPELINES_H
