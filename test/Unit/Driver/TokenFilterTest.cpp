//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lines, lists of tokens and JSON as they come from a pipe.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/TokenFilter.h"

#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

using namespace mx;

namespace {
class TokenFilterTest : public testing::Test {
protected:
  void SetUp() override {
    Result<Tokenizer> loaded =
        Tokenizer::load(MXFP4_SOURCE_DIR "/models/tiny-shakespeare");
    ASSERT_TRUE(loaded);
    tokenizer.emplace(*loaded);
  }

  std::string encode(const std::string &line) const {
    Result<std::string> result = encodeJsonLine(*tokenizer, line, {true});
    return result ? *result : "error: " + result.error().message;
  }
  std::string decode(const std::string &line) const {
    Result<std::string> result = decodeJsonLine(*tokenizer, line);
    return result ? *result : "error: " + result.error().message;
  }

  std::optional<Tokenizer> tokenizer;
};
} // namespace

/// The lines that a LineReader gives for `text` written in pieces.
static std::vector<std::string> cutLines(const std::string &text,
                                         size_t pieceBytes) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  std::thread writer([&] {
    for (size_t i = 0; i < text.size(); i += pieceBytes) {
      std::string piece = text.substr(i, pieceBytes);
      EXPECT_EQ(write(ends[1], piece.data(), piece.size()),
                ssize_t(piece.size()));
    }
    close(ends[1]);
  });
  LineReader reader(ends[0], "pipe");
  std::vector<std::string> lines;
  for (;;) {
    Result<std::optional<std::string>> line = reader.next();
    EXPECT_TRUE(line);
    if (!line || !*line)
      break;
    lines.push_back(**line);
    EXPECT_EQ(reader.line(), lines.size());
  }
  writer.join();
  close(ends[0]);
  return lines;
}

TEST_F(TokenFilterTest, CutsLines) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(cutLines("", 1), Lines());
  EXPECT_EQ(cutLines("\n", 1), Lines{""});
  EXPECT_EQ(cutLines("a\n\nbc", 1), (Lines{"a", "", "bc"}));
  EXPECT_EQ(cutLines("a\n\nbc\n", 100), (Lines{"a", "", "bc"}));
  std::string longLine(200'000, 'x');
  EXPECT_EQ(cutLines(longLine + "\n" + longLine, 7919),
            (Lines{longLine, longLine}));
}

TEST_F(TokenFilterTest, ReportsReadErrors) {
  LineReader reader(-1, "pipe");
  EXPECT_EQ(reader.next().error().message,
            "pipe: cannot read: Bad file descriptor");
}

TEST_F(TokenFilterTest, ThereAndBack) {
  std::string line = R"({"text":"To be, or not tö be\n"})";
  EXPECT_EQ(decode(encode(line)), line);
  EXPECT_EQ(encode(R"({"text": ""})"), R"({"ids":[]})");
  EXPECT_EQ(encode(R"({"text": "<|end|>", "other": 1})"), R"({"ids":[2045]})");
}

TEST_F(TokenFilterTest, PartsOfCharactersAreReplaced) {
  Result<std::vector<int32_t>> ids = tokenizer->encode("\xE2\x82\xAC"); // €
  ASSERT_TRUE(ids);
  ASSERT_GT(ids->size(), 1u) << "expected a character of several tokens";
  EXPECT_EQ(decode("{\"ids\": [" + std::to_string(ids->front()) + "]}"),
            "{\"text\":\"\xEF\xBF\xBD\"}");
}

TEST_F(TokenFilterTest, RefusesOtherJson) {
  for (const char *bad : {"", "5", "[]", "{}", "{\"text\": 1}", "{\"text\": ",
                          "{\"text\": \"\\ud800\"}", "{\"text\": \"\xFF\"}"})
    EXPECT_EQ(encode(bad).substr(0, 6), "error:") << bad;
  EXPECT_EQ(encode(std::string(100'000, '[')).substr(0, 6), "error:");
  for (const char *bad :
       {"{\"ids\": 1}", "{\"ids\": [\"1\"]}", "{\"ids\": [-1]}",
        "{\"ids\": [1.5]}", "{\"ids\": [99999999999]}", "{\"ids\": [99999]}"})
    EXPECT_EQ(decode(bad).substr(0, 6), "error:") << bad;
}
