//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small tokenizer files for tests, written to a folder that goes away.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEST_UNIT_TEXT_TESTSUPPORT_H
#define MXFP4_TEST_UNIT_TEXT_TESTSUPPORT_H

#include "Support/TemporaryFolder.h"
#include "mxfp4/Text/Tokenizer.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace mx {

/// The trained model of the repository.
inline const std::string kTinyTokenizer =
    MXFP4_SOURCE_DIR "/models/tiny-shakespeare/tokenizer.json";

/// The spelling of a byte in a vocabulary.
inline std::string spell(unsigned byte) {
  unsigned codePoint = byte;
  if (byte < 0x21)
    codePoint = 0x100 + byte;
  else if (byte >= 0x7F && byte <= 0xA0)
    codePoint = 0x121 + byte - 0x7F;
  else if (byte == 0xAD)
    codePoint = 0x143;
  if (codePoint < 0x80)
    return std::string(1, static_cast<char>(codePoint));
  return {static_cast<char>(0xC0 | codePoint >> 6),
          static_cast<char>(0x80 | (codePoint & 0x3F))};
}

/// A tokenizer.json whose ids 0 to 255 are the bytes, with `pattern`.
inline nlohmann::json makeByteTokenizer(const std::string &pattern = ".+") {
  nlohmann::json vocab;
  for (unsigned byte = 0; byte < 256; ++byte)
    vocab[spell(byte)] = byte;
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", nlohmann::json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "Sequence"},
            {"pretokenizers",
             {{{"type", "Split"},
               {"pattern", {{"Regex", pattern}}},
               {"behavior", "Isolated"},
               {"invert", false}},
              {{"type", "ByteLevel"},
               {"add_prefix_space", false},
               {"trim_offsets", true},
               {"use_regex", false}}}}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"ignore_merges", false},
            {"vocab", vocab},
            {"merges", nlohmann::json::array()}}}};
}

inline nlohmann::json makeAddedToken(int64_t id, const std::string &content,
                                     bool special, bool normalized = false) {
  return {{"id", id},          {"content", content}, {"single_word", false},
          {"lstrip", false},   {"rstrip", false},    {"normalized", normalized},
          {"special", special}};
}

/// A test with a folder of its own.
class TokenizerFileTest : public testing::Test {
protected:
  /// Loads `text` from a file called `name`.
  Result<Tokenizer> loadText(const std::string &text,
                             const std::string &name = "tokenizer.json") {
    test::writeText(folder / name, text);
    return Tokenizer::load(folder / name);
  }

  Tokenizer loadJson(const nlohmann::json &json) {
    Result<Tokenizer> tokenizer = loadText(json.dump());
    EXPECT_TRUE(tokenizer) << tokenizer.error().message;
    return *tokenizer;
  }

  test::TemporaryFolder folder;
};

/// The tokens of a text that has some.
inline std::vector<int32_t> encodeOrFail(const Tokenizer &tokenizer,
                                         std::string_view text,
                                         bool parseSpecial = false) {
  Result<std::vector<int32_t>> ids = tokenizer.encode(text, {parseSpecial});
  EXPECT_TRUE(ids) << ids.error().message;
  return ids ? *ids : std::vector<int32_t>();
}

inline std::string decodeOrFail(const Tokenizer &tokenizer,
                                const std::vector<int32_t> &ids) {
  Result<std::string> text = tokenizer.decode(ids);
  EXPECT_TRUE(text) << text.error().message;
  return text ? *text : std::string();
}

} // namespace mx

#endif // MXFP4_TEST_UNIT_TEXT_TESTSUPPORT_H
