//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three ways into the memory of an array: numpy's own objects, whose types may
// come from ml_dtypes, DLPack, and the buffer protocol through numpy.
//
//===----------------------------------------------------------------------===//

#include "Array.h"

#include "DLPack.h"
#include "mxfp4/Format/BF16.h"
#include "mxfp4/Format/F16.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace py = pybind11;
using namespace mx;
using namespace mx::python;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

namespace {
struct NumberDescription {
  /// As numpy and ml_dtypes call it.
  const char *name;
  int64_t bytes;
  uint8_t dlpackCode;
  uint8_t dlpackBits;
};
} // namespace

/// In the order of NumberType.
static constexpr NumberDescription kNumbers[] = {
    {"float64", 8, 2, 64},
    {"float32", 4, 2, 32},
    {"float16", 2, 2, 16},
    {"bfloat16", 2, 4, 16},
    {"uint8", 1, 1, 8},
    {"float4_e2m1fn", 1, 17, 4},
    {"float6_e2m3fn", 1, 15, 6},
    {"float6_e3m2fn", 1, 16, 6},
    {"float8_e4m3fn", 1, 10, 8},
    {"float8_e5m2", 1, 12, 8},
    {"float8_e8m0fnu", 1, 14, 8},
    {"bool", 1, 6, 8},
    {"int8", 1, 0, 8},
    {"int16", 2, 0, 16},
    {"uint16", 2, 1, 16},
    {"int32", 4, 0, 32},
    {"uint32", 4, 1, 32},
    {"int64", 8, 0, 64},
    {"uint64", 8, 1, 64},
};

static const NumberDescription &describe(NumberType type) {
  return kNumbers[static_cast<size_t>(type)];
}

const char *mx::python::getName(NumberType type) { return describe(type).name; }

int64_t mx::python::getBytes(NumberType type) { return describe(type).bytes; }

[[noreturn]] static void rejectType(const char *name,
                                    const std::vector<NumberType> &types,
                                    const std::string &found) {
  std::string message = "expected '" + std::string(name) + "' to consist of " +
                        getName(types.front());
  for (size_t i = 1; i < types.size(); ++i)
    message += (i + 1 == types.size() ? " or " : ", ") +
               std::string(getName(types[i]));
  throw py::type_error(message + ", but got " + found);
}

/// The one of `types` that `isFound` knows; if there is none, TypeError.
template <typename Function>
static NumberType findType(const char *name,
                           const std::vector<NumberType> &types,
                           const std::string &found, Function isFound) {
  for (NumberType type : types)
    if (isFound(describe(type)))
      return type;
  rejectType(name, types, found);
}

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

int64_t Array::size() const {
  int64_t product = 1;
  // A product of which one factor is zero is zero, whatever the others are.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end())
    return 0;
  for (int64_t extent : shape)
    if (__builtin_mul_overflow(product, extent, &product))
      throw py::value_error("expected an array of less than 2^63 elements, "
                            "but got one of shape " +
                            formatShape(shape));
  return product;
}

void Array::moveToEnd(size_t axis) {
  std::rotate(shape.begin() + axis, shape.begin() + axis + 1, shape.end());
  std::rotate(strides.begin() + axis, strides.begin() + axis + 1,
              strides.end());
}

std::string mx::python::formatShape(const std::vector<int64_t> &shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

static Array importNumpy(const py::array &source, const char *name,
                         const std::vector<NumberType> &types) {
  py::dtype type = source.dtype();
  auto typeName = type.attr("name").cast<std::string>();
  bool isNative = type.attr("isnative").cast<bool>();

  Array array;
  array.type = findType(name, types,
                        typeName + (isNative ? "" : " in the other byte order"),
                        [&](const NumberDescription &number) {
                          return isNative && typeName == number.name &&
                                 type.itemsize() == number.bytes;
                        });
  array.owner = source;
  array.data = static_cast<const uint8_t *>(source.data());
  array.shape.assign(source.shape(), source.shape() + source.ndim());
  array.strides.assign(source.strides(), source.strides() + source.ndim());
  return array;
}

/// Asks for the newest form of capsule that `object` can give.
static py::object getCapsule(const py::object &object) {
  try {
    return object.attr("__dlpack__")(
        py::arg("max_version") = py::make_tuple(kDLPackMajorVersion, 0));
  } catch (py::error_already_set &error) {
    // Those older than version 1.0 do not know the argument.
    if (!error.matches(PyExc_TypeError))
      throw;
  }
  return object.attr("__dlpack__")();
}

/// The capsule keeps its name, so it stays the owner: it frees the tensor when
/// it goes.
static Array importDLPack(const py::object &object, const char *name,
                          const std::vector<NumberType> &types) {
  auto device = object.attr("__dlpack_device__")().cast<py::tuple>();
  auto deviceType = py::int_(device[0]).cast<int64_t>();
  if (deviceType != kDLPackCPU && deviceType != kDLPackCUDAHost)
    throw py::value_error("expected '" + std::string(name) +
                          "' to be in the memory of the CPU, but got a tensor "
                          "on DLPack device " +
                          std::to_string(deviceType));

  py::object capsule = getCapsule(object);
  const DLPackTensor *tensor;
  bool isPadded = false;
  if (PyCapsule_IsValid(capsule.ptr(), kDLPackVersionedCapsule)) {
    auto *managed = static_cast<DLPackVersionedTensor *>(
        PyCapsule_GetPointer(capsule.ptr(), kDLPackVersionedCapsule));
    if (managed->majorVersion != kDLPackMajorVersion)
      throw py::type_error("expected '" + std::string(name) +
                           "' to have DLPack 1, but got version " +
                           std::to_string(managed->majorVersion));
    tensor = &managed->tensor;
    isPadded = managed->flags & kDLPackPadded;
  } else if (PyCapsule_IsValid(capsule.ptr(), kDLPackCapsule)) {
    tensor = &static_cast<DLPackManagedTensor *>(
                  PyCapsule_GetPointer(capsule.ptr(), kDLPackCapsule))
                  ->tensor;
  } else {
    throw py::type_error("expected '" + std::string(name) +
                         "' to give a DLPack capsule, but got " +
                         Py_TYPE(capsule.ptr())->tp_name);
  }

  DLPackType type = tensor->type;
  // Two packed elements of 4 bits are a byte.
  if (type.code == describe(NumberType::E2M1).dlpackCode && type.bits == 4 &&
      type.lanes == 2)
    type = {describe(NumberType::U8).dlpackCode, 8, 1};
  Array array;
  array.type = findType(
      name, types,
      "DLPack type (" + std::to_string(type.code) + ", " +
          std::to_string(type.bits) + ", " + std::to_string(type.lanes) + ")" +
          (type.bits < 8 && !isPadded ? " without padding" : ""),
      [&](const NumberDescription &number) {
        return type.code == number.dlpackCode &&
               type.bits == number.dlpackBits && type.lanes == 1 &&
               (type.bits >= 8 || isPadded);
      });
  array.owner = capsule;
  array.data = static_cast<const uint8_t *>(tensor->data) + tensor->byteOffset;
  array.shape.assign(tensor->shape, tensor->shape + tensor->rank);
  array.strides.resize(tensor->rank);
  int64_t stride = 1;
  for (int64_t i = tensor->rank - 1; i >= 0; --i) {
    array.strides[i] = (tensor->strides ? tensor->strides[i] : stride) *
                       describe(array.type).bytes;
    stride *= array.shape[i];
  }
  return array;
}

/// The array that numpy makes of a scalar of its own or of a buffer.
static py::array asNumpy(const py::object &object) {
  py::module_ numpy = py::module_::import("numpy");
  // Scalars of ml_dtypes have a buffer, but do not give it.
  if (py::isinstance(object, numpy.attr("generic")))
    return numpy.attr("asarray")(object);
  return numpy.attr("asarray")(py::memoryview(object));
}

bool mx::python::isArray(const py::object &object) {
  return py::isinstance<py::array>(object) ||
         py::hasattr(object, "__dlpack__") ||
         PyObject_CheckBuffer(object.ptr());
}

Array mx::python::importArray(const py::object &object, const char *name,
                              const std::vector<NumberType> &types) {
  if (py::isinstance<py::array>(object))
    return importNumpy(object, name, types);
  if (py::hasattr(object, "__dlpack__"))
    return importDLPack(object, name, types);
  if (PyObject_CheckBuffer(object.ptr()))
    return importNumpy(asNumpy(object), name, types);
  throw py::type_error("expected '" + std::string(name) +
                       "' to be a numpy array or to have DLPack or the buffer "
                       "protocol, but got " +
                       Py_TYPE(object.ptr())->tp_name);
}

//===----------------------------------------------------------------------===//
// Reader
//===----------------------------------------------------------------------===//

/// Converts `count` numbers of type `From`, `stride` bytes apart.
template <typename From, typename Function>
static void convertNumbers(const uint8_t *from, int64_t stride, int64_t count,
                           float *to, Function toFloat) {
  for (int64_t i = 0; i < count; ++i) {
    From number; // which may not be aligned
    std::memcpy(&number, from + i * stride, sizeof(number));
    to[i] = toFloat(number);
  }
}

static void convert(NumberType type, const uint8_t *from, int64_t stride,
                    int64_t count, float *to) {
  auto cast = [](auto number) { return static_cast<float>(number); };
  switch (type) {
  case NumberType::F64:
    return convertNumbers<double>(from, stride, count, to, cast);
  case NumberType::F16:
    return convertNumbers<uint16_t>(from, stride, count, to, decodeF16);
  case NumberType::BF16:
    return convertNumbers<uint16_t>(from, stride, count, to, decodeBF16);
  default:
    return convertNumbers<float>(from, stride, count, to, cast);
  }
}

static void convert(NumberType, const uint8_t *from, int64_t stride,
                    int64_t count, uint8_t *to) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = from[i * stride];
}

template <typename T> Reader<T>::Reader(const Array &array) : type(array.type) {
  at = array.data;
  for (size_t i = 0; i < array.shape.size(); ++i) {
    int64_t extent = array.shape[i], stride = array.strides[i];
    if (extent == 1)
      continue;
    if (!shape.empty() && strides.back() == extent * stride) {
      shape.back() *= extent;
      strides.back() = stride;
    } else {
      shape.push_back(extent);
      strides.push_back(stride);
    }
  }
  if (shape.empty()) {
    shape.push_back(1);
    strides.push_back(describe(type).bytes);
  }
  index.resize(shape.size());
  bool isOfT = std::is_same_v<T, uint8_t> || type == NumberType::F32;
  isContiguous = isOfT && shape.size() == 1 && strides[0] == sizeof(T) &&
                 reinterpret_cast<uintptr_t>(at) % alignof(T) == 0;
}

template <typename T> const T *Reader<T>::next(int64_t count) {
  if (isContiguous) {
    auto *elements = reinterpret_cast<const T *>(at);
    at += count * sizeof(T);
    return elements;
  }
  buffer.resize(count);
  T *to = buffer.data();
  for (int64_t left = count; left > 0;) {
    size_t dim = shape.size() - 1;
    int64_t run = std::min(left, shape[dim] - index[dim]);
    convert(type, at, strides[dim], run, to);
    to += run;
    left -= run;
    at += run * strides[dim];
    index[dim] += run;
    for (; dim > 0 && index[dim] == shape[dim]; --dim) {
      at += strides[dim - 1] - shape[dim] * strides[dim];
      index[dim] = 0;
      ++index[dim - 1];
    }
  }
  return buffer.data();
}

template class mx::python::Reader<float>;
template class mx::python::Reader<uint8_t>;
