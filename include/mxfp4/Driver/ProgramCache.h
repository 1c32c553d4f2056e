//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Programs kept on disk, so that a model is compiled once for a machine and
// starts at once afterwards.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DRIVER_PROGRAMCACHE_H
#define MXFP4_DRIVER_PROGRAMCACHE_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Checkpoint/ModelConfig.h"
#include "mxfp4/Compiler/Compiler.h"
#include "mxfp4/Support/Result.h"

#include <functional>
#include <string>

namespace mx {

/// Where compiled Programs are kept.
struct CacheOptions {
  /// False compiles each time and touches no file.
  bool enabled = true;
  /// Empty is defaultCacheFolder().
  std::string folder;
  /// Called before a Program is compiled, which takes seconds; may be empty.
  std::function<void()> compiling = nullptr;
};

/// $MXFP4_CACHE_DIR, else $XDG_CACHE_HOME/mxfp4, else ~/.cache/mxfp4. Fails
/// where the environment has none of them.
Result<std::string> defaultCacheFolder();

/// The name of a cache entry: a hash of all that decides a Program, which is
/// the build of the compiler and the processor (`fingerprint`), the model, the
/// options and kABIVersion.
std::string cacheKey(const std::string &fingerprint, const ModelConfig &config,
                     const CompileOptions &options);

/// A Program and where it comes from.
struct CachedProgram {
  Program program;
  /// True if it was on disk, false if it was compiled.
  bool cached = false;
  /// Time to compile or to read it.
  double seconds = 0;
};

/// Takes the Program from the cache, or compiles it and puts it there. A
/// damaged entry is compiled again and replaced. Fails if the cache cannot be
/// written, before it compiles where that can be seen.
Result<CachedProgram> compileCached(const ModelConfig &config,
                                    const CompileOptions &options,
                                    const CacheOptions &cache);

} // namespace mx

#endif // MXFP4_DRIVER_PROGRAMCACHE_H
