//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arithmetic of windows and of cross entropy.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Evaluate.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace mx;

TEST(EvaluateTest, CountsWindowsWhoseTargetsExist) {
  EXPECT_EQ(countWindows(0, 256), 0);
  EXPECT_EQ(countWindows(256, 256), 0); // the last token has no target
  EXPECT_EQ(countWindows(257, 256), 1);
  EXPECT_EQ(countWindows(512, 256), 1);
  EXPECT_EQ(countWindows(513, 256), 2);
  EXPECT_EQ(countWindows(5, 1), 4);
}

TEST(EvaluateTest, CrossEntropyOfUniformLogits) {
  float logits[] = {3, 3, 3, 3};
  EXPECT_DOUBLE_EQ(crossEntropy(logits, 4, 2), std::log(4.0));
}

TEST(EvaluateTest, CrossEntropyOfKnownProbabilities) {
  float logits[] = {std::log(0.5f), std::log(0.25f), std::log(0.25f)};
  EXPECT_NEAR(crossEntropy(logits, 3, 0), std::log(2.0), 1e-7);
  EXPECT_NEAR(crossEntropy(logits, 3, 1), std::log(4.0), 1e-7);
}

TEST(EvaluateTest, CrossEntropyDoesNotOverflow) {
  float logits[] = {3e38f, 0, -3e38f};
  EXPECT_EQ(crossEntropy(logits, 3, 0), 0);
  EXPECT_EQ(crossEntropy(logits, 3, 1), double(3e38f));
  EXPECT_EQ(crossEntropy(logits, 3, 2), 2 * double(3e38f));
}

TEST(EvaluateTest, CrossEntropyOfBadLogitsIsNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  float nan[] = {0, kNaN, 1};
  EXPECT_FALSE(std::isfinite(crossEntropy(nan, 3, 0)));
  float nanFirst[] = {kNaN, 0, 1};
  EXPECT_FALSE(std::isfinite(crossEntropy(nanFirst, 3, 1)));
  float infinite[] = {0, kInfinity, 1};
  EXPECT_FALSE(std::isfinite(crossEntropy(infinite, 3, 0)));
}

TEST(EvaluateTest, PerplexityIsTheExponential) {
  EXPECT_DOUBLE_EQ((Evaluation{10, std::log(7.0)}).perplexity(), 7.0);
}
