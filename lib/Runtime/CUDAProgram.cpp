//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All work goes through one stream, in order. The launches of an entry point
// are the same in every call, so they are recorded once, as a graph; what
// differs between calls is in the buffer of CallNumbers.
//
//===----------------------------------------------------------------------===//

#include "CUDAProgram.h"

#include "CUDADriver.h"
#include "mxfp4/Runtime/GPU.h"
#include "mxfp4/Support/Quote.h"

#include <algorithm>
#include <cstring>
#include <map>

using namespace mx;
using cuda::Code;

/// Bytes of pinned memory through which weights are uploaded, twice.
static constexpr uint64_t kChunkBytes = uint64_t(32) << 20;
/// Bytes of pinned memory for inputs of calls: all tokens of a prefill.
static constexpr uint64_t kInputBytes = uint64_t(1) << 20;
/// Of the cache of level 1, what is memory of blocks where these need much.
static constexpr int kSharedPercent = 100;

namespace {
/// A kernel, ready to be launched.
struct Kernel {
  cuda::Function function = nullptr;
  /// Blocks that run at the same time.
  uint32_t resident = 1;
};

/// A launch with addresses in place of buffers.
struct BoundLaunch {
  Kernel kernel;
  uint32_t blocks = 1;
  uint32_t threads = 1;
  uint32_t sharedBytes = 0;
  int64_t op = -1;
  std::vector<cuda::Pointer> arguments;
};

/// One of two pieces of pinned memory that take turns.
struct Chunk {
  void *memory = nullptr;
  /// When its last upload is done.
  cuda::Event done = nullptr;
};

class CUDAProgram final : public LoadedProgram {
public:
  static Result<std::unique_ptr<LoadedProgram>>
  create(const Program &program, const LoadOptions &options);
  ~CUDAProgram() override;

  Status fill(size_t buffer, const TensorData &source) override;
  Status write(size_t buffer, const void *source, uint64_t bytes) override;
  Result<const void *> read(size_t buffer, uint64_t offset,
                            uint64_t bytes) override;
  Status call(size_t entry, int64_t tokens, int64_t position, int64_t sequence,
              OpProfile *profile) override;
  Status wait() override;
  uint64_t bytes() const override { return allocated; }
  int64_t threads() const override { return 1; }

private:
  CUDAProgram() = default;
  Status open(const Program &program);
  Status allocate(const Program &program, int64_t context);
  Status loadCode(const Program &program);
  Result<BoundLaunch> bind(const Launch &launch,
                           const std::vector<cuda::Pointer> &addresses);
  Result<Kernel> findKernel(const Launch &launch);
  Status launch(const BoundLaunch &launch);
  Status record(size_t entry);
  Status callProfiled(size_t entry, OpProfile &profile);
  Status upload(cuda::Pointer destination, const TensorData &source);
  Result<cuda::Pointer> allocateBytes(uint64_t bytes, const std::string &what);

  /// Fails with what the driver says of `code` unless that is 0.
  Status check(const std::string &what, Code code) const {
    if (code == 0)
      return {};
    return driver->makeError("GPU " + quote(name) + ": cannot " + what, code);
  }

  const cuda::Driver *driver = nullptr;
  cuda::Device device = 0;
  std::string name;
  int multiprocessors = 1;
  cuda::Context context = nullptr;
  cuda::Module module = nullptr;
  cuda::Stream stream = nullptr;
  std::map<std::string, Kernel> kernels;

  std::vector<cuda::Pointer> addresses;
  uint64_t allocated = 0;
  int64_t positions = 0;
  int64_t numbersBuffer = -1;
  bool overlapsLaunches = false;

  std::vector<Entry> entries;
  std::vector<std::vector<BoundLaunch>> launches;
  std::vector<cuda::GraphExec> graphs;
  /// By index of a buffer: the launches that fill it, or null.
  std::vector<const Entry *> prepares;
  std::vector<Entry> prepareEntries;
  /// A weight as in the checkpoint, while it is rearranged.
  cuda::Pointer staging = 0;
  uint64_t stagingBytes = 0;
  Chunk chunks[2];
  /// Pinned memory for what is written between calls, and how much of it copies
  /// that may still be under way take.
  void *inputs = nullptr;
  uint64_t inputBytes = 0;
  /// What was read last.
  void *mirror = nullptr;
  uint64_t mirrorBytes = 0;
  /// Marks of time, one more than the most launches of an entry point.
  std::vector<cuda::Event> events;
};
} // namespace

Result<std::unique_ptr<LoadedProgram>>
CUDAProgram::create(const Program &program, const LoadOptions &options) {
  std::unique_ptr<CUDAProgram> loaded(new CUDAProgram);
  if (Status status = loaded->open(program); !status)
    return status.error();
  if (Status status = loaded->allocate(program, options.context); !status)
    return status.error();
  if (Status status = loaded->loadCode(program); !status)
    return status.error();
  return std::unique_ptr<LoadedProgram>(std::move(loaded));
}

CUDAProgram::~CUDAProgram() {
  if (!context)
    return;
  driver->ctxSetCurrent(context);
  if (stream)
    driver->streamSynchronize(stream);
  for (cuda::GraphExec graph : graphs)
    if (graph)
      driver->graphExecDestroy(graph);
  for (cuda::Event event : events)
    driver->eventDestroy(event);
  for (Chunk &chunk : chunks) {
    if (chunk.done)
      driver->eventDestroy(chunk.done);
    if (chunk.memory)
      driver->memFreeHost(chunk.memory);
  }
  if (inputs)
    driver->memFreeHost(inputs);
  if (mirror)
    driver->memFreeHost(mirror);
  for (cuda::Pointer address : addresses)
    if (address)
      driver->memFree(address);
  if (staging)
    driver->memFree(staging);
  if (module)
    driver->moduleUnload(module);
  if (stream)
    driver->streamDestroy(stream);
  driver->devicePrimaryCtxRelease(device);
}

Status CUDAProgram::open(const Program &program) {
  Result<GPU> gpu = findGPUFor(program.target);
  if (!gpu)
    return gpu.error();
  driver = *cuda::getDriver();
  name = gpu->name;
  multiprocessors = gpu->multiprocessors;
  if (Status status = check("be used", driver->deviceGet(&device, 0)); !status)
    return status;
  if (Status status =
          check("be used", driver->devicePrimaryCtxRetain(&context, device));
      !status)
    return status;
  if (Status status = check("be used", driver->ctxSetCurrent(context)); !status)
    return status;
  return check("be given a stream",
               driver->streamCreate(&stream, cuda::kNonBlockingStream));
}

Result<cuda::Pointer> CUDAProgram::allocateBytes(uint64_t bytes,
                                                 const std::string &what) {
  cuda::Pointer address = 0;
  Code code = driver->memAlloc(&address, std::max<uint64_t>(bytes, 1));
  if (Status status = check(
          "allocate " + std::to_string(bytes) + " bytes for " + what, code);
      !status)
    return status.error();
  return address;
}

Status CUDAProgram::allocate(const Program &program, int64_t context) {
  positions = context;
  uint64_t needed = 0;
  for (const Buffer &buffer : program.buffers)
    needed += buffer.size(uint64_t(context));
  size_t available = 0, total = 0;
  if (Status status =
          check("tell its memory", driver->memGetInfo(&available, &total));
      !status)
    return status;
  if (needed > available)
    return Error{
        "the program needs " + std::to_string(needed) +
        " bytes of memory (weights " +
        std::to_string(program.size(BufferKind::Weight, uint64_t(context))) +
        ", caches for " + std::to_string(context) + " positions " +
        std::to_string(program.size(BufferKind::Cache, uint64_t(context))) +
        "), but GPU " + quote(name) + " has " + std::to_string(available) +
        " of " + std::to_string(total) + " free"};
  for (const Buffer &buffer : program.buffers) {
    uint64_t bytes = buffer.size(uint64_t(context));
    Result<cuda::Pointer> address =
        allocateBytes(bytes, "buffer " + quote(buffer.name));
    if (!address)
      return address.error();
    addresses.push_back(*address);
    allocated += bytes;
    if (buffer.kind == BufferKind::Weight || bytes == 0)
      continue;
    if (Status status = check(
            "clear memory", driver->memsetD8Async(*address, 0, bytes, stream));
        !status)
      return status;
  }
  for (Chunk &chunk : chunks) {
    Code code = driver->memAllocHost(&chunk.memory, kChunkBytes);
    if (code == 0)
      code = driver->eventCreate(&chunk.done, 0);
    if (Status status = check("pin memory for uploads", code); !status)
      return status;
  }
  if (Status status = check("pin memory for inputs",
                            driver->memAllocHost(&inputs, kInputBytes));
      !status)
    return status;
  numbersBuffer = program.findBuffer(kNumbersBuffer);
  overlapsLaunches = program.overlapsLaunches;
  return {};
}

Status CUDAProgram::loadCode(const Program &program) {
  std::vector<char> log(16384, '\0');
  int names[] = {cuda::kJitErrorLogBuffer, cuda::kJitErrorLogBufferBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
  Code code =
      driver->moduleLoadDataEx(&module, program.code.c_str(), 2, names, values);
  if (Status status = check("load the kernels of the program", code); !status)
    return Error{status.error().message +
                 (log[0] ? ": " + std::string(log.data()) : "")};

  entries = program.entries;
  size_t longest = 0;
  for (const Entry &entry : entries) {
    std::vector<BoundLaunch> &bound = launches.emplace_back();
    for (const Launch &launch : entry.launches) {
      Result<BoundLaunch> ready = bind(launch, addresses);
      if (!ready)
        return ready.error();
      bound.push_back(std::move(*ready));
    }
    longest = std::max(longest, bound.size());
    graphs.push_back(nullptr);
  }
  prepareEntries = program.prepares;
  for (const Buffer &buffer : program.buffers) {
    prepares.push_back(nullptr);
    if (buffer.prepare.empty())
      continue;
    for (const Entry &entry : prepareEntries)
      if (entry.symbol == buffer.prepare)
        prepares.back() = &entry;
    if (!prepares.back())
      return Error{"the program does not say how to prepare weight " +
                   quote(buffer.name)};
  }
  events.resize(longest + 1);
  for (cuda::Event &event : events)
    if (Status status = check("measure time", driver->eventCreate(&event, 0));
        !status)
      return status;
  for (size_t entry = 0; entry < entries.size(); ++entry)
    if (Status status = record(entry); !status)
      return status;
  return {};
}

Result<Kernel> CUDAProgram::findKernel(const Launch &launch) {
  auto [known, isNew] = kernels.try_emplace(launch.kernel);
  if (!isNew)
    return known->second;
  Kernel kernel;
  int blocks = 0;
  Code code = driver->moduleGetFunction(&kernel.function, module,
                                        launch.kernel.c_str());
  if (code == 0 && launch.sharedBytes > 0) {
    int available = 0;
    code = driver->deviceGetAttribute(&available, cuda::kMaxSharedBytesOfBlock,
                                      device);
    if (code == 0 && int(launch.sharedBytes) > available)
      return Error{"GPU " + quote(name) + ": kernel " + quote(launch.kernel) +
                   " needs " + std::to_string(launch.sharedBytes) +
                   " bytes of memory of a block, which has " +
                   std::to_string(available) +
                   "; compile the model for an older chip"};
    if (code == 0)
      code = driver->funcSetAttribute(kernel.function, cuda::kMaxSharedBytes,
                                      int(launch.sharedBytes));
    // Room for those of the kernel before. Others want a large cache.
    if (code == 0)
      code = driver->funcSetAttribute(kernel.function, cuda::kSharedCarveout,
                                      kSharedPercent);
  }
  if (code == 0)
    code = driver->occupancyMaxActiveBlocksPerMultiprocessor(
        &blocks, kernel.function, int(launch.threads), launch.sharedBytes);
  if (Status status = check("find kernel " + quote(launch.kernel), code);
      !status)
    return status.error();
  if (blocks < 1)
    return Error{"GPU " + quote(name) + ": kernel " + quote(launch.kernel) +
                 " does not fit a multiprocessor with " +
                 std::to_string(launch.threads) + " threads"};
  kernel.resident = uint32_t(blocks * multiprocessors);
  return known->second = kernel;
}

Result<BoundLaunch>
CUDAProgram::bind(const Launch &launch,
                  const std::vector<cuda::Pointer> &buffers) {
  Result<Kernel> kernel = findKernel(launch);
  if (!kernel)
    return kernel.error();
  BoundLaunch bound;
  bound.kernel = *kernel;
  bound.blocks = launch.blocks == kAnyBlocks ? kernel->resident : launch.blocks;
  bound.threads = launch.threads;
  bound.sharedBytes = launch.sharedBytes;
  bound.op = launch.op;
  for (const Address &argument : launch.arguments)
    bound.arguments.push_back(buffers[argument.buffer] + argument.offset);
  return bound;
}

Status CUDAProgram::launch(const BoundLaunch &launch) {
  std::vector<void *> arguments;
  for (const cuda::Pointer &argument : launch.arguments)
    arguments.push_back(const_cast<cuda::Pointer *>(&argument));
  cuda::LaunchAttribute overlap = {};
  overlap.id = cuda::kProgrammaticStreamSerialization;
  overlap.value = 1;
  cuda::LaunchConfig config = {};
  config.gridX = launch.blocks;
  config.gridY = config.gridZ = 1;
  config.blockX = launch.threads;
  config.blockY = config.blockZ = 1;
  config.sharedBytes = launch.sharedBytes;
  config.stream = stream;
  config.attributes = &overlap;
  config.attributeCount = overlapsLaunches;
  return check("launch a kernel",
               driver->launchKernelEx(&config, launch.kernel.function,
                                      arguments.data(), nullptr));
}

Status CUDAProgram::upload(cuda::Pointer destination,
                           const TensorData &source) {
  for (uint64_t done = 0; done < source.bytes; done += kChunkBytes) {
    Chunk &chunk = chunks[done / kChunkBytes % 2];
    uint64_t bytes = std::min(kChunkBytes, source.bytes - done);
    Code code = driver->eventSynchronize(chunk.done);
    if (code == 0) {
      std::memcpy(chunk.memory, source.data + done, bytes);
      code = driver->memcpyHtoDAsync(destination + done, chunk.memory, bytes,
                                     stream);
    }
    if (code == 0)
      code = driver->eventRecord(chunk.done, stream);
    if (Status status = check("take weights", code); !status)
      return status;
  }
  return {};
}

Status CUDAProgram::fill(size_t buffer, const TensorData &source) {
  if (Status status = check("be used", driver->ctxSetCurrent(context)); !status)
    return status;
  const Entry *prepare = prepares[buffer];
  if (!prepare)
    return upload(addresses[buffer], source);
  if (stagingBytes < source.bytes) {
    if (staging)
      driver->memFree(staging);
    staging = 0;
    Result<cuda::Pointer> address =
        allocateBytes(source.bytes, "a weight to rearrange");
    if (!address)
      return address.error();
    staging = *address;
    stagingBytes = source.bytes;
  }
  if (Status status = upload(staging, source); !status)
    return status;
  for (const Launch &step : prepare->launches) {
    Result<BoundLaunch> ready = bind(step, {staging, addresses[buffer]});
    if (!ready)
      return ready.error();
    if (Status status = launch(*ready); !status)
      return status;
  }
  return {};
}

Status CUDAProgram::write(size_t buffer, const void *source, uint64_t bytes) {
  Code code = driver->ctxSetCurrent(context);
  for (uint64_t done = 0; done < bytes && code == 0;) {
    uint64_t part = std::min(bytes - done, kInputBytes - inputBytes);
    if (part == 0) {
      if (Status status = wait(); !status)
        return status;
      continue;
    }
    void *place = static_cast<uint8_t *>(inputs) + inputBytes;
    std::memcpy(place, static_cast<const uint8_t *>(source) + done, part);
    code =
        driver->memcpyHtoDAsync(addresses[buffer] + done, place, part, stream);
    inputBytes += part;
    done += part;
  }
  return check("take the input of a call", code);
}

Status CUDAProgram::wait() {
  Code code = driver->ctxSetCurrent(context);
  if (code == 0)
    code = driver->streamSynchronize(stream);
  inputBytes = 0;
  // All weights are there.
  if (staging)
    driver->memFree(staging);
  staging = 0;
  stagingBytes = 0;
  return check("finish a call", code);
}

Result<const void *> CUDAProgram::read(size_t buffer, uint64_t offset,
                                       uint64_t bytes) {
  Code code = driver->ctxSetCurrent(context);
  if (code == 0 && mirrorBytes < bytes) {
    if (mirror)
      driver->memFreeHost(mirror);
    mirror = nullptr;
    mirrorBytes = 0;
    code = driver->memAllocHost(&mirror, bytes);
    if (code == 0)
      mirrorBytes = bytes;
  }
  if (code == 0)
    code = driver->memcpyDtoHAsync(mirror, addresses[buffer] + offset, bytes,
                                   stream);
  Status status = check("give the result of a call", code);
  if (status)
    status = wait();
  if (!status)
    return status.error();
  return static_cast<const void *>(mirror);
}

/// Records the launches of an entry point.
Status CUDAProgram::record(size_t entry) {
  if (Status status =
          check("record a call",
                driver->streamBeginCapture(stream, cuda::kThreadLocalCapture));
      !status)
    return status;
  Status launched;
  for (const BoundLaunch &step : launches[entry])
    if (launched)
      launched = launch(step);
  cuda::Graph graph = nullptr;
  Code code = driver->streamEndCapture(stream, &graph);
  if (launched && code == 0)
    code = driver->graphInstantiateWithFlags(&graphs[entry], graph, 0);
  if (graph)
    driver->graphDestroy(graph);
  if (!launched)
    return launched;
  return check("record a call", code);
}

Status CUDAProgram::call(size_t entry, int64_t tokens, int64_t position,
                         int64_t sequence, OpProfile *profile) {
  if (Status status = check("be used", driver->ctxSetCurrent(context)); !status)
    return status;
  if (numbersBuffer >= 0) {
    CallNumbers numbers = {tokens, position, positions, sequence};
    if (Status status = write(size_t(numbersBuffer), &numbers, sizeof(numbers));
        !status)
      return status;
  }
  if (!profile)
    return check("start a call", driver->graphLaunch(graphs[entry], stream));
  profile->begin(entries[entry], tokens, position);
  return callProfiled(entry, *profile);
}

/// Launches one kernel after the other, with marks of time in between.
Status CUDAProgram::callProfiled(size_t entry, OpProfile &profile) {
  const std::vector<BoundLaunch> &steps = launches[entry];
  Code code = driver->eventRecord(events[0], stream);
  for (size_t i = 0; i < steps.size() && code == 0; ++i) {
    if (Status status = launch(steps[i]); !status)
      return status;
    code = driver->eventRecord(events[i + 1], stream);
  }
  if (code == 0)
    code = driver->streamSynchronize(stream);
  for (size_t i = 0; i < steps.size() && code == 0; ++i) {
    float milliseconds = 0;
    code = driver->eventElapsedTime(&milliseconds, events[i], events[i + 1]);
    profile.add(steps[i].op, double(milliseconds) * 1e-3);
  }
  return check("measure a call", code);
}

Result<std::unique_ptr<LoadedProgram>>
mx::loadOnGPU(const Program &program, const LoadOptions &options) {
  return CUDAProgram::create(program, options);
}
