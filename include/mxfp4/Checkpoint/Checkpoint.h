//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A checkpoint folder as the tensors of the official MXFP4 layout, checked
// against its config.json. Nothing is read until it is asked for.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_CHECKPOINT_CHECKPOINT_H
#define MXFP4_CHECKPOINT_CHECKPOINT_H

#include "mxfp4/Checkpoint/GenerationConfig.h"
#include "mxfp4/Checkpoint/ModelConfig.h"
#include "mxfp4/Checkpoint/Safetensors.h"
#include "mxfp4/Checkpoint/Schema.h"
#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mx {

/// How to open a checkpoint.
struct CheckpointOptions {
  /// Quantize experts that are in BF16 as they are loaded; else such a
  /// checkpoint is refused.
  bool quantizeExperts = false;
};

/// The bytes of a tensor, with no alignment at all.
struct TensorData {
  const uint8_t *data = nullptr;
  uint64_t bytes = 0;
  /// Owns `data` if it was made on loading. Null if `data` is a part of the
  /// mapped file, which lives as long as the Checkpoint.
  std::shared_ptr<const std::vector<uint8_t>> owner;
};

/// An open checkpoint. Used by one thread at a time.
class Checkpoint {
public:
  /// Opens `folder` and checks everything but the values of tensors.
  static Result<Checkpoint> open(const std::string &folder,
                                 const CheckpointOptions &options = {});

  /// A checkpoint that is in no file: its weights are those that
  /// synthesizeCheckpoint writes, made when they are loaded.
  static Checkpoint synthesize(const ModelConfig &config, uint64_t seed = 0);

  // The tensors of a copy would be those of the original.
  Checkpoint(const Checkpoint &) = delete;
  Checkpoint &operator=(const Checkpoint &) = delete;
  Checkpoint(Checkpoint &&) = default;
  Checkpoint &operator=(Checkpoint &&) = default;

  const ModelConfig &config() const { return modelConfig; }

  /// generation_config.json; empty if the folder has none.
  const GenerationConfig &generationConfig() const { return generation; }

  /// What is odd about the files but does no harm; for the user to see.
  const std::vector<std::string> &warnings() const { return notes; }

  /// checkpointSchema(config()), also where experts are in BF16.
  const std::vector<TensorInfo> &tensors() const { return schema; }

  /// The entry of tensors() called `name`, or what quantizedTensor makes of
  /// one; nothing if there is none.
  std::optional<TensorInfo> find(std::string_view name) const;

  /// The tensor of the files that tensor `name` is made from: its own name, or
  /// that of the BF16 weight that becomes blocks and scales.
  /// Tensors of one source are best loaded one after the other.
  std::string_view sourceOf(std::string_view name) const;

  /// The bytes of tensor `name`. Fails on scales that are NaN.
  ///
  /// Quantized weights are kept, blocks and scales, until they are released or
  /// another one is loaded, so at most one is in memory.
  Result<TensorData> load(std::string_view name);

  /// Drops the memory that holds tensor `name`, so that loading one tensor
  /// after another does not fill it. The tensor can be loaded again.
  void release(std::string_view name);

private:
  Checkpoint() = default;

  /// The last tensor that was quantized: experts [experts, out, in] or a dense
  /// weight [out, in].
  struct QuantizedWeight {
    /// Name of the BF16 tensor.
    std::string name;
    const BlockFormat *format = nullptr;
    std::shared_ptr<const std::vector<uint8_t>> blocks;
    std::shared_ptr<const std::vector<uint8_t>> scales;
  };

  void setSchema();
  Status openShards(const std::string &indexPath);
  Status addShard(const std::string &file);
  Status checkSchema(bool quantizeExperts) const;
  Status checkScales(const TensorInfo &info, const uint8_t *scales) const;
  bool hasSource(std::string_view name) const;
  TensorData readSource(std::string_view name) const;
  void releaseSource(std::string_view name) const;
  void quantizeExperts(const std::string &name);
  void quantizeDense(const std::string &name, const BlockFormat &format);

  std::string folder;
  ModelConfig modelConfig;
  GenerationConfig generation;
  std::vector<std::string> notes;
  std::vector<TensorInfo> schema;
  /// Indices of `schema`.
  std::map<std::string, size_t, std::less<>> schemaByName;
  std::vector<SafetensorsFile> shards;
  /// The tensors of all shards.
  std::map<std::string, const MappedTensor *, std::less<>> sources;
  QuantizedWeight quantized;
  /// Of weights that are in no file.
  std::optional<uint64_t> seed;
};

} // namespace mx

#endif // MXFP4_CHECKPOINT_CHECKPOINT_H
