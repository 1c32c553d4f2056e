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
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mxfp4/Pipelines/Pipelines.h"

using namespace mlir;
using namespace mlir::mxfp4;

void mxfp4::registerCompilerDialects(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerDialects(registry);
  registerHostTranslation(registry);
}

void mxfp4::registerCompilerPasses() {
  [[maybe_unused]] static const bool isDone = [] {
    registerAllPasses();
    registerPipelinesAndPasses();
    return true;
  }();
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
      failed(lowering->lower(*copy, Stage::LLVM)))
    return failure();
  mx::Result<mx::Program> program = lowering->finish(*copy);
  if (!program)
    return module.emitError() << program.error().message;
  if (program->entries.empty())
    return module.emitError("expected a public function to compile");
  return std::move(*program);
}
