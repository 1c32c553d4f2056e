//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tokens per second with random tokens. The clock runs only while the model
// does.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Bench.h"

#include "mxfp4/Support/Stopwatch.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>

using namespace mx;

std::string BenchResult::name() const {
  std::string text = promptTokens ? "pp" + std::to_string(promptTokens)
                                  : "tg" + std::to_string(decodeTokens);
  if (batch > 1)
    text += " x" + std::to_string(batch);
  if (depth)
    text += " @ d" + std::to_string(depth);
  return text;
}

int64_t mx::benchContext(const BenchOptions &options) {
  return options.depth + std::max(options.promptTokens, options.decodeTokens);
}

Status mx::checkBench(const BenchOptions &options, int64_t context) {
  if (options.promptTokens == 0 && options.decodeTokens == 0)
    return Error{"nothing to measure: expected 1 or more tokens to prefill or "
                 "to decode"};
  if (benchContext(options) > context)
    return Error{"the tests take " + std::to_string(benchContext(options)) +
                 " positions, but the context has " + std::to_string(context) +
                 " (--context)"};
  return {};
}

double mx::mean(const std::vector<double> &values) {
  if (values.empty())
    return 0;
  double sum = 0;
  for (double value : values)
    sum += value;
  return sum / double(values.size());
}

double mx::standardDeviation(const std::vector<double> &values) {
  if (values.size() < 2)
    return 0;
  double center = mean(values);
  double sum = 0;
  for (double value : values)
    sum += (value - center) * (value - center);
  return std::sqrt(sum / double(values.size() - 1));
}

// As for text, a token is chosen after each, where the program does that.

static Status prefillPrompt(Session &session, const int32_t *tokens,
                            int64_t count) {
  std::vector<int32_t> chosen;
  return session.canSample()
             ? session.prefillAndSample(tokens, count, Rows::Last, chosen)
             : session.prefill(tokens, count, Rows::Last);
}

static Status decodeOne(Session &session, int32_t token) {
  if (!session.canSample()) {
    Result<const float *> logits = session.decode(token);
    return logits ? Status() : logits.error();
  }
  Result<int32_t> next = session.decodeAndSample(token);
  return next ? Status() : next.error();
}

static Status decodeBatch(Session &session, const std::vector<int32_t> &tokens,
                          const std::vector<int32_t> &sequences) {
  if (!session.canSample()) {
    Result<const float *> logits = session.decodeBatch(
        tokens.data(), sequences.data(), int64_t(tokens.size()));
    return logits ? Status() : logits.error();
  }
  Result<const int32_t *> next = session.decodeBatchAndSample(
      tokens.data(), sequences.data(), int64_t(tokens.size()));
  return next ? Status() : next.error();
}

/// Starts new sequences, each with the first `depth` of its tokens, appends
/// those after them as `result` says, and returns the seconds of the latter, of
/// which `profile` is told.
static Result<double> runOnce(Session &session,
                              const std::vector<std::vector<int32_t>> &tokens,
                              const std::atomic<bool> *interrupt,
                              const BenchResult &result, OpProfile *profile) {
  session.setProfile(nullptr);
  std::vector<int32_t> batch, sequences;
  // The last one is the first, which a prompt is for.
  for (int64_t i = result.batch - 1; i >= 0; --i) {
    Status status = session.select(i);
    if (!status)
      return status.error();
    session.reset();
    status =
        session.prefill(tokens[size_t(i)].data(), result.depth, Rows::None);
    if (!status)
      return status.error();
  }
  for (int64_t i = 0; i < result.batch; ++i)
    sequences.push_back(int32_t(i));

  session.setProfile(profile);
  size_t depth = size_t(result.depth);
  Stopwatch time;
  Status status =
      prefillPrompt(session, tokens[0].data() + depth, result.promptTokens);
  for (int64_t i = 0; i < result.decodeTokens && status; ++i) {
    if (interrupt && interrupt->load())
      return Error{kInterrupted};
    batch.clear();
    for (int32_t sequence : sequences)
      batch.push_back(tokens[size_t(sequence)][depth + size_t(i)]);
    status = result.batch == 1 ? decodeOne(session, batch[0])
                               : decodeBatch(session, batch, sequences);
  }
  if (!status)
    return status.error();
  return time.seconds();
}

/// The sums of `profile` over `runs` runs, as means.
static std::vector<BenchOp> collectOps(const OpProfile &profile,
                                       const Program &program, int64_t runs) {
  std::vector<BenchOp> ops;
  auto add = [&](const ProgramOp *op, const OpProfile::Sum &sum) {
    if (sum.seconds > 0)
      ops.push_back({op, double(sum.count) / double(runs),
                     sum.seconds / double(runs), sum.bytes / double(runs),
                     sum.flops / double(runs)});
  };
  for (size_t i = 0; i < program.ops.size(); ++i)
    add(&program.ops[i], profile.ops()[i]);
  OpProfile::Sum other;
  other.seconds = profile.otherSeconds();
  add(nullptr, other);
  return ops;
}

static Status runTest(Session &session,
                      const std::vector<std::vector<int32_t>> &tokens,
                      const BenchOptions &options, BenchResult &result) {
  std::optional<OpProfile> profile;
  if (options.program)
    profile.emplace(*options.program);
  OpProfile *used = profile ? &*profile : nullptr;
  Status status;
  // The first run touches memory and warms the processor up.
  for (int64_t run = 0; run <= options.repetitions && status; ++run) {
    if (used && run == 1)
      used->clear();
    Result<double> seconds =
        runOnce(session, tokens, options.interrupt, result, used);
    if (!seconds)
      status = seconds.error();
    else if (run > 0)
      result.tokensPerSecond.push_back(
          double(result.promptTokens + result.batch * result.decodeTokens) /
          *seconds);
  }
  session.setProfile(nullptr);
  if (used)
    result.ops = collectOps(*used, *options.program, options.repetitions);
  return status;
}

Result<std::vector<BenchResult>> mx::runBench(Session &session,
                                              const BenchOptions &options) {
  if (Status status = checkBench(options, session.context()); !status)
    return status.error();
  if (session.canSample()) {
    SamplerOptions greedy;
    greedy.temperature = 0;
    if (Status status = session.setSampling(greedy, session.vocabSize());
        !status)
      return status.error();
  }
  std::mt19937_64 random(options.seed);
  std::vector<std::vector<int32_t>> tokens(size_t(options.batch));
  for (std::vector<int32_t> &sequence : tokens)
    for (int64_t i = 0; i < benchContext(options); ++i)
      sequence.push_back(int32_t(random() % uint64_t(session.vocabSize())));

  std::vector<BenchResult> results;
  if (options.promptTokens > 0)
    results.push_back({options.promptTokens, 0, options.depth, 1, {}});
  if (options.decodeTokens > 0)
    results.push_back(
        {0, options.decodeTokens, options.depth, options.batch, {}});
  for (BenchResult &result : results)
    if (Status status = runTest(session, tokens, options, result); !status)
      return status.error();
  return results;
}
