//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What exporters of other frameworks wrote, run as it is and raised. Both give
// the product with the weight that the format defines.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"
#include "Oracles.h"

#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"
#include "mxfp4/Pipelines/Pipelines.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace mx;
using namespace mx::test;

namespace {
/// A file of test/Integration/Exports, and the types of its @main.
struct Export {
  std::string name;
  /// Of values and scales; I8 are bytes.
  ElementType values = ElementType::I8;
  ElementType scales = ElementType::I8;
  /// Of the packed or plain values.
  Shape shape;
  ElementType activation = ElementType::F32;
  int64_t batches = 1;
  /// False for what MLIR cannot lower as it is: tensors of 4 bits,
  /// `tensor.bitcast`, and powers of bf16.
  bool runsUnraised = true;
};
} // namespace

static constexpr int64_t kRows = 64, kColumns = 128, kTokenCount = 4;

static std::string readExport(const std::string &name) {
  std::ifstream file(std::string(MXFP4_EXPORTS_DIR) + "/" + name + ".mlir");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

static Kernel makeKernel(Random &random, const Export &c) {
  bool isBatched = c.batches > 1;
  Shape x = {kTokenCount, kColumns}, scaleShape = {kRows, kColumns / 32},
        out = {kTokenCount, kRows};
  if (isBatched)
    for (Shape *shape : {&x, &scaleShape, &out})
      shape->insert(shape->begin(), c.batches);
  HostTensor elements = random.elements({c.batches, kRows, kColumns});
  HostTensor scales = random.scales(scaleShape);
  std::vector<double> weight = decodeWeight(elements, scales);
  elements.type = c.values;
  elements.shape = c.shape;
  scales.type = c.scales;

  Kernel kernel;
  kernel.addInput("x", c.activation, x);
  kernel.addInput("v", c.values, c.shape);
  kernel.addInput("s", c.scales, scaleShape);
  kernel.addOutput("out", c.activation, out);
  kernel.body =
      "  %r = func.call @main(%x, %v, %s) : ({x}, {v}, {s}) -> {out}\n"
      "  %y = linalg.copy ins(%r : {out}) outs(%out : {out}) -> {out}";
  kernel.results = {{"%y", "out"}};
  Call &call = kernel.addCall(1);
  HostTensor input = random.floats(c.activation, x);
  call.data = {{"x", input}, {"v", elements}, {"s", scales}};
  std::vector<double> values = input.values();
  Exact exact;
  for (int64_t batch = 0; batch < c.batches; ++batch) {
    auto part = [&](const std::vector<double> &all) {
      size_t size = all.size() / size_t(c.batches);
      return std::vector<double>(all.begin() + int64_t(size) * batch,
                                 all.begin() + int64_t(size) * (batch + 1));
    };
    Exact product = multiply(part(values), part(weight), kColumns, {}, {});
    exact.values.insert(exact.values.end(), product.values.begin(),
                        product.values.end());
    // Some write the scale as exp(x * log(2)), which is off by up to 4e-6.
    for (double slack : product.slack)
      exact.slack.push_back(3.0 * slack);
  }
  call.expected = {{"out", exact.values, exact.slack}};
  return kernel;
}

/// The export with the kernel that calls it inlined, raised if `isRaised`.
static std::string combine(const std::string &exported, const Kernel &kernel,
                           bool isRaised) {
  std::string text = exported;
  size_t at = text.find("  func.func");
  for (const char *begin : {"func.func public @main(", "func.func @main_graph(",
                            "func.func @main("}) {
    size_t found = text.find(begin);
    if (found != std::string::npos)
      text.replace(found, std::string(begin).size(),
                   "func.func private @main(");
  }
  text.insert(at, writeModule({kernel}));

  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::func::registerInlinerExtension(registry);
  mlir::mxfp4::registerDialects(registry);
  mlir::MLIRContext context(registry);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text;
  if (!module)
    return "";
  // Attributes of the exporter, which the compiler does not know.
  module.get()->setAttrs(mlir::DictionaryAttr::get(&context));
  mlir::PassManager manager(&context);
  manager.addPass(mlir::createInlinerPass());
  manager.addPass(mlir::createSymbolDCEPass());
  if (isRaised) {
    manager.addPass(mlir::createCanonicalizerPass());
    manager.addNestedPass<mlir::func::FuncOp>(
        mlir::mxfp4::createRaiseToMXFP4Pass());
    manager.addPass(mlir::createCanonicalizerPass());
  }
  EXPECT_TRUE(mlir::succeeded(manager.run(*module)));
  std::string result;
  llvm::raw_string_ostream stream(result);
  module->print(stream); // with the data of resources
  EXPECT_EQ(isRaised, result.find("mxfp4.dequantize") != std::string::npos)
      << result;
  return result;
}

class RaiseExport : public testing::TestWithParam<Export> {};

TEST_P(RaiseExport, IsTheSameProduct) {
  Random random(61);
  Kernel kernel = makeKernel(random, GetParam());
  std::string exported = readExport(GetParam().name);
  if (GetParam().runsUnraised)
    checkModule(combine(exported, kernel, /*isRaised=*/false), {kernel},
                exactPath());
  std::string raised = combine(exported, kernel, /*isRaised=*/true);
  checkModule(raised, {kernel}, exactPath());
  checkModule(raised, {kernel}, cpuPaths().front());
}

static const Shape kPlain = {64, 128}, kPacked = {64, 64};

INSTANTIATE_TEST_SUITE_P(
    Files, RaiseExport,
    testing::Values(
        Export{"jax-f4-block", ElementType::E2M1, ElementType::E8M0, kPlain,
               ElementType::F32, 1, false},
        Export{"jax-f4-repeat", ElementType::E2M1, ElementType::E8M0, kPlain,
               ElementType::F32, 1, false},
        Export{"jax-f4-contract-blocks",
               ElementType::E2M1,
               ElementType::E8M0,
               {64, 4, 32},
               ElementType::F32,
               1,
               false},
        Export{"jax-u8-clip-bitcast", ElementType::I8, ElementType::I8,
               kPacked},
        Export{"jax-u8-index-exp2", ElementType::I8, ElementType::I8, kPacked},
        Export{"jax-u8-shift-broadcast", ElementType::I8, ElementType::I8,
               kPacked},
        Export{"jax-u8-bitcast-types", ElementType::I8, ElementType::I8,
               kPacked, ElementType::F32, 1, false},
        Export{"jax-u8-inbounds-bitcast", ElementType::I8, ElementType::I8,
               kPacked},
        Export{"torch-compressed-tensors", ElementType::I8, ElementType::I8,
               kPacked},
        Export{"torch-lut-exp2", ElementType::I8, ElementType::I8, kPacked},
        Export{"torch-lut-ldexp", ElementType::I8, ElementType::I8, kPacked},
        Export{"torch-torchao-to-dtype", ElementType::I8, ElementType::I8,
               kPacked, ElementType::F32, 1, false},
        Export{"torch-hf-gpt-oss",
               ElementType::I8,
               ElementType::I8,
               {2, 64, 4, 16},
               ElementType::BF16,
               2,
               false}),
    [](const testing::TestParamInfo<Export> &info) {
      std::string name = info.param.name;
      for (char &letter : name)
        if (letter == '-')
          letter = '_';
      return name;
    });
