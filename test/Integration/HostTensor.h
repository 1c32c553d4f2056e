//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensors of test data: made from random or chosen numbers, read as f64.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEST_INTEGRATION_HOSTTENSOR_H
#define MXFP4_TEST_INTEGRATION_HOSTTENSOR_H

#include "mxfp4/Format/BlockFormat.h"

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

namespace mx::test {

/// The element types of kernels. E2M1 is packed, two in a byte (F2); E2M3 and
/// E3M2 take a byte.
enum class ElementType {
  F32,
  BF16,
  F16,
  I32,
  I8,
  E2M1,
  E2M3,
  E3M2,
  E4M3,
  E5M2,
  E8M0
};

/// How MLIR writes `type`.
const char *nameOf(ElementType type);

/// Bits of an element of `type` in memory.
int64_t bitsOf(ElementType type);

using Shape = std::vector<int64_t>;

/// A row-major tensor.
struct HostTensor {
  ElementType type = ElementType::F32;
  Shape shape;
  std::vector<uint8_t> bytes;

  HostTensor() = default;
  /// All bytes zero.
  HostTensor(ElementType type, Shape shape);
  /// `values` rounded to `type`, which is a float or integer type.
  HostTensor(ElementType type, Shape shape, const std::vector<double> &values);

  /// Number of elements.
  int64_t size() const;
  /// All elements; the bytes themselves of I8 and the types below it.
  std::vector<double> values() const;
};

/// The value of an f16 number, given as its bits.
double decodeF16(uint16_t bits);

/// The bits of the f16 number nearest to `value`, ties to even.
uint16_t encodeF16(float value);

/// Random data, the same on every machine.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}

  /// An integer from `low` to `high`.
  int64_t integer(int64_t low, int64_t high);
  /// One of `choices`.
  int64_t pick(std::initializer_list<int64_t> choices);
  bool coin() { return integer(0, 1) != 0; }
  /// A number from -`bound` to `bound`.
  double real(double bound = 1.0);

  /// Numbers from -`bound` to `bound`.
  HostTensor floats(ElementType type, Shape shape, double bound = 1.0);
  /// Integers from 0 to `count` - 1.
  HostTensor indices(Shape shape, int64_t count);
  /// Elements of every finite code of `format`; `shape` counts elements.
  HostTensor elements(Shape shape, const BlockFormat &format = kMXFP4);
  /// E8M0 scales from `low` to `high`.
  HostTensor scales(Shape shape, int64_t low = 120, int64_t high = 127);
  /// Scales of `format` for elements of shape `shape`, of usual sizes.
  HostTensor scalesOf(const BlockFormat &format, Shape shape);

private:
  std::mt19937_64 engine;
};

/// The types of the elements and the scales of `format`.
ElementType elementTypeOf(const BlockFormat &format);
ElementType scaleTypeOf(const BlockFormat &format);

/// The weight that elements and scales of `format` stand for (F5), row-major.
std::vector<double> decodeWeight(const HostTensor &elements,
                                 const HostTensor &scales,
                                 const BlockFormat &format = kMXFP4,
                                 float tensorScale = 1.0f);

} // namespace mx::test

#endif // MXFP4_TEST_INTEGRATION_HOSTTENSOR_H
