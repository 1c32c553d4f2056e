//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arrays to blocks and back. The work is lib/Format's; here are the checks of
// arguments, and loops that feed it a tile at a time without the GIL. F1, F2,
// ... are rules of docs/Format.md.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Array.h"
#include "Bindings.h"
#include "mxfp4/Format/BF16.h"
#include "mxfp4/Format/F16.h"
#include "mxfp4/Format/Quantize.h"
#include "mxfp4/Format/Random.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace py = pybind11;
using namespace mx;
using namespace mx::python;

/// Elements that are converted together. They stay in the first-level cache,
/// and are a multiple of every block.
static constexpr int64_t kTile = 4096;

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

static constexpr Named<ScaleRule> kScaleRules[] = {
    {"floor", ScaleRule::Floor},     {"even", ScaleRule::Even},
    {"rceil", ScaleRule::RoundUp},   {"ceil", ScaleRule::Ceil},
    {"nearest", ScaleRule::Nearest},
};

static constexpr Named<Rounding> kRoundings[] = {
    {"nearest_even", Rounding::NearestEven},
    {"nearest_away", Rounding::NearestAway},
    {"nearest_zero", Rounding::NearestZero},
    {"stochastic", Rounding::Stochastic},
};

/// Throws ValueError if `found` is not `expected`.
static void checkShape(const char *name, const std::vector<int64_t> &found,
                       const std::vector<int64_t> &expected,
                       const std::string &reason) {
  if (found != expected)
    throw py::value_error("expected '" + std::string(name) +
                          "' to have shape " + formatShape(expected) + ", " +
                          reason + ", but got " + formatShape(found));
}

static void checkRank(const char *name, const Array &array) {
  if (array.shape.empty())
    throw py::value_error("expected '" + std::string(name) +
                          "' to have a dimension to take blocks of, but got a "
                          "scalar");
}

/// Throws ValueError if `dimension` has not whole blocks.
static void checkBlocks(const std::string &dimension, int64_t extent,
                        int64_t block, const char *unit,
                        const BlockFormat &format) {
  if (extent % block != 0)
    throw py::value_error("expected " + dimension + " to be a multiple of " +
                          std::to_string(block) + " (" + unit +
                          " in a block of " + format.name + "), but got " +
                          std::to_string(extent));
}

/// Argument `axis` as the number of a dimension of an array of rank `rank`.
static size_t getAxis(const py::object &argument, int64_t rank) {
  py::int_ integer = getInteger(argument, "axis");
  // One that is too large becomes the largest.
  int64_t axis = PyNumber_AsSsize_t(integer.ptr(), nullptr);
  if (axis < -rank || axis >= rank)
    throw py::value_error("expected 'axis' to be " + std::to_string(-rank) +
                          " to " + std::to_string(rank - 1) + ", but got " +
                          formatInteger(integer));
  return axis < 0 ? axis + rank : axis;
}

/// A number of argument `tensor_scale` as f32.
static float getScale(const py::object &argument) {
  double number =
      getNumber(argument, "tensor_scale", "a number or a TensorScale");
  auto scale = static_cast<float>(number);
  if (!(scale > 0.0f) || !std::isfinite(scale))
    throw py::value_error("expected 'tensor_scale' to be positive and finite "
                          "as a float32, but got " +
                          py::repr(py::float_(number)).cast<std::string>());
  return scale;
}

/// Argument `tensor_scale`: None, a pair (decode, encode), or decode alone.
static TensorScale getTensorScale(const py::object &argument,
                                  const BlockFormat &format) {
  if (argument.is_none())
    return {};
  if (format.scale != ScaleFormat::E4M3)
    throw py::value_error("expected no 'tensor_scale' for " +
                          std::string(format.name) + ", only " + kNVFP4.name +
                          " has one");
  if (py::isinstance<py::tuple>(argument) && py::len(argument) == 2) {
    auto pair = argument.cast<py::tuple>();
    return {getScale(pair[0]), getScale(pair[1])};
  }
  float decode = getScale(argument);
  return {decode,
          std::min(1.0f / decode, std::numeric_limits<float>::max())}; // F22
}

static py::tuple toTuple(TensorScale scale) {
  return py::make_tuple(scale.decode, scale.encode);
}

/// The type that has just the elements of `format`.
static NumberType getElementType(const BlockFormat &format) {
  constexpr Named<NumberType> types[] = {
      {kE2M1.name, NumberType::E2M1}, {kE2M3.name, NumberType::E2M3},
      {kE3M2.name, NumberType::E3M2}, {kE4M3.name, NumberType::E4M3},
      {kE5M2.name, NumberType::E5M2},
  };
  return std::find_if(std::begin(types), std::end(types),
                      [&](const Named<NumberType> &type) {
                        return type.name == std::string(format.element.name);
                      })
      ->value;
}

static py::array_t<uint8_t> makeBytes(const std::vector<int64_t> &shape) {
  return py::array_t<uint8_t>(
      std::vector<py::ssize_t>(shape.begin(), shape.end()));
}

//===----------------------------------------------------------------------===//
// Quantize
//===----------------------------------------------------------------------===//

/// What quantize() was told, but for the random bytes themselves.
static QuantizeOptions
getOptions(const BlockFormat &format, const py::object &scaleRule,
           const py::object &rounding, const py::object &tensorScale,
           const py::object &random, const py::object &seed) {
  QuantizeOptions options;
  options.scaleRule = findOption(scaleRule, "scale_rule", kScaleRules).value;
  options.rounding = findOption(rounding, "rounding", kRoundings).value;
  options.tensorScale = getTensorScale(tensorScale, format);
  if (format.scale != ScaleFormat::E8M0 &&
      options.scaleRule != ScaleRule::Floor)
    throw py::value_error("expected no 'scale_rule' for " +
                          std::string(format.name) +
                          ", whose scales are not powers of two");
  bool isStochastic = options.rounding == Rounding::Stochastic;
  if (isStochastic && random.is_none() == seed.is_none())
    throw py::value_error("expected one of 'random' and 'seed' where rounding "
                          "is stochastic, but got " +
                          std::string(seed.is_none() ? "none" : "both"));
  if (!isStochastic && !(random.is_none() && seed.is_none()))
    throw py::value_error("expected no '" +
                          std::string(seed.is_none() ? "random" : "seed") +
                          "' where rounding is not stochastic");
  return options;
}

static Array importFloats(const py::object &x) {
  return importArray(
      x, "x",
      {NumberType::F64, NumberType::F32, NumberType::F16, NumberType::BF16});
}

static py::tuple quantize(const py::object &x, const py::object &formatName,
                          const py::object &scaleRule,
                          const py::object &rounding, const py::object &axis,
                          const py::object &tensorScale,
                          const py::object &random, const py::object &seed) {
  const BlockFormat &format = findOption(formatName, "format", kBlockFormats);
  QuantizeOptions options =
      getOptions(format, scaleRule, rounding, tensorScale, random, seed);
  Array input = importFloats(x);
  checkRank("x", input);
  size_t blockAxis = getAxis(axis, input.shape.size());
  checkBlocks("dimension " + std::to_string(blockAxis) + " of 'x'",
              input.shape[blockAxis], format.blockSize, "elements", format);
  std::optional<Array> bytes;
  if (!random.is_none()) {
    bytes = importArray(random, "random", {NumberType::U8});
    checkShape("random", bytes->shape, input.shape, "that of 'x'");
    bytes->moveToEnd(blockAxis);
  }
  input.moveToEnd(blockAxis);
  std::optional<uint64_t> seedBits;
  if (!seed.is_none())
    seedBits = getSeed(seed, "seed");

  int64_t count = input.size();
  std::vector<int64_t> shape = input.shape;
  shape.back() /= format.blockSize;
  py::array_t<uint8_t> scales = makeBytes(shape);
  shape.back() *= format.blockBytes();
  py::array_t<uint8_t> values = makeBytes(shape);

  uint8_t *packed = values.mutable_data(), *scale = scales.mutable_data();
  {
    py::gil_scoped_release withoutGIL;
    Reader<float> numbers(input);
    std::optional<Reader<uint8_t>> given;
    std::vector<uint8_t> made;
    if (bytes)
      given.emplace(*bytes);
    if (seedBits)
      made.resize(kTile);
    for (int64_t first = 0; first < count; first += kTile) {
      int64_t part = std::min(kTile, count - first);
      if (given) {
        options.random = given->next(part);
      } else if (seedBits) {
        fillRandomBytes(*seedBits, first, part, made.data());
        options.random = made.data();
      }
      quantizeRows(format, numbers.next(part), 1, part, packed, scale, options);
      int64_t blocks = part / format.blockSize;
      packed += blocks * format.blockBytes();
      scale += blocks;
    }
  }
  return py::make_tuple(values, scales);
}

static py::tuple chooseTensorScaleOf(const py::object &x) {
  if (!isArray(x)) {
    double number = getNumber(x, "x",
                              "a number, a numpy array, or to have DLPack or "
                              "the buffer protocol");
    return toTuple(chooseTensorScale(static_cast<float>(number)));
  }
  Array input = importFloats(x);
  int64_t count = input.size();
  TensorScale scale;
  {
    py::gil_scoped_release withoutGIL;
    Reader<float> numbers(input);
    float largest = 0.0f;
    for (int64_t first = 0; first < count; first += kTile) {
      int64_t part = std::min(kTile, count - first);
      float pair[] = {largest, getLargestMagnitude(numbers.next(part), part)};
      largest = getLargestMagnitude(pair, 2);
    }
    scale = chooseTensorScale(largest);
  }
  return toTuple(scale);
}

//===----------------------------------------------------------------------===//
// Dequantize
//===----------------------------------------------------------------------===//

namespace {
/// Values and scales that fit each other.
struct Blocks {
  Blocks(const BlockFormat &format, const py::object &values,
         const py::object &scales);

  /// [..., elements], the shape of what they decode to.
  std::vector<int64_t> getShape() const;

  const BlockFormat &format;
  Array values;
  /// Whether the values are packed (F2); else each has a byte of its own.
  bool isPacked;
  Array scales;
  /// Number of blocks.
  int64_t count;
};

/// Reads the elements of Blocks in their packed form.
class PackedReader {
public:
  explicit PackedReader(const Blocks &blocks)
      : blocks(blocks), bytes(blocks.values) {}

  /// The bytes of the next `count` blocks, valid until the next call.
  const uint8_t *next(int64_t count);

private:
  const Blocks &blocks;
  Reader<uint8_t> bytes;
  std::vector<uint8_t> packed;
};
} // namespace

Blocks::Blocks(const BlockFormat &format, const py::object &valuesArgument,
               const py::object &scalesArgument)
    : format(format) {
  values = importArray(valuesArgument, "values",
                       {NumberType::U8, getElementType(format)});
  checkRank("values", values);
  isPacked = values.type == NumberType::U8 || format.element.bits == 8;
  int64_t blockExtent = isPacked ? format.blockBytes() : format.blockSize;
  checkBlocks("the last dimension of 'values'", values.shape.back(),
              blockExtent, isPacked ? "bytes" : "elements", format);

  scales = importArray(scalesArgument, "scales",
                       {NumberType::U8, format.scale == ScaleFormat::E8M0
                                            ? NumberType::E8M0
                                            : NumberType::E4M3});
  std::vector<int64_t> shape = values.shape;
  shape.back() /= blockExtent;
  checkShape("scales", scales.shape, shape, "one for each block of 'values'");
  count = scales.size();
}

std::vector<int64_t> Blocks::getShape() const {
  std::vector<int64_t> shape = scales.shape;
  int64_t elements;
  if (__builtin_mul_overflow(count, format.blockSize, &elements))
    throw py::value_error("expected 'values' to decode to less than 2^63 "
                          "elements, but got " +
                          std::to_string(count) + " blocks");
  shape.back() *= format.blockSize;
  return shape;
}

const uint8_t *PackedReader::next(int64_t count) {
  const BlockFormat &format = blocks.format;
  if (blocks.isPacked)
    return bytes.next(count * format.blockBytes());
  int64_t elements = count * format.blockSize;
  const uint8_t *codes = bytes.next(elements);
  packed.resize(count * format.blockBytes());
  unsigned mask = (1 << format.element.bits) - 1;
  for (int64_t i = 0; i < elements; ++i)
    setCode(format, packed.data(), i, codes[i] & mask);
  return packed.data();
}

/// What argument `dtype` stands for: a name or anything that numpy.dtype takes.
static NumberType getResultType(py::object argument) {
  const Named<NumberType> types[] = {
      {getName(NumberType::F32), NumberType::F32},
      {getName(NumberType::F16), NumberType::F16},
      {getName(NumberType::BF16), NumberType::BF16},
  };
  if (!py::isinstance<py::str>(argument)) {
    try {
      argument =
          py::module_::import("numpy").attr("dtype")(argument).attr("name");
    } catch (py::error_already_set &error) {
      if (!error.matches(PyExc_TypeError))
        throw;
      throw py::type_error("expected 'dtype' to be a str or a numpy dtype, "
                           "but got " +
                           getTypeName(argument));
    }
  }
  return findOption(argument, "dtype", types).value;
}

/// numpy's object for a result type.
static py::dtype getDtype(NumberType type) {
  if (type != NumberType::BF16)
    return py::dtype(getName(type));
  try {
    return py::dtype::from_args(
        py::module_::import("ml_dtypes").attr(getName(type)));
  } catch (py::error_already_set &error) {
    if (!error.matches(PyExc_ImportError))
      throw;
    throw py::import_error(
        "expected the package ml_dtypes for 'dtype' bfloat16, but got " +
        std::string(error.what()));
  }
}

static py::array dequantize(const py::object &values, const py::object &scales,
                            const py::object &formatName,
                            const py::object &dtype,
                            const py::object &tensorScale) {
  const BlockFormat &format = findOption(formatName, "format", kBlockFormats);
  float scale = getTensorScale(tensorScale, format).decode;
  NumberType type = getResultType(dtype);
  Blocks blocks(format, values, scales);
  std::vector<int64_t> shape = blocks.getShape();
  py::array result(getDtype(type),
                   std::vector<py::ssize_t>(shape.begin(), shape.end()));

  void *data = result.mutable_data();
  {
    py::gil_scoped_release withoutGIL;
    PackedReader packed(blocks);
    Reader<uint8_t> scaleBytes(blocks.scales);
    std::vector<float> tile(type == NumberType::F32 ? 0 : kTile);
    int64_t step = kTile / format.blockSize;
    for (int64_t first = 0; first < blocks.count; first += step) {
      int64_t count = std::min(step, blocks.count - first);
      int64_t elements = count * format.blockSize;
      int64_t at = first * format.blockSize;
      float *numbers = type == NumberType::F32 ? static_cast<float *>(data) + at
                                               : tile.data();
      dequantizeRows(format, packed.next(count), scaleBytes.next(count), 1,
                     elements, numbers, scale);
      if (type == NumberType::F16)
        std::transform(numbers, numbers + elements,
                       static_cast<uint16_t *>(data) + at, encodeF16);
      else if (type == NumberType::BF16)
        std::transform(numbers, numbers + elements,
                       static_cast<uint16_t *>(data) + at, encodeBF16);
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// MXFP4 to NVFP4
//===----------------------------------------------------------------------===//

static py::tuple castToNVFP4(const py::object &values,
                             const py::object &scales) {
  Blocks blocks(kMXFP4, values, scales);
  std::vector<int64_t> shape = blocks.scales.shape;
  shape.back() *= kMXFP4.blockSize / kNVFP4.blockSize;
  py::array_t<uint8_t> result = makeBytes(shape);

  uint8_t *data = result.mutable_data();
  std::optional<Result<TensorScale>> scale;
  {
    py::gil_scoped_release withoutGIL;
    PackedReader packed(blocks);
    Reader<uint8_t> scaleBytes(blocks.scales);
    scale =
        castScalesToNVFP4(packed.next(blocks.count),
                          scaleBytes.next(blocks.count), blocks.count, data);
  }
  if (!*scale)
    throw py::value_error(scale->error().message);
  return py::make_tuple(result, toTuple(**scale));
}

void mx::python::bindFormat(py::module_ &module) {
  module.def("quantize", &quantize, py::arg("x"), py::arg("format"),
             py::arg("scale_rule"), py::arg("rounding"), py::arg("axis"),
             py::arg("tensor_scale"), py::arg("random"), py::arg("seed"));
  module.def("choose_tensor_scale", &chooseTensorScaleOf, py::arg("x"));
  module.def("dequantize", &dequantize, py::arg("values"), py::arg("scales"),
             py::arg("format"), py::arg("dtype"), py::arg("tensor_scale"));
  module.def("cast_to_nvfp4", &castToNVFP4, py::arg("values"),
             py::arg("scales"));
}
