//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code of a program whose arithmetic a test can follow: the sum of all
// tokens, weighted with their positions, picks the next token. Its work is
// divided among threads and meets at barriers as that of a compiled program.
//
//===----------------------------------------------------------------------===//

#include "FakeProgram.h"

#include "mxfp4/ABI/Program.h"

#include <cstring>

namespace {
/// The part of [0, count) that is the calling thread's.
struct Range {
  Range(const MXInvocation *call, int64_t count)
      : begin(count * call->thread / call->threads),
        end(count * (call->thread + 1) / call->threads) {}
  int64_t begin;
  int64_t end;
};
} // namespace

/// The tokens so far of a sequence.
static int32_t *getHistory(const MXInvocation *call, int64_t sequence) {
  auto *history = static_cast<int32_t *>(call->buffers[kFakeHistory]);
  return history + sequence * call->context;
}

/// The hidden state at a position.
static float getHidden(const int32_t *history, int64_t position) {
  int64_t sum = 0;
  for (int64_t p = 0; p <= position; ++p)
    sum += (p + 1) * history[p];
  return float(sum % kFakeVocab);
}

/// Hidden states of all rows of the call.
static void embed(const MXInvocation *call) {
  int32_t *history = getHistory(call, call->sequence);
  auto *tokens = static_cast<const int32_t *>(call->buffers[kFakeTokens]);
  auto *hidden = static_cast<float *>(call->buffers[kFakeHidden]);
  Range range(call, call->tokens);
  for (int64_t row = range.begin; row < range.end; ++row)
    history[call->position + row] = tokens[row];
  call->barrier(call->team, 0);
  for (int64_t row = range.begin; row < range.end; ++row)
    hidden[row] = getHidden(history, call->position + row);
  call->barrier(call->team, 1);
}

/// The same of rows of different sequences.
static void embedBatch(const MXInvocation *call) {
  auto *tokens = static_cast<const int32_t *>(call->buffers[kFakeTokens]);
  auto *positions = static_cast<const int32_t *>(call->buffers[kFakePositions]);
  auto *sequences = static_cast<const int32_t *>(call->buffers[kFakeSequences]);
  auto *hidden = static_cast<float *>(call->buffers[kFakeHidden]);
  Range range(call, call->tokens);
  for (int64_t row = range.begin; row < range.end; ++row) {
    int32_t *history = getHistory(call, sequences[row]);
    history[positions[row]] = tokens[row];
    hidden[row] = getHidden(history, positions[row]);
  }
  call->barrier(call->team, 1);
}

/// Logits of `rows` rows of hidden states from row `first`.
static void project(const MXInvocation *call, int64_t first, int64_t rows) {
  auto *norm = static_cast<const float *>(call->buffers[kFakeNorm]);
  auto *hidden = static_cast<const float *>(call->buffers[kFakeHidden]);
  auto *logits = static_cast<float *>(call->buffers[kFakeLogits]);
  Range range(call, kFakeVocab);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t v = range.begin; v < range.end; ++v)
      logits[row * kFakeVocab + v] =
          norm[v % kFakeNormSize] + (hidden[first + row] == float(v) ? 100 : 0);
}

extern "C" {
void fake_prefill(const MXInvocation *call) { embed(call); }

void fake_unembed(const MXInvocation *call) {
  project(call, call->position, call->tokens);
}

void fake_decode(const MXInvocation *call) {
  embed(call);
  project(call, 0, 1);
}

void fake_decode_batch(const MXInvocation *call) {
  embedBatch(call);
  project(call, 0, call->tokens);
}

void fake_sample(const MXInvocation *call) {
  auto *logits = static_cast<const float *>(call->buffers[kFakeLogits]);
  auto *settings = static_cast<const int32_t *>(call->buffers[kFakeSettings]);
  auto *sampled = static_cast<int32_t *>(call->buffers[kFakeSampled]);
  if (call->thread != 0)
    return;
  for (int64_t row = 0; row < call->tokens; ++row) {
    const float *own = logits + row * kFakeVocab;
    int32_t largest = 0;
    bool hasNaN = false;
    for (int32_t v = 0; v < settings[0]; ++v) {
      hasNaN |= own[v] != own[v];
      if (own[v] > own[largest])
        largest = v;
    }
    sampled[row] = hasNaN ? -1 : (largest + settings[2]) % settings[0];
  }
}

/// BF16 to F32.
void fake_prepare(const MXInvocation *call) {
  auto *source = static_cast<const unsigned char *>(call->buffers[0]);
  auto *destination = static_cast<float *>(call->buffers[1]);
  Range range(call, kFakeNormSize);
  for (int64_t i = range.begin; i < range.end; ++i) {
    uint32_t bits = uint32_t(source[2 * i] | source[2 * i + 1] << 8) << 16;
    std::memcpy(destination + i, &bits, sizeof(bits));
  }
}
}
