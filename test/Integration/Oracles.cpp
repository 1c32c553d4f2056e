//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One loop nest for each definition.
//
//===----------------------------------------------------------------------===//

#include "Oracles.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mx::test;

namespace {
/// A sum and that of the magnitudes of its terms.
struct Sum {
  double value = 0.0;
  double magnitude = 0.0;

  void add(double term) {
    value += term;
    magnitude += std::fabs(term);
  }
  void addProducts(const double *x, const double *y, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      add(x[i] * y[i]);
  }
  void storeTo(Exact &result, int64_t index) const {
    result.values[size_t(index)] = value;
    result.slack[size_t(index)] = kSumError * magnitude + kTiny;
  }
};
} // namespace

Exact mx::test::multiply(const std::vector<double> &x,
                         const std::vector<double> &weight, int64_t columns,
                         const std::vector<double> &bias,
                         const std::vector<double> &residual) {
  int64_t tokens = int64_t(x.size()) / columns;
  int64_t rows = int64_t(weight.size()) / columns;
  Exact result(tokens * rows);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t n = 0; n < rows; ++n) {
      Sum sum;
      sum.addProducts(&x[size_t(t * columns)], &weight[size_t(n * columns)],
                      columns);
      if (!bias.empty())
        sum.add(bias[size_t(n)]);
      if (!residual.empty())
        sum.add(residual[size_t(t * rows + n)]);
      sum.storeTo(result, t * rows + n);
    }
  return result;
}

std::vector<double> mx::test::roundInput(const std::vector<double> &x,
                                         int bits) {
  if (bits == 0)
    return x;
  std::vector<double> rounded;
  for (size_t first = 0; first < x.size(); first += 32) {
    double largest = 0;
    bool isFinite = true;
    for (size_t i = first; i < first + 32; ++i) {
      largest = std::max(largest, std::abs(x[i]));
      isFinite = isFinite && std::isfinite(x[i]);
    }
    if (!isFinite) {
      rounded.insert(rounded.end(), 32,
                     std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    if (bits == 8) {
      float limit = 127, magnitude = std::max(float(largest), 0x1p-118f);
      float scale = magnitude / limit, inverse = limit / magnitude;
      for (size_t i = first; i < first + 32; ++i)
        rounded.push_back(std::nearbyint(float(x[i]) * inverse) *
                          double(scale));
      continue;
    }
    // The smallest power of two, from 2^-125 on, that leaves the integers below
    // 127 * 256.
    int exponent = -125;
    while (largest >= 127.0 * std::ldexp(1.0, 8 + exponent))
      ++exponent;
    for (size_t i = first; i < first + 32; ++i)
      rounded.push_back(
          std::ldexp(std::nearbyint(std::ldexp(x[i], -exponent)), exponent));
  }
  return rounded;
}

std::string mx::test::inputFormat(int bits) {
  if (bits == 0)
    return "";
  return " {input_format = #mxfp4.input_format<int" + std::to_string(bits) +
         ">}";
}

Exact mx::test::multiplyByExpert(const std::vector<double> &x,
                                 const std::vector<double> &weight,
                                 const std::vector<double> &experts,
                                 int64_t slots, int64_t rows, int64_t columns,
                                 bool isPerSlot,
                                 const std::vector<double> &bias) {
  int64_t count = int64_t(experts.size());
  Exact result(count * rows);
  for (int64_t slot = 0; slot < count; ++slot) {
    int64_t expert = int64_t(experts[size_t(slot)]);
    int64_t row = isPerSlot ? slot : slot / slots;
    for (int64_t n = 0; n < rows; ++n) {
      Sum sum;
      sum.addProducts(&x[size_t(row * columns)],
                      &weight[size_t((expert * rows + n) * columns)], columns);
      if (!bias.empty())
        sum.add(bias[size_t(expert * rows + n)]);
      sum.storeTo(result, slot * rows + n);
    }
  }
  return result;
}

Exact mx::test::activate(const Exact &x) {
  Exact result(int64_t(x.values.size()) / 2);
  for (size_t j = 0; j < result.values.size(); ++j) {
    double gate = std::min(x.values[2 * j], kLimit);
    double up = std::clamp(x.values[2 * j + 1], -kLimit, kLimit);
    double sigmoid = 1.0 / (1.0 + std::exp(-kAlpha * gate));
    double value = gate * sigmoid * (up + 1.0);
    result.values[j] = value;
    // The slope of gate * sigmoid is at most 1.1. The exponent is off by one
    // rounding, and the rest is half a dozen roundings and exp in f32. Below
    // exp(-88) f32 ends, where a sigmoid is zero or not yet.
    result.slack[j] = 1.1 * std::fabs(up + 1.0) * x.slack[2 * j] +
                      std::fabs(gate) * sigmoid * x.slack[2 * j + 1] +
                      std::fabs(value) * (1e-6 + 2e-7 * std::fabs(gate)) +
                      1e-36 * std::fabs(gate);
  }
  return result;
}

Exact mx::test::combine(const Exact &y, const std::vector<double> &weights,
                        int64_t slots, int64_t outputs,
                        const std::vector<double> &residual) {
  int64_t tokens = int64_t(weights.size()) / slots;
  Exact result(tokens * outputs);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t n = 0; n < outputs; ++n) {
      Sum sum;
      double slack = 0.0;
      for (int64_t s = 0; s < slots; ++s) {
        size_t at = size_t((t * slots + s) * outputs + n);
        double weight = weights[size_t(t * slots + s)];
        sum.add(weight * y.values[at]);
        slack += std::fabs(weight) * y.slack[at];
      }
      if (!residual.empty())
        sum.add(residual[size_t(t * outputs + n)]);
      sum.storeTo(result, t * outputs + n);
      result.slack[size_t(t * outputs + n)] += slack;
    }
  return result;
}
