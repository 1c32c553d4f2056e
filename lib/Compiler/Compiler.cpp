//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiler for those who know nothing of MLIR: contexts and modules are
// made here, and what is reported becomes an error.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Compiler/Compiler.h"

#include "BuildID.h"
#include "Lowering.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mxfp4/Compiler/CompileModule.h"
#include "mxfp4/Conversion/Probes.h"
#include "mxfp4/Import/Import.h"
#include "mxfp4/Import/ModuleText.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// What CompileOptions::dense may be.
struct DenseName {
  StringRef name;
  /// Null for BF16.
  const mx::BlockFormat *format;
};
} // namespace

static constexpr DenseName kDenseNames[] = {
    {"bf16", nullptr}, {"mxfp8", &mx::kMXFP8E4M3}, {"mxfp4", &mx::kMXFP4}};

namespace {
/// Keeps the errors that are reported while it lives.
struct ErrorCollector {
  explicit ErrorCollector(MLIRContext &context)
      : handler(&context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
            return success();
          llvm::raw_string_ostream stream(messages);
          stream << (messages.empty() ? "" : "; ");
          LocationAttr location = diagnostic.getLocation();
          auto place = location.findInstanceOf<FileLineColLoc>();
          // A module has no line.
          if (place && place.getLine() != 0)
            stream << place.getFilename().getValue() << ":" << place.getLine()
                   << ":" << place.getColumn() << ": ";
          stream << diagnostic;
          return success();
        }) {}

  mx::Error getError() const {
    return {"cannot compile the module: " + messages};
  }

  std::string messages;
  ScopedDiagnosticHandler handler;
};

/// A context with all dialects.
struct CompilerContext : MLIRContext {
  CompilerContext() {
    DialectRegistry registry;
    registerCompilerDialects(registry);
    appendDialectRegistry(registry);
  }
};

/// A model on its way to code.
class ModelCompilation {
public:
  /// Imports a model and lowers it to `stage`.
  static mx::Result<std::unique_ptr<ModelCompilation>>
  create(const mx::ModelConfig &config, const mx::CompileOptions &options,
         ::Stage stage) {
    mx::Result<Lowering> lowering = Lowering::create(options);
    if (!lowering)
      return lowering.error();
    std::unique_ptr<ModelCompilation> result(new ModelCompilation(*lowering));
    ImportOptions importOptions;
    if (options.activations == "f32")
      importOptions.activation = Float32Type::get(&result->context);
    if (options.activations == "f16")
      importOptions.activation = Float16Type::get(&result->context);
    // A GPU multiplies floats.
    if (lowering->getCPU() && options.activations != "f32")
      importOptions.matmulInputs = InputFormat::Int16;
    if (options.activations == "int8")
      importOptions.matmulInputs = InputFormat::Int8;
    importOptions.denseFormat =
        llvm::find_if(kDenseNames, [&](const DenseName &dense) {
          return dense.name == options.dense;
        })->format;
    importOptions.prefillTokens = options.prefillTokens;
    importOptions.sequences = options.sequences;
    // Its logits stay where they are.
    importOptions.makesSample = !lowering->getCPU();
    loadImportDialects(result->context);
    result->module = importGptOss(result->context, config, importOptions);
    ErrorCollector errors(result->context);
    if (failed(lowering->lower(*result->module, stage)))
      return errors.getError();
    return result;
  }

  std::string print() {
    std::string text;
    llvm::raw_string_ostream stream(text);
    OpPrintingFlags flags;
    flags.printNameLocAsPrefix();
    module->print(stream, flags);
    stream << "\n";
    return text;
  }

  const Lowering &getLowering() const { return lowering; }
  ModuleOp getModule() { return *module; }

private:
  explicit ModelCompilation(const Lowering &lowering) : lowering(lowering) {}

  Lowering lowering;
  CompilerContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

/// What a Program says of its model besides its buffers.
static void describeModel(const mx::ModelConfig &config,
                          const mx::CompileOptions &options,
                          mx::Program &program) {
  program.vocabSize = config.vocabSize;
  program.maxPositions = config.maxPositionEmbeddings;
  program.maxRewind = mx::kMaxRewind;
  program.sequences = options.sequences;
}

mx::Result<std::string> mx::chooseGPUTarget(int capability) {
  std::string target;
  for (const GPUTarget &gpu : GPUTarget::all()) {
    unsigned needed = 0;
    // The last letter of "sm_90a" makes it no number.
    if (!gpu.chip.drop_front(StringRef("sm_").size())
             .getAsInteger(10, needed) &&
        int(needed) <= capability)
      target = gpu.describe();
  }
  if (target.empty())
    return Error{"expected a GPU of " + GPUTarget::all().front().chip.str() +
                 " or later, but found sm_" + std::to_string(capability)};
  return target;
}

mx::Status mx::checkOptions(const CompileOptions &options) {
  mx::Result<Lowering> lowering = Lowering::create(options);
  if (!lowering)
    return lowering.error();
  return {};
}

const std::vector<std::string> &mx::activationNames() {
  static const std::vector<std::string> names = {"bf16", "f16", "f32", "int8"};
  return names;
}

const std::vector<std::string> &mx::denseNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> names;
    for (const DenseName &dense : kDenseNames)
      names.push_back(dense.name.str());
    return names;
  }();
  return names;
}

const std::vector<std::string> &mx::stageNames() {
  static const std::vector<std::string> names = {"graph", "fused", "vector",
                                                 "llvm", "asm"};
  return names;
}

mx::Result<mx::Program> mx::planModel(const ModelConfig &config,
                                      const CompileOptions &options) {
  auto model = ModelCompilation::create(config, options, ::Stage::LLVM);
  if (!model)
    return model.error();
  mx::Result<Program> program =
      (*model)->getLowering().describe((*model)->getModule());
  if (program)
    describeModel(config, options, *program);
  return program;
}

mx::Result<mx::Program> mx::compileModel(const ModelConfig &config,
                                         const CompileOptions &options) {
  auto model = ModelCompilation::create(config, options, ::Stage::LLVM);
  if (!model)
    return model.error();
  mx::Result<Program> program =
      (*model)->getLowering().finish((*model)->getModule());
  if (program)
    describeModel(config, options, *program);
  return program;
}

mx::Result<mx::Program> mx::compileModule(const std::string &text,
                                          const std::string &name,
                                          const CompileOptions &options) {
  if (Status status = checkOptions(options); !status)
    return status.error();
  if (auto error = checkModuleText(text))
    return Error{name + ":" + std::to_string(error->line) + ": " +
                 error->message};
  CompilerContext context;
  ErrorCollector errors(context);
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(text, ParserConfig(&context), name);
  if (!module)
    return Error{errors.messages};
  FailureOr<Program> program = mlir::mxfp4::compileModule(*module, options);
  if (failed(program))
    return errors.getError();
  return std::move(*program);
}

mx::Result<std::string> mx::emitStage(const ModelConfig &config,
                                      const CompileOptions &options,
                                      const std::string &stage) {
  auto found = llvm::find(stageNames(), stage);
  if (found == stageNames().end())
    return Error{"unknown stage '" + stage + "': expected one of " +
                 llvm::join(stageNames(), ", ")};
  auto last = ::Stage(found - stageNames().begin());
  auto model = ModelCompilation::create(config, options, last);
  if (!model)
    return model.error();
  if (last == ::Stage::Assembly)
    return (*model)->getLowering().emitAssembly((*model)->getModule());
  return (*model)->print();
}

mx::Result<std::string> mx::compilerFingerprint(const CompileOptions &options) {
  mx::Result<Lowering> lowering = Lowering::create(options);
  if (!lowering)
    return lowering.error();
  return std::string("mxfp4 ") + kBuildID + " LLVM " LLVM_VERSION_STRING " " +
         lowering->describeTarget();
}

static std::string describeByteProducts(const VectorISA &isa) {
  switch (isa.byteProduct) {
  case VectorISA::ByteProduct::None:
    return "";
  case VectorISA::ByteProduct::Pairs:
    return "vpmaddubsw";
  case VectorISA::ByteProduct::Fours:
    if (isa.hasMatrixProduct)
      return "smmla";
    return isa.architecture == VectorISA::Architecture::AArch64 ? "sdot"
                                                                : "vpdpbusd";
  }
  llvm_unreachable("all products are described");
}

mx::Result<std::vector<mx::InstructionSet>>
mx::listInstructionSets(const CompileOptions &options) {
  mx::Result<CPUTarget> target = resolveCPU(options.target);
  if (!target)
    return target.error();
  std::vector<InstructionSet> sets;
  for (const VectorISA &isa : VectorISA::all()) {
    if (!target->has(isa.architecture))
      continue;
    InstructionSet set;
    set.name = isa.name.str();
    set.lanes = isa.lanes;
    set.byteProducts = describeByteProducts(isa);
    for (StringRef feature : isa.features)
      set.features.push_back(feature.str());
    set.isChosen = &isa == target->isa;
    sets.push_back(std::move(set));
  }
  return sets;
}

std::vector<mx::GPUCode> mx::listGPUCode() {
  std::vector<GPUCode> list;
  for (const GPUTarget &gpu : GPUTarget::all())
    list.push_back({gpu.describe(), gpu.hasTensorCores, gpu.overlapsLaunches,
                    gpu.hasClusters});
  return list;
}

mx::Result<mx::Program> mx::compileProbes(const CompileOptions &options) {
  mx::Result<Lowering> lowering = Lowering::create(options);
  if (!lowering)
    return lowering.error();
  CompilerContext context;
  ErrorCollector errors(context);
  if (!lowering->getCPU())
    return Error{"expected a CPU to probe, but the target is '" +
                 options.target + "'"};
  OwningOpRef<ModuleOp> module =
      buildProbes(&context, *lowering->getCPU()->isa);
  if (failed(lowering->lower(*module, ::Stage::LLVM)))
    return errors.getError();
  return lowering->finish(*module);
}
