//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Opening takes long where weights are loaded, so everything that can be wrong
// is checked before openSession.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Open.h"

#include "mxfp4/Command/Interrupt.h"
#include "mxfp4/Command/Progress.h"
#include "mxfp4/Runtime/ThreadPool.h"

#include <CLI/CLI.hpp>
#include <cstdio>

using namespace mx;

void mx::addSessionFlags(CLI::App &app, SessionFlags &flags) {
  app.add_option("--threads", flags.threads,
                 "Threads to run on (default: one for each processor)")
      ->check(CLI::Range(int64_t(1), ThreadPool::kMaxThreads));
  app.add_option("--context", flags.context,
                 "Positions to hold in the caches (default: as many as are "
                 "needed)")
      ->check(CLI::Range(int64_t(1), kMaxPositions));
  app.add_flag("--pin", flags.pin, "Keep each thread on its own processor");
}

Result<Checkpoint> mx::openCheckpoint(const std::string &folder,
                                      const CheckpointOptions &options) {
  Result<Checkpoint> checkpoint = Checkpoint::open(folder, options);
  if (checkpoint)
    for (const std::string &warning : checkpoint->warnings())
      std::fprintf(stderr, "warning: %s\n", warning.c_str());
  return checkpoint;
}

void mx::addWeightsFlags(CLI::App &app, WeightsSource &source) {
  CLI::Option_group *group =
      app.add_option_group("Weights", "Exactly one of these");
  group->add_option("MODEL", source.folder,
                    "The folder of a checkpoint, with its tokenizer.json if "
                    "there is text");
  group
      ->add_option("--synthetic", source.synthetic,
                   "Random weights of a published model, 20b or 120b of "
                   "GPT-OSS, which are made when they are loaded: those that "
                   "mxfp4 synth --preset writes")
      ->check(CLI::IsMember({"20b", "120b"}));
  group->require_option(1);
}

Result<Checkpoint> mx::openCheckpoint(const WeightsSource &source,
                                      const CheckpointOptions &options) {
  if (source.synthetic.empty())
    return openCheckpoint(source.folder, options);
  return Checkpoint::synthesize(source.synthetic == "20b"
                                    ? ModelConfig::gptOss20B()
                                    : ModelConfig::gptOss120B());
}

Result<std::unique_ptr<Session>> mx::openSession(const Program &program,
                                                 Checkpoint &checkpoint,
                                                 const SessionFlags &flags,
                                                 int64_t wanted) {
  Result<int64_t> context =
      chooseContext(flags.context, program.maxPositions, wanted);
  if (!context)
    return context.error();
  ProgressBar bar("loading weights");
  SessionOptions options;
  options.threads = flags.threads;
  options.context = *context;
  options.pin = flags.pin;
  options.progress = [&](uint64_t done, uint64_t total) {
    bar.update(done, total);
  };
  options.interrupt = [&flag = catchInterrupt()] { return flag.load(); };
  return Session::create(program, checkpoint, options);
}
