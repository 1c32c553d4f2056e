//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Element formats on the bits of an f32.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Format/ElementFormat.h"
#include "mxfp4/Format/Bits.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mx;

float mx::decode(const ElementFormat &format, uint8_t code) {
  int magnitude = code & format.magnitudeMask();
  float value = std::numeric_limits<float>::quiet_NaN();
  if (magnitude <= format.largest) {
    int hidden = 1 << format.mantissaBits;
    int exponent = magnitude >> format.mantissaBits;
    int mantissa = magnitude & (hidden - 1);
    value =
        std::ldexp(float(exponent ? hidden + mantissa : mantissa),
                   std::max(exponent, 1) - format.bias - format.mantissaBits);
  } else if (format.infinity && magnitude == format.infinity) {
    value = std::numeric_limits<float>::infinity();
  }
  return code >> (format.bits - 1) & 1 ? -value : value;
}

/// Whether a number moves to its upper neighbor, which has the odd code if
/// `isOdd` says so of the lower. `rest` of 2^`shift` is the part of the way to
/// it.
static bool roundsUp(uint64_t rest, int shift, bool isOdd, Rounding rounding,
                     uint8_t random) {
  uint64_t half = uint64_t(1) << (shift - 1);
  switch (rounding) {
  case Rounding::NearestEven:
    return rest > half || (rest == half && isOdd);
  case Rounding::NearestAway:
    return rest >= half;
  case Rounding::NearestZero:
    return rest > half;
  case Rounding::Stochastic:
    // F21: the part plus random / 256 is at least 1.
    return rest << 8 >= uint64_t(256 - random) << shift;
  }
  return false;
}

uint8_t mx::encode(const ElementFormat &format, float value, Rounding rounding,
                   uint8_t random) {
  uint32_t bits = bitsOf(value);
  uint32_t magnitude = bits & kMagnitudeMask;
  auto sign = static_cast<uint8_t>(bits >> 31 << (format.bits - 1));
  if (magnitude > kInfinityBits)
    return sign | format.nan;

  // The value is significand * 2^(exponent - 150). Below the smallest normal
  // number of the format its steps stay as they are.
  int exponent = std::max<int>(magnitude >> kMantissaBits, 1);
  uint64_t significand = magnitude & 0x007FFFFF;
  if (magnitude >= 0x00800000)
    significand |= 0x00800000;
  int smallest = 128 - format.bias;
  // A rest of all that a significand has is as good as one of less.
  int shift = kMantissaBits - format.mantissaBits +
              std::clamp(smallest - exponent, 0, 16);
  uint64_t steps = significand >> shift;
  uint64_t rest = significand & ((uint64_t(1) << shift) - 1);
  steps += roundsUp(rest, shift, steps & 1, rounding, random);
  int64_t code = int64_t(steps) + (int64_t(std::max(exponent - smallest, 0))
                                   << format.mantissaBits);
  return sign | static_cast<uint8_t>(std::min<int64_t>(code, format.largest));
}

float mx::decodeE8M0(uint8_t scale) {
  // 2^-127 is subnormal in f32, and NaN is not infinity.
  if (scale == 0)
    return floatOf(0x00400000);
  if (scale == 0xFF)
    return floatOf(0x7FC00000);
  return floatOf(static_cast<uint32_t>(scale) << kMantissaBits);
}
