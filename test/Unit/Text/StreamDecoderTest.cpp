//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Incomplete and invalid sequences in a stream of tokens.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"

using namespace mx;

namespace {
class StreamDecoderTest : public TokenizerFileTest {
protected:
  /// What each byte completes, and then what flush adds.
  std::vector<std::string> decodeBytes(const std::string &bytes) {
    StreamDecoder decoder(loadJson(makeByteTokenizer()));
    std::vector<std::string> parts;
    for (char byte : bytes) {
      Result<std::string> part = decoder.push(static_cast<uint8_t>(byte));
      EXPECT_TRUE(part);
      parts.push_back(*part);
    }
    parts.push_back(decoder.flush());
    return parts;
  }
};

using Parts = std::vector<std::string>;

TEST_F(StreamDecoderTest, HoldsBackIncompleteCharacters) {
  EXPECT_EQ(decodeBytes("a\xC3\xA9"), (Parts{"a", "", "é", ""}));
  EXPECT_EQ(decodeBytes("\xF0\x9F\x98\x80!"),
            (Parts{"", "", "", "😀", "!", ""}));
}

TEST_F(StreamDecoderTest, FlushReplacesAnIncompleteCharacterOnce) {
  EXPECT_EQ(decodeBytes("\xE2"), (Parts{"", "\uFFFD"}));
  EXPECT_EQ(decodeBytes("\xF0\x9F\x98"), (Parts{"", "", "", "\uFFFD"}));
}

TEST_F(StreamDecoderTest, ReplacesMaximalParts) {
  // A character cut short by another one.
  EXPECT_EQ(decodeBytes("\xE2\x82"
                        "A"),
            (Parts{"", "",
                   "\uFFFD"
                   "A",
                   ""}));
  EXPECT_EQ(decodeBytes("\xE2\x82\xC3\xA9"),
            (Parts{"", "", "\uFFFD", "é", ""}));
  // No character starts with these.
  EXPECT_EQ(decodeBytes("\x80\xC0\xF5\xFF"),
            (Parts{"\uFFFD", "\uFFFD", "\uFFFD", "\uFFFD", ""}));
}

TEST_F(StreamDecoderTest, RefusesOverlongFormsAndSurrogates) {
  EXPECT_EQ(decodeBytes("\xED\xA0\x80"),
            (Parts{"", "\uFFFD\uFFFD", "\uFFFD", ""}));
  EXPECT_EQ(decodeBytes("\xF0\x8F\x80"),
            (Parts{"", "\uFFFD\uFFFD", "\uFFFD", ""}));
  EXPECT_EQ(decodeBytes("\xF4\x90"), (Parts{"", "\uFFFD\uFFFD", ""}));
}

TEST_F(StreamDecoderTest, RefusesUnknownIdsAndGoesOn) {
  StreamDecoder decoder(loadJson(makeByteTokenizer()));
  EXPECT_EQ(*decoder.push(0xC3), "");
  EXPECT_FALSE(decoder.push(256));
  EXPECT_FALSE(decoder.push(-1));
  EXPECT_EQ(*decoder.push(0xA9), "é");
  EXPECT_EQ(decoder.flush(), "");
}
} // namespace
