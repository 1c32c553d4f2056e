//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The choice of a token, against the probabilities that it should have.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Sampler.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <numeric>

using namespace mx;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();

static Sampler makeSampler(const SamplerOptions &options, size_t vocabSize) {
  Result<Sampler> sampler = Sampler::create(options, int64_t(vocabSize));
  EXPECT_TRUE(sampler) << sampler.error().message;
  return *sampler;
}

/// How often each token was chosen in `draws` draws.
static std::map<int32_t, int> countDraws(const SamplerOptions &options,
                                         const std::vector<float> &logits,
                                         int draws) {
  Sampler sampler = makeSampler(options, logits.size());
  std::map<int32_t, int> counts;
  for (int i = 0; i < draws; ++i) {
    Result<int32_t> token = sampler.sample(logits.data());
    EXPECT_TRUE(token);
    ++counts[*token];
  }
  return counts;
}

/// Expects frequencies within 5 standard deviations of `probabilities`.
static void expectFrequencies(const std::map<int32_t, int> &counts, int draws,
                              const std::map<int32_t, double> &probabilities) {
  double total = 0;
  for (auto [token, probability] : probabilities)
    total += probability;
  for (auto [token, count] : counts)
    EXPECT_TRUE(probabilities.count(token)) << "token " << token;
  for (auto [token, weight] : probabilities) {
    double p = weight / total;
    double deviation = std::sqrt(draws * p * (1 - p));
    auto found = counts.find(token);
    int count = found == counts.end() ? 0 : found->second;
    EXPECT_NEAR(count, draws * p, 5 * deviation + 1) << "token " << token;
  }
}

TEST(SamplerTest, GreedyTakesTheLowestOfEquals) {
  SamplerOptions options;
  options.temperature = 0;
  std::vector<float> logits = {-1, 3, 2, 3, -kInfinity, 3};
  EXPECT_EQ(countDraws(options, logits, 5), (std::map<int32_t, int>{{1, 5}}));
}

TEST(SamplerTest, DrawsFromTheDistribution) {
  std::vector<float> logits = {0.0f, 1.0f, -1.0f, 2.0f, -kInfinity};
  for (float temperature : {0.5f, 1.0f, 2.0f}) {
    SamplerOptions options;
    options.temperature = temperature;
    std::map<int32_t, double> expected;
    for (int32_t i = 0; i < 4; ++i)
      expected[i] = std::exp(logits[size_t(i)] / temperature);
    expectFrequencies(countDraws(options, logits, 40000), 40000, expected);
  }
}

TEST(SamplerTest, TopKKeepsTheLargest) {
  SamplerOptions options;
  options.topK = 2;
  // Tokens 1 and 3 are equal: the lower one is kept.
  std::vector<float> logits = {0, 1, 2, 1, 0};
  expectFrequencies(countDraws(options, logits, 20000), 20000,
                    {{2, std::exp(2.0)}, {1, std::exp(1.0)}});
  options.topK = 1;
  EXPECT_EQ(countDraws(options, logits, 10), (std::map<int32_t, int>{{2, 10}}));
  options.topK = 100;
  EXPECT_EQ(countDraws(options, logits, 20000).size(), 5u);
}

TEST(SamplerTest, TopPKeepsTheFewestThatReachIt) {
  std::vector<float> logits;
  std::vector<double> probabilities = {0.1, 0.4, 0.05, 0.3, 0.15};
  for (double probability : probabilities)
    logits.push_back(float(std::log(probability)));
  SamplerOptions options;
  options.topP = 0.69f;
  expectFrequencies(countDraws(options, logits, 20000), 20000,
                    {{1, 0.4}, {3, 0.3}});
  options.topP = 0.71f;
  expectFrequencies(countDraws(options, logits, 20000), 20000,
                    {{1, 0.4}, {3, 0.3}, {4, 0.15}});
  options.topP = 1e-6f;
  EXPECT_EQ(countDraws(options, logits, 10), (std::map<int32_t, int>{{1, 10}}));
  // Of the two that top-k keeps, the first has 4/7 of the probability.
  options.topP = 0.55f;
  options.topK = 2;
  EXPECT_EQ(countDraws(options, logits, 10), (std::map<int32_t, int>{{1, 10}}));
}

/// A flat distribution makes top-p sort far more than it sorts at first.
TEST(SamplerTest, TopPOfALargeVocabulary) {
  SamplerOptions options;
  options.topP = 0.5f;
  std::vector<float> logits(10000, 0.0f);
  for (auto [token, count] : countDraws(options, logits, 200))
    EXPECT_LT(token, 5001);
}

TEST(SamplerTest, SameSeedSameTokens) {
  std::vector<float> logits(1000);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = float(i % 17);
  auto draw = [&](uint64_t seed) {
    SamplerOptions options;
    options.seed = seed;
    options.topP = 0.9f;
    Sampler sampler = makeSampler(options, logits.size());
    std::vector<int32_t> tokens;
    for (int i = 0; i < 50; ++i)
      tokens.push_back(*sampler.sample(logits.data()));
    return tokens;
  };
  EXPECT_EQ(draw(7), draw(7));
  EXPECT_NE(draw(7), draw(8));
}

TEST(SamplerTest, NeverChoosesPastTheVocabulary) {
  std::vector<float> logits = {0, 1, 50, 60};
  for (float temperature : {0.0f, 1.0f}) {
    SamplerOptions options;
    options.temperature = temperature;
    Sampler sampler = makeSampler(options, 2);
    for (int i = 0; i < 100; ++i)
      EXPECT_LT(*sampler.sample(logits.data()), 2);
  }
}

TEST(SamplerTest, RefusesBadLogits) {
  for (float temperature : {0.0f, 1.0f}) {
    SamplerOptions options;
    options.temperature = temperature;
    Sampler sampler = makeSampler(options, 3);
    float nan = std::numeric_limits<float>::quiet_NaN();
    for (std::vector<float> logits :
         std::vector<std::vector<float>>{{nan, 0, 1},
                                         {0, 1, nan},
                                         {0, kInfinity, 1},
                                         {-kInfinity, -kInfinity, -kInfinity}})
      EXPECT_FALSE(sampler.sample(logits.data()));
  }
}

TEST(SamplerTest, RefusesBadOptions) {
  auto isValid = [](float temperature, int64_t topK, float topP) {
    return bool(checkSampling({temperature, topK, topP, 0}));
  };
  float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(isValid(0, 0, 1));
  EXPECT_FALSE(isValid(-1, 0, 1));
  EXPECT_FALSE(isValid(nan, 0, 1));
  EXPECT_FALSE(isValid(kInfinity, 0, 1));
  EXPECT_FALSE(isValid(1, -1, 1));
  EXPECT_FALSE(isValid(1, 0, 0));
  EXPECT_FALSE(isValid(1, 0, 1.1f));
  EXPECT_FALSE(isValid(1, 0, nan));
}
