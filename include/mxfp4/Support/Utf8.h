//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reading UTF-8 one character at a time.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_SUPPORT_UTF8_H
#define MXFP4_SUPPORT_UTF8_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mx {

/// What stands at one place of a text.
struct Utf8Char {
  enum class Kind {
    Valid,
    /// The text ends before the character does.
    Incomplete,
    /// No character can start with these bytes.
    Invalid,
  };

  Kind kind;
  /// Bytes of the character, or of the part that is wrong as a whole (the
  /// maximal subpart, in the words of the Unicode standard); at least 1.
  unsigned length;
  /// Only where `kind` is Valid.
  uint32_t codePoint;
};

/// The character at `position`, which is inside `text`.
Utf8Char readUtf8(std::string_view text, size_t position);

/// As readUtf8, on text known to be valid; `length` gets the bytes read.
inline uint32_t readValidUtf8(std::string_view text, size_t position,
                              unsigned &length) {
  auto byte = [&](size_t i) -> uint32_t {
    return static_cast<unsigned char>(text[position + i]);
  };
  uint32_t lead = byte(0);
  if (lead < 0x80) {
    length = 1;
    return lead;
  }
  if (lead < 0xE0) {
    length = 2;
    return (lead & 0x1F) << 6 | (byte(1) & 0x3F);
  }
  if (lead < 0xF0) {
    length = 3;
    return (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  }
  length = 4;
  return (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 |
         (byte(3) & 0x3F);
}

} // namespace mx

#endif // MXFP4_SUPPORT_UTF8_H
