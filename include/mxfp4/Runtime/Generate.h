//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a prompt to text, token by token.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_GENERATE_H
#define MXFP4_RUNTIME_GENERATE_H

#include "mxfp4/Checkpoint/Checkpoint.h"
#include "mxfp4/Runtime/Sampler.h"
#include "mxfp4/Runtime/Session.h"
#include "mxfp4/Text/Tokenizer.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mx {

struct GenerateOptions {
  SamplerOptions sampler;
  /// Tokens to generate at most.
  int64_t maxTokens = 256;
  /// Tokens that end the text; they are not part of it.
  std::vector<int32_t> stopTokens;
  /// Stops the generation when it becomes true; may be null.
  const std::atomic<bool> *interrupt = nullptr;
};

/// Why a generation ended.
enum class StopReason { StopToken, MaxTokens, ContextFull, Interrupted };

/// What a generation did.
struct Generation {
  /// The tokens of the text, without the stop token.
  std::vector<int32_t> tokens;
  StopReason reason = StopReason::MaxTokens;

  int64_t promptTokens = 0;
  double promptSeconds = 0;
  /// Calls of Session::decode, and their time with choosing and printing.
  int64_t decodeSteps = 0;
  double decodeSeconds = 0;
};

/// Takes the next piece of the text: valid UTF-8, never a part of a character.
/// An error stops the generation.
using TextCallback = std::function<Status(std::string_view text)>;

/// Appends `prompt`, 1 or more tokens, to the sequence of `session`, then
/// chooses tokens and passes their text to `print` until one of them ends it.
Result<Generation> generate(Session &session, const Tokenizer &tokenizer,
                            const std::vector<int32_t> &prompt,
                            const GenerateOptions &options,
                            const TextCallback &print);

/// The tokens that end an answer: those of the checkpoint's configurations, and
/// <|return|>, <|call|> and <|endoftext|> if the tokenizer has them.
std::vector<int32_t> findStopTokens(const Checkpoint &checkpoint,
                                    const Tokenizer &tokenizer);

/// One line of figures for the user, such as
/// "prompt 12 tokens (96.0/s), generated 64 tokens (12.5/s)".
std::string describe(const Generation &generation);

} // namespace mx

#endif // MXFP4_RUNTIME_GENERATE_H
