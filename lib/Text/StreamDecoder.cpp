//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Holds back the bytes of a character until it is complete or certain to be
// wrong.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Text/Tokenizer.h"

#include "mxfp4/Support/Utf8.h"

using namespace mx;

/// U+FFFD in UTF-8.
static constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

Result<std::string> StreamDecoder::push(int32_t id) {
  Result<std::string_view> bytes = tokenizer.tokenBytes(id);
  if (!bytes)
    return bytes.error();
  pending += *bytes;

  std::string text;
  size_t position = 0;
  while (position < pending.size()) {
    Utf8Char next = readUtf8(pending, position);
    if (next.kind == Utf8Char::Kind::Incomplete)
      break;
    if (next.kind == Utf8Char::Kind::Valid)
      text.append(pending, position, next.length);
    else
      text += kReplacement;
    position += next.length;
  }
  pending.erase(0, position);
  return text;
}

std::string StreamDecoder::flush() {
  // What is held back is the start of one character.
  std::string text(pending.empty() ? std::string_view() : kReplacement);
  pending.clear();
  return text;
}
