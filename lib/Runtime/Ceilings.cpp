//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the probes some times and takes the best: what disturbs a measurement
// only makes it slower.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Ceilings.h"

#include "mxfp4/ABI/Probes.h"
#include "mxfp4/Runtime/CPUDevice.h"
#include "mxfp4/Runtime/Memory.h"
#include "mxfp4/Support/Quote.h"
#include "mxfp4/Support/Stopwatch.h"

#include <algorithm>

using namespace mx;

static constexpr int kRuns = 7;
/// Pieces of work of a thread in a run.
static constexpr int64_t kTokensOfThread = 512;

namespace {
/// The probes, loaded, with memory for their buffers.
class ProbeRunner {
public:
  static Result<ProbeRunner> create(const Program &program, int64_t threads,
                                    bool pin) {
    ProbeRunner runner;
    Result<std::unique_ptr<CPUDevice>> device =
        CPUDevice::create(program, threads, pin);
    if (!device)
      return device.error();
    runner.device = std::move(*device);
    for (const Buffer &buffer : program.buffers) {
      Result<Memory> memory = Memory::allocate(buffer.size(/*context=*/0),
                                               "buffer " + quote(buffer.name));
      if (!memory)
        return memory.error();
      // Pages that were never written are all the same one.
      auto *numbers = static_cast<float *>(memory->data());
      int64_t count = int64_t(memory->size() / sizeof(float));
      int64_t team = runner.device->pool().threads();
      runner.device->pool().run([&](int64_t thread) {
        std::fill(numbers + count * thread / team,
                  numbers + count * (thread + 1) / team, 1.0f);
      });
      runner.addresses.push_back(memory->data());
      runner.memory.push_back(std::move(*memory));
    }
    return runner;
  }

  int64_t threads() const { return device->pool().threads(); }

  /// The most tokens in a second that `entry` reaches when it is called with
  /// `tokens`.
  Result<double> measure(const Entry &entry, int64_t tokens) {
    Result<MXEntryFunction> function = device->lookup(entry.symbol);
    if (!function)
      return function.error();
    MXInvocation call = {};
    call.buffers = addresses.data();
    call.tokens = std::min(tokens, entry.maxTokens);
    double best = 0;
    for (int run = 0; run < kRuns; ++run) {
      Stopwatch time;
      device->run(*function, call);
      best = std::max(best, double(call.tokens) / time.seconds());
    }
    return best;
  }

private:
  std::unique_ptr<CPUDevice> device;
  std::vector<Memory> memory;
  std::vector<void *> addresses;
};
} // namespace

Result<Ceilings> mx::measureCeilings(const Program &probes, int64_t threads,
                                     bool pin) {
  Result<ProbeRunner> runner = ProbeRunner::create(probes, threads, pin);
  if (!runner)
    return runner.error();
  Ceilings ceilings;
  int64_t tokens = kTokensOfThread * runner->threads();
  auto measure = [&](const char *name, int64_t tokens, double unit,
                     double &ceiling) -> Status {
    const Entry *entry = probes.findEntry(name);
    if (!entry)
      return {};
    Result<double> speed = runner->measure(*entry, tokens);
    if (!speed)
      return speed.error();
    ceiling = *speed * unit;
    return {};
  };
  if (Status status = measure(kReadProbe, kProbeTokens, double(kProbeBytes),
                              ceilings.bytes);
      !status)
    return status.error();
  if (Status status = measure(kFloatProbe, tokens, double(kProbeOperations),
                              ceilings.floatOperations);
      !status)
    return status.error();
  if (Status status = measure(kByteProbe, tokens, double(kProbeOperations),
                              ceilings.byteOperations);
      !status)
    return status.error();
  return ceilings;
}
