//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Statistics and names of measurements.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Bench.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mx;

TEST(BenchTest, Mean) {
  EXPECT_EQ(mean({}), 0);
  EXPECT_EQ(mean({5}), 5);
  EXPECT_EQ(mean({1, 2, 6}), 3);
}

TEST(BenchTest, StandardDeviationOfASample) {
  EXPECT_EQ(standardDeviation({}), 0);
  EXPECT_EQ(standardDeviation({5}), 0);
  EXPECT_EQ(standardDeviation({5, 5, 5}), 0);
  EXPECT_DOUBLE_EQ(standardDeviation({1, 3}), std::sqrt(2.0));
  EXPECT_DOUBLE_EQ(standardDeviation({2, 4, 4, 4, 5, 5, 7, 9}),
                   std::sqrt(32.0 / 7));
}

TEST(BenchTest, NamesAreThoseOfLlamaBench) {
  EXPECT_EQ((BenchResult{512, 0, 0, 1, {}}).name(), "pp512");
  EXPECT_EQ((BenchResult{0, 128, 0, 1, {}}).name(), "tg128");
  EXPECT_EQ((BenchResult{0, 128, 4096, 1, {}}).name(), "tg128 @ d4096");
  EXPECT_EQ((BenchResult{0, 128, 512, 8, {}}).name(), "tg128 x8 @ d512");
}

TEST(BenchTest, ContextHoldsTheLongestTest) {
  BenchOptions options;
  EXPECT_EQ(benchContext(options), 512);
  options.decodeTokens = 1000;
  options.depth = 100;
  EXPECT_EQ(benchContext(options), 1100);
}

TEST(BenchTest, RefusesTestsThatCannotBeRun) {
  BenchOptions options;
  EXPECT_TRUE(checkBench(options, 512));
  EXPECT_EQ(checkBench(options, 100).error().message,
            "the tests take 512 positions, but the context has 100 "
            "(--context)");
  options.promptTokens = 0;
  options.decodeTokens = 0;
  EXPECT_EQ(checkBench(options, 512).error().message,
            "nothing to measure: expected 1 or more tokens to prefill or to "
            "decode");
}
