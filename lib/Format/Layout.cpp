//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A layout moves runs of `depth` elements, which are whole bytes. So nothing
// here but a byte count depends on the width of an element.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Format/Layout.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string>

using namespace mx;

/// The largest number of rows, columns, lanes or elements in a lane. Sums and
/// products of two of them fit 63 bits.
static constexpr int64_t kMaxExtent = INT32_MAX;

/// `numerator / denominator`, rounded up.
static int64_t divideUp(int64_t numerator, int64_t denominator) {
  return (numerator + denominator - 1) / denominator;
}

static Status checkExtent(const char *name, int64_t value, int64_t smallest) {
  if (value >= smallest && value <= kMaxExtent)
    return {};
  return Error{"expected '" + std::string(name) + "' to be " +
               std::to_string(smallest) + " to " + std::to_string(kMaxExtent) +
               ", but got " + std::to_string(value)};
}

Status InterleavedLayout::check(int64_t rows, int64_t columns,
                                int64_t bits) const {
  if (Status status = checkExtent("lanes", lanes, 1); !status)
    return status;
  if (Status status = checkExtent("depth", depth, 1); !status)
    return status;
  if (Status status = checkExtent("rows", rows, 0); !status)
    return status;
  if (Status status = checkExtent("columns", columns, 0); !status)
    return status;
  if (bits != 4 && bits != 8 && bits != 16)
    return Error{"expected elements of 4, 8 or 16 bits, but got " +
                 std::to_string(bits)};
  if (depth * bits % 8 != 0)
    return Error{"expected 'depth' elements of " + std::to_string(bits) +
                 " bits to fill whole bytes, but 'depth' is " +
                 std::to_string(depth)};
  if (tiled && bits == 4 &&
      (depth % kTileWordElements != 0 || columns % kTileWordElements != 0))
    return Error{
        "expected 'columns' and 'depth' to be multiples of 8 for words "
        "of 4-bit elements, but got " +
        std::to_string(columns) + " and " + std::to_string(depth)};
  if (!tiled && columns % depth != 0)
    return Error{"expected 'columns' to be a multiple of 'depth', " +
                 std::to_string(depth) + ", but got " +
                 std::to_string(columns)};
  int64_t size;
  if (__builtin_mul_overflow(groups(rows) * lanes, columns * bits, &size))
    return Error{"expected an arranged size below 2^63 bits, but got " +
                 std::to_string(groups(rows) * lanes) + " rows of " +
                 std::to_string(columns * bits)};
  return {};
}

int64_t InterleavedLayout::groups(int64_t rows) const {
  if (!paired)
    return divideUp(rows, lanes);
  int64_t gateRows = divideUp(rows, 2);
  return 2 * divideUp(gateRows, lanes);
}

int64_t InterleavedLayout::rowOf(int64_t rows, int64_t group,
                                 int64_t lane) const {
  int64_t row = paired ? 2 * (group / 2 * lanes + lane) + group % 2
                       : group * lanes + lane;
  return row < rows ? row : -1;
}

int64_t InterleavedLayout::byteCount(int64_t rows, int64_t columns,
                                     int64_t bits) const {
  return groups(rows) * lanes * (columns * bits / 8);
}

uint32_t mx::encodeTileWord(uint32_t elements) {
  // Pair i: elements 2i and 2i + 1 with their sign and their other bits where
  // bf16 has the sign and the end of the exponent.
  constexpr uint32_t mask = 0x81C081C0;
  uint32_t pairs[4];
  for (int i = 0; i < 4; ++i) {
    uint32_t own = elements >> 8 * i;
    pairs[i] = ((own & 0x0F) | (own & 0xF0) << 12) * 0x1040 & mask;
  }
  uint32_t word = pairs[0] | pairs[1] >> 6 | pairs[2] >> 12 | pairs[2] << 20;
  // What is missing of the last in (word >> 6 ^ word << 2) goes to the bits
  // that are left; those of the signs and of bit 7 are in the next sum, too.
  uint32_t missing = pairs[3] ^ ((word >> 6 ^ word << 2) & mask);
  uint32_t chain = missing & 0x80808080;
  chain ^= chain >> 8;
  chain ^= chain >> 16;
  return word | chain >> 2 | (missing & 0x01000100) << 6 |
         (missing & 0x00400040) >> 2;
}

/// Encodes the words of `bytes` bytes (F25).
static void encodeWords(uint8_t *words, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 4) {
    uint32_t word = 0;
    for (int k = 0; k < 4; ++k)
      word |= uint32_t(words[i + k]) << 8 * k;
    word = mx::encodeTileWord(word);
    for (int k = 0; k < 4; ++k)
      words[i + k] = uint8_t(word >> 8 * k);
  }
}

void mx::packInterleaved(const InterleavedLayout &layout, const uint8_t *source,
                         int64_t rows, int64_t columns, int64_t bits,
                         uint8_t *packed) {
  assert(layout.check(rows, columns, bits) && "not a layout of this matrix");
  int64_t rowBytes = columns * bits / 8, runBytes = layout.depth * bits / 8;
  int64_t groups = layout.groups(rows);
  for (int64_t group = 0; group < groups; ++group) {
    for (int64_t first = 0; first < rowBytes; first += runBytes) {
      int64_t bytes = std::min(runBytes, rowBytes - first);
      for (int64_t lane = 0; lane < layout.lanes; ++lane) {
        int64_t row = layout.rowOf(rows, group, lane);
        if (row < 0)
          std::memset(packed, 0, bytes); // F19
        else
          std::memcpy(packed, source + row * rowBytes + first, bytes);
        if (layout.tiled && bits == 4)
          encodeWords(packed, bytes);
        packed += bytes;
      }
    }
  }
}
