//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tokens are sorted, so those with a common start are a range that each
// byte of the text narrows.
//
//===----------------------------------------------------------------------===//

#include "AddedTokens.h"

#include <algorithm>

using namespace mx;

AddedTokens::AddedTokens(std::vector<AddedToken> unsorted)
    : tokens(std::move(unsorted)) {
  std::sort(
      tokens.begin(), tokens.end(),
      [](const AddedToken &a, const AddedToken &b) { return a.text < b.text; });
  for (const AddedToken &token : tokens)
    if (token.special)
      specialIds.push_back(token.id);
  std::sort(specialIds.begin(), specialIds.end());
  for (unsigned byte = 0; byte < byFirstByte.size(); ++byte)
    byFirstByte[byte] = narrow({0, tokens.size()}, 0, static_cast<char>(byte));
}

std::optional<int32_t> AddedTokens::idOf(std::string_view text) const {
  auto found =
      std::lower_bound(tokens.begin(), tokens.end(), text,
                       [](const AddedToken &token, std::string_view text) {
                         return token.text < text;
                       });
  if (found == tokens.end() || found->text != text)
    return std::nullopt;
  return found->id;
}

bool AddedTokens::isSpecial(int32_t id) const {
  return std::binary_search(specialIds.begin(), specialIds.end(), id);
}

AddedTokens::Range AddedTokens::narrow(Range range, size_t offset,
                                       char byte) const {
  // The order of std::string is that of unsigned bytes, shorter before longer.
  auto byteOf = [&](const AddedToken &token) {
    return offset < token.text.size()
               ? static_cast<unsigned char>(token.text[offset])
               : -1;
  };
  int wanted = static_cast<unsigned char>(byte);
  if (range.begin == range.end || byteOf(tokens[range.begin]) > wanted ||
      byteOf(tokens[range.end - 1]) < wanted)
    return {};
  auto begin = tokens.begin() + range.begin, end = tokens.begin() + range.end;
  begin = std::partition_point(begin, end, [&](const AddedToken &token) {
    return byteOf(token) < wanted;
  });
  end = std::partition_point(begin, end, [&](const AddedToken &token) {
    return byteOf(token) == wanted;
  });
  return {static_cast<size_t>(begin - tokens.begin()),
          static_cast<size_t>(end - tokens.begin())};
}

std::optional<AddedTokens::Match> AddedTokens::find(std::string_view text,
                                                    size_t begin,
                                                    bool normalized,
                                                    bool parseSpecial) const {
  for (; begin < text.size(); ++begin) {
    Range range = byFirstByte[static_cast<unsigned char>(text[begin])];
    std::optional<Match> longest;
    for (size_t end = begin + 1; range.begin < range.end; ++end) {
      // A token that ends here is shorter than the others, so it comes first.
      const AddedToken &token = tokens[range.begin];
      if (token.text.size() == end - begin && token.normalized == normalized &&
          (parseSpecial || !token.special))
        longest = Match{begin, end, token.id};
      if (end == text.size())
        break;
      range = narrow(range, end - begin, text[end]);
    }
    if (longest)
      return longest;
  }
  return std::nullopt;
}
