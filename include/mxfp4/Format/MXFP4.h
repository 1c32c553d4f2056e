//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decodes the number format in plain C++: exact, scalar and slow, so that it
// can be the oracle of every other path. F1, F2, ... are rules of
// docs/Format.md.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_FORMAT_MXFP4_H
#define MXFP4_FORMAT_MXFP4_H

#include "mxfp4/Format/Bits.h"

#include <cstdint>

namespace mx {

/// Number of consecutive elements that share one scale (F1).
constexpr int64_t kBlockSize = 32;

/// Bytes of the elements of one block, without its scale (F1).
constexpr int64_t kBlockBytes = kBlockSize / 2;

/// The scale byte that makes its whole block NaN (F4).
constexpr uint8_t kScaleNaN = 0xFF;

/// The value of an element (F3). Only the low four bits of `code` count.
float decodeE2M1(uint8_t code);

/// The value of a scale (F4).
float decodeE8M0(uint8_t scale);

/// The 32 values of a block of kBlockBytes bytes (F2, F5, F6).
void decodeBlock(const uint8_t *packed, uint8_t scale, float *values);

/// Decodes a row-major matrix (F14): `packed` is [rows, columns / 2] bytes,
/// `scales` is [rows, columns / 32], `values` becomes [rows, columns].
/// `columns` is a multiple of kBlockSize.
void dequantizeRows(const uint8_t *packed, const uint8_t *scales, int64_t rows,
                    int64_t columns, float *values);

/// The value of a bf16 number, given as its bits (F13).
inline float decodeBF16(uint16_t bits) {
  return floatOf(static_cast<uint32_t>(bits) << 16);
}

/// The bits of the bf16 number nearest to `value`, ties to even (F13). A NaN
/// stays a NaN, with its sign.
uint16_t encodeBF16(float value);

} // namespace mx

#endif // MXFP4_FORMAT_MXFP4_H
