//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Indices of tensors as linear functions of variables with known ranges, so
// that quotients and rests of a change of shape stay linear.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_LINEARINDEX_H
#define MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_LINEARINDEX_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>
#include <utility>

namespace mlir::mxfp4 {

/// A sum of variables with integer factors and a constant. Each variable goes
/// from 0 to below its size.
class LinearIndex {
public:
  /// The constant `value`, with as many variables as `sizes`.
  LinearIndex(ArrayRef<int64_t> sizes, int64_t value)
      : sizes(sizes), factors(sizes.size(), 0), constant(value) {}
  /// The variable `index`.
  static LinearIndex variable(ArrayRef<int64_t> sizes, unsigned index);

  LinearIndex operator+(const LinearIndex &other) const;
  LinearIndex operator*(int64_t factor) const;
  bool operator==(const LinearIndex &other) const {
    return factors == other.factors && constant == other.constant;
  }

  /// The quotient and the rest of a division, where the variables that the
  /// divisor does not divide never carry.
  std::optional<LinearIndex> floorDiv(int64_t divisor) const;
  std::optional<LinearIndex> mod(int64_t divisor) const;

  std::optional<int64_t> getConstant() const;
  int64_t getLowest() const;
  int64_t getHighest() const;

private:
  /// The terms that `divisor` divides, and the others, which stay in one
  /// multiple of it.
  std::optional<std::pair<LinearIndex, LinearIndex>>
  split(int64_t divisor) const;

  ArrayRef<int64_t> sizes;
  SmallVector<int64_t, 6> factors;
  int64_t constant;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_LINEARINDEX_H
