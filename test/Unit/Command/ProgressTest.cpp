//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The line of the progress bar at any width.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Progress.h"

#include <gtest/gtest.h>

using namespace mx;

TEST(ProgressTest, FitsTheWidth) {
  for (unsigned width = 0; width < 200; ++width)
    EXPECT_LE(formatProgress("loading", 5, 10, width).size(), width);
}

TEST(ProgressTest, ShowsPartAndBytes) {
  EXPECT_EQ(formatProgress("loading", 3'000'000'000, 12'000'000'000, 60),
            "loading [#####                 ]  25 %  3.00 GB of 12.00 GB");
  EXPECT_EQ(formatProgress("loading", 0, 0, 30),
            "loading 100 %  0.0 MB of 0.0 ");
}
