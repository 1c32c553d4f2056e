//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module of another compiler to a Program.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Compiler/CompileModule.h"

#include "Lowering.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "mxfp4/Pipelines/Pipelines.h"

using namespace mlir;
using namespace mlir::mxfp4;

void mxfp4::registerCompilerDialects(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerDialects(registry);
  registerHostTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

void mxfp4::registerCompilerPasses() {
  [[maybe_unused]] static const bool isDone = [] {
    registerAllPasses();
    registerPipelinesAndPasses();
    return true;
  }();
}

/// Fails on the first op that no pass has lowered, and names it; what is cast
/// for it only follows.
static LogicalResult verifyLowered(ModuleOp module) {
  bool isForGPU = module.lookupSymbol(kKernelsName) != nullptr;
  Operation *cast = nullptr;
  auto fail = [](Operation *op) -> LogicalResult {
    return op->emitOpError(
        "cannot be compiled: expected an op that has a lowering to LLVM");
  };
  WalkResult walk = module.walk([&](Operation *op) -> WalkResult {
    if (isa<ModuleOp>(op) ||
        isa_and_present<LLVM::LLVMDialect>(op->getDialect()))
      return success();
    // Of a GPU's entry points only the names are left.
    if (isForGPU && (isa<gpu::GPUModuleOp>(op) ||
                     isa_and_present<NVVM::NVVMDialect, func::FuncDialect>(
                         op->getDialect())))
      return success();
    if (!isa<UnrealizedConversionCastOp>(op))
      return fail(op);
    cast = op;
    return success();
  });
  return walk.wasInterrupted() || !cast ? failure(walk.wasInterrupted())
                                        : fail(cast);
}

FailureOr<mx::Program> mxfp4::compileModule(ModuleOp module,
                                            const mx::CompileOptions &options) {
  mx::Result<Lowering> lowering = Lowering::create(options);
  if (!lowering)
    return module.emitError() << lowering.error().message;
  DialectRegistry registry;
  registerCompilerDialects(registry);
  module.getContext()->appendDialectRegistry(registry);

  OwningOpRef<ModuleOp> copy = module.clone();
  if (failed(lowering->adopt(*copy)) ||
      failed(lowering->lower(*copy, Stage::LLVM)) ||
      failed(verifyLowered(*copy)))
    return failure();
  mx::Result<mx::Program> program = lowering->finish(*copy);
  if (!program)
    return module.emitError() << program.error().message;
  if (program->entries.empty())
    return module.emitError("expected a public function to compile");
  return std::move(*program);
}
