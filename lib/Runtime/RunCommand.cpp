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

#include "mxfp4/Runtime/RunCommand.h"

#include "mxfp4/Checkpoint/Safetensors.h"
#include "mxfp4/Runtime/Generate.h"
#include "mxfp4/Runtime/Progress.h"
#include "mxfp4/Text/Tokenizer.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <unistd.h>

using namespace mx;

//===----------------------------------------------------------------------===//
// Flags
//===----------------------------------------------------------------------===//

/// More tokens than any context holds.
static constexpr int64_t kMaxCount = int64_t(1) << 31;

void mx::addSessionFlags(CLI::App &app, SessionFlags &flags) {
  app.add_option("--threads", flags.threads,
                 "Threads to run on (default: one for each processor)")
      ->check(CLI::Range(int64_t(1), ThreadPool::kMaxThreads));
  app.add_option("--context", flags.context,
                 "Positions to hold in the caches (default: as many as are "
                 "needed)")
      ->check(CLI::Range(int64_t(1), kMaxCount));
  app.add_flag("--pin", flags.pin, "Keep each thread on its own processor");
}

void mx::addRunFlags(CLI::App &app, RunFlags &flags) {
  CLI::Option *prompt =
      app.add_option("-p,--prompt", flags.prompt, "The prompt");
  app.add_option("-f,--file", flags.promptFile,
                 "A file with the prompt (default: standard input)")
      ->excludes(prompt);
  app.add_option("-n,--tokens", flags.maxTokens,
                 "Tokens to generate at most (default: 256)")
      ->check(CLI::Range(int64_t(0), kMaxCount));
  app.add_option("--temperature", flags.temperature,
                 "Spread of the choice; 0 takes the most probable token");
  app.add_option("--top-p", flags.topP,
                 "Choose among the most probable tokens that add up to this");
  app.add_option("--top-k", flags.topK,
                 "Choose among this many tokens (default: all)");
  app.add_option("--seed", flags.seed,
                 "Start of the random numbers (default: 0)")
      ->check(CLI::Range(int64_t(0), std::numeric_limits<int64_t>::max()));
  app.add_flag("--ignore-eos", flags.ignoreEnd,
               "Go on when a token ends the text");
  app.add_flag("--no-special", flags.noSpecial,
               "Take names of special tokens in the prompt for plain text");
  CLI::Option *output = app.add_option("-o,--output", flags.output,
                                       "Where to write the logits of --ids");
  CLI::Option *ids =
      app.add_option("--ids", flags.ids,
                     "Compute the logits of these tokens, as 1,2,3 or @file, "
                     "and generate nothing")
          ->needs(output);
  output->needs(ids);
  addSessionFlags(app, flags.session);
}

//===----------------------------------------------------------------------===//
// Input
//===----------------------------------------------------------------------===//

/// More than the longest context holds.
static constexpr size_t kMaxTextBytes = size_t(64) << 20;

static Error systemError(const std::string &path, const std::string &what) {
  return Error{path + ": cannot " + what + ": " + std::strerror(errno)};
}

static Result<std::string> readFile(int file, const std::string &name) {
  std::string text;
  std::vector<char> part(1 << 16);
  while (text.size() <= kMaxTextBytes) {
    ssize_t count = read(file, part.data(), part.size());
    if (count < 0 && errno == EINTR && !catchInterrupt().load())
      continue;
    if (count < 0 && errno == EINTR)
      return Error{kInterrupted};
    if (count < 0)
      return systemError(name, "read");
    if (count == 0)
      return text;
    text.append(part.data(), size_t(count));
  }
  return Error{name + ": expected at most " + std::to_string(kMaxTextBytes) +
               " bytes of text, but there are more"};
}

Result<std::string> mx::readText(const std::string &path) {
  if (path.empty())
    return readFile(STDIN_FILENO, "standard input");
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == EINTR)
    return Error{kInterrupted};
  if (file < 0)
    return systemError(path, "open");
  Result<std::string> text = readFile(file, path);
  close(file);
  return text;
}

Result<std::vector<int32_t>> mx::readIds(const std::string &text) {
  std::string list = text;
  std::string where = "--ids: ";
  if (!text.empty() && text[0] == '@') {
    std::string path = text.substr(1);
    Result<std::string> file = readText(path);
    if (!file)
      return file.error();
    list = std::move(*file);
    where = path + ": ";
  }

  constexpr const char *kSeparators = ", \t\r\n";
  std::vector<int32_t> ids;
  size_t begin = list.find_first_not_of(kSeparators);
  while (begin != std::string::npos) {
    size_t end = std::min(list.find_first_of(kSeparators, begin), list.size());
    int32_t id = 0;
    auto [rest, error] =
        std::from_chars(list.data() + begin, list.data() + end, id);
    if (error != std::errc() || rest != list.data() + end || id < 0)
      return Error{where + "expected a token id, but found '" +
                   list.substr(begin, std::min<size_t>(end - begin, 40)) + "'"};
    ids.push_back(id);
    begin = list.find_first_not_of(kSeparators, end);
  }
  if (ids.empty())
    return Error{where + "expected 1 or more token ids, but there are none"};
  return ids;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

static std::atomic<bool> interruptFlag{false};
static_assert(std::atomic<bool>::is_always_lock_free,
              "a signal handler may set it");

const std::atomic<bool> &mx::catchInterrupt() {
  static const bool installed = [] {
    struct sigaction action = {};
    action.sa_handler = [](int) { interruptFlag.store(true); };
    // The second signal ends the process. No SA_RESTART: a read that waits for
    // the user returns.
    action.sa_flags = int(SA_RESETHAND);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    return true;
  }();
  static_cast<void>(installed);
  return interruptFlag;
}

Result<std::unique_ptr<Session>> mx::openSession(const Program &program,
                                                 Checkpoint &checkpoint,
                                                 const SessionFlags &flags) {
  ProgressBar bar("loading weights");
  SessionOptions options;
  options.threads = flags.threads;
  options.context = flags.context;
  options.pin = flags.pin;
  options.progress = [&](uint64_t done, uint64_t total) {
    bar.update(done, total);
  };
  options.cancel = &catchInterrupt();
  return Session::create(program, checkpoint, options);
}

Status mx::writeLogits(Session &session, const std::vector<int32_t> &ids,
                       const std::string &path) {
  int64_t tokens = int64_t(ids.size());
  uint64_t rowBytes = uint64_t(session.vocabSize()) * sizeof(float);
  TensorInfo info{"logits",
                  "F32",
                  {tokens, session.vocabSize()},
                  uint64_t(tokens) * rowBytes};
  Result<SafetensorsWriter> writer = SafetensorsWriter::create(path, {info});
  if (!writer)
    return writer.error();
  Status status = session.prefill(ids.data(), tokens, Rows::All,
                                  [&](int64_t, const float *logits) {
                                    return writer->write(logits, rowBytes);
                                  });
  if (!status)
    return status;
  return writer->finish();
}

static SamplerOptions chooseSampling(const RunFlags &flags,
                                     const GenerationConfig &config) {
  SamplerOptions options;
  options.topK = flags.topK;
  options.seed = flags.seed;
  options.temperature = float(config.temperature.value_or(1.0));
  if (!config.doSample.value_or(true))
    options.temperature = 0;
  options.topP = float(config.topP.value_or(1.0));
  options.temperature = flags.temperature.value_or(options.temperature);
  options.topP = flags.topP.value_or(options.topP);
  return options;
}

static Status printText(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0)
    return systemError("standard output", "write");
  return {};
}

/// The context to use: as the user says, else as long as the prompt and its
/// continuation, as far as the program allows.
static Result<int64_t> chooseContext(const Program &program,
                                     const Tokenizer &tokenizer,
                                     const std::string &prompt,
                                     const RunFlags &flags) {
  if (flags.session.context != 0)
    return flags.session.context;
  Result<std::vector<int32_t>> ids =
      tokenizer.encode(prompt, {!flags.noSpecial});
  if (!ids)
    return ids.error();
  int64_t needed = std::max<int64_t>(int64_t(ids->size()) + flags.maxTokens, 1);
  return std::min(needed, program.maxPositions);
}

static Status runPrompt(const Program &program, Checkpoint &checkpoint,
                        const std::string &model, const RunFlags &flags) {
  GenerateOptions options;
  options.sampler = chooseSampling(flags, checkpoint.generationConfig());
  options.maxTokens = flags.maxTokens;
  options.parseSpecial = !flags.noSpecial;
  options.cancel = &catchInterrupt();
  if (Status status = checkSampling(options.sampler); !status)
    return status;

  Result<Tokenizer> tokenizer = Tokenizer::load(model);
  if (!tokenizer)
    return tokenizer.error();
  if (!flags.ignoreEnd)
    options.stopTokens = findStopTokens(checkpoint, *tokenizer);
  Result<std::string> prompt = flags.prompt ? Result<std::string>(*flags.prompt)
                                            : readText(flags.promptFile);
  if (!prompt)
    return prompt.error();
  Result<int64_t> context = chooseContext(program, *tokenizer, *prompt, flags);
  if (!context)
    return context.error();
  SessionFlags sessionFlags = flags.session;
  sessionFlags.context = *context;
  auto start = std::chrono::steady_clock::now();
  Result<std::unique_ptr<Session>> session =
      openSession(program, checkpoint, sessionFlags);
  if (!session)
    return session.error();
  std::chrono::duration<double> loadTime =
      std::chrono::steady_clock::now() - start;

  Result<Generation> generation =
      generate(**session, *tokenizer, *prompt, options, printText);
  if (!generation)
    return generation.error();
  if (Status status = printText("\n"); !status)
    return status;
  std::fprintf(stderr, "%s, %lld threads, weights loaded in %.2f s\n",
               describe(*generation).c_str(),
               static_cast<long long>((*session)->threads()), loadTime.count());
  if (generation->reason == StopReason::Canceled)
    return Error{kInterrupted};
  return {};
}

static Status runIds(const Program &program, Checkpoint &checkpoint,
                     const RunFlags &flags) {
  Result<std::vector<int32_t>> ids = readIds(*flags.ids);
  if (!ids)
    return ids.error();
  SessionFlags sessionFlags = flags.session;
  if (sessionFlags.context == 0)
    sessionFlags.context = int64_t(ids->size());
  Result<std::unique_ptr<Session>> session =
      openSession(program, checkpoint, sessionFlags);
  if (!session)
    return session.error();
  return writeLogits(**session, *ids, flags.output);
}

Status mx::runCommand(const Program &program, Checkpoint &checkpoint,
                      const std::string &model, const RunFlags &flags) {
  catchInterrupt();
  for (const std::string &warning : checkpoint.warnings())
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  if (flags.ids)
    return runIds(program, checkpoint, flags);
  return runPrompt(program, checkpoint, model, flags);
}

int mx::reportStatus(const char *tool, const Status &status) {
  if (status)
    return kExitSuccess;
  const std::string &message = status.error().message;
  bool interrupted = message == kInterrupted;
  std::fprintf(stderr, "%s: %s%s\n", tool,
               interrupted ? "" : "error: ", message.c_str());
  return interrupted ? kExitInterrupted : kExitFailure;
}
