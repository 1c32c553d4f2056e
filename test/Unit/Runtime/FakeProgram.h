//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the code of the fake program and the tests that run it agree on.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEST_UNIT_RUNTIME_FAKEPROGRAM_H
#define MXFP4_TEST_UNIT_RUNTIME_FAKEPROGRAM_H

#include "mxfp4/ABI/Program.h"

#include <cstdint>
#include <vector>

/// As the model in models/tiny-shakespeare, whose weights it takes.
constexpr int64_t kFakeVocab = 2048;
constexpr int64_t kFakeNormSize = 192;

/// Tokens of one call of "prefill" and "unembed".
constexpr int64_t kFakePrefillTokens = 8;
constexpr int64_t kFakeUnembedTokens = 3;

/// Its buffers, in order.
enum FakeBuffer {
  kFakeNorm,
  kFakeBias,
  kFakeHistory,
  kFakeTokens,
  kFakeHidden,
  kFakeLogits,
  kFakeSettings,
  kFakeSampled,
  kFakePositions,
  kFakeSequences
};

/// The fake program, for all processors; on request with "sample", which
/// chooses the largest logit, and with a seed of 1 the token after it.
mx::Program makeFakeProgram(bool samples = false);
/// The same for some sequences, which chooses tokens.
mx::Program makeFakeBatchProgram();
constexpr int64_t kFakeBatch = 3;

/// The folder of the model whose weights the fake program takes.
std::string fakeModel();

/// The most probable token after `tokens`.
int32_t expectedNext(const std::vector<int32_t> &tokens);

/// Allocations of the whole process so far.
int64_t countAllocations();

#endif // MXFP4_TEST_UNIT_RUNTIME_FAKEPROGRAM_H
