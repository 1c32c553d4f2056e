//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which classes of characters the o200k pattern tells apart, by Unicode 16. The
// tables are our own because those of PCRE2 10.42 stop at Unicode 14, which
// would split some 9,500 characters unlike the published tokenizers do.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_TEXT_UNICODECLASSES_H
#define MXFP4_LIB_TEXT_UNICODECLASSES_H

#include <cstdint>

namespace mx {

/// A class of characters, one bit each so that sets of classes are masks.
enum CharacterClass : uint8_t {
  kOtherCharacter = 0,
  kUpper = 1,       // Lu, Lt
  kLower = 2,       // Ll
  kOtherLetter = 4, // Lm, Lo
  kMark = 8,        // Mn, Mc, Me
  kNumber = 16,     // Nd, Nl, No
  kSpace = 32,      // White_Space
};

/// The class of every code point up to U+10FFFF, as an array.
const uint8_t *characterClasses();

} // namespace mx

#endif // MXFP4_LIB_TEXT_UNICODECLASSES_H
