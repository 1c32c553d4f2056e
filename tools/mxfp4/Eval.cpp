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

#include "mxfp4/Command/Input.h"
#include "mxfp4/Command/Open.h"
#include "mxfp4/Command/Progress.h"
#include "mxfp4/Command/Tool.h"
#include "mxfp4/Driver/Evaluate.h"
#include "mxfp4/Driver/Flags.h"
#include "mxfp4/Text/Tokenizer.h"

#include <nlohmann/json.hpp>

#include <cstdio>

using namespace mx;

namespace {
struct Flags {
  std::string model;
  EngineOptions engine;
  SessionFlags session;
  std::string text;
  int64_t window = 256;
  bool json = false;
};
} // namespace

static std::string format(const Evaluation &evaluation, bool json) {
  if (json)
    return nlohmann::ordered_json{{"tokens", evaluation.tokens},
                                  {"loss", evaluation.loss},
                                  {"perplexity", evaluation.perplexity()}}
               .dump() +
           "\n";
  char line[128];
  std::snprintf(line, sizeof(line),
                "tokens %lld, loss %.6f nats per token, perplexity %.4f\n",
                static_cast<long long>(evaluation.tokens), evaluation.loss,
                evaluation.perplexity());
  return line;
}

static Status run(const Flags &flags) {
  Result<std::string> text = readText(flags.text);
  if (!text)
    return text.error();
  Result<Tokenizer> tokenizer = Tokenizer::load(flags.model);
  if (!tokenizer)
    return tokenizer.error();
  Result<std::vector<int32_t>> ids = tokenizer->encode(*text);
  if (!ids)
    return ids.error();
  Result<Checkpoint> checkpoint =
      openCheckpoint(flags.model, flags.engine.checkpoint);
  if (!checkpoint)
    return checkpoint.error();
  const ModelConfig &config = checkpoint->config();
  Result<int64_t> context = chooseContext(
      flags.session.context, config.maxPositionEmbeddings, flags.window);
  if (!context)
    return context.error();
  if (Status status = checkText(*ids, flags.window, config.vocabSize, *context);
      !status)
    return status;

  Result<Engine> engine = compileEngine(std::move(*checkpoint), flags.engine);
  if (!engine)
    return engine.error();
  Result<std::unique_ptr<Session>> session = openSession(
      engine->program(), engine->checkpoint(), flags.session, flags.window);
  if (!session)
    return session.error();

  Result<Evaluation> evaluation = [&] {
    ProgressBar bar("evaluating");
    return evaluate(
        **session, *ids, flags.window, [&](uint64_t done, uint64_t total) {
          // The bar counts in bytes.
          double part = double(done) / double(total);
          bar.update(uint64_t(part * double(text->size())), text->size());
        });
  }();
  if (!evaluation)
    return evaluation.error();
  return print(format(*evaluation, flags.json));
}

void mx::addEvalVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "eval", "Measure how well a model predicts a text: mean loss in nats per "
              "token, and perplexity");
  addEngineFlags(*verb, flags->model, flags->engine);
  verb->add_option("--text", flags->text, "The text")->required();
  verb->add_option("--window", flags->window,
                   "The text is cut into windows of this many tokens, in each "
                   "of which every token predicts the next one of the text; a "
                   "last window that is not whole is left out")
      ->check(CLI::Range(int64_t(1), kMaxPositions))
      ->capture_default_str();
  addSessionFlags(*verb, flags->session);
  verb->add_flag("--json", flags->json,
                 "Print {\"tokens\", \"loss\", \"perplexity\"}");
  verb->footer("Example:\n"
               "  mxfp4 eval tiny-shakespeare --text heldout.txt --json");
  onChosen(*verb, action, flags, run);
}
