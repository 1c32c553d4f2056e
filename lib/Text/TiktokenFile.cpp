//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads a `.tiktoken` file. In that form a pair merges if the bytes of both are
// a token, and its rank is the id of that token, so every way to cut a token
// into two others becomes an entry of the table of pairs.
//
//===----------------------------------------------------------------------===//

#include "Splitter.h"
#include "TokenizerFile.h"

#include <charconv>

using namespace mx;

/// The number of o200k ranks, followed by the special tokens of o200k_harmony.
static constexpr int32_t kO200kRanks = 199998;
static constexpr int32_t kHarmonyEnd = 201088;

static std::optional<std::string> decodeBase64(std::string_view text) {
  if (text.empty() || text.size() % 4)
    return std::nullopt;
  size_t padding = text.substr(text.size() - 2) == "==" ? 2
                   : text.back() == '='                 ? 1
                                                        : 0;
  std::string bytes;
  uint32_t bits = 0;
  for (size_t i = 0; i < text.size() - padding; ++i) {
    char c = text[i];
    uint32_t digit;
    if (c >= 'A' && c <= 'Z')
      digit = c - 'A';
    else if (c >= 'a' && c <= 'z')
      digit = c - 'a' + 26;
    else if (c >= '0' && c <= '9')
      digit = c - '0' + 52;
    else if (c == '+' || c == '/')
      digit = c == '+' ? 62 : 63;
    else
      return std::nullopt;
    bits = bits << 6 | digit;
    // The digit number i completes a byte, but for the first of four.
    if (i % 4)
      bytes.push_back(static_cast<char>(bits >> (6 - 2 * (i % 4))));
  }
  return bytes;
}

/// Adds all pairs whose bytes together are the token `id`.
static bool insertSplits(BytePairModel &model, int32_t id, size_t &count) {
  std::string_view bytes = model.tokens.bytesOf(id);
  for (size_t i = 1; i < bytes.size(); ++i) {
    std::optional<int32_t> left = model.tokens.find(bytes.substr(0, i));
    if (!left)
      continue;
    std::optional<int32_t> right = model.tokens.find(bytes.substr(i));
    if (!right)
      continue;
    if (++count > kMaxMerges)
      return false;
    model.pairs.insert(*left, *right, static_cast<uint32_t>(id));
  }
  return true;
}

static void addHarmonyTokens(TokenizerFile &file) {
  auto add = [&](int32_t id, const std::string &text) {
    file.model.tokens.insertHidden(id, text);
    file.added.push_back({text, id, /*special=*/true, /*normalized=*/false});
  };
  const std::pair<int32_t, const char *> named[] = {
      {199998, "<|startoftext|>"}, {199999, "<|endoftext|>"},
      {200002, "<|return|>"},      {200003, "<|constrain|>"},
      {200005, "<|channel|>"},     {200006, "<|start|>"},
      {200007, "<|end|>"},         {200008, "<|message|>"},
      {200012, "<|call|>"},        {200018, "<|endofprompt|>"},
  };
  for (const auto &[id, text] : named)
    add(id, text);
  // The reserved names fill the gaps. 200018 has both names.
  for (int32_t id = 200000; id < kHarmonyEnd; ++id)
    if (file.model.tokens.bytesOf(id).empty() || id == 200018)
      add(id, "<|reserved_" + std::to_string(id) + "|>");
}

Result<TokenizerFile> mx::parseTiktoken(std::string_view text,
                                        const std::string &name) {
  TokenizerFile file;
  file.pattern = kO200kPattern;
  BytePairModel &model = file.model;
  model.ignoreMerges = true;

  int32_t count = 0;
  size_t line = 0;
  while (!text.empty()) {
    ++line;
    size_t end = text.find('\n');
    std::string_view entry = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (!entry.empty() && entry.back() == '\r')
      entry.remove_suffix(1);
    if (entry.empty())
      continue;

    auto fail = [&](const std::string &what) {
      return Error{name + ": line " + std::to_string(line) + " " + what};
    };
    size_t space = entry.find(' ');
    int32_t rank = -1;
    const char *last = entry.data() + entry.size();
    if (space == entry.npos)
      return fail("is not a token in base64, a space and a rank");
    auto number = std::from_chars(entry.data() + space + 1, last, rank);
    if (number.ec != std::errc() || number.ptr != last || rank < 0 ||
        rank >= kMaxVocabSize)
      return fail("has no rank between 0 and " +
                  std::to_string(kMaxVocabSize - 1));
    std::optional<std::string> bytes = decodeBase64(entry.substr(0, space));
    if (!bytes)
      return fail("has no token in base64");
    if (bytes->size() > kMaxTokenBytes)
      return fail("has a token of " + std::to_string(bytes->size()) +
                  " bytes, more than " + std::to_string(kMaxTokenBytes));
    if (!model.tokens.insert(rank, *bytes))
      return fail("repeats a rank or a token");
    ++count;
  }
  if (std::optional<uint8_t> byte = model.findByteIds())
    return Error{name + ": no token for byte " + std::to_string(*byte)};

  size_t splits = 0;
  model.results.resize(model.tokens.size());
  for (int32_t id = 0; id < model.tokens.size(); ++id) {
    model.results[id] = id;
    if (!insertSplits(model, id, splits))
      return Error{name + ": more than " + std::to_string(kMaxMerges) +
                   " pairs of tokens make a token"};
  }
  if (count == kO200kRanks && model.tokens.size() == kO200kRanks)
    addHarmonyTokens(file);
  return file;
}
