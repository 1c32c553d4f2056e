//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A small trained model from checkpoint to logits, against those of an
// independent implementation, and against itself: however a text is cut into
// calls, on whatever path, it has the same logits.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/Checkpoint.h"
#include "mxfp4/Compiler/Compiler.h"
#include "mxfp4/Runtime/CPUFeatures.h"
#include "mxfp4/Runtime/Generate.h"
#include "mxfp4/Runtime/Session.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <map>

using namespace mx;

static const std::string kModel = MXFP4_SOURCE_DIR "/models/tiny-shakespeare";

// Its window and the length before YaRN scaling.
constexpr int64_t kWindow = 64;
constexpr int64_t kOriginalLength = 256;

/// Between two orders of the same f32 additions. Six layers carry some 2^-22.
constexpr double kOrderError = 1e-5;

/// Between bf16 activations and f32 ones. The reference library's own bf16 run
/// is off by 3.5e-3.
constexpr double kBF16Error = 6e-3;

/// f16 activations, which have three bits more. The published library's own f16
/// run is off by 3.7e-4.
constexpr double kF16Error = 1e-3;

/// As bf16, with integers of 8 bits in experts: half a step is 2^-8 of the
/// largest number of a block, where bf16 has 2^-9 of each number.
constexpr double kInt8Error = 1e-2;

namespace {
/// Logits of all positions, one row after another.
using Logits = std::vector<float>;

struct Reference {
  std::vector<int32_t> tokens;
  Logits logits;
};
} // namespace

static Reference readReference() {
  Reference reference;
  Result<SafetensorsFile> file =
      SafetensorsFile::open(kModel + "/reference.safetensors");
  EXPECT_TRUE(file) << file.error().message;
  const MappedTensor *tokens = file->find("input_ids");
  const MappedTensor *logits = file->find("logits");
  reference.tokens.resize(tokens->info.bytes / sizeof(int32_t));
  std::memcpy(reference.tokens.data(), tokens->data, tokens->info.bytes);
  reference.logits.resize(logits->info.bytes / sizeof(float));
  std::memcpy(reference.logits.data(), logits->data, logits->info.bytes);
  return reference;
}

/// The reference text again and again.
static std::vector<int32_t> makeTokens(int64_t count) {
  std::vector<int32_t> tokens = readReference().tokens, result;
  for (int64_t i = 0; i < count; ++i)
    result.push_back(tokens[size_t(i) % tokens.size()]);
  return result;
}

static CompileOptions makeOptions(const std::string &activations,
                                  int64_t prefillTokens = 512,
                                  bool reference = false) {
  CompileOptions options;
  options.activations = activations;
  options.prefillTokens = prefillTokens;
  options.reference = reference;
  return options;
}

/// The most tokens of a call in which a token has the same bits as alone: with
/// AMX calls of 32 tokens and more multiply bf16 in tiles.
static int64_t getTokensOfSameBits(const std::string &activations) {
  bool hasTiles = activations != "f32" && processorHasFeature("amx-bf16");
  return hasTiles ? 31 : 512;
}

/// A session with the model compiled by `options`, or null on a machine that
/// cannot run the target.
static std::unique_ptr<Session> makeSession(const CompileOptions &options,
                                            int64_t threads = 2) {
  static std::map<std::string, Program> programs;
  std::string key =
      options.target + "|" + options.activations + "|" + options.dense + "|" +
      std::to_string(options.prefillTokens) + "|" +
      std::to_string(options.sequences) + (options.reference ? "|exact" : "") +
      (options.fuse ? "" : "|unfused");
  Result<Checkpoint> checkpoint = Checkpoint::open(kModel);
  EXPECT_TRUE(checkpoint) << checkpoint.error().message;
  auto known = programs.find(key);
  if (known == programs.end()) {
    Result<Program> program = compileModel(checkpoint->config(), options);
    EXPECT_TRUE(program) << program.error().message;
    known = programs.emplace(key, std::move(*program)).first;
  }
  SessionOptions sessionOptions;
  sessionOptions.threads = options.reference ? 1 : threads;
  sessionOptions.context = 1024;
  Result<std::unique_ptr<Session>> session =
      Session::create(known->second, *checkpoint, sessionOptions);
  if (session)
    return std::move(*session);
  EXPECT_NE(session.error().message.find("which this machine lacks"),
            std::string::npos)
      << session.error().message;
  return nullptr;
}

/// Appends `count` tokens by prefill; their logits go to the end of `logits`.
static void prefill(Session &session, const int32_t *tokens, int64_t count,
                    Logits &logits) {
  int64_t next = session.position();
  Status status = session.prefill(
      tokens, count, Rows::All, [&](int64_t position, const float *row) {
        EXPECT_EQ(position, next++);
        logits.insert(logits.end(), row, row + session.vocabSize());
        return Status();
      });
  EXPECT_TRUE(status) << status.error().message;
}

/// Appends `count` tokens one by one.
static void decode(Session &session, const int32_t *tokens, int64_t count,
                   Logits &logits) {
  for (int64_t i = 0; i < count; ++i) {
    Result<const float *> row = session.decode(tokens[i]);
    ASSERT_TRUE(row) << row.error().message;
    logits.insert(logits.end(), *row, *row + session.vocabSize());
  }
}

static Logits prefill(Session &session, const std::vector<int32_t> &tokens) {
  Logits logits;
  prefill(session, tokens.data(), int64_t(tokens.size()), logits);
  return logits;
}

/// The length of the difference over the length of `expected`.
static double relativeError(const float *logits, const float *expected,
                            size_t count) {
  double difference = 0.0, length = 0.0;
  for (size_t i = 0; i < count; ++i) {
    double delta = double(logits[i]) - double(expected[i]);
    difference += delta * delta;
    length += double(expected[i]) * double(expected[i]);
  }
  return std::sqrt(difference / length);
}

/// The largest relative error of a position.
static double largestError(const Logits &logits, const Logits &expected,
                           int64_t vocabSize) {
  EXPECT_EQ(logits.size(), expected.size());
  if (logits.size() != expected.size())
    return 1.0;
  double largest = 0.0;
  for (size_t row = 0; row < logits.size(); row += size_t(vocabSize)) {
    double error =
        relativeError(&logits[row], &expected[row], size_t(vocabSize));
    largest = error > largest || std::isnan(error) ? error : largest;
  }
  return largest;
}

static std::vector<int64_t> chooseGreedily(const Logits &logits,
                                           int64_t vocabSize) {
  std::vector<int64_t> tokens;
  for (auto row = logits.begin(); row != logits.end(); row += vocabSize)
    tokens.push_back(std::max_element(row, row + vocabSize) - row);
  return tokens;
}

static void checkReference(const CompileOptions &options, double tolerance) {
  std::unique_ptr<Session> session = makeSession(options);
  if (!session)
    return;
  Reference reference = readReference();
  Logits logits = prefill(*session, reference.tokens);
  ASSERT_EQ(logits.size(), reference.logits.size());
  EXPECT_LE(
      relativeError(logits.data(), reference.logits.data(), logits.size()),
      tolerance);
  EXPECT_EQ(chooseGreedily(logits, session->vocabSize()),
            chooseGreedily(reference.logits, session->vocabSize()));
}

TEST(TinyModel, ExactPathMatchesReference) {
  checkReference(makeOptions("f32", 512, true), kOrderError);
  checkReference(makeOptions("bf16", 512, true), kBF16Error);
  checkReference(makeOptions("f16", 512, true), kF16Error);
  checkReference(makeOptions("int8", 512, true), kInt8Error);
}

TEST(TinyModel, FastPathMatchesReference) {
  for (const char *target : {"cpu", "cpu:x86-64-v3", "cpu:x86-64"}) {
    SCOPED_TRACE(target);
    CompileOptions options = makeOptions("f32");
    options.target = target;
    checkReference(options, kOrderError);
    options.activations = "bf16";
    checkReference(options, kBF16Error);
    options.activations = "f16";
    checkReference(options, kF16Error);
    options.activations = "int8";
    checkReference(options, kInt8Error);
  }
}

/// The same blocks on both paths.
TEST(TinyModel, DenseWeightsInBlocks) {
  Reference reference = readReference();
  for (const char *dense : {"mxfp8", "mxfp4"}) {
    SCOPED_TRACE(dense);
    CompileOptions options = makeOptions("f32", 512, true);
    options.dense = dense;
    std::unique_ptr<Session> exact = makeSession(options);
    Logits expected = prefill(*exact, reference.tokens);
    // Rounded weights make other logits, but not by much.
    double error = relativeError(expected.data(), reference.logits.data(),
                                 expected.size());
    EXPECT_GT(error, kBF16Error);
    EXPECT_LT(error, 0.1);
    for (const char *target : {"cpu", "cpu:x86-64-v3", "cpu:x86-64"}) {
      SCOPED_TRACE(target);
      options = makeOptions("f32");
      options.dense = dense;
      options.target = target;
      std::unique_ptr<Session> session = makeSession(options);
      if (!session)
        continue;
      EXPECT_LE(largestError(prefill(*session, reference.tokens), expected,
                             session->vocabSize()),
                kOrderError);
      session->reset();
      Logits one;
      decode(*session, reference.tokens.data(), 20, one);
      EXPECT_LE(largestError(one,
                             Logits(expected.begin(),
                                    expected.begin() + ptrdiff_t(one.size())),
                             session->vocabSize()),
                kOrderError);
    }
  }
}

TEST(TinyModel, UnfusedMatchesFused) {
  Reference reference = readReference();
  CompileOptions options = makeOptions("f32");
  std::unique_ptr<Session> fused = makeSession(options);
  options.fuse = false;
  std::unique_ptr<Session> unfused = makeSession(options);
  EXPECT_LE(largestError(prefill(*unfused, reference.tokens),
                         prefill(*fused, reference.tokens), fused->vocabSize()),
            kOrderError);
}

/// Chunks that end before, at and after the end of the window and of the
/// original length.
TEST(TinyModel, BitsDoNotDependOnChunks) {
  std::vector<int32_t> tokens = makeTokens(2 * kOriginalLength + 60);
  for (const char *activations : {"f32", "bf16", "int8"}) {
    std::unique_ptr<Session> session =
        makeSession(makeOptions(activations, getTokensOfSameBits(activations)));
    Logits expected;
    decode(*session, tokens.data(), int64_t(tokens.size()), expected);
    for (int64_t size : {int64_t(1), kWindow, int64_t(100), int64_t(512)}) {
      session->reset();
      Logits logits;
      for (size_t first = 0; first < tokens.size(); first += size_t(size))
        prefill(*session, &tokens[first],
                std::min(size, int64_t(tokens.size() - first)), logits);
      EXPECT_TRUE(logits == expected)
          << activations << " in chunks of " << size;
    }
    session = makeSession(makeOptions(activations, 7));
    EXPECT_TRUE(prefill(*session, tokens) == expected)
        << activations << " in chunks of 7, the most that the program takes";
  }
}

TEST(TinyModel, BitsOfPrefillAndDecodeInTurn) {
  std::vector<int32_t> tokens = makeTokens(kOriginalLength + 100);
  std::unique_ptr<Session> session = makeSession(makeOptions("f32"));
  Logits expected = prefill(*session, tokens);
  session->reset();
  Logits logits;
  const int32_t *next = tokens.data(), *end = next + tokens.size();
  bool isDecode = false;
  for (int64_t count : {60, 3, 1, 2, 63, 1, 64, 5, 65, 90}) {
    count = std::min<int64_t>(count, end - next);
    if (isDecode)
      decode(*session, next, count, logits);
    else
      prefill(*session, next, count, logits);
    next += count;
    isDecode = !isDecode;
  }
  ASSERT_EQ(session->position(), next - tokens.data());
  expected.resize(logits.size());
  EXPECT_TRUE(logits == expected);
}

/// As many tokens as can be are taken back, again and again, while the window
/// goes around its cache.
TEST(TinyModel, BitsAfterTokensWereTakenBack) {
  std::vector<int32_t> tokens = makeTokens(3 * kWindow);
  std::unique_ptr<Session> session =
      makeSession(makeOptions("bf16", getTokensOfSameBits("bf16")));
  Logits expected = prefill(*session, tokens);
  session->reset();
  Logits logits;
  std::vector<int32_t> wrong(size_t(session->maxRewind()), 5);
  ASSERT_FALSE(wrong.empty());
  for (size_t next = 0; next < tokens.size(); next += 2) {
    prefill(*session, &tokens[next], 2, logits);
    Logits ignored;
    prefill(*session, wrong.data(), int64_t(wrong.size()), ignored);
    Status status = session->rewind(int64_t(next) + 2);
    ASSERT_TRUE(status) << status.error().message;
  }
  EXPECT_TRUE(logits == expected);
}

/// Checks that texts that `session`, which has caches for them, decodes
/// together have the bits of each alone. They begin at different times and have
/// prompts of different lengths, and the order of their tokens changes.
static void checkBatches(Session &session, Session &alone) {
  constexpr int64_t length = 2 * kWindow + 30;
  struct Text {
    const int32_t *tokens;
    int64_t prompt, start;
    Logits expected, logits;
  };
  std::vector<int32_t> tokens = makeTokens(length + 100);
  std::vector<Text> texts;
  for (int64_t i = 0; i < session.sequences(); ++i) {
    Text text = {&tokens[size_t(7 * i)], 1 + 40 * i, 5 * i, {}, {}};
    alone.reset();
    decode(alone, text.tokens, length, text.expected);
    texts.push_back(text);
  }
  for (int64_t step = 0; step < 2 * length; ++step) {
    std::vector<int32_t> next, sequences;
    for (int64_t k = 0; k < session.sequences(); ++k) {
      int64_t i = (k + step) % session.sequences();
      Text &text = texts[size_t(i)];
      ASSERT_TRUE(session.select(i));
      if (step == text.start)
        prefill(session, text.tokens, text.prompt, text.logits);
      if (step < text.start || session.position() == length)
        continue;
      next.push_back(text.tokens[session.position()]);
      sequences.push_back(int32_t(i));
    }
    if (next.empty())
      break;
    Result<const float *> logits = session.decodeBatch(
        next.data(), sequences.data(), int64_t(next.size()));
    ASSERT_TRUE(logits) << logits.error().message;
    for (size_t row = 0; row < next.size(); ++row) {
      const float *own = *logits + row * size_t(session.vocabSize());
      Logits &all = texts[size_t(sequences[row])].logits;
      all.insert(all.end(), own, own + session.vocabSize());
    }
  }
  for (const Text &text : texts)
    EXPECT_TRUE(text.logits == text.expected)
        << "text with a prompt of " << text.prompt;
}

TEST(TinyModel, BitsOfBatches) {
  for (const char *activations : {"f32", "bf16", "int8"})
    for (int64_t threads : {1, 3}) {
      SCOPED_TRACE(activations);
      CompileOptions options =
          makeOptions(activations, getTokensOfSameBits(activations));
      std::unique_ptr<Session> alone = makeSession(options);
      options.sequences = 4;
      checkBatches(*makeSession(options, threads), *alone);
    }
}

TEST(TinyModel, ExactPathOfBatches) {
  CompileOptions options = makeOptions("f32", 512, true);
  std::unique_ptr<Session> alone = makeSession(options);
  options.sequences = 3;
  checkBatches(*makeSession(options), *alone);
}

TEST(TinyModel, WrongBatches) {
  CompileOptions options = makeOptions("f32");
  options.sequences = 3;
  std::unique_ptr<Session> session = makeSession(options);
  auto error = [&](std::vector<int32_t> tokens, std::vector<int32_t> ids) {
    Result<const float *> logits =
        session->decodeBatch(tokens.data(), ids.data(), int64_t(tokens.size()));
    return logits ? std::string() : logits.error().message;
  };
  EXPECT_EQ(error({}, {}), "expected a batch of 1 to 3 tokens, one for each "
                           "sequence of the program (--sequences), but got 0");
  EXPECT_EQ(error({1, 2, 3, 4}, {0, 1, 2, 0}),
            "expected a batch of 1 to 3 tokens, one for each sequence of the "
            "program (--sequences), but got 4");
  EXPECT_EQ(error({1, 2, 3}, {0, 2, 0}),
            "expected different sequences, but got 0 twice");
  EXPECT_EQ(error({1, 2}, {0, 3}), "expected sequences of 0 to 2, but got 3");
  EXPECT_EQ(error({1, -2}, {0, 1}), "token -2 is not in the vocabulary of " +
                                        std::to_string(session->vocabSize()) +
                                        " tokens");
  ASSERT_TRUE(session->select(2));
  std::vector<int32_t> tokens = makeTokens(session->context());
  ASSERT_TRUE(session->prefill(tokens.data(), session->context(), Rows::None));
  EXPECT_EQ(error({1, 2}, {1, 2}),
            "the context of 1024 positions is full (--context)");
  EXPECT_EQ(session->select(3).error().message,
            "expected a sequence of 0 to 2, but got 3");
  // What failed left nothing behind.
  EXPECT_EQ(error({1, 2}, {1, 0}), "");
  options.sequences = 1;
  session = makeSession(options);
  EXPECT_EQ(error({1}, {0}), "expected a program of more sequences than one to "
                             "decode a batch (--sequences)");
}

TEST(TinyModel, DraftsDoNotChangeTheText) {
  Result<Tokenizer> tokenizer = Tokenizer::load(kModel);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  std::vector<int32_t> prompt =
      *tokenizer->encode("First Citizen:\nWe are accounted poor citizens.\n\n"
                         "First Citizen:\nWe are");
  std::unique_ptr<Session> session = makeSession(makeOptions("bf16"));
  for (float temperature : {0.0f, 0.7f}) {
    GenerateOptions options;
    options.sampler.temperature = temperature;
    options.maxTokens = 300;
    std::vector<int32_t> expected;
    int64_t accepted = 0;
    for (int64_t draftTokens : {0, 1, 3, 16}) {
      session->reset();
      options.draftTokens = draftTokens;
      Result<Generation> generation =
          generate(*session, *tokenizer, prompt, options,
                   [](std::string_view) { return Status(); });
      ASSERT_TRUE(generation) << generation.error().message;
      if (draftTokens == 0)
        expected = generation->tokens;
      EXPECT_EQ(generation->tokens, expected);
      accepted += generation->acceptedTokens;
    }
    EXPECT_GT(accepted, 0) << temperature;
  }
}

TEST(TinyModel, ExactPathChunksDoNotMatter) {
  std::vector<int32_t> tokens = makeTokens(kWindow + 16);
  Logits expected =
      prefill(*makeSession(makeOptions("f32", 512, true)), tokens);
  for (int64_t prefillTokens : {7, 64}) {
    std::unique_ptr<Session> session =
        makeSession(makeOptions("f32", prefillTokens, true));
    Logits logits;
    prefill(*session, tokens.data(), 40, logits);
    decode(*session, tokens.data() + 40, 3, logits);
    prefill(*session, tokens.data() + 43, int64_t(tokens.size()) - 43, logits);
    EXPECT_LE(largestError(logits, expected, session->vocabSize()), kOrderError)
        << "in chunks of " << prefillTokens;
  }
}

TEST(TinyModel, BitsDoNotDependOnThreads) {
  std::vector<int32_t> tokens = makeTokens(100);
  for (const char *activations : {"f32", "bf16", "int8"}) {
    Logits expected;
    for (int64_t threads : {1, 2, 3, 7, 64, 256, 1}) {
      std::unique_ptr<Session> session =
          makeSession(makeOptions(activations), threads);
      Logits logits;
      prefill(*session, tokens.data(), 90, logits);
      decode(*session, tokens.data() + 90, 10, logits);
      if (expected.empty())
        expected = logits;
      EXPECT_EQ(logits, expected) << activations << " on " << threads;
    }
  }
}
