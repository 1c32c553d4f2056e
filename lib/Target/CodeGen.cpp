//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM dialect to LLVM IR, LLVM's optimizations, and its code generator.
//
//===----------------------------------------------------------------------===//

#include "CodeGen.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Passes/PassBuilder.h"

using namespace mlir;
using namespace mlir::mxfp4;

mx::Result<Code>
mxfp4::translate(Operation *module,
                 std::unique_ptr<llvm::TargetMachine> machine) {
  Code code;
  code.context = std::make_unique<llvm::LLVMContext>();
  code.module = translateModuleToLLVMIR(module, *code.context);
  if (!code.module)
    return mx::Error{"cannot translate the module to LLVM IR"};
  code.module->setTargetTriple(machine->getTargetTriple());
  code.module->setDataLayout(machine->createDataLayout());
  code.machine = std::move(machine);
  return code;
}

void mxfp4::optimize(Code &code) {
  // Loops are already vectors, unrolled as far as they should be.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = false;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(code.machine.get(), tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(*code.module, modules);
}

mx::Result<std::string> mxfp4::emitFile(Code &code,
                                        llvm::CodeGenFileType type) {
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (code.machine->addPassesToEmitFile(passes, stream, nullptr, type))
    return mx::Error{"the code generator cannot emit this kind of file"};
  passes.run(*code.module);
  return bytes.str().str();
}
