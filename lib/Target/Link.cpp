//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs LLD as a library. It works on files, so object and result go through the
// folder for temporary files; its state is global, so one thread links at a
// time.
//
//===----------------------------------------------------------------------===//

#include "Link.h"

#include "lld/Common/Driver.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace mlir::mxfp4;

namespace {
/// Gives signals back to the program that this is part of: to remove output
/// files when one comes, LLVM catches SIGINT, SIGUSR1 and others, for good.
class SignalKeeper {
public:
  SignalKeeper() {
    for (int signal = 1; signal < NSIG; ++signal)
      known[signal] = sigaction(signal, nullptr, &actions[signal]) == 0;
  }
  ~SignalKeeper() {
    for (int signal = 1; signal < NSIG; ++signal)
      if (known[signal])
        sigaction(signal, &actions[signal], nullptr);
  }

private:
  struct sigaction actions[NSIG];
  bool known[NSIG];
};
} // namespace

/// An empty file that is removed at the end.
static mx::Result<llvm::SmallString<128>> createFile(llvm::StringRef suffix) {
  llvm::SmallString<128> path;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("mxfp4", suffix, path))
    return mx::Error{"cannot create a temporary file for machine code: " +
                     error.message()};
  return path;
}

mx::Result<std::string> mlir::mxfp4::linkSharedObject(llvm::StringRef object) {
  mx::Result<llvm::SmallString<128>> objectPath = createFile("o");
  if (!objectPath)
    return objectPath.error();
  llvm::FileRemover removeObject(*objectPath);
  mx::Result<llvm::SmallString<128>> libraryPath = createFile("so");
  if (!libraryPath)
    return libraryPath.error();
  llvm::FileRemover removeLibrary(*libraryPath);

  std::error_code error;
  {
    llvm::raw_fd_ostream stream(*objectPath, error);
    if (!error) {
      stream << object;
      stream.flush();
      error = stream.error();
      stream.clear_error();
    }
  }
  if (error)
    return mx::Error{objectPath->str().str() +
                     ": cannot write machine code: " + error.message()};

  std::string messages;
  llvm::raw_string_ostream stream(messages);
  const char *arguments[] = {
      "ld.lld",          "-shared", "--threads=1",        "--hash-style=gnu",
      "--build-id=none", "-o",      libraryPath->c_str(), objectPath->c_str()};
  static std::mutex linking;
  std::lock_guard<std::mutex> lock(linking);
  SignalKeeper keepSignals;
  lld::Result result =
      lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return mx::Error{"cannot link machine code: " + messages};
  auto buffer = llvm::MemoryBuffer::getFile(*libraryPath);
  if (!buffer)
    return mx::Error{libraryPath->str().str() +
                     ": cannot read back: " + buffer.getError().message()};
  return (*buffer)->getBuffer().str();
}
