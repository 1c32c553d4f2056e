//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which pipelines a module goes through, and its table of buffers read back.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Pass/PassManager.h"
#include "mxfp4/ABI/Program.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "mxfp4/Pipelines/Pipelines.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::mxfp4;

mx::Result<Lowering> Lowering::create(const mx::CompileOptions &options) {
  if (!llvm::is_contained(mx::activationNames(), options.activations))
    return mx::Error{"unknown activations '" + options.activations +
                     "': expected " +
                     llvm::join(mx::activationNames(), " or ")};
  if (!llvm::is_contained(mx::denseNames(), options.dense))
    return mx::Error{"unknown format of dense weights '" + options.dense +
                     "': expected " + llvm::join(mx::denseNames(), " or ")};
  if (options.prefillTokens < 1 ||
      options.prefillTokens > mx::kMaxPrefillTokens)
    return mx::Error{"expected 1 to " + std::to_string(mx::kMaxPrefillTokens) +
                     " tokens or rows in a call, but got " +
                     std::to_string(options.prefillTokens)};
  if (options.sequences < 1 || options.sequences > mx::kMaxSequences)
    return mx::Error{"expected 1 to " + std::to_string(mx::kMaxSequences) +
                     " sequences, but got " +
                     std::to_string(options.sequences)};
  if (!namesGPU(options.target)) {
    mx::Result<CPUTarget> target = resolveCPU(options.target);
    if (!target)
      return target.error();
    return Lowering(options, *target);
  }
  mx::Result<GPUTarget> target = resolveGPU(options.target);
  if (!target)
    return target.error();
  if (options.activations == "int8")
    return mx::Error{"expected activations of bf16, f16 or f32 for target '" +
                     options.target + "', but got int8"};
  if (options.reference)
    return mx::Error{"the slow exact path is for a CPU, but the target is '" +
                     options.target + "'"};
  return Lowering(options, *target);
}

std::string Lowering::describeTarget() const {
  return std::visit([](const auto &target) { return target.describe(); },
                    target);
}

LogicalResult Lowering::adopt(ModuleOp module) const {
  PassManager manager(module.getContext());
  AdoptionPipelineOptions adoptionOptions;
  adoptionOptions.maxTokens = options.prefillTokens;
  adoptionOptions.weights = options.weights;
  adoptionOptions.raise = options.fuse && !options.reference;
  buildAdoptionPipeline(manager, adoptionOptions);
  return manager.run(module);
}

LogicalResult Lowering::lower(ModuleOp module, Stage stage) const {
  PassManager manager(module.getContext());
  if (stage >= Stage::Fused && options.fuse && !options.reference)
    buildFusionPipeline(manager);
  if (const GPUTarget *gpu = getGPU()) {
    NVVMPipelineOptions gpuOptions;
    gpuOptions.overlap = gpu->overlapsLaunches;
    gpuOptions.tensorCores = gpu->hasTensorCores;
    gpuOptions.clusters = gpu->hasClusters;
    if (stage >= Stage::Vector)
      buildLaunchPipeline(manager, gpuOptions);
    if (stage >= Stage::LLVM)
      buildNVVMPipeline(manager, gpuOptions);
    return manager.run(module);
  }
  CPUPipelineOptions cpuOptions;
  cpuOptions.isa = getCPU()->isa->name.str();
  if (stage >= Stage::Vector && options.reference)
    buildLoopsPipeline(manager);
  else if (stage >= Stage::Vector)
    buildVectorPipeline(manager, cpuOptions);
  if (stage >= Stage::LLVM)
    buildLLVMPipeline(manager);
  return manager.run(module);
}

/// How a safetensors header spells `element`, or "" if it has no name for it.
static std::string getDtype(Type element) {
  if (element.isF64())
    return "F64";
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
  if (element.isInteger(1))
    return "BOOL";
  if (element.isInteger(16) || element.isInteger(32) || element.isInteger(64))
    return "I" + std::to_string(element.getIntOrFloatBitWidth());
  return "";
}

/// Says in `buffer` that the runtime must give it `type`.
static mx::Status describeType(ShapedType type, mx::Buffer &buffer) {
  buffer.dtype = getDtype(type.getElementType());
  if (buffer.dtype.empty()) {
    std::string message = "buffer '" + buffer.name +
                          "': expected a type that safetensors files have, "
                          "but got ";
    llvm::raw_string_ostream(message) << type;
    return mx::Error{message};
  }
  for (int64_t extent : type.getShape())
    buffer.shape.push_back(ShapedType::isDynamic(extent) ? mx::kTokensExtent
                                                         : extent);
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

static mx::Result<mx::Buffer> describeBuffer(DictionaryAttr fields) {
  mx::Buffer buffer;
  buffer.name = fields.getAs<StringAttr>("name").str();
  buffer.kind = getKind(fields.getAs<StringAttr>("kind").getValue());
  buffer.bytes = fields.getAs<IntegerAttr>("bytes").getInt();
  buffer.bytesPerPosition =
      fields.getAs<IntegerAttr>("bytes_per_position").getInt();
  auto type = fields.getAs<TypeAttr>("type");
  if (buffer.kind == mx::BufferKind::Weight) {
    type = fields.getAs<TypeAttr>("source");
    if (!type)
      return mx::Error{"weight '" + buffer.name + "': expected 'mxfp4.source'"};
  }
  if (type)
    if (mx::Status status =
            describeType(cast<ShapedType>(type.getValue()), buffer);
        !status)
      return status.error();
  if (auto prepare = fields.getAs<FlatSymbolRefAttr>("prepare"))
    buffer.prepare = prepare.getValue().str();
  return buffer;
}

static mx::ProgramOp describeOp(DictionaryAttr fields) {
  mx::ProgramOp op;
  op.function = fields.getAs<StringAttr>("function").str();
  op.name = fields.getAs<StringAttr>("op").str();
  op.weight = fields.getAs<StringAttr>("weight").str();
  op.cost = Cost::get(fields.getAs<DictionaryAttr>("cost"));
  return op;
}

static mx::Launch describeLaunch(DictionaryAttr fields) {
  auto getInteger = [&](StringRef name) {
    return fields.getAs<IntegerAttr>(name).getInt();
  };
  mx::Launch launch;
  launch.kernel = fields.getAs<StringAttr>("kernel").str();
  launch.blocks = uint32_t(getInteger("blocks"));
  launch.threads = uint32_t(getInteger("threads"));
  launch.sharedBytes = uint32_t(getInteger("shared"));
  launch.op = getInteger("op");
  ArrayRef<int64_t> arguments =
      fields.getAs<DenseI64ArrayAttr>("arguments").asArrayRef();
  for (size_t i = 0; i < arguments.size(); i += 2)
    launch.arguments.push_back(
        {uint32_t(arguments[i]), uint64_t(arguments[i + 1])});
  return launch;
}

mx::Result<mx::Program> Lowering::describe(ModuleOp module) const {
  mx::Program program;
  program.target = describeTarget();
  if (const CPUTarget *cpu = getCPU())
    for (llvm::StringRef feature : cpu->isa->features)
      program.features.push_back(feature.str());
  if (const GPUTarget *gpu = getGPU())
    program.overlapsLaunches = gpu->overlapsLaunches;
  program.activations = options.activations;
  program.maxThreads = options.reference ? 1 : 0;
  for (Attribute attribute :
       module->getAttrOfType<ArrayAttr>(kBuffersAttrName)) {
    mx::Result<mx::Buffer> buffer =
        describeBuffer(cast<DictionaryAttr>(attribute));
    if (!buffer)
      return buffer.error();
    program.buffers.push_back(std::move(*buffer));
  }
  // On the exact path there are no barriers to tell ops.
  if (!options.reference)
    for (Attribute op : module->getAttrOfType<ArrayAttr>(kOpsAttrName))
      program.ops.push_back(describeOp(cast<DictionaryAttr>(op)));
  for (Operation &function : *module.getBody()) {
    auto name = function.getAttrOfType<StringAttr>(kEntryAttrName);
    bool isPrepare = name && name.getValue() == kPrepareEntry;
    if (!name || (isPrepare && !getGPU()))
      continue;
    mx::Entry entry;
    entry.name = name.str();
    entry.symbol = SymbolTable::getSymbolName(&function).str();
    if (getGPU())
      for (Attribute launch :
           function.getAttrOfType<ArrayAttr>(kLaunchesAttrName))
        entry.launches.push_back(describeLaunch(cast<DictionaryAttr>(launch)));
    if (isPrepare) {
      entry.name = entry.symbol;
      program.prepares.push_back(std::move(entry));
      continue;
    }
    entry.maxTokens =
        function.getAttrOfType<IntegerAttr>(kMaxTokensAttrName).getInt();
    auto arguments =
        function.getAttrOfType<DenseI64ArrayAttr>(kArgumentsAttrName);
    entry.arguments.assign(arguments.asArrayRef().begin(),
                           arguments.asArrayRef().end());
    if (!options.reference)
      entry.opCounts =
          function.getAttrOfType<DenseI64ArrayAttr>(kOpCountsAttrName)
              .asArrayRef()
              .vec();
    program.entries.push_back(std::move(entry));
  }
  return program;
}

mx::Result<mx::Program> Lowering::finish(ModuleOp module) const {
  mx::Result<mx::Program> program = describe(module);
  if (!program)
    return program;
  mx::Result<std::string> code = getCPU() ? emitSharedObject(module, *getCPU())
                                          : emitPTX(module, *getGPU());
  if (!code)
    return code.error();
  program->code = std::move(*code);
  return program;
}

mx::Result<std::string> Lowering::emitAssembly(ModuleOp module) const {
  return getCPU() ? mxfp4::emitAssembly(module, *getCPU())
                  : emitPTX(module, *getGPU());
}
