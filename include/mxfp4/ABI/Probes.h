//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the compiler and the runtime agree on of programs that measure what a
// processor can do.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_ABI_PROBES_H
#define MXFP4_ABI_PROBES_H

#include <cstdint>

namespace mx {

// Entry points, each with the input "NAME.data" and the output "NAME.sums". A
// token is a piece of work that one thread does.

/// Reads its input, kProbeBytes for each token.
inline constexpr char kReadProbe[] = "read";
/// Multiplies and adds in f32, kProbeOperations for each token. Its input is
/// ones.
inline constexpr char kFloatProbe[] = "multiply_f32";
/// Multiplies bytes and adds in i32, likewise. A program lacks it if its
/// instruction set does.
inline constexpr char kByteProbe[] = "multiply_i8";

constexpr int64_t kProbeBytes = 64 * 1024;
/// A multiplication and an addition are two.
constexpr int64_t kProbeOperations = 3 << 20;
/// Tokens of a call at most.
constexpr int64_t kProbeTokens = 16 * 1024;

} // namespace mx

#endif // MXFP4_ABI_PROBES_H
