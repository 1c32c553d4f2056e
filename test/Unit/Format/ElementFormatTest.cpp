//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every code of every element format, and roundings by their definitions.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Format/ElementFormat.h"
#include "mxfp4/Format/BF16.h"
#include "mxfp4/Format/Random.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

using namespace mx;

namespace {
constexpr ElementFormat kFormats[] = {kE2M1, kE2M3, kE3M2, kE4M3, kE5M2};
constexpr Rounding kNearest[] = {Rounding::NearestEven, Rounding::NearestAway,
                                 Rounding::NearestZero};

/// The magnitude of a finite code from its fields.
double magnitudeFromFields(const ElementFormat &format, int code) {
  int exponent = code >> format.mantissaBits;
  double mantissa = (code & ((1 << format.mantissaBits) - 1)) /
                    std::ldexp(1.0, format.mantissaBits);
  return exponent == 0 ? std::ldexp(mantissa, 1 - format.bias)
                       : std::ldexp(1 + mantissa, exponent - format.bias);
}

/// F7 by its definition: the nearest of all elements.
int nearestCode(const ElementFormat &format, double a, Rounding rounding) {
  int best = 0;
  a = std::min(a, magnitudeFromFields(format, format.largest));
  for (int code = 1; code <= format.largest; ++code) {
    double distance = std::abs(a - magnitudeFromFields(format, code));
    double bestDistance = std::abs(a - magnitudeFromFields(format, best));
    bool winsTie = rounding == Rounding::NearestAway ||
                   (rounding == Rounding::NearestEven && code % 2 == 0);
    if (distance < bestDistance || (distance == bestDistance && winsTie))
      best = code;
  }
  return best;
}
} // namespace

TEST(ElementFormat, F3EveryCode) {
  for (const ElementFormat &format : kFormats) {
    SCOPED_TRACE(format.name);
    int sign = 1 << (format.bits - 1);
    for (int code = 0; code < sign; ++code) {
      float value = decode(format, code);
      if (code <= format.largest)
        EXPECT_EQ(value, magnitudeFromFields(format, code));
      else if (format.infinity && code == format.infinity)
        EXPECT_EQ(value, std::numeric_limits<float>::infinity());
      else
        EXPECT_TRUE(std::isnan(value));
      EXPECT_EQ(bitsOf(decode(format, code | sign)), bitsOf(-value));
      EXPECT_FALSE(std::signbit(value));
    }
  }
  EXPECT_EQ(decode(kE2M1, 7), 6.0f);
  EXPECT_EQ(decode(kE2M3, 31), 7.5f);
  EXPECT_EQ(decode(kE3M2, 31), 28.0f);
  EXPECT_EQ(decode(kE4M3, 0x7E), 448.0f);
  EXPECT_TRUE(std::isnan(decode(kE4M3, 0xFF)));
  EXPECT_EQ(decode(kE5M2, 0x7B), 57344.0f);
  EXPECT_EQ(decode(kE5M2, 0xFC), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(decode(kE5M2, 0x7D)));
}

TEST(ElementFormat, F7CodesComeBack) {
  for (const ElementFormat &format : kFormats)
    for (int code = 0; code <= format.largest; ++code)
      for (int sign : {0, 1 << (format.bits - 1)}) {
        float value = decode(format, code | sign);
        for (Rounding rounding : kNearest)
          EXPECT_EQ(encode(format, value, rounding), code | sign);
        for (int random : {0, 255})
          EXPECT_EQ(encode(format, value, Rounding::Stochastic, random),
                    code | sign);
      }
}

TEST(ElementFormat, F7TiesAndTheirNeighbors) {
  for (const ElementFormat &format : kFormats) {
    SCOPED_TRACE(format.name);
    for (int code = 0; code < format.largest; ++code) {
      auto tie = float((magnitudeFromFields(format, code) +
                        magnitudeFromFields(format, code + 1)) /
                       2);
      float below = floatOf(bitsOf(tie) - 1), above = floatOf(bitsOf(tie) + 1);
      int even = code + code % 2;
      for (Rounding rounding : kNearest) {
        EXPECT_EQ(encode(format, below, rounding), code);
        EXPECT_EQ(encode(format, above, rounding), code + 1);
      }
      EXPECT_EQ(encode(format, tie, Rounding::NearestEven), even);
      EXPECT_EQ(encode(format, tie, Rounding::NearestAway), code + 1);
      EXPECT_EQ(encode(format, tie, Rounding::NearestZero), code);
    }
  }
}

TEST(ElementFormat, F7NearestOfEveryBF16Number) {
  for (const ElementFormat &format : kFormats)
    for (uint32_t bits = 0; bits < 0x7F80; ++bits) {
      float value = decodeBF16(bits);
      // A code is no further away than its neighbors: no need to try all.
      int code = encode(format, value);
      ASSERT_LE(code, format.largest);
      double a =
          std::min<double>(value, magnitudeFromFields(format, format.largest));
      double distance = std::abs(a - magnitudeFromFields(format, code));
      for (int other :
           {std::max(code - 1, 0), std::min<int>(code + 1, format.largest)}) {
        double otherDistance = std::abs(a - magnitudeFromFields(format, other));
        ASSERT_LE(distance, otherDistance) << format.name << " " << value;
        if (distance == otherDistance && other != code)
          ASSERT_EQ(code % 2, 0) << format.name << " " << value;
      }
    }
}

TEST(ElementFormat, F7NearestOfRandomNumbers) {
  std::mt19937 random(1);
  for (const ElementFormat &format : kFormats)
    for (int i = 0; i < 20000; ++i) {
      // Three binades more than the format has on either side.
      float value =
          std::ldexp(1.0f + random() % 4096 / 4096.0f,
                     int(random() % (2 * format.bias + 8)) - format.bias - 4);
      for (Rounding rounding : kNearest)
        ASSERT_EQ(encode(format, value, rounding),
                  nearestCode(format, value, rounding))
            << format.name << " " << value;
    }
}

TEST(ElementFormat, F7SpecialNumbers) {
  float infinity = std::numeric_limits<float>::infinity();
  float nan = std::numeric_limits<float>::quiet_NaN();
  for (const ElementFormat &format : kFormats) {
    SCOPED_TRACE(format.name);
    int sign = 1 << (format.bits - 1);
    for (Rounding rounding : kNearest) {
      for (float value : {infinity, FLT_MAX})
        EXPECT_EQ(encode(format, value, rounding), format.largest);
      EXPECT_EQ(encode(format, -infinity, rounding), format.largest | sign);
      EXPECT_EQ(encode(format, 0.0f, rounding), 0);
      for (float value : {-0.0f, -FLT_TRUE_MIN, -1e-30f})
        EXPECT_EQ(encode(format, value, rounding), sign);
      EXPECT_EQ(encode(format, nan, rounding), format.nan);
      EXPECT_EQ(encode(format, -nan, rounding), format.nan | sign);
    }
    EXPECT_EQ(encode(format, FLT_MAX, Rounding::Stochastic, 255),
              format.largest);
    EXPECT_EQ(encode(format, FLT_TRUE_MIN, Rounding::Stochastic, 255), 0);
  }
}

TEST(ElementFormat, F21WorkedStochasticRoundings) {
  struct {
    float value;
    int random, code;
  } cases[] = {{1.1f, 204, 2},  {1.1f, 205, 3},    {0.3f, 102, 0},
               {0.3f, 103, 1},  {2.25f, 191, 4},   {2.25f, 192, 5},
               {5.0f, 127, 6},  {5.0f, 128, 7},    {-0.75f, 127, 9},
               {6.5f, 0, 7},    {-0.75f, 128, 10}, {0.01f, 250, 0},
               {0.01f, 251, 1}, {6.5f, 255, 7}};
  for (const auto &c : cases)
    EXPECT_EQ(encode(kE2M1, c.value, Rounding::Stochastic, c.random), c.code)
        << c.value << " " << c.random;
}

TEST(ElementFormat, F21StochasticByDefinition) {
  std::mt19937 random(2);
  for (const ElementFormat &format : kFormats)
    for (int i = 0; i < 2000; ++i) {
      int low = random() % format.largest;
      double a = magnitudeFromFields(format, low);
      double b = magnitudeFromFields(format, low + 1);
      auto value = float(a + (b - a) * (random() % 100000) / 100000);
      if (value >= b)
        continue;
      double part = (value - a) / (b - a); // exact: few bits
      for (int byte = 0; byte < 256; byte += 5)
        ASSERT_EQ(encode(format, value, Rounding::Stochastic, byte),
                  low + (part + byte / 256.0 >= 1))
            << format.name << " " << value << " " << byte;
    }
}

TEST(Random, PublishedVectors) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  uint32_t ones = 0xFFFFFFFF;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                   {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, BytesOfABlockInOrder) {
  for (int i = 0; i < 16; ++i)
    EXPECT_EQ(
        randomByte(0, i),
        std::vector<int>({0xd5, 0xe8, 0x27, 0x66, 0x8d, 0xc5, 0x69, 0xe1, 0x4c,
                          0xac, 0x57, 0xbc, 0xd8, 0xdb, 0x00, 0x9b})[i]);
  EXPECT_NE(randomByte(0, 16), randomByte(1, 16));
  // A run of any place and length has the same bytes.
  for (uint64_t first : {uint64_t(0), uint64_t(5), (uint64_t(1) << 36) - 3}) {
    std::vector<uint8_t> run(40);
    fillRandomBytes(9, first, run.size(), run.data());
    for (size_t i = 0; i < run.size(); ++i)
      EXPECT_EQ(run[i], randomByte(9, first + i)) << first << " " << i;
  }
  // All values about as often.
  std::vector<int> counts(256);
  for (int i = 0; i < 256 * 1000; ++i)
    ++counts[randomByte(7, i)];
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 850);
  EXPECT_LT(*std::max_element(counts.begin(), counts.end()), 1150);
}
