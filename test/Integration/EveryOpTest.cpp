//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every op of both dialects with the types that its verifier accepts, on random
// shapes: the fast path of each instruction set against the exact path. Where
// an op has more combinations of types and attributes than can be compiled in
// minutes, a round takes as many as have all sets of two or three choices;
// MXFP4_TEST_ROUNDS=N goes on to N rounds of others.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"
#include "OpSpace.h"
#include "Oracles.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>
#include <set>

using namespace mx;
using namespace mx::test;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

static const std::string kSwiGLU =
    "#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>";

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

/// By how much of the sum of the magnitudes of its terms a number may be off if
/// each term passes at most `roundings` roundings to f32.
static double gammaOf(double roundings) {
  double error = roundings * std::ldexp(1.0, -24);
  return error / (1.0 - error);
}

/// The same for numbers that are so small that they are rounded to multiples
/// of 2^-149.
static double tinyOf(double roundings) {
  return roundings * std::ldexp(1.0, -149);
}

using Numbers = std::vector<double>;

static Numbers magnitudes(Numbers numbers) {
  for (double &number : numbers)
    number = std::fabs(number);
  return numbers;
}

namespace {
/// The data of a call: what bounds are made of.
class Data {
public:
  Data(const Kernel &kernel, const Call &call, const Case &made)
      : kernel(kernel), call(call), made(made) {}

  /// The numbers of an argument, none if it is not there.
  Numbers operator()(const std::string &name) const {
    if (!kernel.find(name))
      return {};
    return tensor(name).values();
  }
  /// The weight that the arguments v, s and t stand for.
  Numbers weight() const {
    HostTensor elements = tensor("v");
    if (elements.type == ElementType::I8) {
      elements.type = ElementType::E2M1;
      elements.shape.back() *= 2;
    }
    Numbers weight = decodeWeight(elements, tensor("s"), made.format());
    Numbers scales = (*this)("t");
    for (size_t i = 0; i < weight.size() && !scales.empty(); ++i)
      weight[i] *= scales[i * scales.size() / weight.size()];
    return weight;
  }
  int64_t tokens() const { return call.tokens; }
  int64_t position() const { return call.position; }
  const Case &theCase() const { return made; }
  const Sizes &sizes() const { return made.sizes; }

private:
  const HostTensor &tensor(const std::string &name) const {
    const Kernel::Argument *argument = kernel.find(name);
    return argument->kind == BufferKind::Weight ? argument->weight
                                                : call.data.at(name);
  }

  const Kernel &kernel;
  const Call &call;
  const Case &made;
};

/// How far a path may be from exact arithmetic before the result is rounded to
/// its type, given the result of the exact path.
using Bound = std::function<Numbers(const Data &, const Numbers &result)>;

/// The bounds of outputs by name. Others must have the same bits.
using Bounds = std::map<std::string, Bound>;
} // namespace

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

namespace {
/// What was run of each op.
class Tally : public testing::Environment {
public:
  static Tally &get() {
    static auto *tally =
        static_cast<Tally *>(testing::AddGlobalTestEnvironment(new Tally));
    return *tally;
  }

  void add(const std::string &op, size_t legal, size_t run, size_t cases) {
    std::printf("%-24s %5zu of %5zu combinations, %5zu cases\n", op.c_str(),
                run, legal, cases);
    ops.insert(op);
    total += cases;
  }

  void TearDown() override {
    std::printf("%zu cases\n", total);
    if (testing::GTEST_FLAG(filter) != "*" ||
        testing::UnitTest::GetInstance()->Failed())
      return;
    EXPECT_GE(total, 2000u);
    // What the fast paths make of dequantize and quantize.
    ops.insert({"mxfp4.dequantize_into", "mxfp4.quantize_into"});
    EXPECT_EQ(ops, OpSpace::namesOfAllOps());
  }

private:
  std::set<std::string> ops;
  size_t total = 0;
};

Tally &tally = Tally::get();
} // namespace

/// Runs the exact path and has the calls expect its results, within `bounds`.
static void expectExactPath(std::vector<Kernel> &kernels,
                            const std::vector<Case> &cases,
                            const Bounds &bounds) {
  std::string text = writeModule(kernels);
  Variant variant = exactPath();
  Result<Program> program = compileModule(text, variant.name, variant.options);
  ASSERT_TRUE(program) << program.error().message << "\n" << text;
  Result<std::unique_ptr<KernelRunner>> runner =
      KernelRunner::create(*program, kernels, /*threads=*/1);
  ASSERT_TRUE(runner) << runner.error().message;
  for (size_t k = 0; k < kernels.size(); ++k)
    for (Call &call : kernels[k].calls) {
      std::map<std::string, HostTensor> results = (*runner)->run(k, call);
      for (const auto &[value, name] : kernels[k].results) {
        const HostTensor &result = results.at(name);
        Expected expected{name, result.values(), {}};
        if (auto bound = bounds.find(name); bound != bounds.end())
          expected.slack =
              bound->second(Data(kernels[k], call, cases[k]), expected.values);
        // Each path may be as far off as the bound, and the result of the exact
        // one has been rounded as well.
        for (size_t i = 0; i < expected.slack.size(); ++i)
          expected.slack[i] = 2 * expected.slack[i] +
                              roundingOf(result.type, expected.values[i]);
        call.expected.push_back(std::move(expected));
      }
    }
}

static int64_t countRounds() {
  const char *rounds = std::getenv("MXFP4_TEST_ROUNDS");
  return rounds ? std::max<int64_t>(1, std::atoll(rounds)) : 1;
}

/// How the choices of an op are run.
enum class Machines {
  Each,  ///< On every instruction set.
  Slots, ///< On one, which is combined with them as the value of a slot.
};

/// `legal` for each of `count` instruction sets.
static std::vector<Choice> withMachines(const std::vector<Choice> &legal,
                                        size_t count) {
  std::vector<Choice> choices;
  for (Choice choice : legal)
    for (size_t i = 0; i < count; ++i) {
      choice["machine"] = std::to_string(i);
      choices.push_back(choice);
    }
  return choices;
}

/// Checks that `space` has `count` legal choices, and runs them: all, or in a
/// round as many as have all sets of `strength` values.
static void checkOp(const OpSpace &space, size_t count, int strength,
                    Machines machines, const Bounds &bounds = {}) {
  std::vector<Choice> legal = space.findLegal();
  EXPECT_EQ(legal.size(), count) << space.name;
  std::vector<Variant> variants = fastPaths();
  bool isEach = machines == Machines::Each;
  Random random(std::accumulate(space.name.begin(), space.name.end(), 0u));
  Rounds rounds(isEach ? legal : withMachines(legal, variants.size()), strength,
                random);
  size_t numCases = 0;
  std::set<Choice> run;
  for (int64_t round = 0; round < countRounds(); ++round) {
    std::vector<Kernel> kernels;
    std::vector<Case> cases;
    for (const Choice &choice : rounds.next()) {
      cases.push_back({choice, Sizes::draw(random)});
      kernels.push_back(space.makeKernel(cases.back(), random));
    }
    expectExactPath(kernels, cases, bounds);
    for (size_t i = 0; i < variants.size(); ++i) {
      if (testing::Test::HasFailure())
        return;
      std::vector<Kernel> share;
      for (size_t k = 0; k < kernels.size(); ++k)
        if (isEach || cases[k]["machine"] == std::to_string(i))
          share.push_back(kernels[k]);
      checkModule(writeModule(share), share, variants[i]);
      for (const Kernel &kernel : share)
        numCases += kernel.calls.size();
    }
    for (Case &made : cases) {
      made.choice.erase("machine");
      run.insert(made.choice);
    }
  }
  tally.add(space.name, legal.size(), run.size(), numCases);
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

static Slot typeSlot(const std::string &name) {
  return {name, allElementTypes()};
}

static Slot optionalSlot(const std::string &name) {
  return {name, allOptionalTypes()};
}

/// Scales of whole tensors, as "f32 1": the type and the number of dimensions.
static Slot tensorScaleSlot() {
  Slot slot{"t", {""}};
  for (const std::string &type : allElementTypes())
    for (const char *rank : {" 0", " 1", " 2"})
      slot.values.push_back(type + rank);
  return slot;
}

/// Elements in a row. A weight of 4-bit elements has them in units of 32: what
/// safetensors files hold.
static int64_t numColumns(const Case &c, BufferKind kind) {
  std::vector<std::string> format = splitWords(c["format"]);
  int64_t columns = c.sizes.blocks * std::stoll(format[2]);
  bool isUnit = kind == BufferKind::Weight && format[0] == kE2M1.name;
  return isUnit ? (columns + kBlockSize - 1) / kBlockSize * kBlockSize
                : columns;
}

/// The shape of `type` that holds `shape` elements: i8 holds two.
static Shape packed(const std::string &type, Shape shape) {
  if (type == "i8")
    shape.back() /= 2;
  return shape;
}

/// Adds elements and scales of shape `shape` in elements.
static void addBlocks(Draft &draft, const Case &c, const Shape &shape,
                      BufferKind kind, Role values, Role scales) {
  std::vector<std::string> format = splitWords(c["format"]);
  Shape blocks = shape;
  blocks.back() /= std::stoll(format[2]);
  draft.add({"v", kind, format[0], packed(format[0], shape), values});
  draft.add({"s", kind, format[1], blocks, scales});
}

/// Adds operand t, a scale for each of some leading dimensions of `shape`, and
/// returns its part of the op.
static std::string addTensorScale(Draft &draft, const Case &c,
                                  const char *keyword, const Shape &shape,
                                  BufferKind kind) {
  if (c["t"].empty())
    return "";
  std::vector<std::string> words = splitWords(c["t"]);
  size_t rank = std::min(size_t(std::stoll(words[1])), shape.size());
  draft.add({"t", kind, words[0], Shape(shape.begin(), shape.begin() + rank),
             Role::Positive});
  return std::string(" ") + keyword + "(%t : {t})";
}

/// Adds an operand that may be absent, and returns its part of the op.
static std::string addOptional(Draft &draft, const Case &c, Operand operand,
                               const char *keyword) {
  operand.type = c[operand.name];
  if (operand.type.empty())
    return "";
  draft.add(operand);
  return std::string(" ") + keyword + "(%" + operand.name + " : {" +
         operand.name + "})";
}

static const std::vector<double> kSpecials = {kNaN, kInfinity, -kInfinity};

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

/// Copies the result `%from` of the op to the output `name`.
static std::string copyTo(const std::string &name, const std::string &from) {
  return "\n  %to_" + name + " = linalg.copy ins(%" + from + " : {" + name +
         "}) outs(%" + name + " : {" + name + "}) -> {" + name + "}";
}

/// A shape of as many dimensions as slot "rank" says.
static Shape shapeOf(const Case &c, int64_t columns) {
  Shape shape = {c.sizes.tokens, c.sizes.rows, columns};
  return Shape(shape.end() - std::stoll(c["rank"]), shape.end());
}

TEST(EveryOp, Dequantize) {
  OpSpace space;
  space.name = "mxfp4.dequantize";
  space.slots = {{"rank", {"1", "2", "3"}},
                 {"format", allFormats()},
                 tensorScaleSlot(),
                 typeSlot("out")};
  for (const char *t : {"", "f32 0"})
    space.bases.push_back(
        {{"rank", "3"},
         {"format", *t ? "f4E2M1FN f8E4M3FN 16" : "f4E2M1FN f8E8M0FNU 32"},
         {"t", t},
         {"out", "f32"}});
  space.bases.push_back(space.bases.back());
  space.bases.back()["t"] = "f32 2";
  space.draft = [](const Case &c) {
    Draft draft;
    Shape shape = shapeOf(c, numColumns(c, BufferKind::Input));
    addBlocks(draft, c, shape, BufferKind::Input, Role::Bytes, Role::Bytes);
    std::string part =
        addTensorScale(draft, c, "tensor_scale", shape, BufferKind::Input);
    draft.addResult("out", c["out"], shape, "%to_out");
    draft.body = "  %y = mxfp4.dequantize %v, %s" + part +
                 " : {v}, {s} -> {out}" + copyTo("out", "y");
    return draft;
  };
  // 3 results; 6 pairs of elements and E8M0, and 2 with E4M3 and a tensor scale
  // that is absent or has fewer dimensions than the elements, of 1 to 3.
  checkOp(space, 3 * (3 * 6 + 2 * (2 + 3 + 4)), kAll, Machines::Each);
}

template <typename Enum>
static std::vector<std::string> namesOf(unsigned largest,
                                        llvm::StringRef (*stringify)(Enum)) {
  std::vector<std::string> names;
  for (unsigned i = 0; i <= largest; ++i)
    names.push_back(stringify(Enum(i)).str());
  return names;
}

TEST(EveryOp, Quantize) {
  OpSpace space;
  space.name = "mxfp4.quantize";
  space.slots = {{"rank", {"1", "2", "3"}},
                 typeSlot("x"),
                 {"format", allFormats()},
                 tensorScaleSlot(),
                 optionalSlot("r"),
                 {"rule", namesOf(mlir::mxfp4::getMaxEnumValForScaleRule(),
                                  mlir::mxfp4::stringifyScaleRule)},
                 {"rounding", namesOf(mlir::mxfp4::getMaxEnumValForRounding(),
                                      mlir::mxfp4::stringifyRounding)}};
  Choice plain = {{"rank", "3"},
                  {"x", "f32"},
                  {"format", "i8 f8E8M0FNU 32"},
                  {"t", ""},
                  {"r", ""},
                  {"rule", "floor"},
                  {"rounding", "nearest_even"}};
  Choice random = plain, twoLevel = plain;
  random["rounding"] = "stochastic";
  random["r"] = "i8";
  twoLevel["format"] = "i8 f8E4M3FN 16";
  space.bases = {plain, random, twoLevel};
  space.draft = [](const Case &c) {
    Draft draft;
    std::vector<std::string> format = splitWords(c["format"]);
    Shape shape = shapeOf(c, numColumns(c, BufferKind::Input)), blocks = shape;
    blocks.back() = c.sizes.blocks;
    draft.add(
        {"x", BufferKind::Input, c["x"], shape, Role::Blocks, 1, kSpecials});
    std::string parts =
        addTensorScale(draft, c, "encode_scale", shape, BufferKind::Input);
    parts += addOptional(
        draft, c, {"r", BufferKind::Input, "", shape, Role::Bytes}, "random");
    // 4-bit elements cannot be stored but as i8, so their values are.
    bool isWide = format[0] == kE2M1.name;
    draft.addResult("v", isWide ? "f32" : format[0], packed(format[0], shape),
                    "%to_v");
    draft.addResult("s", format[1], blocks, "%to_s");
    std::string made = "{v}", values = "a", decoded;
    if (isWide) {
      made = "tensor<";
      for (int64_t size : shape)
        made += (size < 0 ? "?" : std::to_string(size)) + "x";
      made += format[0] + ">";
      decoded = "\n  %w = mxfp4.dequantize %a, %b : " + made + ", {s} -> {v}";
      values = "w";
    }
    draft.body = "  %a, %b = mxfp4.quantize %x" + parts +
                 " {scale_rule = #mxfp4.scale_rule<" + c["rule"] +
                 ">, rounding = #mxfp4.rounding<" + c["rounding"] +
                 ">} : {x} -> " + made + ", {s}" + decoded +
                 copyTo("v", values) + copyTo("s", "b");
    return draft;
  };
  // 3 inputs; 4 roundings; 6 formats with E8M0 by 5 rules, and 2 with E4M3 and
  // a scale as in dequantize.
  checkOp(space, 3 * 4 * (3 * 6 * 5 + 2 * (2 + 3 + 4)), /*strength=*/3,
          Machines::Slots);
}

TEST(EveryOp, CastToNVFP4) {
  OpSpace space;
  space.name = "mxfp4.cast_to_nvfp4";
  space.slots = {{"format", allFormats()}, typeSlot("n"), typeSlot("t")};
  space.bases = {
      {{"format", "i8 f8E8M0FNU 32"}, {"n", "f8E4M3FN"}, {"t", "f32"}}};
  space.draft = [](const Case &c) {
    Draft draft;
    Shape shape = {c.sizes.tokens, c.sizes.rows,
                   numColumns(c, BufferKind::Input)};
    Shape halves = shape;
    halves.back() = 2 * c.sizes.blocks;
    addBlocks(draft, c, shape, BufferKind::Input, Role::Bytes,
              c.sizes.isHostile ? Role::Bytes : Role::Scales);
    draft.addResult("n", c["n"], halves, "%to_n");
    draft.addResult("t", c["t"], {}, "%to_t");
    draft.addResult("e", "i32", {}, "%to_e");
    draft.body =
        "  %a, %b, %c = mxfp4.cast_to_nvfp4 %v, %s : {v}, {s} -> {n}, {t}, "
        "tensor<i1>\n"
        "  %bit = tensor.extract %c[] : tensor<i1>\n"
        "  %number = arith.extui %bit : i1 to i32\n"
        "  %wide = tensor.from_elements %number : {e}" +
        copyTo("n", "a") + copyTo("t", "b") + copyTo("e", "wide");
    return draft;
  };
  checkOp(space, 2, kAll, Machines::Each); // f4E2M1FN and i8
}

TEST(EveryOp, Pack) {
  OpSpace space;
  space.name = "mxfp4.pack";
  space.slots = {typeSlot("x"), {"paired", {"false", "true"}}};
  space.bases = {{{"x", "f32"}, {"paired", "false"}}};
  space.draft = [](const Case &c) {
    Draft draft;
    bool isPaired = c["paired"] == "true";
    int64_t pair = isPaired ? 2 : 1;
    Shape source = {c.sizes.experts, pair * c.sizes.rows,
                    c.sizes.depth * c.sizes.blocks};
    int64_t groups = (c.sizes.rows + c.sizes.lanes - 1) / c.sizes.lanes;
    Shape arranged = {c.sizes.experts, pair * groups, c.sizes.blocks,
                      c.sizes.lanes * c.sizes.depth};
    bool isFloat = c["x"] == "f32" || c["x"] == "f16" || c["x"] == "bf16";
    draft.add({"x", BufferKind::Input, c["x"], packed(c["x"], source),
               isFloat ? Role::Blocks : Role::Bytes});
    draft.addResult("out", c["x"], packed(c["x"], arranged), "%y");
    draft.body = "  %y = mxfp4.pack ins(%x : {x}) outs(%out : {out}) {layout = "
                 "#mxfp4.layout<lanes = " +
                 std::to_string(c.sizes.lanes) +
                 ", depth = " + std::to_string(c.sizes.depth) +
                 ", paired = " + c["paired"] + ">} -> {out}";
    return draft;
  };
  // 6 types of elements, E8M0 and 3 floats.
  checkOp(space, 2 * 10, kAll, Machines::Each);
}

//===----------------------------------------------------------------------===//
// Matmuls
//===----------------------------------------------------------------------===//

/// Roundings of a term of a sum over `columns`: the weight (F22), the product,
/// one for each addition, the scale of the block, bias and residual.
static double sumRoundings(int64_t columns) { return double(columns) + 5; }

static Numbers boundProduct(const Data &data, const Numbers &weight) {
  Numbers x = magnitudes(data("x"));
  int64_t columns = int64_t(x.size()) / data.tokens();
  double roundings = sumRoundings(columns);
  Numbers bound = multiply(x, magnitudes(weight), columns,
                           magnitudes(data("b")), magnitudes(data("r")))
                      .values;
  for (double &value : bound)
    value = gammaOf(roundings) * value + tinyOf(roundings);
  return bound;
}

TEST(EveryOp, Matmul) {
  OpSpace space;
  space.name = "mxfp4.matmul";
  space.slots = {typeSlot("x"),     {"format", allFormats()}, tensorScaleSlot(),
                 optionalSlot("b"), optionalSlot("r"),        typeSlot("out")};
  Choice plain = {{"x", "f32"}, {"format", "f4E2M1FN f8E8M0FNU 32"},
                  {"t", ""},    {"b", ""},
                  {"r", ""},    {"out", "f32"}};
  Choice scaled = plain;
  scaled["format"] = "f4E2M1FN f8E4M3FN 16";
  space.bases = {plain, scaled};
  space.draft = [](const Case &c) {
    Draft draft;
    int64_t columns = numColumns(c, BufferKind::Weight), rows = c.sizes.rows;
    Shape weight = {rows, columns}, result = {c.sizes.tokens, rows};
    draft.add({"x",
               BufferKind::Input,
               c["x"],
               {c.sizes.tokens, columns},
               Role::Floats,
               1,
               kSpecials});
    addBlocks(draft, c, weight, BufferKind::Weight, Role::Weight, Role::Scales);
    std::string parts =
        addTensorScale(draft, c, "tensor_scale", weight, BufferKind::Weight);
    parts +=
        addOptional(draft, c, {"b", BufferKind::Weight, "", {rows}}, "bias");
    parts += addOptional(
        draft, c,
        {"r", BufferKind::Input, "", result, Role::Floats, 1, kSpecials},
        "residual");
    draft.addResult("out", c["out"], result, "%y");
    draft.body = "  %y = mxfp4.matmul ins(%x, %v, %s : {x}, {v}, {s})" + parts +
                 " outs(%out : {out}) -> {out}";
    return draft;
  };
  // 3 inputs; 6 formats with E8M0, 2 with E4M3 and a tensor scale or none; 4
  // ways of bias and of residual; 3 results.
  checkOp(space, 3 * (6 + 2 * 2) * 4 * 4 * 3, /*strength=*/3, Machines::Slots,
          {{"out", [](const Data &data, const Numbers &) {
              return boundProduct(data, data.weight());
            }}});
}

TEST(EveryOp, Linear) {
  OpSpace space;
  space.name = "nn.linear";
  space.slots = {typeSlot("x"), typeSlot("v"), optionalSlot("b"),
                 optionalSlot("r"), typeSlot("out")};
  space.bases = {
      {{"x", "f32"}, {"v", "f32"}, {"b", ""}, {"r", ""}, {"out", "f32"}}};
  space.draft = [](const Case &c) {
    Draft draft;
    int64_t columns = c.sizes.width, rows = c.sizes.rows;
    Shape result = {c.sizes.tokens, rows};
    draft.add({"x",
               BufferKind::Input,
               c["x"],
               {c.sizes.tokens, columns},
               Role::Floats,
               1,
               kSpecials});
    draft.add({"v",
               BufferKind::Weight,
               c["v"],
               {rows, columns},
               Role::Floats,
               1,
               kSpecials});
    std::string parts =
        addOptional(draft, c, {"b", BufferKind::Weight, "", {rows}}, "bias");
    parts += addOptional(
        draft, c,
        {"r", BufferKind::Input, "", result, Role::Floats, 1, kSpecials},
        "residual");
    draft.addResult("out", c["out"], result, "%y");
    draft.body = "  %y = nn.linear ins(%x, %v : {x}, {v})" + parts +
                 " outs(%out : {out}) -> {out}";
    return draft;
  };
  checkOp(space, 3 * 3 * 4 * 4 * 3, /*strength=*/3, Machines::Slots,
          {{"out", [](const Data &data, const Numbers &) {
              return boundProduct(data, data("v"));
            }}});
}

/// Sums over columns, activated, and sums over slots.
static Numbers boundByExpert(const Data &data, const Numbers &) {
  const Case &c = data.theCase();
  bool isPerSlot = c["rank"] == "3";
  int64_t columns = numColumns(c, BufferKind::Weight),
          slots = data.sizes().slots;
  bool isActivated = !c["act"].empty();
  int64_t rows = data.sizes().rows * (isActivated ? 2 : 1);
  Numbers x = data("x"), weight = data.weight(), bias = data("b");
  Numbers experts = data("e");
  Exact exact = multiplyByExpert(x, weight, experts, slots, rows, columns,
                                 isPerSlot, bias);
  double roundings = sumRoundings(columns);
  exact.slack =
      multiplyByExpert(magnitudes(x), magnitudes(weight), experts, slots, rows,
                       columns, isPerSlot, magnitudes(bias))
          .values;
  for (size_t i = 0; i < exact.slack.size(); ++i) {
    exact.slack[i] = gammaOf(roundings) * exact.slack[i] + tinyOf(roundings);
    // Clamped to the limit, an infinity is exact.
    if (!std::isfinite(exact.slack[i]))
      exact.slack[i] = 0.0;
  }
  if (isActivated)
    exact = activate(exact);
  if (c["w"].empty())
    return exact.slack;
  // A term is multiplied and added with the others and the residual.
  Exact terms = exact, errors = exact;
  terms.values = magnitudes(exact.values);
  errors.values = exact.slack;
  Numbers routing = magnitudes(data("w"));
  Numbers bound =
      combine(terms, routing, slots, data.sizes().rows, magnitudes(data("r")))
          .values;
  Numbers carried =
      combine(errors, routing, slots, data.sizes().rows, {}).values;
  for (size_t i = 0; i < bound.size(); ++i)
    bound[i] = gammaOf(double(slots) + 2) * (bound[i] + carried[i]) +
               carried[i] + tinyOf(double(slots) + 2);
  return bound;
}

TEST(EveryOp, MatmulByExpert) {
  OpSpace space;
  space.name = "mxfp4.matmul_by_expert";
  space.slots = {typeSlot("x"),           {"rank", {"2", "3"}},
                 typeSlot("e"),           {"format", allFormats()},
                 tensorScaleSlot(),       optionalSlot("b"),
                 {"act", {"", "swiglu"}}, optionalSlot("w"),
                 optionalSlot("r"),       typeSlot("out")};
  Choice plain = {{"x", "f32"}, {"rank", "2"},
                  {"e", "i32"}, {"format", "f4E2M1FN f8E8M0FNU 32"},
                  {"t", ""},    {"b", ""},
                  {"act", ""},  {"w", ""},
                  {"r", ""},    {"out", "f32"}};
  Choice all = plain;
  all["format"] = "f4E2M1FN f8E4M3FN 16";
  all["w"] = "f32";
  space.bases = {plain, all};
  space.draft = [](const Case &c) {
    Draft draft;
    const Sizes &s = c.sizes;
    int64_t columns = numColumns(c, BufferKind::Weight);
    int64_t rows = s.rows * (c["act"].empty() ? 1 : 2);
    Shape weight = {s.experts, rows, columns};
    Shape input = {s.tokens, columns}, result = {s.tokens, s.rows};
    if (c["rank"] == "3")
      input.insert(input.begin() + 1, s.slots);
    draft.add({"x",
               BufferKind::Input,
               c["x"],
               input,
               Role::Floats,
               1,
               {kNaN, kInfinity}});
    addBlocks(draft, c, weight, BufferKind::Weight, Role::Weight, Role::Scales);
    draft.add({"e",
               BufferKind::Input,
               c["e"],
               {s.tokens, s.slots},
               Role::Indices,
               s.experts});
    std::string parts =
        addTensorScale(draft, c, "tensor_scale", weight, BufferKind::Weight);
    parts += addOptional(
        draft, c, {"b", BufferKind::Weight, "", {s.experts, rows}}, "bias");
    if (!c["act"].empty())
      parts += " activation(" + kSwiGLU + ")";
    parts += addOptional(draft, c,
                         {"w",
                          BufferKind::Input,
                          "",
                          {s.tokens, s.slots},
                          Role::Floats,
                          1,
                          {kNaN}},
                         "weights");
    parts += addOptional(
        draft, c,
        {"r", BufferKind::Input, "", result, Role::Floats, 1, kSpecials},
        "residual");
    if (c["w"].empty())
      result.insert(result.begin() + 1, s.slots);
    draft.addResult("out", c["out"], result, "%y");
    draft.body = "  %y = mxfp4.matmul_by_expert ins(%x, %v, %s, %e : {x}, {v}, "
                 "{s}, {e})" +
                 parts + " outs(%out : {out}) -> {out}";
    return draft;
  };
  // 3 inputs of 2 shapes; 6 formats with E8M0, 2 with E4M3 and no tensor scale,
  // one, or one for each expert; 4 biases; activation; no routing weights, or 3
  // with 4 residuals; 3 results.
  checkOp(space, 3 * 2 * (6 + 2 * 3) * 4 * 2 * (1 + 3 * 4) * 3, /*strength=*/2,
          Machines::Slots, {{"out", boundByExpert}});
}

//===----------------------------------------------------------------------===//
// The other ops of a layer
//===----------------------------------------------------------------------===//

/// The bound of a result without sums that cancel: `roundings` of the result.
static Bound boundRelative(std::function<double(const Data &)> roundings) {
  return [=](const Data &data, const Numbers &result) {
    Numbers bound = magnitudes(result);
    for (double &value : bound)
      value = gammaOf(roundings(data)) * value + tinyOf(roundings(data));
    return bound;
  };
}

TEST(EveryOp, Embedding) {
  OpSpace space;
  space.name = "nn.embedding";
  space.slots = {typeSlot("e"), typeSlot("v"), typeSlot("out")};
  space.bases = {{{"e", "i32"}, {"v", "f32"}, {"out", "f32"}}};
  space.draft = [](const Case &c) {
    Draft draft;
    draft.add({"e",
               BufferKind::Input,
               c["e"],
               {c.sizes.tokens},
               Role::Indices,
               c.sizes.rows});
    draft.add({"v",
               BufferKind::Weight,
               c["v"],
               {c.sizes.rows, c.sizes.width},
               Role::Blocks,
               1,
               kSpecials});
    draft.addResult("out", c["out"], {c.sizes.tokens, c.sizes.width}, "%y");
    draft.body = "  %y = nn.embedding ins(%e, %v : {e}, {v}) outs(%out : "
                 "{out}) -> {out}";
    return draft;
  };
  checkOp(space, 3 * 3, kAll, Machines::Each);
}

TEST(EveryOp, RMSNorm) {
  OpSpace space;
  space.name = "nn.rms_norm";
  space.slots = {typeSlot("x"), typeSlot("g"), typeSlot("out")};
  space.bases = {{{"x", "f32"}, {"g", "f32"}, {"out", "f32"}}};
  space.draft = [](const Case &c) {
    Draft draft;
    Shape shape = {c.sizes.tokens, c.sizes.width};
    draft.add(
        {"x", BufferKind::Input, c["x"], shape, Role::Floats, 1, kSpecials});
    draft.add({"g", BufferKind::Weight, c["g"], {c.sizes.width}});
    draft.addResult("out", c["out"], shape, "%y");
    draft.body = "  %y = nn.rms_norm ins(%x, %g : {x}, {g}) outs(%out : {out}) "
                 "{epsilon = 1.0e-05 : f32} -> {out}";
    return draft;
  };
  // A square, additions, the mean and epsilon, all positive and halved by the
  // root; then the root, its reciprocal and two products.
  Bound bound = boundRelative([](const Data &data) {
    return (double(data.sizes().width) + 3) / 2 + 4;
  });
  checkOp(space, 3 * 3 * 3, kAll, Machines::Each, {{"out", bound}});
}

TEST(EveryOp, RotaryEmbedding) {
  OpSpace space;
  space.name = "nn.rotary_embedding";
  space.slots = {
      typeSlot("x"), typeSlot("out"), {"truncate", {"false", "true"}}};
  space.bases = {{{"x", "f32"}, {"out", "f32"}, {"truncate", "false"}}};
  space.draft = [](const Case &c) {
    Draft draft;
    Shape shape = {c.sizes.tokens, c.sizes.kvHeads * c.sizes.group,
                   2 * c.sizes.headDim};
    draft.add(
        {"x", BufferKind::Input, c["x"], shape, Role::Floats, 1, kSpecials});
    draft.addResult("out", c["out"], shape, "%y");
    draft.body =
        "  %y = nn.rotary_embedding ins(%x, %position : {x}, index) outs(%out "
        ": {out}) {yarn = #nn.yarn<theta = 150000.0 : f32, factor = 4.0 : f32, "
        "beta_fast = 32.0 : f32, beta_slow = 1.0 : f32, original_length = "
        "4096, truncate = " +
        c["truncate"] + ">} -> {out}";
    return draft;
  };
  auto bound = [](const Data &data, const Numbers &) {
    // Sine and cosine are off by one step, two halves; then three roundings.
    // Both are at most 1, and the amplitude 1 + ln(4) / 10.
    double roundings = 5, amplitude = 0.1 * std::log(4.0) + 1.0;
    Numbers x = magnitudes(data("x")), result(x.size());
    size_t half = size_t(data.sizes().headDim);
    for (size_t i = 0; i < x.size(); ++i) {
      size_t partner = i % (2 * half) < half ? i + half : i - half;
      result[i] = gammaOf(roundings) * amplitude * (x[i] + x[partner]) +
                  tinyOf(roundings);
    }
    return result;
  };
  checkOp(space, 3 * 3 * 2, kAll, Machines::Each, {{"out", bound}});
}

/// The scores of attention are sums over a head, its results sums over
/// positions.
static Numbers boundAttention(const Data &data, const Numbers &) {
  const Sizes &s = data.sizes();
  int64_t width = s.headDim, heads = s.kvHeads * s.group;
  bool hasWindow = !data.theCase()["window"].empty();
  Numbers q = data("q"), k = data("k"), v = data("v"), sinks = data("s");
  Numbers keyCache = data("kc"), valueCache = data("vc");
  int64_t rows = int64_t(keyCache.size()) / (s.kvHeads * width);
  Numbers result(q.size());
  for (int64_t t = 0; t < data.tokens(); ++t)
    for (int64_t h = 0; h < heads; ++h) {
      int64_t own = data.position() + t;
      int64_t first = hasWindow ? std::max<int64_t>(0, own - s.window + 1) : 0;
      auto row = [&](int64_t j, const Numbers &cache, const Numbers &fresh) {
        bool isOld = j < data.position();
        int64_t at = isOld ? j % rows : j - data.position();
        return &(isOld ? cache
                       : fresh)[size_t((at * s.kvHeads + h / s.group) * width)];
      };
      Numbers scores;
      double largest = sinks[size_t(h)], smallest = kInfinity, error = 0.0;
      for (int64_t j = first; j <= own; ++j) {
        double dot = 0.0, magnitude = 0.0;
        for (int64_t d = 0; d < width; ++d) {
          double term =
              q[size_t((t * heads + h) * width + d)] * row(j, keyCache, k)[d];
          dot += term;
          magnitude += std::fabs(term);
        }
        scores.push_back(0.25 * dot);
        largest = std::max(largest, scores.back());
        smallest = std::min(smallest, scores.back());
        // Products, additions and the scale.
        error = std::max(error, 0.25 * gammaOf(double(width) + 2) * magnitude);
      }
      double sum = std::exp(sinks[size_t(h)] - largest);
      for (double score : scores)
        sum += std::exp(score - largest);
      // A weight is off as its score and the maximum are, whose difference is
      // rounded; exp is off by 2 steps, 4 halves. Numerator and denominator
      // have as many terms as positions, each rescaled (an exp and a product)
      // once for each of at most as many blocks.
      double count = double(scores.size()) + 1;
      double relative =
          std::expm1(2 * error + gammaOf(1) * (largest - smallest)) +
          gammaOf(4 + count + 6 * count);
      for (int64_t d = 0; d < width; ++d) {
        double magnitude = 0.0;
        for (int64_t j = first; j <= own; ++j)
          magnitude += std::exp(scores[size_t(j - first)] - largest) / sum *
                       std::fabs(row(j, valueCache, v)[d]);
        result[size_t((t * heads + h) * width + d)] =
            2 * relative * magnitude + tinyOf(count);
      }
    }
  return result;
}

TEST(EveryOp, Attention) {
  OpSpace space;
  space.name = "nn.attention";
  Choice base = {{"window", ""}};
  space.slots = {{"window", {"", "window"}}};
  for (const char *name : {"q", "k", "v", "kc", "vc", "s", "out"}) {
    space.slots.push_back(typeSlot(name));
    base[name] = "f32";
  }
  space.bases = {base};
  space.draft = [](const Case &c) {
    Draft draft;
    const Sizes &s = c.sizes;
    int64_t heads = s.kvHeads * s.group;
    bool hasWindow = !c["window"].empty();
    int64_t rows =
        hasWindow && !s.isCacheDynamic ? s.cacheRows : int64_t(kContext);
    Shape query = {s.tokens, heads, s.headDim};
    draft.add({"q", BufferKind::Input, c["q"], query, Role::Floats, 1, {kNaN}});
    for (const char *name : {"k", "v"})
      draft.add({name,
                 BufferKind::Input,
                 c[name],
                 {s.tokens, s.kvHeads, s.headDim},
                 Role::Floats,
                 1,
                 {kNaN}});
    for (const char *name : {"kc", "vc"})
      draft.add({name,
                 BufferKind::Cache,
                 c[name],
                 {rows, s.kvHeads, s.headDim},
                 Role::Rows});
    draft.add({"s",
               BufferKind::Weight,
               c["s"],
               {heads},
               Role::Floats,
               1,
               {-kInfinity, 30.0, -30.0}});
    draft.addResult("out", c["out"], query, "%y");
    draft.body =
        "  %y = nn.attention ins(%q, %k, %v, %kc, %vc, %s, %position : {q}, "
        "{k}, {v}, {kc}, {vc}, {s}, index) outs(%out : {out}) {scale = 0.25 : "
        "f32" +
        (hasWindow ? ", window = " + std::to_string(s.window) + " : i64" : "") +
        "} -> {out}";
    return draft;
  };
  checkOp(space, 2 * 3 * 3 * 3 * 3 * 3 * 3 * 3, /*strength=*/3, Machines::Slots,
          {{"out", boundAttention}});
}

TEST(EveryOp, CacheUpdate) {
  OpSpace space;
  space.name = "nn.cache_update";
  space.slots = {typeSlot("x"), typeSlot("c")};
  space.bases = {{{"x", "f32"}, {"c", "f32"}}};
  space.draft = [](const Case &c) {
    Draft draft;
    const Sizes &s = c.sizes;
    draft.add({"x",
               BufferKind::Input,
               c["x"],
               {s.tokens, s.kvHeads, s.headDim},
               Role::Blocks,
               1,
               kSpecials});
    draft.add(
        {"c",
         BufferKind::Cache,
         c["c"],
         {s.isCacheDynamic ? kContext : s.cacheRows, s.kvHeads, s.headDim},
         Role::Blocks,
         1,
         kSpecials});
    draft.results = {{"%y", "c"}};
    draft.body = "  %y = nn.cache_update ins(%x, %position : {x}, index) "
                 "outs(%c : {c}) -> {c}";
    return draft;
  };
  checkOp(space, 3 * 3, kAll, Machines::Each);
}

TEST(EveryOp, RouteTopK) {
  OpSpace space;
  space.name = "nn.route_top_k";
  space.slots = {typeSlot("x"), typeSlot("e"), typeSlot("w")};
  space.bases = {{{"x", "f32"}, {"e", "i32"}, {"w", "f32"}}};
  space.draft = [](const Case &c) {
    Draft draft;
    const Sizes &s = c.sizes;
    int64_t experts = std::max(s.slots, s.width);
    draft.add({"x",
               BufferKind::Input,
               c["x"],
               {s.tokens, experts},
               Role::Floats,
               1,
               {kNaN, -kInfinity, 60000.0}});
    draft.addResult("e", c["e"], {s.tokens, s.slots}, "%a");
    draft.addResult("w", c["w"], {s.tokens, s.slots}, "%b");
    draft.body = "  %a, %b = nn.route_top_k ins(%x : {x}) outs(%e, %w : {e}, "
                 "{w}) -> {e}, {w}";
    return draft;
  };
  // exp is off by 2 steps, 4 halves, above and below the fraction; the sum over
  // slots and the quotient.
  Bound bound = boundRelative(
      [](const Data &data) { return double(data.sizes().slots) + 9; });
  checkOp(space, 3 * 3, kAll, Machines::Each, {{"w", bound}});
}

TEST(EveryOp, AddExpertBias) {
  OpSpace space;
  space.name = "nn.add_expert_bias";
  space.slots = {typeSlot("x"), typeSlot("b"), typeSlot("e"), typeSlot("out")};
  space.bases = {{{"x", "f32"}, {"b", "f32"}, {"e", "i32"}, {"out", "f32"}}};
  space.draft = [](const Case &c) {
    Draft draft;
    const Sizes &s = c.sizes;
    Shape shape = {s.tokens, s.slots, s.width};
    draft.add(
        {"x", BufferKind::Input, c["x"], shape, Role::Floats, 1, kSpecials});
    draft.add({"b", BufferKind::Weight, c["b"], {s.experts, s.width}});
    draft.add({"e",
               BufferKind::Input,
               c["e"],
               {s.tokens, s.slots},
               Role::Indices,
               s.experts});
    draft.addResult("out", c["out"], shape, "%y");
    draft.body = "  %y = nn.add_expert_bias ins(%x, %b, %e : {x}, {b}, {e}) "
                 "outs(%out : {out}) -> {out}";
    return draft;
  };
  // One addition: the same on all paths.
  checkOp(space, 3 * 3 * 3, kAll, Machines::Each);
}

TEST(EveryOp, SwiGLU) {
  OpSpace space;
  space.name = "nn.swiglu";
  space.slots = {typeSlot("x"), typeSlot("out")};
  space.bases = {{{"x", "f32"}, {"out", "f32"}}};
  space.draft = [](const Case &c) {
    Draft draft;
    const Sizes &s = c.sizes;
    draft.add({"x",
               BufferKind::Input,
               c["x"],
               {s.tokens, s.slots, 2 * s.width},
               Role::Floats,
               1,
               {kNaN, kInfinity, 60000.0, -60000.0, -60.0, 8.0}});
    draft.addResult("out", c["out"], {s.tokens, s.slots, s.width}, "%y");
    draft.body = "  %y = nn.swiglu ins(%x : {x}) outs(%out : {out}) "
                 "{activation = " +
                 kSwiGLU + "} -> {out}";
    return draft;
  };
  auto bound = [](const Data &data, const Numbers &) {
    Numbers x = data("x");
    Exact exact(int64_t(x.size()));
    exact.values = x;
    return activate(exact).slack;
  };
  checkOp(space, 3 * 3, kAll, Machines::Each, {{"out", bound}});
}

TEST(EveryOp, CombineExperts) {
  OpSpace space;
  space.name = "nn.combine_experts";
  space.slots = {typeSlot("x"), typeSlot("w"), typeSlot("out")};
  space.bases = {{{"x", "f32"}, {"w", "f32"}, {"out", "f32"}}};
  space.draft = [](const Case &c) {
    Draft draft;
    const Sizes &s = c.sizes;
    draft.add({"x",
               BufferKind::Input,
               c["x"],
               {s.tokens, s.slots, s.width},
               Role::Floats,
               1,
               kSpecials});
    draft.add({"w",
               BufferKind::Input,
               c["w"],
               {s.tokens, s.slots},
               Role::Floats,
               1,
               kSpecials});
    draft.addResult("out", c["out"], {s.tokens, s.width}, "%y");
    draft.body = "  %y = nn.combine_experts ins(%x, %w : {x}, {w}) outs(%out : "
                 "{out}) -> {out}";
    return draft;
  };
  auto bound = [](const Data &data, const Numbers &) {
    // A product and the additions.
    int64_t slots = data.sizes().slots;
    Exact x;
    x.values = magnitudes(data("x"));
    x.slack.resize(x.values.size());
    Numbers result =
        combine(x, magnitudes(data("w")), slots, data.sizes().width, {}).values;
    for (double &value : result)
      value = gammaOf(double(slots) + 1) * value + tinyOf(double(slots) + 1);
    return result;
  };
  checkOp(space, 3 * 3 * 3, kAll, Machines::Each, {{"out", bound}});
}
