//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fake program through a session: loading, prefill in chunks, rows of
// logits, decode, and all that is refused.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Session.h"

#include "FakeProgram.h"
#include "mxfp4/Runtime/GPU.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace mx;

namespace {
class SessionTest : public testing::Test {
protected:
  void SetUp() override {
    Result<Checkpoint> opened = Checkpoint::open(fakeModel());
    ASSERT_TRUE(opened) << opened.error().message;
    checkpoint = std::make_unique<Checkpoint>(std::move(*opened));
  }

  std::unique_ptr<Session> makeSession(const SessionOptions &options = {}) {
    Result<std::unique_ptr<Session>> session =
        Session::create(program, *checkpoint, options);
    EXPECT_TRUE(session) << session.error().message;
    return session ? std::move(*session) : nullptr;
  }
  std::string creationError(const SessionOptions &options = {}) {
    Result<std::unique_ptr<Session>> session =
        Session::create(program, *checkpoint, options);
    return session ? "" : session.error().message;
  }

  /// Checks a whole row of logits after `tokens`.
  void expectRow(const float *logits, const std::vector<int32_t> &tokens) {
    Result<TensorData> norm = checkpoint->load("model.norm.weight");
    ASSERT_TRUE(norm);
    int32_t next = expectedNext(tokens);
    for (int64_t v = 0; v < kFakeVocab; ++v) {
      const uint8_t *source = norm->data + 2 * (v % kFakeNormSize);
      uint32_t bits = uint32_t(source[0] | source[1] << 8) << 16;
      float expected;
      std::memcpy(&expected, &bits, sizeof(bits));
      ASSERT_EQ(logits[v], expected + (v == next ? 100 : 0)) << "token " << v;
    }
  }

  Program program = makeFakeProgram();
  std::unique_ptr<Checkpoint> checkpoint;
};
} // namespace

static std::vector<int32_t> countUp(int64_t count) {
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < count; ++i)
    tokens.push_back(int32_t(i * 37 % kFakeVocab));
  return tokens;
}

TEST_F(SessionTest, AllRowsOfPromptsOfAnyLength) {
  for (int64_t threads : {1, 2, 5}) {
    SessionOptions options;
    options.threads = threads;
    std::unique_ptr<Session> session = makeSession(options);
    ASSERT_TRUE(session);
    // Around multiples of both chunk sizes, 8 and 3.
    for (int64_t count : {1, 2, 3, 4, 7, 8, 9, 16, 17, 29}) {
      std::vector<int32_t> tokens = countUp(count);
      std::vector<int32_t> seen;
      session->reset();
      Status status = session->prefill(
          tokens.data(), count, Rows::All,
          [&](int64_t position, const float *logits) -> Status {
            EXPECT_EQ(position, int64_t(seen.size()));
            seen.push_back(tokens[seen.size()]);
            expectRow(logits, seen);
            return {};
          });
      ASSERT_TRUE(status) << status.error().message;
      EXPECT_EQ(int64_t(seen.size()), count);
      EXPECT_EQ(session->position(), count);
    }
  }
}

/// Its calls end at barriers for op 0 and op 1; unembed and decode go on with
/// what no barrier ends.
TEST_F(SessionTest, TimesOfOps) {
  ProgramOp first, second;
  first.name = "first";
  first.cost.bytesPerToken = 8;
  first.cost.flops = 5;
  second.name = "second";
  second.cost.flopsPerPair = 2;
  program.ops = {first, second};
  for (Entry &entry : program.entries)
    entry.opCounts = {0, 0};
  program.entries[0].opCounts = {1, 3};
  for (int64_t threads : {1, 3}) {
    SessionOptions options;
    options.threads = threads;
    std::unique_ptr<Session> session = makeSession(options);
    ASSERT_TRUE(session);
    OpProfile profile(program);
    session->setProfile(&profile);
    // Chunks of 8 and 2 tokens.
    std::vector<int32_t> tokens = countUp(10);
    ASSERT_TRUE(session->prefill(tokens.data(), 10, Rows::Last));
    ASSERT_EQ(profile.ops().size(), 2u);
    EXPECT_EQ(profile.ops()[0].count, 2);
    EXPECT_EQ(profile.ops()[0].bytes, 80);
    EXPECT_EQ(profile.ops()[0].flops, 10);
    EXPECT_EQ(profile.ops()[1].count, 6);
    EXPECT_EQ(profile.ops()[1].flops, 3 * 2 * 55);
    EXPECT_GT(profile.ops()[0].seconds, 0);
    EXPECT_GT(profile.ops()[1].seconds, 0);
    expectRow(session->logits(), tokens);

    profile.clear();
    EXPECT_EQ(profile.ops()[0].count, 0);
    session->setProfile(nullptr);
    ASSERT_TRUE(session->prefill(tokens.data(), 10, Rows::None));
    EXPECT_EQ(profile.ops()[1].count, 0);
    EXPECT_EQ(profile.ops()[1].seconds, 0);
  }
}

TEST_F(SessionTest, LastRowAndNoRow) {
  std::unique_ptr<Session> session = makeSession();
  std::vector<int32_t> tokens = countUp(21);
  ASSERT_TRUE(session->prefill(tokens.data(), 10, Rows::None));
  ASSERT_TRUE(session->prefill(tokens.data() + 10, 11, Rows::Last));
  EXPECT_EQ(session->position(), 21);
  expectRow(session->logits(), tokens);
}

TEST_F(SessionTest, DecodeWithAndWithoutItsEntry) {
  for (bool hasDecode : {true, false}) {
    if (!hasDecode)
      program.entries.pop_back();
    std::unique_ptr<Session> session = makeSession();
    std::vector<int32_t> tokens = countUp(5);
    ASSERT_TRUE(session->prefill(tokens.data(), 5, Rows::Last));
    for (int step = 0; step < 20; ++step) {
      tokens.push_back(expectedNext(tokens));
      Result<const float *> logits = session->decode(tokens.back());
      ASSERT_TRUE(logits) << logits.error().message;
      EXPECT_EQ(*logits, session->logits());
      expectRow(*logits, tokens);
    }
    EXPECT_EQ(session->position(), 25);
  }
}

TEST_F(SessionTest, DecodeDoesNotAllocate) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer has allocations of its own";
#endif
  int64_t none = countAllocations();
  std::unique_ptr<Session> session = makeSession();
  EXPECT_GT(countAllocations(), none);
  ASSERT_TRUE(session->decode(1));
  int64_t before = countAllocations();
  for (int32_t token = 0; token < 50; ++token)
    if (!session->decode(token))
      FAIL();
  EXPECT_EQ(countAllocations(), before);
}

TEST_F(SessionTest, ProgramChoosesTokens) {
  EXPECT_FALSE(makeSession()->canSample());
  program = makeFakeProgram(/*samples=*/true);
  std::unique_ptr<Session> session = makeSession();
  ASSERT_TRUE(session);
  ASSERT_TRUE(session->canSample());
  SamplerOptions greedy;
  greedy.temperature = 0;
  ASSERT_TRUE(session->setSampling(greedy, kFakeVocab));
  // Around multiples of both chunk sizes, 8 and 3.
  for (int64_t count : {1, 3, 4, 8, 9, 17}) {
    std::vector<int32_t> tokens = countUp(count), expected, chosen, last;
    for (int64_t i = 1; i <= count; ++i)
      expected.push_back(
          expectedNext({tokens.begin(), tokens.begin() + ptrdiff_t(i)}));
    session->reset();
    ASSERT_TRUE(
        session->prefillAndSample(tokens.data(), count, Rows::All, chosen));
    EXPECT_EQ(chosen, expected);
    session->reset();
    ASSERT_TRUE(
        session->prefillAndSample(tokens.data(), count, Rows::Last, last));
    EXPECT_EQ(last, (std::vector<int32_t>{expected.back()}));
    tokens.push_back(5);
    Result<int32_t> next = session->decodeAndSample(5);
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_EQ(*next, expectedNext(tokens));
    EXPECT_EQ(session->position(), count + 1);
  }
}

TEST_F(SessionTest, SamplingIsChecked) {
  EXPECT_EQ(makeSession()->setSampling({}, 1).error().message,
            "the program cannot choose tokens with these options");
  program = makeFakeProgram(/*samples=*/true);
  std::unique_ptr<Session> session = makeSession();
  SamplerOptions options;
  options.topK = 3;
  EXPECT_FALSE(session->setSampling(options, 1));
  options.topK = 0;
  options.topP = 0.5;
  EXPECT_FALSE(session->setSampling(options, 1));
  options.topP = 1;
  options.temperature = -1;
  EXPECT_FALSE(session->setSampling(options, 1));
  options.temperature = 1;
  EXPECT_EQ(session->setSampling(options, kFakeVocab + 1).error().message,
            "expected 1 to 2048 tokens to choose from, but got 2049");
  // A seed out of which the fake program makes a token that is none.
  options.seed = uint64_t(1) << 31;
  ASSERT_TRUE(session->setSampling(options, kFakeVocab));
  Result<int32_t> token = session->decodeAndSample(1);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().message,
            "a logit is NaN, or the largest is infinite; "
            "the weights or the program are damaged");

  program.entries.back().maxTokens = 2;
  EXPECT_EQ(creationError(), "expected entry point 'sample' to take the 3 rows "
                             "of 'unembed', but it takes 2");
  program.entries.back().maxTokens = 3;
  program.buffers[kFakeSettings].name = "other";
  EXPECT_EQ(creationError(), "the program has no buffer 'settings'");
}

TEST_F(SessionTest, ChoosingDoesNotAllocate) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer has allocations of its own";
#endif
  program = makeFakeProgram(/*samples=*/true);
  std::unique_ptr<Session> session = makeSession();
  ASSERT_TRUE(session->setSampling({}, kFakeVocab));
  ASSERT_TRUE(session->decodeAndSample(1));
  int64_t before = countAllocations();
  for (int32_t token = 0; token < 50; ++token)
    if (!session->decodeAndSample(token))
      FAIL();
  EXPECT_EQ(countAllocations(), before);
}

TEST_F(SessionTest, SequencesHaveTokensOfTheirOwn) {
  program = makeFakeBatchProgram();
  std::unique_ptr<Session> session = makeSession();
  ASSERT_TRUE(session);
  EXPECT_EQ(session->sequences(), kFakeBatch);
  SamplerOptions greedy;
  greedy.temperature = 0;
  ASSERT_TRUE(session->setSampling(greedy, kFakeVocab));
  std::vector<std::vector<int32_t>> texts;
  for (int64_t i = 0; i < kFakeBatch; ++i) {
    texts.push_back(countUp(3 * i));
    ASSERT_TRUE(session->select(i));
    ASSERT_TRUE(session->prefill(texts.back().data(), 3 * i, Rows::None));
  }
  for (const std::vector<int32_t> &ids :
       std::vector<std::vector<int32_t>>{{2, 0}, {1}, {0, 1, 2}, {1, 2, 0}}) {
    std::vector<int32_t> tokens, expected;
    for (int32_t id : ids) {
      std::vector<int32_t> &text = texts[size_t(id)];
      tokens.push_back(int32_t(11 * id + int64_t(text.size())));
      text.push_back(tokens.back());
      expected.push_back(expectedNext(text));
    }
    int64_t count = int64_t(ids.size());
    if (count == 2) {
      Result<const float *> logits =
          session->decodeBatch(tokens.data(), ids.data(), count);
      ASSERT_TRUE(logits) << logits.error().message;
      for (size_t row = 0; row < ids.size(); ++row)
        expectRow(*logits + row * kFakeVocab, texts[size_t(ids[row])]);
      continue;
    }
    Result<const int32_t *> next =
        session->decodeBatchAndSample(tokens.data(), ids.data(), count);
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_EQ(std::vector<int32_t>(*next, *next + count), expected);
  }
  // One after the other, too; and anew.
  ASSERT_TRUE(session->select(1));
  EXPECT_EQ(session->position(), int64_t(texts[1].size()));
  Result<int32_t> next = session->decodeAndSample(7);
  texts[1].push_back(7);
  ASSERT_TRUE(next);
  EXPECT_EQ(*next, expectedNext(texts[1]));
  session->reset();
  EXPECT_EQ(session->position(), 0);
  ASSERT_TRUE(session->select(2));
  EXPECT_EQ(session->position(), int64_t(texts[2].size()));
}

TEST_F(SessionTest, BatchesDoNotAllocate) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer has allocations of its own";
#endif
  program = makeFakeBatchProgram();
  std::unique_ptr<Session> session = makeSession();
  ASSERT_TRUE(session->setSampling({}, kFakeVocab));
  int32_t tokens[kFakeBatch] = {1, 2, 3}, ids[kFakeBatch] = {0, 1, 2};
  int64_t before = countAllocations();
  for (int i = 0; i < 20; ++i)
    if (!session->decodeBatchAndSample(tokens, ids, kFakeBatch))
      FAIL();
  EXPECT_EQ(countAllocations(), before);
}

TEST_F(SessionTest, BatchProgramsAreChecked) {
  program = makeFakeBatchProgram();
  program.entries.back().maxTokens = 2;
  EXPECT_EQ(creationError(),
            "expected entry point 'sample_batch' to take the 3 "
            "rows of the sequences of the program, but it "
            "takes 2");
  program.entries.pop_back();
  EXPECT_EQ(creationError(), "the program has no entry point 'sample_batch'");
  program = makeFakeBatchProgram();
  program.buffers[kFakePositions].bytes = 8;
  EXPECT_EQ(creationError(), "expected buffer 'positions' of the program to "
                             "have at least 12 bytes, but it has 8");
  program = makeFakeProgram();
  program.sequences = 2;
  EXPECT_EQ(creationError(), "the program has no entry point 'decode_batch'");
  EXPECT_EQ(checkBatch(program, 3).error().message,
            "expected a program for 3 sequences (--batch), but it has caches "
            "for 2; compile it with --sequences 3 or more");
  program.sequences = 1;
  std::unique_ptr<Session> session = makeSession();
  EXPECT_EQ(session->decodeAndSample(1).error().message,
            "the program cannot choose tokens");
}

TEST_F(SessionTest, VisitorStopsThePrefill) {
  std::unique_ptr<Session> session = makeSession();
  std::vector<int32_t> tokens = countUp(20);
  Status status =
      session->prefill(tokens.data(), 20, Rows::All,
                       [](int64_t position, const float *) -> Status {
                         if (position == 9)
                           return Error{"disk full"};
                         return {};
                       });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "disk full");
  EXPECT_EQ(session->position(), 16);
}

TEST_F(SessionTest, TokensAreTakenBack) {
  std::unique_ptr<Session> session = makeSession();
  ASSERT_EQ(session->maxRewind(), 5);
  std::vector<int32_t> tokens = countUp(20);
  ASSERT_TRUE(session->prefill(tokens.data(), 20, Rows::None));
  ASSERT_TRUE(session->rewind(20));
  ASSERT_TRUE(session->rewind(16));
  EXPECT_EQ(session->position(), 16);
  tokens.resize(16);
  tokens.push_back(3);
  Result<const float *> logits = session->decode(3);
  ASSERT_TRUE(logits) << logits.error().message;
  expectRow(*logits, tokens);
  // The sequence had 20 tokens: a window has lost what was before 15.
  ASSERT_TRUE(session->rewind(15));
  EXPECT_EQ(session->rewind(14).error().message,
            "expected a position of 15 to 15 to go back to, but got 14");
  EXPECT_EQ(session->rewind(16).error().message,
            "expected a position of 15 to 15 to go back to, but got 16");
  session->reset();
  ASSERT_TRUE(session->rewind(0));
  EXPECT_FALSE(session->rewind(-1));
}

TEST_F(SessionTest, ContextIsChecked) {
  EXPECT_EQ(makeSession()->context(), 1000);
  SessionOptions options;
  options.context = 12;
  std::unique_ptr<Session> session = makeSession(options);
  EXPECT_EQ(session->context(), 12);
  std::vector<int32_t> tokens = countUp(13);
  Status status = session->prefill(tokens.data(), 13, Rows::Last);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message,
            "prompt of 13 tokens does not fit the context of 12 (--context)");
  ASSERT_TRUE(session->prefill(tokens.data(), 12, Rows::Last));
  Result<const float *> logits = session->decode(0);
  ASSERT_FALSE(logits);
  EXPECT_EQ(logits.error().message,
            "the context of 12 positions is full (--context)");
  status = session->prefill(tokens.data(), 3, Rows::Last);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "prompt of 3 tokens at position 12 does "
                                    "not fit the context of 12 (--context)");
  session->reset();
  EXPECT_TRUE(session->decode(0));

  options.context = 1001;
  EXPECT_EQ(creationError(options),
            "expected a context of 1 to 1000 positions, for which the model "
            "was made, but got 1001");
}

TEST(ContextTest, IsWhatTheUserSaysElseWhatIsWanted) {
  EXPECT_EQ(*chooseContext(40, 1024, 17), 40);
  EXPECT_EQ(*chooseContext(0, 1024, 17), 17);
  EXPECT_EQ(*chooseContext(0, 1024, 0), 1);
  EXPECT_EQ(*chooseContext(0, 1024, 2000), 1024);
  EXPECT_EQ(*chooseContext(0, 1024), 1024);
  EXPECT_EQ(*chooseContext(0, 131072), kDefaultContext);
  EXPECT_EQ(*chooseContext(1024, 1024), 1024);
  EXPECT_FALSE(chooseContext(1025, 1024));
  EXPECT_FALSE(chooseContext(-1, 1024));
}

TEST(PromptTest, IsCheckedWithoutASession) {
  EXPECT_TRUE(checkPrompt({0, 49}, 50, 2));
  EXPECT_EQ(checkPrompt({}, 50, 2).error().message,
            "expected a prompt of 1 or more tokens, but it is empty");
  EXPECT_EQ(checkPrompt({1, 2, 3}, 50, 2).error().message,
            "prompt of 3 tokens does not fit the context of 2 (--context)");
  EXPECT_EQ(checkPrompt({1, 50}, 50, 2).error().message,
            "token 50 is not in the vocabulary of 50 tokens");
  EXPECT_FALSE(checkPrompt({-1}, 50, 2));
}

TEST_F(SessionTest, TokensAreChecked) {
  std::unique_ptr<Session> session = makeSession();
  for (int32_t token : {int32_t(kFakeVocab), -1}) {
    Result<const float *> logits = session->decode(token);
    ASSERT_FALSE(logits);
    EXPECT_EQ(logits.error().message,
              "token " + std::to_string(token) +
                  " is not in the vocabulary of 2048 tokens");
  }
  EXPECT_EQ(session->position(), 0);
}

TEST_F(SessionTest, WeightsAreChecked) {
  Buffer &norm = program.buffers[kFakeNorm];
  norm.shape = {96, 2};
  EXPECT_EQ(creationError(),
            "the program expects tensor 'model.norm.weight' to be BF16 [96, "
            "2], but in the checkpoint it is BF16 [192]; compile this "
            "checkpoint again");
  norm.shape = {192};
  norm.dtype = "F32";
  EXPECT_NE(creationError(), "");
  norm.dtype = "BF16";
  norm.prepare = "";
  EXPECT_EQ(creationError(), "the program copies tensor 'model.norm.weight' "
                             "into 768 bytes, but it has 384");
  norm.prepare = "absent";
  EXPECT_EQ(creationError(),
            "the program's code does not define symbol 'absent'");
  norm.name = "other.weight";
  EXPECT_EQ(creationError(), "the program needs tensor 'other.weight', which "
                             "the checkpoint does not have");
}

TEST_F(SessionTest, EntriesAndBuffersAreChecked) {
  program.entries[0].name = "refill";
  EXPECT_EQ(creationError(), "the program has no entry point 'prefill'");
  program.entries[0].name = "prefill";
  program.entries[0].maxTokens = 9;
  EXPECT_EQ(creationError(), "expected buffer 'tokens' of the program to have "
                             "at least 36 bytes, but it has 32");
  program.entries[0].maxTokens = 8;
  program.buffers[kFakeLogits].name = "other";
  EXPECT_EQ(creationError(), "the program has no buffer 'logits'");
}

TEST_F(SessionTest, MemoryIsChecked) {
  program.buffers[kFakeHistory].bytesPerPosition = uint64_t(1) << 34;
  EXPECT_NE(creationError().find("of memory (weights"), std::string::npos);
  program.buffers[kFakeHistory].bytesPerPosition = 4;
  program.buffers[kFakeHidden].bytes = uint64_t(1) << 60;
  EXPECT_NE(creationError().find("cannot allocate 1152921504606846976 bytes "
                                 "for buffer 'hidden'"),
            std::string::npos);
}

TEST_F(SessionTest, ProgressEndsAtTotal) {
  std::vector<uint64_t> done;
  uint64_t size = 0;
  SessionOptions options;
  options.progress = [&](uint64_t bytes, uint64_t total) {
    done.push_back(bytes);
    size = total;
  };
  ASSERT_TRUE(makeSession(options));
  EXPECT_EQ(done, (std::vector<uint64_t>{384, 400}));
  EXPECT_EQ(size, 400u);
}

TEST_F(SessionTest, InterruptStopsLoadingAndPrefill) {
  bool interrupt = false;
  SessionOptions options;
  options.interrupt = [&] { return interrupt; };
  std::unique_ptr<Session> session = makeSession(options);
  interrupt = true;
  int32_t token = 1;
  Status status = session->prefill(&token, 1, Rows::None);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, kInterrupted);
  EXPECT_EQ(creationError(options), kInterrupted);
}

TEST_F(SessionTest, SaysThatThereIsNoGPU) {
  if (findGPU())
    GTEST_SKIP() << "there is a GPU";
  program.target = "nvptx:sm_90";
  std::string error = creationError();
  EXPECT_EQ(error.find("cannot run the program for 'nvptx:sm_90': "), 0u)
      << error;
}
