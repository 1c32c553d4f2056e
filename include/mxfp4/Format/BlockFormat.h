//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decodes block-scaled numbers in plain C++: exact, so that it can be the
// oracle of every other path. F1, F2, ... are rules of docs/Format.md.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_FORMAT_BLOCKFORMAT_H
#define MXFP4_FORMAT_BLOCKFORMAT_H

#include "mxfp4/Format/ElementFormat.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace mx {

/// What the scale of a block is.
enum class ScaleFormat : uint8_t {
  E8M0, ///< A power of two (F4).
  E4M3, ///< A float, times a scale of the whole tensor (F22).
};

/// Elements that share a scale: `blockSize` consecutive ones (F1).
struct BlockFormat {
  const char *name;
  ElementFormat element;
  int64_t blockSize;
  ScaleFormat scale;

  /// Bytes of the elements of one block, without its scale.
  constexpr int64_t blockBytes() const { return blockSize * element.bits / 8; }
};

inline constexpr BlockFormat kMXFP4 = {"mxfp4", kE2M1, 32, ScaleFormat::E8M0};
inline constexpr BlockFormat kMXFP6E2M3 = {"mxfp6_e2m3", kE2M3, 32,
                                           ScaleFormat::E8M0};
inline constexpr BlockFormat kMXFP6E3M2 = {"mxfp6_e3m2", kE3M2, 32,
                                           ScaleFormat::E8M0};
inline constexpr BlockFormat kMXFP8E4M3 = {"mxfp8_e4m3", kE4M3, 32,
                                           ScaleFormat::E8M0};
inline constexpr BlockFormat kMXFP8E5M2 = {"mxfp8_e5m2", kE5M2, 32,
                                           ScaleFormat::E8M0};
inline constexpr BlockFormat kNVFP4 = {"nvfp4", kE2M1, 16, ScaleFormat::E4M3};

inline constexpr std::array<BlockFormat, 6> kBlockFormats = {
    kMXFP4, kMXFP6E2M3, kMXFP6E3M2, kMXFP8E4M3, kMXFP8E5M2, kNVFP4};

/// The format called `name`, or null.
const BlockFormat *findBlockFormat(std::string_view name);

/// Number of elements that share one scale in MXFP4.
constexpr int64_t kBlockSize = kMXFP4.blockSize;

/// Bytes of the elements of one block of MXFP4, without its scale.
constexpr int64_t kBlockBytes = kMXFP4.blockBytes();

/// The E8M0 scale byte that makes its whole block NaN (F4).
constexpr uint8_t kScaleNaN = 0xFF;

/// The code of element `index` of a block, and its change (F2).
uint8_t getCode(const BlockFormat &format, const uint8_t *packed,
                int64_t index);
void setCode(const BlockFormat &format, uint8_t *packed, int64_t index,
             uint8_t code);

/// The value of a scale byte (F4, F22).
float decodeScale(const BlockFormat &format, uint8_t scale);

/// Decodes a row-major matrix (F5, F14): with blocks of B elements, `packed` is
/// [rows, columns / B] of blockBytes() bytes, `scales` is [rows, columns / B],
/// `values` becomes [rows, columns]. `columns` is a multiple of B.
/// `tensorScale` multiplies all values and is 1 but for ScaleFormat::E4M3.
void dequantizeRows(const BlockFormat &format, const uint8_t *packed,
                    const uint8_t *scales, int64_t rows, int64_t columns,
                    float *values, float tensorScale = 1.0f);

} // namespace mx

#endif // MXFP4_FORMAT_BLOCKFORMAT_H
