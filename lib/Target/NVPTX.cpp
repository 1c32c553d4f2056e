//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of chips, and PTX for one of them. LLVM ends the process on a chip
// and a version of PTX that do not fit, so both come from the table.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Target/NVPTX.h"

#include "CodeGen.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"

using namespace mlir;
using namespace mlir::mxfp4;

static const GPUTarget kTable[] = {
    {"sm_75", "ptx70", false, false, false},
    {"sm_80", "ptx70", false, true, false},
    {"sm_86", "ptx71", false, true, false},
    {"sm_89", "ptx78", false, true, false},
    {"sm_90", "ptx80", true, true, true},
    {"sm_90a", "ptx80", true, true, true},
};

static constexpr StringLiteral kPrefix = "nvptx";

ArrayRef<GPUTarget> GPUTarget::all() { return kTable; }

std::string GPUTarget::describe() const { return (kPrefix + ":" + chip).str(); }

bool mxfp4::namesGPU(const std::string &target) {
  return StringRef(target).split(':').first == kPrefix;
}

mx::Result<GPUTarget> mxfp4::resolveGPU(const std::string &target) {
  StringRef chip = StringRef(target).split(':').second;
  for (const GPUTarget &gpu : GPUTarget::all())
    if (gpu.chip == chip)
      return gpu;
  auto names = llvm::map_range(GPUTarget::all(),
                               [](const GPUTarget &gpu) { return gpu.chip; });
  return mx::Error{"unknown target '" + target +
                   "': expected nvptx:CHIP, where CHIP is " +
                   llvm::join(names, " or ")};
}

mx::Result<std::string> mxfp4::emitPTX(ModuleOp module,
                                       const GPUTarget &target) {
  auto kernels = module.lookupSymbol<gpu::GPUModuleOp>(kKernelsName);
  if (!kernels)
    return mx::Error{"expected a module with kernels, but it has none"};
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string message;
  const llvm::Target *generator =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!generator)
    return mx::Error{"no code generator for NVIDIA GPUs: " + message};
  std::unique_ptr<llvm::TargetMachine> machine(generator->createTargetMachine(
      triple, target.chip, ("+" + target.ptx).str(), llvm::TargetOptions(),
      llvm::Reloc::PIC_, /*CM=*/std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
  mx::Result<Code> code = translate(kernels, std::move(machine));
  if (!code)
    return code.error();
  optimize(*code);
  return emitFile(*code, llvm::CodeGenFileType::AssemblyFile);
}
