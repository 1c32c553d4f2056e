//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Logits as a file, for comparisons with other implementations.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_LOGITS_H
#define MXFP4_RUNTIME_LOGITS_H

#include "mxfp4/Checkpoint/Safetensors.h"
#include "mxfp4/Runtime/Session.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mx {

/// Starts `path` for the logits of `tokens` tokens: one tensor `logits`, F32
/// [tokens, vocabSize], in safetensors form.
Result<SafetensorsWriter> createLogits(const std::string &path, int64_t tokens,
                                       int64_t vocabSize);

/// Appends `ids` to `session`, writes the logits of each position to `file`,
/// which createLogits made for them, and finishes it.
Status writeLogits(Session &session, const std::vector<int32_t> &ids,
                   SafetensorsWriter &file);

/// Likewise, where `ids` are those of `batch` sequences, as many of each, one
/// sequence after the other. The first half of each is a prompt, the rest is
/// decoded: one sequence token by token, several in batches, which each joins a
/// step after the one before.
/// All logits are in memory until they are written.
Status writeBatchLogits(Session &session, const std::vector<int32_t> &ids,
                        int64_t batch, SafetensorsWriter &file);

} // namespace mx

#endif // MXFP4_RUNTIME_LOGITS_H
