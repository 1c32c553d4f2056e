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

#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Support/Quote.h"

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
  std::string dtype =
      dtypeBits(tensor.dtype) ? tensor.dtype : quote(tensor.dtype);
  return dtype + " " + describeShape(tensor.shape);
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

static TensorInfo makeTensor(TensorRole role, const std::string &name,
                             const std::vector<int64_t> &shape,
                             bool endsSublayer = false) {
  bool isQuantized =
      role == TensorRole::ExpertBlocks || role == TensorRole::ExpertScales;
  std::string dtype = isQuantized ? "U8" : "BF16";
  // Cannot fail: a ModelConfig is checked.
  return {name, dtype, shape, *tensorBytes(dtype, shape), role, endsSublayer};
}

static void appendLayer(const ModelConfig &config, const std::string &layer,
                        std::vector<TensorInfo> &tensors) {
  using Role = TensorRole;
  int64_t hidden = config.hiddenSize;
  int64_t inner = config.intermediateSize;
  int64_t experts = config.numLocalExperts;
  int64_t queries = config.numAttentionHeads * config.headDim;
  int64_t keys = config.numKeyValueHeads * config.headDim;
  auto add = [&](Role role, const char *name, std::vector<int64_t> shape,
                 bool endsSublayer = false) {
    tensors.push_back(makeTensor(role, "model.layers." + layer + "." + name,
                                 shape, endsSublayer));
  };

  add(Role::Norm, "input_layernorm.weight", {hidden});
  add(Role::AttentionBias, "self_attn.o_proj.bias", {hidden});
  add(Role::AttentionWeight, "self_attn.o_proj.weight", {hidden, queries},
      /*endsSublayer=*/true);
  add(Role::AttentionBias, "self_attn.q_proj.bias", {queries});
  add(Role::AttentionBias, "self_attn.k_proj.bias", {keys});
  add(Role::AttentionBias, "self_attn.v_proj.bias", {keys});
  add(Role::AttentionWeight, "self_attn.q_proj.weight", {queries, hidden});
  add(Role::AttentionWeight, "self_attn.k_proj.weight", {keys, hidden});
  add(Role::AttentionWeight, "self_attn.v_proj.weight", {keys, hidden});
  add(Role::AttentionSinks, "self_attn.sinks", {config.numAttentionHeads});
  add(Role::RouterBias, "mlp.router.bias", {experts});
  add(Role::RouterWeight, "mlp.router.weight", {experts, hidden});
  add(Role::ExpertBias, "mlp.experts.gate_up_proj_bias", {experts, 2 * inner});
  add(Role::ExpertBlocks, "mlp.experts.gate_up_proj_blocks",
      {experts, 2 * inner, hidden / kBlockSize, kBlockBytes});
  add(Role::ExpertScales, "mlp.experts.gate_up_proj_scales",
      {experts, 2 * inner, hidden / kBlockSize});
  add(Role::ExpertBias, "mlp.experts.down_proj_bias", {experts, hidden});
  add(Role::ExpertBlocks, "mlp.experts.down_proj_blocks",
      {experts, hidden, inner / kBlockSize, kBlockBytes},
      /*endsSublayer=*/true);
  add(Role::ExpertScales, "mlp.experts.down_proj_scales",
      {experts, hidden, inner / kBlockSize}, /*endsSublayer=*/true);
  add(Role::Norm, "post_attention_layernorm.weight", {hidden});
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
  tensors.push_back(
      makeTensor(TensorRole::Embedding, "model.embed_tokens.weight", table));
  tensors.push_back(
      makeTensor(TensorRole::Norm, "model.norm.weight", {config.hiddenSize}));
  tensors.push_back(makeTensor(TensorRole::Head, "lm_head.weight", table));
  return tensors;
}

std::vector<TensorInfo> mx::dequantizedSchema(const ModelConfig &config) {
  std::vector<TensorInfo> tensors;
  for (TensorInfo &tensor : checkpointSchema(config)) {
    if (tensor.role == TensorRole::ExpertScales)
      continue;
    if (tensor.role == TensorRole::ExpertBlocks)
      tensor = makeTensor(
          TensorRole::ExpertWeight, std::string(dequantizedName(tensor.name)),
          {tensor.shape[0], tensor.shape[2] * kBlockSize, tensor.shape[1]},
          tensor.endsSublayer);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

uint64_t mx::countParameters(const ModelConfig &config) {
  // In this layout all parameters are BF16.
  uint64_t bytes = 0;
  for (const TensorInfo &tensor : dequantizedSchema(config))
    bytes += tensor.bytes;
  return bytes / sizeof(uint16_t);
}

std::string_view mx::dequantizedName(std::string_view name) {
  // Without "_blocks" or "_scales".
  return name.substr(0, name.rfind('_'));
}

static constexpr std::string_view kPartSuffixes[] = {"_values", "_scales"};

std::string mx::quantizedName(std::string_view weight,
                              const BlockFormat &format, BlockPart part) {
  return std::string(weight) + "." + format.name +
         std::string(kPartSuffixes[size_t(part)]);
}

std::optional<QuantizedName> mx::parseQuantizedName(std::string_view name) {
  for (BlockPart part : {BlockPart::Values, BlockPart::Scales}) {
    std::string_view suffix = kPartSuffixes[size_t(part)];
    size_t dot = name.rfind('.');
    if (dot == name.npos || name.size() - dot <= suffix.size() ||
        name.substr(name.size() - suffix.size()) != suffix)
      continue;
    std::string_view format = name.substr(dot + 1);
    format.remove_suffix(suffix.size());
    if (const BlockFormat *found = findBlockFormat(format))
      return QuantizedName{name.substr(0, dot), found, part};
  }
  return std::nullopt;
}

std::optional<TensorInfo> mx::quantizedTensor(const TensorInfo &weight,
                                              const BlockFormat &format,
                                              BlockPart part) {
  bool isDense = weight.role == TensorRole::AttentionWeight ||
                 weight.role == TensorRole::Head;
  if (!isDense || format.scale != ScaleFormat::E8M0 ||
      8 % format.element.bits != 0 || weight.shape[1] % format.blockSize != 0)
    return std::nullopt;
  TensorInfo info = weight;
  info.name = quantizedName(weight.name, format, part);
  int64_t rows = weight.shape[0], columns = weight.shape[1];
  info.dtype = "U8";
  if (part == BlockPart::Scales) {
    info.shape = {rows, columns / format.blockSize};
  } else if (format.element.bits == 4) {
    info.shape = {rows, columns / format.blockSize, format.blockBytes()};
  } else {
    info.shape = {rows, columns};
    info.dtype = std::string_view(format.name) == kMXFP8E4M3.name ? "F8_E4M3"
                                                                  : "F8_E5M2";
  }
  // Cannot fail: it is smaller than the weight.
  info.bytes = *tensorBytes(info.dtype, info.shape);
  return info;
}
