//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// generation_config.json: how the makers of a model want its tokens chosen, and
// which tokens end an answer.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_CHECKPOINT_GENERATIONCONFIG_H
#define MXFP4_CHECKPOINT_GENERATIONCONFIG_H

#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mx {

/// Members are named after the keys; what the file does not say is empty.
struct GenerationConfig {
  std::vector<int64_t> eosTokenIds;
  std::optional<bool> doSample;
  std::optional<double> temperature;
  std::optional<double> topP;
};

/// Reads and checks `path`.
Result<GenerationConfig> readGenerationConfig(const std::string &path);

/// As readGenerationConfig, on text; `name` stands for the file in messages.
Result<GenerationConfig> parseGenerationConfig(const std::string &json,
                                               const std::string &name);

/// The text of a generation_config.json.
std::string writeGenerationConfig(const GenerationConfig &config);

} // namespace mx

#endif // MXFP4_CHECKPOINT_GENERATIONCONFIG_H
