//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The official GPT-OSS tokenizer, in both of its forms. Its files are not part
// of the repository: MXFP4_TEST_DATA names the folder with
// `gpt-oss-tokenizer/`.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"

using namespace mx;

namespace {
using Ids = std::vector<int32_t>;

/// Run on `tokenizer.json` and on the ranks.
class OfficialTokenizerTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    const char *data = std::getenv("MXFP4_TEST_DATA");
    if (!data)
      GTEST_SKIP() << "MXFP4_TEST_DATA does not name a folder";
    Result<Tokenizer> loaded =
        Tokenizer::load(std::string(data) + "/gpt-oss-tokenizer/" + GetParam());
    ASSERT_TRUE(loaded) << loaded.error().message;
    tokenizer = *loaded;
  }

  Ids encode(std::string_view text, bool parseSpecial = false) {
    return encodeOrFail(*tokenizer, text, parseSpecial);
  }

  std::optional<Tokenizer> tokenizer;
};

INSTANTIATE_TEST_SUITE_P(Files, OfficialTokenizerTest,
                         testing::Values("tokenizer.json",
                                         "o200k_base.tiktoken"));

TEST_P(OfficialTokenizerTest, EncodesKnownTexts) {
  const std::pair<const char *, Ids> known[] = {
      {"", {}},
      {"hello world", {24912, 2375}},
      {"Hello, world!", {13225, 11, 2375, 0}},
      {"12345 123 1 42 999",
       {7633, 2548, 220, 7633, 220, 16, 220, 4689, 220, 9130}},
      {"multiple   spaces   here", {76466, 256, 18608, 256, 2105}},
      {"line1\nline2\nline3", {1137, 16, 198, 1137, 17, 198, 1137, 18}},
      {"camelCase httpClient parseHTTPResponse",
       {178067, 6187, 3958, 3510, 8420, 17893, 3186}},
      {"DON'T don't Can't can't", {134882, 51532, 4128, 58989, 8535}},
      {"你好世界", {177519, 28428}},
      {"こんにちは世界", {95839, 28428}},
      {"안녕하세요 세계", {14307, 171731, 75755}},
      {"Привет мир", {23881, 131903, 37934}},
  };
  for (const auto &[text, ids] : known) {
    EXPECT_EQ(encode(text), ids) << text;
    EXPECT_EQ(decodeOrFail(*tokenizer, ids), text);
  }
}

TEST_P(OfficialTokenizerTest, ParsesSpecialTokensOnlyIfAsked) {
  EXPECT_EQ(encode("<|start|>", true), Ids{200006});
  Ids asText = encode("<|start|>");
  EXPECT_GT(asText.size(), 1u);
  for (int32_t id : asText)
    EXPECT_FALSE(tokenizer->isSpecial(id));
  EXPECT_EQ(decodeOrFail(*tokenizer, asText), "<|start|>");
}

TEST_P(OfficialTokenizerTest, EncodesAHarmonyCompletion) {
  const char *text =
      "<|channel|>analysis<|message|>User asks: \"What is 2 + 2?\" Simple "
      "arithmetic. Provide answer.<|end|><|start|>assistant<|channel|>final"
      "<|message|>2 + 2 = 4.<|return|>";
  Ids ids = {200005, 35644, 200008, 1844,  31064, 25,     392,    4827,
             382,    220,   17,     659,   220,   17,     16842,  12295,
             81645,  13,    51441,  6052,  13,    200007, 200006, 173781,
             200005, 17196, 200008, 17,    659,   220,    17,     314,
             220,    19,    13,     200002};
  EXPECT_EQ(encode(text, true), ids);
  EXPECT_EQ(decodeOrFail(*tokenizer, ids), text);
}

TEST_P(OfficialTokenizerTest, KnowsSpecialTokensByName) {
  EXPECT_EQ(tokenizer->idOf("<|return|>"), 200002);
  EXPECT_EQ(tokenizer->idOf("<|endofprompt|>"), 200018);
  EXPECT_EQ(tokenizer->idOf("hello"), std::nullopt);
  EXPECT_TRUE(tokenizer->isSpecial(199999));
  EXPECT_FALSE(tokenizer->isSpecial(199997));
  EXPECT_EQ(*tokenizer->tokenBytes(200018), "<|endofprompt|>");
  EXPECT_FALSE(tokenizer->tokenBytes(201088));
}

TEST_P(OfficialTokenizerTest, DecodesTokensThatAreNotUtf8) {
  std::string bytes = decodeOrFail(*tokenizer, {132990, 9552});
  EXPECT_FALSE(tokenizer->encode(bytes));
  StreamDecoder decoder(*tokenizer);
  std::string text = *decoder.push(132990) + *decoder.push(9552);
  text += decoder.flush();
  EXPECT_NE(text.find("\uFFFD"), text.npos);
  EXPECT_TRUE(tokenizer->encode(text));
}

TEST_P(OfficialTokenizerTest, RoundTripsATextAndItsStream) {
  std::string text =
      test::readText(MXFP4_SOURCE_DIR "/models/tiny-shakespeare/heldout.txt");
  Ids ids = encode(text);
  EXPECT_EQ(decodeOrFail(*tokenizer, ids), text);
  StreamDecoder decoder(*tokenizer);
  std::string streamed;
  for (int32_t id : ids)
    streamed += *decoder.push(id);
  EXPECT_EQ(streamed + decoder.flush(), text);
}

TEST(OfficialTokenizer, RanksHaveAllReservedTokens) {
  const char *data = std::getenv("MXFP4_TEST_DATA");
  if (!data)
    GTEST_SKIP() << "MXFP4_TEST_DATA does not name a folder";
  Result<Tokenizer> tokenizer = Tokenizer::load(
      std::string(data) + "/gpt-oss-tokenizer/o200k_base.tiktoken");
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->vocabSize(), 201088);
  EXPECT_EQ(tokenizer->idOf("<|reserved_201087|>"), 201087);
  // Two names of one token.
  EXPECT_EQ(tokenizer->idOf("<|reserved_200018|>"), 200018);
  EXPECT_EQ(tokenizer->idOf("<|reserved_200002|>"), std::nullopt);
}
} // namespace
