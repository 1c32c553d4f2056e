//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An emulator and a GPU have the buffers of a call from the memory of this
// process, and leave there what the call wrote.
//
//===----------------------------------------------------------------------===//

#include "Team.h"

#include "mxfp4/Checkpoint/Schema.h"
#include "mxfp4/Runtime/CPUDevice.h"
#include "mxfp4/Runtime/GPU.h"
#include "mxfp4/Runtime/LoadedProgram.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <map>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mx;
using namespace mx::test;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static constexpr uint64_t kPage = 4096;

uint64_t mx::test::roundUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

/// Whole pages for a buffer and some bytes before it.
static uint64_t usableBytes(uint64_t bytes) {
  return roundUp(roundUp(bytes, kBufferAlignment) + kBufferAlignment, kPage);
}

GuardedBuffer::GuardedBuffer(uint8_t *mapping, uint64_t usable, uint64_t bytes)
    : mapping(mapping), usable(usable),
      start(mapping + usable - roundUp(bytes, kBufferAlignment)), bytes(bytes) {
  std::memset(mapping, kGuardByte, usable);
}

bool GuardedBuffer::isIntact() const {
  auto isGuard = [](uint8_t byte) { return byte == kGuardByte; };
  return std::all_of(mapping, start, isGuard) &&
         std::all_of(start + bytes, mapping + usable, isGuard);
}

GuardedMemory::GuardedMemory(const std::vector<uint64_t> &sizes) {
  for (uint64_t size : sizes)
    total += usableBytes(size) + kPage;
  number = memfd_create("mxfp4-buffers", 0);
  void *mapped = MAP_FAILED;
  if (number >= 0 && ftruncate(number, off_t(total)) == 0)
    mapped =
        mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0);
  if (mapped == MAP_FAILED) {
    ADD_FAILURE() << "cannot map " << total << " bytes";
    std::abort();
  }
  base = static_cast<uint8_t *>(mapped);
  size_t offset = 0;
  for (uint64_t size : sizes) {
    list.emplace_back(base + offset, usableBytes(size), size);
    offset += usableBytes(size);
    mprotect(base + offset, kPage, PROT_NONE);
    guardOffsets.push_back(offset);
    offset += kPage;
  }
}

GuardedMemory::~GuardedMemory() {
  munmap(base, total);
  close(number);
}

size_t GuardedMemory::offsetOf(const void *address) const {
  return size_t(static_cast<const uint8_t *>(address) - base);
}

//===----------------------------------------------------------------------===//
// Teams
//===----------------------------------------------------------------------===//

namespace {
/// Threads of this process.
class LocalTeam final : public Team {
public:
  explicit LocalTeam(std::unique_ptr<CPUDevice> device)
      : device(std::move(device)) {}

  Status run(const std::string &symbol, const std::vector<void *> &buffers,
             const MXInvocation &call) override {
    Result<MXEntryFunction> function = device->lookup(symbol);
    if (!function)
      return function.error();
    MXInvocation invocation = call;
    invocation.buffers = buffers.data();
    device->run(*function, invocation);
    return {};
  }

private:
  std::unique_ptr<CPUDevice> device;
};

/// EmulatedRunner in an emulator.
class EmulatedTeam final : public Team {
public:
  /// `emulator` is the command up to the name of the program's file.
  static Result<std::unique_ptr<Team>> create(const std::string &emulator,
                                              const Program &program,
                                              const GuardedMemory &memory,
                                              int64_t threads) {
    // One that crashes is to fail a test, not to end it.
    std::signal(SIGPIPE, SIG_IGN);
    std::unique_ptr<EmulatedTeam> team(new EmulatedTeam(memory));
    team->path =
        testing::TempDir() + "emulated" + std::to_string(getpid()) + ".program";
    if (Status status = saveProgram(program, team->path); !status)
      return status.error();
    std::string command = "exec " + emulator + " '" + team->path + "' " +
                          std::to_string(memory.file()) + " " +
                          std::to_string(threads);
    if (Status status = team->start(command); !status)
      return status.error();
    if (Status status = team->readAnswer(); !status)
      return status.error();
    for (size_t offset : memory.guards())
      if (Status status = team->ask("guard " + std::to_string(offset)); !status)
        return status.error();
    return std::unique_ptr<Team>(std::move(team));
  }

  ~EmulatedTeam() override {
    if (questions)
      fclose(questions);
    if (answers)
      fclose(answers);
    if (process > 0)
      waitpid(process, nullptr, 0);
    std::remove(path.c_str());
  }

  Status run(const std::string &symbol, const std::vector<void *> &buffers,
             const MXInvocation &call) override {
    std::string line = "run " + symbol + " " + std::to_string(call.tokens) +
                       " " + std::to_string(call.position) + " " +
                       std::to_string(call.context);
    for (void *buffer : buffers)
      line += " " + std::to_string(memory.offsetOf(buffer));
    return ask(line);
  }

private:
  explicit EmulatedTeam(const GuardedMemory &memory) : memory(memory) {}

  Status start(const std::string &command) {
    int toChild[2], fromChild[2];
    if (pipe2(toChild, O_CLOEXEC) != 0 || pipe2(fromChild, O_CLOEXEC) != 0)
      return Error{"cannot make a pipe"};
    process = fork();
    if (process == 0) {
      dup2(toChild[0], 0);
      dup2(fromChild[1], 1);
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    close(toChild[0]);
    close(fromChild[1]);
    questions = fdopen(toChild[1], "w");
    answers = fdopen(fromChild[0], "r");
    return {};
  }

  Status ask(const std::string &line) {
    if (std::fprintf(questions, "%s\n", line.c_str()) < 0 ||
        std::fflush(questions) != 0)
      return Error{"the emulator has ended"};
    return readAnswer();
  }

  Status readAnswer() {
    std::string answer;
    for (int c; (c = std::fgetc(answers)) != '\n';) {
      if (c == EOF)
        return Error{"the emulator ended: " + answer};
      answer.push_back(char(c));
    }
    if (answer == "done")
      return {};
    return Error{answer};
  }

  const GuardedMemory &memory;
  std::string path;
  pid_t process = -1;
  FILE *questions = nullptr, *answers = nullptr;
};

/// A GPU. Its caches hold as many positions as a call says, so that there is a
/// program for each of these numbers.
class GPUTeam final : public Team {
public:
  GPUTeam(const Program &program, const GuardedMemory &memory)
      : program(program), memory(memory) {}

  Status run(const std::string &symbol, const std::vector<void *> &buffers,
             const MXInvocation &call) override {
    Result<LoadedProgram *> loaded = load(call.context);
    if (!loaded)
      return loaded.error();
    for (const Entry &entry : program.prepares)
      if (entry.symbol == symbol)
        return prepare(**loaded, buffers[0], buffers[1]);
    auto sizeOf = [&](size_t buffer) {
      return program.buffers[buffer].size(uint64_t(call.context));
    };
    for (size_t i = 0; i < buffers.size(); ++i)
      if (Status status = (*loaded)->write(i, buffers[i], sizeOf(i)); !status)
        return status;
    const std::vector<Entry> &entries = program.entries;
    auto entry =
        std::find_if(entries.begin(), entries.end(), [&](const Entry &entry) {
          return entry.symbol == symbol;
        });
    if (entry == entries.end())
      return Error{"the program has no symbol '" + symbol + "'"};
    if (Status status =
            (*loaded)->call(size_t(entry - entries.begin()), call.tokens,
                            call.position, call.sequence, nullptr);
        !status)
      return status;
    for (size_t i = 0; i < buffers.size(); ++i)
      if (Status status = read(**loaded, i, buffers[i], sizeOf(i)); !status)
        return status;
    return {};
  }

private:
  Result<LoadedProgram *> load(int64_t context) {
    std::unique_ptr<LoadedProgram> &known = programs[context];
    if (known)
      return known.get();
    LoadOptions options;
    options.context = context;
    Result<std::unique_ptr<LoadedProgram>> loaded =
        LoadedProgram::create(program, options);
    if (!loaded)
      return loaded.error();
    known = std::move(*loaded);
    return known.get();
  }

  Status prepare(LoadedProgram &loaded, const void *source, void *place) {
    size_t buffer = 0;
    while (buffer < program.buffers.size() &&
           memory.buffers()[buffer].data() != place)
      ++buffer;
    if (buffer == program.buffers.size())
      return Error{"a weight is prepared in no buffer of the program"};
    const Buffer &weight = program.buffers[buffer];
    Result<uint64_t> bytes = tensorBytes(weight.dtype, weight.shape);
    if (!bytes)
      return bytes.error();
    TensorData data;
    data.data = static_cast<const uint8_t *>(source);
    data.bytes = *bytes;
    if (Status status = loaded.fill(buffer, data); !status)
      return status;
    return read(loaded, buffer, place, weight.bytes);
  }

  static Status read(LoadedProgram &loaded, size_t buffer, void *place,
                     uint64_t bytes) {
    Result<const void *> found = loaded.read(buffer, 0, bytes);
    if (!found)
      return found.error();
    std::memcpy(place, *found, bytes);
    return {};
  }

  const Program &program;
  const GuardedMemory &memory;
  std::map<int64_t, std::unique_ptr<LoadedProgram>> programs;
};
} // namespace

Result<std::unique_ptr<Team>> Team::create(const Program &program,
                                           const GuardedMemory &memory,
                                           int64_t threads) {
  if (isForGPU(program.target))
    return std::unique_ptr<Team>(new GPUTeam(program, memory));
  Result<std::unique_ptr<CPUDevice>> device =
      CPUDevice::create(program, threads);
  if (device)
    return std::unique_ptr<Team>(new LocalTeam(std::move(*device)));
#ifdef MXFP4_EMULATOR_AARCH64
  // The tests may have been built on another machine.
  const std::vector<std::string> &features = program.features;
  if (std::count(features.begin(), features.end(), "neon") &&
      access(MXFP4_QEMU_AARCH64, X_OK) == 0)
    return EmulatedTeam::create(MXFP4_EMULATOR_AARCH64, program, memory,
                                threads);
#endif
  return device.error();
}
