//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The logits of given tokens, as a file.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMMAND_LOGITS_H
#define MXFP4_COMMAND_LOGITS_H

#include "mxfp4/Command/Open.h"

#include <optional>
#include <string>
#include <vector>

namespace mx {

/// Which logits to compute.
struct LogitsFlags {
  SessionFlags session;
  /// Tokens as in "1,2,3", or "@file" with such a list.
  std::string ids;
  /// Where to write them.
  std::string output;
  /// Sequences that the tokens are of, as many of each.
  std::optional<int64_t> batch;

  int64_t sequences() const { return batch.value_or(1); }
};

/// Reads the tokens of `flags`. Fails unless they are of the vocabulary of
/// `config` and fit the context for a model of `maxPositions`.
Result<std::vector<int32_t>> readIds(const LogitsFlags &flags,
                                     const ModelConfig &config,
                                     int64_t maxPositions);

/// Adds --batch.
void addBatchFlag(CLI::App &app, LogitsFlags &flags);

/// Runs `ids`, which readIds read, and writes their logits.
Status runLogits(const Program &program, Checkpoint &checkpoint,
                 const LogitsFlags &flags, const std::vector<int32_t> &ids);

} // namespace mx

#endif // MXFP4_COMMAND_LOGITS_H
