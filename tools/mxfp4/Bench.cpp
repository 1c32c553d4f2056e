//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4 bench: tokens per second, as a table like that of llama-bench.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Command/Interrupt.h"
#include "mxfp4/Command/Open.h"
#include "mxfp4/Command/Tool.h"
#include "mxfp4/Driver/Bench.h"
#include "mxfp4/Driver/Ceilings.h"
#include "mxfp4/Driver/Flags.h"
#include "mxfp4/Driver/Plan.h"
#include "mxfp4/Driver/Table.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>

using namespace mx;

namespace {
struct Flags {
  std::string model;
  EngineOptions engine;
  SessionFlags session;
  BenchOptions bench;
  bool perOp = false;
  bool json = false;
};

/// What is the same for all tests.
struct Setup {
  std::string model;
  /// Bytes of the weights in memory.
  uint64_t bytes;
  uint64_t parameters;
  std::string target;
  std::string activations;
  int64_t threads;
  /// Only with --per-op.
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
  return "\n" + result.name() + ", a run:\n\n" + mx::formatTable(rows);
}

static std::string formatTable(const Setup &setup,
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
  std::string text = mx::formatTable(rows);
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

/// Measures the ceilings of as many threads as the session will have. Comes
/// before the session, which may pin this thread.
static Status prepareOps(const Flags &flags, const Program &program,
                         Ceilings &ceilings) {
  if (program.ops.empty())
    return Error{"--per-op needs the barriers between ops, which the program "
                 "for --reference lacks"};
  // The probes are for a CPU.
  if (program.target.rfind("nvptx:", 0) == 0)
    return {};
  Result<Program> probes = compileProbes(flags.engine.compile);
  if (!probes)
    return probes.error();
  Result<Ceilings> measured =
      measureCeilings(*probes, flags.session.threads, flags.session.pin);
  if (!measured)
    return measured.error();
  ceilings = *measured;
  return {};
}

static Status run(const Flags &flags) {
  Result<Checkpoint> checkpoint =
      openCheckpoint(flags.model, flags.engine.checkpoint);
  if (!checkpoint)
    return checkpoint.error();
  const ModelConfig config = checkpoint->config();
  Result<int64_t> context =
      chooseContext(flags.session.context, config.maxPositionEmbeddings,
                    benchContext(flags.bench));
  if (!context)
    return context.error();
  if (Status status = checkBench(flags.bench, *context); !status)
    return status;

  Result<Engine> engine = compileEngine(std::move(*checkpoint), flags.engine);
  if (!engine)
    return engine.error();
  Setup setup;
  BenchOptions options = flags.bench;
  if (flags.perOp) {
    if (Status status = prepareOps(flags, engine->program(), setup.ceilings);
        !status)
      return status;
    options.program = &engine->program();
  }
  Result<std::unique_ptr<Session>> session =
      openSession(engine->program(), engine->checkpoint(), flags.session,
                  benchContext(flags.bench));
  if (!session)
    return session.error();
  options.interrupt = &catchInterrupt();
  Result<std::vector<BenchResult>> results = runBench(**session, options);
  if (!results)
    return results.error();

  setup.model = nameOf(flags.model);
  setup.bytes = engine->program().size(BufferKind::Weight, /*context=*/0);
  setup.parameters = countParameters(config);
  setup.target = engine->program().target;
  setup.activations = engine->program().activations;
  setup.threads = (*session)->threads();
  return print(flags.json ? formatJson(setup, *results)
                          : formatTable(setup, *results));
}

void mx::addBenchVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "bench", "Measure tokens per second with random tokens: pp is a prompt, "
               "in pieces of --prefill-tokens; tg is decoding one by one");
  addEngineFlags(*verb, flags->model, flags->engine);
  verb->add_option("-p,--prompt", flags->bench.promptTokens,
                   "Tokens of the prompt; 0 leaves this test out")
      ->check(CLI::Range(int64_t(0), kMaxPositions))
      ->capture_default_str();
  verb->add_option("-n,--tokens", flags->bench.decodeTokens,
                   "Tokens to decode; 0 leaves this test out")
      ->check(CLI::Range(int64_t(0), kMaxPositions))
      ->capture_default_str();
  verb->add_option("-r,--repetitions", flags->bench.repetitions,
                   "Runs of each test, after one that is not counted")
      ->check(CLI::Range(int64_t(1), int64_t(1'000'000)))
      ->capture_default_str();
  verb->add_option("-d,--depth", flags->bench.depth,
                   "Tokens that are in the caches before each test")
      ->check(CLI::Range(int64_t(0), kMaxPositions))
      ->capture_default_str();
  addSessionFlags(*verb, flags->session);
  verb->add_flag("--per-op", flags->perOp,
                 "Show the time of each op, its memory traffic and operations, "
                 "and what share that is of the most that this machine "
                 "reaches in the same run");
  verb->add_flag("--json", flags->json,
                 "Print a list with an object for each test");
  verb->footer("Examples:\n"
               "  mxfp4 bench gpt-oss-20b\n"
               "  mxfp4 bench gpt-oss-20b -p 0 -n 32 -r 3 --depth 4096 "
               "--json\n"
               "  mxfp4 bench gpt-oss-20b --per-op");
  onChosen(*verb, action, flags, run);
}
