//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hash tables with open addressing, and the two ways to merge a piece.
//
//===----------------------------------------------------------------------===//

#include "BytePairModel.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

using namespace mx;

static uint64_t randomBits() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

//===----------------------------------------------------------------------===//
// TokenTable
//===----------------------------------------------------------------------===//

TokenTable::TokenTable() : seed(randomBits()), slots(1024) {}

uint64_t TokenTable::hash(std::string_view bytes) const {
  uint64_t hash = seed ^ bytes.size();
  for (size_t i = 0; i < bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<size_t>(8, bytes.size() - i));
    hash = (hash ^ word) * (seed | 1);
    hash ^= hash >> 32;
  }
  return hash;
}

/// The slot that holds `bytes`, or the free one where they belong.
size_t TokenTable::slotOf(std::string_view bytes, uint64_t hash) const {
  size_t mask = slots.size() - 1;
  size_t i = hash & mask;
  while (slots[i].id >= 0 &&
         (slots[i].tag != hash >> 32 || tokens[slots[i].id] != bytes))
    i = (i + 1) & mask;
  return i;
}

void TokenTable::grow() {
  std::vector<Slot> old(slots.size() * 2);
  old.swap(slots);
  for (Slot slot : old)
    if (slot.id >= 0)
      slots[slotOf(tokens[slot.id], hash(tokens[slot.id]))] = slot;
}

bool TokenTable::insertHidden(int32_t id, std::string_view bytes) {
  if (id >= size())
    tokens.resize(id + 1);
  if (!tokens[id].empty())
    return false;
  tokens[id] = bytes;
  return true;
}

bool TokenTable::insert(int32_t id, std::string_view bytes) {
  if (find(bytes) || !insertHidden(id, bytes))
    return false;
  if (++used * 2 > slots.size())
    grow();
  uint64_t hashed = hash(bytes);
  slots[slotOf(bytes, hashed)] = {static_cast<uint32_t>(hashed >> 32), id};
  return true;
}

std::optional<int32_t> TokenTable::find(std::string_view bytes) const {
  int32_t id = slots[slotOf(bytes, hash(bytes))].id;
  if (id < 0)
    return std::nullopt;
  return id;
}

std::string_view TokenTable::bytesOf(int32_t id) const {
  if (id < 0 || id >= size())
    return {};
  return tokens[id];
}

//===----------------------------------------------------------------------===//
// PairTable
//===----------------------------------------------------------------------===//

PairTable::PairTable()
    : multiplier(randomBits() | 1), shift(64 - 10), slots(1 << 10, kFree) {}

void PairTable::insert(int32_t left, int32_t right, uint32_t rank) {
  if ((used + 1) * 2 > slots.size())
    grow();
  uint64_t key = keyOf(left, right);
  size_t i = slotOf(key);
  while (slots[i] != kFree && slots[i] >> kRankBits != key)
    i = (i + 1) & (slots.size() - 1);
  used += slots[i] == kFree;
  slots[i] = key << kRankBits | rank;

  size_t ids = static_cast<size_t>(std::max(left, right)) + 1;
  if (ids > lowest.size())
    lowest.resize(ids, kNoRank);
  lowest[left] = std::min(lowest[left], rank);
  lowest[right] = std::min(lowest[right], rank);
}

void PairTable::grow() {
  std::vector<uint64_t> old(slots.size() * 2, kFree);
  old.swap(slots);
  --shift;
  for (uint64_t entry : old) {
    if (entry == kFree)
      continue;
    size_t i = slotOf(entry >> kRankBits);
    while (slots[i] != kFree)
      i = (i + 1) & (slots.size() - 1);
    slots[i] = entry;
  }
}

std::optional<uint8_t> BytePairModel::findByteIds() {
  for (unsigned byte = 0; byte < 256; ++byte) {
    char text = static_cast<char>(byte);
    std::optional<int32_t> id = tokens.find({&text, 1});
    if (!id)
      return byte;
    byteIds[byte] = *id;
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// MergeQueue
//===----------------------------------------------------------------------===//

void MergeQueue::push(uint32_t rank, uint32_t position) {
  if (rank >= bucketOfRank.size())
    bucketOfRank.resize(rank + 1);
  uint32_t &index = bucketOfRank[rank];
  if (!index) {
    if (freeBuckets.empty()) {
      buckets.emplace_back();
      freeBuckets.push_back(static_cast<uint32_t>(buckets.size()));
    }
    index = freeBuckets.back();
    freeBuckets.pop_back();
    ranks.push(rank);
  }
  Bucket &bucket = buckets[index - 1];
  if (bucket.inOrder.empty() || bucket.inOrder.back() <= position)
    bucket.inOrder.push_back(position);
  else
    bucket.late.push(position);
}

bool MergeQueue::pop(uint32_t &rank, uint32_t &position) {
  if (ranks.empty())
    return false;
  rank = ranks.top();
  Bucket &bucket = buckets[bucketOfRank[rank] - 1];
  bool hasInOrder = bucket.next < bucket.inOrder.size();
  if (!bucket.late.empty() &&
      (!hasInOrder || bucket.late.top() < bucket.inOrder[bucket.next])) {
    position = bucket.late.top();
    bucket.late.pop();
  } else {
    position = bucket.inOrder[bucket.next++];
  }
  if (bucket.next == bucket.inOrder.size() && bucket.late.empty()) {
    bucket.inOrder.clear();
    bucket.next = 0;
    freeBuckets.push_back(bucketOfRank[rank]);
    bucketOfRank[rank] = 0;
    ranks.pop();
  }
  return true;
}

//===----------------------------------------------------------------------===//
// PieceEncoder
//===----------------------------------------------------------------------===//

/// Up to this many bytes a search in each step is faster than a queue.
static constexpr size_t kShortPiece = 64;

void PieceEncoder::encode(std::string_view piece, std::vector<int32_t> &ids) {
  if (piece.size() == 1) {
    ids.push_back(model.byteIds[static_cast<uint8_t>(piece[0])]);
    return;
  }
  if (model.ignoreMerges && piece.size() <= kMaxTokenBytes) {
    if (std::optional<int32_t> id = model.tokens.find(piece)) {
      ids.push_back(*id);
      return;
    }
  }
  if (piece.size() <= kShortPiece)
    mergeShort(piece, ids);
  else
    mergeLong(piece, ids);
}

void PieceEncoder::mergeShort(std::string_view piece,
                              std::vector<int32_t> &ids) {
  std::array<int32_t, kShortPiece> tokens;
  // ranks[i] is that of tokens i and i + 1; the last one has no pair.
  std::array<uint32_t, kShortPiece> ranks;
  size_t count = piece.size();
  for (size_t i = 0; i < count; ++i)
    tokens[i] = model.byteIds[static_cast<uint8_t>(piece[i])];
  auto updateRank = [&](size_t i) {
    ranks[i] = i + 1 < count ? model.pairs.find(tokens[i], tokens[i + 1])
                             : PairTable::kNoRank;
  };
  for (size_t i = 0; i < count; ++i)
    updateRank(i);

  while (true) {
    // The first of the lowest: ties go to the left.
    size_t best =
        std::min_element(ranks.begin(), ranks.begin() + count) - ranks.begin();
    if (ranks[best] == PairTable::kNoRank)
      break;
    tokens[best] = model.results[ranks[best]];
    --count;
    for (size_t i = best + 1; i < count; ++i) {
      tokens[i] = tokens[i + 1];
      ranks[i] = ranks[i + 1];
    }
    updateRank(best);
    if (best)
      updateRank(best - 1);
  }
  ids.insert(ids.end(), tokens.begin(), tokens.begin() + count);
}

uint32_t PieceEncoder::rankOfBytes(uint8_t left, uint8_t right) {
  if (byteRanks.empty())
    byteRanks.resize(256 * 256, kUnknownRank);
  uint32_t &rank = byteRanks[left * 256 + right];
  if (rank == kUnknownRank)
    rank = model.pairs.find(model.byteIds[left], model.byteIds[right]);
  return rank;
}

void PieceEncoder::updateRank(uint32_t position) {
  Symbol &symbol = symbols[position];
  symbol.rank = symbol.next < symbols.size()
                    ? model.pairs.find(symbol.id, symbols[symbol.next].id)
                    : PairTable::kNoRank;
}

void PieceEncoder::pushIfFirst(uint32_t position) {
  const Symbol &symbol = symbols[position];
  if (symbol.rank == PairTable::kNoRank ||
      (position && symbols[symbol.previous].rank <= symbol.rank) ||
      symbols[symbol.next].rank < symbol.rank)
    return;
  queue.push(symbol.rank, position);
}

void PieceEncoder::mergeLong(std::string_view piece,
                             std::vector<int32_t> &ids) {
  readBytes(piece);
  if (!mergeInPasses()) {
    mergeInQueue(ids);
    return;
  }
  for (Token token : passTokens)
    ids.push_back(token.id);
}

void PieceEncoder::readBytes(std::string_view piece) {
  passTokens.resize(piece.size());
  for (size_t i = 0; i < piece.size(); ++i) {
    auto byte = static_cast<uint8_t>(piece[i]);
    uint32_t rank = i + 1 < piece.size()
                        ? rankOfBytes(byte, static_cast<uint8_t>(piece[i + 1]))
                        : PairTable::kNoRank;
    passTokens[i] = {model.byteIds[byte], rank};
  }
}

/// The least part of all pairs that is worth a pass.
static constexpr size_t kPassFraction = 16;

bool PieceEncoder::mergeInPasses() {
  while (true) {
    uint32_t lowest = PairTable::kNoRank;
    size_t count = 0;
    for (Token token : passTokens) {
      if (token.rank < lowest) {
        lowest = token.rank;
        count = 0;
      }
      count += token.rank == lowest;
    }
    if (lowest == PairTable::kNoRank)
      return true;
    if (count < passTokens.size() / kPassFraction)
      return false;
    mergeInPass(lowest);
  }
}

void PieceEncoder::mergeInPass(uint32_t rank) {
  int32_t result = model.results[rank];
  // In most models a pair with the result never goes before the rest.
  bool mayLower = model.pairs.lowestWith(result) <= rank;
  auto isLower = [&](int32_t left, int32_t right) {
    return model.pairs.find(left, right) <= rank;
  };

  size_t out = 0;
  bool merging = true, previousIsNew = false;
  for (size_t in = 0; in < passTokens.size(); ++in, ++out) {
    Token token = passTokens[in];
    bool isNew = merging && token.rank == rank;
    if (isNew) {
      token = {result, passTokens[++in].rank};
      if (mayLower && ((out && isLower(passTokens[out - 1].id, result)) ||
                       (in + 1 < passTokens.size() &&
                        isLower(result, passTokens[in + 1].id))))
        merging = false;
    }
    if (out && (isNew || previousIsNew))
      passTokens[out - 1].rank =
          model.pairs.find(passTokens[out - 1].id, token.id);
    passTokens[out] = token;
    previousIsNew = isNew;
  }
  passTokens.resize(out);
}

void PieceEncoder::mergeInQueue(std::vector<int32_t> &ids) {
  auto size = static_cast<uint32_t>(passTokens.size());
  symbols.resize(size);
  for (uint32_t i = 0; i < size; ++i)
    symbols[i] = {passTokens[i].id, i - 1, i + 1, passTokens[i].rank};
  for (uint32_t i = 0; i < size; ++i)
    pushIfFirst(i);

  uint32_t rank, position;
  while (queue.pop(rank, position)) {
    Symbol &symbol = symbols[position];
    if (symbol.rank != rank) // one of the two has been merged with another
      continue;
    Symbol &right = symbols[symbol.next];
    uint32_t rightRank = std::exchange(right.rank, PairTable::kNoRank);
    symbol.id = model.results[rank];
    symbol.next = right.next;
    updateRank(position);
    uint32_t leftRank = PairTable::kNoRank;
    if (position) {
      leftRank = symbols[symbol.previous].rank;
      updateRank(symbol.previous);
      pushIfFirst(symbol.previous);
    }
    pushIfFirst(position);

    // A pair next to one that has changed may have waited for it.
    if (symbol.next < size) {
      Symbol &next = symbols[symbol.next];
      next.previous = position;
      if (rightRank <= next.rank)
        pushIfFirst(symbol.next);
    }
    if (position && symbol.previous) {
      uint32_t before = symbols[symbol.previous].previous;
      if (leftRank < symbols[before].rank)
        pushIfFirst(before);
    }
  }
  for (uint32_t i = 0; i < size; i = symbols[i].next)
    ids.push_back(symbols[i].id);
}
