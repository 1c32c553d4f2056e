//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// config.json of a GPT-OSS-shaped model as a struct, checked.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_CHECKPOINT_MODELCONFIG_H
#define MXFP4_CHECKPOINT_MODELCONFIG_H

#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mx {

/// Limits of a ModelConfig, far above any model's.
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxPositions = 1 << 24;

/// YaRN scaling of the rotary embedding, named as in `rope_scaling`.
struct YarnScaling {
  double factor = 32.0;
  double betaFast = 32.0;
  double betaSlow = 1.0;
  int64_t originalMaxPositions = 4096;
  bool truncate = false;
};

/// The shape of a GPT-OSS model. Members are named after the keys of
/// `config.json`; a linear layer has weight `[out, in]`.
struct ModelConfig {
  int64_t numHiddenLayers = 0;
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t numLocalExperts = 0;
  int64_t numExpertsPerTok = 0;
  int64_t numAttentionHeads = 0;
  int64_t numKeyValueHeads = 0;
  int64_t headDim = 0;
  int64_t vocabSize = 0;
  int64_t slidingWindow = 0;
  int64_t maxPositionEmbeddings = 0;
  double ropeTheta = 150000.0;
  YarnScaling ropeScaling;
  double rmsNormEps = 1e-5;
  double swigluLimit = 7.0;
  double swigluAlpha = 1.702;
  /// One for each layer: true if it attends to its window only.
  std::vector<bool> slidingLayers;
  std::vector<int64_t> eosTokenIds;
  /// True if `quantization_config` says that experts are MXFP4; false in the
  /// dequantized bf16 layout.
  bool quantized = true;

  /// The published models.
  static ModelConfig gptOss20B();
  static ModelConfig gptOss120B();
};

/// Reads and checks `path`. Every value is in a range in which all sizes
/// computed from it fit 63 bits.
Result<ModelConfig> readModelConfig(const std::string &path);

/// As readModelConfig, on text; `name` stands for the file in messages.
Result<ModelConfig> parseModelConfig(const std::string &json,
                                     const std::string &name);

/// The text of a config.json in the official form.
std::string writeModelConfig(const ModelConfig &config);

} // namespace mx

#endif // MXFP4_CHECKPOINT_MODELCONFIG_H
