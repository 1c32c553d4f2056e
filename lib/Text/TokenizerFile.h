//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the two kinds of tokenizer files are read into.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_TEXT_TOKENIZERFILE_H
#define MXFP4_LIB_TEXT_TOKENIZERFILE_H

#include "AddedTokens.h"
#include "BytePairModel.h"

#include "mxfp4/Support/Result.h"

#include <string>

namespace mx {

/// The checked contents of a tokenizer file. The texts of added tokens are in
/// `model.tokens` as well.
struct TokenizerFile {
  std::string pattern;
  BytePairModel model;
  std::vector<AddedToken> added;
};

/// Reads the text of a `tokenizer.json`; `name` stands for it in messages.
Result<TokenizerFile> parseTokenizerJson(const std::string &text,
                                         const std::string &name);

/// Reads lines of base64 bytes and a rank, which is the id.
Result<TokenizerFile> parseTiktoken(std::string_view text,
                                    const std::string &name);

} // namespace mx

#endif // MXFP4_LIB_TEXT_TOKENIZERFILE_H
