//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the time of a program goes, op by op: the barriers of a CPU, or the
// launches of a GPU, tell which op is done.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_OPPROFILE_H
#define MXFP4_RUNTIME_OPPROFILE_H

#include "mxfp4/ABI/Program.h"

#include <chrono>
#include <cstdint>
#include <vector>

namespace mx {

/// Adds up times of the ops of a program over calls of its entry points. Used
/// by one thread.
class OpProfile {
public:
  /// What calls did for one op.
  struct Sum {
    int64_t count = 0;
    double seconds = 0;
    double bytes = 0;
    double flops = 0;
  };

  /// `program` must outlive it.
  explicit OpProfile(const Program &program)
      : program(program), sums(program.ops.size()) {}

  /// A call of `entry` begins, with `tokens` tokens from `position` on.
  void begin(const Entry &entry, int64_t tokens, int64_t position);
  /// All threads are done with number `op` of Program::ops, or with work for
  /// none of them if it is -1.
  void finish(int64_t op);
  /// `seconds` were for number `op` of Program::ops, or for none of them.
  void add(int64_t op, double seconds);
  /// Nothing was done yet.
  void clear();

  /// One for each of Program::ops.
  const std::vector<Sum> &ops() const { return sums; }
  /// Time that was for no op.
  double otherSeconds() const { return other; }

private:
  using Clock = std::chrono::steady_clock;

  const Program &program;
  std::vector<Sum> sums;
  double other = 0;
  /// When the last op was done or the call began.
  Clock::time_point last;
};

} // namespace mx

#endif // MXFP4_RUNTIME_OPPROFILE_H
