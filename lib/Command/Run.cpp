//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The run command. Text goes to standard output piece by piece, so that it can
// be read as it is made.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Run.h"

#include "mxfp4/Command/Input.h"
#include "mxfp4/Command/Interrupt.h"
#include "mxfp4/Command/Tool.h"
#include "mxfp4/Support/Stopwatch.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <limits>

using namespace mx;

void mx::addRunFlags(CLI::App &app, RunFlags &flags) {
  addWeightsFlags(app, flags.weights);
  app.add_option("--tokenizer", flags.tokenizer,
                 "A tokenizer.json, or its folder (default: MODEL, which "
                 "--synthetic lacks)");
  CLI::Option *prompt =
      app.add_option("-p,--prompt", flags.prompt, "The prompt");
  app.add_option("-f,--file", flags.promptFile,
                 "A file with the prompt (default: standard input)")
      ->excludes(prompt);
  app.add_option("-n,--tokens", flags.maxTokens,
                 "Tokens to generate at most (default: 256)")
      ->check(CLI::Range(int64_t(0), kMaxPositions));
  app.add_option("--temperature", flags.temperature,
                 "Spread of the choice; 0 takes the most probable token");
  app.add_option("--top-p", flags.topP,
                 "Choose among the most probable tokens that add up to this");
  app.add_option("--top-k", flags.topK,
                 "Choose among this many tokens (default: all)");
  app.add_option("--seed", flags.seed,
                 "Start of the random numbers (default: 0)")
      ->check(CLI::Range(int64_t(0), std::numeric_limits<int64_t>::max()));
  app.add_option("--speculate", flags.draftTokens,
                 "Tokens to draft at most from earlier text and to check "
                 "together; the text stays the same (default: 0)")
      ->check(CLI::Range(int64_t(0), kMaxRewind));
  app.add_flag("--ignore-eos", flags.ignoreEnd,
               "Go on when a token ends the text");
  app.add_flag("--no-special", flags.noSpecial,
               "Take names of special tokens in the prompt for plain text");
  addSessionFlags(app, flags.session);
}

static SamplerOptions applyFlags(const RunFlags &flags,
                                 const GenerationConfig &config) {
  SamplerOptions options = chooseSampling(config);
  options.topK = flags.topK;
  options.seed = flags.seed;
  options.temperature = flags.temperature.value_or(options.temperature);
  options.topP = flags.topP.value_or(options.topP);
  return options;
}

Result<Prompt> mx::readPrompt(const Checkpoint &checkpoint,
                              const RunFlags &flags, int64_t maxPositions) {
  GenerateOptions options;
  options.sampler = applyFlags(flags, checkpoint.generationConfig());
  options.maxTokens = flags.maxTokens;
  options.draftTokens = flags.draftTokens;
  options.interrupt = [&flag = catchInterrupt()] { return flag.load(); };
  if (Status status = checkSampling(options.sampler); !status)
    return status.error();

  const std::string &folder =
      flags.tokenizer.empty() ? flags.weights.folder : flags.tokenizer;
  if (folder.empty())
    return Error{"random weights of --synthetic have no tokenizer: expected "
                 "--tokenizer with a tokenizer.json or its folder"};
  Result<Tokenizer> tokenizer = Tokenizer::load(folder);
  if (!tokenizer)
    return tokenizer.error();
  if (!flags.ignoreEnd)
    options.stopTokens = findStopTokens(checkpoint, *tokenizer);
  Result<std::string> text = flags.prompt ? Result<std::string>(*flags.prompt)
                                          : readText(flags.promptFile);
  if (!text)
    return text.error();
  Result<std::vector<int32_t>> ids =
      tokenizer->encode(*text, {!flags.noSpecial});
  if (!ids)
    return Error{(flags.prompt               ? "--prompt: "
                  : flags.promptFile.empty() ? "standard input: "
                                             : flags.promptFile + ": ") +
                 ids.error().message};

  Prompt prompt{std::move(*tokenizer), std::move(*ids), std::move(options),
                flags.session};
  Result<int64_t> context =
      chooseContext(flags.session.context, maxPositions, prompt.positions());
  if (!context)
    return context.error();
  if (Status status =
          checkPrompt(prompt.ids, checkpoint.config().vocabSize, *context);
      !status)
    return status.error();
  return prompt;
}

Status mx::runPrompt(const Program &program, Checkpoint &checkpoint,
                     const Prompt &prompt) {
  Stopwatch time;
  Result<std::unique_ptr<Session>> session =
      openSession(program, checkpoint, prompt.session, prompt.positions());
  if (!session)
    return session.error();
  double loadSeconds = time.seconds();

  Result<Generation> generation =
      generate(**session, prompt.tokenizer, prompt.ids, prompt.options, print);
  if (!generation)
    return generation.error();
  if (Status status = print("\n"); !status)
    return status;
  std::fprintf(stderr, "%s, %lld threads, weights loaded in %.2f s\n",
               describe(*generation).c_str(),
               static_cast<long long>((*session)->threads()), loadSeconds);
  if (generation->reason == StopReason::Interrupted)
    return Error{kInterrupted};
  return {};
}
