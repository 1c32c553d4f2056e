//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What runs the functions of a compiled module in tests: threads of this
// process, an emulator of another processor, or a GPU.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEST_INTEGRATION_TEAM_H
#define MXFP4_TEST_INTEGRATION_TEAM_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Support/Result.h"

#include <memory>
#include <string>
#include <vector>

namespace mx::test {

/// `value` or the next multiple of `unit`.
uint64_t roundUp(uint64_t value, uint64_t unit);

/// What guarded memory holds next to buffers.
constexpr uint8_t kGuardByte = 0xC9;

/// Bytes that end at a page that may not be touched, after bytes that must not
/// change.
class GuardedBuffer {
public:
  GuardedBuffer(uint8_t *mapping, uint64_t usable, uint64_t bytes);

  uint8_t *data() const { return start; }
  uint64_t size() const { return bytes; }
  /// False if something was written next to the buffer.
  bool isIntact() const;

private:
  uint8_t *mapping;
  /// Bytes before the page that may not be touched.
  uint64_t usable;
  uint8_t *start;
  uint64_t bytes;
};

/// Guarded buffers in memory that another process can share.
class GuardedMemory {
public:
  explicit GuardedMemory(const std::vector<uint64_t> &sizes);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory &) = delete;

  const std::vector<GuardedBuffer> &buffers() const { return list; }
  /// The open file that the memory is, the offset of an address in it, and
  /// those of the pages that may not be touched.
  int file() const { return number; }
  size_t offsetOf(const void *address) const;
  const std::vector<size_t> &guards() const { return guardOffsets; }

private:
  int number = -1;
  uint8_t *base = nullptr;
  size_t total = 0;
  std::vector<GuardedBuffer> list;
  std::vector<size_t> guardOffsets;
};

/// What runs functions of a program: threads of this process or of an emulator
/// of another processor, or a GPU.
class Team {
public:
  /// `memory` holds all buffers of the calls to come.
  static Result<std::unique_ptr<Team>>
  create(const Program &program, const GuardedMemory &memory, int64_t threads);
  virtual ~Team() = default;

  /// Calls `symbol` with `buffers` and the numbers of `call`.
  virtual Status run(const std::string &symbol,
                     const std::vector<void *> &buffers,
                     const MXInvocation &call) = 0;
};

} // namespace mx::test

#endif // MXFP4_TEST_INTEGRATION_TEAM_H
