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

#include "mxfp4/Driver/Flags.h"
#include "mxfp4/Runtime/RunCommand.h"

using namespace mx;

namespace {
struct Flags {
  std::string model;
  EngineOptions engine;
  SessionFlags session;
  std::string ids;
  std::string output;
};
} // namespace

static Status run(const Flags &flags) {
  Result<std::vector<int32_t>> ids = readIds(flags.ids);
  if (!ids)
    return ids.error();
  Result<Engine> engine = openEngine(flags.model, flags.engine);
  if (!engine)
    return engine.error();
  Result<std::unique_ptr<Session>> session =
      engine->openSession(flags.session, int64_t(ids->size()));
  if (!session)
    return session.error();
  return writeLogits(**session, *ids, flags.output);
}

void mx::addLogitsVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "logits", "Write the logits that a model gives for a list of tokens");
  addEngineFlags(*verb, flags->model, flags->engine);
  verb->add_option("--ids", flags->ids,
                   "The tokens, as 1,2,3 or @FILE with such a list")
      ->required();
  verb->add_option("-o,--output", flags->output,
                   "A safetensors file, for one tensor 'logits', F32 "
                   "[tokens, vocabulary]")
      ->required();
  addSessionFlags(*verb, flags->session);
  verb->footer("Examples:\n"
               "  mxfp4 logits gpt-oss-20b --ids 976,17307,382 "
               "-o logits.safetensors\n"
               "  mxfp4 logits gpt-oss-20b --ids @ids.txt "
               "-o logits.safetensors --activations f32");
  onChosen(*verb, action, flags, run);
}
