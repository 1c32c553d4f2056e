//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hostile text in messages.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Support/Quote.h"

#include <gtest/gtest.h>

using namespace mx;

TEST(QuoteTest, TextStays) {
  EXPECT_EQ(quote(""), "''");
  EXPECT_EQ(quote("lm_head.weight"), "'lm_head.weight'");
  EXPECT_EQ(quote("\u00E9 \u4E2D \U0001F600"), "'\u00E9 \u4E2D \U0001F600'");
}

TEST(QuoteTest, ControlCharactersAreEscaped) {
  EXPECT_EQ(quote("a\nb\x1B[2J\x7F"), "'a\\x0ab\\x1b[2J\\x7f'");
  EXPECT_EQ(quote(std::string_view("\0", 1)), "'\\x00'");
  // U+009B does to some terminals what ESC [ does.
  EXPECT_EQ(quote("\u009B2J"), "'\\xc2\\x9b2J'");
}

TEST(QuoteTest, BytesThatAreNoCharactersAreEscaped) {
  EXPECT_EQ(quote("\xFF"), "'\\xff'");
  EXPECT_EQ(quote("a\xC3"), "'a\\xc3'");
  EXPECT_EQ(quote("\xE4\xB8z"), "'\\xe4\\xb8z'");
}

TEST(QuoteTest, LongTextIsCutBetweenCharacters) {
  std::string text(100, 'x');
  EXPECT_EQ(quote(text), "'" + text + "'");
  EXPECT_EQ(quote(text + "y"), "'" + text + "...'");
  text.pop_back();
  EXPECT_EQ(quote(text + "\u4E2D"), "'" + text + "...'");
}
