//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Code is loaded from memory: a memory file (memfd) that the dynamic loader
// opens through /proc, so nothing is written to disk.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/CPUDevice.h"

#include "mxfp4/Runtime/CPUFeatures.h"
#include "mxfp4/Support/File.h"
#include "mxfp4/Support/Quote.h"

#include <algorithm>
#include <cerrno>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace mx;

static Status checkTarget(const Program &program) {
  if (program.target.rfind("cpu:", 0) != 0)
    return Error{"expected a program for target 'cpu:...', but it is for " +
                 quote(program.target)};
  for (const std::string &feature : program.features)
    if (!processorHasFeature(feature))
      return Error{"the program for " + quote(program.target) +
                   " needs processor feature " + quote(feature) +
                   ", which this machine lacks; compile the model for this "
                   "machine"};
  return {};
}

/// How many threads to start when `requested` are asked for (0: any number).
static Result<int64_t> chooseThreads(const Program &program,
                                     int64_t requested) {
  int64_t limit = ThreadPool::kMaxThreads;
  if (program.maxThreads > 0)
    limit = std::min(limit, program.maxThreads);
  if (requested > limit)
    return Error{"the program runs on at most " + std::to_string(limit) +
                 " threads, but got " + std::to_string(requested)};
  if (requested == 0)
    return std::min(limit, countAllowedProcessors());
  return requested;
}

/// Puts `code` into a memory file and returns its number.
static Result<int> makeCodeFile(const std::string &code) {
  int file = memfd_create("mxfp4-program", MFD_CLOEXEC);
  if (file < 0)
    return systemError("cannot create a memory file for the program's code");
  size_t done = 0;
  while (done < code.size()) {
    ssize_t count = write(file, code.data() + done, code.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0) {
      Error error = systemError("cannot store " + std::to_string(code.size()) +
                                " bytes of the program's code in memory");
      close(file);
      return error;
    }
    done += size_t(count);
  }
  return file;
}

Result<std::unique_ptr<CPUDevice>>
CPUDevice::create(const Program &program, int64_t threads, bool pin) {
  if (Status status = checkTarget(program); !status)
    return status.error();
  Result<int64_t> count = chooseThreads(program, threads);
  if (!count)
    return count.error();

  std::unique_ptr<CPUDevice> device(new CPUDevice);
  Result<int> file = makeCodeFile(program.code);
  if (!file)
    return file.error();
  device->file = *file;

  // Compiled code calls expf and the like and names no library. Loading libm
  // for all makes it visible even where this runtime itself was loaded locally.
  dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL);
  std::string path = "/proc/self/fd/" + std::to_string(*file);
  device->library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!device->library)
    return Error{std::string("cannot load the program's code: ") + dlerror()};

  Result<std::unique_ptr<ThreadPool>> team = ThreadPool::create(*count, pin);
  if (!team)
    return team.error();
  device->team = std::move(*team);
  return device;
}

CPUDevice::~CPUDevice() {
  if (library)
    dlclose(library);
  if (file >= 0)
    close(file);
}

Result<MXEntryFunction> CPUDevice::lookup(const std::string &symbol) const {
  void *address = dlsym(library, symbol.c_str());
  if (!address)
    return Error{"the program's code does not define symbol " + quote(symbol)};
  return reinterpret_cast<MXEntryFunction>(address);
}

namespace {
/// A thread in a call.
struct Participant {
  ThreadPool *team;
  /// Of one thread only.
  OpProfile *profile;
};
} // namespace

static void passBarrier(void *pointer, int64_t op) {
  auto *participant = static_cast<Participant *>(pointer);
  participant->team->barrier();
  if (participant->profile)
    participant->profile->finish(op);
}

void CPUDevice::run(MXEntryFunction function, const MXInvocation &call,
                    OpProfile *profile) {
  team->run([&](int64_t thread) {
    Participant participant = {team.get(), thread == 0 ? profile : nullptr};
    MXInvocation invocation = call;
    invocation.thread = thread;
    invocation.threads = team->threads();
    invocation.barrier = passBarrier;
    invocation.team = &participant;
    function(&invocation);
  });
}
