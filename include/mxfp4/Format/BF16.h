//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// bf16 numbers, given as their bits.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_FORMAT_BF16_H
#define MXFP4_FORMAT_BF16_H

#include "mxfp4/Format/Bits.h"

#include <cstdint>

namespace mx {

/// The value of a bf16 number (F13).
inline float decodeBF16(uint16_t bits) {
  return floatOf(static_cast<uint32_t>(bits) << 16);
}

/// The bf16 number nearest to `value`, ties to even (F13). A NaN stays a NaN,
/// with its sign.
inline uint16_t encodeBF16(float value) {
  uint32_t bits = bitsOf(value);
  auto truncated = static_cast<uint16_t>(bits >> 16);
  // The payload of a NaN may lie in the lower half alone, and rounding could
  // carry into its sign.
  if ((bits & kMagnitudeMask) > kInfinityBits)
    return truncated | 0x0040;
  // Half of the last place, less one bit where the last place is even.
  return static_cast<uint16_t>((bits + 0x7FFF + (truncated & 1)) >> 16);
}

} // namespace mx

#endif // MXFP4_FORMAT_BF16_H
