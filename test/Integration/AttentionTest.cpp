//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// nn.attention and nn.cache_update: windows, caches that are written around
// their end, chunks longer than both. What a token may not see is NaN.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"
#include "Oracles.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <gtest/gtest.h>
#include <limits>

using namespace mx;
using namespace mx::test;

namespace {
/// An attention to test.
struct AttentionCase {
  int64_t heads = 2;
  int64_t kvHeads = 1;
  int64_t headDim = 64;
  /// 0: none.
  int64_t window = 0;
  /// Rows of the caches; kContext with as many as a call says.
  int64_t rows = kContext;
  ElementType type = ElementType::F32;
  ElementType output = ElementType::F32;
  /// Bound of queries and keys: how far scores spread.
  double spread = 1.0;
  /// Sequences of the caches, and whether each token has one of its own.
  int64_t sequences = 1;
  bool isBatch = false;
  /// Tokens and position of each call; the last position of a batch.
  std::vector<std::pair<int64_t, int64_t>> calls;
};
} // namespace

/// The sequence of all tokens, where they are of one of several.
constexpr int64_t kSequence = 1;

namespace {
/// Where a token of a call stands.
struct TokenPlace {
  int64_t position;
  int64_t sequence;
  /// The first token of its sequence in the call, and the position of that.
  int64_t first, start;
};
} // namespace

static TokenPlace placeOf(const AttentionCase &c, const Call &call, int64_t t) {
  if (!c.isBatch)
    return {call.position + t, c.sequences > 1 ? kSequence : 0, 0,
            call.position};
  int64_t position = int64_t(call.data.at("p").values()[size_t(t)]);
  return {position, int64_t(call.data.at("i").values()[size_t(t)]), t,
          position};
}

/// What the op's description says, with the error of scores and weights in f32;
/// a GPU rounds weights to the type of the values.
static Expected attend(const AttentionCase &c, const Call &call, int64_t rows,
                       const std::vector<double> &sinks, double scale) {
  auto read = [&](const char *name) { return call.data.at(name).values(); };
  std::vector<double> query = read("q"), key = read("k"), value = read("v");
  std::vector<double> keyCache = read("kc"), valueCache = read("vc");
  int64_t group = c.heads / c.kvHeads;
  std::vector<double> zeros(size_t(call.tokens * c.heads * c.headDim));
  Expected result{"out", zeros, zeros, zeros};
  for (int64_t t = 0; t < call.tokens; ++t)
    for (int64_t h = 0; h < c.heads; ++h) {
      TokenPlace place = placeOf(c, call, t);
      int64_t own = place.position;
      int64_t first = c.window ? std::max<int64_t>(0, own - c.window + 1) : 0;
      // The row of position j in a cache or in the tensor of this call.
      auto rowOf = [&](int64_t j, const std::vector<double> &cache,
                       const std::vector<double> &fresh) {
        int64_t head = h / group;
        if (j >= place.start)
          return &fresh[size_t(
              ((place.first + j - place.start) * c.kvHeads + head) *
              c.headDim)];
        return &cache[size_t(
            ((j % rows * c.sequences + place.sequence) * c.kvHeads + head) *
            c.headDim)];
      };
      const double *q = &query[size_t((t * c.heads + h) * c.headDim)];
      std::vector<double> scores;
      double largest = sinks[size_t(h)], error = 0.0;
      for (int64_t j = first; j <= own; ++j) {
        const double *k = rowOf(j, keyCache, key);
        double dot = 0.0, magnitude = 0.0;
        for (int64_t d = 0; d < c.headDim; ++d) {
          dot += q[d] * k[d];
          magnitude += std::fabs(q[d] * k[d]);
        }
        scores.push_back(scale * dot);
        largest = std::max(largest, scores.back());
        error = std::max(error, kSumError * scale * magnitude);
      }
      double sum = std::exp(sinks[size_t(h)] - largest);
      for (double score : scores)
        sum += std::exp(score - largest);
      for (int64_t d = 0; d < c.headDim; ++d) {
        double mean = 0.0, magnitude = 0.0;
        for (int64_t j = first; j <= own; ++j) {
          double weight = std::exp(scores[size_t(j - first)] - largest) / sum;
          double term = weight * rowOf(j, valueCache, value)[d];
          mean += term;
          magnitude += std::fabs(term);
        }
        size_t at = size_t((t * c.heads + h) * c.headDim + d);
        result.values[at] = mean;
        // An error of a score is one of its weight, above and below the
        // fraction; a score that is far below the largest one is rounded as it
        // is subtracted; exp and the rescaling of sums add some 2^-23.
        result.slack[at] = (2 * error + 5e-6) * magnitude + kTiny;
        result.gpuSlack[at] = roundingOf(c.type, magnitude);
      }
    }
  return result;
}

/// Random rows where the call may look, NaN where not.
static HostTensor makeCache(Random &random, const AttentionCase &c,
                            int64_t rows, const Call &call) {
  int64_t width = c.kvHeads * c.headDim;
  std::vector<double> values(size_t(rows * c.sequences * width),
                             std::numeric_limits<double>::quiet_NaN());
  for (int64_t t = 0; t < call.tokens; ++t) {
    TokenPlace place = placeOf(c, call, t);
    if (place.first != t)
      continue;
    int64_t position = place.start;
    int64_t seen = c.window ? std::min(position, c.window - 1) : position;
    for (int64_t j = position - seen; j < position; ++j)
      for (int64_t i = 0; i < width; ++i)
        values[size_t((j % rows * c.sequences + place.sequence) * width + i)] =
            random.real(c.spread);
  }
  return HostTensor(c.type, {rows, c.sequences * c.kvHeads, c.headDim}, values);
}

/// `count` different numbers below `end`, as i32.
static HostTensor makeSequences(Random &random, int64_t count, int64_t end) {
  std::vector<double> numbers;
  while (int64_t(numbers.size()) < count) {
    double number = double(random.integer(0, end - 1));
    if (std::count(numbers.begin(), numbers.end(), number) == 0)
      numbers.push_back(number);
  }
  return HostTensor(ElementType::I32, {count}, numbers);
}

/// Positions to `last`, which one of them is, as i32.
static HostTensor makePositions(Random &random, int64_t count, int64_t last) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < count; ++i)
    numbers.push_back(double(random.integer(0, last)));
  if (count > 0)
    numbers[size_t(random.integer(0, count - 1))] = double(last);
  return HostTensor(ElementType::I32, {count}, numbers);
}

static Kernel makeAttention(Random &random, const AttentionCase &c) {
  int64_t maxTokens = 1;
  for (auto [tokens, position] : c.calls)
    maxTokens = std::max(maxTokens, tokens);
  int64_t dim = c.calls.size() == 1 ? c.calls[0].first : kTokens;
  Kernel kernel(maxTokens);
  HostTensor sinks = random.floats(
      random.coin() ? ElementType::BF16 : ElementType::F32, {c.heads}, 3.0);
  kernel.addInput("q", c.type, {dim, c.heads, c.headDim});
  kernel.addInput("k", c.type, {dim, c.kvHeads, c.headDim});
  kernel.addInput("v", c.type, {dim, c.kvHeads, c.headDim});
  int64_t cacheHeads = c.sequences * c.kvHeads;
  kernel.addCache("kc", c.type, {c.rows, cacheHeads, c.headDim});
  kernel.addCache("vc", c.type, {c.rows, cacheHeads, c.headDim});
  kernel.addWeight("s", sinks);
  if (c.isBatch) {
    kernel.addInput("p", ElementType::I32, {dim});
    kernel.addInput("i", ElementType::I32, {dim});
  }
  kernel.addOutput("out", c.output, {dim, c.heads, c.headDim});
  double scale = double(1.0f / std::sqrt(float(c.headDim)));
  std::string window =
      c.window ? ", window = " + std::to_string(c.window) + " : i64" : "";
  char number[32];
  std::snprintf(number, sizeof(number), "%.9e", scale);
  std::string position = "%position", places = "index", sequence;
  if (c.isBatch) {
    position = "%p";
    places = "{p}";
    sequence = "sequence(%i : {i}) ";
  } else if (c.sequences > 1) {
    kernel.body =
        "  %i = arith.constant " + std::to_string(kSequence) + " : index\n";
    sequence = "sequence(%i : index) ";
  }
  kernel.body += "  %y = nn.attention ins(%q, %k, %v, %kc, %vc, %s, " +
                 position + " : {q}, {k}, {v}, {kc}, {vc}, {s}, " + places +
                 ") " + sequence +
                 "outs(%out : {out}) {scale = " + std::string(number) +
                 " : f32" + window + "} -> {out}";
  kernel.results = {{"%y", "out"}};

  for (auto [tokens, position] : c.calls) {
    int64_t rows = c.rows == kContext ? position + tokens : c.rows;
    Call &call = kernel.addCall(tokens, position, rows);
    call.data["q"] =
        random.floats(c.type, {tokens, c.heads, c.headDim}, c.spread);
    call.data["k"] =
        random.floats(c.type, {tokens, c.kvHeads, c.headDim}, c.spread);
    call.data["v"] = random.floats(c.type, {tokens, c.kvHeads, c.headDim});
    if (c.isBatch) {
      call.data["p"] = makePositions(random, tokens, position);
      call.data["i"] = makeSequences(random, tokens, c.sequences);
    }
    call.data["kc"] = makeCache(random, c, rows, call);
    call.data["vc"] = makeCache(random, c, rows, call);
    call.expected = {attend(c, call, rows, sinks.values(), scale)};
  }
  return kernel;
}

TEST(Attention, HeadsGroupsAndTypes) {
  Random random(21);
  std::vector<Kernel> kernels;
  // 12 and 17 heads are more than some registers have room for.
  for (int64_t group : {1, 2, 8, 12, 17})
    for (int64_t headDim : {32, 64, 96}) {
      if (group > 8 && headDim != 32)
        continue;
      AttentionCase c;
      c.kvHeads = random.integer(1, 2);
      c.heads = group * c.kvHeads;
      c.headDim = headDim;
      c.type = random.coin() ? ElementType::F32 : ElementType::BF16;
      c.output = random.coin() ? c.type : ElementType::F32;
      c.calls = {{1, 0}, {1, 1}, {3, 7}, {1, 16}, {17, 0}, {5, 33}};
      kernels.push_back(makeAttention(random, c));
      c.window = 8;
      c.rows = 8;
      c.calls.push_back({2, 131069});
      kernels.push_back(makeAttention(random, c));
      c.calls = {{1, 21}};
      kernels.push_back(makeAttention(random, c));
    }
  checkKernelsInTurn(kernels);
}

TEST(Attention, WindowsAndRings) {
  Random random(22);
  std::vector<Kernel> kernels;
  for (auto [window, rows] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 1}, {1, 5}, {2, 1}, {3, 3}, {7, 6}, {16, 16}, {17, 40}}) {
    AttentionCase c;
    c.heads = 4;
    c.kvHeads = 2;
    c.headDim = 32;
    c.type = random.coin() ? ElementType::F32 : ElementType::BF16;
    c.window = window;
    c.rows = rows;
    // Less cached than the window holds, just as much, and far past it; chunks
    // shorter and longer than the window.
    for (int64_t position :
         {int64_t(0), int64_t(1), window - 1, window, window + 1, rows - 1,
          rows, 3 * rows + 2, int64_t(100000)})
      for (int64_t tokens : {int64_t(1), window, window + 1, int64_t(37)})
        c.calls.push_back({tokens, position});
    kernels.push_back(makeAttention(random, c));
  }
  checkKernels(kernels);
}

TEST(Attention, OddHeadsAndSharpScores) {
  Random random(23);
  std::vector<Kernel> kernels;
  for (int64_t headDim : {1, 2, 6, 20, 33})
    for (double spread : {0.0, 8.0}) {
      AttentionCase c;
      c.heads = 3;
      c.headDim = headDim;
      c.spread = spread;
      c.type = random.coin() ? ElementType::F32 : ElementType::BF16;
      c.calls = {{1, 0}, {9, 12}};
      kernels.push_back(makeAttention(random, c));
    }
  checkKernelsInTurn(kernels);
}

TEST(Attention, RandomCalls) {
  Random random(24);
  std::vector<Kernel> kernels;
  for (int i = 0; i < 12; ++i) {
    AttentionCase c;
    c.kvHeads = random.integer(1, 3);
    c.heads = c.kvHeads * random.integer(1, 5);
    c.headDim = random.pick({32, 64, 80});
    c.type = random.coin() ? ElementType::F32 : ElementType::BF16;
    c.output = c.type;
    c.spread = random.coin() ? 1.0 : 3.0;
    if (random.coin()) {
      c.window = random.integer(1, 40);
      c.rows = c.window + random.integer(-1, 10);
      c.rows = std::max<int64_t>(c.rows, 1);
    }
    for (int call = 0; call < 8; ++call)
      c.calls.push_back({random.integer(1, 30), random.integer(0, 90)});
    kernels.push_back(makeAttention(random, c));
  }
  checkKernelsInTurn(kernels);
}

TEST(Attention, BatchesOfSequences) {
  Random random(26);
  std::vector<Kernel> kernels;
  for (int i = 0; i < 8; ++i) {
    AttentionCase c;
    c.kvHeads = random.integer(1, 3);
    c.heads = c.kvHeads * random.integer(1, 9);
    c.headDim = random.pick({32, 64});
    c.type = random.coin() ? ElementType::F32 : ElementType::BF16;
    c.output = c.type;
    c.sequences = random.integer(2, 9);
    c.isBatch = i < 6;
    if (random.coin()) {
      c.window = random.integer(1, 40);
      c.rows = std::max<int64_t>(c.window + random.integer(-1, 10), 1);
    }
    int64_t most = c.isBatch ? c.sequences : 30;
    for (int64_t position : {0, 1, 15, 16, 40, 90})
      c.calls.push_back({random.integer(1, most), position});
    kernels.push_back(makeAttention(random, c));
    c.calls = {{std::min<int64_t>(most, 2), 33}};
    kernels.push_back(makeAttention(random, c));
  }
  checkKernelsInTurn(kernels);
}

TEST(CacheUpdate, BatchesOfSequences) {
  Random random(27);
  std::vector<Kernel> kernels;
  for (int64_t kvHeads : {1, 3})
    for (int64_t headDim : {7, 64})
      for (bool isBatch : {true, false}) {
        int64_t sequences = random.integer(2, 6), rows = random.integer(1, 9);
        ElementType type = random.coin() ? ElementType::F32 : ElementType::BF16;
        int64_t heads = sequences * kvHeads;
        Kernel kernel(sequences);
        kernel.addInput("x", type, {kTokens, kvHeads, headDim});
        kernel.addCache("c", type, {rows, heads, headDim});
        if (isBatch) {
          kernel.addInput("p", ElementType::I32, {kTokens});
          kernel.addInput("i", ElementType::I32, {kTokens});
          kernel.body = "  %y = nn.cache_update ins(%x, %p : {x}, {p}) "
                        "sequence(%i : {i}) outs(%c : {c}) -> {c}";
        } else {
          kernel.body = "  %i = arith.constant " + std::to_string(kSequence) +
                        " : index\n  %y = nn.cache_update ins(%x, %position : "
                        "{x}, index) sequence(%i : index) outs(%c : {c}) -> "
                        "{c}";
        }
        kernel.results = {{"%y", "c"}};
        AttentionCase c;
        c.sequences = sequences;
        c.isBatch = isBatch;
        for (int64_t tokens = 1; tokens <= sequences; ++tokens) {
          Call &call = kernel.addCall(tokens, random.integer(0, 100), rows);
          call.data["x"] = random.floats(type, {tokens, kvHeads, headDim});
          call.data["c"] = random.floats(type, {rows, heads, headDim});
          if (isBatch) {
            call.data["p"] = makePositions(random, tokens, call.position);
            call.data["i"] = makeSequences(random, tokens, sequences);
          }
          std::vector<double> cache = call.data["c"].values();
          std::vector<double> x = call.data["x"].values();
          int64_t width = kvHeads * headDim;
          for (int64_t t = 0; t < tokens; ++t) {
            TokenPlace place = placeOf(c, call, t);
            int64_t row = place.position % rows * sequences + place.sequence;
            std::copy_n(&x[size_t(t * width)], width,
                        &cache[size_t(row * width)]);
          }
          call.expected = {{"c", cache, {}}};
        }
        kernels.push_back(kernel);
      }
  checkKernels(kernels);
}

TEST(CacheUpdate, WrapsAndKeepsTheLast) {
  Random random(25);
  std::vector<Kernel> kernels;
  for (auto [kvHeads, headDim] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 1}, {3, 7}, {2, 32}, {1, 33}, {2, 64}})
    for (int64_t rows : {1, 5, 16}) {
      ElementType type = random.coin() ? ElementType::F32 : ElementType::BF16;
      ElementType input = random.coin() ? ElementType::F32 : type;
      bool isDynamic = random.coin();
      Kernel kernel(40);
      kernel.addInput("x", input, {kTokens, kvHeads, headDim});
      kernel.addCache("c", type,
                      {isDynamic ? kContext : rows, kvHeads, headDim});
      kernel.body = "  %y = nn.cache_update ins(%x, %position : {x}, index) "
                    "outs(%c : {c}) -> {c}";
      kernel.results = {{"%y", "c"}};
      int64_t width = kvHeads * headDim;
      for (int64_t tokens : {1, 2, 5, 16, 40})
        for (int64_t position : {0, 3, 4, 15, 16, 131071}) {
          Call &call = kernel.addCall(tokens, position, rows);
          call.data["x"] = random.floats(input, {tokens, kvHeads, headDim});
          call.data["c"] = random.floats(type, {rows, kvHeads, headDim});
          std::vector<double> cache = call.data["c"].values();
          std::vector<double> x =
              HostTensor(type, call.data["x"].shape, call.data["x"].values())
                  .values();
          for (int64_t t = 0; t < tokens; ++t)
            std::copy_n(&x[size_t(t * width)], width,
                        &cache[size_t((position + t) % rows * width)]);
          call.expected = {{"c", cache, {}}};
        }
      kernels.push_back(kernel);
    }
  checkKernels(kernels);
}
