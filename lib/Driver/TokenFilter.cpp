//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// JSON lines. What comes in may be hostile, so it is parsed by simdjson, which
// bounds depth and validates UTF-8.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/TokenFilter.h"

#include "mxfp4/Support/File.h"

#include <nlohmann/json.hpp>
#include <simdjson.h>

#include <cerrno>
#include <limits>
#include <unistd.h>

using namespace mx;

static constexpr size_t kMaxLineBytes = size_t(64) << 20;
static constexpr size_t kReadBytes = size_t(1) << 16;

Result<std::optional<std::string>> LineReader::next() {
  size_t searched = begin;
  for (;;) {
    size_t end = buffer.find('\n', searched);
    if (end != std::string::npos || (ended && begin < buffer.size())) {
      std::string line = buffer.substr(begin, end - begin);
      begin = end == std::string::npos ? buffer.size() : end + 1;
      ++lines;
      return std::optional<std::string>(std::move(line));
    }
    if (ended)
      return std::optional<std::string>();
    if (buffer.size() - begin > kMaxLineBytes)
      return Error{name + ": line " + std::to_string(lines + 1) +
                   " has more than " + std::to_string(kMaxLineBytes) +
                   " bytes"};

    buffer.erase(0, begin);
    begin = 0;
    searched = buffer.size();
    buffer.resize(searched + kReadBytes);
    ssize_t count = read(file, &buffer[searched], kReadBytes);
    buffer.resize(searched + size_t(count > 0 ? count : 0));
    if (count < 0 && errno != EINTR)
      return systemError(name + ": cannot read");
    ended = count == 0;
  }
}

/// Parses `line` and finds its field `key`, which should be `expected`. The
/// element lives as long as `parser`.
static Result<simdjson::dom::element> parseField(simdjson::dom::parser &parser,
                                                 std::string_view line,
                                                 const char *key,
                                                 const char *expected) {
  simdjson::dom::element field;
  simdjson::padded_string padded(line);
  if (auto error = parser.parse(padded)[key].get(field))
    return Error{std::string("expected {\"") + key + "\": " + expected +
                 "}, but found: " + simdjson::error_message(error)};
  return field;
}

Result<std::string> mx::encodeJsonLine(const Tokenizer &tokenizer,
                                       std::string_view line,
                                       EncodeOptions options) {
  simdjson::dom::parser parser;
  Result<simdjson::dom::element> field =
      parseField(parser, line, "text", "\"...\"");
  if (!field)
    return field.error();
  std::string_view text;
  if (field->get(text))
    return Error{"expected \"text\" to be a string"};
  Result<std::vector<int32_t>> ids = tokenizer.encode(text, options);
  if (!ids)
    return ids.error();
  // Not a json value for each id: there may be millions.
  std::string result = "{\"ids\":[";
  for (int32_t id : *ids) {
    result += std::to_string(id);
    result += ',';
  }
  if (!ids->empty())
    result.pop_back();
  return result + "]}";
}

Result<std::string> mx::decodeJsonLine(const Tokenizer &tokenizer,
                                       std::string_view line) {
  simdjson::dom::parser parser;
  Result<simdjson::dom::element> field =
      parseField(parser, line, "ids", "[...]");
  if (!field)
    return field.error();
  simdjson::dom::array ids;
  if (field->get(ids))
    return Error{"expected \"ids\" to be a list"};

  StreamDecoder decoder(tokenizer);
  std::string text;
  for (simdjson::dom::element element : ids) {
    int64_t id;
    if (element.get(id) || id < 0 || id > std::numeric_limits<int32_t>::max())
      return Error{"expected \"ids\" to be a list of token ids"};
    Result<std::string> piece = decoder.push(int32_t(id));
    if (!piece)
      return piece.error();
    text += *piece;
  }
  text += decoder.flush();
  return nlohmann::json{{"text", text}}.dump();
}
