//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tokenizing as a filter: text or lines of JSON in, tokens out, and back.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DRIVER_TOKENFILTER_H
#define MXFP4_DRIVER_TOKENFILTER_H

#include "mxfp4/Support/Result.h"
#include "mxfp4/Text/Tokenizer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mx {

/// Cuts what a file descriptor gives into lines.
class LineReader {
public:
  /// Reads from `file`, which `name` stands for in messages.
  LineReader(int file, std::string name) : file(file), name(std::move(name)) {}

  /// The next line without its line break; nothing at the end. Fails on a line
  /// of more than 64 MiB.
  Result<std::optional<std::string>> next();

  /// How many lines next() has given.
  size_t line() const { return lines; }

private:
  int file;
  std::string name;
  /// What was read and not given yet begins at `begin`.
  std::string buffer;
  size_t begin = 0;
  bool ended = false;
  size_t lines = 0;
};

/// {"text": "..."} to {"ids": [...]}.
Result<std::string> encodeJsonLine(const Tokenizer &tokenizer,
                                   std::string_view line,
                                   EncodeOptions options);

/// {"ids": [...]} to {"text": "..."}, where bytes that are not UTF-8 become
/// U+FFFD.
Result<std::string> decodeJsonLine(const Tokenizer &tokenizer,
                                   std::string_view line);

} // namespace mx

#endif // MXFP4_DRIVER_TOKENFILTER_H
