//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4 eval: how well a model predicts a text.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Command/Eval.h"
#include "mxfp4/Driver/Flags.h"

using namespace mx;

namespace {
struct Flags {
  EngineOptions engine;
  EvalFlags eval;
};
} // namespace

static Status run(const Flags &flags) {
  Result<Checkpoint> checkpoint =
      openCheckpoint(flags.eval.model, flags.engine.checkpoint);
  if (!checkpoint)
    return checkpoint.error();
  Result<std::vector<int32_t>> ids =
      readEvalText(flags.eval, checkpoint->config(),
                   checkpoint->config().maxPositionEmbeddings);
  if (!ids)
    return ids.error();
  Result<Engine> engine = compileEngine(std::move(*checkpoint), flags.engine);
  if (!engine)
    return engine.error();
  return runEval(engine->program(), engine->checkpoint(), flags.eval, *ids);
}

void mx::addEvalVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "eval", "Measure how well a model predicts a text: mean loss in nats per "
              "token, and perplexity");
  addEngineFlags(*verb, flags->eval.model, flags->engine);
  addEvalFlags(*verb, flags->eval);
  verb->footer("Example:\n"
               "  mxfp4 eval tiny-shakespeare --text heldout.txt --json");
  onChosen(*verb, action, flags, run);
}
