//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory as anonymous mappings. A large one is mapped with room to spare and
// trimmed to the alignment of huge pages.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Memory.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <utility>

using namespace mx;

static constexpr uint64_t kPage = 4096;
static constexpr uint64_t kHugePage = uint64_t(2) << 20;

/// No address space has more; keeps the rounding below from overflowing.
static constexpr uint64_t kMaxBytes = uint64_t(1) << 56;

Memory::Memory(Memory &&other) noexcept { *this = std::move(other); }

Memory &Memory::operator=(Memory &&other) noexcept {
  std::swap(base, other.base);
  std::swap(bytes, other.bytes);
  std::swap(mappedBytes, other.mappedBytes);
  return *this;
}

Memory::~Memory() {
  if (base)
    munmap(base, mappedBytes);
}

static uint64_t roundUp(uint64_t value, uint64_t step) {
  return (value + step - 1) / step * step;
}

Result<Memory> Memory::allocate(uint64_t bytes, const std::string &what) {
  auto fail = [&](int code) {
    return Error{"cannot allocate " + std::to_string(bytes) + " bytes for " +
                 what + ": " + std::strerror(code)};
  };
  if (bytes > kMaxBytes)
    return fail(ENOMEM);

  bool huge = bytes >= kHugePage;
  uint64_t size = bytes ? roundUp(bytes, kPage) : kPage;
  uint64_t spare = huge ? kHugePage - kPage : 0;
  void *mapped = mmap(nullptr, size + spare, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    return fail(errno);

  Memory memory;
  memory.bytes = bytes;
  memory.mappedBytes = size;
  memory.base = mapped;
  if (!huge)
    return memory;

  uint64_t address = reinterpret_cast<uintptr_t>(mapped);
  uint64_t before = roundUp(address, kHugePage) - address;
  char *base = static_cast<char *>(mapped) + before;
  if (before)
    munmap(mapped, before);
  if (before < spare)
    munmap(base + size, spare - before);
  memory.base = base;
  // Only advice: a kernel without huge pages refuses it, and nothing changes.
  madvise(base, size, MADV_HUGEPAGE);
  return memory;
}
