//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Translates the LLVM dialect to LLVM IR, optimizes it and makes code for a
// CPU, this one or another. Code uses the instructions of a level (x86-64-v3,
// say) and is ordered for one processor, so that a Program runs on every
// machine of that level.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Target/Host.h"

#include "CodeGen.h"
#include "Link.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mxfp4/Support/TileRegisters.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"

#if defined(__linux__) && defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

using namespace mlir;
using namespace mlir::mxfp4;

/// The triples that there is code for, that of this machine first, with their
/// targets initialized.
static llvm::ArrayRef<llvm::Triple> getTriples() {
  static const std::vector<llvm::Triple> triples = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    std::vector<llvm::Triple> triples = {
        llvm::Triple(llvm::sys::getDefaultTargetTriple())};
    for (const char *name :
         {"x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"})
      if (std::string message;
          llvm::Triple(name).getArch() != triples.front().getArch() &&
          llvm::TargetRegistry::lookupTarget(llvm::Triple(name), message))
        triples.emplace_back(name);
    return triples;
  }();
  return triples;
}

static std::unique_ptr<llvm::TargetMachine>
createMachine(const llvm::Triple &triple, llvm::StringRef processor,
              llvm::StringRef features, std::string &message) {
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, processor, features, llvm::TargetOptions(), llvm::Reloc::PIC_,
      /*CM=*/std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// The first triple that has `processor`, or null.
static const llvm::Triple *findTriple(const std::string &processor) {
  for (const llvm::Triple &triple : getTriples()) {
    std::string message;
    std::unique_ptr<llvm::TargetMachine> generic =
        createMachine(triple, "", "", message);
    if (generic && generic->getMCSubtargetInfo()->isCPUStringValid(processor))
      return &triple;
  }
  return nullptr;
}

std::string CPUTarget::describe() const {
  return "cpu:" + processor + "/" + isa->name.str();
}

bool CPUTarget::has(VectorISA::Architecture architecture) const {
  switch (architecture) {
  case VectorISA::Architecture::Any:
    return true;
  case VectorISA::Architecture::X86:
    return triple.isX86();
  case VectorISA::Architecture::AArch64:
    return triple.isAArch64();
  }
  llvm_unreachable("unknown architecture");
}

static llvm::StringMap<bool> getHostFeatures() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
#if defined(__linux__) && defined(__aarch64__)
  // LLVM does not look for these.
  features["dotprod"] = getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
  features["bf16"] = getauxval(AT_HWCAP2) & HWCAP2_BF16;
  features["i8mm"] = getauxval(AT_HWCAP2) & HWCAP2_I8MM;
#endif
  // The processor has them, but the system may keep them from a process.
  if (features.lookup("amx-tile") && !mx::requestTileRegisters())
    features["amx-tile"] = features["amx-bf16"] = false;
  return features;
}

/// "x86_64 or aarch64", for example.
static std::string listArchitectures() {
  return llvm::join(llvm::map_range(getTriples(),
                                    [](const llvm::Triple &triple) {
                                      return triple.getArchName().str();
                                    }),
                    " or ");
}

mx::Result<CPUTarget> mxfp4::resolveCPU(const std::string &target) {
  llvm::StringRef name = target;
  if (!name.consume_front("cpu") || (!name.empty() && !name.consume_front(":")))
    return mx::Error{"unknown target '" + target +
                     "': expected cpu or cpu:NAME, where NAME is a processor "
                     "as LLVM names it, such as x86-64-v3"};
  bool isHost = target == "cpu";
  std::string processor =
      isHost ? llvm::sys::getHostCPUName().str() : name.str();
  const llvm::Triple *triple = findTriple(processor);
  if (!triple && !isHost)
    return mx::Error{"unknown target '" + target +
                     "': LLVM has no processor '" + processor + "' for " +
                     listArchitectures()};
  if (!triple) {
    processor = "generic";
    triple = &getTriples().front();
  }
  std::string message;
  std::unique_ptr<llvm::TargetMachine> machine =
      createMachine(*triple, processor, "", message);
  if (!machine)
    return mx::Error{"no code generator for this machine: " + message};

  // The machine at hand may lack what its model has, behind a hypervisor, say.
  llvm::StringMap<bool> hostFeatures;
  if (isHost)
    hostFeatures = getHostFeatures();
  for (const VectorISA &isa : VectorISA::all()) {
    CPUTarget candidate = {processor, &isa, *triple};
    // LLVM aborts on features of another architecture.
    if (!candidate.has(isa.architecture))
      continue;
    if (!isa.onlyOn.empty() && !llvm::is_contained(isa.onlyOn, processor))
      continue;
    bool hasAll = llvm::all_of(isa.features, [&](llvm::StringRef feature) {
      if (isHost)
        return hostFeatures.lookup(feature);
      return machine->getMCSubtargetInfo()->checkFeatures("+" + feature.str());
    });
    if (hasAll)
      return candidate;
  }
  return mx::Error{"no instruction set for '" + target + "'"};
}

void mxfp4::registerHostTranslation(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

static mx::Result<std::string> emit(ModuleOp module, const CPUTarget &target,
                                    llvm::CodeGenFileType type) {
  std::string message;
  llvm::SubtargetFeatures features;
  for (llvm::StringRef feature : target.isa->features)
    features.AddFeature(feature);
  // Kernels keep more sums than a product takes cycles, so that two
  // instructions in place of one gain nothing.
  if (target.isa->architecture == VectorISA::Architecture::X86 &&
      target.isa->byteProduct == VectorISA::ByteProduct::Fours)
    features.AddFeature("fast-dpwssd");
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(
      target.triple, target.isa->processor, features.getString(), message);
  if (!machine)
    return mx::Error{"no code generator for this machine: " + message};
  mx::Result<Code> code = translate(module, std::move(machine));
  if (!code)
    return code.error();
  for (llvm::Function &function : *code->module)
    if (!function.isDeclaration())
      function.addFnAttr("tune-cpu", target.processor);
  optimize(*code);
  return emitFile(*code, type);
}

mx::Result<std::string> mxfp4::emitAssembly(ModuleOp module,
                                            const CPUTarget &target) {
  return emit(module, target, llvm::CodeGenFileType::AssemblyFile);
}

mx::Result<std::string> mxfp4::emitSharedObject(ModuleOp module,
                                                const CPUTarget &target) {
  mx::Result<std::string> object =
      emit(module, target, llvm::CodeGenFileType::ObjectFile);
  if (!object)
    return object.error();
  return linkSharedObject(*object);
}
