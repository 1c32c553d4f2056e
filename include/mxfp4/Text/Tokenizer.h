//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text to tokens and back: byte-level BPE as in a Hugging Face `tokenizer.json`
// or a `.tiktoken` rank file. A Tokenizer does not change once loaded and may
// be used from several threads; copies share their tables.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEXT_TOKENIZER_H
#define MXFP4_TEXT_TOKENIZER_H

#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mx {

/// How `Tokenizer::encode` reads its text.
struct EncodeOptions {
  /// True if the names of special tokens in the text become these tokens. Only
  /// for text that no user wrote: a user could inject control tokens with it.
  bool parseSpecial = false;
};

/// A vocabulary with its rules for cutting text into tokens.
class Tokenizer {
public:
  /// Reads `path`: a `tokenizer.json`, a folder with one, or a file of base64
  /// ranks (any name that ends in `.tiktoken`). Ranks are used with the pattern
  /// of o200k, and the full o200k ranks with the special tokens of
  /// o200k_harmony.
  static Result<Tokenizer> load(const std::string &path);

  /// The tokens of `text`, which must be valid UTF-8 and shorter than 2 GiB.
  /// Takes time in proportion to the length, up to a logarithm.
  Result<std::vector<int32_t>> encode(std::string_view text,
                                      EncodeOptions options = {}) const;

  /// The bytes of `ids`, one after the other; not always valid UTF-8.
  Result<std::string> decode(const std::vector<int32_t> &ids) const;

  /// The bytes of one token, valid as long as this tokenizer or a copy of it.
  Result<std::string_view> tokenBytes(int32_t id) const;

  /// One more than the largest id.
  int32_t vocabSize() const;

  /// The id of the added token named `text`, such as `<|return|>`.
  std::optional<int32_t> idOf(std::string_view text) const;

  /// True if `id` is a special token: it stands for no text of a user.
  bool isSpecial(int32_t id) const;

private:
  struct Tables;

  explicit Tokenizer(std::shared_ptr<const Tables> tables)
      : tables(std::move(tables)) {}

  std::shared_ptr<const Tables> tables;
};

/// Decodes a stream of tokens into valid UTF-8 as soon as it is certain.
///
/// A token may end inside a character; those bytes wait for the next token.
/// Each maximal part of an invalid sequence becomes one U+FFFD.
class StreamDecoder {
public:
  explicit StreamDecoder(Tokenizer tokenizer)
      : tokenizer(std::move(tokenizer)) {}

  /// Adds a token and returns the text that it completes, perhaps none.
  Result<std::string> push(int32_t id);

  /// Ends the stream: returns U+FFFD if a character was left incomplete.
  std::string flush();

private:
  Tokenizer tokenizer;
  std::string pending;
};

} // namespace mx

#endif // MXFP4_TEXT_TOKENIZER_H
