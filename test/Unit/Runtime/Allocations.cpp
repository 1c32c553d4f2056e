//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counts the allocations of the test program, in a file of its own because the
// compiler may not see what the operators do. AddressSanitizer has operators of
// its own, which must not be mixed with these: under it the count stays 0.
//
//===----------------------------------------------------------------------===//

#include "FakeProgram.h"

#include <atomic>
#include <cstdlib>
#include <new>

static std::atomic<int64_t> allocations{0};

int64_t countAllocations() { return allocations; }

#if !defined(__SANITIZE_ADDRESS__)

void *operator new(size_t size) {
  ++allocations;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}

void operator delete(void *memory) noexcept { std::free(memory); }

void operator delete(void *memory, size_t) noexcept { std::free(memory); }

#endif
