//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arithmetic of indices.
//
//===----------------------------------------------------------------------===//

#include "LinearIndex.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::mxfp4;

LinearIndex LinearIndex::variable(ArrayRef<int64_t> sizes, unsigned index) {
  LinearIndex result(sizes, 0);
  if (sizes[index] != 1) // else it is 0
    result.factors[index] = 1;
  return result;
}

LinearIndex LinearIndex::operator+(const LinearIndex &other) const {
  LinearIndex result = *this;
  for (auto [factor, added] : llvm::zip(result.factors, other.factors))
    factor += added;
  result.constant += other.constant;
  return result;
}

LinearIndex LinearIndex::operator*(int64_t factor) const {
  LinearIndex result = *this;
  for (int64_t &own : result.factors)
    own *= factor;
  result.constant *= factor;
  return result;
}

std::optional<int64_t> LinearIndex::getConstant() const {
  if (getLowest() != getHighest())
    return std::nullopt;
  return getLowest();
}

int64_t LinearIndex::getLowest() const {
  int64_t lowest = constant;
  for (auto [factor, size] : llvm::zip(factors, sizes))
    lowest += std::min<int64_t>(0, factor * (size - 1));
  return lowest;
}

int64_t LinearIndex::getHighest() const {
  int64_t highest = constant;
  for (auto [factor, size] : llvm::zip(factors, sizes))
    highest += std::max<int64_t>(0, factor * (size - 1));
  return highest;
}

std::optional<std::pair<LinearIndex, LinearIndex>>
LinearIndex::split(int64_t divisor) const {
  if (divisor <= 0)
    return std::nullopt;
  LinearIndex multiples(sizes, 0), rest(sizes, 0);
  for (auto [index, factor] : llvm::enumerate(factors))
    (factor % divisor == 0 ? multiples : rest).factors[index] = factor;
  int64_t remainder = llvm::mod(constant, divisor);
  multiples.constant = constant - remainder;
  rest.constant = remainder;
  if (rest.getLowest() < 0 || rest.getHighest() >= divisor)
    return std::nullopt;
  return std::pair(multiples, rest);
}

std::optional<LinearIndex> LinearIndex::floorDiv(int64_t divisor) const {
  auto parts = split(divisor);
  if (!parts)
    return std::nullopt;
  for (int64_t &factor : parts->first.factors)
    factor /= divisor;
  parts->first.constant /= divisor;
  return parts->first;
}

std::optional<LinearIndex> LinearIndex::mod(int64_t divisor) const {
  auto parts = split(divisor);
  if (!parts)
    return std::nullopt;
  return parts->second;
}
