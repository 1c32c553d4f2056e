//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names in files are not checked before they are printed, so anything may stand
// in them.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Support/Quote.h"

#include "mxfp4/Support/Utf8.h"

using namespace mx;

static std::string escape(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string escaped;
  for (unsigned char byte : bytes)
    escaped += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
  return escaped;
}

/// Whether the Unicode standard calls it a control character.
static bool isControl(uint32_t codePoint) {
  return codePoint < 0x20 || (codePoint >= 0x7F && codePoint < 0xA0);
}

std::string mx::quote(std::string_view text) {
  constexpr size_t kMaxBytes = 100;
  std::string quoted = "'";
  for (size_t position = 0; position < text.size();) {
    Utf8Char next = readUtf8(text, position);
    std::string_view bytes = text.substr(position, next.length);
    position += next.length;
    if (position > kMaxBytes)
      return quoted + "...'";
    if (next.kind == Utf8Char::Kind::Valid && !isControl(next.codePoint))
      quoted += bytes;
    else
      quoted += escape(bytes);
  }
  return quoted + "'";
}
