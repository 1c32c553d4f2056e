//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tool mxfp4-run as a whole, with the fake program: what it prints where,
// and its exit codes.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Tool.h"

#include "mxfp4/Checkpoint/Safetensors.h"

#include "Runtime/FakeProgram.h"
#include "Support/TemporaryFolder.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/wait.h>

using namespace mx;
using namespace mx::test;

namespace {
/// A folder with the fake program, in which the tool is run.
class RunTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_TRUE(saveProgram(makeFakeProgram(), folder / "program"));
  }

  std::string read(const std::string &name) const {
    return readText(folder / name);
  }
  void write(const std::string &name, const std::string &text) const {
    writeText(folder / name, text);
  }

  /// Runs `command` in the folder, where $RUN is the tool with its program and
  /// model, and returns its exit code.
  int shell(const std::string &command) const {
    std::string whole = "cd '" + folder.path +
                        "' && RUN='" MXFP4_RUN " program " + fakeModel() +
                        "' && { " + command + " ; }";
    int status = std::system(whole.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  /// Runs the tool; its output is in the files "out" and "err".
  int run(const std::string &arguments) const {
    return shell("$RUN " + arguments + " > out 2> err");
  }

  TemporaryFolder folder;
};
} // namespace

TEST_F(RunTest, SamePromptFromEverywhere) {
  write("prompt", "To be");
  EXPECT_EQ(run("-p 'To be' -n 5 --temperature 0 --ignore-eos"), 0)
      << read("err");
  std::string text = read("out");
  EXPECT_GT(text.size(), 1u);
  EXPECT_NE(read("err").find("generated 5 tokens"), std::string::npos);
  EXPECT_EQ(run("-f prompt -n 5 --temperature 0 --ignore-eos"), 0);
  EXPECT_EQ(read("out"), text);
  EXPECT_EQ(run("-n 5 --temperature 0 --ignore-eos --threads 3 < prompt"), 0);
  EXPECT_EQ(read("out"), text);
}

TEST_F(RunTest, WritesLogits) {
  ASSERT_EQ(run("--ids 10,20,30 -o logits.safetensors"), 0) << read("err");
  EXPECT_EQ(read("out"), "");
  Result<SafetensorsFile> file =
      SafetensorsFile::open(folder / "logits.safetensors");
  ASSERT_TRUE(file) << file.error().message;
  const MappedTensor *logits = file->find("logits");
  ASSERT_TRUE(logits);
  EXPECT_EQ(logits->info.dtype, "F32");
  EXPECT_EQ(logits->info.shape, (std::vector<int64_t>{3, kFakeVocab}));
  std::vector<float> values(3 * kFakeVocab);
  std::memcpy(values.data(), logits->data, logits->info.bytes);
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 3; ++i) {
    tokens.push_back(10 * (i + 1));
    auto row = values.begin() + i * kFakeVocab;
    EXPECT_EQ(std::max_element(row, row + kFakeVocab) - row,
              expectedNext(tokens));
  }
}

TEST_F(RunTest, ExitCodes) {
  EXPECT_EQ(run("--help"), kExitSuccess);
  EXPECT_EQ(shell(MXFP4_RUN " --version > out"), kExitSuccess);
  EXPECT_EQ(read("out").rfind("mxfp4-run ", 0), 0u);
  EXPECT_EQ(run("--no-such-flag"), kExitUsage);
  EXPECT_EQ(run("--ids 1,2"), kExitUsage);
  EXPECT_EQ(run("-p x -f y"), kExitUsage);
  EXPECT_EQ(run("--threads 0"), kExitUsage);
  EXPECT_EQ(run("-p x --top-p 2"), kExitFailure);
  EXPECT_EQ(read("err"), "mxfp4-run: error: expected top-p to be above 0 and "
                         "at most 1, but got 2.000000\n");
  EXPECT_EQ(run("--ids 5000 -o logits"), kExitFailure);
  EXPECT_EQ(read("err"), "mxfp4-run: error: token 5000 is not in the "
                         "vocabulary of 2048 tokens\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "logits"));
  EXPECT_EQ(run("-p x --context 5000"), kExitFailure);
  write("program", "no program at all");
  EXPECT_EQ(run("-p x"), kExitFailure);
  EXPECT_EQ(read("err"), "mxfp4-run: error: program: expected a program, but "
                         "it does not begin with 'MXFP4PRG'\n");
}

/// The fake program needs a weight that no checkpoint has, so each of these
/// would fail otherwise if any weight were looked for first.
TEST_F(RunTest, InputIsCheckedBeforeWeights) {
  Program program = makeFakeProgram();
  program.buffers[kFakeNorm].name = "absent";
  ASSERT_TRUE(saveProgram(program, folder / "program"));
  auto expectError = [&](const std::string &arguments,
                         const std::string &message) {
    EXPECT_EQ(run(arguments), kExitFailure) << arguments;
    EXPECT_EQ(read("err"), "mxfp4-run: error: " + message + "\n");
  };
  expectError("-p x", "the program needs tensor 'absent', which the "
                      "checkpoint does not have");
  expectError("-p ''",
              "expected a prompt of 1 or more tokens, but it is empty");
  expectError("-p 'one two three' --context 2",
              "prompt of 3 tokens does not fit the context of 2 (--context)");
  expectError("-p x --context 5000",
              "expected a context of 1 to 1000 positions, for which the model "
              "was made, but got 5000");
  expectError("-p x --temperature -1",
              "expected a temperature of 0 or more, but got -1.000000");
  expectError("--ids 5000 -o logits",
              "token 5000 is not in the vocabulary of 2048 tokens");
  expectError("--ids 1,2 --context 1 -o logits",
              "prompt of 2 tokens does not fit the context of 1 (--context)");
  expectError("--ids 1 -o /absent/logits",
              "/absent/logits: cannot create: No such file or directory");
}

TEST_F(RunTest, OutputThatCannotBeWritten) {
  EXPECT_EQ(shell("$RUN -p x -n 3 > /dev/full 2> err"), kExitFailure);
  EXPECT_EQ(read("err"), "mxfp4-run: error: standard output: cannot write: No "
                         "space left on device\n");
  EXPECT_EQ(shell("$RUN -p x -n 3 >&- 2> err"), kExitFailure);
  EXPECT_EQ(read("err"), "mxfp4-run: error: standard output: cannot write: Bad "
                         "file descriptor\n");
  EXPECT_EQ(shell("$RUN --help > /dev/full 2> err"), kExitFailure);
}

/// Waits for a prompt that does not come. The tool catches the signal: SIGINT,
/// which is 2, is in the last digit of the mask.
TEST_F(RunTest, CtrlC) {
  EXPECT_EQ(shell("mkfifo in; exec 3<> in; $RUN < in > out 2> err & pid=$!; "
                  "until grep -q '^SigCgt:.*[2367abef]$' /proc/$pid/status; "
                  "do kill -0 $pid || exit 1; sleep 0.01; done; "
                  "kill -INT $pid; wait $pid"),
            kExitInterrupted);
  EXPECT_EQ(read("err"), "mxfp4-run: interrupted\n");
}
