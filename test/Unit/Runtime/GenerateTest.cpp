//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loop from prompt to text, with the fake program, whose next token is
// known.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Generate.h"

#include "FakeProgram.h"

#include <gtest/gtest.h>
#include <map>

using namespace mx;

namespace {
class GenerateTest : public testing::Test {
protected:
  void SetUp() override {
    Result<Checkpoint> opened = Checkpoint::open(fakeModel());
    ASSERT_TRUE(opened) << opened.error().message;
    checkpoint = std::make_unique<Checkpoint>(std::move(*opened));
    Result<Tokenizer> loaded = Tokenizer::load(fakeModel());
    ASSERT_TRUE(loaded) << loaded.error().message;
    tokenizer = std::make_unique<Tokenizer>(std::move(*loaded));
    options.sampler.temperature = 0;
    options.maxTokens = 10;
  }

  /// Generates from `prompt` in a new session and returns the text.
  std::string run(int64_t context = 0) {
    SessionOptions sessionOptions;
    sessionOptions.context = context;
    Result<std::unique_ptr<Session>> session = Session::create(
        makeFakeProgram(programSamples), *checkpoint, sessionOptions);
    EXPECT_TRUE(session) << session.error().message;
    std::string text;
    Result<Generation> result =
        generate(**session, *tokenizer, *tokenizer->encode(prompt), options,
                 [&](std::string_view piece) -> Status {
                   text += piece;
                   return {};
                 });
    failure = result ? "" : result.error().message;
    generation = result ? *result : Generation();
    return text;
  }

  /// Has tokens chosen among three, of which two are always the same.
  void repeatPairs() {
    options.sampler.temperature = 1000;
    options.sampler.topK = 3;
    options.sampler.seed = 5;
  }

  /// The `count` tokens that the fake program gives after the prompt.
  std::vector<int32_t> expected(size_t count) {
    std::vector<int32_t> all = *tokenizer->encode(prompt);
    size_t prompts = all.size();
    while (all.size() < prompts + count)
      all.push_back(expectedNext(all));
    return {all.begin() + ptrdiff_t(prompts), all.end()};
  }

  /// Whether the program can choose tokens.
  bool programSamples = false;
  std::string prompt = "To be, or not to be";
  GenerateOptions options;
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<Tokenizer> tokenizer;
  Generation generation;
  std::string failure;
};
} // namespace

TEST_F(GenerateTest, FollowsTheModel) {
  std::string text = run();
  EXPECT_EQ(failure, "");
  EXPECT_EQ(generation.tokens, expected(10));
  EXPECT_EQ(generation.reason, StopReason::MaxTokens);
  EXPECT_EQ(generation.decodeSteps, 9);
  EXPECT_EQ(generation.promptTokens,
            int64_t(tokenizer->encode(prompt)->size()));

  StreamDecoder decoder(*tokenizer);
  std::string whole;
  for (int32_t token : expected(10))
    whole += *decoder.push(token);
  EXPECT_EQ(text, whole + decoder.flush());
}

TEST_F(GenerateTest, StopsBeforeAStopToken) {
  std::vector<int32_t> all = expected(10);
  options.stopTokens = {all[4]};
  run();
  EXPECT_EQ(generation.reason, StopReason::StopToken);
  EXPECT_EQ(generation.tokens,
            std::vector<int32_t>(all.begin(), all.begin() + 4));
}

TEST_F(GenerateTest, StopsAtTheEndOfTheContext) {
  int64_t promptTokens = int64_t(tokenizer->encode(prompt)->size());
  run(promptTokens + 3);
  EXPECT_EQ(generation.reason, StopReason::ContextFull);
  // Three that fit, and one that was chosen but is not fed back.
  EXPECT_EQ(generation.tokens, expected(4));
}

TEST_F(GenerateTest, NoTokensAskedFor) {
  options.maxTokens = 0;
  EXPECT_EQ(run(), "");
  EXPECT_EQ(generation.reason, StopReason::MaxTokens);
  EXPECT_TRUE(generation.tokens.empty());
}

TEST_F(GenerateTest, InterruptStopsTheLoop) {
  options.interrupt = [] { return true; };
  run();
  EXPECT_EQ(failure, "");
  EXPECT_EQ(generation.reason, StopReason::Interrupted);
  EXPECT_TRUE(generation.tokens.empty());
}

TEST_F(GenerateTest, DraftsDoNotChangeTheText) {
  repeatPairs();
  options.maxTokens = 600;
  std::string text = run();
  ASSERT_EQ(failure, "");
  Generation plain = generation;
  EXPECT_EQ(plain.draftedTokens, 0);
  for (int64_t draftTokens : {1, 2, 5}) {
    options.draftTokens = draftTokens;
    EXPECT_EQ(run(), text);
    EXPECT_EQ(generation.tokens, plain.tokens);
    EXPECT_EQ(generation.decodeSteps, plain.decodeSteps);
    EXPECT_GT(generation.acceptedTokens, 20);
    EXPECT_GT(generation.draftedTokens, 2 * generation.acceptedTokens);
  }
}

/// A program that chooses tokens gives the same text, also with drafts. One
/// with a seed shows that it is asked.
TEST_F(GenerateTest, ProgramChooses) {
  options.maxTokens = 50;
  std::string text = run();
  Generation plain = generation;
  programSamples = true;
  for (int64_t draftTokens : {0, 3}) {
    options.draftTokens = draftTokens;
    EXPECT_EQ(run(), text);
    EXPECT_EQ(failure, "");
    EXPECT_EQ(generation.tokens, plain.tokens);
    EXPECT_EQ(generation.decodeSteps, 49);
  }
  options.sampler.seed = 1;
  options.maxTokens = 1;
  run();
  EXPECT_EQ(generation.tokens, (std::vector<int32_t>{plain.tokens[0] + 1}));
  // What only the runtime can do.
  options.sampler.topK = 1;
  run();
  EXPECT_EQ(generation.tokens, (std::vector<int32_t>{plain.tokens[0]}));
}

/// What a generator has the program choose by is not what one made after it
/// asks for.
TEST_F(GenerateTest, ProgramChoosesForWhoStarts) {
  Result<std::unique_ptr<Session>> session =
      Session::create(makeFakeProgram(/*samples=*/true), *checkpoint);
  ASSERT_TRUE(session) << session.error().message;
  std::vector<int32_t> ids = *tokenizer->encode(prompt);
  Result<Generator> first =
      Generator::create(**session, *tokenizer, ids, options);
  options.sampler.seed = 1;
  Result<Generator> second =
      Generator::create(**session, *tokenizer, ids, options);
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(first->next());
  EXPECT_EQ(first->generation().tokens, expected(1));
}

TEST_F(GenerateTest, DraftsEndWhereTheTextDoes) {
  repeatPairs();
  int64_t promptTokens = int64_t(tokenizer->encode(prompt)->size()),
          accepted = 0;
  // The end of the context, the limit, and a token that is drafted, too.
  auto expectSame = [&](int64_t context, StopReason reason) {
    options.draftTokens = 0;
    std::string text = run(context);
    Generation plain = generation;
    options.draftTokens = 5;
    EXPECT_EQ(run(context), text);
    EXPECT_EQ(failure, "");
    EXPECT_EQ(generation.tokens, plain.tokens);
    EXPECT_EQ(generation.reason, plain.reason);
    EXPECT_EQ(generation.reason, reason);
    accepted += generation.acceptedTokens;
  };
  options.maxTokens = 500;
  for (int64_t room = 100; room < 160; ++room)
    expectSame(promptTokens + room, StopReason::ContextFull);
  for (options.maxTokens = 100; options.maxTokens < 160; ++options.maxTokens)
    expectSame(0, StopReason::MaxTokens);
  std::map<int32_t, int64_t> counts;
  for (int32_t token : generation.tokens)
    ++counts[token];
  for (auto [token, count] : counts)
    if (count > 1) {
      options.stopTokens = {token};
      expectSame(0, StopReason::StopToken);
    }
  EXPECT_GT(accepted, 200);
}

TEST_F(GenerateTest, RefusesDraftsThatCannotBeTakenBack) {
  for (int64_t draftTokens : {-1, 6}) {
    options.draftTokens = draftTokens;
    run();
    EXPECT_EQ(failure, "expected 0 to 5 tokens to draft, which the program can "
                       "take back, but got " +
                           std::to_string(draftTokens));
  }
}

TEST_F(GenerateTest, NothingIsComputedBeforeItIsAskedFor) {
  Result<std::unique_ptr<Session>> session =
      Session::create(makeFakeProgram(), *checkpoint);
  ASSERT_TRUE(session) << session.error().message;
  std::vector<int32_t> ids = *tokenizer->encode(prompt);
  options.maxTokens = 3;
  Result<Generator> generator =
      Generator::create(**session, *tokenizer, ids, options);
  ASSERT_TRUE(generator) << generator.error().message;
  EXPECT_EQ((*session)->position(), 0);
  for (size_t count = 1; count <= 3; ++count) {
    Result<std::optional<std::string>> text = generator->next();
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_TRUE(*text);
    EXPECT_FALSE(generator->isEnded());
    EXPECT_EQ(generator->generation().tokens, expected(count));
    EXPECT_EQ((*session)->position(), int64_t(ids.size() + count - 1));
  }
  // The last may be a character that was left incomplete.
  while (!generator->isEnded())
    ASSERT_TRUE(generator->next());
  EXPECT_FALSE(generator->next()->has_value());
  EXPECT_EQ(generator->generation().reason, StopReason::MaxTokens);
  EXPECT_EQ((*session)->position(), int64_t(ids.size() + 2));
}

TEST_F(GenerateTest, APromptThatWasInterruptedCanStartAgain) {
  bool interrupt = false;
  SessionOptions sessionOptions;
  sessionOptions.interrupt = [&] { return interrupt; };
  Result<std::unique_ptr<Session>> session =
      Session::create(makeFakeProgram(), *checkpoint, sessionOptions);
  ASSERT_TRUE(session) << session.error().message;
  Result<Generator> generator = Generator::create(
      **session, *tokenizer, *tokenizer->encode(prompt), options);
  interrupt = true;
  EXPECT_EQ(generator->next().error().message, kInterrupted);
  EXPECT_FALSE(generator->isStarted());
  interrupt = false;
  EXPECT_TRUE(generator->next());
  EXPECT_TRUE(generator->isStarted());
  EXPECT_EQ(generator->generation().tokens, expected(1));
}

TEST_F(GenerateTest, SamplesAsTheConfigurationSays) {
  GenerationConfig config;
  EXPECT_EQ(chooseSampling(config).temperature, 1.0f);
  EXPECT_EQ(chooseSampling(config).topP, 1.0f);
  config.temperature = 0.5;
  config.topP = 0.25;
  EXPECT_EQ(chooseSampling(config).temperature, 0.5f);
  EXPECT_EQ(chooseSampling(config).topP, 0.25f);
  config.doSample = false;
  EXPECT_EQ(chooseSampling(config).temperature, 0.0f);
}

TEST_F(GenerateTest, RefusesEmptyAndLongPrompts) {
  prompt = "";
  run();
  EXPECT_EQ(failure, "expected a prompt of 1 or more tokens, but it is empty");
  prompt = "one two three four five six";
  run(2);
  EXPECT_NE(failure.find("does not fit the context of 2 (--context)"),
            std::string::npos);
}

TEST_F(GenerateTest, StopTokensOfTheModel) {
  // <|endoftext|>, <|return|> and <|call|>, also named by the configurations.
  EXPECT_EQ(findStopTokens(*checkpoint, *tokenizer),
            (std::vector<int32_t>{2040, 2041, 2047}));
}

TEST_F(GenerateTest, DescribesWhatItDid) {
  generation.promptTokens = 12;
  generation.promptSeconds = 0.5;
  generation.tokens = {1, 2, 3};
  generation.decodeSteps = 2;
  generation.decodeSeconds = 0.1;
  generation.reason = StopReason::StopToken;
  EXPECT_EQ(describe(generation),
            "prompt 12 tokens (24.0/s), generated 3 tokens (20.0/s)");
}
