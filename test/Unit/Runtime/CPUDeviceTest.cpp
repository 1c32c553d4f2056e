//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loading of code, and the checks before it.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/CPUDevice.h"

#include "FakeProgram.h"
#include "mxfp4/Runtime/CPUFeatures.h"

#include <gtest/gtest.h>

using namespace mx;

static std::string creationError(const Program &program, int64_t threads = 0) {
  Result<std::unique_ptr<CPUDevice>> device =
      CPUDevice::create(program, threads);
  return device ? "" : device.error().message;
}

TEST(CPUDeviceTest, RefusesOtherTargets) {
  Program program = makeFakeProgram();
  program.target = "cuda:sm_90";
  EXPECT_EQ(creationError(program), "expected a program for target 'cpu:...', "
                                    "but it is for 'cuda:sm_90'");
}

TEST(CPUDeviceTest, NamesTheMissingFeature) {
  Program program = makeFakeProgram();
  program.features = {"avx9000"};
  EXPECT_EQ(creationError(program),
            "the program for 'cpu:any' needs processor feature 'avx9000', "
            "which this machine lacks; compile the model for this machine");
}

#if defined(__x86_64__)
TEST(CPUDeviceTest, FeaturesAreThoseOfTheCompiler) {
  EXPECT_EQ(processorHasFeature("avx"), bool(__builtin_cpu_supports("avx")));
  EXPECT_EQ(processorHasFeature("avx2"), bool(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(processorHasFeature("fma"), bool(__builtin_cpu_supports("fma")));
  EXPECT_EQ(processorHasFeature("bmi2"), bool(__builtin_cpu_supports("bmi2")));
  EXPECT_EQ(processorHasFeature("avx512f"),
            bool(__builtin_cpu_supports("avx512f")));
  EXPECT_EQ(processorHasFeature("avx512bw"),
            bool(__builtin_cpu_supports("avx512bw")));
  EXPECT_EQ(processorHasFeature("avx512vnni"),
            bool(__builtin_cpu_supports("avx512vnni")));
  EXPECT_EQ(processorHasFeature("avx512vbmi"),
            bool(__builtin_cpu_supports("avx512vbmi")));
}
#endif

TEST(CPUDeviceTest, LimitsThreads) {
  Program program = makeFakeProgram();
  program.maxThreads = 3;
  EXPECT_EQ(creationError(program, 4),
            "the program runs on at most 3 threads, but got 4");
  EXPECT_EQ(creationError(program, 3), "");
  EXPECT_NE(creationError(program, -1), "");
  Result<std::unique_ptr<CPUDevice>> device = CPUDevice::create(program);
  ASSERT_TRUE(device);
  EXPECT_LE((*device)->pool().threads(), 3);
}

TEST(CPUDeviceTest, RefusesCodeThatIsNoLibrary) {
  Program program = makeFakeProgram();
  std::string code = program.code;
  for (const std::string &bad :
       {std::string(), std::string("no ELF"), code.substr(0, 100)}) {
    program.code = bad;
    EXPECT_NE(creationError(program).find("cannot load the program's code: "),
              std::string::npos);
  }
}

TEST(CPUDeviceTest, FindsSymbols) {
  Result<std::unique_ptr<CPUDevice>> device =
      CPUDevice::create(makeFakeProgram());
  ASSERT_TRUE(device);
  EXPECT_TRUE((*device)->lookup("fake_decode"));
  Result<MXEntryFunction> absent = (*device)->lookup("absent");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().message,
            "the program's code does not define symbol 'absent'");
}

/// The loader knows a library by its path; two programs must not share one.
TEST(CPUDeviceTest, ProgramsAreLoadedApart) {
  Program program = makeFakeProgram();
  Result<std::unique_ptr<CPUDevice>> first = CPUDevice::create(program, 1);
  Result<std::unique_ptr<CPUDevice>> second = CPUDevice::create(program, 1);
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_NE(*(*first)->lookup("fake_decode"),
            *(*second)->lookup("fake_decode"));
}

TEST(CPUDeviceTest, PassesTheInvocationToAllThreads) {
  Result<std::unique_ptr<CPUDevice>> device =
      CPUDevice::create(makeFakeProgram(), 4);
  ASSERT_TRUE(device);
  struct Seen {
    std::atomic<int64_t> calls{0};
    std::atomic<int64_t> threadSum{0};
  } seen;
  void *buffers[] = {&seen};
  MXInvocation call = {};
  call.buffers = buffers;
  call.tokens = 7;
  call.position = 8;
  call.context = 9;
  (*device)->run(
      [](const MXInvocation *call) {
        Seen *seen = static_cast<Seen *>(call->buffers[0]);
        if (call->tokens == 7 && call->position == 8 && call->context == 9 &&
            call->threads == 4)
          ++seen->calls;
        call->barrier(call->team, 3);
        seen->threadSum += call->thread;
      },
      call);
  EXPECT_EQ(seen.calls, 4);
  EXPECT_EQ(seen.threadSum, 0 + 1 + 2 + 3);
}
