//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which tensors a GPT-OSS checkpoint holds: names, dtypes and shapes. Import,
// the checks on loading and the synthesizer all take them from here.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_CHECKPOINT_SCHEMA_H
#define MXFP4_CHECKPOINT_SCHEMA_H

#include "mxfp4/Checkpoint/ModelConfig.h"
#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mx {

/// What a tensor is to the model.
enum class TensorRole {
  Unknown, ///< Not of a schema, such as a tensor of any file.
  Embedding,
  Norm,
  AttentionWeight,
  AttentionBias,
  AttentionSinks,
  RouterWeight,
  RouterBias,
  ExpertWeight, ///< In BF16, [experts, in, out].
  ExpertBlocks, ///< The same in MXFP4, [experts, out, in / 32, 16].
  ExpertScales, ///< [experts, out, in / 32].
  ExpertBias,
  Head,
};

/// What a checkpoint says about a tensor, except where its bytes are.
struct TensorInfo {
  std::string name;
  /// As in a safetensors header, such as "BF16" or "U8".
  std::string dtype;
  /// Row-major; empty for a scalar.
  std::vector<int64_t> shape;
  uint64_t bytes = 0;
  TensorRole role = TensorRole::Unknown;
  /// Whether it is the weight of the last product of attention or experts, the
  /// one that is added to the residual stream.
  bool endsSublayer = false;
};

/// Bits of one element of `dtype`; 0 if safetensors has no such dtype.
unsigned dtypeBits(std::string_view dtype);

/// Bytes of a tensor. Fails if they overflow 63 bits or are not whole.
Result<uint64_t> tensorBytes(const std::string &dtype,
                             const std::vector<int64_t> &shape);

/// Dtype and shape for messages, such as "BF16 [2880, 4096]".
std::string describeTensor(const TensorInfo &tensor);

/// The tensors of the official checkpoint, with experts in MXFP4, in the order
/// in which the official shards are filled: layers by the spelling of their
/// number (0, 1, 10, 11, ..., 2), then what is above the layers.
std::vector<TensorInfo> checkpointSchema(const ModelConfig &config);

/// As checkpointSchema, for the layout with experts in BF16, where an expert
/// is transposed to [in, out].
std::vector<TensorInfo> dequantizedSchema(const ModelConfig &config);

/// Parameters of a model; the scales of blocks do not count.
uint64_t countParameters(const ModelConfig &config);

/// The name in dequantizedSchema of the experts whose blocks or scales `name`
/// is in checkpointSchema.
std::string_view dequantizedName(std::string_view name);

// A dense weight [rows, columns] of the checkpoint may be read in blocks of a
// format. Its elements and its scales are tensors of their own then, whose
// names say so, and which no file holds.

enum class BlockPart { Values, Scales };

/// Such as "lm_head.weight.mxfp8_e4m3_values" for "lm_head.weight".
std::string quantizedName(std::string_view weight, const BlockFormat &format,
                          BlockPart part);

/// The weight, its format and the part that a name of quantizedName is of.
struct QuantizedName {
  std::string_view weight;
  const BlockFormat *format;
  BlockPart part;
};
std::optional<QuantizedName> parseQuantizedName(std::string_view name);

/// The tensor quantizedName(weight.name, ...); nothing if `weight` is no weight
/// of attention or the head, if its rows are no whole blocks, or if the
/// elements of the format are of 6 bits or need a scale of the whole tensor.
std::optional<TensorInfo> quantizedTensor(const TensorInfo &weight,
                                          const BlockFormat &format,
                                          BlockPart part);

} // namespace mx

#endif // MXFP4_CHECKPOINT_SCHEMA_H
