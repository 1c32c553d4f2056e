//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every op of the dialect mxfp4, in all types.
//
//===----------------------------------------------------------------------===//

#include "EveryOp.h"
#include "Oracles.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace mx;
using namespace mx::test;

/// Scales of whole tensors, as "f32 1": the type and the number of dimensions.
static Slot tensorScaleSlot() {
  Slot slot{"t", {""}};
  for (const std::string &type : allElementTypes())
    for (const char *rank : {" 0", " 1", " 2"})
      slot.values.push_back(type + rank);
  return slot;
}

/// Elements in a row. A weight of 4-bit elements has them in units of 32: what
/// safetensors files hold. So has one whose input is rounded.
static int64_t numColumns(const Case &c, BufferKind kind) {
  std::vector<std::string> format = splitWords(c["format"]);
  int64_t columns = c.sizes.blocks * std::stoll(format[2]);
  bool isUnit = kind == BufferKind::Weight &&
                (format[0] == kE2M1.name || c.choice.count("round"));
  return isUnit ? (columns + kBlockSize - 1) / kBlockSize * kBlockSize
                : columns;
}

/// How a matmul rounds its input.
static Slot inputFormatSlot() {
  Slot slot{"round", {""}};
  for (auto format :
       {mlir::mxfp4::InputFormat::Int8, mlir::mxfp4::InputFormat::Int16})
    slot.values.push_back(mlir::mxfp4::stringifyInputFormat(format).str());
  return slot;
}

static std::string inputFormatOf(const Case &c) {
  if (c["round"].empty())
    return "";
  return " {input_format = #mxfp4.input_format<" + c["round"] + ">}";
}

/// How large the numbers of the input are at most that are multiplied.
static Numbers inputMagnitudes(const Data &data) {
  Numbers x = magnitudes(data("x"));
  const std::string &round = data.theCase()["round"];
  if (round.empty())
    return x;
  // At least half a step, as a part of the largest number.
  double halfStep = round == "int8" ? 0x1p-6 : 0x1p-14;
  for (size_t first = 0; first < x.size(); first += kBlockSize) {
    auto begin = x.begin() + ptrdiff_t(first), end = begin + kBlockSize;
    double largest = *std::max_element(begin, end);
    std::for_each(begin, end, [&](double &v) { v += halfStep * largest; });
  }
  return x;
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

TEST(EveryOp, Matmul) {
  OpSpace space;
  space.name = "mxfp4.matmul";
  space.slots = {typeSlot("x"),     {"format", allFormats()}, tensorScaleSlot(),
                 optionalSlot("b"), optionalSlot("r"),        inputFormatSlot(),
                 typeSlot("out")};
  Choice plain = {{"x", "f32"},  {"format", "f4E2M1FN f8E8M0FNU 32"},
                  {"t", ""},     {"b", ""},
                  {"r", ""},     {"round", ""},
                  {"out", "f32"}};
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
                 " outs(%out : {out})" + inputFormatOf(c) + " -> {out}";
    return draft;
  };
  // 3 inputs; 6 formats with E8M0, 2 with E4M3 and a tensor scale or none; 4
  // ways of bias and of residual; 3 roundings; 3 results.
  checkOp(space, 3 * (6 + 2 * 2) * 4 * 4 * 3 * 3, /*strength=*/3,
          Machines::Slots,
          {{"out", [](const Data &data, const Numbers &) {
              return boundProduct(data, inputMagnitudes(data), data.weight());
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
      multiplyByExpert(inputMagnitudes(data), magnitudes(weight), experts,
                       slots, rows, columns, isPerSlot, magnitudes(bias))
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
                 optionalSlot("r"),       inputFormatSlot(),
                 typeSlot("out")};
  Choice plain = {{"x", "f32"},  {"rank", "2"},
                  {"e", "i32"},  {"format", "f4E2M1FN f8E8M0FNU 32"},
                  {"t", ""},     {"b", ""},
                  {"act", ""},   {"w", ""},
                  {"r", ""},     {"round", ""},
                  {"out", "f32"}};
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
                 parts + " outs(%out : {out})" + inputFormatOf(c) + " -> {out}";
    return draft;
  };
  // 3 inputs of 2 shapes; 6 formats with E8M0, 2 with E4M3 and no tensor scale,
  // one, or one for each expert; 4 biases; activation; no routing weights, or 3
  // with 4 residuals; 3 roundings; 3 results.
  checkOp(space, 3 * 2 * (6 + 2 * 3) * 4 * 2 * (1 + 3 * 4) * 3 * 3,
          /*strength=*/2, Machines::Slots, {{"out", boundByExpert}});
}
