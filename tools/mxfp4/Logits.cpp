//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4 logits: the logits of given tokens, as a file.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Command/Logits.h"
#include "mxfp4/Driver/Flags.h"

using namespace mx;

namespace {
struct Flags {
  std::string model;
  EngineOptions engine;
  LogitsFlags logits;
};
} // namespace

static Status run(const Flags &flags) {
  Result<Checkpoint> checkpoint =
      openCheckpoint(flags.model, flags.engine.checkpoint);
  if (!checkpoint)
    return checkpoint.error();
  Result<std::vector<int32_t>> ids =
      readIds(flags.logits, checkpoint->config(),
              checkpoint->config().maxPositionEmbeddings);
  if (!ids)
    return ids.error();
  EngineOptions options = flags.engine;
  options.compile.sequences = flags.logits.sequences();
  Result<Engine> engine = compileEngine(std::move(*checkpoint), options);
  if (!engine)
    return engine.error();
  return runLogits(engine->program(), engine->checkpoint(), flags.logits, *ids);
}

void mx::addLogitsVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "logits", "Write the logits that a model gives for a list of tokens");
  addEngineFlags(*verb, flags->model, flags->engine);
  verb->add_option("--ids", flags->logits.ids,
                   "The tokens, as 1,2,3 or @FILE with such a list")
      ->required();
  verb->add_option("-o,--output", flags->logits.output,
                   "A safetensors file, for one tensor 'logits', F32 "
                   "[tokens, vocabulary]")
      ->required();
  addBatchFlag(*verb, flags->logits);
  addSessionFlags(*verb, flags->logits.session);
  verb->footer("Examples:\n"
               "  mxfp4 logits gpt-oss-20b --ids 976,17307,382 "
               "-o logits.safetensors\n"
               "  mxfp4 logits gpt-oss-20b --ids @ids.txt "
               "-o logits.safetensors --activations f32\n"
               "  mxfp4 logits gpt-oss-20b --ids 976,17307,382,9906,11,1917 "
               "--batch 2 -o logits.safetensors");
  onChosen(*verb, action, flags, run);
}
