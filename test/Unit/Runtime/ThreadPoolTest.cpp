//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Teams of all sizes, also far more threads than processors. Meant to be run
// under ThreadSanitizer as well.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/ThreadPool.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <sched.h>

using namespace mx;

static std::unique_ptr<ThreadPool> makePool(int64_t threads, bool pin = false) {
  Result<std::unique_ptr<ThreadPool>> pool = ThreadPool::create(threads, pin);
  EXPECT_TRUE(pool) << pool.error().message;
  return pool ? std::move(*pool) : nullptr;
}

TEST(ThreadPoolTest, EveryThreadRunsOnce) {
  for (int64_t threads : {1, 2, 3, 4, 7, 16, 64, 256}) {
    std::unique_ptr<ThreadPool> pool = makePool(threads);
    std::vector<int> calls(size_t(threads), 0);
    for (int run = 0; run < 20; ++run)
      pool->run([&](int64_t thread) { ++calls[size_t(thread)]; });
    EXPECT_EQ(calls, std::vector<int>(size_t(threads), 20));
  }
}

TEST(ThreadPoolTest, CallerIsThreadZero) {
  std::unique_ptr<ThreadPool> pool = makePool(4);
  std::thread::id zero;
  pool->run([&](int64_t thread) {
    if (thread == 0)
      zero = std::this_thread::get_id();
  });
  EXPECT_EQ(zero, std::this_thread::get_id());
}

/// Each thread writes its own number, and after the barrier reads all others.
TEST(ThreadPoolTest, BarrierStress) {
  for (int64_t threads : {1, 2, 3, 8, 32, 64}) {
    int64_t rounds = threads <= 3 ? 20000 : 4000 / threads;
    std::unique_ptr<ThreadPool> pool = makePool(threads);
    std::vector<int64_t> numbers(size_t(threads), -1);
    std::atomic<int64_t> wrong{0};
    pool->run([&](int64_t thread) {
      for (int64_t round = 0; round < rounds; ++round) {
        numbers[size_t(thread)] = round;
        pool->barrier();
        for (int64_t number : numbers)
          wrong += number != round;
        pool->barrier();
      }
    });
    EXPECT_EQ(wrong, 0) << threads << " threads";
  }
}

/// Workers are asleep when the second run begins.
TEST(ThreadPoolTest, WakesAfterAPause) {
  std::unique_ptr<ThreadPool> pool = makePool(3);
  for (int run = 0; run < 5; ++run) {
    std::atomic<int> calls{0};
    pool->run([&](int64_t) { ++calls; });
    EXPECT_EQ(calls, 3);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST(ThreadPoolTest, ManyShortRuns) {
  std::unique_ptr<ThreadPool> pool = makePool(2);
  int64_t sums[2] = {0, 0};
  for (int64_t run = 0; run < 20000; ++run)
    pool->run([&](int64_t thread) { sums[thread] += run; });
  EXPECT_EQ(sums[0], 20000 * 19999 / 2);
  EXPECT_EQ(sums[1], sums[0]);
}

TEST(ThreadPoolTest, PinsAndRestores) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  int64_t threads = std::min<int64_t>(4, CPU_COUNT(&before));
  {
    std::unique_ptr<ThreadPool> pool = makePool(threads, /*pin=*/true);
    std::vector<int> processors(size_t(threads), -1);
    std::atomic<int> bound{0};
    pool->run([&](int64_t thread) {
      cpu_set_t mine;
      sched_getaffinity(0, sizeof(mine), &mine);
      bound += CPU_COUNT(&mine) == 1;
      processors[size_t(thread)] = sched_getcpu();
    });
    EXPECT_EQ(bound, threads);
    std::sort(processors.begin(), processors.end());
    EXPECT_EQ(std::unique(processors.begin(), processors.end()),
              processors.end());
  }
  cpu_set_t after;
  ASSERT_EQ(sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(ThreadPoolTest, RefusesImpossibleTeams) {
  for (int64_t threads : {int64_t(0), int64_t(-3), int64_t(1025)}) {
    Result<std::unique_ptr<ThreadPool>> pool = ThreadPool::create(threads);
    ASSERT_FALSE(pool);
    EXPECT_EQ(pool.error().message,
              "expected 1 to 1024 threads, but got " + std::to_string(threads));
  }
}
