//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The command for users: a verb, its flags, and what it prints. Results go to
// standard output, all else to standard error.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Command/Tool.h"

#include <cstdio>

using namespace mx;

Result<Engine> mx::compileEngine(Checkpoint checkpoint,
                                 const EngineOptions &options) {
  EngineOptions talking = options;
  talking.cache.compiling = [] { std::fprintf(stderr, "compiling\n"); };
  Result<Engine> engine = Engine::compile(std::move(checkpoint), talking);
  if (engine)
    std::fprintf(stderr, "%s\n", engine->describe().c_str());
  return engine;
}

int main(int argc, char **argv) {
  CLI::App app("Compile, run and measure GPT-OSS models with MXFP4 weights");
  app.require_subcommand(1);
  app.footer("Help for a verb: mxfp4 VERB --help");

  Action action;
  addRunVerb(app, action);
  addBenchVerb(app, action);
  addEvalVerb(app, action);
  addLogitsVerb(app, action);
  addTokenizeVerb(app, action);
  addDoctorVerb(app, action);
  addPlanVerb(app, action);
  addCompileVerb(app, action);
  addEmitVerb(app, action);
  addSynthVerb(app, action);
  return runTool(app, argc, argv, "mxfp4", [&] { return action(); });
}
