//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The Philox generator.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Format/Random.h"

using namespace mx;

std::array<uint32_t, 4> mx::philox(std::array<uint32_t, 4> counter,
                                   std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t(0xD2511F53) * counter[0];
    uint64_t b = uint64_t(0xCD9E8D57) * counter[2];
    counter = {uint32_t(b >> 32) ^ counter[1] ^ key[0], uint32_t(b),
               uint32_t(a >> 32) ^ counter[3] ^ key[1], uint32_t(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// Bytes that one counter gives.
static constexpr uint64_t kGroup = 16;

/// Bytes 0 to 15 of group `group`, four to a word, from the low bits on.
static std::array<uint32_t, 4> randomGroup(uint64_t seed, uint64_t group) {
  return philox({uint32_t(group), uint32_t(group >> 32), 0, 0},
                {uint32_t(seed), uint32_t(seed >> 32)});
}

uint8_t mx::randomByte(uint64_t seed, uint64_t index) {
  uint8_t byte;
  fillRandomBytes(seed, index, 1, &byte);
  return byte;
}

void mx::fillRandomBytes(uint64_t seed, uint64_t first, int64_t count,
                         uint8_t *bytes) {
  std::array<uint32_t, 4> words = {};
  for (int64_t i = 0; i < count; ++i) {
    uint64_t index = first + i;
    if (i == 0 || index % kGroup == 0)
      words = randomGroup(seed, index / kGroup);
    bytes[i] = uint8_t(words[index / 4 % 4] >> index % 4 * 8);
  }
}
