//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the verbs of the command share. Each verb is a file of its name that
// adds its flags, calls the libraries and prints.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TOOLS_MXFP4_VERBS_H
#define MXFP4_TOOLS_MXFP4_VERBS_H

#include "mxfp4/Driver/Engine.h"
#include "mxfp4/Support/Result.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>

namespace mx {

/// What is left to do once the command line is parsed.
using Action = std::function<Status()>;

/// Each adds a verb to `app`. If the user chose it, `action` runs it.
void addBenchVerb(CLI::App &app, Action &action);
void addCompileVerb(CLI::App &app, Action &action);
void addDoctorVerb(CLI::App &app, Action &action);
void addEmitVerb(CLI::App &app, Action &action);
void addEvalVerb(CLI::App &app, Action &action);
void addLogitsVerb(CLI::App &app, Action &action);
void addPlanVerb(CLI::App &app, Action &action);
void addRunVerb(CLI::App &app, Action &action);
void addSynthVerb(CLI::App &app, Action &action);
void addTokenizeVerb(CLI::App &app, Action &action);

/// Sets `action` to run(flags) if `verb` was chosen.
template <typename Flags>
void onChosen(CLI::App &verb, Action &action, std::shared_ptr<Flags> flags,
              Status (*run)(const Flags &)) {
  verb.callback(
      [&action, flags, run] { action = [flags, run] { return run(*flags); }; });
}

/// Engine::compile, and on standard error how the program was made.
Result<Engine> compileEngine(Checkpoint checkpoint,
                             const EngineOptions &options);

} // namespace mx

#endif // MXFP4_TOOLS_MXFP4_VERBS_H
