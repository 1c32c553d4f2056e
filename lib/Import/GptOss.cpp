//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ModelConfig to a module: one function for each kind of layer, and the entry
// points that call them.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Import/Import.h"

#include "FunctionBuilder.h"
#include "Layers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mxfp4/ABI/Program.h"
#include "mxfp4/Checkpoint/Schema.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// Builds the module of a model.
class GptOssImporter {
public:
  GptOssImporter(MLIRContext &context, const mx::ModelConfig &config,
                 const ImportOptions &options)
      : b(UnknownLoc::get(&context), &context), config(config),
        options(options), f32(b.getF32Type()),
        activation(options.activation ? options.activation
                                      : Type(b.getBF16Type())) {
    for (const mx::TensorInfo &info : mx::checkpointSchema(config)) {
      weightTypes[info.name] = getWeightType(info);
      addBlocks(info);
    }
  }

  OwningOpRef<ModuleOp> import() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(b.getLoc(), "gpt_oss");
    b.setInsertionPointToEnd(module->getBody());
    for (Variant variant :
         {Variant::Prefill, Variant::Decode, Variant::Batch}) {
      if (variant == Variant::Batch && options.sequences == 1)
        continue;
      for (bool isSliding : {true, false})
        if (llvm::is_contained(config.slidingLayers, isSliding))
          importAttention(variant, isSliding);
      importExperts(variant);
    }
    importPrefill();
    importDecode(Variant::Decode);
    if (options.sequences > 1)
      importDecode(Variant::Batch);
    importUnembed();
    if (!options.makesSample)
      return module;
    importSample(Variant::Prefill);
    if (options.sequences > 1)
      importSample(Variant::Batch);
    return module;
  }

private:
  // What each kind of layer reads of the checkpoint, in the order of its
  // arguments. The rest of the name is the same for all layers.
  static constexpr const char *kAttentionWeights[] = {
      "input_layernorm.weight", "self_attn.q_proj.weight",
      "self_attn.q_proj.bias",  "self_attn.k_proj.weight",
      "self_attn.k_proj.bias",  "self_attn.v_proj.weight",
      "self_attn.v_proj.bias",  "self_attn.o_proj.weight",
      "self_attn.o_proj.bias",  "self_attn.sinks"};
  static constexpr const char *kExpertWeights[] = {
      "post_attention_layernorm.weight",
      "mlp.router.weight",
      "mlp.router.bias",
      "mlp.experts.gate_up_proj_blocks",
      "mlp.experts.gate_up_proj_scales",
      "mlp.experts.gate_up_proj_bias",
      "mlp.experts.down_proj_blocks",
      "mlp.experts.down_proj_scales",
      "mlp.experts.down_proj_bias"};

  static std::string getLayerName(int64_t layer, StringRef part) {
    return ("model.layers." + Twine(layer) + "." + part).str();
  }

  /// A tensor of the checkpoint as a type: blocks are elements of 4 bits.
  RankedTensorType getWeightType(const mx::TensorInfo &info) {
    SmallVector<int64_t> shape(info.shape.begin(), info.shape.end());
    if (info.role == mx::TensorRole::ExpertBlocks) {
      int64_t bytes = shape.pop_back_val();
      shape.back() *= 2 * bytes; // F1, F2
      return RankedTensorType::get(shape,
                                   Float4E2M1FNType::get(b.getContext()));
    }
    if (info.role == mx::TensorRole::ExpertScales)
      return RankedTensorType::get(shape,
                                   Float8E8M0FNUType::get(b.getContext()));
    return RankedTensorType::get(shape, b.getBF16Type());
  }

  /// Adds the blocks that the dense weight `info` is to be read as, if any.
  void addBlocks(const mx::TensorInfo &info) {
    if (!options.denseFormat ||
        !mx::quantizedTensor(info, *options.denseFormat, mx::BlockPart::Values))
      return;
    std::string values = mx::quantizedName(info.name, *options.denseFormat,
                                           mx::BlockPart::Values);
    std::string scales = mx::quantizedName(info.name, *options.denseFormat,
                                           mx::BlockPart::Scales);
    weightTypes[values] = RankedTensorType::get(
        info.shape,
        getElementType(b.getContext(), options.denseFormat->element));
    weightTypes[scales] = RankedTensorType::get(
        {info.shape[0], info.shape[1] / options.denseFormat->blockSize},
        Float8E8M0FNUType::get(b.getContext()));
    blocks[info.name] = {values, scales};
  }

  /// The tensors that weight `name` of the checkpoint is read as: itself, or
  /// elements and scales.
  SmallVector<std::string> getParts(const std::string &name) const {
    auto found = blocks.find(name);
    return found == blocks.end() ? SmallVector<std::string>{name}
                                 : found->second;
  }

  /// The weight whose parts are the arguments `numbers` of `function`.
  DenseWeight getDense(FunctionBuilder &function, ArrayRef<unsigned> numbers) {
    DenseWeight weight = {function[numbers[0]], {}, {}};
    if (numbers.size() == 1)
      return weight;
    weight.scales = function[numbers[1]];
    if (isa<Float4E2M1FNType>(
            cast<RankedTensorType>(weight.values.getType()).getElementType()))
      weight.inputFormat = options.matmulInputs;
    return weight;
  }

  /// What tokens a layer has: some of one sequence, one, or one of each of some
  /// sequences.
  enum class Variant { Prefill, Decode, Batch };

  static StringRef getPrefix(Variant variant) {
    switch (variant) {
    case Variant::Prefill:
      return mx::kPrefillEntry;
    case Variant::Decode:
      return mx::kDecodeEntry;
    case Variant::Batch:
      return mx::kDecodeBatchEntry;
    }
    llvm_unreachable("unknown variant");
  }

  static int64_t getTokens(Variant variant) {
    return variant == Variant::Decode ? 1 : ShapedType::kDynamic;
  }

  RankedTensorType getHiddenType(Variant variant) {
    return RankedTensorType::get({getTokens(variant), config.hiddenSize}, f32);
  }

  /// The type of positions and numbers of sequences.
  Type getPlacesType(Variant variant) {
    if (variant == Variant::Batch)
      return RankedTensorType::get(ShapedType::kDynamic, b.getI32Type());
    return b.getIndexType();
  }

  RankedTensorType getCacheType(bool isSliding) {
    int64_t rows = isSliding ? config.slidingWindow + mx::kMaxRewind
                             : ShapedType::kDynamic;
    return RankedTensorType::get(
        {rows, options.sequences * config.numKeyValueHeads, config.headDim},
        activation);
  }

  /// The last parts of a name in the checkpoint, as a name in the IR.
  static std::string getArgumentName(StringRef part) {
    SmallVector<StringRef> words;
    part.split(words, '.');
    std::string name;
    for (StringRef word : words)
      if (word != "self_attn" && word != "mlp" && word != "experts")
        name += (name.empty() ? "" : "_") + word.str();
    return name;
  }

  OpFoldResult getTokens(Value x, Variant variant) {
    if (variant == Variant::Decode)
      return b.getIndexAttr(1);
    return tensor::DimOp::create(b, x, 0).getResult();
  }

  /// The numbers of the arguments that hold each of `weights`, without the
  /// layer.
  SmallVector<SmallVector<unsigned>>
  addLayerWeights(FunctionBuilder &function, ArrayRef<const char *> weights) {
    SmallVector<SmallVector<unsigned>> numbers;
    size_t prefix = getLayerName(0, "").size();
    for (const char *weight : weights) {
      numbers.emplace_back();
      for (const std::string &part : getParts(getLayerName(0, weight)))
        numbers.back().push_back(
            function.add(getArgumentName(StringRef(part).drop_front(prefix)),
                         weightTypes.at(part)));
    }
    return numbers;
  }

  static std::string getAttentionName(Variant variant, bool isSliding) {
    return (getPrefix(variant) +
            (isSliding ? "_sliding_attention" : "_full_attention"))
        .str();
  }

  static std::string getExpertsName(Variant variant) {
    return (getPrefix(variant) + "_experts").str();
  }

  int64_t getMaxTokens(Variant variant) {
    switch (variant) {
    case Variant::Prefill:
      return options.prefillTokens;
    case Variant::Decode:
      return 1;
    case Variant::Batch:
      return options.sequences;
    }
    llvm_unreachable("unknown variant");
  }

  void setMaxTokens(func::FuncOp function, int64_t tokens) {
    function->setAttr(kMaxTokensAttrName, b.getI64IntegerAttr(tokens));
  }

  /// Makes `function` one of a layer.
  void createLayer(FunctionBuilder &function, Variant variant,
                   ArrayRef<unsigned> results) {
    func::FuncOp layer = function.create(results);
    layer.setPrivate();
    setMaxTokens(layer, getMaxTokens(variant));
  }

  void importAttention(Variant variant, bool isSliding) {
    OpBuilder::InsertionGuard guard(b);
    FunctionBuilder function(b, getAttentionName(variant, isSliding));
    unsigned x = function.add("x", getHiddenType(variant));
    unsigned position = function.add("position", getPlacesType(variant));
    std::optional<unsigned> sequence;
    if (options.sequences > 1)
      sequence = function.add("sequence", getPlacesType(variant));
    auto w = addLayerWeights(function, kAttentionWeights);
    unsigned keys = function.add("key_cache", getCacheType(isSliding));
    unsigned values = function.add("value_cache", getCacheType(isSliding));
    unsigned result = function.add("result", getHiddenType(variant));
    createLayer(function, variant, {result, keys, values});

    LayerBuilder layer(b, config, activation, getTokens(function[x], variant));
    auto weight = [&](unsigned index) { return function[w[index][0]]; };
    auto dense = [&](unsigned index) { return getDense(function, w[index]); };
    TokenPlaces at = {function[position],
                      sequence ? function[*sequence] : Value()};
    Value normal = layer.rmsNorm(function[x], weight(0));
    Value query =
        layer.splitHeads(layer.linear(normal, dense(1), weight(2), f32),
                         config.numAttentionHeads);
    Value key = layer.splitHeads(layer.linear(normal, dense(3), weight(4), f32),
                                 config.numKeyValueHeads);
    Value value =
        layer.splitHeads(layer.linear(normal, dense(5), weight(6), activation),
                         config.numKeyValueHeads);
    query = layer.rotary(query, at);
    key = layer.rotary(key, at);
    Value mixed = layer.attention(query, key, value, function[keys],
                                  function[values], weight(9), at, isSliding);
    Value newKeys = layer.updateCache(key, at, function[keys]);
    Value newValues = layer.updateCache(value, at, function[values]);
    Value output =
        layer.linear(layer.joinHeads(mixed), dense(7), weight(8), f32);
    Value sum = layer.add(output, function[x], function[result]);
    func::ReturnOp::create(b, ValueRange{sum, newKeys, newValues});
  }

  void importExperts(Variant variant) {
    OpBuilder::InsertionGuard guard(b);
    FunctionBuilder function(b, getExpertsName(variant));
    unsigned x = function.add("x", getHiddenType(variant));
    auto w = addLayerWeights(function, kExpertWeights);
    unsigned result = function.add("result", getHiddenType(variant));
    createLayer(function, variant, {result});

    LayerBuilder layer(b, config, activation, getTokens(function[x], variant));
    auto weight = [&](unsigned index) { return function[w[index][0]]; };
    Value normal = layer.rmsNorm(function[x], weight(0));
    Value logits =
        layer.linear(normal, getDense(function, w[1]), weight(2), f32);
    auto [experts, routing] = layer.route(logits);
    Value gateUp = layer.matmulByExpert(normal, weight(3), weight(4), weight(5),
                                        experts, options.matmulInputs);
    Value down =
        layer.matmulByExpert(layer.swiglu(gateUp), weight(6), weight(7),
                             weight(8), experts, options.matmulInputs);
    Value output = layer.combineExperts(down, routing);
    func::ReturnOp::create(b, layer.add(output, function[x], function[result]));
  }

  //===--------------------------------------------------------------------===//
  // Entry points
  //===--------------------------------------------------------------------===//

  NamedAttribute named(StringRef name, StringRef value) {
    return b.getNamedAttr(name, b.getStringAttr(value));
  }

  unsigned addWeight(FunctionBuilder &function, const std::string &name) {
    return function.add(
        getArgumentName(name), weightTypes.at(name),
        {named(kBufferAttrName, name), named(kKindAttrName, "weight"),
         b.getNamedAttr(kSourceAttrName, TypeAttr::get(weightTypes.at(name))),
         b.getNamedAttr(bufferization::BufferizationDialect::kWritableAttrName,
                        b.getBoolAttr(false))});
  }

  /// The parts of weight `name`.
  SmallVector<unsigned> addWeights(FunctionBuilder &function,
                                   const std::string &name) {
    SmallVector<unsigned> numbers;
    for (const std::string &part : getParts(name))
      numbers.push_back(addWeight(function, part));
    return numbers;
  }

  void setEntry(func::FuncOp function, int64_t maxTokens) {
    function->setAttr(kEntryAttrName, function.getSymNameAttr());
    setMaxTokens(function, maxTokens);
  }

  /// The numbers of the arguments of an entry point that runs all layers.
  struct LayerArguments {
    unsigned tokens, position, embedding, norm;
    std::optional<unsigned> sequence;
    SmallVector<SmallVector<unsigned>> attention, experts;
    SmallVector<std::pair<unsigned, unsigned>> caches;
  };

  /// An i32 for each token, in `buffer`.
  unsigned addTokenInput(FunctionBuilder &function, StringRef buffer,
                         int64_t tokens) {
    SmallVector<NamedAttribute> attributes = {named(kBufferAttrName, buffer),
                                              named(kKindAttrName, "input")};
    if (tokens != 1)
      attributes.push_back(named(kDimAttrName, "tokens"));
    return function.add(buffer, RankedTensorType::get(tokens, b.getI32Type()),
                        attributes);
  }

  /// Positions or sequences of tokens: `name` of the call, or `buffer` of a
  /// batch.
  unsigned addPlaces(FunctionBuilder &function, Variant variant, StringRef name,
                     StringRef buffer) {
    if (variant == Variant::Batch)
      return addTokenInput(function, buffer, ShapedType::kDynamic);
    return function.add(name, b.getIndexType(), {named(kValueAttrName, name)});
  }
  unsigned addPosition(FunctionBuilder &function, Variant variant) {
    return addPlaces(function, variant, "position", mx::kPositionsBuffer);
  }
  /// None if there is one sequence.
  std::optional<unsigned> addSequence(FunctionBuilder &function,
                                      Variant variant) {
    if (options.sequences == 1)
      return std::nullopt;
    return addPlaces(function, variant, "sequence", mx::kSequencesBuffer);
  }

  LayerArguments addLayerArguments(FunctionBuilder &function, Variant variant) {
    LayerArguments arguments;
    arguments.tokens =
        addTokenInput(function, mx::kTokensBuffer, getTokens(variant));
    arguments.position = addPosition(function, variant);
    arguments.sequence = addSequence(function, variant);
    arguments.embedding = addWeight(function, "model.embed_tokens.weight");
    for (int64_t i = 0; i < config.numHiddenLayers; ++i) {
      SmallVector<unsigned> &attention = arguments.attention.emplace_back();
      for (const char *weight : kAttentionWeights)
        llvm::append_range(attention,
                           addWeights(function, getLayerName(i, weight)));
      SmallVector<unsigned> &experts = arguments.experts.emplace_back();
      for (const char *weight : kExpertWeights)
        experts.push_back(addWeight(function, getLayerName(i, weight)));
    }
    arguments.norm = addWeight(function, "model.norm.weight");
    for (int64_t i = 0; i < config.numHiddenLayers; ++i) {
      auto addCache = [&](const Twine &name) {
        std::string full = (name + "." + Twine(i)).str();
        SmallVector<NamedAttribute> attributes = {
            named(kBufferAttrName, full), named(kKindAttrName, "cache")};
        if (!config.slidingLayers[i])
          attributes.push_back(named(kDimAttrName, "context"));
        return function.add((name + "_" + Twine(i)).str(),
                            getCacheType(config.slidingLayers[i]), attributes);
      };
      unsigned keys = addCache("key_cache");
      arguments.caches.push_back({keys, addCache("value_cache")});
    }
    return arguments;
  }

  /// Calls the layers one after another. Returns the residual stream after the
  /// last, and the caches.
  std::pair<Value, SmallVector<Value>>
  callLayers(FunctionBuilder &function, const LayerArguments &arguments,
             LayerBuilder &layer, Variant variant) {
    Value x = layer.embedding(function[arguments.tokens],
                              function[arguments.embedding]);
    SmallVector<Value> caches;
    for (int64_t i = 0; i < config.numHiddenLayers; ++i) {
      bool isSliding = config.slidingLayers[i];
      SmallVector<Value> operands = {x, function[arguments.position]};
      if (arguments.sequence)
        operands.push_back(function[*arguments.sequence]);
      for (unsigned weight : arguments.attention[i])
        operands.push_back(function[weight]);
      operands.push_back(function[arguments.caches[i].first]);
      operands.push_back(function[arguments.caches[i].second]);
      operands.push_back(layer.empty(config.hiddenSize, f32));
      Type cache = getCacheType(isSliding);
      auto attention = func::CallOp::create(
          b, getAttentionName(variant, isSliding),
          TypeRange{getHiddenType(variant), cache, cache}, operands);
      caches.append({attention.getResult(1), attention.getResult(2)});

      operands = {attention.getResult(0)};
      for (unsigned weight : arguments.experts[i])
        operands.push_back(function[weight]);
      operands.push_back(layer.empty(config.hiddenSize, f32));
      x = func::CallOp::create(b, getExpertsName(variant),
                               getHiddenType(variant), operands)
              .getResult(0);
    }
    return {x, caches};
  }

  SmallVector<unsigned> withCaches(unsigned result,
                                   const LayerArguments &arguments) {
    SmallVector<unsigned> results = {result};
    for (auto [keys, values] : arguments.caches)
      results.append({keys, values});
    return results;
  }

  void importPrefill() {
    OpBuilder::InsertionGuard guard(b);
    FunctionBuilder function(b, mx::kPrefillEntry);
    LayerArguments arguments = addLayerArguments(function, Variant::Prefill);
    unsigned hidden = function.add(
        "hidden",
        RankedTensorType::get({ShapedType::kDynamic, config.hiddenSize},
                              activation),
        {named(kBufferAttrName, "hidden"), named(kKindAttrName, "output"),
         named(kDimAttrName, "tokens")});
    setEntry(function.create(withCaches(hidden, arguments)),
             getMaxTokens(Variant::Prefill));
    LayerBuilder layer(b, config, activation,
                       getTokens(function[arguments.tokens], Variant::Prefill));
    auto [x, caches] = callLayers(function, arguments, layer, Variant::Prefill);
    SmallVector<Value> results = {
        layer.rmsNorm(x, function[arguments.norm], function[hidden])};
    results.append(caches);
    func::ReturnOp::create(b, results);
  }

  void importDecode(Variant variant) {
    OpBuilder::InsertionGuard guard(b);
    FunctionBuilder function(b, getPrefix(variant));
    LayerArguments arguments = addLayerArguments(function, variant);
    SmallVector<unsigned> head = addWeights(function, "lm_head.weight");
    SmallVector<NamedAttribute> rows = {
        named(kBufferAttrName, mx::kLogitsBuffer),
        named(kKindAttrName, "output")};
    if (variant == Variant::Batch)
      rows.push_back(named(kDimAttrName, "tokens"));
    unsigned logits = function.add(
        "logits",
        RankedTensorType::get({getTokens(variant), config.vocabSize}, f32),
        rows);
    setEntry(function.create(withCaches(logits, arguments)),
             getMaxTokens(variant));
    LayerBuilder layer(b, config, activation,
                       getTokens(function[arguments.tokens], variant));
    auto [x, caches] = callLayers(function, arguments, layer, variant);
    Value normal = layer.rmsNorm(x, function[arguments.norm]);
    SmallVector<Value> results = {layer.linear(normal, getDense(function, head),
                                               /*bias=*/{}, f32,
                                               function[logits])};
    results.append(caches);
    func::ReturnOp::create(b, results);
  }

  void importUnembed() {
    OpBuilder::InsertionGuard guard(b);
    FunctionBuilder function(b, mx::kUnembedEntry);
    unsigned hidden = function.add(
        "hidden",
        RankedTensorType::get({options.prefillTokens, config.hiddenSize},
                              activation),
        {named(kBufferAttrName, "hidden"), named(kKindAttrName, "output")});
    unsigned count = function.add("tokens", b.getIndexType(),
                                  {named(kValueAttrName, "tokens")});
    unsigned first = function.add("position", b.getIndexType(),
                                  {named(kValueAttrName, "position")});
    SmallVector<unsigned> head = addWeights(function, "lm_head.weight");
    unsigned logits = function.add(
        "logits",
        RankedTensorType::get({ShapedType::kDynamic, config.vocabSize}, f32),
        {named(kBufferAttrName, mx::kLogitsBuffer),
         named(kKindAttrName, "output"), named(kDimAttrName, "tokens")});
    setEntry(function.create({logits}), options.logitsRows);
    SmallVector<OpFoldResult> offsets = {function[first], b.getIndexAttr(0)};
    SmallVector<OpFoldResult> sizes = {function[count],
                                       b.getIndexAttr(config.hiddenSize)};
    SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
    Value rows = tensor::ExtractSliceOp::create(b, function[hidden], offsets,
                                                sizes, strides);
    LayerBuilder layer(b, config, activation, function[count]);
    func::ReturnOp::create(b, layer.linear(rows, getDense(function, head),
                                           /*bias=*/{}, f32, function[logits]));
  }

  void importSample(Variant variant) {
    OpBuilder::InsertionGuard guard(b);
    bool isBatch = variant == Variant::Batch;
    FunctionBuilder function(b, isBatch ? mx::kSampleBatchEntry
                                        : mx::kSampleEntry);
    auto addRows = [&](StringRef name, ArrayRef<int64_t> shape, Type element) {
      return function.add(name, RankedTensorType::get(shape, element),
                          {named(kBufferAttrName, name),
                           named(kKindAttrName, "output"),
                           named(kDimAttrName, "tokens")});
    };
    unsigned logits = addRows(mx::kLogitsBuffer,
                              {ShapedType::kDynamic, config.vocabSize}, f32);
    unsigned settings =
        function.add(mx::kSettingsBuffer,
                     RankedTensorType::get({mx::kSettings}, b.getI32Type()),
                     {named(kBufferAttrName, mx::kSettingsBuffer),
                      named(kKindAttrName, "input")});
    unsigned position = addPosition(function, variant);
    std::optional<unsigned> sequence = addSequence(function, variant);
    unsigned sampled =
        addRows(mx::kSampledBuffer, ShapedType::kDynamic, b.getI32Type());
    setEntry(function.create({sampled}),
             isBatch ? options.sequences : options.logitsRows);
    func::ReturnOp::create(
        b, nn::SampleOp::create(
               b, function[sampled].getType(), function[logits],
               function[settings], function[position],
               sequence ? function[*sequence] : Value(), function[sampled])
               ->getResults());
  }

  ImplicitLocOpBuilder b;
  const mx::ModelConfig &config;
  const ImportOptions &options;
  Type f32, activation;
  llvm::StringMap<RankedTensorType> weightTypes;
  /// Names of elements and scales of the weights that are read as blocks.
  llvm::StringMap<SmallVector<std::string>> blocks;
};
} // namespace

void mxfp4::loadImportDialects(MLIRContext &context) {
  context.loadDialect<MXFP4Dialect, nn::NNDialect, arith::ArithDialect,
                      func::FuncDialect, linalg::LinalgDialect,
                      tensor::TensorDialect>();
}

OwningOpRef<ModuleOp> mxfp4::importGptOss(MLIRContext &context,
                                          const mx::ModelConfig &config,
                                          const ImportOptions &options) {
  return GptOssImporter(context, config, options).import();
}
