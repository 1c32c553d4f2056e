//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What matmuls and their epilogues mean, in plain C++ and f64, with bounds for
// the error of the same in f32.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEST_INTEGRATION_ORACLES_H
#define MXFP4_TEST_INTEGRATION_ORACLES_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mx::test {

/// Values, and how far each may be off in f32.
struct Exact {
  explicit Exact(int64_t size = 0)
      : values(std::size_t(size)), slack(std::size_t(size)) {}

  std::vector<double> values;
  std::vector<double> slack;
};

/// By how much of the sum of magnitudes a sum in f32 may be off. With n terms
/// added one after another the error is about sqrt(n) halves of 2^-23, and n is
/// below 1100 in these tests.
constexpr double kSumError = 2e-6;

/// The steps between subnormal numbers of f32, for sums that are so small.
constexpr double kTiny = 1e-42;

/// `x` [T, K] times the transpose of `weight` [N, K], plus `bias` [N] and
/// `residual` [T, N] where not empty.
Exact multiply(const std::vector<double> &x, const std::vector<double> &weight,
               int64_t columns, const std::vector<double> &bias,
               const std::vector<double> &residual);

/// Numbers in blocks of 32 as a matmul takes them that has its input in
/// integers of `bits`, 8 or 16 (F24). Without `bits` they stay as they are.
std::vector<double> roundInput(const std::vector<double> &x, int bits);

/// The attribute of a matmul that says so; nothing without `bits`.
std::string inputFormat(int bits);

/// For each slot of `experts` [T, S] the product with the `weight` [E, N, K] of
/// its expert, plus its `bias` [E, N] where not empty. `x` is [T, K], or
/// [T, S, K] if `isPerSlot`.
Exact multiplyByExpert(const std::vector<double> &x,
                       const std::vector<double> &weight,
                       const std::vector<double> &experts, int64_t slots,
                       int64_t rows, int64_t columns, bool isPerSlot,
                       const std::vector<double> &bias);

/// The constants of GPT-OSS, as the f32 numbers that kernels have.
constexpr double kAlpha = double(1.702f);
constexpr double kLimit = 7.0;

/// The clamped SwiGLU of pairs of `x`.
Exact activate(const Exact &x);

/// The sum over slots of `weights` [T, S] times `y` [T, S, N], plus `residual`
/// [T, N] where not empty.
Exact combine(const Exact &y, const std::vector<double> &weights, int64_t slots,
              int64_t outputs, const std::vector<double> &residual);

} // namespace mx::test

#endif // MXFP4_TEST_INTEGRATION_ORACLES_H
