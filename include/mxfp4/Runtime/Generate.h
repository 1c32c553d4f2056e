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

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
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
  /// Tokens to draft at most, from what followed the last ones when they
  /// occurred before, and to check in one pass of the model: the text is the
  /// same, to the bit. 0 to Session::maxRewind().
  int64_t draftTokens = 0;
  /// Asked before each token; true ends the generation. May be empty.
  InterruptCallback interrupt;
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
  /// Tokens that were fed back, and the time of that with choosing.
  int64_t decodeSteps = 0;
  double decodeSeconds = 0;
  /// Tokens that were drafted, and how many of them were chosen.
  int64_t draftedTokens = 0;
  int64_t acceptedTokens = 0;
};

/// Makes the text after a prompt, one token at a time, when it is asked for.
class Generator {
public:
  /// For `prompt`, 1 or more tokens. Computes nothing yet. `session` must
  /// outlive it and be used by nobody else until the text has ended.
  static Result<Generator> create(Session &session, Tokenizer tokenizer,
                                  std::vector<int32_t> prompt,
                                  GenerateOptions options);

  /// Chooses a token and returns the text that it completes, perhaps none:
  /// valid UTF-8, never a part of a character. Nothing when the text has ended.
  /// The first call appends the prompt to the sequence; if that fails,
  /// isStarted() stays false and Session::position() says how much of it was
  /// appended.
  Result<std::optional<std::string>> next();

  /// Whether the prompt is in the sequence.
  bool isStarted() const { return started; }
  /// Whether the text has ended: next() gives nothing.
  bool isEnded() const { return ended; }

  /// What was done so far. The reason counts when the text has ended.
  const Generation &generation() const { return done; }

private:
  Generator(Session &session, Tokenizer tokenizer, Sampler sampler,
            std::vector<int32_t> prompt, GenerateOptions options);

  Status start();
  Status feedBack();
  Status checkDraft(const std::vector<int32_t> &draft);
  Status chooseAlong(const std::vector<int32_t> &tokens);
  std::vector<int32_t> makeDraft() const;
  Result<std::optional<std::string>> step();
  std::optional<std::string> end(StopReason reason);

  Session *session;
  StreamDecoder decoder;
  Sampler sampler;
  /// The prompt, and the tokens that were given out.
  std::vector<int32_t> sequence;
  GenerateOptions options;
  Generation done;
  /// Whether the program chooses tokens.
  bool programSamples = false;
  bool started = false;
  /// The row that the next token is chosen from, unless it is chosen already.
  const float *logits = nullptr;
  /// The token that was chosen last, until it is fed back.
  std::optional<int32_t> chosen;
  /// Tokens that were chosen by the program, or when a draft was checked, and
  /// not given out yet. All but the last are in the sequence.
  std::deque<int32_t> checked;
  bool ended = false;
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

/// How `config` wants tokens chosen: from the whole distribution where it does
/// not say.
SamplerOptions chooseSampling(const GenerationConfig &config);

/// The tokens that end an answer: those of the checkpoint's configurations, and
/// <|return|>, <|call|> and <|endoftext|> if the tokenizer has them.
std::vector<int32_t> findStopTokens(const Checkpoint &checkpoint,
                                    const Tokenizer &tokenizer);

/// One line of figures for the user, such as
/// "prompt 12 tokens (96.0/s), generated 64 tokens (12.5/s)".
std::string describe(const Generation &generation);

} // namespace mx

#endif // MXFP4_RUNTIME_GENERATE_H
