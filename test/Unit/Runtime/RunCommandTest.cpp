//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parts of the run command, and the tool mxfp4-run as a whole with the fake
// program.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/RunCommand.h"

#include "FakeProgram.h"
#include "mxfp4/Checkpoint/Safetensors.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/wait.h>

using namespace mx;
namespace fs = std::filesystem;

namespace {
/// A folder with the fake program, in which the tool is run.
class RunCommandTest : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "mxfp4-run-XXXXXX";
    folder = mkdtemp(pattern.data());
    ASSERT_TRUE(saveProgram(makeFakeProgram(), folder + "/program"));
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string read(const std::string &name) const {
    std::ifstream stream(folder + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void write(const std::string &name, const std::string &text) const {
    std::ofstream(folder + "/" + name, std::ios::binary) << text;
  }

  /// Runs `command` in the folder, where $RUN is the tool with its program and
  /// model, and returns its exit code.
  int shell(const std::string &command) const {
    std::string whole = "cd '" + folder + "' && RUN='" MXFP4_RUN " program " +
                        fakeModel() + "' && { " + command + " ; }";
    int status = std::system(whole.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  /// Runs the tool; its output is in the files "out" and "err".
  int run(const std::string &arguments) const {
    return shell("$RUN " + arguments + " > out 2> err");
  }

  std::string folder;
};
} // namespace

TEST_F(RunCommandTest, ReadsIds) {
  Result<std::vector<int32_t>> ids = readIds("1,2, 30");
  ASSERT_TRUE(ids);
  EXPECT_EQ(*ids, (std::vector<int32_t>{1, 2, 30}));
  write("ids", "5 6\n7,8\n");
  ids = readIds("@" + folder + "/ids");
  ASSERT_TRUE(ids);
  EXPECT_EQ(*ids, (std::vector<int32_t>{5, 6, 7, 8}));
}

TEST_F(RunCommandTest, RefusesBadIds) {
  for (const char *bad : {"1,x", "1,-2", "3.5", "99999999999", "1;2"})
    EXPECT_FALSE(readIds(bad)) << bad;
  EXPECT_EQ(readIds("4,five").error().message,
            "--ids: expected a token id, but found 'five'");
  EXPECT_EQ(readIds("").error().message,
            "--ids: expected 1 or more token ids, but there are none");
  EXPECT_EQ(readIds("@/absent").error().message,
            "/absent: cannot open: No such file or directory");
}

TEST_F(RunCommandTest, LimitsText) {
  EXPECT_EQ(readText("/dev/zero").error().message,
            "/dev/zero: expected at most 67108864 bytes of text, but there "
            "are more");
  EXPECT_FALSE(readText("/"));
}

TEST_F(RunCommandTest, SamePromptFromEverywhere) {
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

TEST_F(RunCommandTest, WritesLogits) {
  ASSERT_EQ(run("--ids 10,20,30 -o logits.safetensors"), 0) << read("err");
  EXPECT_EQ(read("out"), "");
  Result<SafetensorsFile> file =
      SafetensorsFile::open(folder + "/logits.safetensors");
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

TEST_F(RunCommandTest, ExitCodes) {
  EXPECT_EQ(run("--help"), kExitSuccess);
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
  EXPECT_FALSE(fs::exists(folder + "/logits"));
  EXPECT_EQ(run("-p x --context 5000"), kExitFailure);
  write("program", "no program at all");
  EXPECT_EQ(run("-p x"), kExitFailure);
  EXPECT_EQ(read("err"), "mxfp4-run: error: program: expected a program, but "
                         "it does not begin with 'MXFP4PRG'\n");
}

TEST_F(RunCommandTest, FullStandardOutput) {
  EXPECT_EQ(shell("$RUN -p x -n 3 > /dev/full 2> err"), kExitFailure);
  EXPECT_EQ(read("err"), "mxfp4-run: error: standard output: cannot write: No "
                         "space left on device\n");
}

/// Waits for a prompt that does not come.
TEST_F(RunCommandTest, CtrlC) {
  EXPECT_EQ(shell("mkfifo in; exec 3<> in; $RUN < in > out 2> err & pid=$!; "
                  "while kill -INT $pid 2> kill; do sleep 0.1; done; "
                  "wait $pid"),
            kExitInterrupted);
}
