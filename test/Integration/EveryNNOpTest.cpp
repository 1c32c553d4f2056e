//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every op of the dialect nn, in all types.
//
//===----------------------------------------------------------------------===//

#include "EveryOp.h"
#include "Oracles.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace mx;
using namespace mx::test;

/// Adds to `bound` what is lost where products of bf16 (vdpbf16ps, bfdot,
/// bfmmla) take subnormal numbers and sums for zeros. Of one that is multiplied
/// by an infinity nothing is known.
static void addFlushed(const Data &data, Numbers &bound) {
  const Case &c = data.theCase();
  if (c["x"] != "bf16" || c["v"] != "bf16")
    return;
  constexpr double smallest = 0x1p-126;
  Numbers x = magnitudes(data("x")), weight = magnitudes(data("v"));
  size_t columns = x.size() / size_t(data.tokens());
  size_t rows = weight.size() / columns;
  auto getLost = [&](double factor, double other) {
    if (factor == 0 || factor >= smallest || std::isnan(factor))
      return 0.0;
    return std::isinf(other) ? kNaN : factor * other;
  };
  for (size_t i = 0; i < bound.size(); ++i) {
    // A product and a sum for each column.
    bound[i] += 2.0 * double(columns) * smallest;
    for (size_t k = 0; k < columns; ++k) {
      double factor = x[i / rows * columns + k],
             other = weight[i % rows * columns + k];
      bound[i] += getLost(factor, other) + getLost(other, factor);
    }
  }
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
              Numbers bound =
                  boundProduct(data, magnitudes(data("x")), data("v"));
              addFlushed(data, bound);
              return bound;
            }}});
}

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

/// More than a call has tokens.
constexpr int64_t kSequences = 18;

/// The slots of positions and sequences of each token; without, all tokens are
/// of one sequence.
static std::vector<Slot> placeSlots() {
  return {{"p", allOptionalTypes()}, {"i", allOptionalTypes()}};
}

/// Each of `bases` without and with places of tokens.
static std::vector<Choice> withPlaces(std::vector<Choice> bases) {
  std::vector<Choice> result;
  for (Choice base : bases)
    for (const char *type : {"", "i32"}) {
      base["p"] = base["i"] = type;
      result.push_back(base);
    }
  return result;
}

namespace {
/// How places of tokens are written in a body.
struct Places {
  Places(Draft &draft, const Case &c) {
    if (!c["p"].empty()) {
      draft.add(
          {"p", BufferKind::Input, c["p"], {c.sizes.tokens}, Role::Position});
      position = "%p";
      type = "{p}";
    }
    if (!c["i"].empty()) {
      draft.add({"i",
                 BufferKind::Input,
                 c["i"],
                 {c.sizes.tokens},
                 Role::Distinct,
                 kSequences});
      sequence = "sequence(%i : {i}) ";
      sequences = kSequences;
    }
  }

  std::string position = "%position", type = "index", sequence;
  int64_t sequences = 1;
};
} // namespace

TEST(EveryOp, RotaryEmbedding) {
  OpSpace space;
  space.name = "nn.rotary_embedding";
  space.slots = {typeSlot("x"),
                 typeSlot("out"),
                 {"truncate", {"false", "true"}},
                 {"p", allOptionalTypes()}};
  space.bases = {
      {{"x", "f32"}, {"out", "f32"}, {"truncate", "false"}, {"p", ""}}};
  space.draft = [](const Case &c) {
    Draft draft;
    Shape shape = {c.sizes.tokens, c.sizes.kvHeads * c.sizes.group,
                   2 * c.sizes.headDim};
    draft.add(
        {"x", BufferKind::Input, c["x"], shape, Role::Floats, 1, kSpecials});
    draft.addResult("out", c["out"], shape, "%y");
    bool isBatch = !c["p"].empty();
    if (isBatch)
      draft.add({"p",
                 BufferKind::Input,
                 c["p"],
                 {c.sizes.tokens},
                 Role::Indices,
                 1 << 17});
    draft.body =
        "  %y = nn.rotary_embedding ins(%x, " +
        std::string(isBatch ? "%p : {x}, {p}" : "%position : {x}, index") +
        ") outs(%out : {out}) {yarn = #nn.yarn<theta = 150000.0 : f32, factor "
        "= 4.0 : f32, "
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
  checkOp(space, 3 * 3 * 2 * 2, kAll, Machines::Each, {{"out", bound}});
}

/// The scores of attention are sums over a head, its results sums over
/// positions.
static Numbers boundAttention(const Data &data, const Numbers &) {
  const Sizes &s = data.sizes();
  int64_t width = s.headDim, heads = s.kvHeads * s.group;
  bool hasWindow = !data.theCase()["window"].empty();
  Numbers q = data("q"), k = data("k"), v = data("v"), sinks = data("s");
  Numbers keyCache = data("kc"), valueCache = data("vc");
  bool isBatch = !data.theCase()["p"].empty();
  int64_t sequences = isBatch ? kSequences : 1;
  int64_t rows = int64_t(keyCache.size()) / (sequences * s.kvHeads * width);
  Numbers result(q.size());
  for (int64_t t = 0; t < data.tokens(); ++t)
    for (int64_t h = 0; h < heads; ++h) {
      int64_t own = data.position() + (isBatch ? 0 : t);
      int64_t sequence = isBatch ? int64_t(data("i")[size_t(t)]) : 0;
      int64_t first = hasWindow ? std::max<int64_t>(0, own - s.window + 1) : 0;
      auto row = [&](int64_t j, const Numbers &cache, const Numbers &fresh) {
        bool isOld = j < data.position();
        int64_t at = isOld ? j % rows * sequences + sequence
                           : j - data.position() + (isBatch ? t : 0);
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
  for (const Slot &slot : placeSlots())
    space.slots.push_back(slot);
  space.bases = withPlaces({base});
  space.draft = [](const Case &c) {
    Draft draft;
    const Sizes &s = c.sizes;
    Places places(draft, c);
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
                 {rows, places.sequences * s.kvHeads, s.headDim},
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
        "  %y = nn.attention ins(%q, %k, %v, %kc, %vc, %s, " + places.position +
        " : {q}, {k}, {v}, {kc}, {vc}, {s}, " + places.type + ") " +
        places.sequence + "outs(%out : {out}) {scale = 0.25 : f32" +
        (hasWindow ? ", window = " + std::to_string(s.window) + " : i64" : "") +
        "} -> {out}";
    return draft;
  };
  checkOp(space, 2 * 2 * 3 * 3 * 3 * 3 * 3 * 3 * 3, /*strength=*/3,
          Machines::Slots, {{"out", boundAttention}});
}

TEST(EveryOp, CacheUpdate) {
  OpSpace space;
  space.name = "nn.cache_update";
  space.slots = {typeSlot("x"), typeSlot("c")};
  for (const Slot &slot : placeSlots())
    space.slots.push_back(slot);
  space.bases = withPlaces({{{"x", "f32"}, {"c", "f32"}}});
  space.draft = [](const Case &c) {
    Draft draft;
    const Sizes &s = c.sizes;
    Places places(draft, c);
    draft.add({"x",
               BufferKind::Input,
               c["x"],
               {s.tokens, s.kvHeads, s.headDim},
               Role::Blocks,
               1,
               kSpecials});
    draft.add({"c",
               BufferKind::Cache,
               c["c"],
               {s.isCacheDynamic ? kContext : s.cacheRows,
                places.sequences * s.kvHeads, s.headDim},
               Role::Blocks,
               1,
               kSpecials});
    draft.results = {{"%y", "c"}};
    draft.body = "  %y = nn.cache_update ins(%x, " + places.position +
                 " : {x}, " + places.type + ") " + places.sequence +
                 "outs(%c : {c}) -> {c}";
    return draft;
  };
  checkOp(space, 2 * 3 * 3, kAll, Machines::Each);
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

TEST(EveryOp, Sample) {
  OpSpace space;
  space.name = "nn.sample";
  space.slots = {typeSlot("x"), typeSlot("s"), typeSlot("out")};
  for (const Slot &slot : placeSlots())
    space.slots.push_back(slot);
  space.bases = withPlaces({{{"x", "f32"}, {"s", "i32"}, {"out", "i32"}}});
  space.draft = [](const Case &c) {
    Draft draft;
    const Sizes &s = c.sizes;
    Places places(draft, c);
    draft.add({"x",
               BufferKind::Input,
               c["x"],
               {s.tokens, s.width},
               Role::Floats,
               1,
               {kNaN, kInfinity, -kInfinity, 60000.0}});
    // Few tokens to choose from, and a factor that is 0 or next to it.
    draft.add(
        {"s", BufferKind::Input, c["s"], {4}, Role::Indices, s.width + 1});
    draft.addResult("out", c["out"], {s.tokens}, "%y");
    draft.body = "  %y = nn.sample ins(%x, %s, " + places.position +
                 " : {x}, {s}, " + places.type + ") " + places.sequence +
                 "outs(%out : {out}) -> {out}";
    return draft;
  };
  // Positions may come without sequences.
  checkOp(space, 3 * 3, kAll, Machines::Each);
}
