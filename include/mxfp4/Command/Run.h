//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What "mxfp4-run PROGRAM MODEL" and "mxfp4 run MODEL" share: the flags, where
// the prompt comes from, and what is printed.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMMAND_RUN_H
#define MXFP4_COMMAND_RUN_H

#include "mxfp4/Command/Open.h"
#include "mxfp4/Runtime/Generate.h"
#include "mxfp4/Text/Tokenizer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mx {

/// The flags of the run command. What is not given is as the checkpoint's
/// generation_config.json says, and else the default of SamplerOptions.
struct RunFlags {
  WeightsSource weights;
  /// Where tokenizer.json is, or its folder; empty for that of the checkpoint.
  std::string tokenizer;
  SessionFlags session;
  std::optional<std::string> prompt;
  std::string promptFile;
  int64_t maxTokens = 256;
  std::optional<float> temperature;
  std::optional<float> topP;
  int64_t topK = 0;
  uint64_t seed = 0;
  int64_t draftTokens = 0;
  bool ignoreEnd = false;
  bool noSpecial = false;
};

/// Adds all flags of the run command to `app`. `flags` must outlive it.
void addRunFlags(CLI::App &app, RunFlags &flags);

/// A prompt and how to continue it.
struct Prompt {
  Tokenizer tokenizer;
  std::vector<int32_t> ids;
  GenerateOptions options;
  SessionFlags session;

  /// Positions of the prompt and all tokens that may follow it.
  int64_t positions() const { return int64_t(ids.size()) + options.maxTokens; }
};

/// Reads and encodes the prompt for `checkpoint`, which is of `flags.weights`.
/// Fails on all that is wrong with it and with `flags`, so that nothing is
/// compiled and no weight is loaded in vain. `maxPositions` is of the model.
Result<Prompt> readPrompt(const Checkpoint &checkpoint, const RunFlags &flags,
                          int64_t maxPositions);

/// Runs `program` with the weights of `checkpoint`. The text goes to standard
/// output, all else to standard error.
Status runPrompt(const Program &program, Checkpoint &checkpoint,
                 const Prompt &prompt);

} // namespace mx

#endif // MXFP4_COMMAND_RUN_H
