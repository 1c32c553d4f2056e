//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pieces of code that lowerings of nn.sample share. Its choice is the largest
// of integers that hold a score and a token.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_SAMPLING_H
#define MXFP4_LIB_CONVERSION_UTILS_SAMPLING_H

#include "ScalarCode.h"

#include <limits>

namespace mlir::mxfp4 {

/// The settings of nn.sample, as i32.
struct SampleSettings {
  Value limit, factor, key[2];
};

/// The i64 of `token` (an index), which has `logit` (f32), in the row that is
/// for `position` of `sequence` (indices): larger than all that are chosen
/// after it.
Value emitSampleKey(ImplicitLocOpBuilder &b, const SampleSettings &settings,
                    Value logit, Value token, Value position, Value sequence);

/// Less than all those.
constexpr int64_t kLowestSampleKey = std::numeric_limits<int64_t>::min();

/// The token of the largest, as i32: -1 if that has no finite score.
Value emitSampledToken(ImplicitLocOpBuilder &b, Value key);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_SAMPLING_H
