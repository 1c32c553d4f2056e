//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arrays of other packages as they lie in memory, and readers that turn them
// into what lib/Format takes, a piece at a time: no array is ever copied whole
// to change its type or its order.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_PYTHON_ARRAY_H
#define MXFP4_PYTHON_ARRAY_H

#include <cstdint>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <string>
#include <vector>

namespace mx::python {

/// What an array may consist of. The small floats are one to a byte, in its low
/// bits, as ml_dtypes has them.
enum class NumberType : uint8_t {
  F64,
  F32,
  F16,
  BF16,
  U8,
  E2M1,
  E2M3,
  E3M2,
  E4M3,
  E5M2,
  E8M0,
  Bool,
  I8,
  I16,
  U16,
  I32,
  U32,
  I64,
  U64,
};

/// The name that numpy and ml_dtypes give to `type`.
const char *getName(NumberType type);

/// Bytes that an element takes.
int64_t getBytes(NumberType type);

/// An array in the memory of another object.
struct Array {
  /// Keeps the memory.
  pybind11::object owner;
  const uint8_t *data = nullptr;
  NumberType type = NumberType::U8;
  std::vector<int64_t> shape;
  /// In bytes.
  std::vector<int64_t> strides;

  /// Number of elements. Throws ValueError if that is beyond 63 bits.
  int64_t size() const;

  /// Moves dimension `axis` behind all others.
  void moveToEnd(size_t axis);
};

/// Whether importArray() can look into `object`.
bool isArray(const pybind11::object &object);

/// The memory of `object`, which is a numpy array or has DLPack or the buffer
/// protocol. Copies nothing. Throws TypeError if it is something else or its
/// type is none of `types`; `name` is that of the argument.
Array importArray(const pybind11::object &object, const char *name,
                  const std::vector<NumberType> &types);

/// `shape` as Python writes it.
std::string formatShape(const std::vector<int64_t> &shape);

/// Reads the elements of an array in row-major order as `T`: any float type as
/// float, any type of one byte as uint8_t. Needs no GIL.
template <typename T> class Reader {
public:
  /// `array` outlives this.
  explicit Reader(const Array &array);

  /// The next `count` elements, valid until the next call. They are those of
  /// the array itself if they lie there one after another as `T`.
  const T *next(int64_t count);

private:
  /// The next element.
  const uint8_t *at;
  NumberType type;
  /// Dimensions that follow each other in memory are one here; never empty.
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  /// Of the next element.
  std::vector<int64_t> index;
  bool isContiguous;
  std::vector<T> buffer;
};

extern template class Reader<float>;
extern template class Reader<uint8_t>;

} // namespace mx::python

#endif // MXFP4_PYTHON_ARRAY_H
