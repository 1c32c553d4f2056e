//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Making blocks of MXFP8 and NVFP4, and NVFP4 of MXFP4.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Format/Bits.h"
#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Format/Quantize.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace mx;

/// What a block of `format` holds after quantizing `numbers`.
static std::vector<float> requantize(const BlockFormat &format,
                                     std::vector<float> numbers, int &scale,
                                     const QuantizeOptions &options = {}) {
  numbers.resize(format.blockSize);
  std::vector<uint8_t> packed(format.blockBytes());
  uint8_t byte = quantizeBlock(format, numbers.data(), packed.data(), options);
  scale = byte;
  dequantizeRows(format, packed.data(), &byte, 1, format.blockSize,
                 numbers.data(), options.tensorScale.decode);
  return numbers;
}

TEST(OtherFormats, F8WorkedVectorsOfMXFP8) {
  int scale;
  EXPECT_EQ(requantize(kMXFP8E4M3, {448, 1}, scale)[0], 448.0f);
  EXPECT_EQ(scale, 127);
  EXPECT_EQ(requantize(kMXFP8E4M3, {500, 250}, scale)[0], 448.0f);
  EXPECT_EQ(scale, 127);
  QuantizeOptions options;
  options.scaleRule = ScaleRule::RoundUp;
  std::vector<float> up = requantize(kMXFP8E4M3, {500, 250}, scale, options);
  EXPECT_EQ(scale, 128);
  EXPECT_EQ(up[0], 512.0f);
  EXPECT_EQ(up[1], 256.0f);
  EXPECT_EQ(requantize(kMXFP8E5M2, {65535}, scale)[0], 57344.0f);
}

TEST(OtherFormats, F22WorkedVectorsOfNVFP4) {
  const std::vector<float> x = {0,   .1f,  -.2f, .3f,  .4f,  -.5f, .6f,   .7f,
                                .8f, -.9f, 1,    1.1f, 1.2f, 1.3f, -1.4f, 1.5f};
  const uint8_t codes[] = {0, 1, 10, 2, 3, 12, 4, 5, 5, 14, 6, 6, 6, 7, 15, 7};
  auto expectCodes = [&](const uint8_t *packed) {
    for (int i = 0; i < 16; ++i)
      EXPECT_EQ(getCode(kNVFP4, packed, i), codes[i]) << i;
  };
  uint8_t packed[16], scales[2];
  EXPECT_EQ(quantizeBlock(kNVFP4, x.data(), packed), 0x28);
  expectCodes(packed);

  std::vector<float> two = x;
  for (float value : x)
    two.push_back(0.01f * value);
  QuantizeOptions options;
  options.tensorScale = chooseTensorScale(1.5f);
  EXPECT_EQ(options.tensorScale.encode, 1792.0f);
  EXPECT_EQ(options.tensorScale.decode, 0.00055803574f);
  quantizeRows(kNVFP4, two.data(), 1, 32, packed, scales, options);
  EXPECT_EQ(scales[0], 0x7E);
  EXPECT_EQ(scales[1], 0x49);
  expectCodes(packed);
  expectCodes(packed + 8);
  float values[32];
  dequantizeRows(kNVFP4, packed, scales, 1, 32, values,
                 options.tensorScale.decode);
  EXPECT_NEAR(values[20], 0.003767, 1e-6);
  EXPECT_NEAR(values[31], 0.015067, 1e-6);
}

TEST(OtherFormats, F22EdgesOfNVFP4) {
  int scale;
  EXPECT_EQ(requantize(kNVFP4, {0, -0.0f}, scale)[0], 0.0f);
  EXPECT_EQ(scale, 0);
  for (float bad : {INFINITY, -INFINITY, NAN}) {
    EXPECT_TRUE(std::isnan(requantize(kNVFP4, {1, bad}, scale)[0]));
    EXPECT_EQ(scale, 0x7F);
  }
  requantize(kNVFP4, {FLT_MAX}, scale);
  EXPECT_EQ(scale, 0x7E);
  EXPECT_EQ(chooseTensorScale(0.0f).decode, 1.0f);
  EXPECT_TRUE(std::isfinite(chooseTensorScale(FLT_TRUE_MIN).decode));
  EXPECT_TRUE(std::isfinite(chooseTensorScale(FLT_MAX).encode));
}

TEST(OtherFormats, F22TensorScaleOfTheLargestMagnitude) {
  std::vector<float> values = {1, -3, 0.5f};
  EXPECT_EQ(getLargestMagnitude(values.data(), 3), 3.0f);
  EXPECT_EQ(getLargestMagnitude(values.data(), 0), 0.0f);
  for (float bad : {INFINITY, -INFINITY, NAN, -NAN}) {
    values[1] = bad;
    float largest = getLargestMagnitude(values.data(), 3);
    EXPECT_FALSE(std::isfinite(largest));
    EXPECT_EQ(chooseTensorScale(largest).decode, 1.0f);
    EXPECT_EQ(chooseTensorScale(largest).encode, 1.0f);
  }
}

TEST(OtherFormats, F23CastToNVFP4KeepsValues) {
  std::mt19937 random(6);
  for (int lowest : {0, 1, 100, 230, 237}) {
    constexpr int64_t blocks = 40;
    std::vector<uint8_t> packed(blocks * kBlockBytes), scales(blocks),
        nvScales(2 * blocks);
    for (uint8_t &byte : packed)
      byte = random();
    for (uint8_t &scale : scales)
      scale = lowest + random() % 18;
    scales[3] = lowest;
    scales[4] = lowest + 17;
    // A block of zeros may have any scale.
    std::fill_n(&packed[7 * kBlockBytes], kBlockBytes, 0x80);
    scales[7] = 254;
    Result<TensorScale> tensor = castScalesToNVFP4(packed.data(), scales.data(),
                                                   blocks, nvScales.data());
    ASSERT_TRUE(tensor) << tensor.error().message;
    std::vector<float> before(blocks * 32), after(blocks * 32);
    dequantizeRows(kMXFP4, packed.data(), scales.data(), blocks, 32,
                   before.data());
    dequantizeRows(kNVFP4, packed.data(), nvScales.data(), blocks, 32,
                   after.data(), tensor->decode);
    for (size_t i = 0; i < before.size(); ++i)
      ASSERT_EQ(bitsOf(before[i]), bitsOf(after[i])) << i;
  }
}

TEST(OtherFormats, F23CastToNVFP4NeedsCloseScales) {
  std::vector<uint8_t> packed(2 * kBlockBytes, 0x21), nvScales(4);
  std::vector<uint8_t> scales = {100, 118};
  auto cast = [&] {
    return castScalesToNVFP4(packed.data(), scales.data(), 2, nvScales.data());
  };
  Result<TensorScale> tensor = cast();
  ASSERT_FALSE(tensor);
  EXPECT_EQ(tensor.error().message,
            "expected scales of blocks that are not zero within a factor of "
            "2^17, but they are 2^-27 to 2^-9");
  // A NaN stays one, and does not count.
  scales = {100, kScaleNaN};
  tensor = cast();
  ASSERT_TRUE(tensor) << tensor.error().message;
  EXPECT_EQ(nvScales, (std::vector<uint8_t>{0x78, 0x78, 0x7F, 0x7F}));
  EXPECT_EQ(tensor->decode, std::ldexp(1.0f, 100 - 127 - 8));
}
