//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a saved Program. Contains no compiler: this is what a machine needs on
// which a model is only run.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Checkpoint/Checkpoint.h"
#include "mxfp4/Runtime/RunCommand.h"

#include <CLI/CLI.hpp>

using namespace mx;

static Status run(const std::string &programPath, const std::string &model,
                  const CheckpointOptions &checkpointOptions,
                  const RunFlags &flags) {
  Result<Program> program = loadProgram(programPath);
  if (!program)
    return program.error();
  Result<Checkpoint> checkpoint = Checkpoint::open(model, checkpointOptions);
  if (!checkpoint)
    return checkpoint.error();
  return runCommand(*program, *checkpoint, model, flags);
}

int main(int argc, char **argv) {
  CLI::App app("Run a compiled model: from a prompt to text");
  std::string programPath;
  std::string model;
  CheckpointOptions checkpointOptions;
  RunFlags flags;
  app.add_option("PROGRAM", programPath, "A program saved by mxfp4 compile")
      ->required();
  app.add_option("MODEL", model,
                 "The folder of the checkpoint, with its tokenizer.json")
      ->required();
  app.add_flag("--quantize", checkpointOptions.quantizeExperts,
               "Quantize experts that the checkpoint has in BF16");
  addRunFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? kExitSuccess : kExitUsage;
  }
  return reportStatus("mxfp4-run",
                      run(programPath, model, checkpointOptions, flags));
}
