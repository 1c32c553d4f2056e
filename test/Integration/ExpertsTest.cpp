//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4.matmul_by_expert with every epilogue and every way to spread tokens
// over experts, and the ops that become its epilogue.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"
#include "Oracles.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace mx;
using namespace mx::test;

static const std::string kSwiGLU =
    "#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>";

namespace {
/// A matmul by expert to test.
struct ExpertCase {
  int64_t experts = 4;
  int64_t slots = 2;
  /// Of the weight.
  int64_t rows = 16;
  int64_t columns = 32;
  /// The numbers of tokens of the calls; a single one is a static size.
  std::vector<int64_t> tokens = {1};
  ElementType input = ElementType::F32;
  ElementType output = ElementType::F32;
  /// Of the integers that the input is rounded to; 0 for none.
  int inputBits = 0;
  bool isPerSlot = false;
  bool hasBias = false;
  bool hasActivation = false;
  bool hasWeights = false;
  bool hasResidual = false;
  /// Makes the experts of a call; random if empty.
  std::function<std::vector<double>(int64_t tokens)> route;
};
} // namespace

static HostTensor chooseExperts(Random &random, const ExpertCase &c,
                                int64_t tokens) {
  if (c.route)
    return HostTensor(ElementType::I32, {tokens, c.slots}, c.route(tokens));
  return random.indices({tokens, c.slots}, c.experts);
}

static Kernel makeExperts(Random &random, const ExpertCase &c) {
  int64_t outputs = c.hasActivation ? c.rows / 2 : c.rows;
  int64_t dim = c.tokens.size() == 1 ? c.tokens[0] : kTokens;
  Kernel kernel(*std::max_element(c.tokens.begin(), c.tokens.end()));
  auto withSlots = [&](int64_t tokens, bool hasSlots, int64_t width) {
    return hasSlots ? Shape{tokens, c.slots, width} : Shape{tokens, width};
  };

  HostTensor elements = random.elements({c.experts, c.rows, c.columns});
  HostTensor scales = random.scales({c.experts, c.rows, c.columns / 32});
  kernel.addInput("x", c.input, withSlots(dim, c.isPerSlot, c.columns));
  kernel.addWeight("v", elements);
  kernel.addWeight("s", scales);
  kernel.addInput("e", ElementType::I32, {dim, c.slots});
  std::vector<double> weight = decodeWeight(elements, scales), bias;
  std::string parts;
  if (c.hasBias) {
    HostTensor tensor =
        random.floats(random.coin() ? ElementType::BF16 : ElementType::F32,
                      {c.experts, c.rows});
    bias = tensor.values();
    kernel.addWeight("b", tensor);
    parts += " bias(%b : {b})";
  }
  if (c.hasActivation)
    parts += " activation(" + kSwiGLU + ")";
  if (c.hasWeights) {
    kernel.addInput("w", ElementType::F32, {dim, c.slots});
    parts += " weights(%w : {w})";
  }
  if (c.hasResidual) {
    kernel.addInput("r", ElementType::F32, {dim, outputs});
    parts += " residual(%r : {r})";
  }
  kernel.addOutput("out", c.output, withSlots(dim, !c.hasWeights, outputs));
  kernel.body = "  %y = mxfp4.matmul_by_expert ins(%x, %v, %s, %e : {x}, {v}, "
                "{s}, {e})" +
                parts + " outs(%out : {out})" + inputFormat(c.inputBits) +
                " -> {out}";
  kernel.results = {{"%y", "out"}};

  for (int64_t tokens : c.tokens) {
    Call &call = kernel.addCall(tokens);
    call.data["x"] =
        random.floats(c.input, withSlots(tokens, c.isPerSlot, c.columns));
    call.data["e"] = chooseExperts(random, c, tokens);
    Exact exact = multiplyByExpert(
        roundInput(call.data["x"].values(), c.inputBits), weight,
        call.data["e"].values(), c.slots, c.rows, c.columns, c.isPerSlot, bias);
    if (c.hasActivation)
      exact = activate(exact);
    std::vector<double> residual;
    if (c.hasResidual) {
      call.data["r"] = random.floats(ElementType::F32, {tokens, outputs}, 4.0);
      residual = call.data["r"].values();
    }
    if (c.hasWeights) {
      call.data["w"] = random.floats(ElementType::F32, {tokens, c.slots});
      exact =
          combine(exact, call.data["w"].values(), c.slots, outputs, residual);
    }
    call.expected = {{"out", exact.values, exact.slack}};
  }
  return kernel;
}

TEST(MatmulByExpert, EveryEpilogue) {
  Random random(11);
  std::vector<Kernel> kernels;
  for (bool isPerSlot : {false, true})
    for (bool hasBias : {false, true})
      for (bool hasActivation : {false, true})
        for (int combined = 0; combined < 3; ++combined) {
          ExpertCase c;
          c.isPerSlot = isPerSlot;
          c.hasBias = hasBias;
          c.hasActivation = hasActivation;
          c.hasWeights = combined > 0;
          c.hasResidual = combined > 1;
          c.experts = random.integer(1, 6);
          c.slots = random.integer(1, 4);
          c.rows = 2 * random.integer(1, 40);
          c.columns = 32 * random.integer(1, 3);
          c.input = random.coin() ? ElementType::F32 : ElementType::BF16;
          c.inputBits = int(random.pick({0, 8, 16}));
          // The sum over experts is f32.
          if (!c.hasWeights && random.coin())
            c.output = ElementType::BF16;
          c.tokens = {random.pick({1, 1, 5})};
          if (random.coin())
            c.tokens.push_back(random.integer(2, 30));
          kernels.push_back(makeExperts(random, c));
        }
  checkKernelsInTurn(kernels);
}

TEST(MatmulByExpert, RowsAroundVectorWidths) {
  Random random(12);
  std::vector<Kernel> several, one;
  for (int64_t rows : {1, 3, 7, 9, 17, 33}) {
    ExpertCase c;
    c.rows = rows;
    c.tokens = {1, 7};
    several.push_back(makeExperts(random, c));
    c.rows = 2 * rows;
    c.hasActivation = true;
    c.hasBias = true;
    c.tokens = {1};
    one.push_back(makeExperts(random, c));
  }
  checkKernelsInTurn(several);
  checkKernels(one);
}

TEST(MatmulByExpert, SpreadOverExperts) {
  Random random(13);
  std::vector<Kernel> kernels;
  auto add = [&](int64_t experts, int64_t slots,
                 const std::function<double(int64_t slot)> &expertOf) {
    for (bool hasWeights : {false, true}) {
      ExpertCase c;
      c.experts = experts;
      c.slots = slots;
      c.rows = 22;
      c.columns = 64;
      c.hasBias = true;
      c.hasActivation = true;
      c.hasWeights = hasWeights;
      c.input = hasWeights ? ElementType::BF16 : ElementType::F32;
      c.tokens = {1, 3, 40};
      c.route = [=](int64_t tokens) {
        std::vector<double> chosen;
        for (int64_t slot = 0; slot < tokens * slots; ++slot)
          chosen.push_back(expertOf(slot));
        return chosen;
      };
      kernels.push_back(makeExperts(random, c));
    }
  };
  // One expert; all tokens to the last of some; the same expert in each slot;
  // two experts of 128 in turn, the rest empty; each token its own.
  add(1, 1, [](int64_t) { return 0.0; });
  add(7, 3, [](int64_t) { return 6.0; });
  add(8, 4, [](int64_t slot) { return double(slot / 4 % 8); });
  add(128, 4, [](int64_t slot) { return slot % 2 ? 127.0 : 1.0; });
  add(128, 1, [](int64_t slot) { return double(slot * 3 % 128); });
  add(128, 4, [](int64_t slot) { return double(slot * 37 % 128); });
  checkKernelsInTurn(kernels);
}

TEST(MatmulByExpert, FewAndManyRowsOfIntegers) {
  // From none to nine slots to an expert, then more than are decoded for at a
  // time; more blocks of columns than are decoded at a time.
  Random random(15);
  std::vector<Kernel> kernels;
  for (int bits : {8, 16})
    for (bool hasActivation : {false, true}) {
      ExpertCase c;
      c.experts = 11;
      c.slots = 1;
      c.rows = 40;
      c.columns = 32 * 19;
      c.inputBits = bits;
      c.hasActivation = hasActivation;
      c.tokens = {45 + 65, 45};
      c.route = [](int64_t tokens) {
        std::vector<double> chosen;
        for (int expert = 0; expert < 10; ++expert)
          chosen.insert(chosen.end(), size_t(expert), expert);
        chosen.resize(size_t(tokens), 10.0);
        return chosen;
      };
      kernels.push_back(makeExperts(random, c));
    }
  checkKernels(kernels, cpuPaths());
}

TEST(MatmulByExpert, RandomShapes) {
  Random random(14);
  std::vector<Kernel> kernels;
  for (int i = 0; i < 24; ++i) {
    ExpertCase c;
    c.experts = random.integer(1, 12);
    c.slots = random.integer(1, 5);
    c.hasActivation = random.coin();
    c.rows = random.integer(1, 50) * (c.hasActivation ? 2 : 1);
    c.columns = 32 * random.integer(1, 5);
    c.input = random.coin() ? ElementType::F32 : ElementType::BF16;
    c.isPerSlot = random.coin();
    c.hasBias = random.coin();
    c.hasWeights = random.coin();
    c.hasResidual = c.hasWeights && random.coin();
    if (!c.hasWeights && random.coin())
      c.output = ElementType::BF16;
    c.tokens = {random.integer(1, 20)};
    if (random.coin())
      c.tokens.push_back(random.integer(1, 50));
    kernels.push_back(makeExperts(random, c));
  }
  checkKernelsInTurn(kernels);
}

TEST(MatmulByExpert, ManyTokens) {
  // More rows of an expert than a block of tiles has, more columns than are
  // decoded at a time, and one group or two.
  Random random(17);
  std::vector<Kernel> kernels;
  for (bool isPerSlot : {false, true})
    for (int64_t tokens : {32, 45, 300}) {
      ExpertCase c;
      c.experts = random.integer(1, 5);
      c.slots = random.integer(1, 3);
      c.isPerSlot = isPerSlot;
      c.hasActivation = random.coin();
      c.rows = 2 * random.pick({3, 8, 20, 35});
      c.columns = 32 * random.pick({1, 15, 18});
      c.input = ElementType::BF16;
      c.hasBias = random.coin();
      c.hasWeights = random.coin();
      c.tokens = {tokens};
      if (random.coin())
        c.tokens.push_back(random.integer(1, 40));
      kernels.push_back(makeExperts(random, c));
    }
  checkKernelsInTurn(kernels);
}

TEST(MatmulByExpert, ArrangedForOtherKernels) {
  Random random(15);
  std::vector<Kernel> kernels;
  for (bool isPaired : {false, true}) {
    ExpertCase c;
    c.rows = 2 * random.integer(5, 30);
    c.columns = 64;
    c.tokens = {3};
    c.hasActivation = isPaired;
    c.hasBias = true;
    kernels.push_back(makeExperts(random, c));
    std::string pairs = isPaired ? ", paired = true" : "";
    kernels.back().arrange("v", "lanes = 4, depth = 8" + pairs);
    kernels.back().arrange("s", "lanes = 4, depth = 1" + pairs);
    c.columns = 160;
    kernels.push_back(makeExperts(random, c));
    kernels.back().arrange("v", "lanes = 8, depth = 128, tiled = true" + pairs);
    kernels.back().arrange("s", "lanes = 8, depth = 4, tiled = true" + pairs);
  }
  checkKernels(kernels, {exactPath()});
}

TEST(MatmulByExpert, SumOfBF16) {
  Random random(16);
  ExpertCase c;
  c.tokens = {1, 5};
  c.hasWeights = true;
  c.output = ElementType::BF16;
  checkKernels({makeExperts(random, c)});
}

TEST(AddExpertBias, AddsTheBiasOfTheExpert) {
  Random random(15);
  std::vector<Kernel> kernels;
  for (int64_t width : {1, 7, 16, 33, 50}) {
    int64_t slots = random.integer(1, 4), experts = random.integer(1, 9);
    HostTensor bias = random.floats(ElementType::BF16, {experts, width});
    Kernel kernel(9);
    kernel.addInput("x", ElementType::F32, {kTokens, slots, width});
    kernel.addWeight("b", bias);
    kernel.addInput("e", ElementType::I32, {kTokens, slots});
    kernel.addOutput("out", ElementType::F32, {kTokens, slots, width});
    kernel.body = "  %y = nn.add_expert_bias ins(%x, %b, %e : {x}, {b}, {e}) "
                  "outs(%out : {out}) -> {out}";
    kernel.results = {{"%y", "out"}};
    for (int64_t tokens : {1, 9}) {
      Call &call = kernel.addCall(tokens);
      call.data["x"] = random.floats(ElementType::F32, {tokens, slots, width});
      call.data["e"] = random.indices({tokens, slots}, experts);
      std::vector<double> x = call.data["x"].values(), b = bias.values();
      std::vector<double> e = call.data["e"].values();
      Exact exact(int64_t(x.size()));
      for (size_t i = 0; i < x.size(); ++i)
        exact.values[i] =
            x[i] +
            b[size_t(e[i / size_t(width)]) * size_t(width) + i % size_t(width)];
      // One addition is rounded once.
      call.expected = {{"out", exact.values, exact.slack}};
    }
    kernels.push_back(kernel);
  }
  checkKernels(kernels);
}

TEST(CombineExperts, AddsUpSlots) {
  Random random(16);
  std::vector<Kernel> kernels;
  for (int64_t width : {1, 7, 16, 33, 50}) {
    int64_t slots = random.integer(1, 4);
    ElementType output = random.coin() ? ElementType::F32 : ElementType::BF16;
    Kernel kernel(9);
    kernel.addInput("x", ElementType::F32, {kTokens, slots, width});
    kernel.addInput("w", ElementType::F32, {kTokens, slots});
    kernel.addOutput("out", output, {kTokens, width});
    kernel.body = "  %y = nn.combine_experts ins(%x, %w : {x}, {w}) "
                  "outs(%out : {out}) -> {out}";
    kernel.results = {{"%y", "out"}};
    for (int64_t tokens : {1, 9}) {
      Call &call = kernel.addCall(tokens);
      call.data["x"] = random.floats(ElementType::F32, {tokens, slots, width});
      call.data["w"] = random.floats(ElementType::F32, {tokens, slots});
      Exact x(tokens * slots * width);
      x.values = call.data["x"].values();
      Exact exact = combine(x, call.data["w"].values(), slots, width, {});
      call.expected = {{"out", exact.values, exact.slack}};
    }
    kernels.push_back(kernel);
  }
  checkKernels(kernels);
}

static Kernel makeSwiGLU(const HostTensor &x, ElementType output) {
  Shape shape = x.shape;
  shape.back() /= 2;
  Kernel kernel(shape[0]);
  kernel.addInput("x", x.type, x.shape);
  kernel.addOutput("out", output, shape);
  kernel.body = "  %y = nn.swiglu ins(%x : {x}) outs(%out : {out}) {activation "
                "= " +
                kSwiGLU + "} -> {out}";
  kernel.results = {{"%y", "out"}};
  Call &call = kernel.addCall(shape[0]);
  call.data["x"] = x;
  Exact input(x.size());
  input.values = x.values();
  Exact exact = activate(input);
  call.expected = {{"out", exact.values, exact.slack}};
  return kernel;
}

TEST(SwiGLU, PublishedValues) {
  // Gate and up before clamping, and the result in six digits or more.
  std::vector<double> pairs = {8,  9,  1,  0,    2,    0.25, 0.5,
                               -8, -1, -1, -7.5, -7.5, -20,  3};
  std::vector<double> results = {55.999625,     0.845795766, 2.41957328,
                                 -2.10233062,   -0.0,        0.000128659604,
                                 -1.3173641e-13};
  Kernel kernel = makeSwiGLU(HostTensor(ElementType::F32, {1, 14}, pairs),
                             ElementType::F32);
  Expected published{"out", results, {}};
  // The exponent of the last one, 34, is off by half of 2^-18 in f32.
  for (double result : results)
    published.slack.push_back(5e-6 * std::fabs(result));
  kernel.calls[0].expected.push_back(published);
  checkKernels({kernel});
}

TEST(SwiGLU, WidthsTypesAndFarGates) {
  Random random(17);
  std::vector<Kernel> kernels;
  for (int64_t width : {1, 2, 7, 8, 15, 16, 33, 48})
    for (ElementType type : {ElementType::F32, ElementType::BF16})
      kernels.push_back(
          makeSwiGLU(random.floats(type, {3, 2, 2 * width}, 12.0),
                     random.coin() ? ElementType::F32 : ElementType::BF16));
  std::vector<double> far;
  for (double gate : {-1e30, -300.0, -88.0, -60.0, -52.0, -51.0, -1e-30, 0.0})
    far.insert(far.end(), {gate, 0.5});
  kernels.push_back(
      makeSwiGLU(HostTensor(ElementType::F32, {1, int64_t(far.size())}, far),
                 ElementType::F32));
  checkKernels(kernels);
}
