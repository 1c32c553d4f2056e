//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decodes by table and by building the bits of an f32. Subnormal numbers are
// part of the format, so this folder is never compiled with -ffast-math.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Format/MXFP4.h"
#include "mxfp4/Format/Bits.h"

#include <cassert>

float mx::decodeE2M1(uint8_t code) {
  static constexpr float values[16] = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,
                                       4.0f,  6.0f,  -0.0f, -0.5f, -1.0f, -1.5f,
                                       -2.0f, -3.0f, -4.0f, -6.0f};
  return values[code & 15];
}

float mx::decodeE8M0(uint8_t scale) {
  constexpr uint32_t smallest = 0x00400000; // 2^-127, a subnormal f32
  constexpr uint32_t quietNaN = 0x7FC00000;
  if (scale == 0)
    return floatOf(smallest);
  if (scale == kScaleNaN)
    return floatOf(quietNaN);
  return floatOf(static_cast<uint32_t>(scale) << 23);
}

void mx::decodeBlock(const uint8_t *packed, uint8_t scale, float *values) {
  float factor = decodeE8M0(scale);
  for (int64_t i = 0; i < kBlockBytes; ++i) {
    values[2 * i] = decodeE2M1(packed[i] & 15) * factor;
    values[2 * i + 1] = decodeE2M1(packed[i] >> 4) * factor;
  }
}

void mx::dequantizeRows(const uint8_t *packed, const uint8_t *scales,
                        int64_t rows, int64_t columns, float *values) {
  assert(columns % kBlockSize == 0 && "a block does not cross a row");
  // Blocks never cross a row, so the matrix is one run of blocks.
  int64_t blocks = rows * (columns / kBlockSize);
  for (int64_t i = 0; i < blocks; ++i)
    decodeBlock(packed + i * kBlockBytes, scales[i], values + i * kBlockSize);
}

uint16_t mx::encodeBF16(float value) {
  constexpr uint16_t quietBit = 0x0040;
  uint32_t bits = bitsOf(value);
  uint16_t truncated = static_cast<uint16_t>(bits >> 16);
  // The payload of a NaN may lie in the lower half alone, and rounding could
  // carry into its sign.
  if ((bits & kMagnitudeMask) > kInfinityBits)
    return truncated | quietBit;
  // Half of the last place, less one bit where the last place is even.
  uint32_t rounding = 0x7FFF + (truncated & 1);
  return static_cast<uint16_t>((bits + rounding) >> 16);
}
