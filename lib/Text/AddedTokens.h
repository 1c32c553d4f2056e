//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the names of added tokens in text, leftmost and then longest.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_TEXT_ADDEDTOKENS_H
#define MXFP4_LIB_TEXT_ADDEDTOKENS_H

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mx {

/// A token that is matched as a whole before text is cut into pieces.
struct AddedToken {
  /// Not empty.
  std::string text;
  int32_t id = 0;
  /// Not text: matched only where the caller wants it.
  bool special = false;
  /// Matched only between the tokens that are not normalized.
  bool normalized = false;
};

/// The added tokens of a tokenizer.
class AddedTokens {
public:
  /// No two tokens have the same text. Two texts may have the same id.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  std::optional<int32_t> idOf(std::string_view text) const;
  bool isSpecial(int32_t id) const;

  struct Match {
    size_t begin;
    size_t end;
    int32_t id;
  };

  /// The first match at or after `begin` among tokens that are `normalized` or
  /// not; special ones only if `parseSpecial`.
  std::optional<Match> find(std::string_view text, size_t begin,
                            bool normalized, bool parseSpecial) const;

private:
  /// Tokens `begin` to `end`, which start with the same bytes.
  struct Range {
    size_t begin = 0;
    size_t end = 0;
  };
  /// The part of `range` with `byte` at `offset`, where all bytes before that
  /// are the same.
  Range narrow(Range range, size_t offset, char byte) const;

  /// In the order of their bytes.
  std::vector<AddedToken> tokens;
  std::array<Range, 256> byFirstByte = {};
  /// In order.
  std::vector<int32_t> specialIds;
};

} // namespace mx

#endif // MXFP4_LIB_TEXT_ADDEDTOKENS_H
