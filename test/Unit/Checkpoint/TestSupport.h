//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tests of lib/Checkpoint share: hand-made files and a model small
// enough to be written for every case.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEST_UNIT_CHECKPOINT_TESTSUPPORT_H
#define MXFP4_TEST_UNIT_CHECKPOINT_TESTSUPPORT_H

#include "Support/TemporaryFolder.h"
#include "mxfp4/Checkpoint/ModelConfig.h"
#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace mx::test {

/// `text` with the first `from` replaced by `to`; `from` must be there.
inline std::string replaced(std::string text, const std::string &from,
                            const std::string &to) {
  size_t position = text.find(from);
  EXPECT_NE(position, std::string::npos) << from;
  return position == std::string::npos
             ? text
             : text.replace(position, from.size(), to);
}

/// A safetensors file with this header, without padding, and this data.
inline std::string makeSafetensors(const std::string &header,
                                   const std::string &data) {
  std::string length;
  for (unsigned byte = 0; byte < 8; ++byte)
    length +=
        static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * byte));
  return length + header + data;
}

/// Two layers, three experts; every dimension differs from every other.
inline ModelConfig smallModel() {
  ModelConfig config = ModelConfig::gptOss20B();
  config.numHiddenLayers = 2;
  config.hiddenSize = 64;
  config.intermediateSize = 96;
  config.numLocalExperts = 3;
  config.numExpertsPerTok = 2;
  config.numAttentionHeads = 4;
  config.numKeyValueHeads = 2;
  config.headDim = 20;
  config.vocabSize = 50;
  config.slidingWindow = 8;
  config.maxPositionEmbeddings = 256;
  config.ropeScaling.originalMaxPositions = 64;
  config.ropeScaling.factor = 4;
  config.slidingLayers = {true, false};
  config.eosTokenIds = {49};
  return config;
}

/// Expects a failure whose message contains `text`.
template <typename T>
void expectError(const Result<T> &result, const std::string &text) {
  ASSERT_FALSE(result) << "expected: " << text;
  EXPECT_NE(result.error().message.find(text), std::string::npos)
      << "message:  " << result.error().message << "\nexpected: " << text;
}

} // namespace mx::test

#endif // MXFP4_TEST_UNIT_CHECKPOINT_TESTSUPPORT_H
