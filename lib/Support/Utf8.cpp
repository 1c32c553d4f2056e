//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Table 3-7 of the Unicode standard as code.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Support/Utf8.h"

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
