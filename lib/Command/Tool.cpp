//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the main functions of the tools share.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Tool.h"

#include "mxfp4/Support/File.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

using namespace mx;

/// Opens standard streams that the caller closed, for else the next file would
/// take their numbers and get our output. Writing to them fails as before.
static void reserveStandardStreams() {
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(stream, F_GETFD) < 0)
      open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static int reportStatus(const char *name, const Status &status) {
  if (status)
    return kExitSuccess;
  const std::string &message = status.error().message;
  bool interrupted = message == kInterrupted;
  std::fprintf(stderr, "%s: %s%s\n", name,
               interrupted ? "" : "error: ", message.c_str());
  return interrupted ? kExitInterrupted : kExitFailure;
}

int mx::runTool(CLI::App &app, int argc, char **argv, const char *name,
                const std::function<Status()> &action) {
  reserveStandardStreams();
  app.name(name);
  app.set_version_flag("--version", std::string(name) + " " MXFP4_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (app.exit(error) != 0)
      return kExitUsage;
    // What --help printed may be lost.
    return reportStatus(name, print(""));
  }
  return reportStatus(name, action());
}

Status mx::print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0)
    return systemError("standard output: cannot write");
  return {};
}
