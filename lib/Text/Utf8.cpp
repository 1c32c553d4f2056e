//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Table 3-7 of the Unicode standard as code, and the fast check in front of it.
//
//===----------------------------------------------------------------------===//

#include "Utf8.h"

#include <simdjson.h>

using namespace mx;

Utf8Char mx::readUtf8(std::string_view text, size_t position) {
  using Kind = Utf8Char::Kind;
  auto lead = static_cast<unsigned char>(text[position]);
  if (lead < 0x80)
    return {Kind::Valid, 1, lead};
  if (lead < 0xC2 || lead > 0xF4)
    return {Kind::Invalid, 1, 0};

  unsigned length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte excludes overlong forms, surrogates and what is above
  // U+10FFFF.
  unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (unsigned i = 1; i < length; ++i) {
    if (position + i == text.size())
      return {Kind::Incomplete, i, 0};
    auto byte = static_cast<unsigned char>(text[position + i]);
    if (byte < low || byte > high)
      return {Kind::Invalid, i, 0};
    low = 0x80;
    high = 0xBF;
  }
  uint32_t codePoint = readValidUtf8(text, position, length);
  return {Kind::Valid, length, codePoint};
}

std::optional<size_t> mx::findInvalidUtf8(std::string_view text) {
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
