//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sequences of tokens on their way through a model: the weights in their final
// layout, the caches, and the calls that append tokens and give logits.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_SESSION_H
#define MXFP4_RUNTIME_SESSION_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Checkpoint/Checkpoint.h"
#include "mxfp4/Runtime/LoadedProgram.h"
#include "mxfp4/Runtime/Sampler.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

namespace mx {

/// Told how many of all bytes of work are done.
using ProgressCallback = std::function<void(uint64_t done, uint64_t total)>;

/// Asked between two steps of work, on the thread that asked for the work,
/// whether to stop.
using InterruptCallback = std::function<bool()>;

/// Positions of a session that does not say how many, if the program has them.
constexpr int64_t kDefaultContext = 4096;

/// The positions of a session for a model that has `maxPositions`: those that
/// are `requested`, or, if that is 0, those that are `wanted`, as far as the
/// model has them. Fails on a request that it does not have.
Result<int64_t> chooseContext(int64_t requested, int64_t maxPositions,
                              int64_t wanted = kDefaultContext);

/// Fails unless all of `count` tokens are in a vocabulary of `vocabSize`.
Status checkTokens(const int32_t *tokens, int64_t count, int64_t vocabSize);

/// Fails unless `ids` are 1 or more tokens of a vocabulary of `vocabSize` that
/// fit `context` positions. Needs no session, so it can come before one.
Status checkPrompt(const std::vector<int32_t> &ids, int64_t vocabSize,
                   int64_t context);

/// Fails if `program` has caches for fewer than `batch` sequences.
Status checkBatch(const Program &program, int64_t batch);

struct SessionOptions {
  /// 0 is one for each processor, as far as the program allows.
  int64_t threads = 0;
  /// Keeps each thread on a processor of its own.
  bool pin = false;
  /// Positions that the caches hold; 0 is kDefaultContext or what the program
  /// has, if that is less.
  int64_t context = 0;
  /// Called while weights are loaded; may be empty.
  ProgressCallback progress;
  /// When it gives true, loading and prefill stop before the next weight or
  /// chunk and fail with kInterrupted. May be empty.
  InterruptCallback interrupt;
};

/// Which rows of logits a prefill computes.
enum class Rows { None, Last, All };

/// Takes the logits of one position, valid during the call. An error stops the
/// prefill.
using RowVisitor = std::function<Status(int64_t position, const float *logits)>;

/// A Program with all memory that it needs, and its sequences: one, if it was
/// compiled for no more. Calls without "batch" in their names are about the
/// sequence that select() chose, which is the first one before.
class Session {
public:
  /// Allocates everything and loads the weights of `checkpoint`, one tensor
  /// after another: peak memory is the final layout and one tensor. Neither
  /// `program` nor `checkpoint` is needed afterwards.
  static Result<std::unique_ptr<Session>>
  create(const Program &program, Checkpoint &checkpoint,
         const SessionOptions &options = {});

  /// Appends `count` tokens to the sequence. Rows::Last leaves the logits of
  /// the last one in logits(); Rows::All gives those of each one to `visit`. If
  /// it is stopped on the way, position() says how many were appended.
  Status prefill(const int32_t *tokens, int64_t count, Rows rows,
                 const RowVisitor &visit = {});

  /// Appends one token and returns its logits. Does not allocate.
  Result<const float *> decode(int32_t token);

  /// Whether the program can choose tokens itself, so that logits stay where
  /// they are: those of a GPU.
  bool canSample() const { return sampleCall.maxTokens != 0; }

  /// What the program chooses by from now on, among the first `count` tokens:
  /// options without top-k and top-p. Its random numbers depend on the seed,
  /// the position and the sequence, and are others than those of Sampler.
  Status setSampling(const SamplerOptions &options, int64_t count);

  /// Appends `count` tokens to the sequence and chooses one after the last, or
  /// with Rows::All after each of them, which it appends to `chosen`. Fails on
  /// logits that are NaN, and if the largest is infinite.
  Status prefillAndSample(const int32_t *tokens, int64_t count, Rows rows,
                          std::vector<int32_t> &chosen);

  /// Appends one token and chooses the next. Does not allocate.
  Result<int32_t> decodeAndSample(int32_t token);

  /// How many sequences there are.
  int64_t sequences() const { return int64_t(states.size()); }

  /// Makes sequence number `index` the one that calls are about. Fails if there
  /// is none.
  Status select(int64_t index);

  /// Appends tokens[i] to sequence ids[i], one token to each of `count`
  /// different sequences, and returns their logits, [count, vocabSize()]. Needs
  /// a program for more sequences than one. Does not allocate.
  Result<const float *> decodeBatch(const int32_t *tokens, const int32_t *ids,
                                    int64_t count);

  /// Likewise, and returns the next token of each. Needs canSample().
  Result<const int32_t *> decodeBatchAndSample(const int32_t *tokens,
                                               const int32_t *ids,
                                               int64_t count);

  /// The row of vocabSize() logits that the last call computed last, unless the
  /// program chose tokens by them. Valid until the next call.
  const float *logits() const { return lastLogits; }

  /// Starts the sequence anew.
  void reset() { states[selected] = {}; }

  /// Takes tokens back, so that the sequence has `position` of them again.
  /// Fails if that is not among the maxRewind() before the most that it had.
  Status rewind(int64_t position);

  /// From now on `profile` gets the times of ops; null ends that. It is for the
  /// program of this session.
  void setProfile(OpProfile *value) { profile = value; }

  /// How many tokens the sequence has.
  int64_t position() const { return states[selected].length; }
  /// How many it can have.
  int64_t context() const { return maxLength; }
  int64_t vocabSize() const { return vocabulary; }
  int64_t maxRewind() const { return rewindable; }
  int64_t threads() const { return loaded->threads(); }
  /// Bytes of all buffers.
  uint64_t bytes() const { return loaded->bytes(); }

private:
  /// An entry point: its index in the Program, and how many tokens it takes.
  struct Call {
    size_t entry = 0;
    int64_t maxTokens = 0;
  };

  struct Sequence {
    /// How many tokens it has, and the most that it had.
    int64_t length = 0;
    int64_t highest = 0;
    /// True while a batch is checked that it is in.
    bool inBatch = false;

    void append(int64_t count) {
      length += count;
      highest = std::max(highest, length);
    }
  };

  Session() = default;
  Sequence &current() { return states[selected]; }
  Status bindEntries(const Program &program);
  Status loadWeights(const Program &program, Checkpoint &checkpoint,
                     const SessionOptions &options);
  /// Gets the rows of the logits buffer that were computed for positions from
  /// `position` on.
  using RowsReader = std::function<Status(int64_t position, int64_t rows)>;
  Status appendChunks(const int32_t *tokens, int64_t count, Rows rows,
                      const RowsReader &read);
  Status computeLogits(int64_t first, int64_t count, const RowsReader &read);
  Status runToken(int32_t token);
  Status readLogits(int64_t rows);
  Status runBatch(const int32_t *tokens, const int32_t *ids, int64_t count);
  Status checkBatch(const int32_t *tokens, const int32_t *ids, int64_t count);
  Result<const int32_t *> sampleRows(const Call &call, int64_t position,
                                     int64_t rows);
  Status run(const Call &call, int64_t tokens, int64_t position);
  bool interrupted() const { return interrupt && interrupt(); }

  std::unique_ptr<LoadedProgram> loaded;
  InterruptCallback interrupt;
  OpProfile *profile = nullptr;

  Call prefillCall;
  Call unembedCall;
  /// Without tokens if the program has no such entry point.
  Call decodeCall;
  Call decodeBatchCall;
  Call sampleCall;
  Call sampleBatchCall;
  /// Indices of buffers, of which some count only if there are calls that they
  /// are for.
  size_t tokenBuffer = 0;
  size_t logitBuffer = 0;
  size_t positionsBuffer = 0;
  size_t sequencesBuffer = 0;
  size_t settingsBuffer = 0;
  size_t sampledBuffer = 0;
  /// The rows that were read last, and the last of them.
  const float *logitRows = nullptr;
  const float *lastLogits = nullptr;

  int64_t vocabulary = 0;
  int64_t maxLength = 0;
  int64_t rewindable = 0;
  std::vector<Sequence> states;
  size_t selected = 0;
  /// The positions of a batch.
  std::vector<int32_t> positions;
};

} // namespace mx

#endif // MXFP4_RUNTIME_SESSION_H
