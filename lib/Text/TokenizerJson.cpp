//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads a `tokenizer.json`. Only settings that this tokenizer follows exactly
// are accepted; everything else that would change tokens is an error that names
// it.
//
//===----------------------------------------------------------------------===//

#include "TokenizerFile.h"
#include "mxfp4/Support/Quote.h"
#include "mxfp4/Support/Utf8.h"

#include <simdjson.h>

#include <map>
#include <set>

using namespace mx;

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

/// The bytes that a token of the vocabulary spells, or nothing if it has a
/// character that stands for no byte.
///
/// Printable bytes stand for themselves; the others, in order, are U+0100 and
/// on.
static std::optional<std::string> unmapBytes(std::string_view spelled) {
  static const auto byteOf = [] {
    std::array<int, 0x144> table;
    table.fill(-1);
    unsigned next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      bool printable =
          (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
      table[printable ? byte : next++] = static_cast<int>(byte);
    }
    return table;
  }();

  std::string bytes;
  for (size_t i = 0; i < spelled.size();) {
    unsigned length;
    uint32_t codePoint = readValidUtf8(spelled, i, length);
    if (codePoint >= byteOf.size() || byteOf[codePoint] < 0)
      return std::nullopt;
    bytes.push_back(static_cast<char>(byteOf[codePoint]));
    i += length;
  }
  return bytes;
}

/// What an id has to be.
static std::string describeId() {
  return "an id between 0 and " + std::to_string(kMaxVocabSize - 1);
}

namespace {
/// A setting of the file and the path to it, for messages.
struct Setting {
  std::string path;
  /// Nothing if the file does not have it.
  std::optional<element> value;

  bool isNull() const { return !value || value->is_null(); }
};

/// Reads the document into a TokenizerFile. Each function reads one part and
/// returns what is wrong with it.
class JsonReader {
public:
  JsonReader(std::string name, TokenizerFile &file)
      : name(std::move(name)), file(file) {}

  Status read(element document);

private:
  Error fail(const std::string &what) const {
    return Error{name + ": " + what};
  }
  Error expected(const std::string &path, const std::string &what) const {
    return fail("expected '" + path + "' to be " + what);
  }

  /// The settings of an object, once it is known that none occurs twice.
  class Settings {
  public:
    Setting operator[](const std::string &key) const {
      std::string full = path.empty() ? key : path + "." + key;
      element value;
      if (fields.at_key(key).get(value))
        return {full, std::nullopt};
      return {full, value};
    }

    std::string path;
    object fields;
  };
  Result<Settings> settings(const Setting &setting) const;
  Result<std::string_view> string(const Setting &setting) const;
  /// `fallback` where the setting is missing.
  Result<bool> boolean(const Setting &setting, bool fallback) const;
  Result<int32_t> id(const Setting &setting) const;
  /// Fails unless the setting is `value` or, where `fallback` is equal to it,
  /// missing.
  Status require(const Setting &setting, bool value, bool fallback) const;
  Status requireType(const Settings &part, const char *type) const;

  Status readPreTokenizer(const Setting &setting);
  Status readPostProcessor(const Setting &setting) const;
  Status readAddedTokens(const Setting &setting);
  Status readModel(const Setting &setting);
  Status readVocab(const Setting &setting);
  Status readMerges(const Setting &setting);
  Status readMerge(element merge, const std::string &list, uint32_t rank);

  std::string name;
  TokenizerFile &file;
  /// Indices into `file.added`.
  std::map<std::string_view, size_t> addedByText;
};
} // namespace

Result<JsonReader::Settings>
JsonReader::settings(const Setting &setting) const {
  Settings result{setting.path, {}};
  if (!setting.value || setting.value->get(result.fields))
    return expected(setting.path.empty() ? "the file" : setting.path,
                    "an object");
  std::set<std::string_view> seen;
  for (auto field : result.fields)
    if (!seen.insert(field.key).second)
      return fail(
          (setting.path.empty() ? "the file" : "'" + setting.path + "'") +
          " has " + quote(field.key) + " twice");
  return result;
}

Result<std::string_view> JsonReader::string(const Setting &setting) const {
  std::string_view text;
  if (!setting.value || setting.value->get(text))
    return expected(setting.path, "a string");
  return text;
}

Result<bool> JsonReader::boolean(const Setting &setting, bool fallback) const {
  bool value = fallback;
  if (setting.value && setting.value->get(value))
    return expected(setting.path, "true or false");
  return value;
}

Result<int32_t> JsonReader::id(const Setting &setting) const {
  int64_t value;
  if (!setting.value || setting.value->get(value) || value < 0 ||
      value >= kMaxVocabSize)
    return expected(setting.path, describeId());
  return static_cast<int32_t>(value);
}

Status JsonReader::require(const Setting &setting, bool value,
                           bool fallback) const {
  Result<bool> found = boolean(setting, fallback);
  if (!found)
    return found.error();
  if (*found != value)
    return expected(setting.path,
                    value ? "true, but got false" : "false, but got true");
  return {};
}

Status JsonReader::requireType(const Settings &part, const char *type) const {
  Setting setting = part["type"];
  Result<std::string_view> found = string(setting);
  if (!found)
    return found.error();
  if (*found != type)
    return expected(setting.path,
                    "'" + std::string(type) + "', but got " + quote(*found));
  return {};
}

Status JsonReader::readPreTokenizer(const Setting &setting) {
  Result<Settings> sequence = settings(setting);
  if (!sequence)
    return sequence.error();
  if (Status status = requireType(*sequence, "Sequence"); !status)
    return status;
  Setting list = (*sequence)["pretokenizers"];
  array parts;
  if (!list.value || list.value->get(parts) || parts.size() != 2)
    return expected(list.path, "an array of Split and ByteLevel");

  Result<Settings> split = settings({list.path + "[0]", parts.at(0).value()});
  if (!split)
    return split.error();
  if (Status status = requireType(*split, "Split"); !status)
    return status;
  Result<Settings> pattern = settings((*split)["pattern"]);
  if (!pattern)
    return pattern.error();
  Result<std::string_view> regex = string((*pattern)["Regex"]);
  if (!regex)
    return regex.error();
  file.pattern = *regex;
  Result<std::string_view> behavior = string((*split)["behavior"]);
  if (!behavior)
    return behavior.error();
  if (*behavior != "Isolated")
    return expected(split->path + ".behavior",
                    "'Isolated', but got " + quote(*behavior));
  if (Status status = require((*split)["invert"], false, false); !status)
    return status;

  Result<Settings> bytes = settings({list.path + "[1]", parts.at(1).value()});
  if (!bytes)
    return bytes.error();
  if (Status status = requireType(*bytes, "ByteLevel"); !status)
    return status;
  if (Status status = require((*bytes)["add_prefix_space"], false, true);
      !status)
    return status;
  return require((*bytes)["use_regex"], false, true);
}

/// A ByteLevel post-processor only moves offsets; any other adds tokens.
Status JsonReader::readPostProcessor(const Setting &setting) const {
  if (setting.isNull())
    return {};
  Result<Settings> processor = settings(setting);
  if (!processor)
    return processor.error();
  return requireType(*processor, "ByteLevel");
}

Status JsonReader::readAddedTokens(const Setting &setting) {
  if (setting.isNull())
    return {};
  array list;
  if (setting.value->get(list))
    return expected(setting.path, "an array");
  size_t index = 0;
  std::set<int32_t> ids;
  for (element entry : list) {
    std::string path = setting.path + "[" + std::to_string(index++) + "]";
    Result<Settings> token = settings({path, entry});
    if (!token)
      return token.error();
    Result<int32_t> number = id((*token)["id"]);
    if (!number)
      return number.error();
    Result<std::string_view> content = string((*token)["content"]);
    if (!content)
      return content.error();
    if (content->empty() || content->size() > kMaxTokenBytes)
      return expected(path + ".content",
                      "1 to " + std::to_string(kMaxTokenBytes) + " bytes");
    for (const char *option : {"single_word", "lstrip", "rstrip"})
      if (Status status = require((*token)[option], false, false); !status)
        return status;
    Result<bool> special = boolean((*token)["special"], false);
    if (!special)
      return special.error();
    Result<bool> normalized = boolean((*token)["normalized"], !*special);
    if (!normalized)
      return normalized.error();
    if (!ids.insert(*number).second)
      return fail("'" + setting.path + "' has the id " +
                  std::to_string(*number) + " twice");
    if (!addedByText.emplace(*content, file.added.size()).second)
      return fail("'" + setting.path + "' has " + quote(*content) + " twice");
    file.added.push_back(
        {std::string(*content), *number, *special, *normalized});
  }
  return {};
}

Status JsonReader::readVocab(const Setting &setting) {
  object entries;
  if (!setting.value || setting.value->get(entries))
    return expected(setting.path, "an object");
  std::set<int32_t> sharedIds;
  for (auto entry : entries) {
    int64_t value;
    if (entry.value.get(value) || value < 0 || value >= kMaxVocabSize)
      return expected(setting.path + "[" + quote(entry.key) + "]",
                      describeId());
    auto id = static_cast<int32_t>(value);
    // An added token may be listed here too. If it is special, that is all:
    // no text becomes it by merging.
    auto added = addedByText.find(entry.key);
    if (added != addedByText.end()) {
      if (file.added[added->second].id != id)
        return fail("'" + setting.path + "' gives " + quote(entry.key) +
                    " the id " + std::to_string(id) +
                    ", but 'added_tokens' gives it " +
                    std::to_string(file.added[added->second].id));
      if (file.added[added->second].special)
        continue;
      sharedIds.insert(id);
    }
    std::optional<std::string> bytes = unmapBytes(entry.key);
    if (!bytes)
      return fail("'" + setting.path + "' has " + quote(entry.key) +
                  ", which has a character that stands for no byte");
    if (bytes->empty() || bytes->size() > kMaxTokenBytes)
      return fail("'" + setting.path + "' has a token of " +
                  std::to_string(bytes->size()) + " bytes, not 1 to " +
                  std::to_string(kMaxTokenBytes));
    if (!file.model.tokens.insert(id, *bytes))
      return fail("'" + setting.path + "' has " + quote(entry.key) +
                  " or its id " + std::to_string(id) + " twice");
  }
  for (const AddedToken &token : file.added)
    if (!sharedIds.count(token.id) &&
        !file.model.tokens.insertHidden(token.id, token.text))
      return fail("the id " + std::to_string(token.id) +
                  " of the added token " + quote(token.text) +
                  " is in the vocabulary as another token");
  if (std::optional<uint8_t> byte = file.model.findByteIds())
    return fail("'" + setting.path + "' has no token for byte " +
                std::to_string(*byte));
  return {};
}

Status JsonReader::readMerge(element merge, const std::string &list,
                             uint32_t rank) {
  std::string_view left, right;
  array parts;
  auto path = [&] { return list + "[" + std::to_string(rank) + "]"; };
  if (!merge.get(parts)) {
    if (parts.size() != 2 || parts.at(0).get(left) || parts.at(1).get(right))
      return expected(path(), "two strings");
  } else {
    std::string_view both;
    size_t space = merge.get(both) ? both.npos : both.find(' ');
    if (space == both.npos || both.find(' ', space + 1) != both.npos)
      return expected(path(), "two tokens with a space between them");
    left = both.substr(0, space);
    right = both.substr(space + 1);
  }

  BytePairModel &model = file.model;
  auto unknown = [&](std::string_view token) {
    return fail("'" + path() + "' needs " + quote(token) +
                ", which is not in the vocabulary");
  };
  std::optional<std::string> leftBytes = unmapBytes(left);
  std::optional<int32_t> leftId;
  if (leftBytes)
    leftId = model.tokens.find(*leftBytes);
  if (!leftId)
    return unknown(left);
  std::optional<std::string> rightBytes = unmapBytes(right);
  std::optional<int32_t> rightId;
  if (rightBytes)
    rightId = model.tokens.find(*rightBytes);
  if (!rightId)
    return unknown(right);
  std::optional<int32_t> result = model.tokens.find(*leftBytes + *rightBytes);
  if (!result)
    return unknown(std::string(left) + std::string(right));
  model.pairs.insert(*leftId, *rightId, rank);
  model.results.push_back(*result);
  return {};
}

Status JsonReader::readMerges(const Setting &setting) {
  array list;
  if (!setting.value || setting.value->get(list))
    return expected(setting.path, "an array");
  uint32_t rank = 0;
  for (element merge : list) {
    if (rank == kMaxMerges)
      return fail("'" + setting.path + "' has more than " +
                  std::to_string(kMaxMerges) + " entries");
    if (Status status = readMerge(merge, setting.path, rank); !status)
      return status;
    ++rank;
  }
  return {};
}

Status JsonReader::readModel(const Setting &setting) {
  Result<Settings> model = settings(setting);
  if (!model)
    return model.error();
  if (Status status = requireType(*model, "BPE"); !status)
    return status;
  if (Setting dropout = (*model)["dropout"]; !dropout.isNull()) {
    double value;
    if (dropout.value->get(value) || value != 0)
      return expected(dropout.path, "null or 0");
  }
  for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    Setting affix = (*model)[key];
    if (affix.isNull())
      continue;
    Result<std::string_view> text = string(affix);
    if (!text || !text->empty())
      return expected(affix.path, "null or empty");
  }
  // unk_token, fuse_unk and byte_fallback are for characters without a token,
  // but every byte has one.
  Result<bool> ignoreMerges = boolean((*model)["ignore_merges"], false);
  if (!ignoreMerges)
    return ignoreMerges.error();
  file.model.ignoreMerges = *ignoreMerges;
  if (Status status = readVocab((*model)["vocab"]); !status)
    return status;
  return readMerges((*model)["merges"]);
}

Status JsonReader::read(element document) {
  Result<Settings> root = settings({"", document});
  if (!root)
    return root.error();
  for (const char *key : {"truncation", "padding", "normalizer"})
    if (!(*root)[key].isNull())
      return expected(key, "null");
  if (Status status = readPreTokenizer((*root)["pre_tokenizer"]); !status)
    return status;
  if (Status status = readPostProcessor((*root)["post_processor"]); !status)
    return status;
  Result<Settings> decoder = settings((*root)["decoder"]);
  if (!decoder)
    return decoder.error();
  if (Status status = requireType(*decoder, "ByteLevel"); !status)
    return status;
  if (Status status = readAddedTokens((*root)["added_tokens"]); !status)
    return status;
  return readModel((*root)["model"]);
}

Result<TokenizerFile> mx::parseTokenizerJson(const std::string &text,
                                             const std::string &name) {
  simdjson::dom::parser parser;
  element document;
  // The parser copies the text to add the padding that it needs.
  if (simdjson::error_code error = parser.parse(text).get(document))
    return Error{name + ": " + simdjson::error_message(error)};
  TokenizerFile file;
  if (Status status = JsonReader(name, file).read(document); !status)
    return status.error();
  return file;
}
