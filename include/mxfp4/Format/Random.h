//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random numbers that depend on a seed and an index alone, so that every target
// and every order of work makes the same ones.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_FORMAT_RANDOM_H
#define MXFP4_FORMAT_RANDOM_H

#include <array>
#include <cstdint>

namespace mx {

/// Philox4x32 with ten rounds, from "Parallel random numbers: as easy as 1, 2,
/// 3" (Salmon et al., 2011): 128 random bits for each counter and key.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter,
                               std::array<uint32_t, 2> key);

/// The random byte of element `index`, for Rounding::Stochastic (F21).
uint8_t randomByte(uint64_t seed, uint64_t index);

/// The random bytes of `count` elements from element `first` on (F21).
void fillRandomBytes(uint64_t seed, uint64_t first, int64_t count,
                     uint8_t *bytes);

} // namespace mx

#endif // MXFP4_FORMAT_RANDOM_H
