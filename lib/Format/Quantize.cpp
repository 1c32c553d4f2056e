//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scales are chosen on the bits of an f32, never by a logarithm: log2f rounds
// up just below a power of two, and the scale would double.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Format/Quantize.h"
#include "mxfp4/Format/Bits.h"
#include "mxfp4/Format/MXFP4.h"

#include <algorithm>
#include <cassert>

using namespace mx;

/// Exponent of 4, the largest power of two that an element can be.
static constexpr uint32_t kElementExponent = 2;

/// Number of mantissa bits of an f32.
static constexpr uint32_t kMantissaBits = 23;

/// What a rule adds to the bits of the largest magnitude, so that the addition
/// carries into the exponent exactly where the rule moves to the next scale.
static uint32_t carryOf(ScaleRule rule) {
  switch (rule) {
  case ScaleRule::Floor:
    return 0; // never
  case ScaleRule::Even:
    return 0x00200000; // from 1.75
  case ScaleRule::RoundUp:
    return 0x003FFFFF; // above 1.5
  case ScaleRule::Ceil:
    return 0x007FFFFF; // above 1
  }
  return 0;
}

/// The scale for the largest magnitude of a block, given as its bits.
static uint8_t scaleOf(uint32_t largest, ScaleRule rule) {
  if (largest >= kInfinityBits)
    return kScaleNaN; // F11
  // A subnormal has exponent field 0, and at most 1 with the carry: it becomes
  // byte 0. That is right, as by every rule its own scale would be below
  // 2^-127.
  uint32_t exponent = (largest + carryOf(rule)) >> kMantissaBits;
  return exponent < kElementExponent ? 0 : exponent - kElementExponent; // F10
}

uint8_t mx::encodeE2M1(float value) {
  uint32_t bits = bitsOf(value);
  float a = floatOf(bits & kMagnitudeMask);
  // One comparison for each boundary between neighbors; the even one of the
  // two has the boundary itself (F7).
  int code = (a > 0.25f) + (a >= 0.75f) + (a > 1.25f) + (a >= 1.75f) +
             (a > 2.5f) + (a >= 3.5f) + (a > 5.0f);
  return static_cast<uint8_t>(code | (bits >> 31) << 3);
}

uint8_t mx::chooseScale(float largest, ScaleRule rule) {
  return scaleOf(bitsOf(largest) & kMagnitudeMask, rule);
}

uint8_t mx::quantizeBlock(const float *values, uint8_t *packed,
                          ScaleRule rule) {
  // Magnitudes compare as their bits do, and what is not finite is largest.
  uint32_t largest = 0;
  for (int64_t i = 0; i < kBlockSize; ++i)
    largest = std::max(largest, bitsOf(values[i]) & kMagnitudeMask);

  uint8_t scale = scaleOf(largest, rule);
  if (scale == kScaleNaN) {
    std::fill_n(packed, kBlockBytes, uint8_t(0)); // F11
    return scale;
  }

  // No rule gives byte 254, so 1 / 2^E is a normal f32. The product is exact
  // unless it is subnormal, and then it rounds to zero in any case.
  float inverse = decodeE8M0(254 - scale);
  uint8_t codes[kBlockSize];
  for (int64_t i = 0; i < kBlockSize; ++i)
    codes[i] = encodeE2M1(values[i] * inverse);
  for (int64_t i = 0; i < kBlockBytes; ++i)
    packed[i] = codes[2 * i] | codes[2 * i + 1] << 4; // F2
  return scale;
}

void mx::quantizeRows(const float *values, int64_t rows, int64_t columns,
                      uint8_t *packed, uint8_t *scales, ScaleRule rule) {
  assert(columns % kBlockSize == 0 && "a block does not cross a row");
  int64_t blocks = rows * (columns / kBlockSize);
  for (int64_t i = 0; i < blocks; ++i)
    scales[i] =
        quantizeBlock(values + i * kBlockSize, packed + i * kBlockBytes, rule);
}

void mx::quantizeRows(const uint16_t *values, int64_t rows, int64_t columns,
                      uint8_t *packed, uint8_t *scales, ScaleRule rule) {
  assert(columns % kBlockSize == 0 && "a block does not cross a row");
  int64_t blocks = rows * (columns / kBlockSize);
  float block[kBlockSize];
  for (int64_t i = 0; i < blocks; ++i) {
    for (int64_t j = 0; j < kBlockSize; ++j)
      block[j] = decodeBF16(values[i * kBlockSize + j]);
    scales[i] = quantizeBlock(block, packed + i * kBlockBytes, rule);
  }
}

void mx::quantizeTransposed(const uint16_t *values, int64_t inputs,
                            int64_t outputs, uint8_t *packed, uint8_t *scales,
                            ScaleRule rule) {
  assert(inputs % kBlockSize == 0 && "a block does not cross a row");
  // A tile is one block of each of 64 outputs: it reads whole cache lines, and
  // the lines that it writes stay in the cache until the next blocks of the
  // same outputs have filled them.
  constexpr int64_t tileOutputs = 64;
  float tile[tileOutputs][kBlockSize];
  int64_t blocks = inputs / kBlockSize;

  for (int64_t first = 0; first < outputs; first += tileOutputs) {
    int64_t count = std::min(tileOutputs, outputs - first);
    for (int64_t block = 0; block < blocks; ++block) {
      for (int64_t k = 0; k < kBlockSize; ++k) {
        const uint16_t *row = values + (block * kBlockSize + k) * outputs;
        for (int64_t n = 0; n < count; ++n)
          tile[n][k] = decodeBF16(row[first + n]);
      }
      for (int64_t n = 0; n < count; ++n) {
        int64_t index = (first + n) * blocks + block;
        scales[index] =
            quantizeBlock(tile[n], packed + index * kBlockBytes, rule);
      }
    }
  }
}
