//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All that crosses between compiler and runtime: what a Program holds, and how
// its compiled code is called. A change of either raises kABIVersion.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_ABI_PROGRAM_H
#define MXFP4_ABI_PROGRAM_H

#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <string>
#include <vector>

extern "C" {
/// What each thread of a team passes to an entry point of a CPU program. All
/// threads of the team make the same call and differ in `thread` only.
struct MXInvocation {
  /// One pointer for each of Program::buffers, in that order, aligned to
  /// kBufferAlignment; those of inputs and outputs, which may be arrays of the
  /// caller, only to their elements. Buffers that are no arguments of the entry
  /// point may be null. For an entry point that prepares a weight: the bytes of
  /// the checkpoint, which have no alignment, then the destination.
  void *const *buffers;
  /// How many rows the call works on, 1 to Entry::maxTokens, and the number of
  /// the first; mx::kPrefillEntry and its fellows say in what. Zero for an
  /// entry point that prepares a weight.
  int64_t tokens;
  int64_t position;
  /// Number of positions that the caches of full-attention layers hold.
  int64_t context;
  /// The number of the sequence that the call is about, if it is about one.
  int64_t sequence;
  /// Index of the calling thread, and how many threads make the call.
  int64_t thread;
  int64_t threads;
  /// Returns when all threads of the team have called it. What the thread did
  /// since the last call was for number `op` of Program::ops, or for none of
  /// them if that is -1.
  void (*barrier)(void *team, int64_t op);
  void *team;
};

/// An entry point of a CPU program.
typedef void (*MXEntryFunction)(const MXInvocation *);
}

namespace mx {

/// What the kernels of a GPU read of a call: MXInvocation says what it means.
struct CallNumbers {
  int64_t tokens;
  int64_t position;
  int64_t context;
  int64_t sequence;
};

/// Version of MXInvocation and of the saved form of a Program.
constexpr uint32_t kABIVersion = 9;

/// Alignment in bytes of buffers, and of every value in the arena.
constexpr uint64_t kBufferAlignment = 64;

/// An extent of Buffer::shape that is the number of tokens of the call.
constexpr int64_t kTokensExtent = -1;

/// What a buffer is for, and so who fills it and how long it lives.
enum class BufferKind : uint32_t {
  Weight, ///< Made once from the checkpoint; read only.
  Cache,  ///< Keys or values of one layer; lives as long as a sequence.
  Input,  ///< Written by the caller before a call.
  Output, ///< Read by the caller after a call.
  Arena,  ///< Temporary values of one call.
};

/// One buffer that a Program works on. Its size in bytes is
/// `bytes + bytesPerPosition * context`.
struct Buffer {
  /// A weight: its name in the checkpoint, shared by the buffers that hold it
  /// in different arrangements. Else the name of an argument of the entry
  /// points, such as kTokensBuffer or "key_cache.3", and no other buffer's.
  std::string name;
  BufferKind kind = BufferKind::Weight;
  uint64_t bytes = 0;
  uint64_t bytesPerPosition = 0;

  /// Of a weight, as the checkpoint must hold it, and of an input or an output
  /// that is the same for all entry points: its elements, as a safetensors
  /// header names them, such as "BF16" or "U8", and its shape. A leading extent
  /// of kTokensExtent is as many rows as the call has tokens.
  std::string dtype;
  std::vector<int64_t> shape;

  /// Of a weight only: the symbol that rearranges it into this buffer; empty
  /// means byte for byte.
  std::string prepare;

  uint64_t size(uint64_t context) const {
    return bytes + bytesPerPosition * context;
  }
};

// The entry points of a program. Hidden states pass from one to the other in a
// buffer that the runtime does not touch.

/// Appends the `tokens` tokens of kTokensBuffer to sequence `sequence`, which
/// has `position` of them so far. Updates the caches and leaves a hidden state
/// for each token.
inline constexpr char kPrefillEntry[] = "prefill";
/// Turns hidden states that the last call of prefill left, `tokens` of them
/// from number `position` of that call on, into as many rows of kLogitsBuffer.
/// Needs no caches.
inline constexpr char kUnembedEntry[] = "unembed";
/// Appends the first token of kTokensBuffer to sequence `sequence`, which has
/// `position` of them so far; `tokens` is 1. Updates the caches and writes the
/// first row of kLogitsBuffer. A program may lack it: prefill and unembed do
/// the same.
inline constexpr char kDecodeEntry[] = "decode";
/// Appends each of the first `tokens` tokens of kTokensBuffer to a sequence of
/// its own, which kSequencesBuffer names and which has as many so far as
/// kPositionsBuffer tells. Updates the caches and writes a row of kLogitsBuffer
/// for each. `position` is the mean of theirs, for profiles alone. A program
/// for one sequence lacks it.
inline constexpr char kDecodeBatchEntry[] = "decode_batch";

/// Chooses a token by each of the first `tokens` rows of kLogitsBuffer, for
/// positions from `position` on of sequence `sequence`, as kSettingsBuffer
/// says, and leaves them in kSampledBuffer; -1 of a row that has NaN or no
/// finite largest logit. A program may lack it.
inline constexpr char kSampleEntry[] = "sample";
/// The same for rows of kDecodeBatchEntry. A program has it if it has that and
/// kSampleEntry.
inline constexpr char kSampleBatchEntry[] = "sample_batch";

// The buffers that the runtime fills and reads; it finds them by these names.

/// Of a program for a GPU: CallNumbers.
inline constexpr char kNumbersBuffer[] = "numbers";

/// The token ids of a call, i32 [the most Entry::maxTokens].
inline constexpr char kTokensBuffer[] = "tokens";
/// Where the tokens of decode_batch stand, and in which sequences, all
/// different: i32 [Entry::maxTokens of decode_batch] each.
inline constexpr char kPositionsBuffer[] = "positions";
inline constexpr char kSequencesBuffer[] = "sequences";
/// f32 [the most Entry::maxTokens of unembed and decode_batch,
/// Program::vocabSize].
inline constexpr char kLogitsBuffer[] = "logits";
/// i32 [kSettings]: how many tokens of the vocabulary can be chosen, the bits
/// of one over the temperature in f32 (0 if the largest logit is to be chosen),
/// and the words of a seed, the lower first.
inline constexpr char kSettingsBuffer[] = "settings";
constexpr int64_t kSettings = 4;
/// i32 [the most Entry::maxTokens of sample and sample_batch].
inline constexpr char kSampledBuffer[] = "sampled";

/// Memory that an op reads and writes, and what it computes. In a call with T
/// tokens from position p on it touches
///   bytes + bytesPerToken * T + bytesPerPosition * P
///         + bytesPerExpert * min(T * expertsPerToken, experts)
/// bytes once, where P is the number of positions that some token attends to,
/// and takes
///   flops + flopsPerToken * T + flopsPerPair * Q
/// floating-point operations, a multiplication and an addition being two, where
/// Q adds up the positions that each token attends to: all up to its own, or
/// the last `window` of them if that is not 0. If `ownSequences` is not 0, each
/// token has a sequence of its own, with p positions so far, and so P is a sum
/// over tokens, too. That tokens choose different experts is assumed as far as
/// there are as many, so it is the most that an op with experts can read.
struct OpCost {
  int64_t bytes = 0;
  int64_t bytesPerToken = 0;
  int64_t bytesPerPosition = 0;
  int64_t bytesPerExpert = 0;
  int64_t experts = 0;
  int64_t expertsPerToken = 0;
  int64_t flops = 0;
  int64_t flopsPerToken = 0;
  int64_t flopsPerPair = 0;
  int64_t window = 0;
  int64_t ownSequences = 0;

  /// Bytes and operations in a call with `tokens` tokens from `position` on.
  double bytesOf(int64_t tokens, int64_t position) const;
  double flopsOf(int64_t tokens, int64_t position) const;
};

/// An op of the module that the code was made from.
struct ProgramOp {
  /// The function that it is in, such as "decode_experts", its name, such as
  /// "nn.linear", and the argument of the function that is its weight, if any.
  std::string function;
  std::string name;
  std::string weight;
  OpCost cost;
};

/// A place in one of Program::buffers.
struct Address {
  uint32_t buffer = 0;
  uint64_t offset = 0;
};

/// In place of a number of blocks: as many as a GPU runs at the same time.
constexpr uint32_t kAnyBlocks = 0x7FFFFFFF;

/// One launch of a kernel of a program for a GPU.
struct Launch {
  std::string kernel;
  /// Blocks of the grid, or kAnyBlocks, and threads of a block.
  uint32_t blocks = 1;
  uint32_t threads = 1;
  /// Bytes of memory that a block gets beside what the kernel itself says.
  uint32_t sharedBytes = 0;
  /// Pointers that the kernel gets.
  std::vector<Address> arguments;
  /// The index in Program::ops of what it does, or -1.
  int64_t op = -1;
};

/// A function of the program that the runtime calls.
struct Entry {
  std::string name;
  std::string symbol;
  int64_t maxTokens = 1;
  /// The buffers of its arguments, as indices of Program::buffers.
  std::vector<uint32_t> arguments;
  /// How often a call carries out each of Program::ops; 0 also for those in
  /// loops.
  std::vector<int64_t> opCounts = {};
  /// Of a program for a GPU: what a call launches, one after the other.
  std::vector<Launch> launches = {};
};

/// Program::maxRewind of models that are compiled here.
constexpr int64_t kMaxRewind = 16;
/// The most Program::sequences.
constexpr int64_t kMaxSequences = 1024;

/// A compiled model or module: code, and the buffers it works on. The sizes of
/// all buffers are known before the first byte of a weight is read.
struct Program {
  /// Device and instruction set, such as "cpu:skylake-avx512"; the features
  /// that the processor must have, as LLVM spells them, such as "avx2".
  std::string target;
  std::vector<std::string> features;
  /// "bf16", "f16", "f32" or "int8".
  std::string activations;
  /// Threads that may run it at most; 0 is any number.
  int64_t maxThreads = 0;
  /// Of a model: the size of its vocabulary, and the positions that it was made
  /// for.
  int64_t vocabSize = 0;
  int64_t maxPositions = 0;
  /// Of a model: how many tokens at the end of a sequence can be taken back,
  /// because caches of windows still have what came before the window then.
  int64_t maxRewind = 0;
  /// How many sequences the caches hold.
  int64_t sequences = 1;

  /// True if every kernel waits for the one before by itself, so that both may
  /// be under way.
  bool overlapsLaunches = false;

  std::vector<Buffer> buffers;
  std::vector<Entry> entries;
  /// Of a program for a GPU: what Buffer::prepare names. In launches, buffer 0
  /// is the weight as in the checkpoint, and buffer 1 what is to be filled.
  std::vector<Entry> prepares;
  /// In the order of the module. Empty if barriers tell no ops.
  std::vector<ProgramOp> ops;
  /// An ELF shared object that defines the symbols of `entries` and of
  /// Buffer::prepare, or for a GPU the PTX of the kernels.
  std::string code;

  /// The entry point `name`, or null.
  const Entry *findEntry(const std::string &name) const;
  /// The index of the first buffer `name`, or -1.
  int64_t findBuffer(const std::string &name) const;
  /// Bytes of all buffers of `kind` at `context`.
  uint64_t size(BufferKind kind, uint64_t context) const;
};

/// Writes `program` to `path`. The file appears whole or not at all.
Status saveProgram(const Program &program, const std::string &path);

/// Reads a Program that saveProgram wrote. Fails on a file of another version,
/// a truncated or a changed one.
Result<Program> loadProgram(const std::string &path);

} // namespace mx

#endif // MXFP4_ABI_PROGRAM_H
