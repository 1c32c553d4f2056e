//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4.dequantize and mxfp4.quantize, bit for bit against lib/Format.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"

#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Format/Quantize.h"
#include "mxfp4/Format/Random.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace mx;
using namespace mx::test;

//===----------------------------------------------------------------------===//
// Dequantize
//===----------------------------------------------------------------------===//

/// `tensorScale` is one for each index of the leading dimensions, or empty.
static Kernel makeDequantize(const BlockFormat &format,
                             const HostTensor &elements,
                             const HostTensor &scales, ElementType output,
                             const std::vector<double> &tensorScale = {}) {
  Shape shape = elements.shape;
  Kernel kernel;
  kernel.addWeight("v", elements);
  kernel.addWeight("s", scales);
  std::vector<double> values = decodeWeight(elements, scales, format);
  std::string part;
  if (!tensorScale.empty()) {
    Shape leading = {int64_t(tensorScale.size())};
    kernel.addWeight("t", HostTensor(ElementType::F32, leading, tensorScale));
    part = " tensor_scale(%t : {t})";
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = float(values[i]) *
                  float(tensorScale[i * tensorScale.size() / values.size()]);
  }
  kernel.addOutput("out", output, shape);
  kernel.body =
      "  %w = mxfp4.dequantize %v, %s" + part +
      " : {v}, {s} -> {out}\n"
      "  %y = linalg.copy ins(%w : {out}) outs(%out : {out}) -> {out}";
  kernel.results = {{"%y", "out"}};
  // Rounded from f32, which every value fits (F6).
  HostTensor rounded(output, shape, values);
  kernel.addCall(1).expected = {{"out", rounded.values(), {}}};
  return kernel;
}

TEST(Dequantize, EveryCodeAndScale) {
  // F3 to F6, F22: for each scale byte, NaN included, blocks with all codes,
  // those of E2M1 at even and odd places.
  std::vector<Kernel> kernels;
  for (const BlockFormat &format : kBlockFormats) {
    int64_t columns = std::max(32, 1 << format.element.bits);
    HostTensor elements(elementTypeOf(format), {256, columns});
    HostTensor scales(scaleTypeOf(format), {256, columns / format.blockSize});
    for (size_t i = 0; i < elements.bytes.size(); ++i)
      elements.bytes[i] = format.element.bits == 4
                              ? uint8_t(i % 16 | (15 - i % 16) << 4)
                              : uint8_t(i % (1u << format.element.bits));
    for (size_t i = 0; i < scales.bytes.size(); ++i)
      scales.bytes[i] = uint8_t(i * 256 / scales.bytes.size());
    for (ElementType type :
         {ElementType::F32, ElementType::BF16, ElementType::F16})
      kernels.push_back(makeDequantize(format, elements, scales, type));
  }
  checkKernels(kernels);
}

TEST(Dequantize, Shapes) {
  Random random(41);
  std::vector<Kernel> kernels;
  for (const BlockFormat &format : kBlockFormats)
    for (const Shape &shape :
         std::vector<Shape>{{32}, {1, 96}, {3, 64}, {2, 5, 32}})
      kernels.push_back(makeDequantize(format, random.elements(shape, format),
                                       random.scalesOf(format, shape),
                                       ElementType::F32));
  checkKernels(kernels);
}

TEST(Dequantize, TensorScales) {
  Random random(46);
  Shape shape = {4, 3, 32};
  std::vector<Kernel> kernels;
  for (ElementType type : {ElementType::F32, ElementType::BF16})
    kernels.push_back(makeDequantize(kNVFP4, random.elements(shape, kNVFP4),
                                     random.scalesOf(kNVFP4, shape), type,
                                     {0.37, 1.0, 1e-5, 3e7}));
  checkKernels(kernels);
}

//===----------------------------------------------------------------------===//
// Quantize
//===----------------------------------------------------------------------===//

/// `rule` and `rounding` as the op spells them.
struct QuantizeRule {
  std::string rule = "floor", rounding = "nearest_even";
  QuantizeOptions options;
};

static std::vector<QuantizeRule> allRules() {
  std::vector<QuantizeRule> all;
  for (auto [rule, scaleRule] : {std::pair("floor", ScaleRule::Floor),
                                 {"even", ScaleRule::Even},
                                 {"rceil", ScaleRule::RoundUp},
                                 {"ceil", ScaleRule::Ceil},
                                 {"nearest", ScaleRule::Nearest}})
    for (auto [name, rounding] :
         {std::pair("nearest_even", Rounding::NearestEven),
          {"nearest_away", Rounding::NearestAway},
          {"nearest_zero", Rounding::NearestZero},
          {"stochastic", Rounding::Stochastic}}) {
      QuantizeRule made = {rule, name, {}};
      made.options.scaleRule = scaleRule;
      made.options.rounding = rounding;
      all.push_back(made);
    }
  return all;
}

/// The codes of `packed` as a tensor holds them: 6-bit elements one in a byte.
static std::vector<uint8_t> unpackBytes(const BlockFormat &format,
                                        std::vector<uint8_t> packed,
                                        int64_t count) {
  if (format.element.bits != 6)
    return packed;
  std::vector<uint8_t> codes(size_t(count), 0);
  for (int64_t i = 0; i < count; ++i)
    codes[size_t(i)] = getCode(format, packed.data(), i);
  return codes;
}

/// For NVFP4 with the tensor scale of the input if `isTwoLevel`.
static Kernel makeQuantize(const BlockFormat &format, const HostTensor &input,
                           const QuantizeRule &rule = {},
                           bool isTwoLevel = false) {
  bool isPacked = format.element.bits == 4;
  Shape stored = input.shape, blocks = input.shape;
  stored.back() /= isPacked ? 2 : 1;
  blocks.back() /= format.blockSize;
  std::vector<double> values = input.values();
  std::vector<float> wide(values.begin(), values.end());
  QuantizeOptions options = rule.options;

  Kernel kernel(input.shape[0]);
  Call call;
  call.tokens = input.shape[0];
  std::string parts;
  kernel.addInput("x", input.type, input.shape);
  call.data["x"] = input;
  if (isTwoLevel) {
    float largest = 0.0f;
    for (float value : wide)
      if (std::isfinite(value))
        largest = std::max(largest, std::fabs(value));
    options.tensorScale = chooseTensorScale(largest);
    kernel.addInput("e", ElementType::F32, {});
    call.data["e"] =
        HostTensor(ElementType::F32, {}, {options.tensorScale.encode});
    parts += " encode_scale(%e : {e})";
  }
  HostTensor random(ElementType::I8, input.shape);
  if (options.rounding == Rounding::Stochastic) {
    for (size_t i = 0; i < random.bytes.size(); ++i)
      random.bytes[i] = randomByte(1, i);
    options.random = random.bytes.data();
    kernel.addInput("r", ElementType::I8, input.shape);
    call.data["r"] = random;
    parts += " random(%r : {r})";
  }
  kernel.addOutput("v", isPacked ? ElementType::I8 : elementTypeOf(format),
                   stored);
  kernel.addOutput("s", scaleTypeOf(format), blocks);
  std::string scaleRule;
  if (format.scale == ScaleFormat::E8M0)
    scaleRule = "scale_rule = #mxfp4.scale_rule<" + rule.rule + ">, ";
  kernel.body = "  %a, %b = mxfp4.quantize %x" + parts + " {" + scaleRule +
                "rounding = #mxfp4.rounding<" + rule.rounding +
                ">} : {x} -> {v}, {s}\n"
                "  %c = linalg.copy ins(%a : {v}) outs(%v : {v}) -> {v}\n"
                "  %d = linalg.copy ins(%b : {s}) outs(%s : {s}) -> {s}";
  kernel.results = {{"%c", "v"}, {"%d", "s"}};

  int64_t rows = input.size() / input.shape.back();
  HostTensor scales(scaleTypeOf(format), blocks);
  std::vector<uint8_t> packed(scales.bytes.size() *
                              size_t(format.blockBytes()));
  quantizeRows(format, wide.data(), rows, input.shape.back(), packed.data(),
               scales.bytes.data(), options);
  packed = unpackBytes(format, packed, input.size());
  call.expected = {{"v", {packed.begin(), packed.end()}, {}},
                   {"s", scales.values(), {}}};
  kernel.calls.push_back(call);
  return kernel;
}

/// 60 blocks of 32 with many ties: numbers of few bits.
static HostTensor makeTies(Random &random) {
  std::vector<double> values;
  for (int block = 0; block < 60; ++block) {
    int exponent = int(random.integer(-149, 127));
    for (int i = 0; i < 32; ++i) {
      double value =
          random.coin() ? random.real() : double(random.integer(-16, 16)) / 16;
      values.push_back(std::ldexp(value, exponent));
    }
  }
  return HostTensor(ElementType::F32, {30, 64}, values);
}

TEST(Quantize, EveryRuleAndRounding) {
  Random random(45);
  for (const BlockFormat &format : kBlockFormats) {
    std::vector<Kernel> kernels;
    for (const QuantizeRule &rule : allRules())
      if (format.scale == ScaleFormat::E8M0 || rule.rule == "floor")
        kernels.push_back(makeQuantize(format, makeTies(random), rule));
    checkKernels(kernels);
  }
}

TEST(Quantize, TwoLevels) {
  Random random(47);
  std::vector<Kernel> kernels;
  for (const QuantizeRule &rule : allRules())
    if (rule.rule == "floor")
      for (double bound : {1e-30, 1e-3, 1.0, 1e4, 1e38})
        kernels.push_back(makeQuantize(
            kNVFP4, random.floats(ElementType::F32, {20, 64}, bound), rule,
            /*isTwoLevel=*/true));
  checkKernels(kernels, {exactPath(), cpuPaths().front()});
}

TEST(Quantize, RandomBlocks) {
  Random random(42);
  std::vector<Kernel> kernels;
  for (ElementType type :
       {ElementType::F32, ElementType::BF16, ElementType::F16}) {
    std::vector<double> values;
    for (int block = 0; block < 200; ++block) {
      // From subnormal blocks to the largest.
      int exponent = int(random.integer(-149, 127));
      if (type == ElementType::F16)
        exponent = int(random.integer(-24, 15));
      for (int i = 0; i < 32; ++i)
        values.push_back(std::ldexp(random.real(), exponent));
    }
    for (const BlockFormat &format : kBlockFormats)
      kernels.push_back(
          makeQuantize(format, HostTensor(type, {100, 64}, values)));
  }
  checkKernels(kernels);
}

TEST(Quantize, TiesAndSpecialBlocks) {
  std::vector<double> values;
  auto addBlock = [&](std::vector<double> block, double rest = 0.0) {
    block.resize(32, rest);
    values.insert(values.end(), block.begin(), block.end());
  };
  // F7: the borders between elements and their neighbors, at several scales.
  for (int exponent : {0, -20, 60, -126, -127, -129, 124}) {
    std::vector<double> block = {4.0};
    for (double border : {0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0})
      for (float value : {float(border), std::nextafter(float(border), 0.0f),
                          std::nextafter(float(border), 8.0f), -float(border)})
        block.push_back(value);
    for (double &value : block)
      value = std::ldexp(value, exponent);
    addBlock(block);
  }
  // F9: just below a power of two; clipped; FLT_MAX.
  double largest = std::numeric_limits<float>::max();
  addBlock({std::nextafter(8.0f, 0.0f), 4, 1, -7, 6.5, 5.5, -5});
  addBlock({largest, -std::ldexp(1.0, 127), std::ldexp(1.0, 126)});
  // F10: zeros of both signs, and blocks below the smallest scale.
  addBlock({0.0, -0.0, 0.0, -0.0});
  addBlock({std::ldexp(1.0, -126), std::ldexp(1.0, -127), std::ldexp(1.0, -128),
            -std::ldexp(1.0, -129), std::ldexp(1.0, -130),
            std::ldexp(1.0, -149)});
  // F11: a NaN or an infinity anywhere.
  double nan = std::numeric_limits<double>::quiet_NaN();
  double infinity = std::numeric_limits<double>::infinity();
  addBlock({nan}, 1.0);
  addBlock({1.0, -infinity}, 3.0);
  addBlock({1.0, infinity, nan}, -2.0);
  std::vector<double> last(32, -6.0);
  last.back() = nan;
  addBlock(last);
  int64_t blocks = int64_t(values.size()) / 32;
  std::vector<Kernel> kernels;
  for (const BlockFormat &format : kBlockFormats)
    for (ElementType type : {ElementType::F32, ElementType::BF16})
      kernels.push_back(
          makeQuantize(format, HostTensor(type, {blocks, 32}, values)));
  checkKernels(kernels);
}

TEST(Quantize, ThenDequantize) {
  Random random(43);
  HostTensor x = random.floats(ElementType::F32, {5, 96}, 100.0);
  Kernel kernel(5);
  kernel.addInput("x", ElementType::F32, {5, 96});
  kernel.addOutput("out", ElementType::F32, {5, 96});
  kernel.body =
      "  %v, %s = mxfp4.quantize %x : {x} -> tensor<5x96xf4E2M1FN>, "
      "tensor<5x3xf8E8M0FNU>\n"
      "  %w = mxfp4.dequantize %v, %s : tensor<5x96xf4E2M1FN>, "
      "tensor<5x3xf8E8M0FNU> -> {out}\n"
      "  %y = linalg.copy ins(%w : {out}) outs(%out : {out}) -> {out}";
  kernel.results = {{"%y", "out"}};
  std::vector<double> values = x.values();
  std::vector<float> wide(values.begin(), values.end());
  HostTensor elements(ElementType::E2M1, {5, 96});
  HostTensor scales(ElementType::E8M0, {5, 3});
  quantizeRows(kMXFP4, wide.data(), 5, 96, elements.bytes.data(),
               scales.bytes.data());
  Call &call = kernel.addCall(5);
  call.data["x"] = x;
  call.expected = {{"out", decodeWeight(elements, scales), {}}};
  checkKernels({kernel});
}

/// Rows of 96 columns that hold everything: numbers of all sizes, ties, zeros
/// of both signs, and in some blocks an infinity or a NaN.
static HostTensor makeHostile(Random &random, ElementType type, Shape shape) {
  HostTensor sizes(type, shape);
  std::vector<double> values;
  int exponent = 0;
  for (int64_t i = 0; i < sizes.size(); ++i) {
    if (i % 16 == 0)
      exponent = int(random.integer(-149, 127));
    double value =
        random.coin() ? random.real() : double(random.integer(-16, 16)) / 16;
    if (random.integer(0, 200) == 0)
      value = std::numeric_limits<double>::infinity();
    if (random.integer(0, 200) == 0)
      value = std::numeric_limits<double>::quiet_NaN();
    values.push_back(std::ldexp(value, exponent));
  }
  return HostTensor(type, shape, values);
}

/// Both ops in destination style on an unknown number of matrices; for NVFP4
/// each matrix has a scale of its own.
static Kernel makeUnknownRows(const BlockFormat &format, ElementType type,
                              Random &random) {
  constexpr int64_t rows = 3, columns = 96;
  int64_t matrix = rows * columns, blocks = matrix / format.blockSize;
  bool isPacked = format.element.bits == 4;
  bool hasScale = format.scale == ScaleFormat::E4M3;
  Kernel kernel(7);
  kernel.addInput("x", type, {kTokens, rows, columns});
  if (hasScale) {
    kernel.addInput("e", ElementType::F32, {kTokens});
    kernel.addInput("t", ElementType::F32, {kTokens});
  }
  kernel.addOutput("v", isPacked ? ElementType::I8 : elementTypeOf(format),
                   {kTokens, rows, isPacked ? columns / 2 : columns});
  kernel.addOutput("s", scaleTypeOf(format),
                   {kTokens, rows, columns / format.blockSize});
  kernel.addOutput("out", type, {kTokens, rows, columns});
  kernel.body = std::string("  %a, %b = mxfp4.quantize_into ins(%x : {x})") +
                (hasScale ? " encode_scale(%e : {e})" : "") +
                " outs(%v, %s : {v}, {s}) -> {v}, {s}\n"
                "  %y = mxfp4.dequantize_into ins(%a, %b : {v}, {s})" +
                (hasScale ? " tensor_scale(%t : {t})" : "") +
                " outs(%out : {out}) -> {out}";
  kernel.results = {{"%a", "v"}, {"%b", "s"}, {"%y", "out"}};

  for (int64_t tokens : {1, 2, 7}) {
    HostTensor x = makeHostile(random, type, {tokens, rows, columns});
    std::vector<double> values = x.values();
    std::vector<float> wide(values.begin(), values.end()), decoded(wide.size());
    std::vector<double> encodes, decodes;
    HostTensor scales(scaleTypeOf(format), {tokens * blocks});
    std::vector<uint8_t> packed(size_t(tokens * blocks * format.blockBytes()));
    for (int64_t i = 0; i < tokens; ++i) {
      QuantizeOptions options;
      if (hasScale)
        options.tensorScale = chooseTensorScale(
            float(std::ldexp(1.0 + random.real(0.5), 10 * int(i))));
      encodes.push_back(options.tensorScale.encode);
      decodes.push_back(options.tensorScale.decode);
      uint8_t *codes = &packed[size_t(i * blocks * format.blockBytes())];
      uint8_t *bytes = &scales.bytes[size_t(i * blocks)];
      quantizeRows(format, &wide[size_t(i * matrix)], rows, columns, codes,
                   bytes, options);
      dequantizeRows(format, codes, bytes, rows, columns,
                     &decoded[size_t(i * matrix)], options.tensorScale.decode);
    }
    Call &call = kernel.addCall(tokens);
    call.data["x"] = x;
    if (hasScale) {
      call.data["e"] = HostTensor(ElementType::F32, {tokens}, encodes);
      call.data["t"] = HostTensor(ElementType::F32, {tokens}, decodes);
    }
    packed = unpackBytes(format, packed, x.size());
    HostTensor rounded(type, x.shape, {decoded.begin(), decoded.end()});
    call.expected = {{"v", {packed.begin(), packed.end()}, {}},
                     {"s", scales.values(), {}},
                     {"out", rounded.values(), {}}};
  }
  return kernel;
}

TEST(Quantize, UnknownRows) {
  Random random(49);
  std::vector<Kernel> kernels;
  for (const BlockFormat &format : kBlockFormats)
    for (ElementType type : {ElementType::F32, ElementType::BF16})
      kernels.push_back(makeUnknownRows(format, type, random));
  checkKernels(kernels);
}

//===----------------------------------------------------------------------===//
// Cast to NVFP4
//===----------------------------------------------------------------------===//

TEST(CastToNVFP4, MatchesFormat) {
  Random random(48);
  std::vector<Kernel> kernels;
  // Ranges that NVFP4 holds, ranges it does not, the ends of E8M0, NaN, and
  // zero blocks whose scales do not count.
  for (auto [low, high] : {std::pair(110, 127),
                           {109, 127},
                           {0, 17},
                           {237, 254},
                           {0, 254},
                           {255, 255},
                           {120, 120}})
    for (bool hasZeros : {false, true}) {
      HostTensor elements = random.elements({4, 96});
      HostTensor scales = random.scales({4, 3}, low, high);
      scales.bytes[0] = uint8_t(low);
      scales.bytes[1] = uint8_t(high);
      if (hasZeros) {
        std::fill_n(elements.bytes.begin(), 16, uint8_t(0x80));
        scales.bytes[0] = 0;
      }
      HostTensor nvScales(ElementType::E4M3, {4, 6});
      Result<TensorScale> tensorScale =
          castScalesToNVFP4(elements.bytes.data(), scales.bytes.data(),
                            scales.size(), nvScales.bytes.data());
      Kernel kernel;
      kernel.addWeight("v", elements);
      kernel.addWeight("s", scales);
      kernel.addOutput("n", ElementType::E4M3, {4, 6});
      kernel.addOutput("t", ElementType::F32, {});
      kernel.addOutput("e", ElementType::I32, {});
      kernel.body =
          "  %a, %b, %c = mxfp4.cast_to_nvfp4 %v, %s : {v}, {s} -> {n}, {t}, "
          "tensor<i1>\n"
          "  %bit = tensor.extract %c[] : tensor<i1>\n"
          "  %number = arith.extui %bit : i1 to i32\n"
          "  %wide = tensor.from_elements %number : {e}\n"
          "  %x = linalg.copy ins(%a : {n}) outs(%n : {n}) -> {n}\n"
          "  %y = linalg.copy ins(%b : {t}) outs(%t : {t}) -> {t}\n"
          "  %z = linalg.copy ins(%wide : {e}) outs(%e : {e}) -> {e}";
      kernel.results = {{"%x", "n"}, {"%y", "t"}, {"%z", "e"}};
      Call &call = kernel.addCall(1);
      call.expected = {{"e", {tensorScale ? 1.0 : 0.0}, {}}};
      if (tensorScale) {
        call.expected.push_back({"n", nvScales.values(), {}});
        call.expected.push_back({"t", {tensorScale->decode}, {}});
        std::vector<double> before = decodeWeight(elements, scales);
        std::vector<double> after =
            decodeWeight(elements, nvScales, kNVFP4, tensorScale->decode);
        for (size_t i = 0; i < before.size(); ++i)
          EXPECT_TRUE(before[i] == after[i] ||
                      (std::isnan(before[i]) && std::isnan(after[i])));
      }
      kernels.push_back(kernel);
    }
  checkKernels(kernels);
}
