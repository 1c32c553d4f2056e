//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The cache of Programs. An entry is named after all that decides it, so it is
// never out of date: it is there, damaged or absent.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/ProgramCache.h"

#include "mxfp4/Support/Stopwatch.h"

#include <llvm/ADT/StringExtras.h>
#include <llvm/Support/SHA256.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using namespace mx;
namespace fs = std::filesystem;

/// The variable `name` of the environment; empty if it is not set.
static std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

Result<std::string> mx::defaultCacheFolder() {
  if (std::string folder = environment("MXFP4_CACHE_DIR"); !folder.empty())
    return folder;
  // The XDG specification has relative paths ignored.
  std::string cache = environment("XDG_CACHE_HOME");
  if (!cache.empty() && cache.front() == '/')
    return cache + "/mxfp4";
  if (std::string home = environment("HOME"); !home.empty())
    return home + "/.cache/mxfp4";
  return Error{"no folder to keep compiled programs in: HOME is not set; use "
               "--cache-dir or --no-cache"};
}

std::string mx::cacheKey(const std::string &fingerprint,
                         const ModelConfig &config,
                         const CompileOptions &options) {
  std::string text = "version " + std::to_string(kABIVersion);
  // No value but the last contains a line break.
  text += "\ncompiler " + fingerprint;
  text += "\ntarget " + options.target;
  text += "\nactivations " + options.activations;
  text += "\ndense " + options.dense;
  text += "\nreference " + std::to_string(options.reference);
  text += "\nfuse " + std::to_string(options.fuse);
  text += "\nprefill tokens " + std::to_string(options.prefillTokens);
  text += "\nsequences " + std::to_string(options.sequences);
  text += "\nmodel " + writeModelConfig(config);
  llvm::ArrayRef<uint8_t> bytes(reinterpret_cast<const uint8_t *>(text.data()),
                                text.size());
  return llvm::toHex(llvm::SHA256::hash(bytes), /*LowerCase=*/true);
}

static Error cannotWrite(const std::string &folder, const std::string &reason) {
  return Error{"cannot keep the compiled program in " + folder + ": " + reason +
               "; use --cache-dir or --no-cache"};
}

/// Fails if somebody else may write to `folder`: its programs are run with all
/// rights of the user.
static Status checkFolder(const std::string &folder) {
  struct stat status;
  if (stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return {}; // prepareFolder makes it, or says why it cannot.
  std::string reason;
  if (status.st_uid != geteuid() && status.st_uid != 0)
    reason = "it belongs to another user";
  else if (status.st_mode & (S_IWGRP | S_IWOTH))
    reason = "other users may write to it";
  else
    return {};
  return Error{"cannot trust the compiled programs in " + folder + ": " +
               reason + "; use --cache-dir or --no-cache"};
}

/// Makes `folder` ready for writing.
static Status prepareFolder(const std::string &folder) {
  std::error_code error;
  if (fs::create_directories(folder, error))
    fs::permissions(folder, fs::perms::owner_all, error);
  if (error)
    return cannotWrite(folder, error.message());
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    return cannotWrite(folder, std::strerror(errno));
  return {};
}

Result<CachedProgram> mx::compileCached(const ModelConfig &config,
                                        const CompileOptions &options,
                                        const CacheOptions &cache) {
  Stopwatch time;
  std::string folder;
  std::string path;
  if (cache.enabled) {
    Result<std::string> fingerprint = compilerFingerprint(options);
    if (!fingerprint)
      return fingerprint.error();
    Result<std::string> chosen = cache.folder.empty()
                                     ? defaultCacheFolder()
                                     : Result<std::string>(cache.folder);
    if (!chosen)
      return chosen.error();
    folder = *chosen;
    path = folder + "/" + cacheKey(*fingerprint, config, options) + ".program";
    if (Status status = checkFolder(folder); !status)
      return status.error();
    // Why an entry cannot be used does not matter: it is made again.
    if (Result<Program> found = loadProgram(path))
      return CachedProgram{std::move(*found), true, time.seconds()};
    if (Status status = prepareFolder(folder); !status)
      return status.error();
  }

  if (cache.compiling)
    cache.compiling();
  Result<Program> program = compileModel(config, options);
  if (!program)
    return program.error();
  if (cache.enabled)
    if (Status status = saveProgram(*program, path); !status)
      return cannotWrite(folder, status.error().message);
  return CachedProgram{std::move(*program), false, time.seconds()};
}
