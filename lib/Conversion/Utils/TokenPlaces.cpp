//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TokenPlaces.h"

#include "VectorCode.h"

using namespace mlir;
using namespace mlir::mxfp4;

bool mxfp4::isPerToken(Value places) {
  return !isa<IndexType>(places.getType());
}

/// The element of `token` of a tensor or a memref.
static Value readPlace(ImplicitLocOpBuilder &b, Value places, Value token) {
  return isa<MemRefType>(places.getType()) ? loadIndex(b, places, token)
                                           : extractIndex(b, places, token);
}

Value mxfp4::getPosition(ImplicitLocOpBuilder &b, Value position, Value token) {
  return isPerToken(position) ? readPlace(b, position, token)
                              : addIndex(b, position, token);
}

Value mxfp4::getSequence(ImplicitLocOpBuilder &b, Value sequence, Value token) {
  if (!sequence)
    return constantIndex(b, 0);
  return isPerToken(sequence) ? readPlace(b, sequence, token) : sequence;
}

Value mxfp4::getPosition(ImplicitLocOpBuilder &b, const TokenRun &run,
                         Value token) {
  return addIndex(b, run.position, subIndex(b, token, run.token));
}

TokenRun mxfp4::getTokenRun(ImplicitLocOpBuilder &b, Value position,
                            Value sequence, Value token, int64_t kvHeads) {
  Value firstHead = mulIndex(b, getSequence(b, sequence, token), kvHeads);
  if (isPerToken(position))
    return {token, readPlace(b, position, token), firstHead};
  return {constantIndex(b, 0), position, firstHead};
}
