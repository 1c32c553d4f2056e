//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// f16 numbers, given as their bits.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_FORMAT_F16_H
#define MXFP4_FORMAT_F16_H

#include "mxfp4/Format/Bits.h"

#include <algorithm>
#include <cstdint>

namespace mx {

/// The value of an f16 number.
inline float decodeF16(uint16_t bits) {
  uint32_t sign = (bits & 0x8000u) << 16;
  uint32_t magnitude = bits & 0x7FFF;
  float value;
  if (magnitude < 0x0400) // subnormal
    value = static_cast<float>(magnitude) * 0x1p-24f;
  else if (magnitude < 0x7C00) // exponents count from 2^-15, and 2^-127
    value = floatOf((magnitude << 13) + (112 << 23));
  else
    value = floatOf(kInfinityBits | (magnitude & 0x03FF) << 13);
  return floatOf(bitsOf(value) | sign);
}

/// The f16 number nearest to `value`, ties to even (F13). A NaN stays a NaN,
/// with its sign.
inline uint16_t encodeF16(float value) {
  uint32_t bits = bitsOf(value);
  uint32_t magnitude = bits & kMagnitudeMask;
  auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  if (magnitude > kInfinityBits)
    return sign | 0x7E00;
  // Below 2^-14 the steps are 2^-24, which is the last place of 0.5 in f32.
  if (magnitude < bitsOf(0x1p-14f))
    return sign | static_cast<uint16_t>(bitsOf(floatOf(magnitude) + 0.5f) -
                                        bitsOf(0.5f));
  // Half of the last place, less one bit where the last place is even.
  uint32_t rounded = magnitude - (112 << 23) + 0x0FFF + (magnitude >> 13 & 1);
  return sign | static_cast<uint16_t>(std::min(rounded >> 13, 0x7C00u));
}

} // namespace mx

#endif // MXFP4_FORMAT_F16_H
