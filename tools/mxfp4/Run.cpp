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

#include "mxfp4/Command/Run.h"
#include "mxfp4/Driver/Flags.h"

using namespace mx;

namespace {
struct Flags {
  EngineOptions engine;
  RunFlags run;
};
} // namespace

static Status run(const Flags &flags) {
  Result<Checkpoint> checkpoint =
      openCheckpoint(flags.run.weights, flags.engine.checkpoint);
  if (!checkpoint)
    return checkpoint.error();
  Result<Prompt> prompt = readPrompt(
      *checkpoint, flags.run, checkpoint->config().maxPositionEmbeddings);
  if (!prompt)
    return prompt.error();
  Result<Engine> engine = compileEngine(std::move(*checkpoint), flags.engine);
  if (!engine)
    return engine.error();
  return runPrompt(engine->program(), engine->checkpoint(), *prompt);
}

void mx::addRunVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "run", "Continue a prompt, and print the text as it is made");
  addRunFlags(*verb, flags->run);
  addEngineFlags(*verb, flags->engine);
  verb->footer("Examples:\n"
               "  mxfp4 run gpt-oss-20b -p 'The sky is' -n 64\n"
               "  mxfp4 run gpt-oss-20b --temperature 0 < prompt.txt\n"
               "  mxfp4 run --synthetic 20b --tokenizer gpt-oss-20b "
               "-p 'The sky is'");
  onChosen(*verb, action, flags, run);
}
