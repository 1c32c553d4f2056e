//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What "mxfp4-run eval PROGRAM MODEL" and "mxfp4 eval MODEL" share: how well a
// model predicts a text.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMMAND_EVAL_H
#define MXFP4_COMMAND_EVAL_H

#include "mxfp4/Command/Open.h"

#include <string>
#include <vector>

namespace mx {

/// On what a model is evaluated.
struct EvalFlags {
  /// The folder of the checkpoint and its tokenizer.
  std::string model;
  SessionFlags session;
  /// The file with the text.
  std::string text;
  /// Tokens that are a sequence of their own.
  int64_t window = 256;
  /// Print an object of JSON in place of a line.
  bool json = false;
};

/// Adds all flags of the eval command but MODEL to `app`. `flags` must outlive
/// it.
void addEvalFlags(CLI::App &app, EvalFlags &flags);

/// The tokens of the text. Fails if it or the tokenizer cannot be read, and
/// unless they are of the vocabulary of `config`, one window or more, and a
/// window fits the context for a model of `maxPositions`.
Result<std::vector<int32_t>> readEvalText(const EvalFlags &flags,
                                          const ModelConfig &config,
                                          int64_t maxPositions);

/// Runs `ids`, which readEvalText read, and prints the loss in nats per token
/// to standard output. Fails if logits are not finite.
Status runEval(const Program &program, Checkpoint &checkpoint,
               const EvalFlags &flags, const std::vector<int32_t> &ids);

} // namespace mx

#endif // MXFP4_COMMAND_EVAL_H
