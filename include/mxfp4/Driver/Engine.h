//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the folder of a checkpoint to a model that can be run: the one place
// that sees both the compiler and the runtime.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DRIVER_ENGINE_H
#define MXFP4_DRIVER_ENGINE_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Checkpoint/Checkpoint.h"
#include "mxfp4/Compiler/Compiler.h"
#include "mxfp4/Driver/ProgramCache.h"
#include "mxfp4/Runtime/Session.h"
#include "mxfp4/Support/Result.h"

#include <memory>
#include <string>

namespace mx {

/// How to open a checkpoint and compile its model.
struct EngineOptions {
  CompileOptions compile;
  CheckpointOptions checkpoint;
  CacheOptions cache;
};

/// `options` with a chip where the target is "nvptx": that of the GPU at hand.
Result<CompileOptions> resolveTarget(CompileOptions options);

/// A checkpoint and the Program compiled for it; from here on sessions.
class Engine {
public:
  /// Opens the checkpoint in `folder`, then as below.
  static Result<Engine> open(const std::string &folder,
                             const EngineOptions &options);

  /// Takes the Program of `source` from the cache or compiles it, unless it is
  /// for a GPU and none at hand runs it. No weight is read yet.
  static Result<Engine> compile(Checkpoint source,
                                const EngineOptions &options);

  Checkpoint &checkpoint() { return source; }
  const Program &program() const { return compiled.program; }

  /// Loads the weights.
  Result<std::unique_ptr<Session>>
  openSession(const SessionOptions &options = {}) {
    return Session::create(compiled.program, source, options);
  }

  /// One line for the user, such as "program for cpu:skylake compiled in 2.51
  /// s".
  std::string describe() const;

private:
  Engine(Checkpoint source, CachedProgram compiled)
      : source(std::move(source)), compiled(std::move(compiled)) {}

  Checkpoint source;
  CachedProgram compiled;
};

} // namespace mx

#endif // MXFP4_DRIVER_ENGINE_H
