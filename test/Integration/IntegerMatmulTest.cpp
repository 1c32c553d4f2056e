//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Matmuls whose inputs are rounded to integers.
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"
#include "Oracles.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace mx;
using namespace mx::test;

TEST(Matmul, InputsAsIntegers) {
  Random random(8);
  std::vector<Kernel> kernels;
  for (int bits : {8, 16})
    for (const BlockFormat &format : {kMXFP4, kNVFP4, kMXFP8E4M3})
      for (int i = 0; i < 6; ++i) {
        MatmulCase c;
        c.inputBits = bits;
        c.format = format;
        c.rows = random.integer(1, 70);
        c.columns = 32 * random.integer(1, 10);
        c.input = random.coin() ? ElementType::BF16 : ElementType::F32;
        c.output = random.coin() ? ElementType::BF16 : ElementType::F32;
        c.hasBias = random.coin();
        c.tokens = {random.integer(1, 30)};
        if (random.coin())
          c.tokens.push_back(1);
        kernels.push_back(makeMatmul(random, c));
      }
  checkKernelsInTurn(kernels);
}

TEST(Matmul, IntegersOfAllMagnitudes) {
  // Blocks around powers of two, where the scale steps, from the smallest
  // numbers to what is as large as sums allow; all zero; with a NaN or an
  // infinity.
  Random random(9);
  auto makeInput = [&](int64_t size) {
    std::vector<double> x;
    for (int64_t block = 0; block < size / 32; ++block) {
      int exponent = int(random.integer(-149, 100));
      // 1.984375 is 127/64.
      constexpr double kLargest[] = {1.0,      1.5,       1.9843749,
                                     1.984375, 1.9921875, 1.9999999};
      double largest = std::ldexp(kLargest[random.integer(0, 5)], exponent);
      bool isZero = random.integer(0, 9) == 0;
      for (int64_t i = 0; i < 32; ++i)
        x.push_back(isZero ? 0.0 : largest * random.real());
      if (!isZero)
        x[size_t(32 * block + random.integer(0, 31))] = largest;
    }
    return x;
  };
  std::vector<Kernel> kernels;
  for (int bits : {8, 16})
    for (int64_t tokens : {1, 24}) {
      MatmulCase c;
      c.inputBits = bits;
      c.rows = 20;
      c.columns = 32;
      c.tokens = {tokens};
      c.makeInput = makeInput;
      kernels.push_back(makeMatmul(random, c));
      c.makeInput = [&](int64_t size) {
        std::vector<double> x = makeInput(size);
        x[5] = std::numeric_limits<double>::quiet_NaN();
        x.back() = std::numeric_limits<double>::infinity();
        return x;
      };
      kernels.push_back(makeMatmul(random, c));
    }
  checkKernels(kernels);
}

TEST(Matmul, IntegersOfRealShape) {
  Random random(10);
  std::vector<Kernel> kernels;
  for (int bits : {8, 16}) {
    MatmulCase c;
    c.inputBits = bits;
    c.rows = 160;
    c.columns = 2880;
    c.input = ElementType::BF16;
    c.tokens = {1, 31};
    kernels.push_back(makeMatmul(random, c));
  }
  checkKernels(kernels);
}

TEST(Matmul, LargestSumsOfIntegers) {
  // Weights of 6 and -6, inputs of the largest integer and its negative.
  Random random(11);
  std::vector<Kernel> kernels;
  for (int bits : {8, 16}) {
    MatmulCase c;
    c.inputBits = bits;
    c.rows = 20;
    c.columns = 64;
    c.tokens = {1, 6, 8, 9, 24};
    c.makeElements = [](int64_t row) { return row % 2 ? 0xFF : 0x77; };
    c.makeInput = [&](int64_t size) {
      std::vector<double> x;
      for (int64_t i = 0; i < size; ++i)
        x.push_back(i / c.columns % 2 ? -1.0 : 1.0);
      return x;
    };
    kernels.push_back(makeMatmul(random, c));
  }
  checkKernels(kernels);
}
