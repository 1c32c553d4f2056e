//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How well a model predicts a text.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_EVALUATE_H
#define MXFP4_RUNTIME_EVALUATE_H

#include "mxfp4/Runtime/Session.h"
#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <vector>

namespace mx {

/// The loss of a model on a text.
struct Evaluation {
  /// How many tokens were predicted.
  int64_t tokens = 0;
  /// Mean of -log(probability of the token) in nats.
  double loss = 0;

  /// exp(loss): among how many tokens the model hesitates.
  double perplexity() const;
};

/// How many windows of `window` inputs a text of `tokens` has. The last input
/// of a window predicts the first of the next, so one token more is needed.
int64_t countWindows(int64_t tokens, int64_t window);

/// -log(softmax(logits)[target]) in nats, computed in double. Not finite if the
/// logits are not.
double crossEntropy(const float *logits, int64_t vocabSize, int32_t target);

/// Fails unless `ids` are one window or more, all of them in a vocabulary of
/// `vocabSize`, and a window fits `context` positions.
Status checkText(const std::vector<int32_t> &ids, int64_t window,
                 int64_t vocabSize, int64_t context);

/// Cuts `ids` into windows, each a sequence of its own in which every token
/// predicts the next one of the text. A last window that is not whole is left
/// out. `progress` may be empty; its unit is tokens.
Result<Evaluation> evaluate(Session &session, const std::vector<int32_t> &ids,
                            int64_t window,
                            const ProgressCallback &progress = {});

} // namespace mx

#endif // MXFP4_RUNTIME_EVALUATE_H
