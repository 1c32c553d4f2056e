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
#include "mxfp4/Checkpoint/Schema.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "mxfp4/Import/Import.h"
#include "mxfp4/Pipelines/Pipelines.h"
#include "mxfp4/Target/Host.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// How far a module has been lowered.
enum class Stage { Graph, Fused, Vector, LLVM };

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
  mx::Program describe();

  /// The Program with its code.
  mx::Result<mx::Program> finish() {
    mx::Program program = describe();
    mx::Result<std::string> code = emitSharedObject(*module, target);
    if (!code)
      return code.error();
    program.code = std::move(*code);
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
    if (options.activations != "f32" && options.activations != "bf16")
      return mx::Error{"unknown activations '" + options.activations +
                       "': expected f32 or bf16"};
    if (options.prefillTokens < 1 || options.prefillTokens > (1 << 16))
      return mx::Error{
          "expected 1 to 65536 prompt tokens in a call of prefill, "
          "but got " +
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

/// The dtype and shape that a tensor of `type` has in a checkpoint.
static void describeSource(RankedTensorType type, mx::Buffer &buffer) {
  buffer.shape.assign(type.getShape().begin(), type.getShape().end());
  Type element = type.getElementType();
  if (isa<Float4E2M1FNType>(element)) {
    buffer.dtype = "U8";
    buffer.shape.back() /= kBlockSize;
    buffer.shape.push_back(kBlockSize / 2); // F2
  } else {
    buffer.dtype = element.isBF16() ? "BF16" : "U8";
  }
}

static mx::BufferKind getKind(StringRef kind) {
  return llvm::StringSwitch<mx::BufferKind>(kind)
      .Case("weight", mx::BufferKind::Weight)
      .Case("cache", mx::BufferKind::Cache)
      .Case("input", mx::BufferKind::Input)
      .Case("output", mx::BufferKind::Output)
      .Default(mx::BufferKind::Arena);
}

mx::Program Compilation::describe() {
  mx::Program program;
  program.target = target.describe();
  for (llvm::StringRef feature : target.isa->features)
    program.features.push_back(feature.str());
  program.activations = options.activations;
  program.maxThreads = options.reference ? 1 : 0;
  for (Attribute attribute :
       module.get()->getAttrOfType<ArrayAttr>("mxfp4.buffers")) {
    auto fields = cast<DictionaryAttr>(attribute);
    mx::Buffer buffer;
    buffer.name = fields.getAs<StringAttr>("name").str();
    buffer.kind = getKind(fields.getAs<StringAttr>("kind").getValue());
    buffer.bytes = fields.getAs<IntegerAttr>("bytes").getInt();
    buffer.bytesPerPosition =
        fields.getAs<IntegerAttr>("bytes_per_position").getInt();
    if (auto source = fields.getAs<TypeAttr>("source"))
      describeSource(cast<RankedTensorType>(source.getValue()), buffer);
    if (auto prepare = fields.getAs<FlatSymbolRefAttr>("prepare"))
      buffer.prepare = prepare.getValue().str();
    program.buffers.push_back(std::move(buffer));
  }
  for (Operation &function : *module->getBody()) {
    auto entry = function.getAttrOfType<StringAttr>("mxfp4.entry");
    auto tokens = function.getAttrOfType<IntegerAttr>("mxfp4.max_tokens");
    if (entry && tokens)
      program.entries.push_back({entry.str(),
                                 SymbolTable::getSymbolName(&function).str(),
                                 tokens.getInt()});
  }
  return program;
}

/// What a Program says of its model besides its buffers.
static void describeModel(const mx::ModelConfig &config, mx::Program &program) {
  program.vocabSize = config.vocabSize;
  program.hiddenSize = config.hiddenSize;
  program.maxPositions = config.maxPositionEmbeddings;
}

mx::Result<mx::Program> mx::planModel(const ModelConfig &config,
                                      const CompileOptions &options) {
  mx::Result<std::unique_ptr<Compilation>> compilation =
      Compilation::create(config, options);
  if (!compilation)
    return compilation.error();
  if (mx::Status status = (*compilation)->lower(::Stage::LLVM); !status)
    return status.error();
  Program program = (*compilation)->describe();
  describeModel(config, program);
  return program;
}

mx::Result<mx::Program> mx::compileModel(const ModelConfig &config,
                                         const CompileOptions &options) {
  mx::Result<std::unique_ptr<Compilation>> compilation =
      Compilation::create(config, options);
  if (!compilation)
    return compilation.error();
  if (mx::Status status = (*compilation)->lower(::Stage::LLVM); !status)
    return status.error();
  mx::Result<Program> program = (*compilation)->finish();
  if (program)
    describeModel(config, *program);
  return program;
}

mx::Result<mx::Program> mx::compileModule(const std::string &text,
                                          const std::string &name,
                                          const CompileOptions &options) {
  mx::Result<std::unique_ptr<Compilation>> compilation =
      Compilation::create(text, name, options);
  if (!compilation)
    return compilation.error();
  if (mx::Status status = (*compilation)->lower(::Stage::LLVM); !status)
    return status.error();
  return (*compilation)->finish();
}

mx::Result<std::string> mx::emitStage(const ModelConfig &config,
                                      const CompileOptions &options,
                                      const std::string &stage) {
  std::optional<::Stage> last =
      llvm::StringSwitch<std::optional<::Stage>>(stage)
          .Case("graph", ::Stage::Graph)
          .Case("fused", ::Stage::Fused)
          .Case("vector", ::Stage::Vector)
          .Cases({"llvm", "asm"}, ::Stage::LLVM)
          .Default(std::nullopt);
  if (!last)
    return Error{"unknown stage '" + stage +
                 "': expected graph, fused, vector, llvm or asm"};
  mx::Result<std::unique_ptr<Compilation>> compilation =
      Compilation::create(config, options);
  if (!compilation)
    return compilation.error();
  if (mx::Status status = (*compilation)->lower(*last); !status)
    return status.error();
  if (stage == "asm")
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
