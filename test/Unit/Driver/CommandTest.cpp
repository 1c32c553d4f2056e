//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The command as a whole, with the small trained model: what it prints where,
// and its exit codes.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/Safetensors.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

namespace fs = std::filesystem;

namespace {
/// A folder in which the command is run. All tests share a cache.
class CommandTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    std::string pattern = testing::TempDir() + "mxfp4-command-XXXXXX";
    folder = mkdtemp(pattern.data());
  }
  static void TearDownTestSuite() { fs::remove_all(folder); }

  static std::string read(const std::string &name) {
    std::ifstream stream(folder + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  /// Runs `command` in the folder, where $MXFP4 is the command and $MODEL the
  /// model, and returns its exit code.
  static int shell(const std::string &command) {
    std::string whole = "cd '" + folder +
                        "' && export MXFP4_CACHE_DIR=cache && "
                        "MXFP4='" MXFP4_COMMAND "' && MODEL='" MXFP4_SOURCE_DIR
                        "/models/tiny-shakespeare' && { " +
                        command + " ; }";
    int status = std::system(whole.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  /// Runs a verb; its output is in the files "out" and "err".
  static int run(const std::string &arguments) {
    return shell("$MXFP4 " + arguments + " > out 2> err");
  }

  static std::string folder;
};
} // namespace

std::string CommandTest::folder;

TEST_F(CommandTest, ContinuesAPrompt) {
  ASSERT_EQ(run("run $MODEL -p 'To be' -n 8 --temperature 0 --ignore-eos"), 0)
      << read("err");
  std::string text = read("out");
  EXPECT_GT(text.size(), 8u);
  EXPECT_NE(read("err").find("generated 8 tokens"), std::string::npos);
  ASSERT_EQ(run("run $MODEL -p 'To be' -n 8 --temperature 0 --ignore-eos"), 0);
  EXPECT_EQ(read("out"), text);
  EXPECT_NE(read("err").find("read from the cache"), std::string::npos);
}

TEST_F(CommandTest, EvaluatesAText) {
  ASSERT_EQ(run("eval $MODEL --text $MODEL/heldout.txt --activations f32 "
                "--json"),
            0)
      << read("err");
  nlohmann::json result = nlohmann::json::parse(read("out"));
  EXPECT_EQ(result["tokens"], 75 * 256);
  // training.json, of an independent implementation, says 4.54909694. The
  // difference of f32 sums in another order is below 1e-6.
  EXPECT_NEAR(result["loss"].get<double>(), 4.549097, 1e-5);
}

TEST_F(CommandTest, WritesLogits) {
  ASSERT_EQ(run("logits $MODEL --ids 1,2,3 -o logits.safetensors"), 0)
      << read("err");
  EXPECT_EQ(read("out"), "");
  mx::Result<mx::SafetensorsFile> file =
      mx::SafetensorsFile::open(folder + "/logits.safetensors");
  ASSERT_TRUE(file) << file.error().message;
  const mx::MappedTensor *logits = file->find("logits");
  ASSERT_TRUE(logits);
  EXPECT_EQ(mx::describeTensor(logits->info), "F32 [3, 2048]");
}

TEST_F(CommandTest, PlansMemory) {
  ASSERT_EQ(run("plan $MODEL --json"), 0) << read("err");
  nlohmann::json plan = nlohmann::json::parse(read("out"));
  uint64_t sum = 0;
  for (const nlohmann::json &part : plan["parts"])
    sum += part["bytes"].get<uint64_t>();
  EXPECT_EQ(sum, plan["total"]["bytes"]);
  EXPECT_EQ(plan["total"]["checkpoint_bytes"], 6'249'744);
  EXPECT_EQ(run("plan --preset 20b --context 131072"), 0) << read("err");
}

TEST_F(CommandTest, Measures) {
  ASSERT_EQ(run("bench $MODEL -p 16 -n 4 -r 2 --depth 8 --json"), 0)
      << read("err");
  nlohmann::json results = nlohmann::json::parse(read("out"));
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0]["test"], "pp16 @ d8");
  EXPECT_EQ(results[1]["test"], "tg4 @ d8");
  EXPECT_EQ(results[1]["samples_ts"].size(), 2u);
  EXPECT_GT(results[1]["avg_ts"], 0);
}

TEST_F(CommandTest, TokenizesThereAndBack) {
  EXPECT_EQ(shell("printf 'To be, or\\nnot' > text && "
                  "$MXFP4 tokenize $MODEL < text > ids && "
                  "$MXFP4 tokenize $MODEL --decode < ids | cmp - text"),
            0);
  EXPECT_EQ(shell("printf '' | $MXFP4 tokenize $MODEL | "
                  "$MXFP4 tokenize $MODEL --decode | cmp - /dev/null"),
            0);
}

TEST_F(CommandTest, Synthesizes) {
  ASSERT_EQ(run("synth --config $MODEL/config.json --layers 1 -o random"), 0)
      << read("err");
  EXPECT_EQ(run("logits random --ids 1,2 --reference -o logits.safetensors"), 0)
      << read("err");
  EXPECT_EQ(run("synth --config $MODEL/config.json -o random"), 1);
  EXPECT_FALSE(fs::exists(folder + "/random.partial"));
}

TEST_F(CommandTest, InterruptedSynthesisLeavesNothing) {
  EXPECT_EQ(shell("timeout --preserve-status -s INT 1 "
                  "$MXFP4 synth --preset 120b -o large 2> err"),
            130);
  EXPECT_EQ(read("err"), "mxfp4: interrupted\n");
  EXPECT_FALSE(fs::exists(folder + "/large"));
  EXPECT_FALSE(fs::exists(folder + "/large.partial"));
}

TEST_F(CommandTest, WrongCommandLines) {
  for (const char *arguments :
       {"", "unknown", "run", "run $MODEL -n -1", "run $MODEL --threads 0",
        "run $MODEL --ids 1 -o out", "logits $MODEL --ids 1", "plan",
        "plan --preset 30b", "plan $MODEL --preset 20b", "emit $MODEL",
        "emit $MODEL --stage=other", "synth -o new", "bench $MODEL -p -1",
        "synth --preset 20b -o new --seed -1",
        "synth --preset 20b -o new --layers 0", "eval $MODEL",
        "eval $MODEL --text a --window 0"}) {
    EXPECT_EQ(run(arguments), 2) << arguments;
    EXPECT_EQ(read("out"), "") << arguments;
    EXPECT_NE(read("err"), "") << arguments;
  }
}

TEST_F(CommandTest, WrongInput) {
  for (const char *arguments :
       {"run /absent -p a",
        "run $MODEL -p ''",
        "run $MODEL -f /absent",
        "run $MODEL -p a --context 99999",
        "run $MODEL -f $MODEL/heldout.txt",
        "run $MODEL -p a --cache-dir /dev/null",
        "run $MODEL -p a --target x",
        "logits $MODEL --ids 2048 -o new",
        "logits $MODEL --ids x -o new",
        "eval $MODEL --text /absent",
        "eval $MODEL --text /dev/null",
        "eval $MODEL --text $MODEL/heldout.txt --window 2000",
        "plan --config /absent",
        "plan $MODEL --context 99999",
        "bench $MODEL -p 0 -n 0",
        "bench $MODEL -p 5000",
        "compile $MODEL -o /absent/program",
        "tokenize /absent",
        "tokenize $MODEL --decode < $MODEL/heldout.txt",
        "tokenize $MODEL --jsonl < $MODEL/heldout.txt"}) {
    EXPECT_EQ(run(arguments), 1) << arguments;
    EXPECT_NE(read("err").find("mxfp4: error: "), std::string::npos)
        << arguments << ": " << read("err");
  }
}

TEST_F(CommandTest, OutputThatCannotBeWritten) {
  EXPECT_EQ(shell("$MXFP4 plan $MODEL > /dev/full 2> err"), 1);
  EXPECT_EQ(read("err"), "mxfp4: error: standard output: cannot write: No "
                         "space left on device\n");
  EXPECT_EQ(shell("$MXFP4 plan $MODEL >&- 2> err"), 1);
  EXPECT_EQ(shell("$MXFP4 --help > /dev/full 2> err"), 1);
  EXPECT_EQ(shell("$MXFP4 run $MODEL -p a --ignore-eos > /dev/full 2> err"), 1);
}
