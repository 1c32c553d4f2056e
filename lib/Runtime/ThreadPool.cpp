//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Threads wait on 32-bit counters: first by looking at them, then in the kernel
// (futex). A counter only grows, so a late sleeper can not miss a signal.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/ThreadPool.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstring>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

using namespace mx;

/// About the time between two kernels of a decode step.
static constexpr int64_t kSpinNanoseconds = 30000;

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) &&
                  std::atomic<uint32_t>::is_always_lock_free,
              "a futex is a plain 32-bit word");

//===----------------------------------------------------------------------===//
// Processors
//===----------------------------------------------------------------------===//

static cpu_set_t allowedProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // Fails on machines with more processors than the set has bits; then it
  // stays empty, and threads are not pinned.
  sched_getaffinity(0, sizeof(set), &set);
  return set;
}

int64_t mx::countAllowedProcessors() {
  cpu_set_t set = allowedProcessors();
  if (int count = CPU_COUNT(&set))
    return count;
  return std::max<int64_t>(1, std::thread::hardware_concurrency());
}

/// Binds the calling thread to the `index`-th processor of `allowed`.
static void pinToProcessor(const cpu_set_t &allowed, int64_t index) {
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &allowed) || index-- != 0)
      continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(0, sizeof(one), &one);
    return;
  }
}

//===----------------------------------------------------------------------===//
// Signal
//===----------------------------------------------------------------------===//

static void pauseProcessor() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

static long futex(std::atomic<uint32_t> &word, int operation, uint32_t value) {
  return syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word),
                 operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

void ThreadPool::Signal::waitWhile(uint32_t old, int64_t spinNanoseconds) {
  using Clock = std::chrono::steady_clock;
  if (value.load(std::memory_order_acquire) != old)
    return;
  if (spinNanoseconds > 0) {
    auto end = Clock::now() + std::chrono::nanoseconds(spinNanoseconds);
    do {
      // Reading the clock costs as much as a few pauses.
      for (unsigned i = 0; i < 16; ++i) {
        if (value.load(std::memory_order_acquire) != old)
          return;
        pauseProcessor();
      }
    } while (Clock::now() < end);
  }

  // advance() changes the value and then reads `sleepers`, in one total order
  // with these two: either it sees this sleeper or this sees the new value.
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (value.load(std::memory_order_seq_cst) == old)
    futex(value, FUTEX_WAIT, old);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
}

void ThreadPool::Signal::advance() {
  value.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) != 0)
    futex(value, FUTEX_WAKE, INT_MAX);
}

//===----------------------------------------------------------------------===//
// ThreadPool
//===----------------------------------------------------------------------===//

ThreadPool::ThreadPool(int64_t threads)
    : teamSize(threads),
      // A thread that spins where processors are short only delays the thread
      // that it waits for.
      spinNanoseconds(threads <= countAllowedProcessors() ? kSpinNanoseconds
                                                          : 0) {}

Result<std::unique_ptr<ThreadPool>> ThreadPool::create(int64_t threads,
                                                       bool pin) {
  if (threads < 1 || threads > kMaxThreads)
    return Error{"expected 1 to " + std::to_string(kMaxThreads) +
                 " threads, but got " + std::to_string(threads)};
  std::unique_ptr<ThreadPool> pool(new ThreadPool(threads));
  if (Status status = pool->start(pin); !status)
    return status.error();
  return pool;
}

Status ThreadPool::start(bool pin) {
  cpu_set_t allowed = allowedProcessors();
  pin = pin && teamSize <= CPU_COUNT(&allowed);
  workers.reserve(size_t(teamSize - 1));
  for (int64_t thread = 1; thread < teamSize; ++thread) {
    try {
      workers.emplace_back([=] {
        if (pin)
          pinToProcessor(allowed, thread);
        work(thread);
      });
    } catch (const std::system_error &error) {
      return Error{"cannot start thread " + std::to_string(thread) + " of " +
                   std::to_string(teamSize) + ": " + error.what()};
    }
  }
  if (pin) {
    callerProcessors.resize(sizeof(allowed));
    std::memcpy(callerProcessors.data(), &allowed, sizeof(allowed));
    pinToProcessor(allowed, 0);
  }
  return {};
}

ThreadPool::~ThreadPool() {
  task = nullptr;
  runs.advance();
  for (std::thread &worker : workers)
    worker.join();
  if (!callerProcessors.empty())
    sched_setaffinity(
        0, callerProcessors.size(),
        reinterpret_cast<const cpu_set_t *>(callerProcessors.data()));
}

void ThreadPool::work(int64_t thread) {
  for (uint32_t run = 0;; ++run) {
    runs.waitWhile(run, spinNanoseconds);
    if (!task)
      return;
    task(body, thread);
    barrier();
  }
}

void ThreadPool::runTask(Task newTask, void *newBody) {
  if (teamSize == 1)
    return newTask(newBody, 0);
  task = newTask;
  body = newBody;
  runs.advance();
  task(body, 0);
  barrier();
}

void ThreadPool::barrier() {
  // Read before arriving: until then the barrier can not advance.
  uint32_t generation = barriers.value.load(std::memory_order_acquire);
  if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 < teamSize)
    return barriers.waitWhile(generation, spinNanoseconds);
  arrived.store(0, std::memory_order_relaxed);
  barriers.advance();
}
