//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The o200k pattern as a scanner: exact, without backtracking, and in linear
// time on runs of any length.
//
//===----------------------------------------------------------------------===//

#include "Splitter.h"
#include "UnicodeClasses.h"
#include "mxfp4/Support/Utf8.h"

#include <cstring>

using namespace mx;

const std::string_view mx::kO200kPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

namespace {
constexpr unsigned kLetter = kUpper | kLower | kOtherLetter;
/// The first part of a word in the pattern: capitals and what has no case.
constexpr unsigned kWordHead = kUpper | kOtherLetter | kMark;
/// The second part: small letters and what has no case.
constexpr unsigned kWordTail = kLower | kOtherLetter | kMark;

/// Scans one text.
class Scanner {
public:
  explicit Scanner(std::string_view text)
      : text(text), classes(characterClasses()) {}

  size_t endOfPiece(size_t begin) const {
    Character first = read(begin);
    size_t second = begin + first.length;

    if (size_t end = endOfWord(begin, first))
      return skipContraction(end);
    if (first.is(kNumber))
      return endOfNumber(second);
    if (first.is(kSpace)) {
      if (first.codePoint == ' ' && second < text.size() &&
          !read(second).is(kSpace | kLetter | kNumber))
        return endOfPunctuation(second);
      return endOfSpace(begin);
    }
    return endOfPunctuation(begin);
  }

private:
  struct Character {
    uint32_t codePoint;
    unsigned length;
    uint8_t characterClass;

    bool is(unsigned mask) const { return characterClass & mask; }
    bool isNewline() const { return codePoint == '\r' || codePoint == '\n'; }
  };

  Character read(size_t position) const {
    Character result;
    result.codePoint = readValidUtf8(text, position, result.length);
    result.characterClass = classes[result.codePoint];
    return result;
  }

  size_t skip(size_t position, unsigned mask) const {
    while (position < text.size()) {
      Character next = read(position);
      if (!next.is(mask))
        break;
      position += next.length;
    }
    return position;
  }

  /// The ends of the two kinds of words from one start, 0 where there is none.
  struct WordEnds {
    /// Of the first alternative: any heads, then at least one tail.
    size_t withTail = 0;
    /// Of the second alternative: only heads, because no tail follows.
    size_t headsOnly = 0;
  };

  WordEnds scanWord(size_t begin) const {
    WordEnds ends;
    size_t position = begin;
    while (position < text.size()) {
      Character next = read(position);
      if (!next.is(kWordHead))
        break;
      position += next.length;
      if (next.is(kWordTail))
        ends.withTail = position;
    }
    size_t tailEnd = skip(position, kWordTail);
    if (tailEnd > position)
      ends.withTail = tailEnd;
    else if (position > begin)
      ends.headsOnly = position;
    return ends;
  }

  /// The end of the word at `begin` without its contraction, or 0. One
  /// character that is no letter, number or line break may come before the
  /// letters; a mark can be both that character and part of the word.
  size_t endOfWord(size_t begin, Character first) const {
    size_t second = begin + first.length;
    if (first.is(kLetter)) {
      WordEnds ends = scanWord(begin);
      return ends.withTail ? ends.withTail : ends.headsOnly;
    }
    if (first.is(kNumber) || first.isNewline())
      return 0;
    WordEnds ends = scanWord(second);
    if (ends.withTail)
      return ends.withTail;
    // The mark alone is a word with a tail, and that comes before capitals.
    return first.is(kMark) ? second : ends.headsOnly;
  }

  /// Skips one of 's 't 're 've 'm 'll 'd in any case.
  size_t skipContraction(size_t position) const {
    std::string_view rest = text.substr(position, 3);
    if (rest.size() < 2 || rest[0] != '\'')
      return position;
    auto lower = [&](size_t i) -> char {
      char c = i < rest.size() ? rest[i] : 0;
      return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
    };
    char first = lower(1), second = lower(2);
    if (std::strchr("stmd", first) && first)
      return position + 2;
    if ((second == 'e' && (first == 'r' || first == 'v')) ||
        (second == 'l' && first == 'l'))
      return position + 3;
    // U+017F, the long s, is an s in another case.
    return rest == "'\xC5\xBF" ? position + 3 : position;
  }

  /// Up to three digits, of which the first ends at `position`.
  size_t endOfNumber(size_t position) const {
    for (int i = 0; i < 2 && position < text.size(); ++i) {
      Character next = read(position);
      if (!next.is(kNumber))
        break;
      position += next.length;
    }
    return position;
  }

  /// Punctuation and the line breaks and slashes after it.
  size_t endOfPunctuation(size_t position) const {
    while (position < text.size()) {
      Character next = read(position);
      if (next.is(kSpace | kLetter | kNumber))
        break;
      position += next.length;
    }
    while (position < text.size() && std::strchr("\r\n/", text[position]) &&
           text[position])
      ++position;
    return position;
  }

  /// White space up to its last line break, or else all but the last of it:
  /// that goes with what follows, if anything does.
  size_t endOfSpace(size_t begin) const {
    size_t position = begin, lastStart = begin, newlineEnd = begin;
    while (position < text.size()) {
      Character next = read(position);
      if (!next.is(kSpace))
        break;
      lastStart = position;
      position += next.length;
      if (next.isNewline())
        newlineEnd = position;
    }
    if (newlineEnd > begin)
      return newlineEnd;
    if (position == text.size() || lastStart == begin)
      return position;
    return lastStart;
  }

  std::string_view text;
  const uint8_t *classes;
};
} // namespace

size_t mx::endOfO200kPiece(std::string_view text, size_t begin) {
  return Scanner(text).endOfPiece(begin);
}
