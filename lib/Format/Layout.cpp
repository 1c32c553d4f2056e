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
  if (columns % depth != 0)
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

void mx::packInterleaved(const InterleavedLayout &layout, const uint8_t *source,
                         int64_t rows, int64_t columns, int64_t bits,
                         uint8_t *packed) {
  assert(layout.check(rows, columns, bits) && "not a layout of this matrix");
  int64_t runBytes = layout.depth * bits / 8;
  int64_t runs = columns / layout.depth;
  int64_t groups = layout.groups(rows);
  for (int64_t group = 0; group < groups; ++group) {
    for (int64_t run = 0; run < runs; ++run) {
      for (int64_t lane = 0; lane < layout.lanes; ++lane) {
        int64_t row = layout.rowOf(rows, group, lane);
        if (row < 0)
          std::memset(packed, 0, runBytes); // F19
        else
          std::memcpy(packed, source + (row * runs + run) * runBytes, runBytes);
        packed += runBytes;
      }
    }
  }
}
