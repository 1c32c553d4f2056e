//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random weights by counter: each 64-bit word of a tensor is a hash of its
// index, so that threads can fill pieces in any order. Writing the files takes
// longer than filling them.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/Synthesize.h"

#include "mxfp4/Checkpoint/GenerationConfig.h"
#include "mxfp4/Checkpoint/Safetensors.h"
#include "mxfp4/Format/BF16.h"
#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Support/File.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <future>
#include <thread>

#include <sys/stat.h>

#include <nlohmann/json.hpp>

using namespace mx;

/// Bytes that one task fills; a multiple of all word sizes.
static constexpr uint64_t kPieceBytes = 8 << 20;

namespace {
enum class WeightKind {
  Normal, ///< BF16, normally distributed.
  Codes,  ///< Elements of blocks: all 16 codes alike.
  Scales, ///< Scales of blocks: `scale` - 1, `scale` or `scale` + 1.
};

/// How the values of a tensor are distributed.
struct Distribution {
  WeightKind kind = WeightKind::Normal;
  float mean = 0;
  float deviation = 0;
  uint8_t scale = 0;
};

/// Bytes [begin, end) of a tensor.
struct Piece {
  uint64_t key;
  Distribution distribution;
  uint64_t begin;
  uint64_t end;
};
} // namespace

/// The finalizer of SplitMix64: a bijection whose output looks random.
static uint64_t mix(uint64_t word) {
  word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9;
  word = (word ^ (word >> 27)) * 0x94D049BB133111EB;
  return word ^ (word >> 31);
}

/// The `index`th word of the random sequence `key`.
static uint64_t randomWord(uint64_t key, uint64_t index) {
  return mix(key + (index + 1) * 0x9E3779B97F4A7C15);
}

/// The random sequence of tensor `name`.
static uint64_t keyOf(uint64_t seed, const std::string &name) {
  uint64_t key = mix(seed + 0x9E3779B97F4A7C15);
  for (unsigned char c : name)
    key = mix(key ^ c);
  return key;
}

/// A nearly normal number of mean 0 and variance 1: the sum of four uniform
/// ones.
static float normal(uint64_t word) {
  constexpr float kMean = 4 * 65535 / 2.0f;
  constexpr float kDeviation = 37837.2f; // sqrt(4 * (65536^2 - 1) / 12)
  uint32_t sum = (word & 0xFFFF) + (word >> 16 & 0xFFFF) +
                 (word >> 32 & 0xFFFF) + (word >> 48);
  return (static_cast<float>(sum) - kMean) / kDeviation;
}

/// Scales of a weight with random codes and `inputs` elements in a row, such
/// that an input of variance 1 gives outputs of deviation `gain`.
static Distribution expertScales(int64_t inputs, double gain) {
  constexpr double kCodeVariance = 68.5 / 8; // mean square of F3
  constexpr double kJitterVariance = (0.25 + 1 + 4) / 3;
  double value = gain / std::sqrt(kCodeVariance * kJitterVariance *
                                  static_cast<double>(inputs));
  long exponent = std::lround(std::log2(value));
  Distribution distribution;
  distribution.kind = WeightKind::Scales;
  distribution.scale = static_cast<uint8_t>(127 + exponent); // F4
  return distribution;
}

/// Chooses variances so that every sublayer gets and makes activations near 1.
/// Two sublayers per layer add to the residual stream; dividing by the square
/// root of their number keeps the sum near 1 too.
static Distribution distributionOf(const TensorInfo &tensor, int64_t layers) {
  double residual = 1 / std::sqrt(2.0 * static_cast<double>(layers));
  double gain = tensor.endsSublayer ? residual : 1;

  Distribution distribution;
  switch (tensor.role) {
  case TensorRole::ExpertBlocks:
    distribution.kind = WeightKind::Codes;
    break;
  case TensorRole::ExpertScales:
    return expertScales(tensor.shape[2] * kBlockSize, gain);
  case TensorRole::Norm:
    distribution.mean = 1;
    distribution.deviation = 0.1f;
    break;
  case TensorRole::AttentionBias:
  case TensorRole::RouterBias:
  case TensorRole::ExpertBias:
    // Biases are the same for all tokens, so large ones would let some experts
    // be chosen more often.
    distribution.deviation = 0.02f;
    break;
  case TensorRole::AttentionSinks:
  case TensorRole::Embedding:
    distribution.deviation = 1;
    break;
  case TensorRole::AttentionWeight:
  case TensorRole::RouterWeight:
  case TensorRole::Head:
  case TensorRole::ExpertWeight:
  case TensorRole::Unknown:
    distribution.deviation = static_cast<float>(
        gain / std::sqrt(static_cast<double>(tensor.shape[1])));
    break;
  }
  return distribution;
}

/// The bytes of eight scales, each moved down, up or not at all.
static uint64_t jitterScales(uint64_t word, uint8_t scale) {
  uint64_t scales = 0;
  for (unsigned shift = 0; shift < 64; shift += 8) {
    uint64_t third = (word >> shift & 0xFF) * 3 >> 8;
    scales |= (scale + third - 1) << shift;
  }
  return scales;
}

static std::vector<uint8_t> fillPiece(const Piece &piece) {
  std::vector<uint8_t> bytes(piece.end - piece.begin);
  const Distribution &distribution = piece.distribution;
  if (distribution.kind == WeightKind::Normal) {
    for (uint64_t offset = 0; offset < bytes.size(); offset += 2) {
      uint64_t word = randomWord(piece.key, (piece.begin + offset) / 2);
      uint16_t bits =
          encodeBF16(distribution.mean + distribution.deviation * normal(word));
      std::memcpy(&bytes[offset], &bits, sizeof(bits));
    }
    return bytes;
  }
  for (uint64_t offset = 0; offset < bytes.size(); offset += 8) {
    uint64_t word = randomWord(piece.key, (piece.begin + offset) / 8);
    if (distribution.kind == WeightKind::Scales)
      word = jitterScales(word, distribution.scale);
    std::memcpy(&bytes[offset], &word,
                std::min<uint64_t>(sizeof(word), bytes.size() - offset));
  }
  return bytes;
}

/// Cuts the tensors of a shard into pieces.
static std::deque<Piece> cutShard(const std::vector<TensorInfo> &tensors,
                                  int64_t layers, uint64_t seed) {
  std::deque<Piece> pieces;
  for (const TensorInfo &tensor : tensors)
    for (uint64_t begin = 0; begin < tensor.bytes; begin += kPieceBytes)
      pieces.push_back({keyOf(seed, tensor.name),
                        distributionOf(tensor, layers), begin,
                        std::min(begin + kPieceBytes, tensor.bytes)});
  return pieces;
}

/// Fills `pieces` on some threads and hands them to `take` in their order,
/// until that fails.
static Status
fillPieces(std::deque<Piece> pieces,
           const std::function<Status(const std::vector<uint8_t> &)> &take) {
  size_t threads = std::clamp(std::thread::hardware_concurrency(), 1u, 16u);
  std::deque<std::future<std::vector<uint8_t>>> filling;
  while (!pieces.empty() || !filling.empty()) {
    while (!pieces.empty() && filling.size() < threads) {
      // Without a launch policy this still works where no thread can start.
      filling.push_back(std::async(fillPiece, pieces.front()));
      pieces.pop_front();
    }
    std::vector<uint8_t> bytes = filling.front().get();
    filling.pop_front();
    if (Status status = take(bytes); !status)
      return status;
  }
  return {};
}

std::vector<uint8_t> mx::synthesizeTensor(const TensorInfo &tensor,
                                          int64_t layers, uint64_t seed) {
  std::vector<uint8_t> data;
  data.reserve(tensor.bytes);
  // Nothing here fails.
  (void)fillPieces(cutShard({tensor}, layers, seed),
                   [&](const std::vector<uint8_t> &bytes) -> Status {
                     data.insert(data.end(), bytes.begin(), bytes.end());
                     return {};
                   });
  return data;
}

/// Writes one shard; `written` is called with the bytes of each piece, and an
/// error of it stops the writing.
static Status writeShard(const std::string &path,
                         const std::vector<TensorInfo> &tensors,
                         std::deque<Piece> pieces,
                         const std::function<Status(uint64_t)> &written) {
  Result<SafetensorsWriter> writer = SafetensorsWriter::create(path, tensors);
  if (!writer)
    return writer.error();
  auto take = [&](const std::vector<uint8_t> &bytes) -> Status {
    if (Status status = writer->write(bytes.data(), bytes.size()); !status)
      return status;
    return written(bytes.size());
  };
  if (Status status = fillPieces(std::move(pieces), take); !status)
    return status;
  return writer->finish();
}

/// As the official shards are named: from zero, "of" the last one's number.
static std::string shardName(size_t shard, size_t shards) {
  if (shards == 1)
    return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", shard,
                shards - 1);
  return name;
}

static std::string
writeIndex(const std::vector<std::vector<TensorInfo>> &shards) {
  uint64_t totalSize = 0;
  nlohmann::json files = nlohmann::json::object();
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    for (const TensorInfo &tensor : shards[shard]) {
      files[tensor.name] = shardName(shard, shards.size());
      totalSize += tensor.bytes;
    }
  }
  nlohmann::json index = {{"metadata", {{"total_size", totalSize}}},
                          {"weight_map", files}};
  return index.dump(2) + "\n";
}

std::vector<std::vector<TensorInfo>> mx::planShards(const ModelConfig &config,
                                                    uint64_t shardBytes) {
  std::vector<std::vector<TensorInfo>> shards;
  uint64_t used = 0;
  for (TensorInfo &tensor : checkpointSchema(config)) {
    if (shards.empty() || used + tensor.bytes > shardBytes) {
      shards.emplace_back();
      used = 0;
    }
    used += tensor.bytes;
    shards.back().push_back(std::move(tensor));
  }
  // Wide elements first, as the official writer has it.
  for (std::vector<TensorInfo> &shard : shards)
    std::sort(shard.begin(), shard.end(),
              [](const TensorInfo &a, const TensorInfo &b) {
                unsigned bitsA = dtypeBits(a.dtype);
                unsigned bitsB = dtypeBits(b.dtype);
                return bitsA != bitsB ? bitsA > bitsB : a.name < b.name;
              });
  return shards;
}

/// Writes all files into `folder`, which is empty.
static Status writeCheckpoint(const ModelConfig &config,
                              const std::string &folder,
                              const SynthesizeOptions &options) {
  std::vector<std::vector<TensorInfo>> shards =
      planShards(config, options.shardBytes);
  uint64_t total = 0;
  for (const std::vector<TensorInfo> &shard : shards)
    for (const TensorInfo &tensor : shard)
      total += tensor.bytes;

  uint64_t done = 0;
  auto written = [&](uint64_t bytes) -> Status {
    done += bytes;
    if (options.progress)
      options.progress(done, total);
    if (options.interrupt && options.interrupt->load())
      return Error{kInterrupted};
    return {};
  };
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    std::deque<Piece> pieces =
        cutShard(shards[shard], config.numHiddenLayers, options.seed);
    if (Status status =
            writeShard(folder + "/" + shardName(shard, shards.size()),
                       shards[shard], std::move(pieces), written);
        !status)
      return status;
  }

  if (shards.size() > 1)
    if (Status status = writeFile(folder + "/model.safetensors.index.json",
                                  writeIndex(shards));
        !status)
      return status;
  GenerationConfig generation;
  generation.doSample = true;
  generation.eosTokenIds = config.eosTokenIds;
  if (Status status = writeFile(folder + "/generation_config.json",
                                writeGenerationConfig(generation));
      !status)
    return status;
  return writeFile(folder + "/config.json", writeModelConfig(config));
}

/// Changes the number of layers and keeps the pattern of sliding ones.
static void setLayers(ModelConfig &config, int64_t layers) {
  std::vector<bool> pattern = std::move(config.slidingLayers);
  config.numHiddenLayers = layers;
  config.slidingLayers.clear();
  for (int64_t layer = 0; layer < layers; ++layer) {
    size_t index = static_cast<size_t>(layer);
    // Official models alternate; so does what goes on beyond the pattern.
    config.slidingLayers.push_back(index < pattern.size() ? pattern[index]
                                                          : layer % 2 == 0);
  }
}

/// Whether rename(2) can put a folder at `path`.
static bool canBeReplaced(const std::filesystem::path &path) {
  std::error_code error;
  std::filesystem::file_status status =
      std::filesystem::symlink_status(path, error);
  if (status.type() != std::filesystem::file_type::directory)
    return status.type() == std::filesystem::file_type::not_found;
  bool hasName = path.filename() != "." && path.filename() != "..";
  return hasName && std::filesystem::is_empty(path, error) && !error;
}

Status mx::synthesizeCheckpoint(const ModelConfig &config,
                                const std::string &folder,
                                const SynthesizeOptions &options) {
  ModelConfig wanted = config;
  wanted.quantized = true;
  // An absurd number is refused below, but should not be counted to.
  if (options.layers)
    setLayers(wanted, std::clamp<int64_t>(*options.layers, 0, kMaxLayers + 1));
  // What is written must be readable.
  Result<ModelConfig> checked =
      parseModelConfig(writeModelConfig(wanted), "configuration");
  if (!checked)
    return checked.error();

  std::string path = folder;
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  if (path.empty())
    return Error{"expected the name of a folder, but got an empty one"};
  // Now, because a folder that cannot be replaced should not fail at the end.
  if (!canBeReplaced(path))
    return Error{path + ": expected a new or empty folder"};
  std::string partial = path + ".partial";
  if (mkdir(partial.c_str(), 0777) != 0) {
    if (errno == EEXIST)
      return Error{partial + ": exists; remove what an earlier attempt left"};
    return systemError(partial + ": cannot create");
  }

  Status status = writeCheckpoint(*checked, partial, options);
  // Replaces an empty folder.
  if (status && rename(partial.c_str(), path.c_str()) != 0)
    status = systemError(path + ": cannot rename " + partial + " to it");
  if (!status) {
    std::error_code ignored;
    std::filesystem::remove_all(partial, ignored);
  }
  return status;
}
