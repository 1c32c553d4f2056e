//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Layouts, against the address of each element by itself, and what cannot be
// arranged.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Format/Layout.h"
#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Format/Quantize.h"

#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

using namespace mx;

/// Element `index` of an array of elements of `bits` bits, little-endian and
/// low bits first (F2).
static uint32_t elementAt(const std::vector<uint8_t> &bytes, int64_t bits,
                          int64_t index) {
  if (bits == 4)
    return bytes[index / 2] >> (index % 2 * 4) & 15;
  if (bits == 8)
    return bytes[index];
  return bytes[2 * index] | bytes[2 * index + 1] << 8;
}

static std::vector<uint8_t> randomBytes(int64_t count) {
  std::mt19937 random(count);
  std::vector<uint8_t> bytes(count);
  for (uint8_t &byte : bytes)
    byte = random();
  return bytes;
}

static std::vector<uint8_t> pack(const InterleavedLayout &layout,
                                 const std::vector<uint8_t> &source,
                                 int64_t rows, int64_t columns, int64_t bits) {
  EXPECT_TRUE(layout.check(rows, columns, bits));
  // What is not written by packing would be seen.
  std::vector<uint8_t> packed(layout.byteCount(rows, columns, bits), 0xA5);
  packInterleaved(layout, source.data(), rows, columns, bits, packed.data());
  return packed;
}

/// Compares a packed matrix with its source by the formula of F17, and expects
/// every row to be in exactly one lane.
static void expectArranged(const InterleavedLayout &layout, int64_t rows,
                           int64_t columns, int64_t bits) {
  SCOPED_TRACE("lanes " + std::to_string(layout.lanes) + ", depth " +
               std::to_string(layout.depth) +
               (layout.paired ? ", paired, " : ", ") + std::to_string(rows) +
               " x " + std::to_string(columns) + ", bits " +
               std::to_string(bits));
  std::vector<uint8_t> source = randomBytes(rows * columns * bits / 8);
  std::vector<uint8_t> packed = pack(layout, source, rows, columns, bits);

  std::vector<int> seen(rows);
  for (int64_t g = 0; g < layout.groups(rows); ++g)
    for (int64_t l = 0; l < layout.lanes; ++l) {
      int64_t row = layout.rowOf(rows, g, l);
      ASSERT_LT(row, rows);
      ASSERT_GE(row, -1);
      if (row >= 0)
        ++seen[row];
      for (int64_t k = 0; k < columns / layout.depth; ++k)
        for (int64_t d = 0; d < layout.depth; ++d) {
          int64_t index =
              ((g * (columns / layout.depth) + k) * layout.lanes + l) *
                  layout.depth +
              d;
          uint32_t expected =
              row < 0 ? 0
                      : elementAt(source, bits,
                                  row * columns + k * layout.depth + d);
          ASSERT_EQ(elementAt(packed, bits, index), expected)
              << "group " << g << ", lane " << l << ", run " << k
              << ", element " << d;
        }
    }
  EXPECT_EQ(seen, std::vector<int>(rows, 1));
}

TEST(Layout, F17EveryElementHasItsPlace) {
  for (bool paired : {false, true})
    for (int64_t bits : {4, 8, 16})
      for (int64_t lanes : {1, 3, 8, 16})
        for (int64_t depth : {2, 6, 8, 32})
          for (int64_t rows : {0, 1, 2, 7, 16, 33, 50})
            expectArranged({lanes, depth, paired}, rows, depth * 3, bits);
}

TEST(Layout, F17DepthOne) {
  for (bool paired : {false, true})
    for (int64_t bits : {8, 16})
      expectArranged({8, 1, paired}, 21, 5, bits);
}

TEST(Layout, F17OneLaneOfAWholeRowIsRowMajor) {
  std::vector<uint8_t> source = randomBytes(6 * 32);
  EXPECT_EQ(pack({1, 64, false}, source, 6, 64, 4), source);
  EXPECT_EQ(pack({2, 64, false}, source, 6, 64, 4), source);
}

TEST(Layout, F15PackedBytesAreElementsTwoByTwo) {
  // The same bytes, taken as [N, K] elements of 4 bits or as [N, K/2] bytes.
  std::vector<uint8_t> source = randomBytes(13 * 48);
  for (bool paired : {false, true})
    EXPECT_EQ(pack({8, 8, paired}, source, 13, 96, 4),
              pack({8, 4, paired}, source, 13, 48, 8));
}

TEST(Layout, F18RowsInOrder) {
  InterleavedLayout layout{8, 4, false};
  EXPECT_EQ(layout.groups(24), 3);
  EXPECT_EQ(layout.rowOf(24, 0, 0), 0);
  EXPECT_EQ(layout.rowOf(24, 1, 3), 11);
  EXPECT_EQ(layout.rowOf(24, 2, 7), 23);
}

TEST(Layout, F18GateAndUpInGroupsOfTheirOwn) {
  InterleavedLayout layout{4, 4, true};
  EXPECT_EQ(layout.groups(16), 4);
  for (int64_t l = 0; l < 4; ++l) {
    EXPECT_EQ(layout.rowOf(16, 0, l), 2 * l);
    EXPECT_EQ(layout.rowOf(16, 1, l), 2 * l + 1);
    EXPECT_EQ(layout.rowOf(16, 2, l), 2 * (4 + l));
    EXPECT_EQ(layout.rowOf(16, 3, l), 2 * (4 + l) + 1);
  }
}

TEST(Layout, F19LanesWithoutARow) {
  InterleavedLayout plain{8, 4, false};
  EXPECT_EQ(plain.groups(9), 2);
  EXPECT_EQ(plain.rowOf(9, 1, 0), 8);
  EXPECT_EQ(plain.rowOf(9, 1, 1), -1);
  EXPECT_EQ(plain.byteCount(9, 64, 4), 2 * 8 * 32);

  InterleavedLayout paired{8, 4, true};
  EXPECT_EQ(paired.groups(18), 4);
  EXPECT_EQ(paired.rowOf(18, 2, 0), 16);
  EXPECT_EQ(paired.rowOf(18, 3, 0), 17);
  EXPECT_EQ(paired.rowOf(18, 2, 1), -1);
  EXPECT_EQ(paired.byteCount(18, 64, 4), 4 * 8 * 32);

  std::vector<uint8_t> packed = pack(plain, randomBytes(9 * 2), 9, 4, 4);
  for (size_t i = 9 * 2; i < packed.size(); ++i)
    EXPECT_EQ(packed[i], 0);
}

TEST(Layout, F20ScalesGoWithTheirElements) {
  // Decoding from the arranged elements and scales gives the rows and zeros.
  constexpr int64_t rows = 22, columns = 96, blocks = columns / kBlockSize;
  InterleavedLayout elements{8, 8, true}, scales{8, 1, true};
  std::vector<float> dense(rows * columns);
  for (size_t i = 0; i < dense.size(); ++i)
    dense[i] = static_cast<float>(i % 61) * (1 << i / kBlockSize % 7) - 30.0f;
  std::vector<uint8_t> packed(rows * columns / 2), scaleBytes(rows * blocks);
  quantizeRows(kMXFP4, dense.data(), rows, columns, packed.data(),
               scaleBytes.data());
  std::vector<float> expected(rows * columns);
  dequantizeRows(kMXFP4, packed.data(), scaleBytes.data(), rows, columns,
                 expected.data());

  std::vector<uint8_t> arranged = pack(elements, packed, rows, columns, 4);
  std::vector<uint8_t> arrangedScales =
      pack(scales, scaleBytes, rows, blocks, 8);
  ASSERT_EQ(elements.groups(rows), scales.groups(rows));
  for (int64_t g = 0; g < elements.groups(rows); ++g)
    for (int64_t l = 0; l < elements.lanes; ++l)
      for (int64_t column = 0; column < columns; ++column) {
        int64_t row = elements.rowOf(rows, g, l);
        int64_t index =
            ((g * columns / 8 + column / 8) * 8 + l) * 8 + column % 8;
        float value =
            decode(kE2M1, elementAt(arranged, 4, index)) *
            decodeE8M0(
                arrangedScales[(g * blocks + column / kBlockSize) * 8 + l]);
        EXPECT_EQ(value, row < 0 ? 0.0f : expected[row * columns + column]);
      }
}

/// Bit `bit` of element `element` of the word `word`, by F25.
static uint32_t tileWordBit(uint32_t word, int element, int bit) {
  static constexpr int kPlaces[] = {6, 7, 8, 15};
  int at = kPlaces[bit] + element % 2 * 16;
  switch (element / 2) {
  case 0:
    return word >> at & 1;
  case 1:
    return word << 6 >> at & 1;
  case 2:
    return (word << 12 | word >> 20) >> at & 1;
  default:
    return (word >> 6 ^ word << 2) >> at & 1;
  }
}

static uint32_t decodeTileWord(uint32_t word) {
  uint32_t elements = 0;
  for (int element = 0; element < 8; ++element)
    for (int bit = 0; bit < 4; ++bit)
      elements |= tileWordBit(word, element, bit) << (4 * element + bit);
  return elements;
}

TEST(Layout, F25WordsOfElements) {
  // Encoding is linear, so that these are all cases.
  EXPECT_EQ(encodeTileWord(0), 0u);
  for (int bit = 0; bit < 32; ++bit)
    EXPECT_EQ(decodeTileWord(encodeTileWord(1u << bit)), 1u << bit);
  std::mt19937 random(7);
  for (int i = 0; i < 100; ++i) {
    uint32_t x = random(), y = random();
    EXPECT_EQ(encodeTileWord(x ^ y), encodeTileWord(x) ^ encodeTileWord(y));
  }
}

TEST(Layout, F25RunsOfRowsInTiles) {
  for (bool paired : {false, true})
    for (int64_t rows : {6, 16, 50})
      for (int64_t blocks : {1, 2, 3, 4, 7, 90})
        for (int64_t bits : {4, 8}) {
          int64_t perBlock = bits == 4 ? kBlockSize : 1;
          int64_t columns = blocks * perBlock, depth = 4 * perBlock;
          InterleavedLayout layout{8, depth, paired, true};
          std::vector<uint8_t> source = randomBytes(rows * columns * bits / 8);
          std::vector<uint8_t> packed =
              pack(layout, source, rows, columns, bits);
          ASSERT_EQ(int64_t(packed.size()),
                    layout.groups(rows) * 8 * columns * bits / 8);
          for (int64_t g = 0; g < layout.groups(rows); ++g)
            for (int64_t l = 0; l < 8; ++l)
              for (int64_t c = 0; c < columns; ++c) {
                int64_t first = c / depth * depth;
                int64_t width = std::min(depth, columns - first);
                int64_t index =
                    g * 8 * columns + 8 * first + l * width + c - first;
                int64_t row = layout.rowOf(rows, g, l);
                uint32_t expected =
                    row < 0 ? 0 : elementAt(source, bits, row * columns + c);
                uint32_t found;
                if (bits == 8) {
                  found = elementAt(packed, 8, index);
                } else {
                  uint32_t word = 0;
                  for (int k = 0; k < 4; ++k)
                    word |= uint32_t(packed[index / 8 * 4 + k]) << 8 * k;
                  found = decodeTileWord(word) >> 4 * (index % 8) & 15;
                }
                ASSERT_EQ(found, expected) << g << " " << l << " " << c;
              }
        }
}

TEST(Layout, WhatCannotBeArranged) {
  auto message = [](InterleavedLayout layout, int64_t rows, int64_t columns,
                    int64_t bits) {
    Status status = layout.check(rows, columns, bits);
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(message({8, 8, true}, 5760, 2880, 4), "");
  EXPECT_EQ(message({0, 8, false}, 8, 64, 4),
            "expected 'lanes' to be 1 to 2147483647, but got 0");
  EXPECT_EQ(message({8, INT64_MIN, false}, 8, 64, 4),
            "expected 'depth' to be 1 to 2147483647, but got "
            "-9223372036854775808");
  EXPECT_EQ(message({8, 8, false}, -1, 64, 4),
            "expected 'rows' to be 0 to 2147483647, but got -1");
  EXPECT_EQ(message({8, 8, false}, 8, INT64_MAX, 4),
            "expected 'columns' to be 0 to 2147483647, but got "
            "9223372036854775807");
  EXPECT_EQ(message({8, 8, false}, 8, 64, 5),
            "expected elements of 4, 8 or 16 bits, but got 5");
  EXPECT_EQ(message({8, 3, false}, 8, 63, 4),
            "expected 'depth' elements of 4 bits to fill whole bytes, but "
            "'depth' is 3");
  EXPECT_EQ(message({8, 32, false}, 8, 90, 8),
            "expected 'columns' to be a multiple of 'depth', 32, but got 90");
  EXPECT_EQ(message({8, 128, false, true}, 8, 96, 4), "");
  EXPECT_EQ(message({8, 128, false, true}, 8, 90, 4),
            "expected 'columns' and 'depth' to be multiples of 8 for words of "
            "4-bit elements, but got 90 and 128");
  EXPECT_EQ(message({8, 4, false, true}, 8, 96, 4),
            "expected 'columns' and 'depth' to be multiples of 8 for words of "
            "4-bit elements, but got 96 and 4");
  EXPECT_EQ(message({INT32_MAX, 1, true}, INT32_MAX, INT32_MAX, 16),
            "expected an arranged size below 2^63 bits, but got 4294967294 "
            "rows of 34359738352");
}
