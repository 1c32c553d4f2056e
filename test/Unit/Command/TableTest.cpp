//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Columns of tables.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Table.h"

#include <gtest/gtest.h>

using namespace mx;

TEST(TableTest, AlignsColumns) {
  EXPECT_EQ(formatTable({{"name", "t/s"}, {"a", "1.00 ± 0.10"}, {"long", "2"}}),
            "| name |         t/s |\n"
            "| ---- | ----------: |\n"
            "| a    | 1.00 ± 0.10 |\n"
            "| long |           2 |\n");
}

TEST(TableTest, HeadsOnly) {
  EXPECT_EQ(formatTable({{"a", "b"}}), "| a | b |\n| - | : |\n");
}
