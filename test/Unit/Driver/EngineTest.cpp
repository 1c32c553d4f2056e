//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model opened and run through the library, by the reference path, which
// compiles fast.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/Engine.h"

#include "mxfp4/Driver/Plan.h"
#include "mxfp4/Runtime/Bench.h"
#include "mxfp4/Runtime/Evaluate.h"
#include "mxfp4/Runtime/GPU.h"

#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>

using namespace mx;

namespace {
/// The small trained model; it is compiled once for all tests.
class EngineTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    EngineOptions options;
    options.compile.reference = true;
    options.cache.enabled = false;
    Result<Engine> opened =
        Engine::open(MXFP4_SOURCE_DIR "/models/tiny-shakespeare", options);
    ASSERT_TRUE(opened) << opened.error().message;
    engine = std::make_unique<Engine>(std::move(*opened));
  }
  static void TearDownTestSuite() { engine.reset(); }

  /// A session of `context` positions.
  static std::unique_ptr<Session> openSession(int64_t context) {
    SessionOptions options;
    options.context = context;
    Result<std::unique_ptr<Session>> session = engine->openSession(options);
    EXPECT_TRUE(session) << session.error().message;
    return session ? std::move(*session) : nullptr;
  }

  static std::unique_ptr<Engine> engine;
};
} // namespace

std::unique_ptr<Engine> EngineTest::engine;

TEST_F(EngineTest, RefusesFoldersWithoutCheckpoint) {
  Result<Engine> absent = Engine::open("/absent", {});
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().message,
            "/absent/config.json: cannot open: No such file or directory");
}

TEST_F(EngineTest, DescribesItself) {
  EXPECT_EQ(engine->describe().rfind("program for cpu:", 0), 0u);
  EXPECT_NE(engine->describe().find(" compiled in "), std::string::npos);
}

TEST_F(EngineTest, PlanIsWhatASessionAllocates) {
  std::unique_ptr<Session> session = openSession(100);
  ASSERT_TRUE(session);
  MemoryPlan plan =
      planMemory(engine->checkpoint().config(), engine->program(), 100);
  EXPECT_EQ(plan.total.bytes, session->bytes());
}

TEST_F(EngineTest, EvaluatesWindowsAsSequencesOfTheirOwn) {
  std::unique_ptr<Session> session = openSession(8);
  ASSERT_TRUE(session);
  // The same window twice, and a part of one that is left out.
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 20; ++i)
    ids.push_back(100 + i % 8);
  Result<Evaluation> twice = evaluate(*session, ids, 8);
  ASSERT_TRUE(twice) << twice.error().message;
  EXPECT_EQ(twice->tokens, 16);
  ids.resize(9);
  Result<Evaluation> once = evaluate(*session, ids, 8);
  ASSERT_TRUE(once) << once.error().message;
  EXPECT_EQ(once->tokens, 8);
  EXPECT_DOUBLE_EQ(once->loss, twice->loss);
  EXPECT_TRUE(std::isfinite(once->loss));
}

TEST_F(EngineTest, RefusesTextsThatCannotBeEvaluated) {
  std::unique_ptr<Session> session = openSession(8);
  ASSERT_TRUE(session);
  EXPECT_EQ(evaluate(*session, {1, 2, 3}, 8).error().message,
            "expected a text of more than 8 tokens, which is one window, but "
            "it has 3");
  EXPECT_EQ(evaluate(*session, {1, 2, 2048}, 2).error().message,
            "token 2048 is not in the vocabulary of 2048 tokens");
  EXPECT_EQ(evaluate(*session, {1, 2, 3}, 9).error().message,
            "expected a window of 1 to 8 tokens, which the context holds "
            "(--context), but got 9");
  EXPECT_FALSE(evaluate(*session, {1, 2, 3}, 0));
}

TEST_F(EngineTest, MeasuresWhatIsAskedFor) {
  BenchOptions options;
  options.promptTokens = 3;
  options.decodeTokens = 0;
  options.depth = 2;
  options.repetitions = 2;
  std::unique_ptr<Session> session = openSession(benchContext(options));
  ASSERT_TRUE(session);
  Result<std::vector<BenchResult>> results = runBench(*session, options);
  ASSERT_TRUE(results) << results.error().message;
  ASSERT_EQ(results->size(), 1u);
  EXPECT_EQ(results->front().name(), "pp3 @ d2");
  EXPECT_EQ(results->front().tokensPerSecond.size(), 2u);
  EXPECT_EQ(session->position(), 5);
}

TEST_F(EngineTest, InterruptStopsTheMeasurement) {
  std::atomic<bool> interrupt{true};
  BenchOptions options;
  options.promptTokens = 0;
  options.decodeTokens = 3;
  options.interrupt = &interrupt;
  std::unique_ptr<Session> session = openSession(benchContext(options));
  ASSERT_TRUE(session);
  EXPECT_EQ(runBench(*session, options).error().message, kInterrupted);
}

TEST(GPUTargetTest, ChoosesTheLatestChipThatTheGPURuns) {
  EXPECT_EQ(*chooseGPUTarget(75), "nvptx:sm_75");
  EXPECT_EQ(*chooseGPUTarget(87), "nvptx:sm_86");
  EXPECT_EQ(*chooseGPUTarget(90), "nvptx:sm_90");
  EXPECT_EQ(*chooseGPUTarget(120), "nvptx:sm_90");
  Result<std::string> old = chooseGPUTarget(70);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().message,
            "expected a GPU of sm_75 or later, but found sm_70");
}

TEST(GPUTargetTest, IsRefusedBeforeAnythingIsCompiled) {
  if (findGPU())
    GTEST_SKIP() << "there is a GPU";
  EngineOptions options;
  options.compile.target = "nvptx:sm_90";
  options.cache.folder = testing::TempDir() + "/refused-programs";
  Result<Engine> engine =
      Engine::open(MXFP4_SOURCE_DIR "/models/tiny-shakespeare", options);
  ASSERT_FALSE(engine);
  EXPECT_EQ(
      engine.error().message.find("cannot run the program for 'nvptx:sm_90': "),
      0u)
      << engine.error().message;
  EXPECT_FALSE(std::filesystem::exists(options.cache.folder));
}

TEST(GPUTargetTest, TakesTheGPUAtHand) {
  CompileOptions options;
  options.target = "nvptx:sm_80";
  EXPECT_EQ(resolveTarget(options)->target, "nvptx:sm_80");
  options.target = "nvptx";
  Result<CompileOptions> resolved = resolveTarget(options);
  if (Result<GPU> gpu = findGPU()) {
    ASSERT_TRUE(resolved) << resolved.error().message;
    EXPECT_EQ(resolved->target, *chooseGPUTarget(gpu->capability));
    return;
  }
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().message.find(
                "cannot choose a chip for target 'nvptx': "),
            0u)
      << resolved.error().message;
}
