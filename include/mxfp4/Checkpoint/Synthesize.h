//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes checkpoints of any size with random weights, in the official layout,
// for tests and measurements where no trained weights are at hand.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_CHECKPOINT_SYNTHESIZE_H
#define MXFP4_CHECKPOINT_SYNTHESIZE_H

#include "mxfp4/Checkpoint/ModelConfig.h"
#include "mxfp4/Checkpoint/Schema.h"
#include "mxfp4/Support/Result.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mx {

/// Most bytes of tensors in a shard of the official checkpoints.
constexpr uint64_t kOfficialShardBytes = 4'800'000'000;

/// What to write, and how.
struct SynthesizeOptions {
  uint64_t seed = 0;
  /// Replaces the number of layers of the configuration.
  std::optional<int64_t> layers;
  /// Most bytes of tensors in a shard; a larger tensor has one of its own.
  uint64_t shardBytes = kOfficialShardBytes;
  /// Called from the calling thread as tensors are written.
  std::function<void(uint64_t bytesDone, uint64_t bytesTotal)> progress;
  /// When it becomes true, writing stops after a few megabytes and fails with
  /// kInterrupted. May be null.
  const std::atomic<bool> *interrupt = nullptr;
};

/// The tensors of each shard, in the order of their data. With
/// kOfficialShardBytes these are the three shards of the official 20B
/// checkpoint, to the byte.
std::vector<std::vector<TensorInfo>> planShards(const ModelConfig &config,
                                                uint64_t shardBytes);

/// Writes a checkpoint to `folder`, which must be new or empty. It is made
/// beside it as `<folder>.partial`, so it appears whole or not at all.
///
/// A weight depends on the seed, its tensor's name and its place in the tensor
/// only. The weights keep activations near 1 through any number of layers, and
/// spread tokens evenly over experts.
Status synthesizeCheckpoint(const ModelConfig &config,
                            const std::string &folder,
                            const SynthesizeOptions &options = {});

/// The bytes that synthesizeCheckpoint writes of `tensor` for a model of
/// `layers` layers.
std::vector<uint8_t> synthesizeTensor(const TensorInfo &tensor, int64_t layers,
                                      uint64_t seed);

} // namespace mx

#endif // MXFP4_CHECKPOINT_SYNTHESIZE_H
