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
#include <utility>

using namespace mx;

static constexpr uint32_t kMantissaMask = (1 << kMantissaBits) - 1;

/// The most elements in a block of any format.
static constexpr int64_t kLargestBlock = 32;

static constexpr float kLargestFloat = std::numeric_limits<float>::max();

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// encode() to the nearest of a number that is no NaN, in a form that compilers
/// vectorize.
template <Rounding rounding>
[[gnu::always_inline]] static inline uint8_t
encodeNearest(const ElementFormat &format, float value) {
  uint32_t bits = bitsOf(value);
  // Compared as bits, and those as signed integers, which all compilers
  // vectorize.
  int32_t magnitudeBits = bits & kMagnitudeMask;
  int32_t largest = bitsOf(format.largestValue);
  magnitudeBits = magnitudeBits < largest ? magnitudeBits : largest;
  float magnitude = floatOf(magnitudeBits);
  // The power of two below the number, from the smallest normal number on:
  // below that one neighbors are as far apart as above.
  int32_t smallest = (128 - format.bias) << kMantissaBits;
  int32_t power = magnitudeBits & kInfinityBits;
  power = power > smallest ? power : smallest;
  // In the binade of `magic` the f32 numbers are as far apart as neighbors of
  // the format at `power`. So the sum is rounded to nearest, ties to even, and
  // its low bits count the neighbors from zero.
  int32_t droppedBits = int32_t(kMantissaBits) - format.mantissaBits;
  int32_t magic = power + (droppedBits << kMantissaBits);
  float sum = magnitude + floatOf(magic);
  int32_t steps = int32_t(bitsOf(sum)) - magic;
  if (rounding != Rounding::NearestEven) {
    // How far the number is above the neighbor, exactly.
    float rest = magnitude - (sum - floatOf(magic));
    float half = floatOf(magic - ((kMantissaBits + 1) << kMantissaBits));
    if (rounding == Rounding::NearestAway)
      steps += rest == half;
    else
      steps -= rest == -half;
  }
  // Each binade further up has the steps of one.
  uint32_t code = steps + ((power - smallest) >> droppedBits);
  uint32_t signBit = 1 << (format.bits - 1);
  return uint8_t(code | (bits >> (32 - format.bits) & signBit));
}

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
  return encodeNearest<Rounding::NearestEven>(kE4M3, floatOf(bits) * factor);
}

float mx::getLargestMagnitude(const float *values, int64_t count) {
  // Magnitudes compare as their bits do, also as signed integers, which more
  // processors can compare in vectors.
  int32_t largest = 0;
  for (int64_t i = 0; i < count; ++i)
    largest = std::max(largest, int32_t(bitsOf(values[i]) & kMagnitudeMask));
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
  return std::min(1.0f /
                      (decodeScale(format, scale) * options.tensorScale.decode),
                  kLargestFloat);
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// Packs the codes of a block (F2).
static void packCodes(const BlockFormat &format, const uint8_t *codes,
                      uint8_t *packed) {
  unsigned buffer = 0;
  int count = 0;
  for (int64_t i = 0; i < format.blockSize; ++i) {
    buffer |= unsigned(codes[i]) << count;
    count += format.element.bits;
    for (; count >= 8; count -= 8, buffer >>= 8)
      *packed++ = uint8_t(buffer);
  }
}

uint8_t mx::quantizeBlock(const BlockFormat &format, const float *values,
                          uint8_t *packed, const QuantizeOptions &options) {
  float largest = getLargestMagnitude(values, format.blockSize);
  uint8_t scale = chooseScale(format, largest, options);
  if (!std::isfinite(largest)) {
    std::fill_n(packed, format.blockBytes(), uint8_t(0)); // F11
    return scale;
  }
  float inverse = inverseOf(format, scale, options);
  uint8_t codes[kLargestBlock];
  for (int64_t i = 0; i < format.blockSize; ++i)
    codes[i] = encode(format.element, values[i] * inverse, options.rounding,
                      options.random ? options.random[i] : 0);
  packCodes(format, codes, packed);
  return scale;
}

namespace {
/// What quantizeRows() reads and writes.
struct BlockRun {
  const float *values;
  int64_t blocks;
  uint8_t *packed;
  uint8_t *scales;
};
} // namespace

/// quantizeBlock() for a run of blocks of the format at `index`, so that the
/// compiler knows all its numbers. Takes some blocks at a time: first their
/// scales, then their elements, so that the next block need not wait for the
/// scale of this one.
template <size_t index, Rounding rounding>
static void quantizeNearest(const BlockRun &run,
                            const QuantizeOptions &options) {
  constexpr const BlockFormat &format = kBlockFormats[index];
  constexpr int64_t tile = 16, size = format.blockSize;
  for (int64_t first = 0; first < run.blocks; first += tile) {
    int64_t blocks = std::min(tile, run.blocks - first);
    const float *values = run.values + first * size;
    uint8_t *scales = run.scales + first;
    float inverses[tile];
    for (int64_t block = 0; block < blocks; ++block) {
      float largest = getLargestMagnitude(values + block * size, size);
      scales[block] = chooseScale(format, largest, options);
      inverses[block] = inverseOf(format, scales[block], options);
    }
    for (int64_t block = 0; block < blocks; ++block, values += size) {
      uint8_t *packed = run.packed + (first + block) * format.blockBytes();
      if (std::isnan(inverses[block])) { // and so is the scale
        std::fill_n(packed, format.blockBytes(), uint8_t(0)); // F11
        continue;
      }
      auto encodeAt = [values, inverse = inverses[block]](int64_t i) {
        return encodeNearest<rounding>(format.element, values[i] * inverse);
      };
      uint8_t bytes[size];
      if (format.element.bits == 4)
        for (int64_t i = 0; i < size / 2; ++i)
          bytes[i] = encodeAt(2 * i) | encodeAt(2 * i + 1) << 4;
      else
        for (int64_t i = 0; i < size; ++i)
          bytes[i] = encodeAt(i);
      if (format.element.bits == 6) // four elements in three bytes
        for (int64_t i = 0; i < size; i += 4, packed += 3) {
          unsigned word = bytes[i] | bytes[i + 1] << 6 | bytes[i + 2] << 12 |
                          bytes[i + 3] << 18;
          packed[0] = uint8_t(word);
          packed[1] = uint8_t(word >> 8);
          packed[2] = uint8_t(word >> 16);
        }
      else
        std::copy_n(bytes, format.blockBytes(), packed);
    }
  }
}

/// Calls quantizeNearest() for the place of `format` in kBlockFormats.
template <Rounding rounding, size_t... indices>
static void quantizeByFormat(const BlockFormat &format, const BlockRun &run,
                             const QuantizeOptions &options,
                             std::index_sequence<indices...>) {
  ((findBlockFormat(format.name) == &kBlockFormats[indices]
        ? quantizeNearest<indices, rounding>(run, options)
        : void()),
   ...);
}

void mx::quantizeRows(const BlockFormat &format, const float *values,
                      int64_t rows, int64_t columns, uint8_t *packed,
                      uint8_t *scales, const QuantizeOptions &options) {
  assert(columns % format.blockSize == 0 && "a block does not cross a row");
  BlockRun run = {values, rows * (columns / format.blockSize), packed, scales};
  std::make_index_sequence<kBlockFormats.size()> all;
  switch (options.rounding) {
  case Rounding::NearestEven:
    return quantizeByFormat<Rounding::NearestEven>(format, run, options, all);
  case Rounding::NearestAway:
    return quantizeByFormat<Rounding::NearestAway>(format, run, options, all);
  case Rounding::NearestZero:
    return quantizeByFormat<Rounding::NearestZero>(format, run, options, all);
  case Rounding::Stochastic:
    break;
  }
  QuantizeOptions ofBlock = options;
  for (int64_t i = 0; i < run.blocks; ++i) {
    scales[i] = quantizeBlock(format, values + i * format.blockSize,
                              packed + i * format.blockBytes(), ofBlock);
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
        quantizeNearest<0, Rounding::NearestEven>(
            {tile[n], 1, packed + index * kBlockBytes, scales + index},
            options);
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
