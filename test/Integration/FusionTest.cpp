//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Graphs as an importer writes them, fused and not: what fusion makes of them
// must be the same function.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"
#include "Oracles.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mx;
using namespace mx::test;

static std::vector<Variant> fusedAndNot() {
  std::vector<Variant> variants = allPaths();
  for (const Variant &variant : fastPaths(/*fuse=*/false))
    variants.push_back(variant);
  return variants;
}

/// A linalg.matmul of `%x` and `%w` into the f32 tensor `%sum`, with a type
/// `type` that has a dynamic number of rows.
static std::string writeMatmul(const std::string &weight,
                               const std::string &weightType,
                               const std::string &type) {
  return "  %zero = arith.constant 0.0 : f32\n"
         "  %empty = tensor.empty(%tokens) : " +
         type +
         "\n"
         "  %fill = linalg.fill ins(%zero : f32) outs(%empty : " +
         type + ") -> " + type +
         "\n"
         "  %sum = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, "
         "k)>, affine_map<(t, n, k) -> (n, k)>, affine_map<(t, n, k) -> (t, "
         "n)>] ins(%x, " +
         weight + " : {x}, " + weightType + ") outs(%fill : " + type + ") -> " +
         type + "\n";
}

/// `%biased` = `%sum` + `%b` on every row.
static std::string writeBias(const std::string &type) {
  return "  %biased = linalg.generic {indexing_maps = [affine_map<(t, n) -> "
         "(t, "
         "n)>, affine_map<(t, n) -> (n)>, affine_map<(t, n) -> (t, n)>], "
         "iterator_types = [\"parallel\", \"parallel\"]} ins(%sum, %b : " +
         type + ", {b}) outs(%empty : " + type +
         ") {\n"
         "  ^bb0(%s0: f32, %b0: bf16, %o0: f32):\n"
         "    %b1 = arith.extf %b0 : bf16 to f32\n"
         "    %y0 = arith.addf %s0, %b1 : f32\n"
         "    linalg.yield %y0 : f32\n"
         "  } -> " +
         type + "\n";
}

/// x * dequantize(v, s)^T or x * w^T, then bias, then residual.
static Kernel makeLinear(Random &random, bool isScaled, int64_t rows,
                         int64_t columns, ElementType input) {
  Kernel kernel(8);
  kernel.addInput("x", input, {kTokens, columns});
  std::string type = "tensor<?x" + std::to_string(rows) + "xf32>";
  std::vector<double> weight;
  if (isScaled) {
    HostTensor elements = random.elements({rows, columns});
    HostTensor scales = random.scales({rows, columns / 32});
    kernel.addWeight("v", elements);
    kernel.addWeight("s", scales);
    weight = decodeWeight(elements, scales);
    std::string wide = "tensor<" + std::to_string(rows) + "x" +
                       std::to_string(columns) + "xbf16>";
    kernel.body = "  %w = mxfp4.dequantize %v, %s : {v}, {s} -> " + wide +
                  "\n" + writeMatmul("%w", wide, type);
  } else {
    HostTensor dense = random.floats(ElementType::BF16, {rows, columns});
    kernel.addWeight("w", dense);
    weight = dense.values();
    kernel.body = writeMatmul("%w", "{w}", type);
  }
  HostTensor bias = random.floats(ElementType::BF16, {rows});
  kernel.addWeight("b", bias);
  kernel.addInput("r", ElementType::F32, {kTokens, rows});
  kernel.addOutput("out", ElementType::F32, {kTokens, rows});
  kernel.body += writeBias(type) +
                 "  %y = linalg.add ins(%biased, %r : {out}, {r}) outs(%out : "
                 "{out}) -> {out}";
  kernel.results = {{"%y", "out"}};
  for (int64_t tokens : {1, 8}) {
    Call &call = kernel.addCall(tokens);
    call.data["x"] = random.floats(input, {tokens, columns});
    call.data["r"] = random.floats(ElementType::F32, {tokens, rows});
    Exact exact = multiply(call.data["x"].values(), weight, columns,
                           bias.values(), call.data["r"].values());
    call.expected = {{"out", exact.values, exact.slack}};
  }
  return kernel;
}

TEST(Fusion, MatmulBiasResidual) {
  Random random(51);
  std::vector<Kernel> kernels;
  for (bool isScaled : {false, true})
    for (ElementType input : {ElementType::F32, ElementType::BF16})
      for (int64_t rows : {3, 35})
        kernels.push_back(makeLinear(random, isScaled, rows,
                                     32 * random.integer(1, 3), input));
  // No vector holds whole columns of these.
  kernels.push_back(makeLinear(random, false, 5, 33, ElementType::F32));
  kernels.push_back(makeLinear(random, false, 17, 7, ElementType::BF16));
  checkKernels(kernels, fusedAndNot());
}

/// A mixture of experts from routing to residual.
static Kernel makeMixture(Random &random, int64_t experts, int64_t slots,
                          int64_t width, int64_t hidden) {
  Kernel kernel(9);
  HostTensor upElements = random.elements({experts, 2 * hidden, width});
  HostTensor upScales = random.scales({experts, 2 * hidden, width / 32});
  HostTensor downElements = random.elements({experts, width, hidden});
  HostTensor downScales = random.scales({experts, width, hidden / 32});
  HostTensor upBias = random.floats(ElementType::BF16, {experts, 2 * hidden});
  HostTensor downBias = random.floats(ElementType::BF16, {experts, width});
  kernel.addInput("x", ElementType::F32, {kTokens, width});
  kernel.addInput("e", ElementType::I32, {kTokens, slots});
  kernel.addInput("g", ElementType::F32, {kTokens, slots});
  kernel.addInput("r", ElementType::F32, {kTokens, width});
  kernel.addWeight("uv", upElements);
  kernel.addWeight("us", upScales);
  kernel.addWeight("ub", upBias);
  kernel.addWeight("dv", downElements);
  kernel.addWeight("ds", downScales);
  kernel.addWeight("db", downBias);
  kernel.addOutput("out", ElementType::F32, {kTokens, width});
  auto type = [&](int64_t columns) {
    return "tensor<?x" + std::to_string(slots) + "x" + std::to_string(columns) +
           "xf32>";
  };
  std::string up = type(2 * hidden), middle = type(hidden), down = type(width);
  kernel.body =
      "  %i0 = tensor.empty(%tokens) : " + up +
      "\n  %a = mxfp4.matmul_by_expert ins(%x, %uv, %us, %e : {x}, {uv}, {us}, "
      "{e}) outs(%i0 : " +
      up + ") -> " + up +
      "\n  %c = nn.add_expert_bias ins(%a, %ub, %e : " + up +
      ", {ub}, {e}) outs(%i0 : " + up + ") -> " + up +
      "\n  %i1 = tensor.empty(%tokens) : " + middle +
      "\n  %d = nn.swiglu ins(%c : " + up + ") outs(%i1 : " + middle +
      ") {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>} "
      "-> " +
      middle + "\n  %i2 = tensor.empty(%tokens) : " + down +
      "\n  %f = mxfp4.matmul_by_expert ins(%d, %dv, %ds, %e : " + middle +
      ", {dv}, {ds}, {e}) outs(%i2 : " + down + ") -> " + down +
      "\n  %h = nn.add_expert_bias ins(%f, %db, %e : " + down +
      ", {db}, {e}) outs(%i2 : " + down + ") -> " + down +
      "\n  %i3 = tensor.empty(%tokens) : {out}"
      "\n  %j = nn.combine_experts ins(%h, %g : " +
      down +
      ", {g}) outs(%i3 : {out}) -> {out}"
      "\n  %y = linalg.add ins(%j, %r : {out}, {r}) outs(%out : {out}) -> "
      "{out}";
  kernel.results = {{"%y", "out"}};

  for (int64_t tokens : {1, 9}) {
    Call &call = kernel.addCall(tokens);
    call.data["x"] = random.floats(ElementType::F32, {tokens, width});
    call.data["e"] = random.indices({tokens, slots}, experts);
    call.data["g"] = random.floats(ElementType::F32, {tokens, slots});
    call.data["r"] = random.floats(ElementType::F32, {tokens, width});
    std::vector<double> chosen = call.data["e"].values();
    Exact inner = activate(multiplyByExpert(
        call.data["x"].values(), decodeWeight(upElements, upScales), chosen,
        slots, 2 * hidden, width, /*isPerSlot=*/false, upBias.values()));
    std::vector<double> downWeight = decodeWeight(downElements, downScales);
    Exact outer =
        multiplyByExpert(inner.values, downWeight, chosen, slots, width, hidden,
                         /*isPerSlot=*/true, downBias.values());
    // What the first half is off by goes through the second.
    for (double &value : downWeight)
      value = std::fabs(value);
    Exact carried = multiplyByExpert(inner.slack, downWeight, chosen, slots,
                                     width, hidden, /*isPerSlot=*/true, {});
    for (size_t i = 0; i < outer.slack.size(); ++i)
      outer.slack[i] += carried.values[i];
    Exact exact = combine(outer, call.data["g"].values(), slots, width,
                          call.data["r"].values());
    call.expected = {{"out", exact.values, exact.slack}};
  }
  return kernel;
}

TEST(Fusion, MixtureOfExperts) {
  Random random(52);
  checkKernels({makeMixture(random, 4, 2, 32, 64),
                makeMixture(random, 1, 1, 96, 32),
                makeMixture(random, 128, 4, 32, 32)},
               fusedAndNot());
}
