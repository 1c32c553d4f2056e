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

float mx::decodeScale(const BlockFormat &format, uint8_t scale) {
  return format.scale == ScaleFormat::E8M0 ? decodeE8M0(scale)
                                           : decode(kE4M3, scale);
}

void mx::dequantizeRows(const BlockFormat &format, const uint8_t *packed,
                        const uint8_t *scales, int64_t rows, int64_t columns,
                        float *values, float tensorScale) {
  assert(columns % format.blockSize == 0 && "a block does not cross a row");
  // Blocks never cross a row, so the matrix is one run of blocks.
  int64_t blocks = rows * (columns / format.blockSize);
  float table[256];
  for (int code = 0; code < 1 << format.element.bits; ++code)
    table[code] = decode(format.element, code);
  for (int64_t block = 0; block < blocks; ++block) {
    float scale = decodeScale(format, scales[block]);
    const uint8_t *elements = packed + block * format.blockBytes();
    // Element times scale is exact, unless it overflows (F6).
    for (int64_t i = 0; i < format.blockSize; ++i)
      *values++ = table[getCode(format, elements, i)] * scale * tensorScale;
  }
}
