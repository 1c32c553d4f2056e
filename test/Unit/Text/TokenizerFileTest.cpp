//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tokenizer files that are wrong in one place: each gives one clear error.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"

using namespace mx;

namespace {
/// The message for `text`, without the folder of the test.
class BadTokenizerTest : public TokenizerFileTest {
protected:
  std::string messageFor(const std::string &text,
                         const std::string &name = "tokenizer.json") {
    Result<Tokenizer> tokenizer = loadText(text, name);
    if (tokenizer)
      return "no error";
    std::string message = tokenizer.error().message;
    EXPECT_EQ(message.find(folder / name), 0u) << message;
    return message.substr(folder.path.size() + 1);
  }

  /// The message after `json`, which starts as a good file, is changed at the
  /// place `pointer`.
  std::string messageWith(const std::string &pointer, nlohmann::json value) {
    nlohmann::json json = makeByteTokenizer();
    json[nlohmann::json::json_pointer(pointer)] = std::move(value);
    return messageFor(json.dump());
  }
};

TEST_F(BadTokenizerTest, MissingFile) {
  Result<Tokenizer> tokenizer = Tokenizer::load(folder.path);
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().message,
            (folder / "tokenizer.json") +
                ": cannot open: No such file or directory");
}

TEST_F(BadTokenizerTest, EveryTruncation) {
  std::string text = makeByteTokenizer().dump();
  for (size_t size = 0; size < text.size(); size += 7)
    EXPECT_NE(messageFor(text.substr(0, size)), "no error");
}

TEST_F(BadTokenizerTest, NotJson) {
  EXPECT_NE(messageFor("\xFF\xFE"), "no error");
  EXPECT_NE(messageFor(std::string(100000, '[')), "no error");
  EXPECT_EQ(messageFor("[]"),
            "tokenizer.json: expected 'the file' to be an object");
}

TEST_F(BadTokenizerTest, UnsupportedSettings) {
  const std::string file = "tokenizer.json: ";
  EXPECT_EQ(messageWith("/normalizer", {{"type", "NFC"}}),
            file + "expected 'normalizer' to be null");
  EXPECT_EQ(messageWith("/truncation", {{"max_length", 5}}),
            file + "expected 'truncation' to be null");
  EXPECT_EQ(messageWith("/pre_tokenizer/type", "Whitespace"),
            file + "expected 'pre_tokenizer.type' to be 'Sequence', but got "
                   "'Whitespace'");
  EXPECT_EQ(
      messageWith("/pre_tokenizer/pretokenizers", nlohmann::json::array()),
      file + "expected 'pre_tokenizer.pretokenizers' to be an array of Split "
             "and ByteLevel");
  const std::string split = "/pre_tokenizer/pretokenizers/0";
  const std::string bytes = "/pre_tokenizer/pretokenizers/1";
  EXPECT_EQ(messageWith(split + "/behavior", "Removed"),
            file + "expected 'pre_tokenizer.pretokenizers[0].behavior' to be "
                   "'Isolated', but got 'Removed'");
  EXPECT_EQ(messageWith(split + "/invert", true),
            file + "expected 'pre_tokenizer.pretokenizers[0].invert' to be "
                   "false, but got true");
  EXPECT_EQ(messageWith(split + "/pattern", {{"String", " "}}),
            file + "expected 'pre_tokenizer.pretokenizers[0].pattern.Regex' to "
                   "be a string");
  EXPECT_EQ(messageWith(bytes + "/add_prefix_space", true),
            file + "expected "
                   "'pre_tokenizer.pretokenizers[1].add_prefix_space' to be "
                   "false, but got true");
  EXPECT_NE(messageWith(bytes + "/use_regex", true), "no error");
  EXPECT_EQ(messageWith("/post_processor", {{"type", "TemplateProcessing"}}),
            file + "expected 'post_processor.type' to be 'ByteLevel', but got "
                   "'TemplateProcessing'");
  EXPECT_EQ(messageWith("/decoder", nullptr),
            file + "expected 'decoder' to be an object");
  EXPECT_EQ(messageWith("/model/type", "WordPiece"),
            file + "expected 'model.type' to be 'BPE', but got 'WordPiece'");
  EXPECT_EQ(messageWith("/model/dropout", 0.1),
            file + "expected 'model.dropout' to be null or 0");
  EXPECT_EQ(messageWith("/model/end_of_word_suffix", "</w>"),
            file + "expected 'model.end_of_word_suffix' to be null or empty");
  EXPECT_EQ(messageWith("/model/ignore_merges", "yes"),
            file + "expected 'model.ignore_merges' to be true or false");
}

TEST_F(BadTokenizerTest, BadPattern) {
  const std::string regex = "/pre_tokenizer/pretokenizers/0/pattern/Regex";
  EXPECT_EQ(messageWith(regex, "a(b"),
            "tokenizer.json: the pattern is wrong at byte 3: missing closing "
            "parenthesis");
}

TEST_F(BadTokenizerTest, ExponentialPatternEnds) {
  Tokenizer tokenizer =
      loadJson(makeByteTokenizer("(?:a+)+b|(?:\\w+\\s?)+\\z!"));
  Result<std::vector<int32_t>> ids = tokenizer.encode(std::string(60, 'a'));
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().message, "the pattern takes too long on this text");
}

TEST_F(BadTokenizerTest, Vocabulary) {
  const std::string file = "tokenizer.json: ";
  EXPECT_EQ(messageWith("/model/vocab", nlohmann::json::array()),
            file + "expected 'model.vocab' to be an object");
  EXPECT_EQ(messageWith("/model/vocab/ab", "1"),
            file + "expected 'model.vocab['ab']' to be an id between 0 and "
                   "1048575");
  for (int64_t id : {int64_t(-1), int64_t(1) << 20, INT64_MAX})
    EXPECT_NE(messageWith("/model/vocab/ab", id), "no error");
  EXPECT_EQ(messageWith("/model/vocab/ab", 97),
            file + "'model.vocab' has 'ab' or its id 97 twice");
  EXPECT_EQ(messageWith("/model/vocab/a b", 300),
            file + "'model.vocab' has 'a b', which has a character that stands "
                   "for no byte");
  EXPECT_NE(messageWith("/model/vocab/\u4E2D", 300), "no error");
  EXPECT_NE(messageWith("/model/vocab/", 300), "no error");
  EXPECT_NE(messageWith("/model/vocab/" + std::string(1000, 'a'), 300),
            "no error");
  nlohmann::json json = makeByteTokenizer();
  json["model"]["vocab"].erase("a");
  EXPECT_EQ(messageFor(json.dump()),
            file + "'model.vocab' has no token for byte 97");
}

TEST_F(BadTokenizerTest, DuplicateKeys) {
  std::string text = makeByteTokenizer().dump();
  std::string twice = text;
  twice.insert(1, "\"decoder\":null,");
  EXPECT_EQ(messageFor(twice), "tokenizer.json: the file has 'decoder' twice");
  size_t vocab = text.find("\"vocab\":{") + 9;
  twice = text;
  twice.insert(vocab, "\"a\":300,");
  EXPECT_EQ(messageFor(twice),
            "tokenizer.json: 'model.vocab' has 'a' or its id 97 twice");
}

TEST_F(BadTokenizerTest, Merges) {
  const std::string file = "tokenizer.json: ";
  auto messageOf = [&](nlohmann::json merge) {
    return messageWith("/model/merges", nlohmann::json::array({merge}));
  };
  EXPECT_EQ(messageWith("/model/merges", "a b"),
            file + "expected 'model.merges' to be an array");
  EXPECT_EQ(messageOf({"a", "\u4E2D"}),
            file + "'model.merges[0]' needs '\u4E2D', which is not in the "
                   "vocabulary");
  EXPECT_EQ(messageOf({"a", "b"}),
            file +
                "'model.merges[0]' needs 'ab', which is not in the vocabulary");
  EXPECT_EQ(messageOf("a b c"), file + "expected 'model.merges[0]' to be two "
                                       "tokens with a space between them");
  EXPECT_EQ(messageOf({"a"}),
            file + "expected 'model.merges[0]' to be two strings");
  EXPECT_NE(messageOf({"a", 1}), "no error");
  EXPECT_NE(messageOf(7), "no error");
  EXPECT_NE(messageOf({"", "a"}), "no error");
}

TEST_F(BadTokenizerTest, AddedTokens) {
  const std::string file = "tokenizer.json: ";
  auto messageOf = [&](nlohmann::json tokens) {
    return messageWith("/added_tokens", std::move(tokens));
  };
  EXPECT_EQ(messageOf({makeAddedToken(256, "<s>", true),
                       makeAddedToken(256, "<t>", true)}),
            file + "'added_tokens' has the id 256 twice");
  EXPECT_EQ(messageOf({makeAddedToken(256, "<s>", true),
                       makeAddedToken(257, "<s>", true)}),
            file + "'added_tokens' has '<s>' twice");
  EXPECT_EQ(messageOf({makeAddedToken(97, "<s>", true)}),
            file + "the id 97 of the added token '<s>' is in the vocabulary as "
                   "another token");
  EXPECT_EQ(messageOf({makeAddedToken(300, "b", false)}),
            file + "'model.vocab' gives 'b' the id 98, but 'added_tokens' "
                   "gives it 300");
  EXPECT_EQ(messageOf({makeAddedToken(1 << 30, "<s>", true)}),
            file + "expected 'added_tokens[0].id' to be an id between 0 and "
                   "1048575");
  EXPECT_EQ(messageOf({makeAddedToken(256, "", true)}),
            file + "expected 'added_tokens[0].content' to be 1 to 512 bytes");
  nlohmann::json stripped = makeAddedToken(256, "<s>", true);
  stripped["lstrip"] = true;
  EXPECT_EQ(messageOf({stripped}), file + "expected 'added_tokens[0].lstrip' "
                                          "to be false, but got true");
  EXPECT_NE(messageOf({1}), "no error");
  EXPECT_NE(messageOf({{"id", 1}}), "no error");
}

TEST_F(BadTokenizerTest, Ranks) {
  auto messageOf = [&](const std::string &text) {
    return messageFor(text, "x.tiktoken");
  };
  const std::string line = "x.tiktoken: line 1 ";
  EXPECT_EQ(messageOf(""), "x.tiktoken: no token for byte 0");
  EXPECT_EQ(messageOf("AAAA"),
            line + "is not a token in base64, a space and a rank");
  for (const char *rank : {"-1", "1048576", "99999999999999999999", "1x", ""})
    EXPECT_EQ(messageOf(std::string("AAAA ") + rank),
              line + "has no rank between 0 and 1048575");
  for (const char *token : {"A", "AA", "A===", "====", "A A=", "AA\x80=", ""})
    EXPECT_NE(messageOf(std::string(token) + " 1"), "no error") << token;
  EXPECT_EQ(messageOf("!!!! 1"), line + "has no token in base64");
  EXPECT_EQ(messageOf("AAAA 1\nAAAB 1\n"),
            "x.tiktoken: line 2 repeats a rank or a token");
  EXPECT_EQ(messageOf("AAAA 1\r\n\nAAAA 2\n"),
            "x.tiktoken: line 3 repeats a rank or a token");
  EXPECT_EQ(messageOf(std::string(4000, 'A') + " 1"),
            line + "has a token of 3000 bytes, more than 512");
}
} // namespace
