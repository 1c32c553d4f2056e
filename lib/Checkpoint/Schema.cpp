//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tensors of a checkpoint. Official shards were filled in the order of the
// tensors' original names, which is the order in which appendLayer adds them.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/Schema.h"

#include "mxfp4/Format/MXFP4.h"

#include <algorithm>
#include <limits>

using namespace mx;

namespace {
struct Dtype {
  std::string_view name;
  unsigned bits;
};
} // namespace

static constexpr Dtype kDtypes[] = {
    {"BOOL", 8},    {"U8", 8},      {"I8", 8},          {"F8_E5M2", 8},
    {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
    {"I16", 16},    {"U16", 16},    {"F16", 16},        {"BF16", 16},
    {"I32", 32},    {"U32", 32},    {"F32", 32},        {"I64", 64},
    {"U64", 64},    {"F64", 64},    {"C64", 64},        {"F4", 4},
    {"F6_E2M3", 6}, {"F6_E3M2", 6},
};

unsigned mx::dtypeBits(std::string_view dtype) {
  for (const Dtype &known : kDtypes)
    if (known.name == dtype)
      return known.bits;
  return 0;
}

static std::string describeShape(const std::vector<int64_t> &shape) {
  constexpr size_t kMaxDims = 8;
  std::string text = "[";
  for (size_t dim = 0; dim < std::min(shape.size(), kMaxDims); ++dim)
    text += (dim ? ", " : "") + std::to_string(shape[dim]);
  return text + (shape.size() > kMaxDims ? ", ...]" : "]");
}

std::string mx::describeTensor(const TensorInfo &tensor) {
  return tensor.dtype + " " + describeShape(tensor.shape);
}

Result<uint64_t> mx::tensorBytes(const std::string &dtype,
                                 const std::vector<int64_t> &shape) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  uint64_t bits = dtypeBits(dtype);
  for (int64_t dim : shape) {
    uint64_t size = static_cast<uint64_t>(dim);
    if (size != 0 && bits > kMax / size)
      return Error{"expected a size of at most " + std::to_string(kMax) +
                   " bits, but it is " + dtype + " " + describeShape(shape)};
    bits *= size;
  }
  if (bits % 8 != 0)
    return Error{"expected whole bytes, but " + dtype + " " +
                 describeShape(shape) + " has " + std::to_string(bits) +
                 " bits"};
  return bits / 8;
}

static TensorInfo makeTensor(const std::string &name, const std::string &dtype,
                             const std::vector<int64_t> &shape) {
  // Cannot fail: a ModelConfig is checked.
  return {name, dtype, shape, *tensorBytes(dtype, shape)};
}

static void appendLayer(const ModelConfig &config, const std::string &layer,
                        std::vector<TensorInfo> &tensors) {
  int64_t hidden = config.hiddenSize;
  int64_t inner = config.intermediateSize;
  int64_t experts = config.numLocalExperts;
  int64_t queries = config.numAttentionHeads * config.headDim;
  int64_t keys = config.numKeyValueHeads * config.headDim;
  auto add = [&](const char *name, std::vector<int64_t> shape,
                 const char *dtype = "BF16") {
    tensors.push_back(
        makeTensor("model.layers." + layer + "." + name, dtype, shape));
  };

  add("input_layernorm.weight", {hidden});
  add("self_attn.o_proj.bias", {hidden});
  add("self_attn.o_proj.weight", {hidden, queries});
  add("self_attn.q_proj.bias", {queries});
  add("self_attn.k_proj.bias", {keys});
  add("self_attn.v_proj.bias", {keys});
  add("self_attn.q_proj.weight", {queries, hidden});
  add("self_attn.k_proj.weight", {keys, hidden});
  add("self_attn.v_proj.weight", {keys, hidden});
  add("self_attn.sinks", {config.numAttentionHeads});
  add("mlp.router.bias", {experts});
  add("mlp.router.weight", {experts, hidden});
  add("mlp.experts.gate_up_proj_bias", {experts, 2 * inner});
  add("mlp.experts.gate_up_proj_blocks",
      {experts, 2 * inner, hidden / kBlockSize, kBlockBytes}, "U8");
  add("mlp.experts.gate_up_proj_scales",
      {experts, 2 * inner, hidden / kBlockSize}, "U8");
  add("mlp.experts.down_proj_bias", {experts, hidden});
  add("mlp.experts.down_proj_blocks",
      {experts, hidden, inner / kBlockSize, kBlockBytes}, "U8");
  add("mlp.experts.down_proj_scales", {experts, hidden, inner / kBlockSize},
      "U8");
  add("post_attention_layernorm.weight", {hidden});
}

std::vector<TensorInfo> mx::checkpointSchema(const ModelConfig &config) {
  std::vector<std::string> layers;
  for (int64_t layer = 0; layer < config.numHiddenLayers; ++layer)
    layers.push_back(std::to_string(layer));
  std::sort(layers.begin(), layers.end());

  std::vector<TensorInfo> tensors;
  for (const std::string &layer : layers)
    appendLayer(config, layer, tensors);
  std::vector<int64_t> table = {config.vocabSize, config.hiddenSize};
  tensors.push_back(makeTensor("model.embed_tokens.weight", "BF16", table));
  tensors.push_back(
      makeTensor("model.norm.weight", "BF16", {config.hiddenSize}));
  tensors.push_back(makeTensor("lm_head.weight", "BF16", table));
  return tensors;
}

std::vector<TensorInfo> mx::dequantizedSchema(const ModelConfig &config) {
  constexpr std::string_view kSuffix = "_blocks";
  std::vector<TensorInfo> tensors;
  for (TensorInfo &tensor : checkpointSchema(config)) {
    if (tensor.dtype == "BF16") {
      tensors.push_back(std::move(tensor));
    } else if (tensor.shape.size() == 4) {
      std::string name =
          tensor.name.substr(0, tensor.name.size() - kSuffix.size());
      tensors.push_back(makeTensor(
          name, "BF16",
          {tensor.shape[0], tensor.shape[2] * kBlockSize, tensor.shape[1]}));
    }
  }
  return tensors;
}
