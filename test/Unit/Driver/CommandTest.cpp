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

#include "Support/TemporaryFolder.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

namespace fs = std::filesystem;

namespace {
/// A folder in which the command is run. All tests share a cache.
class CommandTest : public testing::Test {
protected:
  static const mx::test::TemporaryFolder &folder() {
    static const mx::test::TemporaryFolder shared;
    return shared;
  }

  static std::string read(const std::string &name) {
    return mx::test::readText(folder() / name);
  }

  /// Runs `command` in the folder, where $MXFP4 is the command and $MODEL the
  /// model, and returns its exit code.
  static int shell(const std::string &command) {
    std::string whole = "cd '" + folder().path +
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
};
} // namespace

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

TEST_F(CommandTest, EvaluatesAProgram) {
  ASSERT_EQ(run("compile $MODEL --activations f32 -o evaluated.program"), 0)
      << read("err");
  ASSERT_EQ(shell("head -c 2000 $MODEL/heldout.txt > text && "
                  "$MXFP4-run eval evaluated.program $MODEL --text text "
                  "--window 64 --json > out 2> err"),
            0)
      << read("err");
  nlohmann::json found = nlohmann::json::parse(read("out"));
  ASSERT_EQ(run("eval $MODEL --text text --window 64 --activations f32 --json"),
            0);
  EXPECT_EQ(found, nlohmann::json::parse(read("out")));
  EXPECT_EQ(shell("$MXFP4-run eval evaluated.program $MODEL --text text "
                  "--window 2000 > out 2> err"),
            1);
  EXPECT_NE(read("err").find(
                "mxfp4-run eval: error: expected a window of 1 to 1024 tokens"),
            std::string::npos)
      << read("err");
}

TEST_F(CommandTest, TakesATokenizerFromElsewhere) {
  ASSERT_EQ(run("run $MODEL -p 'To be' -n 8 --temperature 0"), 0)
      << read("err");
  std::string text = read("out");
  ASSERT_EQ(
      shell(
          "mkdir elsewhere && cp $MODEL/config.json $MODEL/*.safetensors "
          "elsewhere && $MXFP4 run elsewhere --tokenizer $MODEL/tokenizer.json "
          "-p 'To be' -n 8 --temperature 0 > out 2> err"),
      0)
      << read("err");
  EXPECT_EQ(read("out"), text);
  EXPECT_EQ(run("run elsewhere -p x"), 1);
  EXPECT_NE(read("err").find("elsewhere/tokenizer.json"), std::string::npos)
      << read("err");
  EXPECT_EQ(run("run --synthetic 20b -p x"), 1);
  EXPECT_NE(read("err").find("expected --tokenizer"), std::string::npos)
      << read("err");
}

TEST_F(CommandTest, WritesLogits) {
  ASSERT_EQ(run("logits $MODEL --ids 1,2,3 -o logits.safetensors"), 0)
      << read("err");
  EXPECT_EQ(read("out"), "");
  mx::Result<mx::SafetensorsFile> file =
      mx::SafetensorsFile::open(folder() / "logits.safetensors");
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

TEST_F(CommandTest, MeasuresAProgram) {
  ASSERT_EQ(run("compile $MODEL -o measured.program"), 0) << read("err");
  ASSERT_EQ(shell("$MXFP4-run bench measured.program $MODEL -p 16 -n 4 -r 2 "
                  "--per-op --json > out 2> err"),
            0)
      << read("err");
  nlohmann::json results = nlohmann::json::parse(read("out"));
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1]["test"], "tg4");
  EXPECT_GT(results[1]["avg_ts"], 0);
  EXPECT_FALSE(results[1]["ops"].empty());
  // The program is of another model.
  EXPECT_EQ(shell("$MXFP4-run bench measured.program --synthetic 20b > out 2> "
                  "err"),
            1);
  EXPECT_NE(read("err").find("mxfp4-run bench: error: "), std::string::npos)
      << read("err");
  for (const char *arguments :
       {"", "measured.program", "measured.program --synthetic 30b",
        "measured.program $MODEL --synthetic 20b"})
    EXPECT_EQ(
        shell("$MXFP4-run bench " + std::string(arguments) + " > out 2> err"),
        2)
        << arguments;
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

TEST_F(CommandTest, MeasuresOps) {
  ASSERT_EQ(run("bench $MODEL -p 16 -n 4 -r 2 --per-op --json"), 0)
      << read("err");
  nlohmann::json results = nlohmann::json::parse(read("out"));
  ASSERT_EQ(results.size(), 2u);
  EXPECT_GT(results[0]["read_bytes_per_second"], 0);
  EXPECT_GT(results[0]["f32_operations_per_second"], 0);
  // Three layers with a window and three without, each with its experts.
  std::map<std::string, double> counts;
  double seconds = 0;
  for (const nlohmann::json &op : results[1]["ops"]) {
    counts[op["function"].get<std::string>() + " " +
           op["op"].get<std::string>() + " " +
           op["weight"].get<std::string>()] += op["count"].get<double>();
    seconds += op["seconds"].get<double>();
    if (op["weight"] == "gate_up_proj_blocks") {
      // 4 tokens, 6 layers, 4 experts of [384, 192].
      EXPECT_EQ(op["flops"], 4 * 6 * 4 * 2 * 384 * 192);
    }
  }
  EXPECT_EQ(counts["decode_experts mxfp4.matmul_by_expert gate_up_proj_blocks"],
            4 * 6);
  EXPECT_EQ(counts["decode_full_attention nn.attention sinks"], 4 * 3);
  EXPECT_EQ(counts["decode_sliding_attention nn.attention sinks"], 4 * 3);
  EXPECT_EQ(counts["decode nn.linear lm_head_weight"], 4);
  // The rest of a run is spent between calls.
  double whole = 4 / results[1]["samples_ts"][0].get<double>() +
                 4 / results[1]["samples_ts"][1].get<double>();
  EXPECT_LT(seconds, whole / 2 * 1.0001);

  ASSERT_EQ(run("bench $MODEL -p 16 -n 0 -r 1 --per-op"), 0) << read("err");
  EXPECT_NE(read("out").find("gate_up_proj_blocks"), std::string::npos);
  EXPECT_EQ(run("bench $MODEL -p 4 -n 0 -r 1 --per-op --reference"), 1);
  EXPECT_NE(read("err").find("error: --per-op needs the barriers"),
            std::string::npos);
}

TEST_F(CommandTest, ExaminesTheMachine) {
  ASSERT_EQ(run("doctor --threads 2"), 0) << read("err");
  std::string text = read("out");
  for (const char *part :
       {"processors", "huge pages", "baseline", "GFLOP/s f32", "| 1 ", "| 2 ",
        "code for GPUs", "nvptx:sm_90"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
#ifndef __aarch64__
  EXPECT_EQ(run("doctor --target cpu:neoverse-n1"), 0) << read("err");
  EXPECT_NE(read("out").find("sdot"), std::string::npos);
  EXPECT_NE(read("out").find("this machine lacks dotprod, neon"),
            std::string::npos);
#endif
  EXPECT_EQ(run("doctor --target cpu:pdp11"), 1);
  EXPECT_NE(read("err").find("error: unknown target 'cpu:pdp11'"),
            std::string::npos);
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
  EXPECT_FALSE(fs::exists(folder() / "random.partial"));
}

TEST_F(CommandTest, InterruptedSynthesisLeavesNothing) {
  EXPECT_EQ(shell("$MXFP4 synth --preset 120b -o large 2> err & pid=$!; "
                  "until [ -e large.partial ]; "
                  "do kill -0 $pid || exit 1; sleep 0.01; done; "
                  "kill -INT $pid; wait $pid"),
            130);
  EXPECT_EQ(read("err"), "mxfp4: interrupted\n");
  EXPECT_FALSE(fs::exists(folder() / "large"));
  EXPECT_FALSE(fs::exists(folder() / "large.partial"));
}

TEST_F(CommandTest, WrongCommandLines) {
  for (const char *arguments : {"",
                                "unknown",
                                "run",
                                "run $MODEL -n -1",
                                "run $MODEL --threads 0",
                                "run $MODEL --ids 1 -o out",
                                "logits $MODEL --ids 1",
                                "plan",
                                "plan --preset 30b",
                                "plan $MODEL --preset 20b",
                                "emit $MODEL",
                                "emit $MODEL --stage=other",
                                "synth -o new",
                                "bench $MODEL -p -1",
                                "bench",
                                "bench $MODEL --synthetic 20b",
                                "bench --synthetic 30b",
                                "synth --preset 20b -o new --seed -1",
                                "synth --preset 20b -o new --layers 0",
                                "eval $MODEL",
                                "eval $MODEL --text a --window 0"}) {
    EXPECT_EQ(run(arguments), 2) << arguments;
    EXPECT_EQ(read("out"), "") << arguments;
    EXPECT_NE(read("err"), "") << arguments;
  }
}

TEST_F(CommandTest, WrongInput) {
  // What the message says, and a command line.
  std::pair<const char *, const char *> cases[] = {
      {"/absent/config.json: cannot open", "run /absent -p a"},
      {"/absent: cannot open", "run $MODEL -f /absent"},
      {"cannot keep the compiled program in /dev/null",
       "run $MODEL -p a --cache-dir /dev/null"},
      {"cannot trust the compiled programs in /tmp: other users may write",
       "run $MODEL -p a --cache-dir /tmp"},
      {"unknown target 'x'", "run $MODEL -p a --target x"},
      {"/absent: cannot open", "eval $MODEL --text /absent"},
      {"/absent: cannot open", "plan --config /absent"},
      {"context of 1 to 1024 positions, for which the model was made, but got "
       "99999",
       "plan $MODEL --context 99999"},
      {"/absent/program: cannot create", "compile $MODEL -o /absent/program"},
      {"/absent/logits: cannot create",
       "logits $MODEL --ids 1 -o /absent/logits"},
      {"/absent", "tokenize /absent"},
      {"expected a token id", "tokenize $MODEL --decode < $MODEL/heldout.txt"},
      {"line 1: expected {\"text\"",
       "tokenize $MODEL --jsonl < $MODEL/heldout.txt"}};
  for (auto [message, arguments] : cases) {
    EXPECT_EQ(run(arguments), 1) << arguments;
    std::string error = read("err");
    EXPECT_NE(error.find("mxfp4: error: "), std::string::npos)
        << arguments << ": " << error;
    EXPECT_NE(error.find(message), std::string::npos)
        << arguments << ": " << error;
  }
}

/// The target is wrong too, which is what would be found on compiling.
TEST_F(CommandTest, InputIsCheckedBeforeCompiling) {
  std::pair<const char *, const char *> cases[] = {
      {"prompt of 1 or more tokens, but it is empty", "run $MODEL -p ''"},
      {"context of 1 to 1024 positions, for which the model was made, but got "
       "99999",
       "run $MODEL -p a --context 99999"},
      {"does not fit the context of 1024", "run $MODEL -f $MODEL/heldout.txt"},
      {"top-p", "run $MODEL -p a --top-p 2"},
      {"tokenizer.json: cannot open", "run bare -p a"},
      {"token 2048 is not in the vocabulary",
       "logits $MODEL --ids 2048 -o new"},
      {"token id, but found 'x'", "logits $MODEL --ids x -o new"},
      {"does not fit the context of 1 ",
       "logits $MODEL --ids 1,2 --context 1 -o new"},
      {"text of more than 256 tokens", "eval $MODEL --text /dev/null"},
      {"window of 1 to 1024 tokens",
       "eval $MODEL --text $MODEL/heldout.txt --window 2000"},
      {"nothing to measure", "bench $MODEL -p 0 -n 0"},
      {"the tests take 5000 positions", "bench $MODEL -p 5000"}};
  ASSERT_EQ(shell("mkdir bare && cp $MODEL/config.json "
                  "$MODEL/model.safetensors bare"),
            0);
  for (auto [message, arguments] : cases) {
    EXPECT_EQ(run(std::string(arguments) + " --target x"), 1) << arguments;
    EXPECT_NE(read("err").find(message), std::string::npos)
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
