//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The main function of a tool: exit codes, standard streams, and what is
// printed when something goes wrong.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMMAND_TOOL_H
#define MXFP4_COMMAND_TOOL_H

#include "mxfp4/Support/Result.h"

#include <functional>
#include <string_view>

namespace CLI {
class App;
}

namespace mx {

/// Exit codes of the tools; a wrong command line is kExitUsage, Ctrl-C is
/// kExitInterrupted, as in a shell.
enum ExitCode {
  kExitSuccess = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitInterrupted = 130
};

/// Parses the command line of the tool `name` as `app` says, adding --version,
/// then calls `action`, which parsing may set. Prints what went wrong as
/// "<name>: error: <message>" and returns the exit code.
int runTool(CLI::App &app, int argc, char **argv, const char *name,
            const std::function<Status()> &action);

/// Writes to standard output at once. Fails if that is full or closed.
Status print(std::string_view text);

} // namespace mx

#endif // MXFP4_COMMAND_TOOL_H
