//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loading, encoding and decoding. Text is cut in three steps: at added tokens,
// by the pattern, and by merging bytes.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Text/Tokenizer.h"

#include "Splitter.h"
#include "TokenizerFile.h"
#include "mxfp4/Support/File.h"
#include "mxfp4/Support/Utf8.h"

#include <simdjson.h>

#include <filesystem>

using namespace mx;

/// No tokenizer file is larger; the largest in use are some 40 MB.
static constexpr uint64_t kMaxFileBytes = 256 << 20;
/// Offsets in a piece are 32 bits wide.
static constexpr size_t kMaxTextBytes = (size_t(1) << 31) - 1;

struct Tokenizer::Tables {
  BytePairModel model;
  AddedTokens added;
  Splitter splitter;
};

namespace {
/// Encodes one text.
class Encoder {
public:
  Encoder(const BytePairModel &model, const AddedTokens &added,
          const Splitter &splitter, EncodeOptions options, size_t bytes)
      : added(added), options(options), pieces(model), run(splitter, bytes) {}

  /// Appends the tokens of `text`. Added tokens that are not normalized come
  /// before those that are, whatever their order in the text.
  Status encode(std::string_view text) {
    return encodeBetween(text, /*normalized=*/false, [&](std::string_view gap) {
      return encodeBetween(
          gap, /*normalized=*/true, [&](std::string_view rest) {
            return run.split(rest, [&](std::string_view piece) {
              pieces.encode(piece, ids);
            });
          });
    });
  }

  std::vector<int32_t> ids;

private:
  /// Appends the added tokens in `text` and calls `encodeGap` between them.
  template <typename Function>
  Status encodeBetween(std::string_view text, bool normalized,
                       Function encodeGap) {
    size_t begin = 0;
    while (auto match =
               added.find(text, begin, normalized, options.parseSpecial)) {
      if (Status status = encodeGap(text.substr(begin, match->begin - begin));
          !status)
        return status;
      ids.push_back(match->id);
      begin = match->end;
    }
    return encodeGap(text.substr(begin));
  }

  const AddedTokens &added;
  EncodeOptions options;
  PieceEncoder pieces;
  Splitter::Run run;
};
} // namespace

/// The offset of the first byte that is not part of a valid character.
static std::optional<size_t> findInvalidUtf8(std::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size()))
    return std::nullopt;
  for (size_t position = 0; position < text.size();) {
    Utf8Char next = readUtf8(text, position);
    if (next.kind != Utf8Char::Kind::Valid)
      return position;
    position += next.length;
  }
  return std::nullopt;
}

static bool endsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         text.substr(text.size() - end.size()) == end;
}

Result<Tokenizer> Tokenizer::load(const std::string &path) {
  std::string name = path;
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    name = (std::filesystem::path(path) / "tokenizer.json").string();
  Result<std::string> text = readFile(name, kMaxFileBytes);
  if (!text)
    return text.error();

  Result<TokenizerFile> file = endsWith(name, ".tiktoken")
                                   ? parseTiktoken(*text, name)
                                   : parseTokenizerJson(*text, name);
  if (!file)
    return file.error();
  Result<Splitter> splitter = Splitter::compile(file->pattern);
  if (!splitter)
    return Error{name + ": " + splitter.error().message};
  return Tokenizer(std::make_shared<Tables>(Tables{
      std::move(file->model), AddedTokens(std::move(file->added)), *splitter}));
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text,
                                               EncodeOptions options) const {
  if (text.size() > kMaxTextBytes)
    return Error{"expected a text of at most " + std::to_string(kMaxTextBytes) +
                 " bytes, but got " + std::to_string(text.size())};
  if (std::optional<size_t> offset = findInvalidUtf8(text))
    return Error{"the text is not valid UTF-8 at byte " +
                 std::to_string(*offset)};
  Encoder encoder(tables->model, tables->added, tables->splitter, options,
                  text.size());
  if (Status status = encoder.encode(text); !status)
    return status.error();
  return std::move(encoder.ids);
}

Result<std::string> Tokenizer::decode(const std::vector<int32_t> &ids) const {
  std::string text;
  for (int32_t id : ids) {
    Result<std::string_view> bytes = tokenBytes(id);
    if (!bytes)
      return bytes.error();
    text += *bytes;
  }
  return text;
}

Result<std::string_view> Tokenizer::tokenBytes(int32_t id) const {
  std::string_view bytes = tables->model.tokens.bytesOf(id);
  if (bytes.empty())
    return Error{"no token has the id " + std::to_string(id) +
                 " in a vocabulary of " + std::to_string(vocabSize())};
  return bytes;
}

int32_t Tokenizer::vocabSize() const { return tables->model.tokens.size(); }

std::optional<int32_t> Tokenizer::idOf(std::string_view text) const {
  return tables->added.idOf(text);
}

bool Tokenizer::isSpecial(int32_t id) const {
  return tables->added.isSpecial(id);
}
