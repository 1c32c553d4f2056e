//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Alignment, zeros, and failures that say how much was asked for.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Memory.h"

#include "mxfp4/ABI/Program.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace mx;

TEST(MemoryTest, IsAlignedAndZero) {
  for (uint64_t bytes : {uint64_t(0), uint64_t(1), uint64_t(4097),
                         uint64_t(2) << 20, (uint64_t(5) << 20) + 3}) {
    Result<Memory> memory = Memory::allocate(bytes, "a test");
    ASSERT_TRUE(memory) << memory.error().message;
    ASSERT_NE(memory->data(), nullptr);
    EXPECT_EQ(memory->size(), bytes);
    uint64_t address = reinterpret_cast<uintptr_t>(memory->data());
    EXPECT_EQ(address % kBufferAlignment, 0u);
    if (bytes >= uint64_t(2) << 20) {
      EXPECT_EQ(address % (uint64_t(2) << 20), 0u);
    }
    auto *data = static_cast<unsigned char *>(memory->data());
    for (uint64_t i = 0; i < bytes; i += 1000)
      EXPECT_EQ(data[i], 0);
    std::memset(data, 0xff, bytes);
  }
}

TEST(MemoryTest, Moves) {
  Result<Memory> first = Memory::allocate(100, "a test");
  ASSERT_TRUE(first);
  void *data = first->data();
  Memory second = std::move(*first);
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(first->data(), nullptr);
  second = Memory();
}

TEST(MemoryTest, NamesWhatDoesNotFit) {
  for (uint64_t bytes : {uint64_t(1) << 50, ~uint64_t(0)}) {
    Result<Memory> memory = Memory::allocate(bytes, "buffer 'x'");
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().message,
              "cannot allocate " + std::to_string(bytes) +
                  " bytes for buffer 'x': Cannot allocate memory");
  }
}
