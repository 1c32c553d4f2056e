//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Making blocks: every boundary of the rounding, every rule for the scale
// against its definition in double, and whole blocks against worked vectors.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Format/Quantize.h"
#include "mxfp4/Format/BF16.h"
#include "mxfp4/Format/Bits.h"
#include "mxfp4/Format/BlockFormat.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

using namespace mx;

namespace {
constexpr ScaleRule kAllRules[] = {ScaleRule::Floor, ScaleRule::Even,
                                   ScaleRule::RoundUp, ScaleRule::Ceil,
                                   ScaleRule::Nearest};

uint8_t encodeE2M1(float value) { return encode(kE2M1, value); }
float decodeE2M1(uint8_t code) { return decode(kE2M1, code); }

QuantizeOptions by(ScaleRule rule) {
  QuantizeOptions options;
  options.scaleRule = rule;
  return options;
}

uint8_t chooseScale(float largest, ScaleRule rule) {
  return mx::chooseScale(kMXFP4, largest, by(rule));
}

/// A block, taken apart.
struct Block {
  uint8_t scale;
  std::array<uint8_t, kBlockSize> codes;
  std::array<float, kBlockSize> values;
};

/// The block that `numbers` become; the ones that are not listed are 0.
Block makeBlock(std::vector<float> numbers, ScaleRule rule = ScaleRule::Floor) {
  numbers.resize(kBlockSize);
  uint8_t packed[kBlockBytes];
  Block block;
  block.scale = quantizeBlock(kMXFP4, numbers.data(), packed, by(rule));
  for (int64_t i = 0; i < kBlockSize; ++i)
    block.codes[i] = i % 2 == 0 ? packed[i / 2] & 15 : packed[i / 2] >> 4;
  dequantizeRows(kMXFP4, packed, &block.scale, 1, kBlockSize,
                 block.values.data());
  return block;
}

/// Expects the scale and the first codes of a block, and all other codes to be
/// 0.
void expectBlock(const std::vector<float> &numbers,
                 std::initializer_list<ScaleRule> rules, int scale,
                 std::vector<int> codes) {
  codes.resize(kBlockSize);
  for (ScaleRule rule : rules) {
    Block block = makeBlock(numbers, rule);
    SCOPED_TRACE("rule " + std::to_string(int(rule)));
    EXPECT_EQ(int(block.scale), scale);
    EXPECT_EQ(std::vector<int>(block.codes.begin(), block.codes.end()), codes);
  }
}

/// The next f32 after `value`, away from zero or towards it.
float stepOut(float value) { return floatOf(bitsOf(value) + 1); }
float stepIn(float value) { return floatOf(bitsOf(value) - 1); }

/// F7 by its definition: the nearest element, of two the one with an even code.
int nearestCode(float value) {
  // Beyond 8 a double could not tell the distances to 4 and 6 apart.
  double a = std::min(std::abs(double(value)), 8.0);
  int best = 0;
  for (int code = 1; code < 8; ++code) {
    double distance = std::abs(a - decodeE2M1(code));
    double bestDistance = std::abs(a - decodeE2M1(best));
    if (distance < bestDistance || (distance == bestDistance && code % 2 == 0))
      best = code;
  }
  return best | (std::signbit(value) ? 8 : 0);
}

/// F9 and F10 by their definitions, in double.
int scaleByDefinition(float largest, ScaleRule rule) {
  if (rule == ScaleRule::Nearest) {
    double wanted = largest / 6.0f;
    int nearest = 0;
    for (int byte = 1; byte < 255; ++byte)
      if (std::abs(std::ldexp(1.0, byte - 127) - wanted) <=
          std::abs(std::ldexp(1.0, nearest - 127) - wanted))
        nearest = byte;
    return nearest;
  }
  int exponent;
  double m = 2 * std::frexp(double(largest), &exponent); // in [1, 2)
  exponent -= 1;
  bool up = (rule == ScaleRule::Even && m >= 1.75) ||
            (rule == ScaleRule::RoundUp && m > 1.5) ||
            (rule == ScaleRule::Ceil && m > 1.0);
  return std::clamp(exponent - 2 + up, -127, 127) + 127;
}

/// Magnitudes around every decision of every rule, in every binade of f32, and
/// random ones.
std::vector<float> hardMagnitudes() {
  std::vector<float> magnitudes;
  for (double m : {1.0, 1.25, 1.5, 1.75, 2.0}) {
    for (int exponent = -149; exponent <= 127; ++exponent) {
      double value = std::ldexp(m, exponent);
      if (value > FLT_MAX)
        continue;
      float f = static_cast<float>(value);
      magnitudes.insert(magnitudes.end(), {stepIn(f), f, stepOut(f)});
    }
  }
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i)
    magnitudes.push_back(floatOf(random() % kInfinityBits));
  magnitudes.push_back(FLT_MAX);
  magnitudes.erase(
      std::remove_if(magnitudes.begin(), magnitudes.end(),
                     [](float f) { return f == 0.0f || !std::isfinite(f); }),
      magnitudes.end());
  return magnitudes;
}
} // namespace

TEST(Quantize, F7BoundariesAndTheirNeighbors) {
  struct {
    float tie;
    int below, at, above;
  } boundaries[] = {{0.25f, 0, 0, 1}, {0.75f, 1, 2, 2}, {1.25f, 2, 2, 3},
                    {1.75f, 3, 4, 4}, {2.5f, 4, 4, 5},  {3.5f, 5, 6, 6},
                    {5.0f, 6, 6, 7}};
  for (const auto &b : boundaries) {
    SCOPED_TRACE(b.tie);
    EXPECT_EQ(encodeE2M1(stepIn(b.tie)), b.below);
    EXPECT_EQ(encodeE2M1(b.tie), b.at);
    EXPECT_EQ(encodeE2M1(stepOut(b.tie)), b.above);
    EXPECT_EQ(encodeE2M1(-stepIn(b.tie)), b.below | 8);
    EXPECT_EQ(encodeE2M1(-b.tie), b.at | 8);
    EXPECT_EQ(encodeE2M1(-stepOut(b.tie)), b.above | 8);
  }
}

TEST(Quantize, F7NearestOfEveryBF16Number) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = decodeBF16(bits);
    if (std::isfinite(value)) {
      ASSERT_EQ(encodeE2M1(value), nearestCode(value)) << value;
    }
  }
}

TEST(Quantize, F7NearestOfManyNumbers) {
  // All exponents, and dense around the elements.
  for (uint64_t bits = 0; bits < kInfinityBits; bits += 4099) {
    float value = floatOf(bits);
    ASSERT_EQ(encodeE2M1(value), nearestCode(value)) << value;
  }
  for (uint32_t bits = bitsOf(0.1f); bits < bitsOf(8.0f); bits += 61) {
    float value = -floatOf(bits);
    ASSERT_EQ(encodeE2M1(value), nearestCode(value)) << value;
  }
}

TEST(Quantize, F7SignsAndSaturation) {
  float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(encodeE2M1(0.0f), 0);
  EXPECT_EQ(encodeE2M1(-0.0f), 8);
  EXPECT_EQ(encodeE2M1(-0.1f), 8);
  EXPECT_EQ(encodeE2M1(-FLT_TRUE_MIN), 8);
  EXPECT_EQ(encodeE2M1(FLT_MAX), 7);
  EXPECT_EQ(encodeE2M1(infinity), 7);
  EXPECT_EQ(encodeE2M1(-infinity), 15);
}

TEST(Quantize, F9F10ScaleByDefinition) {
  for (float largest : hardMagnitudes())
    for (ScaleRule rule : kAllRules) {
      ASSERT_EQ(int(chooseScale(largest, rule)),
                scaleByDefinition(largest, rule))
          << largest << ", rule " << int(rule);
      ASSERT_EQ(chooseScale(-largest, rule), chooseScale(largest, rule));
    }
}

TEST(Quantize, F9LargestQuotientIsInRange) {
  for (float largest : hardMagnitudes()) {
    auto quotient = [&](ScaleRule rule) {
      return std::ldexp(double(largest), 127 - chooseScale(largest, rule));
    };
    if (chooseScale(largest, ScaleRule::Floor) == 0)
      continue; // F10
    ASSERT_GE(quotient(ScaleRule::Floor), 4.0);
    ASSERT_LT(quotient(ScaleRule::Floor), 8.0);
    ASSERT_GE(quotient(ScaleRule::Even), 3.5);
    ASSERT_LT(quotient(ScaleRule::Even), 7.0);
    ASSERT_GT(quotient(ScaleRule::RoundUp), 3.0);
    ASSERT_LE(quotient(ScaleRule::RoundUp), 6.0);
    ASSERT_GT(quotient(ScaleRule::Ceil), 2.0);
    ASSERT_LE(quotient(ScaleRule::Ceil), 4.0);
  }
}

TEST(Quantize, F9JustBelowAPowerOfTwo) {
  // Here log2f gives 3, and with it scale 128.
  expectBlock({stepIn(8.0f), 4, 1}, {ScaleRule::Floor}, 127, {7, 6, 2});
}

TEST(Quantize, F8WorkedVectors) {
  constexpr ScaleRule floor = ScaleRule::Floor, even = ScaleRule::Even,
                      roundUp = ScaleRule::RoundUp, ceil = ScaleRule::Ceil;
  expectBlock({0.0625f, 0.375f, 0.078125f, 0.25f}, {floor, even, roundUp}, 123,
              {2, 7, 2, 6});
  expectBlock({0.0625f, 0.375f, 0.078125f, 0.25f}, {ceil}, 124, {1, 5, 1, 4});
  expectBlock({6, 0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5}, {floor}, 127,
              {7, 0, 2, 2, 4, 4, 6, 6});
  expectBlock({-6, -0.25f, -0.75f, -1.25f, -1.75f, -2.5f, -3.5f, -5}, {floor},
              127, {15, 8, 10, 10, 12, 12, 14, 14});
  expectBlock({7, 5, 3.3f, 1}, {floor}, 127, {7, 6, 5, 2});
  expectBlock({7, 5, 3.3f, 1}, {even, roundUp, ceil}, 128, {6, 4, 3, 1});
  expectBlock({6.5f, 5, 3.3f, 1}, {floor, even}, 127, {7, 6, 5, 2});
  expectBlock({6.5f, 5, 3.3f, 1}, {roundUp, ceil}, 128, {5, 4, 3, 1});
  expectBlock({6, 4.5f, 0.7f, 0.3f}, {floor, even, roundUp}, 127, {7, 6, 1, 1});
  expectBlock({6, 4.5f, 0.7f, 0.3f}, {ceil}, 128, {5, 4, 1, 0});
  expectBlock({4, 3, 2, 1}, {floor, even, roundUp, ceil}, 127, {6, 5, 4, 2});
  expectBlock({4, 0.25f, 0.2500001f, -0.25f, -0.1f, 0.125f}, {floor}, 127,
              {6, 0, 1, 8, 8, 0});
}

TEST(Quantize, F8WorkedVectorInBF16) {
  const float numbers[] = {0.0201416015625f, -0.0120849609375f, 0.003173828125f,
                           -0.00026702880859375f, 0.015625f};
  uint16_t values[kBlockSize] = {};
  for (int i = 0; i < 5; ++i) {
    values[i] = encodeBF16(numbers[i]);
    ASSERT_EQ(decodeBF16(values[i]), numbers[i]);
  }
  uint8_t packed[kBlockBytes], scale;
  quantizeTransposed(values, kBlockSize, 1, packed, &scale);
  EXPECT_EQ(scale, 119);
  EXPECT_EQ(packed[0], 0xD7);
  EXPECT_EQ(packed[1], 0x82);
  EXPECT_EQ(packed[2], 0x06);
}

TEST(Quantize, F8ErrorIsBounded) {
  // At most a quarter of the largest magnitude is clipped by Floor; within the
  // range, half of the step between elements.
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 20000; ++i) {
    std::vector<float> numbers(kBlockSize);
    for (float &number : numbers)
      number = std::ldexp(normal(random), i % 200 - 100);
    for (ScaleRule rule : kAllRules) {
      Block block = makeBlock(numbers, rule);
      double factor = decodeE8M0(block.scale);
      for (int64_t j = 0; j < kBlockSize; ++j) {
        double a = std::abs(double(numbers[j])) / factor;
        double bound = a < 2 ? 0.25 : a < 4 ? 0.5 : a <= 6 ? 1 : a - 6;
        ASSERT_LE(std::abs(double(numbers[j]) - block.values[j]),
                  bound * factor);
      }
    }
  }
}

TEST(Quantize, F10Subnormals) {
  auto power = [](int exponent) { return std::ldexp(1.0f, exponent); };
  expectBlock(
      {power(-126), power(-127), power(-128), -power(-129), power(-130),
       stepOut(power(-129))},
      {ScaleRule::Floor, ScaleRule::Even, ScaleRule::RoundUp, ScaleRule::Ceil},
      0, {4, 2, 1, 8, 0, 1});
  expectBlock({FLT_TRUE_MIN, -FLT_TRUE_MIN}, {ScaleRule::Floor}, 0, {0, 8});
}

TEST(Quantize, F9LargestNumbers) {
  expectBlock({FLT_MAX, -std::ldexp(1.0f, 127), std::ldexp(1.0f, 126),
               std::ldexp(1.0f, 125)},
              {ScaleRule::Floor}, 252, {7, 14, 4, 2});
  expectBlock({FLT_MAX}, {ScaleRule::Even, ScaleRule::RoundUp, ScaleRule::Ceil},
              253, {6});
}

TEST(Quantize, F10ZerosKeepTheirSigns) {
  expectBlock(
      {0.0f, -0.0f, 0.0f},
      {ScaleRule::Floor, ScaleRule::Even, ScaleRule::RoundUp, ScaleRule::Ceil},
      0, {0, 8, 0});
}

TEST(Quantize, F11OneBadNumberMakesTheBlockNaN) {
  float infinity = std::numeric_limits<float>::infinity();
  float payload = floatOf(0x7F800001); // the smallest NaN
  for (float bad : {infinity, -infinity, payload, -payload,
                    std::numeric_limits<float>::quiet_NaN()})
    for (ScaleRule rule : kAllRules)
      for (int64_t place = 0; place < kBlockSize; ++place) {
        std::vector<float> numbers(kBlockSize, 1.0f);
        numbers[place] = bad;
        Block block = makeBlock(numbers, rule);
        EXPECT_EQ(block.scale, kScaleNaN);
        for (int64_t i = 0; i < kBlockSize; ++i) {
          EXPECT_EQ(block.codes[i], 0);
          EXPECT_TRUE(std::isnan(block.values[i]));
        }
      }
}

TEST(Quantize, F12DecodedValuesComeBack) {
  // Every scale with every largest code, and random smaller ones.
  std::mt19937 random(3);
  for (int scale = 0; scale < 255; ++scale)
    for (int largest = 0; largest < 8; ++largest) {
      if (scale >= 253 &&
          std::ldexp(decodeE2M1(largest), scale - 127) > FLT_MAX)
        continue;
      uint8_t packed[kBlockBytes];
      for (uint8_t &byte : packed) {
        uint8_t low = random() % (largest + 1) | (random() & 8);
        uint8_t high = random() % (largest + 1) | (random() & 8);
        byte = low | high << 4;
      }
      packed[5] = (packed[5] & 0xF0) | largest;
      std::vector<float> values(kBlockSize);
      auto byte = uint8_t(scale);
      dequantizeRows(kMXFP4, packed, &byte, 1, kBlockSize, values.data());

      auto comesBack = [&](ScaleRule rule) {
        Block again = makeBlock(values, rule);
        return std::equal(
            values.begin(), values.end(), again.values.begin(),
            [](float a, float b) { return bitsOf(a) == bitsOf(b); });
      };
      SCOPED_TRACE("scale " + std::to_string(scale) + ", largest code " +
                   std::to_string(largest));
      EXPECT_TRUE(comesBack(ScaleRule::Floor));
      EXPECT_TRUE(comesBack(ScaleRule::Even));
      EXPECT_TRUE(comesBack(ScaleRule::RoundUp));
    }
}

TEST(Quantize, F12CeilLosesValues) {
  expectBlock({6, 0.5f}, {ScaleRule::Ceil}, 128, {5, 0});
}

TEST(Quantize, F12BytesMayChange) {
  Block block = makeBlock({3.0f});
  EXPECT_EQ(block.scale, 126);
  EXPECT_EQ(block.codes[0], 7);
}

/// Blocks of all kinds: of one size and of all sizes, with ties, zeros of both
/// signs, subnormal numbers, infinities and NaN.
static std::vector<float> makeAnyNumbers(int64_t count) {
  std::mt19937 random(5);
  std::vector<float> numbers(count);
  int exponent = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (i % 16 == 0)
      exponent = int(random() % 277) - 149;
    float tie = std::ldexp(float(int(random() % 65) - 32) / 32, exponent);
    numbers[i] = random() % 500 == 0 ? floatOf(uint32_t(random())) : tie;
  }
  return numbers;
}

TEST(Quantize, F7RowsRoundAsBlocksDo) {
  for (const BlockFormat &format : kBlockFormats)
    for (Rounding rounding : {Rounding::NearestEven, Rounding::NearestAway,
                              Rounding::NearestZero}) {
      SCOPED_TRACE(format.name);
      int64_t blocks = 4001;
      std::vector<float> wide = makeAnyNumbers(blocks * format.blockSize);
      QuantizeOptions options;
      options.rounding = rounding;
      if (format.scale == ScaleFormat::E4M3)
        options.tensorScale = chooseTensorScale(3e4f);
      std::vector<uint8_t> packed(blocks * format.blockBytes());
      std::vector<uint8_t> scales(blocks);
      quantizeRows(format, wide.data(), 1, blocks * format.blockSize,
                   packed.data(), scales.data(), options);
      for (int64_t i = 0; i < blocks; ++i) {
        std::vector<uint8_t> block(format.blockBytes());
        ASSERT_EQ(quantizeBlock(format, &wide[i * format.blockSize],
                                block.data(), options),
                  scales[i]);
        ASSERT_TRUE(std::equal(block.begin(), block.end(),
                               &packed[i * format.blockBytes()]))
            << "block " << i;
      }
    }
}

TEST(Quantize, F14RowsAreBlocks) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  for (const BlockFormat &format : kBlockFormats) {
    SCOPED_TRACE(format.name);
    int64_t rows = 5, columns = 3 * format.blockSize;
    std::vector<float> wide(rows * columns);
    for (size_t i = 0; i < wide.size(); ++i)
      wide[i] = normal(random) * (1 + i / format.blockSize);
    std::vector<uint8_t> bytes(wide.size());
    for (uint8_t &byte : bytes)
      byte = random();
    auto expectRowsAreBlocks = [&](QuantizeOptions options) {
      std::vector<uint8_t> packed(rows * 3 * format.blockBytes());
      std::vector<uint8_t> scales(rows * 3);
      quantizeRows(format, wide.data(), rows, columns, packed.data(),
                   scales.data(), options);
      for (size_t i = 0; i < scales.size(); ++i) {
        std::vector<uint8_t> block(format.blockBytes());
        if (options.random)
          options.random = &bytes[i * format.blockSize];
        EXPECT_EQ(quantizeBlock(format, &wide[i * format.blockSize],
                                block.data(), options),
                  scales[i]);
        EXPECT_TRUE(std::equal(block.begin(), block.end(),
                               &packed[i * format.blockBytes()]));
      }
    };
    for (ScaleRule rule : kAllRules) {
      QuantizeOptions options = by(rule);
      expectRowsAreBlocks(options);
      options.rounding = Rounding::Stochastic;
      options.random = bytes.data();
      expectRowsAreBlocks(options);
    }
  }
}

TEST(Quantize, F16TransposedIsRowsOfTheTranspose) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (int64_t inputs : {32, 96, 160})
    for (int64_t outputs : {0, 1, 7, 63, 64, 65, 130}) {
      SCOPED_TRACE(std::to_string(inputs) + " x " + std::to_string(outputs));
      std::vector<uint16_t> values(inputs * outputs);
      std::vector<float> transposed(inputs * outputs);
      for (int64_t k = 0; k < inputs; ++k)
        for (int64_t n = 0; n < outputs; ++n) {
          uint16_t value = encodeBF16(normal(random) * (1 + k));
          values[k * outputs + n] = value;
          transposed[n * inputs + k] = decodeBF16(value);
        }
      for (ScaleRule rule : kAllRules) {
        std::vector<uint8_t> packed(inputs * outputs / 2), expected(packed);
        std::vector<uint8_t> scales(inputs * outputs / kBlockSize),
            expectedScales(scales);
        quantizeTransposed(values.data(), inputs, outputs, packed.data(),
                           scales.data(), rule);
        quantizeRows(kMXFP4, transposed.data(), outputs, inputs,
                     expected.data(), expectedScales.data(), by(rule));
        EXPECT_EQ(packed, expected);
        EXPECT_EQ(scales, expectedScales);
      }
    }
}

/// Largest magnitude / 2^E, in the units of each format.
TEST(Quantize, F9RulesOfWiderElements) {
  for (const BlockFormat &format : kBlockFormats) {
    if (format.scale != ScaleFormat::E8M0)
      continue;
    SCOPED_TRACE(format.name);
    double top = decode(format.element, format.element.largest);
    double power = std::exp2(std::floor(std::log2(top)));
    double half = 1 - std::ldexp(1.0, -format.element.mantissaBits - 2);
    for (float largest : hardMagnitudes()) {
      if (mx::chooseScale(format, largest, by(ScaleRule::Floor)) == 0)
        continue; // F10
      auto quotient = [&](ScaleRule rule) {
        return std::ldexp(double(largest),
                          127 - mx::chooseScale(format, largest, by(rule)));
      };
      ASSERT_GE(quotient(ScaleRule::Floor), power);
      ASSERT_LT(quotient(ScaleRule::Floor), 2 * power);
      ASSERT_GE(quotient(ScaleRule::Even), power * half);
      ASSERT_LT(quotient(ScaleRule::Even), 2 * power * half);
      ASSERT_GT(quotient(ScaleRule::RoundUp), top / 2);
      ASSERT_LE(quotient(ScaleRule::RoundUp), top);
      ASSERT_GT(quotient(ScaleRule::Ceil), power / 2);
      ASSERT_LE(quotient(ScaleRule::Ceil), power);
      ASSERT_GE(quotient(ScaleRule::Nearest), top * 0.75 * (1 - 1e-6));
      ASSERT_LE(quotient(ScaleRule::Nearest), top * 1.5 * (1 + 1e-6));
    }
  }
}
