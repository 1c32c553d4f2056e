//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fake program as a Program, and what its arithmetic gives.
//
//===----------------------------------------------------------------------===//

#include "FakeProgram.h"

#include <fstream>
#include <iterator>

using namespace mx;

std::string fakeModel() { return MXFP4_SOURCE_DIR "/models/tiny-shakespeare"; }

static Buffer makeBuffer(const char *name, BufferKind kind, uint64_t bytes,
                         uint64_t bytesPerPosition = 0) {
  Buffer buffer;
  buffer.name = name;
  buffer.kind = kind;
  buffer.bytes = bytes;
  buffer.bytesPerPosition = bytesPerPosition;
  return buffer;
}

Program makeFakeProgram(bool samples) {
  Program program;
  program.target = "cpu:any";
  program.activations = "f32";
  program.vocabSize = kFakeVocab;
  program.maxPositions = 1000;
  program.maxRewind = 5;
  program.buffers = {
      makeBuffer("model.norm.weight", BufferKind::Weight, kFakeNormSize * 4),
      makeBuffer("model.layers.0.mlp.router.bias", BufferKind::Weight, 8 * 2),
      makeBuffer("history", BufferKind::Cache, 0, 4),
      makeBuffer("tokens", BufferKind::Input, kFakePrefillTokens * 4),
      makeBuffer("hidden", BufferKind::Arena, kFakePrefillTokens * 4),
      makeBuffer("logits", BufferKind::Output,
                 kFakeUnembedTokens * kFakeVocab * 4)};
  program.buffers[kFakeNorm].dtype = "BF16";
  program.buffers[kFakeNorm].shape = {kFakeNormSize};
  program.buffers[kFakeNorm].prepare = "fake_prepare";
  program.buffers[kFakeBias].dtype = "BF16";
  program.buffers[kFakeBias].shape = {8};
  program.entries = {{"prefill", "fake_prefill", kFakePrefillTokens, {}},
                     {"unembed", "fake_unembed", kFakeUnembedTokens, {}},
                     {"decode", "fake_decode", 1, {}}};
  if (samples) {
    program.buffers.push_back(makeBuffer("settings", BufferKind::Input, 16));
    program.buffers.push_back(
        makeBuffer("sampled", BufferKind::Output, kFakeUnembedTokens * 4));
    program.entries.push_back(
        {"sample", "fake_sample", kFakeUnembedTokens, {}});
  }
  std::ifstream code(MXFP4_FAKE_PROGRAM, std::ios::binary);
  program.code.assign(std::istreambuf_iterator<char>(code), {});
  return program;
}

Program makeFakeBatchProgram() {
  Program program = makeFakeProgram(/*samples=*/true);
  program.sequences = kFakeBatch;
  program.buffers[kFakeHistory].bytesPerPosition = 4 * kFakeBatch;
  for (const char *name : {"positions", "sequences"})
    program.buffers.push_back(
        makeBuffer(name, BufferKind::Input, kFakeBatch * 4));
  program.entries.push_back(
      {"decode_batch", "fake_decode_batch", kFakeBatch, {}});
  program.entries.push_back({"sample_batch", "fake_sample", kFakeBatch, {}});
  return program;
}

int32_t expectedNext(const std::vector<int32_t> &tokens) {
  int64_t sum = 0;
  for (size_t i = 0; i < tokens.size(); ++i)
    sum += int64_t(i + 1) * tokens[i];
  return int32_t(sum % kFakeVocab);
}
