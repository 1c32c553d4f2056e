//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the entry points of a Program for "cpu:..." targets on a team of
// threads.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_CPUDEVICE_H
#define MXFP4_RUNTIME_CPUDEVICE_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Runtime/OpProfile.h"
#include "mxfp4/Runtime/ThreadPool.h"

#include <memory>
#include <string>

namespace mx {

/// The code of one Program, loaded, and the threads that run it.
///
/// The code runs with all rights of the process: a checksum finds a damaged
/// Program, not a malicious one.
class CPUDevice {
public:
  /// Checks that this processor has the features that `program` needs, loads
  /// its code and starts `threads` threads; 0 is one for each processor, as far
  /// as the program allows.
  static Result<std::unique_ptr<CPUDevice>>
  create(const Program &program, int64_t threads = 0, bool pin = false);
  ~CPUDevice();

  /// The function `symbol` of the program.
  Result<MXEntryFunction> lookup(const std::string &symbol) const;

  /// Calls `function` on all threads. `call` gives buffers, tokens, position
  /// and context; the rest is filled in. `profile` is told which ops are done,
  /// and may be null. Does not allocate.
  void run(MXEntryFunction function, const MXInvocation &call,
           OpProfile *profile = nullptr);

  ThreadPool &pool() { return *team; }

private:
  CPUDevice() = default;

  std::unique_ptr<ThreadPool> team;
  /// The memory file of the code. Stays open while the library is loaded: the
  /// loader knows a library by its path, which holds this number.
  int file = -1;
  void *library = nullptr;
};

} // namespace mx

#endif // MXFP4_RUNTIME_CPUDEVICE_H
