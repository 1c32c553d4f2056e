//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a processor can do at most, measured: with it the speed of a kernel
// becomes a share.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_CEILINGS_H
#define MXFP4_RUNTIME_CEILINGS_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Support/Result.h"

#include <cstdint>

namespace mx {

/// The most that a team of threads reached, each in a second.
struct Ceilings {
  /// Bytes read from memory, in pages as large as those of weights.
  double bytes = 0;
  /// Operations in f32, in registers; a multiplication and an addition are two.
  double floatOperations = 0;
  /// Operations on bytes, likewise; 0 if the instruction set has none.
  double byteOperations = 0;
};

/// Runs `probes`, a program of compileProbes, on `threads` threads; 0 is one
/// for each processor. Takes 1 GiB of memory and some seconds.
Result<Ceilings> measureCeilings(const Program &probes, int64_t threads,
                                 bool pin);

} // namespace mx

#endif // MXFP4_RUNTIME_CEILINGS_H
