//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where each byte of a packed weight goes. The compiler generates the code that
// rearranges and reads a weight; this is what that code is compared with.
// F17, F18, ... are rules of docs/Format.md.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_FORMAT_LAYOUT_H
#define MXFP4_FORMAT_LAYOUT_H

#include "mxfp4/Support/Result.h"

#include <cstdint>

namespace mx {

/// A row-major matrix [rows, columns] arranged as
/// [groups][columns / depth][lanes][depth] (F17), so that one vector load gets
/// `depth` consecutive elements of each of `lanes` rows; or for tiles (F25).
struct InterleavedLayout {
  /// Rows in a group.
  int64_t lanes = 1;
  /// Consecutive elements of one row.
  int64_t depth = 1;
  /// True if even and odd rows of the matrix are gate and up rows, which then
  /// go to groups of their own: even groups hold gate, odd groups up (F18).
  bool paired = false;
  /// True for the tiles of tensor cores: the last elements of a row are fewer
  /// than `depth` where that does not divide the columns, and words of eight
  /// 4-bit elements are encoded (F25).
  bool tiled = false;

  /// Whether a matrix of elements of `bits` bits can be arranged so. The other
  /// functions may be called only where it can.
  Status check(int64_t rows, int64_t columns, int64_t bits) const;

  /// Number of groups that hold `rows` rows.
  int64_t groups(int64_t rows) const;

  /// The row that is in `lane` of `group`, or -1 if that is padding (F18, F19).
  int64_t rowOf(int64_t rows, int64_t group, int64_t lane) const;

  /// Bytes of the arranged matrix, with its padding.
  int64_t byteCount(int64_t rows, int64_t columns, int64_t bits) const;
};

/// 4-bit elements in a word of a tiled layout.
inline constexpr int64_t kTileWordElements = 8;

/// Eight 4-bit elements as a tiled layout stores them, from a word with the
/// first in its low bits (F25).
uint32_t encodeTileWord(uint32_t elements);

/// Arranges `source`, [rows, columns] elements of 4, 8 or 16 bits, row-major
/// and with the even element of a byte in its low four bits (F2). `packed` is
/// layout.byteCount(rows, columns, bits) bytes and does not overlap `source`.
void packInterleaved(const InterleavedLayout &layout, const uint8_t *source,
                     int64_t rows, int64_t columns, int64_t bits,
                     uint8_t *packed);

} // namespace mx

#endif // MXFP4_FORMAT_LAYOUT_H
