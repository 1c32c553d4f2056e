//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Import, pipelines and target in a row, and what they found out as a Program.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Compiler/Compiler.h"

#include "BuildID.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "mxfp4/Import/Import.h"
#include "mxfp4/Pipelines/Pipelines.h"
#include "mxfp4/Target/Host.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// How far a module has been lowered, in the order of stageNames().
enum class Stage { Graph, Fused, Vector, LLVM, Assembly };

/// A module on its way to code, with the errors of its passes.
class Compilation {
public:
  /// Imports a model.
  static mx::Result<std::unique_ptr<Compilation>>
  create(const mx::ModelConfig &config, const mx::CompileOptions &options) {
    mx::Result<std::unique_ptr<Compilation>> result = create(options);
    if (!result)
      return result;
    ImportOptions importOptions;
    importOptions.bf16Activations = options.activations == "bf16";
    importOptions.prefillTokens = options.prefillTokens;
    loadImportDialects((*result)->context);
    (*result)->module = importGptOss((*result)->context, config, importOptions);
    return result;
  }

  /// Parses a module; `name` stands for the text in messages.
  static mx::Result<std::unique_ptr<Compilation>>
  create(const std::string &text, const std::string &name,
         const mx::CompileOptions &options) {
    mx::Result<std::unique_ptr<Compilation>> result = create(options);
    if (!result)
      return result;
    Compilation &compilation = **result;
    ErrorCollector errors(compilation.context);
    compilation.module = parseSourceString<ModuleOp>(
        text, ParserConfig(&compilation.context), name);
    if (!compilation.module)
      return mx::Error{errors.messages};
    return result;
  }

  /// Lowers the module to `stage`.
  mx::Status lower(Stage stage) {
    ErrorCollector errors(context);
    PassManager manager(&context);
    if (stage >= Stage::Fused && options.fuse && !options.reference)
      buildFusionPipeline(manager);
    CPUPipelineOptions cpuOptions;
    cpuOptions.isa = target.isa->name.str();
    if (stage >= Stage::Vector && options.reference)
      buildLoopsPipeline(manager);
    else if (stage >= Stage::Vector)
      buildVectorPipeline(manager, cpuOptions);
    if (stage >= Stage::LLVM)
      buildLLVMPipeline(manager);
    if (failed(manager.run(*module)))
      return mx::Error{"cannot compile the module: " + errors.messages};
    return {};
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

  /// The Program without its code. The module is in the LLVM stage.
  mx::Result<mx::Program> describe();

  /// The Program with its code.
  mx::Result<mx::Program> finish() {
    mx::Result<mx::Program> program = describe();
    if (!program)
      return program;
    mx::Result<std::string> code = emitSharedObject(*module, target);
    if (!code)
      return code.error();
    program->code = std::move(*code);
    return program;
  }

  ModuleOp getModule() { return *module; }
  const CPUTarget &getTarget() const { return target; }

private:
  /// Keeps the errors that are reported while it lives.
  struct ErrorCollector {
    explicit ErrorCollector(MLIRContext &context)
        : handler(&context, [this](Diagnostic &diagnostic) {
            if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
              return success();
            llvm::raw_string_ostream stream(messages);
            stream << (messages.empty() ? "" : "; ");
            if (!isa<UnknownLoc>(diagnostic.getLocation()))
              stream << diagnostic.getLocation() << ": ";
            stream << diagnostic;
            return success();
          }) {}
    std::string messages;
    ScopedDiagnosticHandler handler;
  };

  static mx::Result<std::unique_ptr<Compilation>>
  create(const mx::CompileOptions &options) {
    if (!llvm::is_contained(mx::activationNames(), options.activations))
      return mx::Error{"unknown activations '" + options.activations +
                       "': expected " +
                       llvm::join(mx::activationNames(), " or ")};
    if (options.prefillTokens < 1 ||
        options.prefillTokens > mx::kMaxPrefillTokens)
      return mx::Error{"expected 1 to " +
                       std::to_string(mx::kMaxPrefillTokens) +
                       " prompt tokens in a call of prefill, but got " +
                       std::to_string(options.prefillTokens)};
    mx::Result<CPUTarget> target = resolveCPU(options.target);
    if (!target)
      return target.error();
    return std::unique_ptr<Compilation>(new Compilation(options, *target));
  }

  Compilation(const mx::CompileOptions &options, const CPUTarget &target)
      : options(options), target(target) {
    DialectRegistry registry;
    registerAllDialects(registry);
    registerAllExtensions(registry);
    mlir::mxfp4::registerDialects(registry);
    registerHostTranslation(registry);
    context.appendDialectRegistry(registry);
  }

  mx::CompileOptions options;
  CPUTarget target;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

/// How a checkpoint spells `element`, or "" if it has no such elements.
static std::string getDtype(Type element) {
  if (element.isF32())
    return "F32";
  if (element.isF16())
    return "F16";
  if (element.isBF16())
    return "BF16";
  if (isa<Float8E4M3FNType>(element))
    return "F8_E4M3";
  if (isa<Float8E5M2Type>(element))
    return "F8_E5M2";
  if (isa<Float4E2M1FNType, Float6E2M3FNType, Float6E3M2FNType,
          Float8E8M0FNUType>(element) ||
      element.isInteger(8))
    return "U8";
  return "";
}

/// The compilation lowered to `stage`, unless it has failed already.
static mx::Result<std::unique_ptr<Compilation>>
lower(mx::Result<std::unique_ptr<Compilation>> compilation, Stage stage) {
  if (!compilation)
    return compilation;
  if (mx::Status status = (*compilation)->lower(stage); !status)
    return status.error();
  return compilation;
}

/// Says in `buffer` how a checkpoint must hold a weight that has the type
/// `source` there.
static mx::Status describeSource(TypeAttr source, mx::Buffer &buffer) {
  if (!source)
    return mx::Error{"weight '" + buffer.name + "': expected 'mxfp4.source'"};
  auto type = cast<RankedTensorType>(source.getValue());
  buffer.dtype = getDtype(type.getElementType());
  if (buffer.dtype.empty()) {
    std::string message = "weight '" + buffer.name +
                          "': expected 'mxfp4.source' to be of a type that "
                          "checkpoints have, but got ";
    llvm::raw_string_ostream(message) << type;
    return mx::Error{message};
  }
  buffer.shape.assign(type.getShape().begin(), type.getShape().end());
  if (isa<Float4E2M1FNType>(type.getElementType())) {
    buffer.shape.back() /= mx::kBlockSize;
    buffer.shape.push_back(mx::kBlockSize / 2); // F2
  }
  return {};
}

static mx::BufferKind getKind(StringRef kind) {
  return llvm::StringSwitch<mx::BufferKind>(kind)
      .Case("weight", mx::BufferKind::Weight)
      .Case("cache", mx::BufferKind::Cache)
      .Case("input", mx::BufferKind::Input)
      .Case("output", mx::BufferKind::Output)
      .Default(mx::BufferKind::Arena);
}

mx::Result<mx::Program> Compilation::describe() {
  mx::Program program;
  program.target = target.describe();
  for (llvm::StringRef feature : target.isa->features)
    program.features.push_back(feature.str());
  program.activations = options.activations;
  program.maxThreads = options.reference ? 1 : 0;
  for (Attribute attribute :
       module.get()->getAttrOfType<ArrayAttr>(kBuffersAttrName)) {
    auto fields = cast<DictionaryAttr>(attribute);
    mx::Buffer buffer;
    buffer.name = fields.getAs<StringAttr>("name").str();
    buffer.kind = getKind(fields.getAs<StringAttr>("kind").getValue());
    buffer.bytes = fields.getAs<IntegerAttr>("bytes").getInt();
    buffer.bytesPerPosition =
        fields.getAs<IntegerAttr>("bytes_per_position").getInt();
    if (buffer.kind == mx::BufferKind::Weight)
      if (mx::Status status =
              describeSource(fields.getAs<TypeAttr>("source"), buffer);
          !status)
        return status.error();
    if (auto prepare = fields.getAs<FlatSymbolRefAttr>("prepare"))
      buffer.prepare = prepare.getValue().str();
    program.buffers.push_back(std::move(buffer));
  }
  for (Operation &function : *module->getBody()) {
    auto entry = function.getAttrOfType<StringAttr>(kEntryAttrName);
    if (!entry || entry.getValue() == kPrepareEntry)
      continue;
    auto tokens = function.getAttrOfType<IntegerAttr>(kMaxTokensAttrName);
    program.entries.push_back({entry.str(),
                               SymbolTable::getSymbolName(&function).str(),
                               tokens.getInt()});
  }
  return program;
}

/// What a Program says of its model besides its buffers.
static void describeModel(const mx::ModelConfig &config, mx::Program &program) {
  program.vocabSize = config.vocabSize;
  program.maxPositions = config.maxPositionEmbeddings;
}

const std::vector<std::string> &mx::activationNames() {
  static const std::vector<std::string> names = {"bf16", "f32"};
  return names;
}

const std::vector<std::string> &mx::stageNames() {
  static const std::vector<std::string> names = {"graph", "fused", "vector",
                                                 "llvm", "asm"};
  return names;
}

mx::Result<mx::Program> mx::planModel(const ModelConfig &config,
                                      const CompileOptions &options) {
  mx::Result<std::unique_ptr<Compilation>> compilation =
      lower(Compilation::create(config, options), ::Stage::LLVM);
  if (!compilation)
    return compilation.error();
  mx::Result<Program> program = (*compilation)->describe();
  if (program)
    describeModel(config, *program);
  return program;
}

mx::Result<mx::Program> mx::compileModel(const ModelConfig &config,
                                         const CompileOptions &options) {
  mx::Result<std::unique_ptr<Compilation>> compilation =
      lower(Compilation::create(config, options), ::Stage::LLVM);
  if (!compilation)
    return compilation.error();
  mx::Result<Program> program = (*compilation)->finish();
  if (program)
    describeModel(config, *program);
  return program;
}

mx::Result<mx::Program> mx::compileModule(const std::string &text,
                                          const std::string &name,
                                          const CompileOptions &options) {
  mx::Result<std::unique_ptr<Compilation>> compilation =
      lower(Compilation::create(text, name, options), ::Stage::LLVM);
  if (!compilation)
    return compilation.error();
  return (*compilation)->finish();
}

mx::Result<std::string> mx::emitStage(const ModelConfig &config,
                                      const CompileOptions &options,
                                      const std::string &stage) {
  auto found = llvm::find(stageNames(), stage);
  if (found == stageNames().end())
    return Error{"unknown stage '" + stage + "': expected one of " +
                 llvm::join(stageNames(), ", ")};
  auto last = ::Stage(found - stageNames().begin());
  mx::Result<std::unique_ptr<Compilation>> compilation =
      lower(Compilation::create(config, options), last);
  if (!compilation)
    return compilation.error();
  if (last == ::Stage::Assembly)
    return emitAssembly((*compilation)->getModule(),
                        (*compilation)->getTarget());
  return (*compilation)->print();
}

mx::Result<std::string> mx::compilerFingerprint(const CompileOptions &options) {
  mx::Result<CPUTarget> target = resolveCPU(options.target);
  if (!target)
    return target.error();
  return std::string("mxfp4 ") + kBuildID + " LLVM " LLVM_VERSION_STRING " " +
         target->describe();
}
