//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A team of threads that run the same function side by side and meet at
// barriers: the form in which compiled code is called.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_THREADPOOL_H
#define MXFP4_RUNTIME_THREADPOOL_H

#include "mxfp4/Support/Result.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace mx {

/// How many processors the calling thread may use; at least 1.
int64_t countAllowedProcessors();

/// A fixed team of threads; the thread that calls run() is one of them.
///
/// A thread that waits spins for some microseconds and then sleeps, so a team
/// answers fast between two kernels and costs nothing between two requests.
/// Only one run() may be under way at a time.
class ThreadPool {
public:
  /// The largest team.
  static constexpr int64_t kMaxThreads = 1024;

  /// Starts a team of `threads`, the caller's included. With `pin`, and if
  /// there are processors enough, thread i stays on the i-th allowed processor;
  /// the caller is bound until the pool is destroyed.
  static Result<std::unique_ptr<ThreadPool>> create(int64_t threads,
                                                    bool pin = false);
  ~ThreadPool();

  int64_t threads() const { return teamSize; }

  /// Calls `function(thread)` on every thread, with 0 for the caller, and
  /// returns when all have returned. `function` must not throw. Does not
  /// allocate.
  template <typename Function> void run(Function &&function) {
    using Body = std::remove_reference_t<Function>;
    runTask([](void *body,
               int64_t thread) { (*static_cast<Body *>(body))(thread); },
            const_cast<void *>(static_cast<const void *>(&function)));
  }

  /// Returns when all threads of the team have called it; only within run().
  void barrier();

private:
  using Task = void (*)(void *body, int64_t thread);

  explicit ThreadPool(int64_t threads);
  Status start(bool pin);
  void runTask(Task task, void *body);
  void work(int64_t thread);

  /// A number that waiting threads watch. Its own cache line, because some
  /// threads spin on it while others write their data.
  struct alignas(64) Signal {
    std::atomic<uint32_t> value{0};
    std::atomic<uint32_t> sleepers{0};

    /// Returns when the value is no longer `old`. Spins for `spinNanoseconds`
    /// first.
    void waitWhile(uint32_t old, int64_t spinNanoseconds);
    /// Adds one to the value and wakes all who wait.
    void advance();
  };

  const int64_t teamSize;
  int64_t spinNanoseconds;

  /// Advances once for each run(), after `task` and `body` are set.
  Signal runs;
  Task task = nullptr;
  void *body = nullptr;

  /// Advances when the last thread of the team arrives.
  Signal barriers;
  alignas(64) std::atomic<int64_t> arrived{0};

  std::vector<std::thread> workers;
  /// The processors of the caller before it was pinned; empty if it is not.
  std::vector<unsigned char> callerProcessors;
};

} // namespace mx

#endif // MXFP4_RUNTIME_THREADPOOL_H
