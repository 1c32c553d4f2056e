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
#include "mxfp4/Format/BF16.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <string>

using namespace mx;

/// Number of mantissa bits of an f32.
static constexpr uint32_t kMantissaBits = 23;
static constexpr uint32_t kMantissaMask = (1 << kMantissaBits) - 1;

/// The most elements in a block of any format.
static constexpr int64_t kLargestBlock = 32;

static constexpr float kLargestFloat = std::numeric_limits<float>::max();

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

uint32_t mx::getScaleCarry(const ElementFormat &element, ScaleRule rule) {
  switch (rule) {
  case ScaleRule::Floor:
    return 0; // never
  case ScaleRule::Even:
    return 1 << (kMantissaBits - 1 - element.mantissaBits);
  case ScaleRule::RoundUp: // above the mantissa of the largest element
    return kMantissaMask - (bitsOf(element.largestValue) & kMantissaMask);
  case ScaleRule::Ceil:
  case ScaleRule::Nearest:
    break;
  }
  return kMantissaMask; // above 1
}

/// The E8M0 number nearest to `value`, a tie to the larger.
static uint8_t roundToE8M0(float value) {
  uint32_t bits = bitsOf(value);
  constexpr uint32_t half = 1 << (kMantissaBits - 1);
  if (bits <= kMantissaMask) // the middle of 2^-127 and 2^-126
    return bits >= half + half / 2;
  return static_cast<uint8_t>((bits + half) >> kMantissaBits);
}

/// The E8M0 scale for the largest magnitude of a block, given as its bits.
static uint8_t scaleOf(const ElementFormat &element, uint32_t largest,
                       ScaleRule rule) {
  if (rule == ScaleRule::Nearest)
    return roundToE8M0(floatOf(largest) / element.largestValue);
  // A subnormal has exponent field 0, and at most 1 with the carry: it becomes
  // byte 0. That is right, as by every rule its own scale would be below
  // 2^-127.
  uint32_t exponent = (largest + getScaleCarry(element, rule)) >> kMantissaBits;
  uint32_t ofLargest = (bitsOf(element.largestValue) >> kMantissaBits) - 127;
  return exponent < ofLargest ? 0 : exponent - ofLargest; // F10
}

uint8_t mx::chooseScale(const BlockFormat &format, float largest,
                        const QuantizeOptions &options) {
  uint32_t bits = bitsOf(largest) & kMagnitudeMask;
  bool isE8M0 = format.scale == ScaleFormat::E8M0;
  if (bits >= kInfinityBits)
    return isE8M0 ? kScaleNaN : kE4M3.nan; // F11
  if (isE8M0)
    return scaleOf(format.element, bits, options.scaleRule);
  // F22. The reciprocal is rounded first.
  float factor =
      options.tensorScale.encode * (1.0f / format.element.largestValue);
  return encode(kE4M3, std::min(floatOf(bits) * factor, kLargestFloat));
}

float mx::getLargestMagnitude(const float *values, int64_t count) {
  // Magnitudes compare as their bits do.
  uint32_t largest = 0;
  for (int64_t i = 0; i < count; ++i)
    largest = std::max(largest, bitsOf(values[i]) & kMagnitudeMask);
  return floatOf(largest);
}

TensorScale mx::chooseTensorScale(float largest) {
  float range = kE4M3.largestValue * kE2M1.largestValue;
  float factor = std::min(range / std::fabs(largest), kLargestFloat);
  if (largest == 0.0f || !(factor > 0.0f))
    factor = 1.0f;
  return {1.0f / factor, factor};
}

/// What a block is multiplied by before it is rounded.
static float inverseOf(const BlockFormat &format, uint8_t scale,
                       const QuantizeOptions &options) {
  // No rule gives byte 254, so 1 / 2^E is a normal f32. The product is exact
  // unless it is subnormal, and then it rounds to zero in any case.
  if (format.scale == ScaleFormat::E8M0)
    return decodeE8M0(254 - scale);
  return std::min(1.0f / (decode(kE4M3, scale) * options.tensorScale.decode),
                  kLargestFloat);
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// Packs the codes of a block (F2).
[[gnu::always_inline]] static inline void
packCodes(const BlockFormat &format, const uint8_t *codes, uint8_t *packed) {
  unsigned buffer = 0;
  int count = 0;
  for (int64_t i = 0; i < format.blockSize; ++i) {
    buffer |= unsigned(codes[i]) << count;
    count += format.element.bits;
    for (; count >= 8; count -= 8, buffer >>= 8)
      *packed++ = uint8_t(buffer);
  }
}

/// Makes a block whose elements `encodeAt` makes of the scaled values and their
/// places.
template <typename Function>
static uint8_t quantizeWith(const BlockFormat &format, const float *values,
                            uint8_t *packed, const QuantizeOptions &options,
                            Function encodeAt) {
  float largest = getLargestMagnitude(values, format.blockSize);
  uint8_t scale = chooseScale(format, largest, options);
  if (!std::isfinite(largest)) {
    std::fill_n(packed, format.blockBytes(), uint8_t(0)); // F11
    return scale;
  }
  float inverse = inverseOf(format, scale, options);
  uint8_t codes[kLargestBlock];
  for (int64_t i = 0; i < format.blockSize; ++i)
    codes[i] = encodeAt(values[i] * inverse, i);
  packCodes(format, codes, packed);
  return scale;
}

uint8_t mx::quantizeBlock(const BlockFormat &format, const float *values,
                          uint8_t *packed, const QuantizeOptions &options) {
  return quantizeWith(format, values, packed, options,
                      [&](float value, int64_t i) {
                        return encode(format.element, value, options.rounding,
                                      options.random ? options.random[i] : 0);
                      });
}

/// encode() for kE2M1 and ties to even, in a form that compilers vectorize: one
/// comparison for each boundary between neighbors.
static uint8_t encodeE2M1(float value) {
  uint32_t bits = bitsOf(value);
  float a = floatOf(bits & kMagnitudeMask);
  int code = (a > 0.25f) + (a >= 0.75f) + (a > 1.25f) + (a >= 1.75f) +
             (a > 2.5f) + (a >= 3.5f) + (a > 5.0f);
  return static_cast<uint8_t>(code | (bits >> 31) << 3);
}

void mx::quantizeRows(const BlockFormat &format, const float *values,
                      int64_t rows, int64_t columns, uint8_t *packed,
                      uint8_t *scales, const QuantizeOptions &options) {
  assert(columns % format.blockSize == 0 && "a block does not cross a row");
  int64_t blocks = rows * (columns / format.blockSize);
  bool isE2M1 = format.element.bits == kE2M1.bits &&
                options.rounding == Rounding::NearestEven;
  QuantizeOptions ofBlock = options;
  for (int64_t i = 0; i < blocks; ++i) {
    const float *block = values + i * format.blockSize;
    uint8_t *elements = packed + i * format.blockBytes();
    scales[i] = isE2M1 ? quantizeWith(format, block, elements, ofBlock,
                                      [](float value, int64_t) {
                                        return encodeE2M1(value);
                                      })
                       : quantizeBlock(format, block, elements, ofBlock);
    if (ofBlock.random)
      ofBlock.random += format.blockSize;
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
  QuantizeOptions options;
  options.scaleRule = rule;

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
        scales[index] = quantizeWith(
            kMXFP4, tile[n], packed + index * kBlockBytes, options,
            [](float value, int64_t) { return encodeE2M1(value); });
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// MXFP4 to NVFP4
//===----------------------------------------------------------------------===//

Result<TensorScale> mx::castScalesToNVFP4(const uint8_t *packed,
                                          const uint8_t *scales, int64_t blocks,
                                          uint8_t *nvScales) {
  constexpr int64_t halfBytes = kNVFP4.blockBytes();
  auto isZero = [&](int64_t half) {
    const uint8_t *elements = packed + half * halfBytes;
    return std::all_of(elements, elements + halfBytes,
                       [](uint8_t byte) { return (byte & 0x77) == 0; });
  };
  int low = kScaleNaN, high = -1;
  for (int64_t block = 0; block < blocks; ++block) {
    if (scales[block] == kScaleNaN ||
        (isZero(2 * block) && isZero(2 * block + 1)))
      continue;
    low = std::min<int>(low, scales[block]);
    high = std::max<int>(high, scales[block]);
  }
  // Powers of two that are E4M3 numbers.
  constexpr int lowest = -9, highest = 8;
  if (high - low > highest - lowest)
    return Error{"expected scales of blocks that are not zero within a factor "
                 "of 2^" +
                 std::to_string(highest - lowest) + ", but they are 2^" +
                 std::to_string(low - 127) + " to 2^" +
                 std::to_string(high - 127)};

  // The largest is 2^8, or less where the tensor scale would be subnormal.
  int exponent = high < 0 ? 0 : std::max(high - 127 - highest, -126);
  for (int64_t half = 0; half < 2 * blocks; ++half) {
    uint8_t scale = scales[half / 2];
    int own = std::clamp(scale - 127 - exponent, lowest, highest);
    nvScales[half] =
        scale == kScaleNaN ? kE4M3.nan : encode(kE4M3, std::ldexp(1.0f, own));
  }
  return TensorScale{std::ldexp(1.0f, exponent), std::ldexp(1.0f, -exponent)};
}
