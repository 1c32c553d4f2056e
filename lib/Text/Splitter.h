//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cuts text into the pieces that are tokenized one by one: by a scanner written
// for the o200k pattern, or by PCRE2 for any other pattern.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_TEXT_SPLITTER_H
#define MXFP4_LIB_TEXT_SPLITTER_H

#include "mxfp4/Support/Result.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace mx {

/// The pre-tokenizer pattern of o200k.
extern const std::string_view kO200kPattern;

/// The end of the piece of `text` that starts at `begin`, by the o200k pattern.
/// `text` is valid UTF-8. Cutting a whole text takes linear time.
size_t endOfO200kPiece(std::string_view text, size_t begin);

/// A pattern, ready to cut text. Pieces are the matches and what lies between.
class Splitter {
public:
  /// Gets each piece in turn.
  using PieceFunction = std::function<void(std::string_view)>;

  /// Compiles `pattern`, which is UTF-8, or says why it cannot.
  static Result<Splitter> compile(const std::string &pattern);

  /// What cutting one text needs; not shared by threads.
  class Run {
  public:
    /// For `bytes` of text in all calls of `split` together. A pattern that
    /// takes absurdly long on them is stopped.
    Run(const Splitter &splitter, size_t bytes);

    /// Hands the pieces of `text` to `handlePiece`. `text` is valid UTF-8.
    Status split(std::string_view text, const PieceFunction &handlePiece);

  private:
    const Splitter &splitter;
    std::chrono::steady_clock::time_point deadline;
  };

private:
  Splitter() = default;

  /// The compiled pattern, or null for the o200k pattern.
  std::shared_ptr<void> code;
};

} // namespace mx

#endif // MXFP4_LIB_TEXT_SPLITTER_H
