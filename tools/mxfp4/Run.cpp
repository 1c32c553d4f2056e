//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4 run: from a prompt to text.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Driver/Flags.h"
#include "mxfp4/Runtime/RunCommand.h"

#include <cstdio>

using namespace mx;

namespace {
struct Flags {
  std::string model;
  EngineOptions engine;
  RunFlags run;
};
} // namespace

static Status run(const Flags &flags) {
  Result<Engine> engine = Engine::open(flags.model, flags.engine);
  if (!engine)
    return engine.error();
  std::fprintf(stderr, "%s\n", engine->describe().c_str());
  return runCommand(engine->program(), engine->checkpoint(), flags.model,
                    flags.run);
}

void mx::addRunVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "run", "Continue a prompt, and print the text as it is made");
  addEngineFlags(*verb, flags->model, flags->engine);
  addRunFlags(*verb, flags->run);
  // These belong to the verb logits.
  for (const char *name : {"--ids", "--output"})
    verb->remove_option(verb->get_option(name));
  verb->footer("Examples:\n"
               "  mxfp4 run gpt-oss-20b -p 'The sky is' -n 64\n"
               "  mxfp4 run gpt-oss-20b --temperature 0 < prompt.txt");
  onChosen(*verb, action, flags, run);
}
