//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cutting, merging and added tokens, on the tiny model and on vocabularies made
// for one case each.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"

#include <algorithm>
#include <chrono>
#include <random>

using namespace mx;

namespace {
using Ids = std::vector<int32_t>;
using TokenizerTest = TokenizerFileTest;

/// Adds tokens from id 256 on, and merges, spelled with ASCII letters.
void addMerges(nlohmann::json &json, const std::vector<std::string> &tokens,
               const std::vector<std::pair<std::string, std::string>> &merges) {
  int64_t id = 256;
  for (const std::string &token : tokens)
    json["model"]["vocab"][token] = id++;
  for (const auto &[left, right] : merges)
    json["model"]["merges"].push_back({left, right});
}

TEST_F(TokenizerTest, TinyModelAgreesWithItsReference) {
  Result<Tokenizer> tokenizer = Tokenizer::load(kTinyTokenizer);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->vocabSize(), 2048);
  // Made with the Python package tokenizers.
  EXPECT_EQ(
      encodeOrFail(*tokenizer, "To be, or not to be: that is the question."),
      (Ids{404, 308, 11, 537, 325, 290, 308, 25, 327, 330, 267, 560, 385, 405,
           13}));
  EXPECT_EQ(encodeOrFail(*tokenizer,
                         "KING RICHARD III:\nNow is the winter<|end|>", true),
            (Ids{463, 693, 937, 268, 768, 330, 267, 1757, 411, 2045}));
}

TEST_F(TokenizerTest, LoadsAFolder) {
  EXPECT_TRUE(Tokenizer::load(MXFP4_SOURCE_DIR "/models/tiny-shakespeare"));
}

TEST_F(TokenizerTest, RoundTripsTheHeldOutText) {
  Result<Tokenizer> tokenizer = Tokenizer::load(kTinyTokenizer);
  std::string text =
      test::readText(MXFP4_SOURCE_DIR "/models/tiny-shakespeare/heldout.txt");
  ASSERT_FALSE(text.empty());
  EXPECT_EQ(decodeOrFail(*tokenizer, encodeOrFail(*tokenizer, text)), text);
}

TEST_F(TokenizerTest, RoundTripsEveryCharacter) {
  Result<Tokenizer> tokenizer = Tokenizer::load(kTinyTokenizer);
  std::string text;
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000)
      continue;
    if (c < 0x80) {
      text += static_cast<char>(c);
      continue;
    }
    if (c >= 0x10000) {
      text += static_cast<char>(0xF0 | c >> 18);
      text += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    } else if (c >= 0x800) {
      text += static_cast<char>(0xE0 | c >> 12);
    }
    text += c < 0x800 ? static_cast<char>(0xC0 | c >> 6)
                      : static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  }
  EXPECT_EQ(decodeOrFail(*tokenizer, encodeOrFail(*tokenizer, text)), text);
}

TEST_F(TokenizerTest, InvalidUtf8IsRefusedWithItsOffset) {
  Tokenizer tokenizer = loadJson(makeByteTokenizer());
  for (const char *bad :
       {"\x80", "\xC0\xAF", "\xE2\x82", "\xED\xA0\x80", "\xF4\x90\x80\x80"}) {
    Result<Ids> ids = tokenizer.encode("é!" + std::string(bad));
    ASSERT_FALSE(ids);
    EXPECT_EQ(ids.error().message, "the text is not valid UTF-8 at byte 3");
  }
}

TEST_F(TokenizerTest, UnknownIdsAreErrors) {
  Tokenizer tokenizer = loadJson(makeByteTokenizer());
  EXPECT_EQ(tokenizer.decode({256}).error().message,
            "no token has the id 256 in a vocabulary of 256");
  EXPECT_FALSE(tokenizer.decode({-1}));
  EXPECT_FALSE(tokenizer.tokenBytes(INT32_MAX));
}

/// The order of merges is that of their list, whatever the ids are.
TEST_F(TokenizerTest, MergesFollowTheirListAndNotTheIds) {
  nlohmann::json json = makeByteTokenizer();
  addMerges(json, {"ab", "bc"}, {{"b", "c"}, {"a", "b"}});
  EXPECT_EQ(encodeOrFail(loadJson(json), "abc"), (Ids{'a', 257}));
}

TEST_F(TokenizerTest, EqualPairsMergeFromTheLeft) {
  nlohmann::json json = makeByteTokenizer();
  addMerges(json, {"aa"}, {{"a", "a"}});
  EXPECT_EQ(encodeOrFail(loadJson(json), "aaa"), (Ids{256, 'a'}));
}

/// Two ways to make one token have ranks of their own in a list of merges...
TEST_F(TokenizerTest, MergesOfOneTokenDifferInRank) {
  nlohmann::json json = makeByteTokenizer();
  addMerges(json, {"ab", "ba", "aba"},
            {{"b", "a"}, {"a", "ba"}, {"ab", "a"}, {"a", "b"}});
  EXPECT_EQ(encodeOrFail(loadJson(json), "aba"), (Ids{258}));
  EXPECT_EQ(encodeOrFail(loadJson(json), "ab"), (Ids{256}));
}

/// ...and the last entry counts if a pair is listed twice.
TEST_F(TokenizerTest, TheLastOfTwoEqualMergesCounts) {
  nlohmann::json json = makeByteTokenizer();
  addMerges(json, {"ab", "bc"}, {{"a", "b"}, {"b", "c"}, {"a", "b"}});
  EXPECT_EQ(encodeOrFail(loadJson(json), "abc"), (Ids{'a', 257}));
}

TEST_F(TokenizerTest, MergesMayBeStringsWithASpace) {
  nlohmann::json json = makeByteTokenizer();
  addMerges(json, {"ab"}, {});
  json["model"]["merges"].push_back("a b");
  EXPECT_EQ(encodeOrFail(loadJson(json), "ab"), (Ids{256}));
}

TEST_F(TokenizerTest, IgnoreMergesTakesWholePieces) {
  nlohmann::json json = makeByteTokenizer();
  addMerges(json, {"abc"}, {});
  EXPECT_EQ(encodeOrFail(loadJson(json), "abc"), (Ids{'a', 'b', 'c'}));
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(encodeOrFail(loadJson(json), "abc"), (Ids{256}));
  EXPECT_EQ(encodeOrFail(loadJson(json), "abcd"), (Ids{'a', 'b', 'c', 'd'}));
}

TEST_F(TokenizerTest, AddedTokensMatchLeftmostThenLongest) {
  nlohmann::json json = makeByteTokenizer();
  json["added_tokens"] = {
      makeAddedToken(256, "ab", false), makeAddedToken(257, "abcd", false),
      makeAddedToken(258, "bcdefg", false), makeAddedToken(259, "xy", false)};
  Tokenizer tokenizer = loadJson(json);
  EXPECT_EQ(encodeOrFail(tokenizer, "abcdefg"), (Ids{257, 'e', 'f', 'g'}));
  EXPECT_EQ(encodeOrFail(tokenizer, "abcxy"), (Ids{256, 'c', 259}));
  EXPECT_EQ(encodeOrFail(tokenizer, "abc"), (Ids{256, 'c'}));
  EXPECT_EQ(tokenizer.idOf("abcd"), 257);
  EXPECT_EQ(tokenizer.idOf("abc"), std::nullopt);
}

TEST_F(TokenizerTest, NormalizedAddedTokensComeSecond) {
  nlohmann::json json = makeByteTokenizer();
  json["added_tokens"] = {makeAddedToken(256, "ab", false, true),
                          makeAddedToken(257, "bc", false, false)};
  Tokenizer tokenizer = loadJson(json);
  EXPECT_EQ(encodeOrFail(tokenizer, "abcab"), (Ids{'a', 257, 256}));
}

TEST_F(TokenizerTest, SpecialTokensInTheVocabularyAreNeverText) {
  nlohmann::json json = makeByteTokenizer();
  json["model"]["ignore_merges"] = true;
  json["model"]["vocab"]["<s>"] = 256;
  json["added_tokens"] = {makeAddedToken(256, "<s>", true)};
  Tokenizer tokenizer = loadJson(json);
  EXPECT_EQ(encodeOrFail(tokenizer, "<s>"), (Ids{'<', 's', '>'}));
  EXPECT_EQ(encodeOrFail(tokenizer, "<s>", true), (Ids{256}));
  EXPECT_TRUE(tokenizer.isSpecial(256));
}

/// The text between special tokens is cut by itself: the pattern does not see
/// what follows.
TEST_F(TokenizerTest, SpecialTokensEndTheText) {
  Result<Tokenizer> tokenizer = Tokenizer::load(kTinyTokenizer);
  Ids expected = encodeOrFail(*tokenizer, "a  ");
  expected.push_back(*tokenizer->idOf("<|end|>"));
  EXPECT_EQ(encodeOrFail(*tokenizer, "a  <|end|>", true), expected);
}

/// Random text of what the o200k pattern tells apart, cut by the scanner and,
/// as the pattern is spelled differently, by PCRE2.
TEST_F(TokenizerTest, ScannerAgreesWithThePattern) {
  nlohmann::json json = nlohmann::json::parse(test::readText(kTinyTokenizer));
  Tokenizer scanned = loadJson(json);
  nlohmann::json &regex =
      json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"];
  regex = "(?:" + regex.get<std::string>() + ")";
  Tokenizer matched = loadJson(json);

  const char *parts[] = {
      "a",      "s",      "t",      "re",        "Ve",     "LL",
      "D",      "A",      "Z",      "\u01C5",    "\u02B0", "\u4E2D",
      "\u0301", "\u0E01", "\u00E9", "\u0416",    "0",      "12",
      "\u0663", "\u2168", " ",      "  ",        "\t",     "\n",
      "\r\n",   "\u00A0", "\u0085", "\u3000",    "!",      "'",
      "/",      "-",      "\u2019", "\u017F",    "\u200B", "\U0001F600",
      "\u0378", "\uE000", "\u20DD", "\U000E0100"};
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (unsigned left = random() % 12 + 1; left; --left)
      text += parts[random() % std::size(parts)];
    ASSERT_EQ(encodeOrFail(scanned, text), encodeOrFail(matched, text)) << text;
  }
}

/// The rule, as slow and simple as it can be said.
Ids mergeSlowly(const std::string &text,
                const std::vector<std::string> &tokens) {
  std::vector<std::string> parts;
  for (char c : text)
    parts.emplace_back(1, c);
  auto rankOf = [&](const std::string &token) {
    return std::find(tokens.begin(), tokens.end(), token) - tokens.begin();
  };
  while (true) {
    auto best = static_cast<ptrdiff_t>(tokens.size());
    size_t at = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i)
      if (rankOf(parts[i] + parts[i + 1]) < best) {
        best = rankOf(parts[i] + parts[i + 1]);
        at = i;
      }
    if (best == static_cast<ptrdiff_t>(tokens.size()))
      break;
    parts[at] += parts[at + 1];
    parts.erase(parts.begin() + at + 1);
  }
  Ids ids;
  for (const std::string &part : parts)
    ids.push_back(part.size() == 1 ? part[0]
                                   : static_cast<int32_t>(256 + rankOf(part)));
  return ids;
}

/// Base64 of two or more letters.
std::string encodeBase64(const std::string &bytes) {
  const char *digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k)
      bits = bits << 8 |
             (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k)
      text += i + k > bytes.size() ? '=' : digits[bits >> (18 - 6 * k) & 63];
  }
  return text;
}

/// Ranks of random tokens, whose order no training would give: a merge can make
/// a pair that comes before it. Short and long pieces take different code.
TEST_F(TokenizerTest, RandomRanksMergeByTheRule) {
  std::mt19937 random(2);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> tokens;
    std::string ranks;
    for (unsigned byte = 0; byte < 256; ++byte)
      ranks += encodeBase64(std::string(1, static_cast<char>(byte))) + " " +
               std::to_string(byte) + "\n";
    while (tokens.size() < 30) {
      std::string token;
      for (unsigned left = random() % 4 + 2; left; --left)
        token += static_cast<char>('a' + random() % 2);
      if (std::find(tokens.begin(), tokens.end(), token) != tokens.end())
        continue;
      ranks += encodeBase64(token) + " " + std::to_string(256 + tokens.size()) +
               "\n";
      tokens.push_back(token);
    }
    Result<Tokenizer> tokenizer = loadText(ranks, "random.tiktoken");
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    for (int i = 0; i < 50; ++i) {
      std::string text;
      for (unsigned left = random() % 150 + 6; left; --left)
        text += static_cast<char>('a' + random() % 2);
      ASSERT_EQ(encodeOrFail(*tokenizer, text), mergeSlowly(text, tokens));
    }
  }
}

/// A quadratic step would take hours here.
TEST_F(TokenizerTest, LongRunsTakeLinearTime) {
  Result<Tokenizer> tokenizer = Tokenizer::load(kTinyTokenizer);
  auto start = std::chrono::steady_clock::now();
  for (const char *unit :
       {"a",      "A",      "aB",         "1",   " ",       "\n",     "\t",
        "!",      "'",      "/",          "<",   "<|",      "\u00A0", "\u4E2D",
        "\u0301", "\u02B0", "\U0001F600", " \n", "\u4E2DA", "'s"}) {
    std::string text;
    while (text.size() < 1'000'000)
      text += unit;
    EXPECT_EQ(decodeOrFail(*tokenizer, encodeOrFail(*tokenizer, text, true)),
              text);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::minutes(2));
}
} // namespace
