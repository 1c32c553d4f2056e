//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4 plan: the memory that a model takes.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Command/Table.h"
#include "mxfp4/Command/Tool.h"
#include "mxfp4/Driver/Flags.h"
#include "mxfp4/Driver/Plan.h"
#include "mxfp4/Runtime/Session.h"

#include <nlohmann/json.hpp>

#include <cstdio>

using namespace mx;

namespace {
struct Flags {
  ModelSource model;
  CompileOptions compile;
  int64_t context = 0;
  bool json = false;
};
} // namespace

static nlohmann::ordered_json formatPart(const PlanPart &part) {
  return {{"name", part.name},
          {"checkpoint_bytes", part.checkpointBytes},
          {"bytes", part.bytes}};
}

static std::string formatJson(const MemoryPlan &plan, const Program &program,
                              int64_t context) {
  nlohmann::ordered_json parts = nlohmann::ordered_json::array();
  for (const PlanPart &part : plan.parts)
    parts.push_back(formatPart(part));
  return nlohmann::ordered_json{
             {"target", program.target}, {"activations", program.activations},
             {"context", context},       {"sequences", program.sequences},
             {"parts", parts},           {"total", formatPart(plan.total)}}
             .dump() +
         "\n";
}

static std::vector<std::string> formatRow(const PlanPart &part) {
  char megabytes[32];
  std::snprintf(megabytes, sizeof(megabytes), "%.1f", double(part.bytes) / 1e6);
  return {part.name, std::to_string(part.checkpointBytes),
          std::to_string(part.bytes), megabytes};
}

static std::string formatText(const MemoryPlan &plan, const Program &program,
                              int64_t context) {
  std::vector<std::vector<std::string>> rows = {
      {"part", "bytes in the checkpoint", "bytes in memory", "MB in memory"}};
  for (const PlanPart &part : plan.parts)
    rows.push_back(formatRow(part));
  rows.push_back(formatRow(plan.total));
  return program.target + ", activations " + program.activations +
         ", context " + std::to_string(context) +
         (program.sequences > 1
              ? " for each of " + std::to_string(program.sequences) +
                    " sequences"
              : "") +
         "\n\n" + formatTable(rows);
}

static Status run(const Flags &flags) {
  Result<ModelConfig> config = readModel(flags.model);
  if (!config)
    return config.error();
  Result<int64_t> context =
      chooseContext(flags.context, config->maxPositionEmbeddings);
  if (!context)
    return context.error();
  Result<Program> program = planModel(*config, flags.compile);
  if (!program)
    return program.error();
  MemoryPlan plan = planMemory(*config, *program, *context);
  return print(flags.json ? formatJson(plan, *program, *context)
                          : formatText(plan, *program, *context));
}

void mx::addPlanVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "plan", "Show how many bytes a model will take, part by part, without "
              "loading it");
  addModelFlags(*verb, flags->model, ModelFlags::WithFolder);
  addCompileFlags(*verb, flags->compile);
  verb->add_option("--context", flags->context,
                   "Positions to hold in the caches (default: " +
                       std::to_string(kDefaultContext) +
                       ", or what the model has)")
      ->check(CLI::Range(int64_t(1), kMaxPositions));
  verb->add_flag("--json", flags->json, "Print one JSON object");
  verb->footer("Examples:\n"
               "  mxfp4 plan --preset 20b --context 131072\n"
               "  mxfp4 plan gpt-oss-20b --json");
  onChosen(*verb, action, flags, run);
}
