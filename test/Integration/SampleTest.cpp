//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// nn.sample against its definition in double, and the shares of what it
// chooses.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"
#include "Oracles.h"

#include "mxfp4/Format/Random.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

using namespace mx;
using namespace mx::test;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {
struct Settings {
  int64_t limit;
  /// One over the temperature; 0 takes the largest logit.
  float factor;
  uint64_t seed;

  HostTensor tensor() const {
    int32_t bits = 0;
    std::memcpy(&bits, &factor, sizeof(bits));
    return HostTensor(ElementType::I32, {4},
                      {double(limit), double(bits), double(int32_t(seed)),
                       double(int32_t(seed >> 32))});
  }
};
} // namespace

static double scoreOf(const Settings &settings, double logit, int64_t token,
                      int64_t position, int64_t sequence = 0) {
  if (settings.factor == 0)
    return logit;
  uint32_t random =
      philox({uint32_t(token), uint32_t(position), uint32_t(sequence), 0},
             {uint32_t(settings.seed), uint32_t(settings.seed >> 32)})[0];
  double w = (double(random) + 0.5) * 0x1p-32;
  return logit * settings.factor - std::log(-std::log1p(-w));
}

static Kernel makeSample(ElementType type, int64_t rows, int64_t width) {
  Kernel kernel(rows);
  kernel.addInput("l", type, {kTokens, width});
  kernel.addInput("s", ElementType::I32, {4});
  kernel.addOutput("t", ElementType::I32, {kTokens});
  kernel.body = "  %y = nn.sample ins(%l, %s, %position : {l}, {s}, index) "
                "outs(%t : {t}) -> {t}";
  kernel.results = {{"%y", "t"}};
  return kernel;
}

/// What is chosen of a row of logits, whose best score is made to stand out
/// from what f32 tells apart.
static double chooseOne(const Settings &settings, double *logits,
                        int64_t position, int64_t sequence = 0) {
  int64_t best = 0;
  double bestScore = -kInfinity;
  for (int64_t v = 0; v < settings.limit; ++v) {
    double score = scoreOf(settings, logits[v], v, position, sequence);
    if (score > bestScore) {
      best = v;
      bestScore = score;
    }
  }
  logits[best] += 0.5;
  return double(best);
}

/// Likewise, of rows for the positions from `position` on.
static std::vector<double> choose(const Settings &settings,
                                  std::vector<double> &logits, int64_t width,
                                  int64_t position) {
  std::vector<double> chosen;
  for (size_t row = 0; row < logits.size() / size_t(width); ++row)
    chosen.push_back(chooseOne(settings, logits.data() + row * size_t(width),
                               position + int64_t(row)));
  return chosen;
}

TEST(Sample, RandomLogits) {
  Random random(71);
  std::vector<Kernel> kernels;
  for (int64_t width : {1, 2, 63, 300, 2048})
    for (float factor : {0.0f, 1.0f, 0.25f, 8.0f}) {
      int64_t rows = random.integer(1, 6);
      Kernel kernel = makeSample(ElementType::F32, rows, width);
      int64_t position = random.integer(0, 131071);
      Settings settings = {random.integer(1, width), factor,
                           uint64_t(random.integer(0, int64_t(1) << 62))};
      std::vector<double> logits =
          random.floats(ElementType::F32, {rows, width}, 4.0).values();
      std::vector<double> chosen = choose(settings, logits, width, position);
      Call &call = kernel.addCall(rows, position);
      call.data["l"] = HostTensor(ElementType::F32, {rows, width}, logits);
      call.data["s"] = settings.tensor();
      call.expected = {{"t", chosen, {}}};
      kernels.push_back(std::move(kernel));
    }
  checkKernels(kernels);
}

/// Rows for a position and a sequence each.
TEST(Sample, Batches) {
  Random random(72);
  std::vector<Kernel> kernels;
  for (float factor : {0.0f, 0.5f, 2.0f}) {
    int64_t rows = random.integer(2, 6), width = 300;
    Kernel kernel(rows);
    kernel.addInput("l", ElementType::F32, {kTokens, width});
    kernel.addInput("s", ElementType::I32, {4});
    kernel.addInput("p", ElementType::I32, {kTokens});
    kernel.addInput("i", ElementType::I32, {kTokens});
    kernel.addOutput("t", ElementType::I32, {kTokens});
    kernel.body = "  %y = nn.sample ins(%l, %s, %p : {l}, {s}, {p}) "
                  "sequence(%i : {i}) outs(%t : {t}) -> {t}";
    kernel.results = {{"%y", "t"}};
    Settings settings = {width, factor, 99};
    std::vector<double> logits, positions, sequences, chosen;
    for (int64_t row = 0; row < rows; ++row) {
      std::vector<double> own =
          random.floats(ElementType::F32, {width}, 4.0).values();
      // Some have the same position.
      positions.push_back(double(random.integer(5, 6)));
      sequences.push_back(double(rows - row));
      chosen.push_back(chooseOne(settings, own.data(),
                                 int64_t(positions.back()),
                                 int64_t(sequences.back())));
      logits.insert(logits.end(), own.begin(), own.end());
    }
    Call &call = kernel.addCall(rows);
    call.data["l"] = HostTensor(ElementType::F32, {rows, width}, logits);
    call.data["s"] = settings.tensor();
    call.data["p"] = HostTensor(ElementType::I32, {rows}, positions);
    call.data["i"] = HostTensor(ElementType::I32, {rows}, sequences);
    call.expected = {{"t", chosen, {}}};
    kernels.push_back(std::move(kernel));
  }
  checkKernels(kernels);
}

/// Equal logits, those that bar a token, and those of damaged models.
TEST(Sample, SpecialLogits) {
  Kernel kernel = makeSample(ElementType::F32, 8, 4);
  Settings greedy = {3, 0, 0};
  Call &call = kernel.addCall(8);
  call.data["s"] = greedy.tensor();
  call.data["l"] =
      HostTensor(ElementType::F32, {8, 4},
                 {2,          2,          1,          9,    // the first
                  -0.0,       0,          -1,         0,    // zeros
                  -kInfinity, -3e38,      -kInfinity, 0,    // one is left
                  kNaN,       1,          2,          3,    // damaged
                  1,          2,          3,          kNaN, // not asked
                  1,          kInfinity,  3,          0,    // infinite
                  -kInfinity, -kInfinity, -kInfinity, 0,    // all barred
                  -3,         -2,         -1,         kInfinity}); // negative
  call.expected = {{"t", {0, 0, 1, -1, 2, -1, -1, 2}, {}}};
  checkKernels({kernel});
}

/// Tokens are chosen as often as the softmax says: within five standard
/// deviations, which a right choice misses once in millions of such tests.
TEST(Sample, SharesOfSoftmax) {
  constexpr int64_t rows = 4096, width = 6;
  const double logits[width] = {0, 1, -1, 2.5, -3, 0.5};
  Kernel kernel = makeSample(ElementType::F32, rows, width);
  Settings settings = {width, 0.5f, 12345};
  std::vector<double> all;
  for (int64_t row = 0; row < rows; ++row)
    all.insert(all.end(), logits, logits + width);
  Call call;
  call.tokens = rows;
  call.position = 1000;
  call.data["l"] = HostTensor(ElementType::F32, {rows, width}, all);
  call.data["s"] = settings.tensor();
  kernel.calls = {call};
  std::vector<Kernel> kernels = {kernel};
  Result<Program> program =
      compileModule(writeModule(kernels), "shares", exactPath().options);
  ASSERT_TRUE(program) << program.error().message;
  Result<std::unique_ptr<KernelRunner>> runner =
      KernelRunner::create(*program, kernels, /*threads=*/1);
  ASSERT_TRUE(runner) << runner.error().message;
  std::vector<double> tokens = (*runner)->run(0, call).at("t").values();
  ASSERT_EQ(int64_t(tokens.size()), rows);
  double sum = 0;
  for (double logit : logits)
    sum += std::exp(logit * settings.factor);
  for (int64_t v = 0; v < width; ++v) {
    double share = std::exp(logits[v] * settings.factor) / sum;
    double expected = share * rows;
    double count = double(std::count(tokens.begin(), tokens.end(), double(v)));
    EXPECT_NEAR(count, expected, 5 * std::sqrt(expected * (1 - share)))
        << "token " << v;
  }
}
