//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4 tokenize: text to tokens and back, as a filter.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Command/Input.h"
#include "mxfp4/Command/Tool.h"
#include "mxfp4/Driver/TokenFilter.h"
#include "mxfp4/Text/Tokenizer.h"

#include <unistd.h>

using namespace mx;

namespace {
struct Flags {
  std::string model;
  bool jsonLines = false;
  bool decode = false;
  bool noSpecial = false;
};
} // namespace

static Status filterLines(const Tokenizer &tokenizer, const Flags &flags) {
  LineReader reader(STDIN_FILENO, "standard input");
  for (;;) {
    Result<std::optional<std::string>> line = reader.next();
    if (!line)
      return line.error();
    if (!*line)
      return {};
    Result<std::string> result =
        flags.decode ? decodeJsonLine(tokenizer, **line)
                     : encodeJsonLine(tokenizer, **line, {!flags.noSpecial});
    if (!result)
      return Error{"line " + std::to_string(reader.line()) + ": " +
                   result.error().message};
    if (Status status = print(*result + "\n"); !status)
      return status;
  }
}

/// A long line is printed in parts of about so many bytes.
static constexpr size_t kPartBytes = 1 << 16;

static Status encodeText(const Tokenizer &tokenizer, const Flags &flags) {
  Result<std::string> text = readText("");
  if (!text)
    return text.error();
  Result<std::vector<int32_t>> ids =
      tokenizer.encode(*text, {!flags.noSpecial});
  if (!ids)
    return ids.error();
  std::string line;
  for (size_t i = 0; i < ids->size(); ++i) {
    line += i ? " " : "";
    line += std::to_string((*ids)[i]);
    if (line.size() < kPartBytes)
      continue;
    if (Status status = print(line); !status)
      return status;
    line.clear();
  }
  return print(line + "\n");
}

static Status decodeIds(const Tokenizer &tokenizer) {
  Result<std::string> text = readText("");
  if (!text)
    return text.error();
  Result<std::vector<int32_t>> ids = parseIds(*text);
  if (!ids)
    return Error{"standard input: " + ids.error().message};
  Result<std::string> bytes = tokenizer.decode(*ids);
  if (!bytes)
    return bytes.error();
  return print(*bytes);
}

static Status run(const Flags &flags) {
  Result<Tokenizer> tokenizer = Tokenizer::load(flags.model);
  if (!tokenizer)
    return tokenizer.error();
  if (flags.jsonLines)
    return filterLines(*tokenizer, flags);
  return flags.decode ? decodeIds(*tokenizer) : encodeText(*tokenizer, flags);
}

void mx::addTokenizeVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "tokenize", "Turn the text on standard input into tokens, or back. The "
                  "text is taken whole, with its last line break");
  verb->add_option("MODEL", flags->model,
                   "The folder of a checkpoint, a tokenizer.json or a "
                   ".tiktoken file")
      ->required();
  verb->add_flag("--jsonl", flags->jsonLines,
                 "Read a line {\"text\": \"...\"} and print a line "
                 "{\"ids\": [...]} for each text");
  verb->add_flag("--decode", flags->decode,
                 "Turn tokens into text; with --jsonl bytes that are not UTF-8 "
                 "become U+FFFD");
  verb->add_flag("--no-special", flags->noSpecial,
                 "Take names of special tokens for plain text");
  verb->footer("Examples:\n"
               "  mxfp4 tokenize gpt-oss-20b < text.txt > ids.txt\n"
               "  mxfp4 tokenize gpt-oss-20b --decode < ids.txt\n"
               "  echo '{\"text\": \"To be\"}' | mxfp4 tokenize "
               "o200k_base.tiktoken --jsonl");
  onChosen(*verb, action, flags, run);
}
