//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From flags to an open checkpoint and a session.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMMAND_OPEN_H
#define MXFP4_COMMAND_OPEN_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Checkpoint/Checkpoint.h"
#include "mxfp4/Runtime/Session.h"

#include <cstdint>
#include <memory>
#include <string>

namespace CLI {
class App;
}

namespace mx {

/// Where weights come from: a folder, or nowhere.
struct WeightsSource {
  /// The folder of a checkpoint.
  std::string folder;
  /// "20b" or "120b": random weights of a published model.
  std::string synthetic;
};

/// Adds MODEL and --synthetic to `app`, one of which must be given. `source`
/// must outlive it.
void addWeightsFlags(CLI::App &app, WeightsSource &source);

/// How a session is made: flags that all verbs which run a model have.
struct SessionFlags {
  int64_t threads = 0;
  int64_t context = 0;
  bool pin = false;
};

/// Adds --threads, --context and --pin to `app`. `flags` must outlive it.
void addSessionFlags(CLI::App &app, SessionFlags &flags);

/// Opens the checkpoint in `folder`, and prints what is odd about it as
/// warnings.
Result<Checkpoint> openCheckpoint(const std::string &folder,
                                  const CheckpointOptions &options);

/// The same, or what makes random weights up.
Result<Checkpoint> openCheckpoint(const WeightsSource &source,
                                  const CheckpointOptions &options);

/// Loads the weights, with a progress bar that Ctrl-C stops. Where `flags` give
/// no context, the caches hold `wanted` positions, as far as the model has them
/// (see chooseContext).
Result<std::unique_ptr<Session>> openSession(const Program &program,
                                             Checkpoint &checkpoint,
                                             const SessionFlags &flags,
                                             int64_t wanted);

} // namespace mx

#endif // MXFP4_COMMAND_OPEN_H
