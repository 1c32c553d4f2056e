//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the tokens of a call stand: operands `position` and `sequence` of nn
// ops, which are those of all tokens or of each.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_TOKENPLACES_H
#define MXFP4_LIB_CONVERSION_UTILS_TOKENPLACES_H

#include "ScalarCode.h"

namespace mlir::mxfp4 {

/// True if each token has a place of its own.
bool isPerToken(Value places);

/// The position of `token` in its sequence.
Value getPosition(ImplicitLocOpBuilder &b, Value position, Value token);

/// The number of the sequence of `token`; 0 if `sequence` is null.
Value getSequence(ImplicitLocOpBuilder &b, Value sequence, Value token);

/// The tokens of a call that are of one sequence.
struct TokenRun {
  /// The first of them, and its position.
  Value token, position;
  /// The first head of the sequence in caches.
  Value firstHead;
};

/// The position of `token`, which is one of them.
Value getPosition(ImplicitLocOpBuilder &b, const TokenRun &run, Value token);

/// The run of `token`, where a sequence has `kvHeads` heads in caches.
TokenRun getTokenRun(ImplicitLocOpBuilder &b, Value position, Value sequence,
                     Value token, int64_t kvHeads);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_TOKENPLACES_H
