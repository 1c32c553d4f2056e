//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shares are told only where ceilings are known.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Bench.h"

#include "mxfp4/Checkpoint/Schema.h"
#include "mxfp4/Command/Interrupt.h"
#include "mxfp4/Command/Table.h"
#include "mxfp4/Command/Tool.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>

using namespace mx;

namespace {
/// What is the same for all tests.
struct Setup {
  std::string model;
  /// Bytes of the weights in memory.
  uint64_t bytes;
  uint64_t parameters;
  std::string target;
  std::string activations;
  int64_t threads;
  /// 0 where they are not known.
  Ceilings ceilings;
};
} // namespace

/// The last part of the path of a folder.
static std::string nameOf(const std::string &folder) {
  std::filesystem::path path =
      std::filesystem::path(folder + "/").lexically_normal();
  std::string name = path.parent_path().filename().string();
  return name.empty() ? folder : name;
}

/// `value` in units of `unit`; "-" where there is nothing to tell.
static std::string formatAmount(double value, double unit) {
  return value > 0 ? formatNumber("%.1f", value / unit) : "-";
}

/// `value` as a share of `ceiling`, likewise.
static std::string formatShare(double value, double ceiling) {
  return value > 0 && ceiling > 0
             ? formatNumber("%.0f %%", 100 * value / ceiling)
             : "-";
}

/// The cells of an op that took `op.seconds` of `total`.
static std::vector<std::string> formatOp(const BenchOp &op,
                                         const std::string &function,
                                         const std::string &name, double total,
                                         const Ceilings &ceilings) {
  double bytes = op.bytes / op.seconds, flops = op.flops / op.seconds;
  return {function,
          name,
          op.count > 0 ? formatNumber("%.0f", op.count) : "-",
          formatNumber("%.3f", 1e3 * op.seconds),
          formatNumber("%.1f %%", 100 * op.seconds / total),
          formatAmount(op.bytes, 1e6),
          formatAmount(bytes, 1e9),
          formatShare(bytes, ceilings.bytes),
          formatAmount(flops, 1e9),
          formatShare(flops, ceilings.floatOperations),
          formatShare(flops, ceilings.byteOperations)};
}

/// What a run of a test did, op by op.
static std::string formatOps(const BenchResult &result,
                             const Ceilings &ceilings) {
  std::vector<std::vector<std::string>> rows = {
      {"function", "op", "count", "ms", "time", "MB", "GB/s", "of read",
       "GFLOP/s", "of f32", "of i8"}};
  BenchOp total;
  for (const BenchOp &op : result.ops) {
    total.count += op.count;
    total.seconds += op.seconds;
    total.bytes += op.bytes;
    total.flops += op.flops;
  }
  for (const BenchOp &op : result.ops) {
    std::string name = op.op ? op.op->name : "";
    if (op.op && !op.op->weight.empty())
      name += " " + op.op->weight;
    rows.push_back(formatOp(op, op.op ? op.op->function : "other", name,
                            total.seconds, ceilings));
  }
  rows.push_back(formatOp(total, "all", "", total.seconds, ceilings));
  return "\n" + result.name() + ", a run:\n\n" + formatTable(rows);
}

static std::string formatText(const Setup &setup,
                              const std::vector<BenchResult> &results) {
  std::vector<std::vector<std::string>> rows = {{"model", "size", "params",
                                                 "target", "activations",
                                                 "threads", "test", "t/s"}};
  constexpr double kGibibyte = 1 << 30;
  for (const BenchResult &result : results)
    rows.push_back(
        {setup.model, formatNumber("%.2f GiB", double(setup.bytes) / kGibibyte),
         formatNumber("%.2f B", double(setup.parameters) / 1e9), setup.target,
         setup.activations, std::to_string(setup.threads), result.name(),
         formatNumber("%.2f", mean(result.tokensPerSecond)) +
             formatNumber(" ± %.2f",
                          standardDeviation(result.tokensPerSecond))});
  std::string text = formatTable(rows);
  if (setup.ceilings.bytes > 0)
    text += "\nmost that this machine reached: GB/s read " +
            formatAmount(setup.ceilings.bytes, 1e9) + ", GFLOP/s in f32 " +
            formatAmount(setup.ceilings.floatOperations, 1e9) +
            ", GOP/s in i8 " +
            formatAmount(setup.ceilings.byteOperations, 1e9) + "\n";
  for (const BenchResult &result : results)
    if (!result.ops.empty())
      text += formatOps(result, setup.ceilings);
  return text;
}

static nlohmann::ordered_json formatJsonOps(const BenchResult &result) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const BenchOp &op : result.ops)
    list.push_back({{"function", op.op ? op.op->function : ""},
                    {"op", op.op ? op.op->name : ""},
                    {"weight", op.op ? op.op->weight : ""},
                    {"count", op.count},
                    {"seconds", op.seconds},
                    {"bytes", op.bytes},
                    {"flops", op.flops}});
  return list;
}

static std::string formatJson(const Setup &setup,
                              const std::vector<BenchResult> &results) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const BenchResult &result : results) {
    list.push_back({{"model", setup.model},
                    {"model_size", setup.bytes},
                    {"model_n_params", setup.parameters},
                    {"target", setup.target},
                    {"activations", setup.activations},
                    {"n_threads", setup.threads},
                    {"test", result.name()},
                    {"n_prompt", result.promptTokens},
                    {"n_gen", result.decodeTokens},
                    {"n_depth", result.depth},
                    {"n_sequences", result.batch},
                    {"avg_ts", mean(result.tokensPerSecond)},
                    {"stddev_ts", standardDeviation(result.tokensPerSecond)},
                    {"samples_ts", result.tokensPerSecond}});
    if (result.ops.empty())
      continue;
    list.back()["ops"] = formatJsonOps(result);
    if (setup.ceilings.bytes == 0)
      continue;
    list.back()["read_bytes_per_second"] = setup.ceilings.bytes;
    list.back()["f32_operations_per_second"] = setup.ceilings.floatOperations;
    list.back()["i8_operations_per_second"] = setup.ceilings.byteOperations;
  }
  // The name of a folder need not be UTF-8.
  return list.dump(2, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

void mx::addBenchFlags(CLI::App &app, BenchFlags &flags) {
  app.add_option("-p,--prompt", flags.options.promptTokens,
                 "Tokens of the prompt; 0 leaves this test out")
      ->check(CLI::Range(int64_t(0), kMaxPositions))
      ->capture_default_str();
  app.add_option("-n,--tokens", flags.options.decodeTokens,
                 "Tokens to decode in each sequence; 0 leaves this test out")
      ->check(CLI::Range(int64_t(0), kMaxPositions))
      ->capture_default_str();
  app.add_option(
         "-b,--batch", flags.options.batch,
         "Sequences that are decoded together, each with --depth tokens "
         "before; t/s counts the tokens of all. A prompt is of one")
      ->check(CLI::Range(int64_t(1), kMaxSequences))
      ->capture_default_str();
  app.add_option("-r,--repetitions", flags.options.repetitions,
                 "Runs of each test, after one that is not counted")
      ->check(CLI::Range(int64_t(1), int64_t(1'000'000)))
      ->capture_default_str();
  app.add_option("-d,--depth", flags.options.depth,
                 "Tokens that are in the caches before each test")
      ->check(CLI::Range(int64_t(0), kMaxPositions))
      ->capture_default_str();
  addSessionFlags(app, flags.session);
  app.add_flag("--per-op", flags.perOp,
               "Show the time of each op, its memory traffic and operations, "
               "and, where they are measured, what share that is of the most "
               "that this machine reaches in the same run");
  app.add_flag("--json", flags.json,
               "Print a list with an object for each test");
}

Status mx::checkBenchFlags(const BenchFlags &flags, int64_t maxPositions) {
  Result<int64_t> context = chooseContext(flags.session.context, maxPositions,
                                          benchContext(flags.options));
  if (!context)
    return context.error();
  return checkBench(flags.options, *context);
}

Status mx::checkBenchProgram(const BenchFlags &flags, const Program &program) {
  if (flags.perOp && program.ops.empty())
    return Error{"--per-op needs the barriers between ops, which the program "
                 "for --reference lacks"};
  return checkBatch(program, flags.options.batch);
}

Status mx::runBenchCommand(const Program &program, Checkpoint &checkpoint,
                           const BenchFlags &flags, const Ceilings &ceilings) {
  if (Status status = checkBenchProgram(flags, program); !status)
    return status;
  BenchOptions options = flags.options;
  if (flags.perOp)
    options.program = &program;
  Result<std::unique_ptr<Session>> session = openSession(
      program, checkpoint, flags.session, benchContext(flags.options));
  if (!session)
    return session.error();
  options.interrupt = &catchInterrupt();
  Result<std::vector<BenchResult>> results = runBench(**session, options);
  if (!results)
    return results.error();

  Setup setup;
  setup.model = flags.weights.synthetic.empty()
                    ? nameOf(flags.weights.folder)
                    : "synthetic " + flags.weights.synthetic;
  setup.bytes = program.size(BufferKind::Weight, /*context=*/0);
  setup.parameters = countParameters(checkpoint.config());
  setup.target = program.target;
  setup.activations = program.activations;
  setup.threads = (*session)->threads();
  setup.ceilings = ceilings;
  return print(flags.json ? formatJson(setup, *results)
                          : formatText(setup, *results));
}
