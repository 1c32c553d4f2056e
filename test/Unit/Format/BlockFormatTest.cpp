//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decoding, for every code under every scale, against computation in double.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Format/BF16.h"
#include "mxfp4/Format/Bits.h"
#include "mxfp4/Format/F16.h"

#include <cfloat>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace mx;

static float decodeE2M1(uint8_t code) { return decode(kE2M1, code); }

static void decodeBlock(const uint8_t *packed, uint8_t scale, float *values) {
  dequantizeRows(kMXFP4, packed, &scale, 1, kBlockSize, values);
}

/// The value of a code from its fields: sign, two bits of exponent with bias 1,
/// one bit of mantissa.
static double elementFromFields(int code) {
  int exponent = code >> 1 & 3;
  int mantissa = code & 1;
  double magnitude = exponent == 0
                         ? 0.5 * mantissa
                         : std::ldexp(1.0 + 0.5 * mantissa, exponent - 1);
  return code & 8 ? -magnitude : magnitude;
}

TEST(BlockFormat, F3ElementsAreE2M1) {
  for (int code = 0; code < 256; ++code)
    EXPECT_EQ(bitsOf(decodeE2M1(code)),
              bitsOf(static_cast<float>(elementFromFields(code & 15))))
        << "code " << code;
  EXPECT_EQ(decodeE2M1(7), 6.0f);
  EXPECT_TRUE(std::signbit(decodeE2M1(8)));
}

TEST(BlockFormat, F4ScalesArePowersOfTwo) {
  for (int scale = 0; scale < 255; ++scale)
    EXPECT_EQ(decodeE8M0(scale), std::ldexp(1.0, scale - 127))
        << "scale " << scale;
  EXPECT_EQ(bitsOf(decodeE8M0(0)), 0x00400000u);
  EXPECT_TRUE(std::isnan(decodeE8M0(kScaleNaN)));
}

TEST(BlockFormat, F1F2LowBitsAreTheEvenElement) {
  // Codes 0 to 15, then 15 to 0.
  const uint8_t packed[kBlockBytes] = {0x10, 0x32, 0x54, 0x76, 0x98, 0xBA,
                                       0xDC, 0xFE, 0xEF, 0xCD, 0xAB, 0x89,
                                       0x67, 0x45, 0x23, 0x01};
  float values[kBlockSize];
  decodeBlock(packed, 127, values);
  for (int i = 0; i < kBlockSize; ++i)
    EXPECT_EQ(bitsOf(values[i]), bitsOf(decodeE2M1(i < 16 ? i : 31 - i)))
        << "element " << i;
}

TEST(BlockFormat, F5F6EveryCodeUnderEveryScale) {
  for (int scale = 0; scale < 256; ++scale) {
    for (int code = 0; code < 16; ++code) {
      SCOPED_TRACE("scale " + std::to_string(scale) + ", code " +
                   std::to_string(code));
      uint8_t packed[kBlockBytes];
      std::fill_n(packed, kBlockBytes, code | code << 4);
      float values[kBlockSize];
      decodeBlock(packed, scale, values);
      for (float value : values) {
        if (scale == kScaleNaN) {
          ASSERT_TRUE(std::isnan(value));
          continue;
        }
        double exact = std::ldexp(elementFromFields(code), scale - 127);
        if (std::abs(exact) > FLT_MAX) {
          ASSERT_GE(scale, 253);
          ASSERT_TRUE(std::isinf(value));
        } else {
          ASSERT_EQ(value, exact);
          ASSERT_EQ(bitsOf(decodeBF16(encodeBF16(value))), bitsOf(value));
        }
        ASSERT_EQ(std::signbit(value), std::signbit(exact));
      }
    }
  }
}

TEST(BlockFormat, F6WorkedVectors) {
  struct {
    uint8_t scale, code;
    uint32_t bits;
  } cases[] = {{127, 7, 0x40C00000}, {127, 9, 0xBF000000}, {120, 5, 0x3CC00000},
               {0, 7, 0x01400000},   {0, 1, 0x00200000},   {1, 2, 0x00800000},
               {252, 7, 0x7F400000}, {253, 7, 0x7F800000}, {254, 7, 0x7F800000},
               {254, 2, 0x7F000000}, {254, 15, 0xFF800000}};
  for (const auto &c : cases) {
    uint8_t packed[kBlockBytes] = {c.code};
    float values[kBlockSize];
    decodeBlock(packed, c.scale, values);
    EXPECT_EQ(bitsOf(values[0]), c.bits)
        << "scale " << int(c.scale) << ", code " << int(c.code);
  }
}

TEST(BlockFormat, F14BlocksFollowEachOtherAlongARow) {
  constexpr int64_t rows = 3, columns = 96;
  std::vector<uint8_t> packed(rows * columns / 2);
  std::vector<uint8_t> scales(rows * columns / kBlockSize);
  for (size_t i = 0; i < packed.size(); ++i)
    packed[i] = i * 37 + 11;
  for (size_t i = 0; i < scales.size(); ++i)
    scales[i] = 120 + i;
  std::vector<float> values(rows * columns);
  dequantizeRows(kMXFP4, packed.data(), scales.data(), rows, columns,
                 values.data());
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < columns; ++k) {
      uint8_t byte = packed[n * columns / 2 + k / 2];
      uint8_t code = k % 2 == 0 ? byte & 15 : byte >> 4;
      uint8_t scale = scales[n * columns / kBlockSize + k / kBlockSize];
      EXPECT_EQ(values[n * columns + k],
                std::ldexp(elementFromFields(code), scale - 127))
          << "row " << n << ", column " << k;
    }
}

TEST(BlockFormat, F2CodesFollowEachOtherBitByBit) {
  std::mt19937 random(1);
  for (const BlockFormat &format : kBlockFormats) {
    SCOPED_TRACE(format.name);
    std::vector<uint8_t> packed(format.blockBytes(), 0xFF);
    std::vector<uint8_t> codes(format.blockSize);
    for (int64_t i = 0; i < format.blockSize; ++i) {
      codes[i] = random() & ((1 << format.element.bits) - 1);
      setCode(format, packed.data(), i, codes[i]);
    }
    std::vector<uint8_t> expected(packed.size());
    for (int64_t bit = 0; bit < int64_t(packed.size()) * 8; ++bit) {
      int value =
          codes[bit / format.element.bits] >> bit % format.element.bits & 1;
      expected[bit / 8] |= value << bit % 8;
    }
    EXPECT_EQ(packed, expected);
    for (int64_t i = 0; i < format.blockSize; ++i)
      EXPECT_EQ(getCode(format, packed.data(), i), codes[i]);
  }
}

TEST(BlockFormat, F5EveryCodeUnderEveryScaleOfEveryFormat) {
  for (const BlockFormat &format : kBlockFormats)
    for (int scale = 0; scale < 256; ++scale)
      for (int code = 0; code < 1 << format.element.bits; ++code) {
        std::vector<uint8_t> packed(format.blockBytes());
        setCode(format, packed.data(), 5, code);
        std::vector<float> values(format.blockSize);
        auto byte = uint8_t(scale);
        dequantizeRows(format, packed.data(), &byte, 1, format.blockSize,
                       values.data(), 0.75f);
        double factor = format.scale == ScaleFormat::E8M0 ? decodeE8M0(byte)
                                                          : decode(kE4M3, byte);
        float product = float(decode(format.element, code) * factor);
        float expected = product * 0.75f;
        if (std::isnan(expected))
          ASSERT_TRUE(std::isnan(values[5])) << format.name;
        else
          ASSERT_EQ(bitsOf(values[5]), bitsOf(expected))
              << format.name << ", scale " << scale << ", code " << code;
      }
}

TEST(BlockFormat, HasNames) {
  for (const BlockFormat &format : kBlockFormats) {
    const BlockFormat *found = findBlockFormat(format.name);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->blockBytes(), format.blockBytes());
  }
  EXPECT_EQ(findBlockFormat("mxfp5"), nullptr);
  EXPECT_EQ(findBlockFormat("mxfp6_e3m2")->blockBytes(), 24);
  EXPECT_EQ(findBlockFormat("nvfp4")->blockBytes(), 8);
}

TEST(BlockFormat, F13BF16IsKept) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = decodeBF16(bits);
    uint16_t again = encodeBF16(value);
    if (std::isnan(value))
      EXPECT_EQ(again, bits | 0x0040) << "bits " << bits;
    else
      EXPECT_EQ(again, bits);
  }
}

TEST(BlockFormat, F13BF16RoundsToNearestEven) {
  // Every bf16 number and its neighbor, split at the tie between them. The
  // largest number has infinity as its neighbor.
  for (uint32_t low = 0; low < 0x7F80; ++low) {
    uint32_t tie = low << 16 | 0x8000;
    uint32_t even = low + (low & 1);
    for (uint32_t sign : {0u, 0x8000u}) {
      EXPECT_EQ(encodeBF16(floatOf(sign << 16 | (tie - 1))), sign | low);
      EXPECT_EQ(encodeBF16(floatOf(sign << 16 | tie)), sign | even);
      EXPECT_EQ(encodeBF16(floatOf(sign << 16 | (tie + 1))), sign | (low + 1));
    }
  }
}

TEST(BlockFormat, F13BF16KeepsNaN) {
  // A payload in the lower half alone, and one that rounding would carry over.
  for (uint32_t bits : {0x7F800001u, 0xFF800001u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
    float result = decodeBF16(encodeBF16(floatOf(bits)));
    EXPECT_TRUE(std::isnan(result)) << bits;
    EXPECT_EQ(std::signbit(result), bits >> 31 == 1) << bits;
  }
}

/// The value of an f16 number that is finite, from its fields.
static double f16FromFields(int bits) {
  int exponent = bits >> 10 & 0x1F, mantissa = bits & 0x3FF;
  double magnitude = exponent == 0 ? std::ldexp(mantissa, -24)
                                   : std::ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

TEST(BlockFormat, F13F16IsKept) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = decodeF16(bits);
    uint16_t again = encodeF16(value);
    EXPECT_EQ(std::signbit(value), bits >> 15 == 1) << bits;
    if ((bits & 0x7FFF) > 0x7C00) {
      EXPECT_TRUE(std::isnan(value)) << bits;
      EXPECT_EQ(again, (bits & 0x8000) | 0x7E00) << bits;
      continue;
    }
    EXPECT_EQ(again, bits);
    if ((bits & 0x7FFF) == 0x7C00)
      EXPECT_TRUE(std::isinf(value)) << bits;
    else
      EXPECT_EQ(value, f16FromFields(bits)) << bits;
  }
}

TEST(BlockFormat, F13F16RoundsToNearestEven) {
  // Every f16 number and its neighbor, split at the tie between them. The
  // largest number has infinity as its neighbor, in the place of 65536.
  for (uint32_t low = 0; low < 0x7C00; ++low) {
    double upper = low == 0x7BFF ? 65536.0 : f16FromFields(low + 1);
    float tie = float((f16FromFields(low) + upper) / 2);
    uint32_t even = low + (low & 1);
    for (uint32_t sign : {0u, 0x8000u}) {
      float signedTie = sign ? -tie : tie;
      EXPECT_EQ(encodeF16(std::nextafter(signedTie, 0.0f)), sign | low);
      EXPECT_EQ(encodeF16(signedTie), sign | even);
      EXPECT_EQ(encodeF16(std::nextafter(signedTie, signedTie * 2)),
                sign | (low + 1));
    }
  }
  EXPECT_EQ(encodeF16(FLT_MAX), 0x7C00);
  EXPECT_EQ(encodeF16(-FLT_MIN), 0x8000);
}
