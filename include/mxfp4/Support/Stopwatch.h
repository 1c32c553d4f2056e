//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Measures time.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_SUPPORT_STOPWATCH_H
#define MXFP4_SUPPORT_STOPWATCH_H

#include <chrono>

namespace mx {

/// The time since it was made.
class Stopwatch {
public:
  double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
};

} // namespace mx

#endif // MXFP4_SUPPORT_STOPWATCH_H
