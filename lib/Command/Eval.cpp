//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The eval command.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Eval.h"

#include "mxfp4/Command/Input.h"
#include "mxfp4/Command/Progress.h"
#include "mxfp4/Command/Tool.h"
#include "mxfp4/Runtime/Evaluate.h"
#include "mxfp4/Text/Tokenizer.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>

using namespace mx;

void mx::addEvalFlags(CLI::App &app, EvalFlags &flags) {
  app.add_option("--text", flags.text, "The text")->required();
  app.add_option("--window", flags.window,
                 "The text is cut into windows of this many tokens, in each "
                 "of which every token predicts the next one of the text; a "
                 "last window that is not whole is left out")
      ->check(CLI::Range(int64_t(1), kMaxPositions))
      ->capture_default_str();
  addSessionFlags(app, flags.session);
  app.add_flag("--json", flags.json,
               "Print {\"tokens\", \"loss\", \"perplexity\"}");
}

Result<std::vector<int32_t>> mx::readEvalText(const EvalFlags &flags,
                                              const ModelConfig &config,
                                              int64_t maxPositions) {
  Result<std::string> text = readText(flags.text);
  if (!text)
    return text.error();
  Result<Tokenizer> tokenizer = Tokenizer::load(flags.model);
  if (!tokenizer)
    return tokenizer.error();
  Result<std::vector<int32_t>> ids = tokenizer->encode(*text);
  if (!ids)
    return ids.error();
  Result<int64_t> context =
      chooseContext(flags.session.context, maxPositions, flags.window);
  if (!context)
    return context.error();
  if (Status status = checkText(*ids, flags.window, config.vocabSize, *context);
      !status)
    return status.error();
  return ids;
}

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

Status mx::runEval(const Program &program, Checkpoint &checkpoint,
                   const EvalFlags &flags, const std::vector<int32_t> &ids) {
  Result<std::unique_ptr<Session>> session =
      openSession(program, checkpoint, flags.session, flags.window);
  if (!session)
    return session.error();
  Result<Evaluation> evaluation = [&] {
    ProgressBar bar("evaluating");
    // The bar counts in bytes.
    return evaluate(
        **session, ids, flags.window, [&](uint64_t done, uint64_t total) {
          bar.update(done * sizeof(int32_t), total * sizeof(int32_t));
        });
  }();
  if (!evaluation)
    return evaluation.error();
  return print(format(*evaluation, flags.json));
}
