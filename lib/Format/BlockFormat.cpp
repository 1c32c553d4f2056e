//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decoding of blocks.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Format/BlockFormat.h"

#include <cassert>
#include <cstring>
#include <vector>

using namespace mx;

const BlockFormat *mx::findBlockFormat(std::string_view name) {
  for (const BlockFormat &format : kBlockFormats)
    if (format.name == name)
      return &format;
  return nullptr;
}

uint8_t mx::getCode(const BlockFormat &format, const uint8_t *packed,
                    int64_t index) {
  int64_t bits = format.element.bits, begin = index * bits;
  const uint8_t *at = packed + begin / 8;
  unsigned word = at[0];
  if (begin % 8 + bits > 8)
    word |= at[1] << 8;
  return word >> begin % 8 & ((1 << bits) - 1);
}

void mx::setCode(const BlockFormat &format, uint8_t *packed, int64_t index,
                 uint8_t code) {
  int64_t bits = format.element.bits, begin = index * bits;
  uint8_t *at = packed + begin / 8;
  unsigned mask = ((1 << bits) - 1) << begin % 8;
  unsigned word = code << begin % 8;
  at[0] = (at[0] & ~mask) | word;
  if (begin % 8 + bits > 8)
    at[1] = (at[1] & ~(mask >> 8)) | word >> 8;
}

/// The values of all codes of `format`.
static std::array<float, 256> makeTable(const ElementFormat &format) {
  std::array<float, 256> table = {};
  for (int code = 0; code < 1 << format.bits; ++code)
    table[code] = decode(format, uint8_t(code));
  return table;
}

float mx::decodeScale(const BlockFormat &format, uint8_t scale) {
  if (format.scale == ScaleFormat::E8M0)
    return decodeE8M0(scale);
  static const std::array<float, 256> table = makeTable(kE4M3);
  return table[scale];
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// How many elements are multiplied at a time: as many as registers of every
/// processor hold.
static constexpr int64_t kChunk = 4;

/// dequantizeRows() for blocks of which `lookUp` reads the elements at a place.
template <typename Function>
static void dequantizeWith(const BlockFormat &format, const uint8_t *packed,
                           const uint8_t *scales, int64_t blocks, float *values,
                           float tensorScale, Function lookUp) {
  for (int64_t block = 0; block < blocks; ++block) {
    float scale = decodeScale(format, scales[block]);
    for (int64_t i = 0; i < format.blockSize; i += kChunk, values += kChunk) {
      float elements[kChunk];
      lookUp(packed, i, elements);
      // Element times scale is exact, unless it overflows (F6).
      for (int64_t j = 0; j < kChunk; ++j)
        values[j] = elements[j] * scale * tensorScale;
    }
    packed += format.blockBytes();
  }
}

namespace {
/// The values of all codes of a format, and for E2M1 those of both codes of a
/// byte.
struct Tables {
  explicit Tables(const ElementFormat &format) : elements(makeTable(format)) {
    for (int byte = 0; byte < 256; ++byte)
      pairs[byte] = {elements[byte & 15], elements[byte >> 4]};
  }

  std::array<float, 256> elements;
  std::array<std::array<float, 2>, 256> pairs;
};
} // namespace

static const Tables &getTables(const BlockFormat &format) {
  static const std::vector<Tables> all = [] {
    std::vector<Tables> made;
    for (const BlockFormat &format : kBlockFormats)
      made.emplace_back(format.element);
    return made;
  }();
  const BlockFormat *known = findBlockFormat(format.name);
  assert(known && "a format of kBlockFormats");
  return all[size_t(known - kBlockFormats.data())];
}

void mx::dequantizeRows(const BlockFormat &format, const uint8_t *packed,
                        const uint8_t *scales, int64_t rows, int64_t columns,
                        float *values, float tensorScale) {
  assert(columns % format.blockSize == 0 && "a block does not cross a row");
  // Blocks never cross a row, so the matrix is one run of blocks.
  int64_t blocks = rows * (columns / format.blockSize);
  const Tables &tables = getTables(format);
  const float *table = tables.elements.data();
  auto dequantize = [&](auto lookUp) {
    dequantizeWith(format, packed, scales, blocks, values, tensorScale, lookUp);
  };
  if (format.element.bits == 8)
    return dequantize([&](const uint8_t *packed, int64_t i, float *elements) {
      for (int64_t j = 0; j < kChunk; ++j)
        elements[j] = table[packed[i + j]];
    });
  if (format.element.bits == 6) // four elements in three bytes
    return dequantize([&](const uint8_t *packed, int64_t i, float *elements) {
      const uint8_t *at = packed + i * 6 / 8;
      unsigned word = at[0] | at[1] << 8 | at[2] << 16;
      for (int64_t j = 0; j < kChunk; ++j)
        elements[j] = table[word >> 6 * j & 63];
    });
  dequantize([&](const uint8_t *packed, int64_t i, float *elements) {
    for (int64_t j = 0; j < kChunk; j += 2)
      std::memcpy(elements + j, &tables.pairs[packed[(i + j) / 2]],
                  sizeof(tables.pairs[0]));
  });
}
