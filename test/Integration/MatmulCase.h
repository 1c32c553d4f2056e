//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A matmul as a kernel, with what it must compute.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEST_INTEGRATION_MATMULCASE_H
#define MXFP4_TEST_INTEGRATION_MATMULCASE_H

#include "KernelRunner.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace mx::test {

/// A matmul to test.
struct MatmulCase {
  /// Of mxfp4.matmul; else nn.linear with a weight of this type.
  bool isScaled = true;
  BlockFormat format = kMXFP4;
  bool hasTensorScale = false;
  ElementType weightType = ElementType::BF16;
  int64_t rows = 1;
  int64_t columns = 32;
  /// The numbers of tokens of the calls; a single one is a static size.
  std::vector<int64_t> tokens = {1};
  ElementType input = ElementType::F32;
  ElementType output = ElementType::F32;
  /// Of the integers that the input is rounded to; 0 for none.
  int inputBits = 0;
  bool hasBias = false;
  bool hasResidual = false;
  /// Makes the input of a call; random if empty.
  std::function<std::vector<double>(int64_t size)> makeInput;
  /// Makes the bytes of a row of a scaled weight; random if empty.
  std::function<uint8_t(int64_t row)> makeElements;
};

/// The matmul with random weights, and a call for each number of tokens.
Kernel makeMatmul(Random &random, const MatmulCase &c);

} // namespace mx::test

#endif // MXFP4_TEST_INTEGRATION_MATMULCASE_H
