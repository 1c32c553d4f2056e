//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chooses the next token from a row of logits.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_SAMPLER_H
#define MXFP4_RUNTIME_SAMPLER_H

#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <random>
#include <vector>

namespace mx {

/// How to choose. The default draws from the distribution of the model as it
/// is.
struct SamplerOptions {
  /// Divides the logits; 0 always takes the largest.
  float temperature = 1.0f;
  /// Keeps this many of the largest logits; 0 keeps all.
  int64_t topK = 0;
  /// Then keeps the fewest of the most probable tokens whose probabilities add
  /// up to this; 1 keeps all.
  float topP = 1.0f;
  /// The same seed and logits give the same tokens.
  uint64_t seed = 0;
};

/// Fails on options that are out of range.
Status checkSampling(const SamplerOptions &options);

/// Draws tokens, one after another, from rows of logits of one vocabulary.
class Sampler {
public:
  /// For rows of `vocabSize` logits or more; those past it, which no token of
  /// the tokenizer has, are never chosen.
  static Result<Sampler> create(const SamplerOptions &options,
                                int64_t vocabSize);

  /// The next token. Of equal logits the one of the lowest token counts as the
  /// largest. Fails on logits that are NaN or infinite, except that minus
  /// infinity bars a token. Does not allocate.
  Result<int32_t> sample(const float *logits);

  /// Tokens that it chooses among.
  int64_t vocabSize() const { return int64_t(weights.size()); }

private:
  Sampler(const SamplerOptions &options, int64_t vocabSize);

  /// Sorts the `count` tokens of the largest logits to the front of `order`.
  void sortLargest(const float *logits, size_t count);
  /// Cuts `order`, of which `kept` tokens count, to the first that hold topP of
  /// the probability. Returns how many, and their weight in `total`.
  size_t keepTopP(const float *logits, size_t kept, double &total);

  SamplerOptions options;
  /// Uniform 64-bit numbers, the same on every platform.
  std::mt19937_64 random;
  /// Of each token: exp((logit - largest) / temperature).
  std::vector<float> weights;
  /// Tokens, the most probable first as far as they were sorted.
  std::vector<int32_t> order;
};

} // namespace mx

#endif // MXFP4_RUNTIME_SAMPLER_H
