//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The main loop: run the prompt through the model, then choose a token, print
// it and feed it back until the end token.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Generate.h"

#include "mxfp4/Support/Stopwatch.h"

#include <algorithm>
#include <cstdio>

using namespace mx;

/// Whether the text ends before `token`.
static bool isStop(const GenerateOptions &options, int32_t token) {
  const std::vector<int32_t> &stops = options.stopTokens;
  return std::find(stops.begin(), stops.end(), token) != stops.end();
}

/// Appends the prompt and fills in its figures.
static Status runPrompt(Session &session, const std::vector<int32_t> &ids,
                        Generation &generation) {
  if (Status status = checkPrompt(ids, session.vocabSize(), session.context());
      !status)
    return status;
  Stopwatch time;
  if (Status status =
          session.prefill(ids.data(), int64_t(ids.size()), Rows::Last);
      !status)
    return status;
  generation.promptTokens = int64_t(ids.size());
  generation.promptSeconds = time.seconds();
  return {};
}

/// Chooses, prints and feeds back tokens until the text ends.
static Status runDecode(Session &session, Sampler &sampler,
                        StreamDecoder &decoder, const GenerateOptions &options,
                        const TextCallback &print, Generation &generation) {
  const float *logits = session.logits();
  while (int64_t(generation.tokens.size()) < options.maxTokens) {
    if (options.interrupt && options.interrupt->load()) {
      generation.reason = StopReason::Interrupted;
      return {};
    }
    Result<int32_t> token = sampler.sample(logits);
    if (!token)
      return token.error();
    if (isStop(options, *token)) {
      generation.reason = StopReason::StopToken;
      return {};
    }
    generation.tokens.push_back(*token);
    Result<std::string> text = decoder.push(*token);
    if (!text)
      return text.error();
    if (Status status = print(*text); !status)
      return status;

    if (int64_t(generation.tokens.size()) == options.maxTokens)
      break;
    if (session.position() == session.context()) {
      generation.reason = StopReason::ContextFull;
      return {};
    }
    Result<const float *> next = session.decode(*token);
    if (!next)
      return next.error();
    logits = *next;
    ++generation.decodeSteps;
  }
  generation.reason = StopReason::MaxTokens;
  return {};
}

Result<Generation> mx::generate(Session &session, const Tokenizer &tokenizer,
                                const std::vector<int32_t> &prompt,
                                const GenerateOptions &options,
                                const TextCallback &print) {
  Result<Sampler> sampler = Sampler::create(
      options.sampler,
      std::min<int64_t>(session.vocabSize(), tokenizer.vocabSize()));
  if (!sampler)
    return sampler.error();

  Generation generation;
  generation.tokens.reserve(
      size_t(std::clamp<int64_t>(options.maxTokens, 0, session.context())));
  if (Status status = runPrompt(session, prompt, generation); !status)
    return status.error();

  StreamDecoder decoder(tokenizer);
  Stopwatch time;
  if (Status status =
          runDecode(session, *sampler, decoder, options, print, generation);
      !status)
    return status.error();
  generation.decodeSeconds = time.seconds();
  if (Status status = print(decoder.flush()); !status)
    return status.error();
  return generation;
}

std::vector<int32_t> mx::findStopTokens(const Checkpoint &checkpoint,
                                        const Tokenizer &tokenizer) {
  std::vector<int32_t> stops;
  for (int64_t id : checkpoint.config().eosTokenIds)
    stops.push_back(int32_t(id));
  for (int64_t id : checkpoint.generationConfig().eosTokenIds)
    stops.push_back(int32_t(id));
  for (const char *name : {"<|return|>", "<|call|>", "<|endoftext|>"})
    if (std::optional<int32_t> id = tokenizer.idOf(name))
      stops.push_back(*id);
  std::sort(stops.begin(), stops.end());
  stops.erase(std::unique(stops.begin(), stops.end()), stops.end());
  return stops;
}

static std::string formatRate(int64_t count, double seconds) {
  if (count == 0 || seconds <= 0)
    return "";
  char text[48];
  std::snprintf(text, sizeof(text), " (%.1f/s)", double(count) / seconds);
  return text;
}

static const char *describeReason(StopReason reason) {
  switch (reason) {
  case StopReason::StopToken:
    return "";
  case StopReason::MaxTokens:
    return ", stopped at the limit (-n)";
  case StopReason::ContextFull:
    return ", stopped at the end of the context (--context)";
  case StopReason::Interrupted:
    return ", interrupted";
  }
  return "";
}

std::string mx::describe(const Generation &generation) {
  return "prompt " + std::to_string(generation.promptTokens) + " tokens" +
         formatRate(generation.promptTokens, generation.promptSeconds) +
         ", generated " + std::to_string(generation.tokens.size()) + " tokens" +
         formatRate(generation.decodeSteps, generation.decodeSeconds) +
         describeReason(generation.reason);
}
