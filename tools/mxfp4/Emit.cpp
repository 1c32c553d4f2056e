//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4 emit: the model after a stage of the compiler, as text.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Command/Tool.h"
#include "mxfp4/Compiler/Compiler.h"
#include "mxfp4/Driver/Flags.h"

using namespace mx;

namespace {
struct Flags {
  ModelSource model;
  CompileOptions compile;
  std::string stage;
};
} // namespace

static Status run(const Flags &flags) {
  Result<ModelConfig> config = readModel(flags.model);
  if (!config)
    return config.error();
  Result<std::string> text = emitStage(*config, flags.compile, flags.stage);
  if (!text)
    return text.error();
  return print(*text);
}

void mx::addEmitVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb =
      app.add_subcommand("emit", "Print a model after a stage of the compiler");
  addModelFlags(*verb, flags->model, ModelFlags::WithFolder);
  verb->add_option("--stage", flags->stage,
                   "graph: as imported; fused: with fused kernels; vector: "
                   "loops of vector code; llvm: the LLVM dialect; asm: "
                   "assembly of the target")
      ->required()
      ->check(CLI::IsMember(stageNames()));
  addCompileFlags(*verb, flags->compile);
  verb->footer("Examples:\n"
               "  mxfp4 emit --preset 20b --stage=graph\n"
               "  mxfp4 emit tiny-shakespeare --stage=asm "
               "--target cpu:x86-64-v3");
  onChosen(*verb, action, flags, run);
}
