//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ops of a layer besides matmuls and attention: embedding, normalization,
// rotation, routing.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"
#include "Oracles.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>

using namespace mx;
using namespace mx::test;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Embedding
//===----------------------------------------------------------------------===//

TEST(Embedding, CopiesRows) {
  Random random(31);
  std::vector<Kernel> kernels;
  for (int64_t width : {1, 7, 16, 33, 64})
    for (ElementType type :
         {ElementType::BF16, ElementType::F32, ElementType::F16}) {
      int64_t rows = random.integer(1, 50);
      ElementType output = random.coin() ? ElementType::F32 : ElementType::BF16;
      HostTensor table = random.floats(type, {rows, width});
      Kernel kernel(9);
      kernel.addInput("ids", ElementType::I32, {kTokens});
      kernel.addWeight("table", table);
      kernel.addOutput("out", output, {kTokens, width});
      kernel.body = "  %y = nn.embedding ins(%ids, %table : {ids}, {table}) "
                    "outs(%out : {out}) -> {out}";
      kernel.results = {{"%y", "out"}};
      for (int64_t tokens : {1, 9}) {
        Call &call = kernel.addCall(tokens);
        HostTensor ids = random.indices({tokens}, rows);
        ids.bytes[0] = uint8_t(rows - 1); // the last row; ids are small
        std::fill_n(ids.bytes.begin() + 1, 3, uint8_t(0));
        call.data["ids"] = ids;
        std::vector<double> all = table.values(), expected;
        for (double id : ids.values())
          expected.insert(expected.end(), all.begin() + int64_t(id) * width,
                          all.begin() + (int64_t(id) + 1) * width);
        HostTensor rounded(output, {tokens, width}, expected);
        call.expected = {{"out", rounded.values(), {}}};
      }
      kernels.push_back(kernel);
    }
  checkKernels(kernels);
}

/// One weight for both ends of a model: read as it is and arranged.
TEST(Embedding, SharesItsWeightWithAMatmul) {
  Random random(32);
  int64_t rows = 21, width = 64, tokens = 5;
  HostTensor table = random.floats(ElementType::BF16, {rows, width});
  Kernel kernel(tokens);
  kernel.addInput("ids", ElementType::I32, {tokens});
  kernel.addWeight("table", table);
  kernel.addOutput("x", ElementType::F32, {tokens, width});
  kernel.addOutput("out", ElementType::F32, {tokens, rows});
  kernel.body = "  %e = nn.embedding ins(%ids, %table : {ids}, {table}) "
                "outs(%x : {x}) -> {x}\n"
                "  %y = nn.linear ins(%e, %table : {x}, {table}) "
                "outs(%out : {out}) -> {out}";
  kernel.results = {{"%e", "x"}, {"%y", "out"}};
  Call &call = kernel.addCall(tokens);
  HostTensor ids = random.indices({tokens}, rows);
  call.data["ids"] = ids;
  std::vector<double> all = table.values(), chosen;
  for (double id : ids.values())
    chosen.insert(chosen.end(), all.begin() + int64_t(id) * width,
                  all.begin() + (int64_t(id) + 1) * width);
  Exact exact = multiply(chosen, all, width, {}, {});
  call.expected = {{"x", chosen, {}}, {"out", exact.values, exact.slack}};
  checkKernels({kernel});

  Result<Program> program =
      compileModule(writeModule({kernel}), "tied", CompileOptions());
  ASSERT_TRUE(program) << program.error().message;
  std::vector<bool> arePrepared;
  for (const Buffer &buffer : program->buffers)
    if (buffer.name == "k0.table")
      arePrepared.push_back(!buffer.prepare.empty());
  std::sort(arePrepared.begin(), arePrepared.end());
  EXPECT_EQ(arePrepared, (std::vector<bool>{false, true}));
}

//===----------------------------------------------------------------------===//
// RMS norm
//===----------------------------------------------------------------------===//

static Kernel makeNorm(Random &random, const HostTensor &x,
                       ElementType output) {
  int64_t tokens = x.shape[0], width = x.shape[1];
  HostTensor gain = random.floats(
      random.coin() ? ElementType::BF16 : ElementType::F32, {width}, 2.0);
  Kernel kernel(tokens);
  kernel.addInput("x", x.type, {kTokens, width});
  kernel.addWeight("g", gain);
  kernel.addOutput("out", output, {kTokens, width});
  kernel.body = "  %y = nn.rms_norm ins(%x, %g : {x}, {g}) outs(%out : {out}) "
                "{epsilon = 1.0e-05 : f32} -> {out}";
  kernel.results = {{"%y", "out"}};
  Call &call = kernel.addCall(tokens);
  call.data["x"] = x;
  std::vector<double> values = x.values(), gains = gain.values();
  Exact exact(x.size());
  for (int64_t t = 0; t < tokens; ++t) {
    double squares = 0.0;
    for (int64_t i = 0; i < width; ++i)
      squares += values[size_t(t * width + i)] * values[size_t(t * width + i)];
    double root = std::sqrt(squares / double(width) + double(1e-5f));
    for (int64_t i = 0; i < width; ++i) {
      size_t at = size_t(t * width + i);
      exact.values[at] = gains[size_t(i)] * (values[at] / root);
      // A sum of squares has the error of a sum, halved by the root; four
      // roundings follow.
      exact.slack[at] = std::fabs(exact.values[at]) * kSumError + kTiny;
    }
  }
  call.expected = {{"out", exact.values, exact.slack}};
  return kernel;
}

TEST(RMSNorm, WidthsAndTypes) {
  Random random(32);
  std::vector<Kernel> kernels;
  for (int64_t width : {1, 3, 8, 15, 16, 17, 33, 96, 1000})
    for (ElementType type : {ElementType::F32, ElementType::BF16})
      kernels.push_back(
          makeNorm(random, random.floats(type, {random.integer(1, 5), width}),
                   random.coin() ? ElementType::F32 : ElementType::BF16));
  checkKernels(kernels);
}

TEST(RMSNorm, ZeroSmallAndLargeRows) {
  Random random(33);
  std::vector<double> rows;
  for (double size : {0.0, 1e-30, 1e-4, 1e18})
    for (int i = 0; i < 20; ++i)
      rows.push_back(random.real(size));
  checkKernels({makeNorm(random, HostTensor(ElementType::F32, {4, 20}, rows),
                         ElementType::F32)});
}

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

namespace {
/// The parameters of #nn.yarn.
struct Yarn {
  float theta = 150000.0f;
  float factor = 32.0f;
  float betaFast = 32.0f;
  float betaSlow = 1.0f;
  int64_t originalLength = 4096;
  bool truncate = false;

  std::string text() const {
    return "#nn.yarn<theta = " + std::to_string(theta) +
           " : f32, factor = " + std::to_string(factor) +
           " : f32, beta_fast = " + std::to_string(betaFast) +
           " : f32, beta_slow = " + std::to_string(betaSlow) +
           " : f32, original_length = " + std::to_string(originalLength) +
           ", truncate = " + (truncate ? "true" : "false") + ">";
  }

  /// f[i] for all pairs. The references compute waves and their blend in f32,
  /// and at large positions a difference in the last bit of f shows.
  std::vector<float> frequencies(int64_t headDim) const {
    auto border = [&](double turns) {
      return double(headDim) / 2 *
             std::log(double(originalLength) / (turns * 2 * M_PI)) /
             std::log(double(theta));
    };
    double low = border(betaFast), high = border(betaSlow);
    if (truncate) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, double(headDim - 1));
    std::vector<float> result;
    for (int64_t i = 0; i < headDim / 2; ++i) {
      float wave = std::pow(theta, float(2 * i) / float(headDim));
      float ramp =
          std::clamp((float(i) - float(low)) / float(high - low), 0.0f, 1.0f);
      result.push_back(1.0f / (factor * wave) * ramp +
                       1.0f / wave * (1.0f - ramp));
    }
    return result;
  }

  double amplitude() const { return 0.1 * std::log(double(factor)) + 1.0; }
};
} // namespace

static Kernel makeRotary(const Yarn &yarn, int64_t heads, int64_t headDim,
                         ElementType input, ElementType output) {
  Kernel kernel(20);
  kernel.addInput("x", input, {kTokens, heads, headDim});
  kernel.addOutput("out", output, {kTokens, heads, headDim});
  kernel.body = "  %y = nn.rotary_embedding ins(%x, %position : {x}, index) "
                "outs(%out : {out}) {yarn = " +
                yarn.text() + "} -> {out}";
  kernel.results = {{"%y", "out"}};
  return kernel;
}

static void addRotaryCall(Kernel &kernel, const Yarn &yarn, const HostTensor &x,
                          int64_t position) {
  int64_t tokens = x.shape[0], heads = x.shape[1], headDim = x.shape[2];
  int64_t half = headDim / 2;
  std::vector<float> frequencies = yarn.frequencies(headDim);
  std::vector<double> values = x.values();
  Exact exact(x.size());
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < half; ++i) {
        float angle = float(position + t) * frequencies[size_t(i)];
        double cosine = std::cos(double(angle)) * yarn.amplitude();
        double sine = std::sin(double(angle)) * yarn.amplitude();
        size_t low = size_t((t * heads + h) * headDim + i);
        size_t high = low + size_t(half);
        exact.values[low] = values[low] * cosine - values[high] * sine;
        exact.values[high] = values[high] * cosine + values[low] * sine;
        // Four roundings on the way of each term.
        double magnitude = std::fabs(values[low]) + std::fabs(values[high]);
        exact.slack[low] = exact.slack[high] =
            4e-7 * yarn.amplitude() * magnitude;
      }
  Call &call = kernel.addCall(tokens, position);
  call.data["x"] = x;
  call.expected = {{"out", exact.values, exact.slack}};
}

TEST(RotaryEmbedding, HeadsTypesAndPositions) {
  Random random(34);
  Yarn tiny;
  tiny.factor = 4.0f;
  tiny.originalLength = 256;
  Yarn truncated;
  truncated.truncate = true;
  std::vector<Kernel> kernels;
  for (const Yarn &yarn : {Yarn(), tiny, truncated})
    for (int64_t headDim : {2, 6, 32, 64, 96}) {
      int64_t heads = random.integer(1, 4);
      ElementType input = random.coin() ? ElementType::F32 : ElementType::BF16;
      ElementType output = random.coin() ? ElementType::F32 : ElementType::BF16;
      Kernel kernel = makeRotary(yarn, heads, headDim, input, output);
      for (int64_t position : {0, 1, 127, 4096, 131071 - 19})
        addRotaryCall(
            kernel, yarn,
            random.floats(input, {random.pick({1, 3, 20}), heads, headDim}),
            position);
      kernels.push_back(kernel);
    }
  checkKernels(kernels);
}

/// One head with 1 in its first half: the result is cosines and sines, both
/// times the amplitude.
static HostTensor makeUnits(int64_t headDim) {
  std::vector<double> units(size_t(headDim), 0.0);
  std::fill_n(units.begin(), headDim / 2, 1.0);
  return HostTensor(ElementType::F32, {1, 1, headDim}, units);
}

TEST(RotaryEmbedding, PublishedFrequencies) {
  const double frequencies[] = {1,
                                0.689044306,
                                0.474782055,
                                0.327145872,
                                0.225418,
                                0.155322989,
                                0.107024421,
                                0.0737445682,
                                0.0508132748,
                                0.0317056962,
                                0.0193350011,
                                0.0115920493,
                                0.00679495949,
                                0.00386035932,
                                0.00209379238,
                                0.0010526021,
                                0.000456483919,
                                0.000129318701,
                                3.83088124e-05,
                                2.6396469e-05,
                                1.81883367e-05,
                                1.25325698e-05,
                                8.63549588e-06,
                                5.95023926e-06,
                                4.09997848e-06,
                                2.82506683e-06,
                                1.94659621e-06,
                                1.34129104e-06,
                                9.2420895e-07,
                                6.36820915e-07,
                                4.38797825e-07,
                                3.02351143e-07};
  constexpr double amplitude = 1.3465735902799727;
  Kernel kernel = makeRotary(Yarn(), 1, 64, ElementType::F32, ElementType::F32);
  Call &call = kernel.addCall(1, 1);
  call.data["x"] = makeUnits(64);
  Exact exact(64);
  for (size_t i = 0; i < 32; ++i) {
    exact.values[i] = std::cos(frequencies[i]) * amplitude;
    exact.values[32 + i] = std::sin(frequencies[i]) * amplitude;
    // Frequencies are made in f32; where 1 - r is small, from what is left of
    // it.
    exact.slack[i] = 1e-6;
    exact.slack[32 + i] = 5e-6 * exact.values[32 + i];
  }
  call.expected = {{"out", exact.values, exact.slack}};
  checkKernels({kernel});
}

TEST(RotaryEmbedding, PublishedSinesAndCosines) {
  struct Row {
    int64_t position, pair;
    double cosine, sine;
  };
  const Row rows[] = {{0, 5, 1.346574, 0},
                      {1, 0, 0.727557, 1.133103},
                      {1, 12, 1.346543, 0.009150},
                      {127, 1, 1.209003, -0.592936},
                      {4095, 8, 0.998715, 0.903232},
                      {4096, 0, 1.082633, -0.800729},
                      {131071, 17, -0.434856, -1.274426},
                      {131071, 31, 1.345516, 0.053350}};
  Kernel kernel = makeRotary(Yarn(), 1, 64, ElementType::F32, ElementType::F32);
  for (const Row &row : rows) {
    addRotaryCall(kernel, Yarn(), makeUnits(64), row.position);
    Expected &expected = kernel.calls.back().expected[0];
    // Six digits are given.
    EXPECT_NEAR(expected.values[size_t(row.pair)], row.cosine, 1e-6);
    EXPECT_NEAR(expected.values[size_t(32 + row.pair)], row.sine, 1e-6);
  }
  checkKernels({kernel});
}

//===----------------------------------------------------------------------===//
// Routing
//===----------------------------------------------------------------------===//

static Kernel makeRoute(const HostTensor &logits, int64_t slots,
                        ElementType weightType = ElementType::F32) {
  int64_t tokens = logits.shape[0], experts = logits.shape[1];
  Kernel kernel(tokens);
  kernel.addInput("l", logits.type, {kTokens, experts});
  kernel.addOutput("e", ElementType::I32, {kTokens, slots});
  kernel.addOutput("w", weightType, {kTokens, slots});
  kernel.body = "  %c, %y = nn.route_top_k ins(%l : {l}) outs(%e, %w : {e}, "
                "{w}) -> {e}, {w}";
  kernel.results = {{"%c", "e"}, {"%y", "w"}};
  std::vector<double> values = logits.values(), chosen;
  Exact weights(0);
  for (int64_t t = 0; t < tokens; ++t) {
    std::vector<double> row(values.begin() + t * experts,
                            values.begin() + (t + 1) * experts);
    for (double &logit : row)
      if (std::isnan(logit))
        logit = -kInfinity;
    std::vector<int64_t> order(static_cast<size_t>(experts));
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return row[size_t(a)] > row[size_t(b)] ||
             (row[size_t(a)] == row[size_t(b)] && a < b);
    });
    double sum = 0.0;
    std::vector<double> exponentials;
    for (int64_t s = 0; s < slots; ++s) {
      double logit = row[size_t(order[size_t(s)])];
      exponentials.push_back(std::exp(logit - row[size_t(order[0])]));
      sum += exponentials.back();
      chosen.push_back(double(order[size_t(s)]));
    }
    for (double exponential : exponentials) {
      weights.values.push_back(exponential / sum);
      // The difference of logits, exp and the quotient in f32.
      weights.slack.push_back(2e-6 * exponential / sum + kTiny);
    }
  }
  Call &call = kernel.addCall(tokens);
  call.data["l"] = logits;
  call.expected = {{"e", chosen, {}}, {"w", weights.values, weights.slack}};
  return kernel;
}

TEST(RouteTopK, PublishedValues) {
  Kernel kernel =
      makeRoute(HostTensor(ElementType::F32, {1, 8},
                           {0.1, 2.0, -1.0, 1.5, 2.0, 0.3, 1.0, -0.2}),
                4);
  kernel.calls[0].expected.push_back({"e", {1, 4, 3, 6}, {}});
  kernel.calls[0].expected.push_back(
      {"w",
       {0.336201118, 0.336201118, 0.203916286, 0.123681479},
       {1e-6, 1e-6, 1e-6, 1e-6}});
  checkKernels({kernel});
}

TEST(RouteTopK, TiesAndSpecialLogits) {
  std::vector<double> rows = {0,          0,
                              0,          0,
                              0,          0, // all equal
                              5,          1,
                              5,          1,
                              5,          1, // in turn
                              kNaN,       1,
                              kNaN,       2,
                              3,          kNaN, // NaN ranks lowest
                              -kInfinity, -1,
                              -kInfinity, 3,
                              -kInfinity, 2, // but one is chosen
                              -0.0,       0.0,
                              -0.0,       0.0,
                              1,          -1, // zeros are equal
                              3e38,       -3e38,
                              1,          3e38,
                              -1,         0, // no overflow
                              1,          std::nextafter(1.0f, 2.0f),
                              1,          1,
                              0,          0, // neighbors
                              kNaN,       -kInfinity,
                              4,          kNaN,
                              -kInfinity, kNaN}; // one that is finite
  std::vector<Kernel> kernels;
  for (int64_t slots : {1, 2, 4, 6})
    kernels.push_back(
        makeRoute(HostTensor(ElementType::F32, {8, 6}, rows), slots));
  checkKernels(kernels);
}

TEST(RouteTopK, RandomLogits) {
  Random random(35);
  std::vector<Kernel> kernels;
  for (int64_t experts : {1, 2, 7, 32, 128})
    for (ElementType type : {ElementType::F32, ElementType::BF16}) {
      HostTensor logits =
          random.floats(type, {random.integer(1, 20), experts}, 4.0);
      kernels.push_back(
          makeRoute(logits, std::min<int64_t>(experts, 4),
                    random.coin() ? ElementType::F32 : ElementType::BF16));
    }
  checkKernels(kernels);
}
