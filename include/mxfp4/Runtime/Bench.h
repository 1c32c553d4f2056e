//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Measures tokens per second, in the way of llama-bench.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_BENCH_H
#define MXFP4_RUNTIME_BENCH_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Runtime/Session.h"
#include "mxfp4/Support/Result.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace mx {

/// What to measure.
struct BenchOptions {
  /// Tokens of the prompt; 0 leaves this test out.
  int64_t promptTokens = 512;
  /// Tokens decoded one by one; 0 leaves this test out.
  int64_t decodeTokens = 128;
  /// Sequences that are decoded together, of which each gets decodeTokens.
  int64_t batch = 1;
  /// Tokens that are in the caches before each test.
  int64_t depth = 0;
  /// Runs of each test, after one that is not counted.
  int64_t repetitions = 5;
  /// Start of the random tokens.
  uint64_t seed = 0;
  /// Tells the times of ops, too, if it is not null: the program of the
  /// session.
  const Program *program = nullptr;
  /// Stops the measurement when it becomes true; may be null.
  const std::atomic<bool> *interrupt = nullptr;
};

/// What one run of a test did for an op, as the mean of all runs.
struct BenchOp {
  /// Null of what was for no op.
  const ProgramOp *op = nullptr;
  /// How often it was carried out; 0 if that is not known, as in loops, and so
  /// neither bytes nor operations are.
  double count = 0;
  double seconds = 0;
  double bytes = 0;
  double flops = 0;
};

/// The runs of one test.
struct BenchResult {
  int64_t promptTokens = 0;
  int64_t decodeTokens = 0;
  int64_t depth = 0;
  /// Of decodeTokens.
  int64_t batch = 1;
  /// One for each run, of all sequences together.
  std::vector<double> tokensPerSecond;
  /// Of those that took time, in the order of the program.
  std::vector<BenchOp> ops = {};

  /// As llama-bench names it, such as "pp512" or "tg128 @ d4096", or for eight
  /// sequences "tg128 x8".
  std::string name() const;
};

/// Positions that a session needs for `options`.
int64_t benchContext(const BenchOptions &options);

/// Fails if there is nothing to measure, or the tests do not fit `context`
/// positions.
Status checkBench(const BenchOptions &options, int64_t context);

/// Runs the tests, each in a new sequence, up to the logits of each decoded
/// token and of the last of the prompt, or to the largest of them where the
/// program chooses. Fails with kInterrupted if it is stopped.
Result<std::vector<BenchResult>> runBench(Session &session,
                                          const BenchOptions &options);

/// The mean of `values`; 0 if there are none.
double mean(const std::vector<double> &values);

/// The standard deviation of the distribution from which `values` are drawn
/// (divisor one less than their number); 0 if there are fewer than two.
double standardDeviation(const std::vector<double> &values);

} // namespace mx

#endif // MXFP4_RUNTIME_BENCH_H
