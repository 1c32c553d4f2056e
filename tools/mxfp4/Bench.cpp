//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4 bench: tokens per second.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Command/Bench.h"
#include "mxfp4/Driver/Flags.h"

using namespace mx;

namespace {
struct Flags {
  EngineOptions engine;
  BenchFlags bench;
};
} // namespace

/// Measures the ceilings of as many threads as the session will have. Comes
/// before the session, which may pin this thread.
static Result<Ceilings> measureMachine(const Flags &flags) {
  Result<Program> probes = compileProbes(flags.engine.compile);
  if (!probes)
    return probes.error();
  return measureCeilings(*probes, flags.bench.session.threads,
                         flags.bench.session.pin);
}

static Status run(const Flags &flags) {
  Result<Checkpoint> checkpoint =
      openCheckpoint(flags.bench.weights, flags.engine.checkpoint);
  if (!checkpoint)
    return checkpoint.error();
  if (Status status = checkBenchFlags(
          flags.bench, checkpoint->config().maxPositionEmbeddings);
      !status)
    return status;
  EngineOptions options = flags.engine;
  options.compile.sequences = flags.bench.options.batch;
  Result<Engine> engine = compileEngine(std::move(*checkpoint), options);
  if (!engine)
    return engine.error();
  const Program &program = engine->program();
  if (Status status = checkBenchProgram(flags.bench, program); !status)
    return status;
  Ceilings ceilings;
  // The probes are for a CPU.
  if (flags.bench.perOp && program.target.rfind("nvptx:", 0) != 0) {
    Result<Ceilings> measured = measureMachine(flags);
    if (!measured)
      return measured.error();
    ceilings = *measured;
  }
  return runBenchCommand(program, engine->checkpoint(), flags.bench, ceilings);
}

void mx::addBenchVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "bench", "Measure tokens per second with random tokens: pp is a prompt, "
               "in pieces of --prefill-tokens; tg is decoding one by one, "
               "in --batch sequences at a time");
  addWeightsFlags(*verb, flags->bench.weights);
  addEngineFlags(*verb, flags->engine);
  addBenchFlags(*verb, flags->bench);
  verb->footer("Examples:\n"
               "  mxfp4 bench gpt-oss-20b\n"
               "  mxfp4 bench gpt-oss-20b -p 0 -n 32 -r 3 --depth 4096 "
               "--json\n"
               "  mxfp4 bench --synthetic 20b --per-op\n"
               "  mxfp4 bench --synthetic 20b --target nvptx -p 0 --batch 64");
  onChosen(*verb, action, flags, run);
}
