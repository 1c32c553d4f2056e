//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sampling in linear time: the vocabulary is partitioned by nth_element, and
// only the few tokens that are kept are sorted. Sums run in an order that does
// not depend on the library's partition, so results are the same everywhere.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mx;

/// How many tokens top-p sorts first; nearly always they hold enough.
static constexpr size_t kFirstSorted = 64;

Sampler::Sampler(const SamplerOptions &options, int64_t vocabSize)
    : options(options), random(options.seed), weights(size_t(vocabSize)),
      order(size_t(vocabSize)) {}

Status mx::checkSampling(const SamplerOptions &options) {
  if (!(options.temperature >= 0 && std::isfinite(options.temperature)))
    return Error{"expected a temperature of 0 or more, but got " +
                 std::to_string(options.temperature)};
  if (!(options.topP > 0 && options.topP <= 1))
    return Error{"expected top-p to be above 0 and at most 1, but got " +
                 std::to_string(options.topP)};
  if (options.topK < 0)
    return Error{"expected top-k to be 0 or more, but got " +
                 std::to_string(options.topK)};
  return {};
}

Result<Sampler> Sampler::create(const SamplerOptions &options,
                                int64_t vocabSize) {
  if (Status status = checkSampling(options); !status)
    return status.error();
  if (vocabSize < 1 || vocabSize > INT32_MAX)
    return Error{"expected a vocabulary of 1 or more tokens, but got " +
                 std::to_string(vocabSize)};
  return Sampler(options, vocabSize);
}

/// The token of the largest of `count` logits.
static Result<int32_t> findLargest(const float *logits, size_t count) {
  size_t largest = 0;
  bool anyNaN = false;
  for (size_t token = 0; token < count; ++token) {
    anyNaN |= std::isnan(logits[token]);
    if (logits[token] > logits[largest])
      largest = token;
  }
  if (anyNaN)
    return Error{"a logit is NaN; the weights or the program are damaged"};
  if (std::isinf(logits[largest]))
    return Error{"the largest logit is infinite; the weights or the program "
                 "are damaged"};
  return int32_t(largest);
}

void Sampler::sortLargest(const float *logits, size_t count) {
  auto larger = [=](int32_t a, int32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  };
  auto middle = order.begin() + ptrdiff_t(count);
  if (count < order.size())
    std::nth_element(order.begin(), middle, order.end(), larger);
  std::sort(order.begin(), middle, larger);
}

size_t Sampler::keepTopP(const float *logits, size_t kept, double &total) {
  double wanted = options.topP * total;
  for (size_t sorted = kFirstSorted;; sorted *= 8) {
    sorted = std::min(sorted, kept);
    sortLargest(logits, sorted);
    double sum = 0;
    for (size_t i = 0; i < sorted; ++i) {
      sum += weights[size_t(order[i])];
      if (sum >= wanted || i + 1 == kept) {
        total = sum;
        return i + 1;
      }
    }
  }
}

Result<int32_t> Sampler::sample(const float *logits) {
  Result<int32_t> largest = findLargest(logits, weights.size());
  if (!largest || options.temperature == 0)
    return largest;

  for (size_t token = 0; token < weights.size(); ++token)
    weights[token] = std::exp((logits[token] - logits[size_t(*largest)]) /
                              options.temperature);
  std::iota(order.begin(), order.end(), 0);
  size_t kept = order.size();
  if (options.topK > 0 && size_t(options.topK) < kept) {
    kept = size_t(options.topK);
    sortLargest(logits, kept);
  }
  double total = 0;
  for (size_t i = 0; i < kept; ++i)
    total += weights[size_t(order[i])];
  if (options.topP < 1)
    kept = keepTopP(logits, kept, total);

  // 53 random bits are a number in [0, 1).
  double rest = double(random() >> 11) * 0x1p-53 * total;
  for (size_t i = 0; i < kept; ++i) {
    rest -= weights[size_t(order[i])];
    if (rest < 0)
      return order[i];
  }
  // Rounding left a sliver past the end.
  return *largest;
}
