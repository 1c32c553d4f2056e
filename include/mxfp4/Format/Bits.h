//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The bits of an f32 as an integer and back.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_FORMAT_BITS_H
#define MXFP4_FORMAT_BITS_H

#include <cstdint>
#include <cstring>

namespace mx {

/// The bits of everything in an f32 but its sign.
constexpr uint32_t kMagnitudeMask = 0x7FFFFFFF;

/// The bits of a significand without the leading one.
constexpr int kMantissaBits = 23;

/// The bits of infinity. A magnitude that is not below them is not finite.
constexpr uint32_t kInfinityBits = 0x7F800000;

/// The bits of `value`.
inline uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/// The f32 that has these bits.
inline float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

} // namespace mx

#endif // MXFP4_FORMAT_BITS_H
