//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights are random unless a case makes them.
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"

#include "Oracles.h"

#include <algorithm>

using namespace mx;
using namespace mx::test;

Kernel mx::test::makeMatmul(Random &random, const MatmulCase &c) {
  int64_t rows = c.rows, columns = c.columns;
  bool isStatic = c.tokens.size() == 1;
  int64_t dim = isStatic ? c.tokens[0] : kTokens;
  Kernel kernel(*std::max_element(c.tokens.begin(), c.tokens.end()));
  std::vector<double> weight;
  std::string operands, types, parts;
  if (c.isScaled) {
    HostTensor elements = random.elements({rows, columns}, c.format);
    HostTensor scales = random.scalesOf(c.format, {rows, columns});
    for (size_t i = 0; c.makeElements && i < elements.bytes.size(); ++i)
      elements.bytes[i] =
          c.makeElements(int64_t(i * size_t(rows) / elements.bytes.size()));
    float tensorScale = 1.0f;
    kernel.addWeight("v", elements);
    kernel.addWeight("s", scales);
    operands = "%v, %s";
    types = "{v}, {s}";
    if (c.hasTensorScale) {
      tensorScale = float(random.real());
      kernel.addWeight("t", HostTensor(ElementType::F32, {}, {tensorScale}));
      parts = " tensor_scale(%t : {t})";
    }
    weight = decodeWeight(elements, scales, c.format, tensorScale);
  } else {
    HostTensor dense = random.floats(c.weightType, {rows, columns});
    weight = dense.values();
    kernel.addWeight("v", dense);
    operands = "%v";
    types = "{v}";
  }
  kernel.addInput("x", c.input, {dim, columns});
  std::vector<double> bias;
  if (c.hasBias) {
    HostTensor tensor = random.floats(
        random.coin() ? ElementType::BF16 : ElementType::F32, {rows});
    bias = tensor.values();
    kernel.addWeight("b", tensor);
    parts += " bias(%b : {b})";
  }
  ElementType residualType = random.coin() ? ElementType::F32 : c.output;
  if (c.hasResidual) {
    kernel.addInput("r", residualType, {dim, rows});
    parts += " residual(%r : {r})";
  }
  kernel.addOutput("out", c.output, {dim, rows});
  kernel.body =
      "  %y = " + std::string(c.isScaled ? "mxfp4.matmul" : "nn.linear") +
      " ins(%x, " + operands + " : {x}, " + types + ")" + parts +
      " outs(%out : {out})" + inputFormat(c.inputBits) + " -> {out}";
  kernel.results = {{"%y", "out"}};

  for (int64_t tokens : c.tokens) {
    Call &call = kernel.addCall(tokens);
    HostTensor x = c.makeInput ? HostTensor(c.input, {tokens, columns},
                                            c.makeInput(tokens * columns))
                               : random.floats(c.input, {tokens, columns});
    call.data["x"] = x;
    std::vector<double> residual;
    if (c.hasResidual) {
      HostTensor tensor = random.floats(residualType, {tokens, rows});
      residual = tensor.values();
      call.data["r"] = tensor;
    }
    Exact exact = multiply(roundInput(x.values(), c.inputBits), weight, columns,
                           bias, residual);
    call.expected = {{"out", exact.values, exact.slack}};
  }
  return kernel;
}
