//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A choice is legal if a function with that op alone parses and verifies.
//
//===----------------------------------------------------------------------===//

#include "OpSpace.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mxfp4/Compiler/CompileModule.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <tuple>
#include <unordered_set>

using namespace mx;
using namespace mx::test;

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

const std::vector<std::string> &mx::test::allElementTypes() {
  static const std::vector<std::string> types = {
      "f32",        "bf16",      "f16",           "f64",        "tf32",
      "f80",        "f128",      "f4E2M1FN",      "f6E2M3FN",   "f6E3M2FN",
      "f8E3M4",     "f8E4M3",    "f8E4M3FN",      "f8E4M3FNUZ", "f8E5M2",
      "f8E5M2FNUZ", "f8E8M0FNU", "f8E4M3B11FNUZ", "i1",         "i4",
      "i6",         "i8",        "i16",           "i32",        "i64",
      "si8",        "ui8",       "index"};
  return types;
}

std::vector<std::string> mx::test::allOptionalTypes() {
  std::vector<std::string> types = allElementTypes();
  types.push_back("");
  return types;
}

std::vector<std::string> mx::test::allFormats() {
  std::vector<std::string> formats;
  for (const std::string &values : allElementTypes())
    for (const std::string &scales : allElementTypes())
      for (const char *block : {"8", "16", "32", "64"})
        formats.push_back(values + " " + scales + " " + block);
  return formats;
}

std::vector<std::string> mx::test::splitWords(const std::string &text) {
  std::vector<std::string> words(1);
  for (char c : text) {
    if (c == ' ')
      words.emplace_back();
    else
      words.back() += c;
  }
  return words;
}

BlockFormat Case::format() const {
  std::vector<std::string> words = splitWords(choice.at("format"));
  if (words[0] == "i8")
    words[0] = kE2M1.name;
  for (const BlockFormat &format : kBlockFormats)
    if (format.element.name == words[0] &&
        nameOf(scaleTypeOf(format)) == words[1])
      return format;
  ADD_FAILURE() << "no format of " << choice.at("format");
  return kMXFP4;
}

static int64_t drawSize(Random &random) {
  return random.pick({1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33});
}

Sizes Sizes::draw(Random &random) {
  Sizes sizes;
  sizes.tokens = random.pick({1, 2, 3, 7, kTokens, kTokens, kTokens});
  sizes.rows = drawSize(random);
  sizes.blocks = random.integer(1, 3);
  sizes.width = drawSize(random);
  sizes.experts = random.integer(1, 5);
  sizes.slots = random.integer(1, 4);
  sizes.kvHeads = random.integer(1, 2);
  sizes.group = random.integer(1, 3);
  sizes.headDim = random.pick({1, 2, 6, 8, 16, 20, 32});
  sizes.window = random.integer(1, 9);
  sizes.cacheRows = random.integer(std::max<int64_t>(1, sizes.window - 1), 12);
  sizes.lanes = random.pick({1, 3, 4, 8, 16});
  sizes.depth = random.pick({2, 4, 8, 32});
  sizes.isCacheDynamic = random.coin();
  sizes.isHostile = random.integer(0, 2) == 0;
  return sizes;
}

//===----------------------------------------------------------------------===//
// What is legal
//===----------------------------------------------------------------------===//

void Draft::addResult(const std::string &name, const std::string &type,
                      Shape shape, const std::string &value) {
  add({name, BufferKind::Output, type, std::move(shape)});
  results.push_back({value, name});
}

static std::string typeOf(const Operand &operand) {
  std::string text = "tensor<";
  for (int64_t size : operand.shape)
    text += (size < 0 ? "?" : std::to_string(size)) + "x";
  return text + operand.type + ">";
}

/// A module with one function for `draft`.
static std::string writeProbe(const Draft &draft) {
  std::string text = "func.func @f(";
  for (const Operand &operand : draft.operands)
    text += "%" + operand.name + ": " + typeOf(operand) + ", ";
  text += "%position: index) {\n";
  for (size_t at = 0; at < draft.body.size();) {
    size_t end =
        draft.body[at] == '{' ? draft.body.find('}', at) : std::string::npos;
    const Operand *found = nullptr;
    for (const Operand &operand : draft.operands)
      if (end != std::string::npos &&
          draft.body.compare(at + 1, end - at - 1, operand.name) == 0)
        found = &operand;
    text += found ? typeOf(*found) : std::string(1, draft.body[at]);
    at = found ? end + 1 : at + 1;
  }
  return text + "\n  return\n}\n";
}

static mlir::MLIRContext &getContext() {
  static mlir::MLIRContext *context = [] {
    mlir::DialectRegistry registry;
    mlir::mxfp4::registerCompilerDialects(registry);
    auto *made =
        new mlir::MLIRContext(registry, mlir::MLIRContext::Threading::DISABLED);
    made->loadDialect<mlir::mxfp4::MXFP4Dialect, mlir::nn::NNDialect>();
    return made;
  }();
  return *context;
}

static bool verifies(const Draft &draft) {
  mlir::MLIRContext &context = getContext();
  mlir::ScopedDiagnosticHandler handler(
      &context, [](mlir::Diagnostic &) { return mlir::success(); });
  return bool(mlir::parseSourceString<mlir::ModuleOp>(
      writeProbe(draft), mlir::ParserConfig(&context)));
}

std::vector<Choice> OpSpace::findLegal() const {
  auto isLegal = [&](const Choice &choice) {
    return verifies(draft({choice, Sizes()}));
  };
  for (const Choice &base : bases)
    EXPECT_TRUE(isLegal(base)) << writeProbe(draft({base, Sizes()}));
  std::vector<Choice> choices = {{}};
  for (const Slot &slot : slots) {
    std::vector<Choice> longer;
    for (const std::string &value : slot.values) {
      bool isUsed = std::any_of(bases.begin(), bases.end(), [&](Choice base) {
        base[slot.name] = value;
        return isLegal(base);
      });
      for (Choice choice : choices) {
        if (!isUsed)
          break;
        choice[slot.name] = value;
        longer.push_back(std::move(choice));
      }
    }
    choices = std::move(longer);
  }
  std::vector<Choice> legal;
  std::copy_if(choices.begin(), choices.end(), std::back_inserter(legal),
               isLegal);
  return legal;
}

std::set<std::string> OpSpace::namesOfAllOps() {
  std::set<std::string> names;
  for (mlir::RegisteredOperationName op :
       getContext().getRegisteredOperations())
    if (op.getDialectNamespace() == "mxfp4" || op.getDialectNamespace() == "nn")
      names.insert(op.getStringRef().str());
  return names;
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

static ElementType findType(const std::string &name) {
  for (int i = 0; i <= int(ElementType::E8M0); ++i)
    if (name == nameOf(ElementType(i)))
      return ElementType(i);
  ADD_FAILURE() << "the tests have no elements of " << name;
  return ElementType::F32;
}

/// Numbers of `type` by blocks of 16, from the smallest to the largest, with
/// many that have few bits: ties.
static HostTensor makeBlocks(Random &random, ElementType type, Shape shape) {
  HostTensor tensor(type, shape);
  std::vector<double> values(static_cast<size_t>(tensor.size()));
  int64_t exponent = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i % 16 == 0)
      exponent = type == ElementType::F16 ? random.integer(-24, 15)
                                          : random.integer(-149, 127);
    double value =
        random.coin() ? random.real() : double(random.integer(-16, 16)) / 16;
    values[i] = std::ldexp(value, int(exponent));
  }
  return HostTensor(type, std::move(shape), values);
}

/// `tensor`, a third of it zeros and subnormals, and one of `specials`.
static HostTensor makeHostile(Random &random, const HostTensor &tensor,
                              const std::vector<double> &specials) {
  std::vector<double> values = tensor.values();
  double smallest = tensor.type == ElementType::F16   ? std::ldexp(1.0, -24)
                    : tensor.type == ElementType::F32 ? std::ldexp(1.0, -149)
                                                      : std::ldexp(1.0, -133);
  for (double &value : values)
    if (random.integer(0, 2) == 0)
      value = double(random.pick({0, 1, 3, -1, -5})) * smallest;
  if (!values.empty()) {
    size_t size = values.size();
    values[size_t(random.integer(0, int64_t(size) - 1))] = -0.0;
    if (!specials.empty())
      values[size_t(random.integer(0, int64_t(size) - 1))] =
          specials[size_t(random.integer(0, int64_t(specials.size()) - 1))];
  }
  return HostTensor(tensor.type, tensor.shape, values);
}

/// Sets element `index` of a tensor of E2M1, two in a byte, or of other codes.
static void setCode(HostTensor &tensor, int64_t index, uint8_t code,
                    bool isPacked) {
  uint8_t &byte = tensor.bytes[size_t(isPacked ? index / 2 : index)];
  if (!isPacked)
    byte = code;
  else if (index % 2 == 0)
    byte = uint8_t((byte & 0xF0) | code);
  else
    byte = uint8_t((byte & 0x0F) | code << 4);
}

static HostTensor makeWeight(Random &random, const BlockFormat &format,
                             ElementType type, Shape shape) {
  if (type != ElementType::I8)
    return random.elements(std::move(shape), format);
  HostTensor tensor(type, std::move(shape));
  for (uint8_t &byte : tensor.bytes)
    byte = uint8_t(random.integer(0, 255));
  return tensor;
}

static HostTensor makeScales(Random &random, const BlockFormat &format,
                             Shape shape) {
  HostTensor tensor(scaleTypeOf(format), std::move(shape));
  for (uint8_t &byte : tensor.bytes)
    // E4M3 from 2^-6 to 2^-3.
    byte = uint8_t(format.scale == ScaleFormat::E8M0
                       ? 127 - std::ilogb(format.element.largestValue) -
                             random.integer(0, 7)
                       : random.integer(8, 32));
  return tensor;
}

/// Gives some rows the ends of their scales. A block with a large scale keeps
/// one element, of 1: sums must not depend on where they overflow.
static void makeHostileWeight(Random &random, const BlockFormat &format,
                              HostTensor &values, HostTensor &scales) {
  bool isPacked = format.element.bits == 4;
  uint8_t one = uint8_t(format.element.bias << format.element.mantissaBits);
  int64_t perRow = scales.shape.back();
  int64_t rows = scales.size() / perRow;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t block = row * perRow + random.integer(0, perRow - 1);
    uint8_t &scale = scales.bytes[size_t(block)];
    int64_t kind = random.integer(0, 7);
    if (format.scale == ScaleFormat::E4M3) {
      if (kind < 3) // zero, the smallest, NaN
        scale = kind == 0 ? 0 : kind == 1 ? 1 : kE4M3.nan;
      continue;
    }
    if (kind == 0)
      scale = 0;
    if (kind == 1)
      scale = kScaleNaN;
    if (kind != 2)
      continue;
    scale = 254;
    int64_t first = block * format.blockSize;
    for (int64_t i = 0; i < format.blockSize; ++i)
      setCode(values, first + i, 0, isPacked);
    setCode(values, first + random.integer(0, format.blockSize - 1), one,
            isPacked);
  }
}

/// Random rows where the call may look, NaN where not.
static HostTensor makeRows(Random &random, const Operand &operand, Shape shape,
                           const Case &made, int64_t position) {
  bool isWindow = !made["window"].empty();
  int64_t seen =
      isWindow ? std::min(position, made.sizes.window - 1) : position;
  int64_t rows = shape[0], width = shape[1] * shape[2];
  std::vector<double> values(size_t(rows * width),
                             std::numeric_limits<double>::quiet_NaN());
  for (int64_t j = position - seen; j < position; ++j)
    for (int64_t i = 0; i < width; ++i)
      values[size_t(j % rows * width + i)] = random.real();
  return HostTensor(findType(operand.type), std::move(shape), values);
}

static HostTensor makeData(Random &random, const Operand &operand, Shape shape,
                           const Case &made, bool isHostile, int64_t position) {
  ElementType type = findType(operand.type);
  switch (operand.role) {
  case Role::Indices:
    return random.indices(std::move(shape), operand.limit);
  case Role::Rows:
    return makeRows(random, operand, std::move(shape), made, position);
  case Role::Position:
    return HostTensor(type, shape,
                      std::vector<double>(size_t(shape[0]), double(position)));
  case Role::Distinct: {
    std::vector<double> numbers;
    for (int64_t i = 0; i < operand.limit; ++i)
      numbers.insert(numbers.begin() + random.integer(0, i), double(i));
    numbers.resize(size_t(shape[0]));
    return HostTensor(type, std::move(shape), numbers);
  }
  case Role::Weight:
    return makeWeight(random, made.format(), type, std::move(shape));
  case Role::Scales:
    return makeScales(random, made.format(), std::move(shape));
  case Role::Bytes: {
    HostTensor tensor(type, std::move(shape));
    int64_t largest =
        type == ElementType::E2M3 || type == ElementType::E3M2 ? 63 : 255;
    for (uint8_t &byte : tensor.bytes)
      byte = uint8_t(random.integer(0, largest));
    if (isHostile && type == ElementType::E8M0)
      for (uint8_t &byte : tensor.bytes)
        byte = uint8_t(random.pick({0, 1, 254, 255}));
    return tensor;
  }
  case Role::Positive: {
    HostTensor tensor(type, shape);
    std::vector<double> values(size_t(tensor.size()));
    for (double &value : values)
      value = std::exp2(random.real(4.0));
    return HostTensor(type, std::move(shape), values);
  }
  case Role::Blocks:
  case Role::Floats:
    break;
  }
  HostTensor tensor = operand.role == Role::Blocks
                          ? makeBlocks(random, type, std::move(shape))
                          : random.floats(type, std::move(shape));
  return isHostile ? makeHostile(random, tensor, operand.specials) : tensor;
}

Kernel OpSpace::makeKernel(const Case &made, Random &random) const {
  Draft drafted = draft(made);
  const Sizes &sizes = made.sizes;
  std::vector<int64_t> tokens(3, sizes.tokens);
  if (sizes.tokens == kTokens)
    tokens = {1, random.integer(2, 9), random.integer(1, 18)};
  Kernel kernel(*std::max_element(tokens.begin(), tokens.end()));
  kernel.body = drafted.body;
  kernel.results = drafted.results;
  for (const Operand &operand : drafted.operands) {
    ElementType type = findType(operand.type);
    if (operand.kind == BufferKind::Weight)
      kernel.addWeight(operand.name, makeData(random, operand, operand.shape,
                                              made, sizes.isHostile, 0));
    else if (operand.kind == BufferKind::Cache)
      kernel.addCache(operand.name, type, operand.shape);
    else if (operand.kind == BufferKind::Output)
      kernel.addOutput(operand.name, type, operand.shape);
    else
      kernel.addInput(operand.name, type, operand.shape);
  }
  if (sizes.isHostile && kernel.find("v") && kernel.find("s") &&
      kernel.find("v")->kind == BufferKind::Weight) {
    auto weightOf = [&](const char *name) -> HostTensor & {
      return const_cast<Kernel::Argument *>(kernel.find(name))->weight;
    };
    makeHostileWeight(random, made.format(), weightOf("v"), weightOf("s"));
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    int64_t position = random.pick({0, 1, random.integer(2, 40)});
    Call &call = kernel.addCall(tokens[i], position, position + tokens[i]);
    for (const Operand &operand : drafted.operands) {
      if (operand.kind == BufferKind::Weight ||
          operand.kind == BufferKind::Output)
        continue;
      Shape shape = operand.shape;
      if (!shape.empty() && shape[0] == kTokens)
        shape[0] = call.tokens;
      if (!shape.empty() && shape[0] == kContext)
        shape[0] = call.context;
      call.data[operand.name] = makeData(random, operand, shape, made,
                                         /*isHostile=*/i == 2, position);
    }
  }
  return kernel;
}

//===----------------------------------------------------------------------===//
// Rounds
//===----------------------------------------------------------------------===//

static void shuffle(std::vector<Choice> &choices, Random &random) {
  for (size_t i = choices.size(); i > 1; --i)
    std::swap(choices[i - 1],
              choices[size_t(random.integer(0, int64_t(i) - 1))]);
}

/// The number of each value in its slot, over all slots.
using Numbered = std::vector<uint32_t>;

static std::vector<Numbered> numberValues(const std::vector<Choice> &choices) {
  std::map<std::pair<std::string, std::string>, uint32_t> numbers;
  std::vector<Numbered> numbered;
  for (const Choice &choice : choices) {
    Numbered &made = numbered.emplace_back();
    for (const auto &value : choice)
      made.push_back(
          numbers.try_emplace(value, uint32_t(numbers.size())).first->second);
  }
  EXPECT_LT(numbers.size(), 1024u);
  return numbered;
}

/// All sets of `strength` values of `choice`, 2 or 3.
static std::vector<uint32_t> setsOf(const Numbered &choice, int strength) {
  std::vector<uint32_t> sets;
  for (size_t i = 0; i < choice.size(); ++i)
    for (size_t j = i + 1; j < choice.size(); ++j) {
      uint32_t pair = choice[i] << 10 | choice[j];
      if (strength == 2)
        sets.push_back(pair);
      for (size_t k = j + 1; strength == 3 && k < choice.size(); ++k)
        sets.push_back(pair << 10 | choice[k]);
    }
  return sets;
}

/// How many of the shuffled `choices`, moved to the front, have all sets. Takes
/// the best of some, and where they bring nothing the next that does.
static size_t cover(std::vector<Choice> &choices, int strength,
                    Random &random) {
  std::vector<Numbered> numbered = numberValues(choices);
  std::unordered_set<uint32_t> missing;
  for (const Numbered &choice : numbered)
    for (uint32_t set : setsOf(choice, strength))
      missing.insert(set);
  auto countNew = [&](const Numbered &choice) {
    size_t count = 0;
    for (uint32_t set : setsOf(choice, strength))
      count += missing.count(set);
    return count;
  };
  size_t taken = 0;
  while (!missing.empty()) {
    size_t best = taken, most = 0;
    for (int i = 0; i < 100; ++i) {
      size_t at =
          size_t(random.integer(int64_t(taken), int64_t(choices.size()) - 1));
      size_t count = countNew(numbered[at]);
      if (count > most)
        std::tie(best, most) = std::pair(at, count);
    }
    while (most == 0) {
      most = countNew(numbered[best]);
      best += most == 0;
    }
    for (uint32_t set : setsOf(numbered[best], strength))
      missing.erase(set);
    std::swap(choices[taken], choices[best]);
    std::swap(numbered[taken++], numbered[best]);
  }
  return taken;
}

Rounds::Rounds(const std::vector<Choice> &legal, int strength, Random &random)
    : order(legal) {
  shuffle(order, random);
  size = strength == kAll ? order.size() : cover(order, strength, random);
  std::vector<Choice> kept;
  std::set<Choice> seen;
  for (const Choice &choice : order) {
    Choice onAny = choice;
    onAny.erase(kMachine);
    if (seen.insert(onAny).second || kept.size() < size)
      kept.push_back(choice);
  }
  order = kept;
}

std::vector<Choice> Rounds::next() {
  std::vector<Choice> result;
  for (size_t i = 0; i < size; ++i)
    result.push_back(order[at++ % order.size()]);
  return result;
}
