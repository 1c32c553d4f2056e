//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The command for users: a verb, its flags, and what it prints. Results go to
// standard output, all else to standard error.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Runtime/RunCommand.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace mx;

Status mx::print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0)
    return Error{std::string("standard output: cannot write: ") +
                 std::strerror(errno)};
  return {};
}

Result<Engine> mx::openEngine(const std::string &model,
                              const EngineOptions &options) {
  Result<Engine> engine = Engine::open(model, options);
  if (!engine)
    return engine;
  for (const std::string &warning : engine->checkpoint().warnings())
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  std::fprintf(stderr, "%s\n", engine->describe().c_str());
  return engine;
}

/// Opens standard streams that the caller closed, for else the next file would
/// take their numbers and get our output. Writing to them fails as before.
static void reserveStandardStreams() {
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(stream, F_GETFD) < 0)
      open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv) {
  reserveStandardStreams();
  CLI::App app("Compile, run and measure GPT-OSS models with MXFP4 weights");
  app.name("mxfp4");
  app.set_version_flag("--version", "mxfp4 " MXFP4_VERSION);
  app.require_subcommand(1);
  app.footer("Help for a verb: mxfp4 VERB --help");

  Action action;
  addRunVerb(app, action);
  addBenchVerb(app, action);
  addEvalVerb(app, action);
  addLogitsVerb(app, action);
  addTokenizeVerb(app, action);
  addPlanVerb(app, action);
  addCompileVerb(app, action);
  addEmitVerb(app, action);
  addSynthVerb(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (app.exit(error) != 0)
      return kExitUsage;
    return reportStatus("mxfp4", print(""));
  }
  return reportStatus("mxfp4", action());
}
