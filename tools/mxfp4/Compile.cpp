//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4 compile: a Program for mxfp4-run.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Compiler/Compiler.h"
#include "mxfp4/Driver/Engine.h"
#include "mxfp4/Driver/Flags.h"
#include "mxfp4/Support/File.h"

#include <cstdio>

using namespace mx;

namespace {
struct Flags {
  ModelSource model;
  CompileOptions compile;
  std::string output;
};
} // namespace

static Status run(const Flags &flags) {
  Result<ModelConfig> config = readModel(flags.model);
  if (!config)
    return config.error();
  // Not at the end: the folder may be missing or read-only.
  if (Result<std::unique_ptr<FileWriter>> writer =
          FileWriter::create(flags.output);
      !writer)
    return writer.error();
  Result<CompileOptions> options = resolveTarget(flags.compile);
  if (!options)
    return options.error();
  // Without a cache this only compiles and measures the time.
  Result<CachedProgram> compiled =
      compileCached(*config, *options, {/*enabled=*/false, ""});
  if (!compiled)
    return compiled.error();
  if (Status status = saveProgram(compiled->program, flags.output); !status)
    return status;
  std::fprintf(stderr, "program for %s compiled in %.2f s\n",
               compiled->program.target.c_str(), compiled->seconds);
  return {};
}

void mx::addCompileVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "compile", "Compile a model to a program, which mxfp4-run runs on "
                 "machines without a compiler");
  addModelFlags(*verb, flags->model, ModelFlags::WithFolder);
  addCompileFlags(*verb, flags->compile);
  verb->add_option("-o,--output", flags->output, "Where to write the program")
      ->required();
  verb->footer("Examples:\n"
               "  mxfp4 compile gpt-oss-20b -o gpt-oss-20b.program\n"
               "  mxfp4 compile --preset 120b --target cpu:x86-64-v4 "
               "-o gpt-oss-120b.program\n"
               "  mxfp4 compile gpt-oss-20b --target nvptx:sm_90 "
               "-o gpt-oss-20b.program\n"
               "  mxfp4 compile gpt-oss-20b --sequences 8 "
               "-o gpt-oss-20b.program");
  onChosen(*verb, action, flags, run);
}
