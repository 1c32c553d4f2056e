//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Buffers are memory of the process, so that nothing is copied.
//
//===----------------------------------------------------------------------===//

#include "CPUProgram.h"

#include "CUDAProgram.h"
#include "mxfp4/Runtime/CPUDevice.h"
#include "mxfp4/Runtime/GPU.h"
#include "mxfp4/Runtime/Memory.h"
#include "mxfp4/Support/Quote.h"

#include <algorithm>
#include <cstring>
#include <sys/sysinfo.h>

using namespace mx;

Result<std::unique_ptr<LoadedProgram>>
LoadedProgram::create(const Program &program, const LoadOptions &options) {
  return isForGPU(program.target) ? loadOnGPU(program, options)
                                  : loadOnCPU(program, options);
}

/// Refuses early what would only fail, or thrash, after minutes of loading.
static Status checkMemory(const Program &program, int64_t context) {
  struct sysinfo info;
  if (sysinfo(&info) != 0)
    return {};
  uint64_t available =
      (uint64_t(info.totalram) + uint64_t(info.totalswap)) * info.mem_unit;
  uint64_t weights = program.size(BufferKind::Weight, uint64_t(context));
  uint64_t caches = program.size(BufferKind::Cache, uint64_t(context));
  uint64_t needed = weights + caches;
  if (needed <= available)
    return {};
  return Error{"the program needs " + std::to_string(needed) +
               " bytes of memory (weights " + std::to_string(weights) +
               ", caches for " + std::to_string(context) + " positions " +
               std::to_string(caches) + "), but this machine has " +
               std::to_string(available)};
}

namespace {
class CPUProgram final : public LoadedProgram {
public:
  static Result<std::unique_ptr<LoadedProgram>>
  create(const Program &program, const LoadOptions &options);

  Status fill(size_t buffer, const TensorData &source) override;

  Status write(size_t buffer, const void *source, uint64_t bytes) override {
    std::memcpy(addresses[buffer], source, bytes);
    return {};
  }

  Result<const void *> read(size_t buffer, uint64_t offset,
                            uint64_t bytes) override {
    return static_cast<const uint8_t *>(addresses[buffer]) + offset;
  }

  Status call(size_t entry, int64_t tokens, int64_t position, int64_t sequence,
              OpProfile *profile) override;

  Status wait() override { return {}; }

  uint64_t bytes() const override {
    uint64_t total = 0;
    for (const Memory &memory : buffers)
      total += memory.size();
    return total;
  }
  int64_t threads() const override { return device->pool().threads(); }

private:
  Status bind(const Program &program);

  std::unique_ptr<CPUDevice> device;
  std::vector<Memory> buffers;
  /// The addresses of `buffers`.
  std::vector<void *> addresses;
  std::vector<Entry> entries;
  std::vector<MXEntryFunction> functions;
  /// What fills each buffer; null where that is a copy.
  std::vector<MXEntryFunction> prepares;
  int64_t context = 0;
};
} // namespace

Result<std::unique_ptr<LoadedProgram>>
CPUProgram::create(const Program &program, const LoadOptions &options) {
  if (Status status = checkMemory(program, options.context); !status)
    return status.error();
  Result<std::unique_ptr<CPUDevice>> device =
      CPUDevice::create(program, options.threads, options.pin);
  if (!device)
    return device.error();
  std::unique_ptr<CPUProgram> loaded(new CPUProgram);
  loaded->device = std::move(*device);
  loaded->context = options.context;
  for (const Buffer &buffer : program.buffers) {
    Result<Memory> memory = Memory::allocate(
        buffer.size(uint64_t(options.context)), "buffer " + quote(buffer.name));
    if (!memory)
      return memory.error();
    loaded->addresses.push_back(memory->data());
    loaded->buffers.push_back(std::move(*memory));
  }
  if (Status status = loaded->bind(program); !status)
    return status.error();
  return std::unique_ptr<LoadedProgram>(std::move(loaded));
}

Status CPUProgram::bind(const Program &program) {
  entries = program.entries;
  for (const Entry &entry : entries) {
    Result<MXEntryFunction> function = device->lookup(entry.symbol);
    if (!function)
      return function.error();
    functions.push_back(*function);
  }
  for (const Buffer &buffer : program.buffers) {
    prepares.push_back(nullptr);
    if (buffer.prepare.empty())
      continue;
    Result<MXEntryFunction> function = device->lookup(buffer.prepare);
    if (!function)
      return function.error();
    prepares.back() = *function;
  }
  return {};
}

Status CPUProgram::fill(size_t buffer, const TensorData &source) {
  if (MXEntryFunction prepare = prepares[buffer]) {
    void *sourceAndDestination[] = {const_cast<uint8_t *>(source.data),
                                    addresses[buffer]};
    MXInvocation call = {};
    call.buffers = sourceAndDestination;
    call.context = context;
    device->run(prepare, call);
    return {};
  }
  uint64_t threads = uint64_t(device->pool().threads());
  uint64_t part = (source.bytes + threads - 1) / threads;
  auto *destination = static_cast<uint8_t *>(addresses[buffer]);
  device->pool().run([&](int64_t thread) {
    uint64_t begin = std::min(source.bytes, uint64_t(thread) * part);
    uint64_t end = std::min(source.bytes, begin + part);
    if (begin < end)
      std::memcpy(destination + begin, source.data + begin, end - begin);
  });
  return {};
}

Status CPUProgram::call(size_t entry, int64_t tokens, int64_t position,
                        int64_t sequence, OpProfile *profile) {
  MXInvocation invocation = {};
  invocation.buffers = addresses.data();
  invocation.tokens = tokens;
  invocation.position = position;
  invocation.context = context;
  invocation.sequence = sequence;
  if (profile)
    profile->begin(entries[entry], tokens, position);
  device->run(functions[entry], invocation, profile);
  return {};
}

Result<std::unique_ptr<LoadedProgram>>
mx::loadOnCPU(const Program &program, const LoadOptions &options) {
  return CPUProgram::create(program, options);
}
