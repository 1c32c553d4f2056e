//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Flags that verbs of the command share, so that they are spelled and explained
// the same everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DRIVER_FLAGS_H
#define MXFP4_DRIVER_FLAGS_H

#include "mxfp4/Checkpoint/ModelConfig.h"
#include "mxfp4/Driver/Engine.h"
#include "mxfp4/Support/Result.h"

#include <string>

namespace CLI {
class App;
}

namespace mx {

/// Where the shape of a model comes from: one of these is not empty.
struct ModelSource {
  /// The folder of a checkpoint, of which only config.json is read.
  std::string folder;
  /// "20b" or "120b".
  std::string preset;
  /// A config.json.
  std::string config;
};

/// Which members of ModelSource a verb takes.
enum class ModelFlags { WithFolder, WithoutFolder };

/// Adds MODEL, --preset and --config to `app`, one of which must be given.
/// `source` must outlive it, as in all functions here.
void addModelFlags(CLI::App &app, ModelSource &source, ModelFlags flags);

/// The model that `source` names.
Result<ModelConfig> readModel(const ModelSource &source);

/// Adds --target.
void addTargetFlag(CLI::App &app, CompileOptions &options);

/// Adds --target, --activations, --dense, --reference, --no-fusion,
/// --prefill-tokens and --sequences.
void addCompileFlags(CLI::App &app, CompileOptions &options);

/// Adds the flags of addCompileFlags but for --sequences, --quantize,
/// --cache-dir and --no-cache.
void addEngineFlags(CLI::App &app, EngineOptions &options);

/// Adds MODEL, which must be given, too: what Engine::open takes.
void addEngineFlags(CLI::App &app, std::string &model, EngineOptions &options);

} // namespace mx

#endif // MXFP4_DRIVER_FLAGS_H
