//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What "mxfp4-run PROGRAM MODEL" and "mxfp4 run MODEL" share: the flags, where
// the prompt comes from, and what is printed.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_RUNCOMMAND_H
#define MXFP4_RUNTIME_RUNCOMMAND_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Checkpoint/Checkpoint.h"
#include "mxfp4/Runtime/Session.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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

/// How a session is made: flags that all verbs which run a model have.
struct SessionFlags {
  int64_t threads = 0;
  int64_t context = 0;
  bool pin = false;
};

/// The flags of the run command. What is not given is as the checkpoint's
/// generation_config.json says, and else the default of SamplerOptions.
struct RunFlags {
  SessionFlags session;
  std::optional<std::string> prompt;
  std::string promptFile;
  int64_t maxTokens = 256;
  std::optional<float> temperature;
  std::optional<float> topP;
  int64_t topK = 0;
  uint64_t seed = 0;
  bool ignoreEnd = false;
  bool noSpecial = false;
  /// If given: computes the logits of these tokens and generates nothing.
  std::optional<std::string> ids;
  std::string output;
};

/// Adds --threads, --context and --pin to `app`. `flags` must outlive it.
void addSessionFlags(CLI::App &app, SessionFlags &flags);

/// Adds all flags of the run command to `app`. `flags` must outlive it.
void addRunFlags(CLI::App &app, RunFlags &flags);

/// A session with a progress bar, which Ctrl-C stops.
Result<std::unique_ptr<Session>> openSession(const Program &program,
                                             Checkpoint &checkpoint,
                                             const SessionFlags &flags);

/// Runs `program` with the weights and the tokenizer of the folder `model`,
/// open as `checkpoint`. Results go to standard output, all else to standard
/// error.
Status runCommand(const Program &program, Checkpoint &checkpoint,
                  const std::string &model, const RunFlags &flags);

/// Reads token ids as in "1,2,3", or "@file" with such a list, where spaces and
/// line breaks separate as well.
Result<std::vector<int32_t>> readIds(const std::string &text);

/// Reads all of `path`, or of standard input if it is empty, as text of at most
/// 64 MiB.
Result<std::string> readText(const std::string &path);

/// Appends `ids` to `session` and writes the logits of each position to `path`:
/// one tensor `logits`, F32 [tokens, vocabulary], in safetensors form.
Status writeLogits(Session &session, const std::vector<int32_t> &ids,
                   const std::string &path);

/// From the first call on, Ctrl-C and SIGTERM set the flag that is returned
/// instead of ending the process; the second one ends it.
const std::atomic<bool> &catchInterrupt();

/// Prints what went wrong as "<tool>: error: <message>", and returns the exit
/// code.
int reportStatus(const char *tool, const Status &status);

} // namespace mx

#endif // MXFP4_RUNTIME_RUNCOMMAND_H
