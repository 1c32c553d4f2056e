//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Opening a model: checkpoint, Program, session.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/Engine.h"

#include "mxfp4/Runtime/GPU.h"

#include <cstdio>

using namespace mx;

Result<Engine> Engine::open(const std::string &folder,
                            const EngineOptions &options) {
  Result<Checkpoint> source = Checkpoint::open(folder, options.checkpoint);
  if (!source)
    return source.error();
  return compile(std::move(*source), options);
}

Result<CompileOptions> mx::resolveTarget(CompileOptions options) {
  if (options.target != "nvptx")
    return options;
  Result<GPU> gpu = findGPU();
  if (!gpu)
    return Error{"cannot choose a chip for target 'nvptx': " +
                 gpu.error().message + "; name one, as in nvptx:sm_90"};
  Result<std::string> target = chooseGPUTarget(gpu->capability);
  if (!target)
    return target.error();
  options.target = *target;
  return options;
}

Result<Engine> Engine::compile(Checkpoint source,
                               const EngineOptions &options) {
  Result<CompileOptions> resolved = resolveTarget(options.compile);
  if (!resolved)
    return resolved.error();
  // Before time is spent on what cannot run here.
  if (isForGPU(resolved->target))
    if (Result<GPU> gpu = findGPUFor(resolved->target); !gpu)
      return gpu.error();
  Result<CachedProgram> compiled =
      compileCached(source.config(), *resolved, options.cache);
  if (!compiled)
    return compiled.error();
  return Engine(std::move(source), std::move(*compiled));
}

std::string Engine::describe() const {
  char seconds[32];
  std::snprintf(seconds, sizeof(seconds), " in %.2f s", compiled.seconds);
  return "program for " + compiled.program.target +
         (compiled.cached ? " read from the cache" : " compiled") + seconds;
}
