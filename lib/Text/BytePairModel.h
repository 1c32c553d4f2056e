//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The model of a byte-level BPE tokenizer: tokens by their bytes, merges by
// rank, and the merging of one piece of text in O(n log n). Hash tables are
// seeded at random, so that no file can make them slow.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_TEXT_BYTEPAIRMODEL_H
#define MXFP4_LIB_TEXT_BYTEPAIRMODEL_H

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

namespace mx {

/// Ids are smaller than this, four times the largest vocabulary in use.
constexpr int64_t kMaxVocabSize = 1 << 20;
/// Merges, and bytes of one token, are at most this many.
constexpr size_t kMaxMerges = 1 << 22;
constexpr size_t kMaxTokenBytes = 512;

/// Tokens by id and by bytes.
class TokenTable {
public:
  TokenTable();

  /// Adds a token that `find` finds. False if its id or its bytes are taken.
  bool insert(int32_t id, std::string_view bytes);

  /// Adds a token that is only known by its id. False if that is taken.
  bool insertHidden(int32_t id, std::string_view bytes);

  std::optional<int32_t> find(std::string_view bytes) const;

  /// The bytes of `id`, empty if there is no such token.
  std::string_view bytesOf(int32_t id) const;

  /// One more than the largest id.
  int32_t size() const { return static_cast<int32_t>(tokens.size()); }

private:
  struct Slot {
    /// High bits of the hash, so that most other tokens need no comparison.
    uint32_t tag = 0;
    /// -1 if the slot is free.
    int32_t id = -1;
  };

  uint64_t hash(std::string_view bytes) const;
  size_t slotOf(std::string_view bytes, uint64_t hash) const;
  void grow();

  uint64_t seed;
  std::vector<std::string> tokens;
  /// Tokens at the place of their hash or after it.
  std::vector<Slot> slots;
  size_t used = 0;
};

/// Ranks of pairs of tokens.
class PairTable {
public:
  /// What `find` returns for a pair that does not merge.
  static constexpr uint32_t kNoRank = 0xFFFFFF;

  PairTable();

  /// Sets the rank of a pair; the last call for a pair counts.
  void insert(int32_t left, int32_t right, uint32_t rank);

  /// No pair that holds `id` has a rank below this.
  uint32_t lowestWith(int32_t id) const {
    return static_cast<size_t>(id) < lowest.size() ? lowest[id] : kNoRank;
  }

  uint32_t find(int32_t left, int32_t right) const {
    uint64_t key = keyOf(left, right);
    for (size_t i = slotOf(key);; i = (i + 1) & (slots.size() - 1)) {
      if (slots[i] == kFree)
        return kNoRank;
      if (slots[i] >> kRankBits == key)
        return slots[i] & kNoRank;
    }
  }

private:
  // Two ids of 20 bits and a rank share 64 bits. No rank is kNoRank, so no
  // entry is kFree.
  static constexpr unsigned kRankBits = 24;
  static constexpr uint64_t kFree = ~uint64_t(0);
  static_assert(kMaxVocabSize <= 1 << 20 && kMaxMerges < kNoRank);

  static uint64_t keyOf(int32_t left, int32_t right) {
    return static_cast<uint64_t>(left) << 20 | static_cast<uint64_t>(right);
  }
  size_t slotOf(uint64_t key) const { return key * multiplier >> shift; }
  void grow();

  /// Random and odd: with it, multiplying and keeping the high bits is a
  /// universal hash function.
  uint64_t multiplier;
  unsigned shift;
  std::vector<uint64_t> slots;
  size_t used = 0;
  std::vector<uint32_t> lowest;
};

/// All that a piece is tokenized by.
struct BytePairModel {
  TokenTable tokens;
  PairTable pairs;
  /// The token that each rank makes.
  std::vector<int32_t> results;
  /// True if a piece that is a token is not taken apart and merged.
  bool ignoreMerges = false;
  std::array<int32_t, 256> byteIds = {};

  /// Fills `byteIds`. Returns a byte that has no token, if there is one.
  std::optional<uint8_t> findByteIds();
};

/// Candidates for merging, in the order of rank and then of position.
///
/// Merging goes through the positions of one rank from left to right, so most
/// positions arrive in order and are kept in a plain list; a heap takes the
/// rest. That is several times faster than one heap for all on a piece of
/// megabytes.
class MergeQueue {
public:
  void push(uint32_t rank, uint32_t position);

  /// Takes the first candidate. False if there is none.
  bool pop(uint32_t &rank, uint32_t &position);

private:
  template <typename T>
  using MinHeap = std::priority_queue<T, std::vector<T>, std::greater<T>>;

  struct Bucket {
    std::vector<uint32_t> inOrder;
    size_t next = 0;
    MinHeap<uint32_t> late;
  };

  /// Ranks with a bucket that is not empty.
  MinHeap<uint32_t> ranks;
  std::vector<Bucket> buckets;
  std::vector<uint32_t> freeBuckets;
  /// For each rank its bucket plus 1, or 0.
  std::vector<uint32_t> bucketOfRank;
};

/// Tokenizes pieces one after the other, keeping its memory between them.
class PieceEncoder {
public:
  explicit PieceEncoder(const BytePairModel &model) : model(model) {}

  /// Appends the tokens of `piece`, of less than 2^31 bytes, to `ids`.
  void encode(std::string_view piece, std::vector<int32_t> &ids);

private:
  /// Merges with a search for the lowest rank in each step.
  void mergeShort(std::string_view piece, std::vector<int32_t> &ids);
  /// Merges in passes over the piece and then with a queue.
  void mergeLong(std::string_view piece, std::vector<int32_t> &ids);

  /// A token of the piece while merging in passes.
  struct Token {
    int32_t id;
    /// Of the pair with the next token.
    uint32_t rank;
  };
  /// A token of the piece while merging with a queue, at the place that its
  /// first part had.
  struct Symbol {
    int32_t id;
    uint32_t previous;
    uint32_t next;
    /// Of the pair with the next symbol.
    uint32_t rank;
  };
  void readBytes(std::string_view piece);
  /// Merges the lowest rank everywhere, as long as each pass makes the tokens
  /// clearly fewer: a piece of one character needs only sequential passes, and
  /// scattered merges are left to the queue. True if no pair is left to merge.
  bool mergeInPasses();
  /// Merges the lowest rank from left to right, up to a merge that makes a pair
  /// which goes before the rest.
  void mergeInPass(uint32_t rank);
  void mergeInQueue(std::vector<int32_t> &ids);
  /// The rank of a pair of bytes, which is looked up once.
  uint32_t rankOfBytes(uint8_t left, uint8_t right);
  /// Looks up the rank of a symbol and its next.
  void updateRank(uint32_t position);
  /// Queues a pair unless a pair that overlaps it comes first. Merging that one
  /// changes this pair, so queueing it would be in vain.
  void pushIfFirst(uint32_t position);

  const BytePairModel &model;
  static constexpr uint32_t kUnknownRank = ~uint32_t(0);
  std::vector<uint32_t> byteRanks;
  std::vector<Token> passTokens;
  std::vector<Symbol> symbols;
  MergeQueue queue;
};

} // namespace mx

#endif // MXFP4_LIB_TEXT_BYTEPAIRMODEL_H
