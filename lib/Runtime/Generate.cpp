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

Result<Generator> Generator::create(Session &session, Tokenizer tokenizer,
                                    std::vector<int32_t> prompt,
                                    GenerateOptions options) {
  if (Status status =
          checkPrompt(prompt, session.vocabSize(), session.context());
      !status)
    return status.error();
  if (options.draftTokens < 0 || options.draftTokens > session.maxRewind())
    return Error{"expected 0 to " + std::to_string(session.maxRewind()) +
                 " tokens to draft, which the program can take back, but got " +
                 std::to_string(options.draftTokens)};
  Result<Sampler> sampler = Sampler::create(
      options.sampler,
      std::min<int64_t>(session.vocabSize(), tokenizer.vocabSize()));
  if (!sampler)
    return sampler.error();
  return Generator(session, std::move(tokenizer), std::move(*sampler),
                   std::move(prompt), std::move(options));
}

Generator::Generator(Session &session, Tokenizer tokenizer, Sampler sampler,
                     std::vector<int32_t> prompt, GenerateOptions options)
    : session(&session), decoder(std::move(tokenizer)),
      sampler(std::move(sampler)), sequence(std::move(prompt)),
      options(std::move(options)) {
  done.tokens.reserve(size_t(
      std::clamp<int64_t>(this->options.maxTokens, 0, session.context())));
}

Status Generator::start() {
  Stopwatch time;
  int64_t count = int64_t(sequence.size());
  programSamples = session->canSample() && options.sampler.topK == 0 &&
                   options.sampler.topP == 1;
  if (programSamples) {
    std::vector<int32_t> first;
    Status status = session->setSampling(options.sampler, sampler.vocabSize());
    if (status)
      status =
          session->prefillAndSample(sequence.data(), count, Rows::Last, first);
    if (!status)
      return status;
    checked.assign(first.begin(), first.end());
  } else {
    if (Status status = session->prefill(sequence.data(), count, Rows::Last);
        !status)
      return status;
    logits = session->logits();
  }
  started = true;
  done.promptTokens = int64_t(sequence.size());
  done.promptSeconds = time.seconds();
  return {};
}

std::optional<std::string> Generator::end(StopReason reason) {
  ended = true;
  done.reason = reason;
  std::string rest = decoder.flush();
  if (rest.empty())
    return std::nullopt;
  return rest;
}

/// What followed the last tokens where as many as possible of them,
/// kLongestMatch at most, stand earlier, and of several such places the last.
/// Nothing if not even kShortestMatch of them do.
std::vector<int32_t> Generator::makeDraft() const {
  constexpr ptrdiff_t kShortestMatch = 2, kLongestMatch = 4;
  int64_t room = std::min({options.draftTokens,
                           options.maxTokens - int64_t(done.tokens.size()) - 1,
                           session->context() - session->position() - 1});
  if (room < 1)
    return {};
  const std::vector<int32_t> &all = sequence;
  for (ptrdiff_t length = kLongestMatch; length >= kShortestMatch; --length) {
    if (ptrdiff_t(all.size()) <= length)
      continue;
    auto match = std::find_end(all.begin(), all.end() - 1, all.end() - length,
                               all.end());
    if (match == all.end() - 1)
      continue;
    auto next = match + length;
    return {next, next + std::min<ptrdiff_t>(room, all.end() - next)};
  }
  return {};
}

/// Feeds `tokens` back and chooses anew after each, up to the first that is not
/// followed by what is chosen.
Status Generator::chooseAlong(const std::vector<int32_t> &tokens) {
  // Whether the token after number `place` is among `tokens`.
  auto take = [&](size_t place, int32_t token) {
    checked.push_back(token);
    return place + 1 < tokens.size() && token == tokens[place + 1] &&
           !isStop(options, token);
  };
  int64_t first = session->position(), count = int64_t(tokens.size());
  if (programSamples) {
    std::vector<int32_t> all;
    if (Status status =
            session->prefillAndSample(tokens.data(), count, Rows::All, all);
        !status)
      return status;
    for (size_t place = 0; take(place, all[place]);)
      ++place;
    return {};
  }
  bool goesOn = true;
  return session->prefill(tokens.data(), count, Rows::All,
                          [&](int64_t position, const float *row) -> Status {
                            if (!goesOn)
                              return {};
                            Result<int32_t> token = sampler.sample(row);
                            if (!token)
                              return token.error();
                            goesOn = take(size_t(position - first), *token);
                            return {};
                          });
}

/// Feeds the chosen token and a draft of those after it back, and chooses anew
/// after each, as if they came one by one: up to the first that is not as in
/// the draft.
Status Generator::checkDraft(const std::vector<int32_t> &draft) {
  std::vector<int32_t> tokens = {*chosen};
  tokens.insert(tokens.end(), draft.begin(), draft.end());
  int64_t first = session->position();
  Status status = chooseAlong(tokens);
  if (!status) {
    checked.clear();
    (void)session->rewind(first);
    return status;
  }
  done.decodeSteps += int64_t(checked.size());
  done.draftedTokens += int64_t(draft.size());
  done.acceptedTokens += int64_t(checked.size()) - 1;
  return session->rewind(first + int64_t(checked.size()));
}

/// Feeds the chosen token back: then there is a row of logits, or a token that
/// was chosen from it.
Status Generator::feedBack() {
  std::vector<int32_t> draft = makeDraft();
  if (!draft.empty()) {
    if (Status status = checkDraft(draft); !status)
      return status;
  } else if (programSamples) {
    Result<int32_t> next = session->decodeAndSample(*chosen);
    if (!next)
      return next.error();
    checked.push_back(*next);
    ++done.decodeSteps;
  } else {
    Result<const float *> next = session->decode(*chosen);
    if (!next)
      return next.error();
    logits = *next;
    ++done.decodeSteps;
  }
  chosen.reset();
  return {};
}

/// Gives out a token that has been chosen, or feeds the last one back, unless
/// there is none yet, and chooses the next.
Result<std::optional<std::string>> Generator::step() {
  if (int64_t(done.tokens.size()) >= options.maxTokens)
    return end(StopReason::MaxTokens);
  if (options.interrupt && options.interrupt())
    return end(StopReason::Interrupted);
  if (chosen && checked.empty()) {
    if (session->position() == session->context())
      return end(StopReason::ContextFull);
    if (Status status = feedBack(); !status) {
      if (options.interrupt && options.interrupt())
        return end(StopReason::Interrupted);
      return status.error();
    }
  }
  Result<int32_t> token = 0;
  if (checked.empty()) {
    token = sampler.sample(logits);
  } else {
    token = checked.front();
    checked.pop_front();
  }
  if (!token)
    return token.error();
  if (isStop(options, *token))
    return end(StopReason::StopToken);
  done.tokens.push_back(*token);
  sequence.push_back(*token);
  chosen = *token;
  Result<std::string> text = decoder.push(*token);
  if (!text)
    return text.error();
  return std::optional<std::string>(std::move(*text));
}

Result<std::optional<std::string>> Generator::next() {
  if (ended)
    return std::optional<std::string>();
  if (!isStarted())
    if (Status status = start(); !status)
      return status.error();
  Stopwatch time;
  Result<std::optional<std::string>> text = step();
  done.decodeSeconds += time.seconds();
  return text;
}

Result<Generation> mx::generate(Session &session, const Tokenizer &tokenizer,
                                const std::vector<int32_t> &prompt,
                                const GenerateOptions &options,
                                const TextCallback &print) {
  Result<Generator> generator =
      Generator::create(session, tokenizer, prompt, options);
  if (!generator)
    return generator.error();
  while (true) {
    Result<std::optional<std::string>> text = generator->next();
    if (!text)
      return text.error();
    if (!*text)
      return generator->generation();
    if (Status status = print(**text); !status)
      return status.error();
  }
}

SamplerOptions mx::chooseSampling(const GenerationConfig &config) {
  SamplerOptions options;
  options.temperature = float(config.temperature.value_or(1.0));
  if (!config.doSample.value_or(true))
    options.temperature = 0;
  options.topP = float(config.topP.value_or(1.0));
  return options;
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

static std::string describeDraft(const Generation &generation) {
  if (generation.draftedTokens == 0)
    return "";
  return ", drafted " + std::to_string(generation.draftedTokens) +
         " and accepted " + std::to_string(generation.acceptedTokens);
}

std::string mx::describe(const Generation &generation) {
  return "prompt " + std::to_string(generation.promptTokens) + " tokens" +
         formatRate(generation.promptTokens, generation.promptSeconds) +
         ", generated " + std::to_string(generation.tokens.size()) + " tokens" +
         formatRate(generation.decodeSteps, generation.decodeSeconds) +
         describeDraft(generation) + describeReason(generation.reason);
}
