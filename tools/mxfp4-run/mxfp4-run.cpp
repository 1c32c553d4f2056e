//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a saved Program. Contains no compiler: this is what a machine needs on
// which a model is only run.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Bench.h"
#include "mxfp4/Command/Eval.h"
#include "mxfp4/Command/Logits.h"
#include "mxfp4/Command/Run.h"
#include "mxfp4/Command/Tool.h"

#include <CLI/CLI.hpp>

#include <string_view>

using namespace mx;

namespace {
/// What all commands run.
struct ProgramFlags {
  std::string program;
  CheckpointOptions checkpoint;
};

struct Flags : ProgramFlags {
  RunFlags run;
  /// Whether it computes the logits of tokens, and generates nothing.
  bool hasIds = false;
  LogitsFlags logits;
};
} // namespace

static void addProgramFlags(CLI::App &app, ProgramFlags &flags) {
  app.add_option("PROGRAM", flags.program, "A program saved by mxfp4 compile")
      ->required();
  app.add_flag("--quantize", flags.checkpoint.quantizeExperts,
               "Quantize experts that the checkpoint has in BF16");
}

static Status run(const Flags &flags) {
  Result<Program> program = loadProgram(flags.program);
  if (!program)
    return program.error();
  Result<Checkpoint> checkpoint =
      openCheckpoint(flags.run.weights, flags.checkpoint);
  if (!checkpoint)
    return checkpoint.error();
  if (flags.hasIds) {
    LogitsFlags logits = flags.logits;
    logits.session = flags.run.session;
    Result<std::vector<int32_t>> ids =
        readIds(logits, checkpoint->config(), program->maxPositions);
    if (!ids)
      return ids.error();
    return runLogits(*program, *checkpoint, logits, *ids);
  }
  Result<Prompt> prompt =
      readPrompt(*checkpoint, flags.run, program->maxPositions);
  if (!prompt)
    return prompt.error();
  return runPrompt(*program, *checkpoint, *prompt);
}

namespace {
struct MeasureFlags : ProgramFlags {
  BenchFlags bench;
};
} // namespace

static Status measure(const MeasureFlags &flags) {
  Result<Program> program = loadProgram(flags.program);
  if (!program)
    return program.error();
  Result<Checkpoint> checkpoint =
      openCheckpoint(flags.bench.weights, flags.checkpoint);
  if (!checkpoint)
    return checkpoint.error();
  if (Status status = checkBenchFlags(flags.bench, program->maxPositions);
      !status)
    return status;
  return runBenchCommand(*program, *checkpoint, flags.bench, Ceilings());
}

static int mainOfBench(int argc, char **argv) {
  CLI::App app("Measure tokens per second of a compiled model with random "
               "tokens: pp is a prompt, in pieces of as many as the program "
               "takes; tg is decoding one by one, in --batch sequences at a "
               "time");
  MeasureFlags flags;
  addProgramFlags(app, flags);
  addWeightsFlags(app, flags.bench.weights);
  addBenchFlags(app, flags.bench);
  return runTool(app, argc, argv, "mxfp4-run bench",
                 [&] { return measure(flags); });
}

namespace {
struct EvaluateFlags : ProgramFlags {
  EvalFlags eval;
};
} // namespace

static Status evaluateText(const EvaluateFlags &flags) {
  Result<Program> program = loadProgram(flags.program);
  if (!program)
    return program.error();
  Result<Checkpoint> checkpoint =
      openCheckpoint(flags.eval.model, flags.checkpoint);
  if (!checkpoint)
    return checkpoint.error();
  Result<std::vector<int32_t>> ids =
      readEvalText(flags.eval, checkpoint->config(), program->maxPositions);
  if (!ids)
    return ids.error();
  return runEval(*program, *checkpoint, flags.eval, *ids);
}

static int mainOfEval(int argc, char **argv) {
  CLI::App app("Measure how well a compiled model predicts a text: mean loss "
               "in nats per token, and perplexity");
  EvaluateFlags flags;
  addProgramFlags(app, flags);
  app.add_option("MODEL", flags.eval.model,
                 "The folder of the checkpoint, with its tokenizer.json")
      ->required();
  addEvalFlags(app, flags.eval);
  return runTool(app, argc, argv, "mxfp4-run eval",
                 [&] { return evaluateText(flags); });
}

int main(int argc, char **argv) {
  // Programs of these names are ./bench and ./eval.
  if (argc > 1 && std::string_view(argv[1]) == "bench")
    return mainOfBench(argc - 1, argv + 1);
  if (argc > 1 && std::string_view(argv[1]) == "eval")
    return mainOfEval(argc - 1, argv + 1);
  CLI::App app("Run a compiled model: from a prompt to text");
  app.footer(
      "\"mxfp4-run bench PROGRAM MODEL\" measures its speed, "
      "\"mxfp4-run eval PROGRAM MODEL\" how well it predicts a text: see "
      "their --help.");
  Flags flags;
  addProgramFlags(app, flags);
  addRunFlags(app, flags.run);
  CLI::Option *output = app.add_option("-o,--output", flags.logits.output,
                                       "Where to write the logits of --ids");
  CLI::Option *ids =
      app.add_option("--ids", flags.logits.ids,
                     "Compute the logits of these tokens, as 1,2,3 or @FILE, "
                     "and generate nothing")
          ->needs(output)
          ->excludes(app.get_option("--prompt"))
          ->excludes(app.get_option("--file"))
          ->excludes(app.get_option("--tokenizer"));
  output->needs(ids);
  addBatchFlag(app, flags.logits);
  app.get_option("--batch")->needs(ids);
  return runTool(app, argc, argv, "mxfp4-run", [&] {
    flags.hasIds = ids->count() != 0;
    return run(flags);
  });
}
