//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cross entropy over windows of a text.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Evaluate.h"

#include <algorithm>
#include <cmath>

using namespace mx;

double Evaluation::perplexity() const { return std::exp(loss); }

int64_t mx::countWindows(int64_t tokens, int64_t window) {
  return tokens > 0 ? (tokens - 1) / window : 0;
}

double mx::crossEntropy(const float *logits, int64_t vocabSize,
                        int32_t target) {
  double largest = *std::max_element(logits, logits + vocabSize);
  double sum = 0;
  for (int64_t i = 0; i < vocabSize; ++i)
    sum += std::exp(logits[i] - largest);
  return std::log(sum) + largest - logits[target];
}

Status mx::checkText(const std::vector<int32_t> &ids, int64_t window,
                     int64_t vocabSize, int64_t context) {
  if (window < 1 || window > context)
    return Error{"expected a window of 1 to " + std::to_string(context) +
                 " tokens, which the context holds (--context), but got " +
                 std::to_string(window)};
  if (countWindows(int64_t(ids.size()), window) == 0)
    return Error{"expected a text of more than " + std::to_string(window) +
                 " tokens, which is one window, but it has " +
                 std::to_string(ids.size())};
  return checkTokens(ids.data(), int64_t(ids.size()), vocabSize);
}

Result<Evaluation> mx::evaluate(Session &session,
                                const std::vector<int32_t> &ids, int64_t window,
                                const ProgressCallback &progress) {
  if (Status status =
          checkText(ids, window, session.vocabSize(), session.context());
      !status)
    return status.error();

  int64_t total = countWindows(int64_t(ids.size()), window) * window;
  Evaluation evaluation;
  double sum = 0;
  for (int64_t begin = 0; begin < total; begin += window) {
    session.reset();
    Status status =
        session.prefill(ids.data() + begin, window, Rows::All,
                        [&](int64_t position, const float *logits) -> Status {
                          int64_t target = begin + position + 1;
                          double loss = crossEntropy(
                              logits, session.vocabSize(), ids[size_t(target)]);
                          if (!std::isfinite(loss))
                            return Error{"the logits that predict token " +
                                         std::to_string(target) +
                                         " of the text are not finite"};
                          sum += loss;
                          ++evaluation.tokens;
                          return {};
                        });
    if (!status)
      return status.error();
    if (progress)
      progress(uint64_t(begin + window), uint64_t(total));
  }
  evaluation.loss = sum / double(evaluation.tokens);
  return evaluation;
}
