//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4 synth: a checkpoint with random weights.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Checkpoint/Synthesize.h"
#include "mxfp4/Command/Interrupt.h"
#include "mxfp4/Command/Progress.h"
#include "mxfp4/Driver/Flags.h"

#include <limits>
#include <optional>

using namespace mx;

namespace {
struct Flags {
  ModelSource model;
  std::string output;
  uint64_t seed = 0;
  std::optional<int64_t> layers;
};
} // namespace

static Status run(const Flags &flags) {
  Result<ModelConfig> config = readModel(flags.model);
  if (!config)
    return config.error();
  ProgressBar bar("writing weights");
  SynthesizeOptions options;
  options.seed = flags.seed;
  options.layers = flags.layers;
  options.interrupt = &catchInterrupt();
  options.progress = [&](uint64_t done, uint64_t total) {
    bar.update(done, total);
  };
  return synthesizeCheckpoint(*config, flags.output, options);
}

void mx::addSynthVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "synth", "Write a checkpoint with random weights, for measurements where "
               "no trained one is at hand; it has no tokenizer");
  addModelFlags(*verb, flags->model, ModelFlags::WithoutFolder);
  verb->add_option("-o,--output", flags->output, "A folder, new or empty")
      ->required();
  verb->add_option("--seed", flags->seed, "Start of the random numbers")
      ->check(CLI::Range(int64_t(0), std::numeric_limits<int64_t>::max()))
      ->capture_default_str();
  verb->add_option("--layers", flags->layers,
                   "Write this many layers instead of the model's")
      ->check(CLI::Range(int64_t(1), kMaxLayers));
  verb->footer("Examples:\n"
               "  mxfp4 synth --preset 20b -o random-20b\n"
               "  mxfp4 synth --preset 120b --layers 2 -o random-2-layers");
  onChosen(*verb, action, flags, run);
}
