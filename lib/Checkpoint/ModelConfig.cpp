//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// config.json as a struct. The largest value of each field is far above any
// model's and such that the sizes of all tensors and caches fit 63 bits.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/ModelConfig.h"

#include "Json.h"
#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Support/File.h"

#include <nlohmann/json.hpp>

using namespace mx;

static constexpr int64_t kMaxWidth = 1 << 17;
static constexpr int64_t kMaxExperts = 4096;
static constexpr int64_t kMaxHeads = 4096;
static constexpr int64_t kMaxHeadDim = 4096;
static constexpr int64_t kMaxVocab = 1 << 24;
/// Of the real numbers, which have no natural limit.
static constexpr double kSmallest = 1e-12;
static constexpr double kLargest = 1e12;

static constexpr char kSliding[] = "sliding_attention";
static constexpr char kFull[] = "full_attention";

/// Layers 0, 2, 4, ... slide, as in the published models.
static std::vector<bool> alternatingLayers(int64_t layers) {
  std::vector<bool> sliding;
  for (int64_t layer = 0; layer < layers; ++layer)
    sliding.push_back(layer % 2 == 0);
  return sliding;
}

ModelConfig ModelConfig::gptOss20B() {
  ModelConfig config;
  config.numHiddenLayers = 24;
  config.hiddenSize = 2880;
  config.intermediateSize = 2880;
  config.numLocalExperts = 32;
  config.numExpertsPerTok = 4;
  config.numAttentionHeads = 64;
  config.numKeyValueHeads = 8;
  config.headDim = 64;
  config.vocabSize = 201088;
  config.slidingWindow = 128;
  config.maxPositionEmbeddings = 131072;
  config.slidingLayers = alternatingLayers(config.numHiddenLayers);
  config.eosTokenIds = {200002};
  return config;
}

ModelConfig ModelConfig::gptOss120B() {
  ModelConfig config = gptOss20B();
  config.numHiddenLayers = 36;
  config.numLocalExperts = 128;
  config.slidingLayers = alternatingLayers(config.numHiddenLayers);
  return config;
}

/// A multiple of the block size, so that every row is whole blocks.
static int64_t readWidth(FieldReader &fields, const char *key) {
  int64_t width = fields.integer(key, kBlockSize, kMaxWidth);
  if (width % kBlockSize != 0)
    fields.reject(key, "a multiple of " + std::to_string(kBlockSize));
  return width;
}

static int64_t readExpertsPerToken(FieldReader &fields, int64_t experts) {
  constexpr const char *kKeys[] = {"num_experts_per_tok", "experts_per_token"};
  const char *key =
      fields.has(kKeys[0]) || !fields.has(kKeys[1]) ? kKeys[0] : kKeys[1];
  int64_t count = fields.integer(key, 1, kMaxExperts);
  if (count > experts)
    fields.reject(key, "at most the " + std::to_string(experts) +
                           " of 'num_local_experts'");
  if (fields.has(kKeys[1]) && fields.integer(kKeys[1], 1, kMaxExperts) != count)
    fields.reject(kKeys[1],
                  std::to_string(count) + " as in 'num_experts_per_tok'");
  return count;
}

/// Fields that must have one value if they are there: others change what the
/// model computes.
static void checkFixedFields(FieldReader &fields) {
  if (fields.string("model_type") != "gpt_oss")
    fields.reject("model_type", "'gpt_oss'");
  if (fields.has("attention_bias") && !fields.boolean("attention_bias"))
    fields.reject("attention_bias", "true");
  if (fields.has("tie_word_embeddings") &&
      fields.boolean("tie_word_embeddings"))
    fields.reject("tie_word_embeddings", "false");
  if (fields.has("hidden_act") && fields.string("hidden_act") != "silu")
    fields.reject("hidden_act", "'silu'");
}

static std::vector<bool> readLayerTypes(FieldReader &fields, int64_t layers) {
  std::optional<simdjson::dom::element> value = fields.get("layer_types");
  if (!value)
    return alternatingLayers(layers);
  simdjson::dom::array list;
  if (value->get(list)) {
    fields.reject("layer_types", "a list");
    return {};
  }

  std::vector<bool> sliding;
  for (simdjson::dom::element item : list) {
    std::string_view type;
    if (item.get(type) || (type != kSliding && type != kFull)) {
      fields.fail("key 'layer_types': expected '" + std::string(kSliding) +
                  "' or '" + kFull + "', but item " +
                  std::to_string(sliding.size()) + " is " + describe(item));
      return {};
    }
    sliding.push_back(type == kSliding);
  }
  if (sliding.size() != static_cast<size_t>(layers))
    fields.fail("key 'layer_types': expected " + std::to_string(layers) +
                " items, one for each layer, but got " +
                std::to_string(sliding.size()));
  return sliding;
}

/// Reads `rope_scaling`, or `rope_parameters` as newer files call it, which
/// also has the base frequency.
static void readRope(FieldReader &fields, ModelConfig &config) {
  bool isNew = !fields.has("rope_scaling") && fields.has("rope_parameters");
  FieldReader rope = fields.object(isNew ? "rope_parameters" : "rope_scaling");
  const char *typeKey =
      !rope.has("rope_type") && rope.has("type") ? "type" : "rope_type";
  if (rope.string(typeKey) != "yarn")
    rope.reject(typeKey, "'yarn'");

  YarnScaling &yarn = config.ropeScaling;
  yarn.factor = rope.number("factor", 1, kLargest);
  if (rope.has("beta_fast"))
    yarn.betaFast = rope.number("beta_fast", kSmallest, kLargest);
  if (rope.has("beta_slow"))
    yarn.betaSlow = rope.number("beta_slow", kSmallest, kLargest);
  if (yarn.betaSlow >= yarn.betaFast)
    rope.reject("beta_fast",
                "more than the beta_slow of " + std::to_string(yarn.betaSlow));
  bool isInside = rope.has("original_max_position_embeddings") ||
                  !fields.has("initial_context_length");
  yarn.originalMaxPositions =
      isInside
          ? rope.integer("original_max_position_embeddings", 1, kMaxPositions)
          : fields.integer("initial_context_length", 1, kMaxPositions);
  // Transformers rounds the bounds unless it is told not to.
  yarn.truncate = !rope.has("truncate") || rope.boolean("truncate");
  for (const char *key : {"attention_factor", "mscale", "mscale_all_dim"})
    if (rope.has(key))
      rope.reject(key, "no such key");

  // The logarithm of the base is a divisor.
  FieldReader &owner = rope.has("rope_theta") ? rope : fields;
  config.ropeTheta = owner.number("rope_theta", 1.001, kLargest);
  fields.adopt(rope);
}

static bool readQuantization(FieldReader &fields) {
  if (!fields.has("quantization_config"))
    return false;
  FieldReader quantization = fields.object("quantization_config");
  if (quantization.string("quant_method") != "mxfp4")
    quantization.reject("quant_method", "'mxfp4'");
  fields.adopt(quantization);
  return true;
}

Result<ModelConfig> mx::parseModelConfig(const std::string &json,
                                         const std::string &name) {
  simdjson::dom::parser parser;
  Result<simdjson::dom::object> root = parseJsonObject(parser, json, name);
  if (!root)
    return root.error();

  FieldReader fields(*root, name);
  checkFixedFields(fields);
  ModelConfig config;
  config.numHiddenLayers = fields.integer("num_hidden_layers", 1, kMaxLayers);
  config.hiddenSize = readWidth(fields, "hidden_size");
  config.intermediateSize = readWidth(fields, "intermediate_size");
  config.numLocalExperts = fields.integer("num_local_experts", 1, kMaxExperts);
  config.numExpertsPerTok = readExpertsPerToken(fields, config.numLocalExperts);
  config.numAttentionHeads =
      fields.integer("num_attention_heads", 1, kMaxHeads);
  config.numKeyValueHeads = fields.integer("num_key_value_heads", 1, kMaxHeads);
  if (config.numKeyValueHeads > 0 &&
      config.numAttentionHeads % config.numKeyValueHeads != 0)
    fields.reject("num_attention_heads",
                  "a multiple of the " +
                      std::to_string(config.numKeyValueHeads) +
                      " of 'num_key_value_heads'");
  config.headDim = fields.integer("head_dim", 2, kMaxHeadDim);
  if (config.headDim % 2 != 0)
    fields.reject("head_dim", "an even number");
  config.vocabSize = fields.integer("vocab_size", 1, kMaxVocab);
  config.slidingWindow = fields.integer("sliding_window", 1, kMaxPositions);
  config.maxPositionEmbeddings =
      fields.integer("max_position_embeddings", 1, kMaxPositions);
  readRope(fields, config);
  config.rmsNormEps = fields.number("rms_norm_eps", kSmallest, 1);
  if (fields.has("swiglu_limit"))
    config.swigluLimit = fields.number("swiglu_limit", kSmallest, kLargest);
  if (fields.has("swiglu_alpha"))
    config.swigluAlpha = fields.number("swiglu_alpha", kSmallest, kLargest);
  config.slidingLayers = readLayerTypes(fields, config.numHiddenLayers);
  config.eosTokenIds = fields.integers("eos_token_id", 0, config.vocabSize - 1);
  config.quantized = readQuantization(fields);

  if (fields.problem())
    return *fields.problem();
  return config;
}

Result<ModelConfig> mx::readModelConfig(const std::string &path) {
  Result<std::string> json = readFile(path, kMaxConfigBytes);
  if (!json)
    return json.error();
  return parseModelConfig(*json, path);
}

std::string mx::writeModelConfig(const ModelConfig &config) {
  nlohmann::ordered_json json;
  json["architectures"] = {"GptOssForCausalLM"};
  json["attention_bias"] = true;
  json["attention_dropout"] = 0.0;
  if (config.eosTokenIds.size() == 1)
    json["eos_token_id"] = config.eosTokenIds.front();
  else if (!config.eosTokenIds.empty())
    json["eos_token_id"] = config.eosTokenIds;
  json["experts_per_token"] = config.numExpertsPerTok;
  json["head_dim"] = config.headDim;
  json["hidden_act"] = "silu";
  json["hidden_size"] = config.hiddenSize;
  json["initial_context_length"] = config.ropeScaling.originalMaxPositions;
  json["initializer_range"] = 0.02;
  json["intermediate_size"] = config.intermediateSize;
  std::vector<std::string> layerTypes;
  for (bool sliding : config.slidingLayers)
    layerTypes.push_back(sliding ? kSliding : kFull);
  json["layer_types"] = layerTypes;
  json["max_position_embeddings"] = config.maxPositionEmbeddings;
  json["model_type"] = "gpt_oss";
  json["num_attention_heads"] = config.numAttentionHeads;
  json["num_experts_per_tok"] = config.numExpertsPerTok;
  json["num_hidden_layers"] = config.numHiddenLayers;
  json["num_key_value_heads"] = config.numKeyValueHeads;
  json["num_local_experts"] = config.numLocalExperts;
  json["output_router_logits"] = false;
  if (config.quantized)
    json["quantization_config"] = {
        {"modules_to_not_convert",
         {"model.layers.*.self_attn", "model.layers.*.mlp.router",
          "model.embed_tokens", "lm_head"}},
        {"quant_method", "mxfp4"}};
  json["rms_norm_eps"] = config.rmsNormEps;
  json["rope_scaling"] = {{"beta_fast", config.ropeScaling.betaFast},
                          {"beta_slow", config.ropeScaling.betaSlow},
                          {"factor", config.ropeScaling.factor},
                          {"original_max_position_embeddings",
                           config.ropeScaling.originalMaxPositions},
                          {"rope_type", "yarn"},
                          {"truncate", config.ropeScaling.truncate}};
  json["rope_theta"] = config.ropeTheta;
  json["router_aux_loss_coef"] = 0.9;
  json["sliding_window"] = config.slidingWindow;
  // Not a key of the official file, which leaves it to the code.
  if (config.swigluAlpha != ModelConfig().swigluAlpha)
    json["swiglu_alpha"] = config.swigluAlpha;
  json["swiglu_limit"] = config.swigluLimit;
  json["tie_word_embeddings"] = false;
  json["torch_dtype"] = "bfloat16";
  json["use_cache"] = true;
  json["vocab_size"] = config.vocabSize;
  return json.dump(2) + "\n";
}
