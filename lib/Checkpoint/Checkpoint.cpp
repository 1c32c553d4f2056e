//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Opens a checkpoint folder. Which file holds a tensor is found per tensor:
// official shards split layers, and even the two halves of a weight.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/Checkpoint.h"

#include "Json.h"
#include "mxfp4/Checkpoint/Synthesize.h"
#include "mxfp4/Format/BF16.h"
#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Format/Quantize.h"
#include "mxfp4/Support/File.h"
#include "mxfp4/Support/Quote.h"

#include <cstring>
#include <filesystem>
#include <set>

using namespace mx;
using simdjson::dom::key_value_pair;

static constexpr char kIndexName[] = "model.safetensors.index.json";
static constexpr char kSingleName[] = "model.safetensors";
static constexpr uint64_t kMaxIndexBytes = 100'000'000;

namespace {
/// model.safetensors.index.json.
struct ShardIndex {
  /// From tensor to the file that holds it.
  std::map<std::string, std::string, std::less<>> files;
  std::optional<int64_t> totalSize;
};
} // namespace

static bool startsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

static bool exists(const std::string &path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

/// Whether `name` names a file in the folder itself.
static bool isPlainFileName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) ==
             std::string_view::npos;
}

static Result<ShardIndex> readIndex(const std::string &path) {
  Result<std::string> json = readFile(path, kMaxIndexBytes);
  if (!json)
    return json.error();
  simdjson::dom::parser parser;
  Result<simdjson::dom::object> root = parseJsonObject(parser, *json, path);
  if (!root)
    return root.error();

  ShardIndex index;
  FieldReader fields(*root, path);
  if (fields.has("metadata")) {
    FieldReader metadata = fields.object("metadata");
    if (metadata.has("total_size"))
      index.totalSize = metadata.integer("total_size", 0, INT64_MAX);
    fields.adopt(metadata);
  }
  FieldReader weights = fields.object("weight_map");
  fields.adopt(weights);
  if (fields.problem())
    return *fields.problem();

  for (const key_value_pair &weight : weights.all()) {
    std::string_view file;
    if (weight.value.get(file) || !isPlainFileName(file))
      return Error{
          path + ": tensor " + quote(weight.key) +
          ": expected the name of a file in the same folder, but got " +
          describe(weight.value)};
    index.files.emplace(weight.key, file);
  }
  return index;
}

Status Checkpoint::addShard(const std::string &file) {
  std::string path = folder + "/" + file;
  Result<SafetensorsFile> shard = SafetensorsFile::open(path);
  if (!shard)
    return shard.error();
  for (const MappedTensor &tensor : shard->tensors())
    if (!sources.emplace(tensor.info.name, &tensor).second)
      return Error{path + ": tensor " + quote(tensor.info.name) +
                   " is in another shard too"};
  // Moving a SafetensorsFile leaves its tensors where they are.
  shards.push_back(std::move(*shard));
  return {};
}

Status Checkpoint::openShards(const std::string &indexPath) {
  Result<ShardIndex> index = readIndex(indexPath);
  if (!index)
    return index.error();

  std::set<std::string> files;
  for (const auto &[tensor, file] : index->files)
    files.insert(file);
  uint64_t totalSize = 0;
  for (const std::string &file : files) {
    if (Status status = addShard(file); !status)
      return status;
    for (const MappedTensor &tensor : shards.back().tensors()) {
      auto listed = index->files.find(tensor.info.name);
      if (listed == index->files.end() || listed->second != file)
        return Error{folder + "/" + file + ": tensor " +
                     quote(tensor.info.name) + " is not of this file in " +
                     kIndexName};
      totalSize += tensor.info.bytes;
    }
  }
  for (const auto &[tensor, file] : index->files)
    if (sources.find(tensor) == sources.end())
      return Error{indexPath + ": tensor " + quote(tensor) +
                   " is not in its file " + quote(file)};

  if (index->totalSize && static_cast<uint64_t>(*index->totalSize) != totalSize)
    notes.push_back(indexPath + ": expected a total_size of " +
                    std::to_string(totalSize) + ", but got " +
                    std::to_string(*index->totalSize));
  return {};
}

/// Checks that all tensors of the model, and no others, are there.
Status Checkpoint::checkSchema(bool quantizeExperts) const {
  std::vector<TensorInfo> dequantized;
  if (!modelConfig.quantized)
    dequantized = dequantizedSchema(modelConfig);
  const std::vector<TensorInfo> &expected =
      modelConfig.quantized ? schema : dequantized;
  std::string layout = modelConfig.quantized
                           ? "with MXFP4 experts"
                           : "with BF16 experts, as config.json has no "
                             "quantization_config";

  std::set<std::string_view> names;
  for (const TensorInfo &tensor : expected) {
    names.insert(tensor.name);
    auto found = sources.find(tensor.name);
    if (found == sources.end())
      return Error{folder + ": tensor " + quote(tensor.name) + " (" +
                   describeTensor(tensor) + ") is missing; expected a model " +
                   layout};
    const TensorInfo &info = found->second->info;
    if (info.dtype != tensor.dtype || info.shape != tensor.shape)
      return Error{folder + ": tensor " + quote(tensor.name) + ": expected " +
                   describeTensor(tensor) + ", but got " +
                   describeTensor(info)};
  }
  for (const auto &[name, source] : sources)
    if ((startsWith(name, "model.") || startsWith(name, "lm_head")) &&
        names.count(name) == 0)
      return Error{folder + ": tensor " + quote(name) + " (" +
                   describeTensor(source->info) +
                   ") is not of the model; expected one " + layout};

  if (!modelConfig.quantized && !quantizeExperts)
    return Error{folder + ": expected MXFP4 experts, but they are in BF16; "
                          "use --quantize to quantize them on loading"};
  return {};
}

Result<Checkpoint> Checkpoint::open(const std::string &folder,
                                    const CheckpointOptions &options) {
  Result<ModelConfig> config = readModelConfig(folder + "/config.json");
  if (!config)
    return config.error();

  Checkpoint checkpoint;
  checkpoint.folder = folder;
  checkpoint.modelConfig = std::move(*config);
  checkpoint.setSchema();

  std::string generationPath = folder + "/generation_config.json";
  if (exists(generationPath)) {
    Result<GenerationConfig> generation = readGenerationConfig(generationPath);
    if (!generation)
      return generation.error();
    checkpoint.generation = std::move(*generation);
  }

  std::string indexPath = folder + "/" + kIndexName;
  Status status = exists(indexPath) ? checkpoint.openShards(indexPath)
                                    : checkpoint.addShard(kSingleName);
  if (status)
    status = checkpoint.checkSchema(options.quantizeExperts);
  if (!status)
    return status.error();
  return checkpoint;
}

/// Fills `schema` and `schemaByName` for the model of `modelConfig`.
void Checkpoint::setSchema() {
  schema = checkpointSchema(modelConfig);
  for (size_t i = 0; i < schema.size(); ++i)
    schemaByName.emplace(schema[i].name, i);
}

Checkpoint Checkpoint::synthesize(const ModelConfig &config, uint64_t seed) {
  Checkpoint checkpoint;
  checkpoint.folder = "synthetic weights";
  checkpoint.modelConfig = config;
  checkpoint.modelConfig.quantized = true;
  checkpoint.setSchema();
  checkpoint.seed = seed;
  return checkpoint;
}

/// True if `name` is a tensor of the files, or one that is made up.
bool Checkpoint::hasSource(std::string_view name) const {
  return seed ? schemaByName.find(name) != schemaByName.end()
              : sources.find(name) != sources.end();
}

/// The bytes of a tensor for which hasSource is true.
TensorData Checkpoint::readSource(std::string_view name) const {
  TensorData data;
  if (seed) {
    const TensorInfo &info = schema[schemaByName.find(name)->second];
    data.owner = std::make_shared<const std::vector<uint8_t>>(
        synthesizeTensor(info, modelConfig.numHiddenLayers, *seed));
    data.data = data.owner->data();
    data.bytes = info.bytes;
    return data;
  }
  const MappedTensor &source = *sources.find(name)->second;
  data.data = source.data;
  data.bytes = source.info.bytes;
  return data;
}

/// Drops the pages of such a tensor, if it is in a file.
void Checkpoint::releaseSource(std::string_view name) const {
  if (auto source = sources.find(name); source != sources.end())
    releasePages(source->second->data, source->second->info.bytes);
}

std::optional<TensorInfo> Checkpoint::find(std::string_view name) const {
  if (auto found = schemaByName.find(name); found != schemaByName.end())
    return schema[found->second];
  std::optional<QuantizedName> parsed = parseQuantizedName(name);
  if (!parsed)
    return std::nullopt;
  auto weight = schemaByName.find(parsed->weight);
  if (weight == schemaByName.end())
    return std::nullopt;
  return quantizedTensor(schema[weight->second], *parsed->format, parsed->part);
}

std::string_view Checkpoint::sourceOf(std::string_view name) const {
  if (hasSource(name))
    return name;
  if (std::optional<QuantizedName> parsed = parseQuantizedName(name))
    return parsed->weight;
  return dequantizedName(name);
}

/// Checks the scales of experts [experts, rows, blocks] or of a dense weight
/// [rows, blocks].
Status Checkpoint::checkScales(const TensorInfo &info,
                               const uint8_t *scales) const {
  const void *found = std::memchr(scales, kScaleNaN, info.bytes);
  if (!found)
    return {};
  int64_t index = static_cast<const uint8_t *>(found) - scales;
  int64_t blocks = info.shape.back();
  int64_t rows = info.shape[info.shape.size() - 2];
  bool isExpert = info.shape.size() == 3;
  return Error{folder + ": tensor " + quote(info.name) + ": the scale of " +
               (isExpert
                    ? "expert " + std::to_string(index / blocks / rows) + ", "
                    : "") +
               "row " + std::to_string(index / blocks % rows) + ", block " +
               std::to_string(index % blocks) + " is NaN"};
}

/// Fills `quantized` from the BF16 tensor `name`, [experts, in, out].
void Checkpoint::quantizeExperts(const std::string &name) {
  quantized = {};
  const MappedTensor &source = *sources.find(name)->second;
  int64_t inputs = source.info.shape[1];
  int64_t outputs = source.info.shape[2];
  uint64_t elements = static_cast<uint64_t>(inputs * outputs);
  uint64_t sourceBytes = elements * sizeof(uint16_t);
  std::vector<uint16_t> expert(elements);

  uint64_t experts = static_cast<uint64_t>(source.info.shape[0]);
  uint64_t blocksBytes = elements / 2;
  uint64_t scalesBytes = elements / kBlockSize;
  auto blocks = std::make_shared<std::vector<uint8_t>>(experts * blocksBytes);
  auto scales = std::make_shared<std::vector<uint8_t>>(experts * scalesBytes);
  for (uint64_t i = 0; i < experts; ++i) {
    const uint8_t *data = source.data + i * sourceBytes;
    // The data in the file may be at an odd address.
    std::memcpy(expert.data(), data, sourceBytes);
    releasePages(data, sourceBytes);
    quantizeTransposed(expert.data(), inputs, outputs,
                       blocks->data() + i * blocksBytes,
                       scales->data() + i * scalesBytes);
  }
  quantized = {name, &kMXFP4, std::move(blocks), std::move(scales)};
}

/// Fills `quantized` from the BF16 tensor `name`, [out, in]. The scale of a
/// block is the smallest that clips nothing.
void Checkpoint::quantizeDense(const std::string &name,
                               const BlockFormat &format) {
  quantized = {};
  TensorData source = readSource(name);
  const std::vector<int64_t> &shape =
      schema[schemaByName.find(name)->second].shape;
  int64_t rows = shape[0], columns = shape[1];
  int64_t rowBlocks = columns / format.blockSize;
  int64_t rowBytes = rowBlocks * format.blockBytes();
  auto blocks = std::make_shared<std::vector<uint8_t>>(size_t(rows * rowBytes));
  auto scales =
      std::make_shared<std::vector<uint8_t>>(size_t(rows * rowBlocks));
  QuantizeOptions options;
  options.scaleRule = ScaleRule::RoundUp;
  std::vector<float> values(static_cast<size_t>(columns));
  for (int64_t row = 0; row < rows; ++row) {
    const uint8_t *data = source.data + row * columns * 2;
    for (int64_t i = 0; i < columns; ++i) {
      // The data in the file may be at an odd address.
      uint16_t bits;
      std::memcpy(&bits, data + 2 * i, sizeof(bits));
      values[size_t(i)] = decodeBF16(bits);
    }
    quantizeRows(format, values.data(), 1, columns,
                 blocks->data() + row * rowBytes,
                 scales->data() + row * rowBlocks, options);
  }
  releaseSource(name);
  quantized = {name, &format, std::move(blocks), std::move(scales)};
}

/// True if `tensor` is the scales of experts or of a dense weight in blocks.
static bool holdsScales(const TensorInfo &tensor) {
  if (std::optional<QuantizedName> name = parseQuantizedName(tensor.name))
    return name->part == BlockPart::Scales;
  return tensor.role == TensorRole::ExpertScales;
}

Result<TensorData> Checkpoint::load(std::string_view name) {
  std::optional<TensorInfo> info = find(name);
  if (!info)
    return Error{folder + ": the model has no tensor " + quote(name)};

  TensorData data;
  data.bytes = info->bytes;
  std::optional<QuantizedName> parsed = parseQuantizedName(name);
  bool isScales = holdsScales(*info);
  if (hasSource(name)) {
    data = readSource(name);
  } else {
    std::string weight(sourceOf(name));
    const BlockFormat *format = parsed ? parsed->format : &kMXFP4;
    auto &kept = isScales ? quantized.scales : quantized.blocks;
    if (quantized.name != weight || quantized.format != format || !kept) {
      if (parsed)
        quantizeDense(weight, *format);
      else
        quantizeExperts(weight);
    }
    data.owner = kept;
    data.data = kept->data();
  }
  if (isScales)
    if (Status status = checkScales(*info, data.data); !status)
      return status.error();
  return data;
}

void Checkpoint::release(std::string_view name) {
  if (hasSource(name))
    return releaseSource(name);
  std::optional<TensorInfo> info = find(name);
  if (info && sourceOf(name) == quantized.name)
    (holdsScales(*info) ? quantized.scales : quantized.blocks).reset();
}
