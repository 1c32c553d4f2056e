//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Test data. The generator's numbers are used as they are: the distributions of
// the standard library differ from one to the next.
//
//===----------------------------------------------------------------------===//

#include "HostTensor.h"

#include "mxfp4/Format/BF16.h"
#include "mxfp4/Format/BlockFormat.h"

#include <cmath>
#include <cstring>

using namespace mx;
using namespace mx::test;

const char *mx::test::nameOf(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return "f32";
  case ElementType::BF16:
    return "bf16";
  case ElementType::F16:
    return "f16";
  case ElementType::I32:
    return "i32";
  case ElementType::I8:
    return "i8";
  case ElementType::E2M1:
    return kE2M1.name;
  case ElementType::E2M3:
    return kE2M3.name;
  case ElementType::E3M2:
    return kE3M2.name;
  case ElementType::E4M3:
    return kE4M3.name;
  case ElementType::E5M2:
    return kE5M2.name;
  case ElementType::E8M0:
    return "f8E8M0FNU";
  }
  return "";
}

int64_t mx::test::bitsOf(ElementType type) {
  switch (type) {
  case ElementType::F32:
  case ElementType::I32:
    return 32;
  case ElementType::BF16:
  case ElementType::F16:
    return 16;
  case ElementType::I8:
  case ElementType::E2M3:
  case ElementType::E3M2:
  case ElementType::E4M3:
  case ElementType::E5M2:
  case ElementType::E8M0:
    return 8;
  case ElementType::E2M1:
    return 4;
  }
  return 0;
}

double mx::test::decodeF16(uint16_t bits) {
  int exponent = bits >> 10 & 31;
  double mantissa = bits & 1023;
  double magnitude;
  if (exponent == 31)
    magnitude = mantissa != 0 ? std::nan("") : INFINITY;
  else if (exponent == 0)
    magnitude = std::ldexp(mantissa, -24);
  else
    magnitude = std::ldexp(mantissa + 1024, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

uint16_t mx::test::encodeF16(float value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double magnitude = std::fabs(double(value));
  if (std::isnan(value))
    return sign | 0x7E00;
  // The numbers below the next power of two stand 2^-10 of it apart.
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  int step = std::max(exponent - 11, -24);
  double rounded =
      std::ldexp(std::nearbyint(std::ldexp(magnitude, -step)), step);
  if (rounded > 65504)
    return sign | 0x7C00;
  if (rounded < std::ldexp(1.0, -14))
    return uint16_t(sign | uint16_t(std::ldexp(rounded, 24)));
  std::frexp(rounded, &exponent);
  int mantissa = int(std::ldexp(rounded, 11 - exponent)) - 1024;
  return uint16_t(sign | (exponent + 14) << 10 | mantissa);
}

HostTensor::HostTensor(ElementType type, Shape shape)
    : type(type), shape(std::move(shape)) {
  bytes.resize(size_t(size() * bitsOf(type) / 8));
}

HostTensor::HostTensor(ElementType type, Shape shape,
                       const std::vector<double> &values)
    : HostTensor(type, std::move(shape)) {
  for (size_t i = 0; i < values.size(); ++i) {
    float value = float(values[i]);
    int32_t integer = type == ElementType::I32 ? int32_t(values[i]) : 0;
    uint16_t half =
        type == ElementType::F16 ? encodeF16(value) : encodeBF16(value);
    if (type == ElementType::F32)
      std::memcpy(&bytes[4 * i], &value, 4);
    else if (type == ElementType::I32)
      std::memcpy(&bytes[4 * i], &integer, 4);
    else
      std::memcpy(&bytes[2 * i], &half, 2);
  }
}

int64_t HostTensor::size() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

std::vector<double> HostTensor::values() const {
  auto read = [&](size_t index, auto value) {
    std::memcpy(&value, &bytes[index * sizeof(value)], sizeof(value));
    return value;
  };
  std::vector<double> result(bytes.size() * 8 /
                             size_t(std::max<int64_t>(8, bitsOf(type))));
  for (size_t i = 0; i < result.size(); ++i) {
    if (type == ElementType::F32)
      result[i] = read(i, float());
    else if (type == ElementType::I32)
      result[i] = read(i, int32_t());
    else if (type == ElementType::BF16)
      result[i] = decodeBF16(read(i, uint16_t()));
    else if (type == ElementType::F16)
      result[i] = decodeF16(read(i, uint16_t()));
    else
      result[i] = bytes[i];
  }
  return result;
}

int64_t Random::integer(int64_t low, int64_t high) {
  return low + int64_t(engine() % uint64_t(high - low + 1));
}

int64_t Random::pick(std::initializer_list<int64_t> choices) {
  return choices.begin()[integer(0, int64_t(choices.size()) - 1)];
}

double Random::real(double bound) {
  return bound * std::ldexp(double(int64_t(engine())), -63);
}

HostTensor Random::floats(ElementType type, Shape shape, double bound) {
  HostTensor tensor(type, shape);
  std::vector<double> values(size_t(tensor.size()));
  for (double &value : values)
    value = real(bound);
  return HostTensor(type, std::move(shape), values);
}

HostTensor Random::indices(Shape shape, int64_t count) {
  HostTensor tensor(ElementType::I32, shape);
  std::vector<double> values(size_t(tensor.size()));
  for (double &value : values)
    value = double(integer(0, count - 1));
  return HostTensor(ElementType::I32, std::move(shape), values);
}

HostTensor Random::elements(Shape shape, const BlockFormat &format) {
  HostTensor tensor(elementTypeOf(format), std::move(shape));
  const ElementFormat &element = format.element;
  for (uint8_t &byte : tensor.bytes) {
    byte = uint8_t(engine());
    if (element.bits == 4)
      continue;
    uint8_t magnitude = uint8_t(byte & element.magnitudeMask());
    byte = uint8_t((byte & 1 << (element.bits - 1)) |
                   std::min(magnitude, element.largest));
  }
  return tensor;
}

HostTensor Random::scales(Shape shape, int64_t low, int64_t high) {
  HostTensor tensor(ElementType::E8M0, std::move(shape));
  for (uint8_t &byte : tensor.bytes)
    byte = uint8_t(integer(low, high));
  return tensor;
}

HostTensor Random::scalesOf(const BlockFormat &format, Shape shape) {
  shape.back() /= format.blockSize;
  if (format.scale == ScaleFormat::E8M0)
    return scales(std::move(shape));
  HostTensor tensor(ElementType::E4M3, std::move(shape));
  for (uint8_t &byte : tensor.bytes)
    byte = uint8_t(integer(0, kE4M3.largest));
  return tensor;
}

ElementType mx::test::elementTypeOf(const BlockFormat &format) {
  for (ElementType type : {ElementType::E2M1, ElementType::E2M3,
                           ElementType::E3M2, ElementType::E4M3})
    if (std::strcmp(nameOf(type), format.element.name) == 0)
      return type;
  return ElementType::E5M2;
}

ElementType mx::test::scaleTypeOf(const BlockFormat &format) {
  return format.scale == ScaleFormat::E8M0 ? ElementType::E8M0
                                           : ElementType::E4M3;
}

std::vector<double> mx::test::decodeWeight(const HostTensor &elements,
                                           const HostTensor &scales,
                                           const BlockFormat &format,
                                           float tensorScale) {
  std::vector<double> values(size_t(elements.size()));
  for (size_t i = 0; i < values.size(); ++i) {
    // One element in a byte, but for E2M1.
    uint8_t code = format.element.bits == 4
                       ? getCode(format, elements.bytes.data(), int64_t(i))
                       : elements.bytes[i];
    float scale =
        decodeScale(format, scales.bytes[i / size_t(format.blockSize)]);
    values[i] = decode(format.element, code) * scale * tensorScale;
  }
  return values;
}
