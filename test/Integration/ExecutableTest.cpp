//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Modules with ordinary functions, compiled and called with arrays.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Executable.h"
#include "mxfp4/Compiler/Compiler.h"

#include <gtest/gtest.h>
#include <thread>

using namespace mx;

/// y = x * w^T for a weight of 8 rows and 64 columns in MXFP4, and the sum of x
/// and itself.
static const char kModule[] = R"(
func.func @project(%x: tensor<?x64xf32>, %values: tensor<8x64xf4E2M1FN>,
                   %scales: tensor<8x2xf8E8M0FNU>) -> tensor<?x8xf32> {
  %w = mxfp4.dequantize %values, %scales
      : tensor<8x64xf4E2M1FN>, tensor<8x2xf8E8M0FNU> -> tensor<8x64xf32>
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x64xf32>
  %init = tensor.empty(%rows) : tensor<?x8xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = linalg.matmul
      indexing_maps = [affine_map<(t, n, k) -> (t, k)>, affine_map<(t, n, k) -> (n, k)>,
                       affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %w : tensor<?x64xf32>, tensor<8x64xf32>)
      outs(%zeros : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @tanh(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %init = tensor.empty() : tensor<4xf32>
  %y = linalg.tanh ins(%x : tensor<4xf32>) outs(%init : tensor<4xf32>) -> tensor<4xf32>
  return %y, %x : tensor<4xf32>, tensor<4xf32>
}
)";

namespace {
class ExecutableTest : public testing::Test {
protected:
  ExecutableTest() : values(8 * 32, 0x22), scales(8 * 2, 128) {
    for (size_t row = 0; row < 8; ++row)
      scales[2 * row + 1] = uint8_t(127 + row);
  }

  Array arrayOfValues() { return {values.data(), "U8", {8, 32}}; }
  Array arrayOfScales() { return {scales.data(), "U8", {8, 2}}; }
  static Array arrayOf(std::vector<float> &data, std::vector<int64_t> shape) {
    return {data.data(), "F32", std::move(shape)};
  }

  /// What row `n` of the weight makes of 64 ones.
  static float sumOfRow(int64_t n) { return 32 * 2 + 32 * float(1 << n); }

  static Program compile(const CompileOptions &options) {
    Result<Program> program = compileModule(kModule, "test", options);
    EXPECT_TRUE(program) << program.error().message;
    return program ? std::move(*program) : Program();
  }

  static std::unique_ptr<Executable>
  load(const CompileOptions &options,
       const std::map<std::string, Array> &weights = {}) {
    Result<std::unique_ptr<Executable>> executable = Executable::create(
        compile(options), weights, options.reference ? 1 : 2);
    EXPECT_TRUE(executable) << executable.error().message;
    return executable ? std::move(*executable) : nullptr;
  }

  std::vector<uint8_t> values, scales;
};
} // namespace

static std::string errorOf(const Status &status) {
  return status ? "" : status.error().message;
}

TEST_F(ExecutableTest, WeightsAndInputs) {
  for (bool isReference : {false, true}) {
    CompileOptions options;
    options.reference = isReference;
    options.prefillTokens = 5;
    std::map<std::string, Array> weights;
    for (bool areWeights : {false, true}) {
      std::vector<Array> inputs;
      std::vector<float> x(3 * 64, 1.0f), y(3 * 8);
      inputs.push_back(arrayOf(x, {3, 64}));
      if (areWeights) {
        options.weights = {"project.arg1", "project.arg2"};
        weights = {{"project.arg1", arrayOfValues()},
                   {"project.arg2", arrayOfScales()}};
      } else {
        inputs.push_back(arrayOfValues());
        inputs.push_back(arrayOfScales());
      }
      std::unique_ptr<Executable> executable = load(options, weights);
      ASSERT_TRUE(executable);
      const Function *project = executable->find("project");
      ASSERT_TRUE(project);
      EXPECT_EQ(
          errorOf(executable->call(*project, inputs, {arrayOf(y, {3, 8})})),
          "");
      for (size_t i = 0; i < y.size(); ++i)
        EXPECT_EQ(y[i], sumOfRow(int64_t(i) % 8)) << i;
    }
  }
}

/// A function that has the name of one that code may call is another one.
TEST_F(ExecutableTest, NamedAsInLibm) {
  std::unique_ptr<Executable> executable = load({});
  ASSERT_TRUE(executable);
  const Function *function = executable->find("tanh");
  ASSERT_TRUE(function);
  std::vector<float> x = {0, 1, -1, 100}, y(4), copy(4);
  EXPECT_EQ(errorOf(executable->call(*function, {arrayOf(x, {4})},
                                     {arrayOf(y, {4}), arrayOf(copy, {4})})),
            "");
  EXPECT_NEAR(y[1], 0.76159416f, 1e-6);
  EXPECT_EQ(y[3], 1);
  EXPECT_EQ(copy, x);
}

TEST_F(ExecutableTest, ThreadsAtOnce) {
  std::unique_ptr<Executable> executable = load({});
  ASSERT_TRUE(executable);
  const Function *project = executable->find("project");
  auto work = [&](float factor) {
    std::vector<float> x(64, factor), y(8);
    for (int i = 0; i < 200; ++i) {
      std::fill(y.begin(), y.end(), 0.0f);
      EXPECT_EQ(
          errorOf(executable->call(
              *project, {arrayOf(x, {1, 64}), arrayOfValues(), arrayOfScales()},
              {arrayOf(y, {1, 8})})),
          "");
      EXPECT_EQ(y[3], factor * sumOfRow(3));
    }
  };
  std::vector<std::thread> threads;
  for (int i = 1; i <= 4; ++i)
    threads.emplace_back(work, float(i));
  for (std::thread &thread : threads)
    thread.join();
}

TEST_F(ExecutableTest, RefusesOtherArrays) {
  CompileOptions options;
  options.prefillTokens = 5;
  std::unique_ptr<Executable> executable = load(options);
  ASSERT_TRUE(executable);
  const Function *project = executable->find("project");
  std::vector<float> x(6 * 64), y(6 * 8);
  auto errorWith = [&](Array input, Array output) {
    return errorOf(executable->call(
        *project, {std::move(input), arrayOfValues(), arrayOfScales()},
        {std::move(output)}));
  };
  EXPECT_EQ(errorWith(arrayOf(x, {2, 64}), arrayOf(y, {2, 8})), "");
  EXPECT_EQ(errorWith(arrayOf(x, {64, 2}), arrayOf(y, {2, 8})),
            "'project.arg0': expected an array of F32 [?, 64], but got F32 "
            "[64, 2]");
  EXPECT_EQ(errorWith({x.data(), "BF16", {2, 64}}, arrayOf(y, {2, 8})),
            "'project.arg0': expected an array of F32 [?, 64], but got BF16 "
            "[2, 64]");
  EXPECT_EQ(errorWith(arrayOf(x, {2, 64}), arrayOf(y, {3, 8})),
            "'project.result0': expected 2 rows, as the arrays before, but got "
            "3");
  EXPECT_EQ(errorWith(arrayOf(x, {6, 64}), arrayOf(y, {6, 8})),
            "'project.arg0': expected 1 to 5 rows, but got 6");
  EXPECT_EQ(errorWith(arrayOf(x, {0, 64}), arrayOf(y, {0, 8})),
            "'project.arg0': expected 1 to 5 rows, but got 0");
  EXPECT_EQ(errorWith(arrayOf(x, {2, 64}), arrayOf(x, {2, 8})),
            "'project.result0': expected memory that no other array of the "
            "call has");
  EXPECT_EQ(errorWith({reinterpret_cast<char *>(x.data()) + 1, "F32", {2, 64}},
                      arrayOf(y, {2, 8})),
            "'project.arg0': expected an array that is aligned to its "
            "elements");
  EXPECT_EQ(errorWith({nullptr, "F32", {2, 64}}, arrayOf(y, {2, 8})),
            "'project.arg0': expected an array, but got null");
  EXPECT_EQ(errorOf(executable->call(*project, {}, {})),
            "'project': expected 3 inputs, but got 0");
}

TEST_F(ExecutableTest, RefusesOtherWeights) {
  CompileOptions options;
  options.weights = {"project.arg1"};
  Program program = compile(options);
  auto errorWith = [&](const std::map<std::string, Array> &weights) {
    auto executable = Executable::create(program, weights);
    return executable ? "" : executable.error().message;
  };
  EXPECT_EQ(errorWith({{"project.arg1", arrayOfValues()}}), "");
  EXPECT_EQ(errorWith({}), "the program needs weight 'project.arg1' of U8 [8, "
                           "32], which was not given");
  EXPECT_EQ(errorWith({{"project.arg1", arrayOfScales()}}),
            "'project.arg1': expected an array of U8 [8, 32], but got U8 [8, "
            "2]");
  EXPECT_EQ(errorWith({{"project.arg1", arrayOfValues()},
                       {"project.arg0", arrayOfScales()}}),
            "the program has no weight 'project.arg0'");
}

/// Integers of one width are the same to the code; floats are not.
TEST(ExecutableArrays, CompatibleTypes) {
  EXPECT_TRUE(isCompatible("U8", "F8_E4M3"));
  EXPECT_TRUE(isCompatible("F8_E5M2", "I8"));
  EXPECT_TRUE(isCompatible("I32", "U32"));
  EXPECT_FALSE(isCompatible("F8_E5M2", "F8_E4M3"));
  EXPECT_FALSE(isCompatible("F32", "I32"));
  EXPECT_FALSE(isCompatible("I32", "I64"));
  EXPECT_FALSE(isCompatible("F32", "F33"));
  // Its bytes are 0 or 1.
  EXPECT_FALSE(isCompatible("BOOL", "U8"));
}

TEST(ExecutableModules, RefusesWhatCanNotBeCalled) {
  auto errorOf = [](const std::string &text) {
    Result<Program> program = compileModule(text, "test", {});
    return program ? "" : program.error().message;
  };
  EXPECT_EQ(errorOf("func.func private @f() { return }"),
            "cannot compile the module: expected a public function "
            "to compile");
  EXPECT_EQ(errorOf("func.func @f(%x: tensor<?x?xf32>) { return }"),
            "cannot compile the module: test:1:1: 'func.func' op cannot be an "
            "entry point: expected argument 0 of 'f' to be a tensor of "
            "numbers with no dynamic dimension but the leading one, but got "
            "'tensor<?x?xf32>'");
  EXPECT_EQ(errorOf("func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> {\n"
                    "%y = linalg.softmax dimension(0) ins(%x : tensor<3xf32>) "
                    "outs(%x : tensor<3xf32>) -> tensor<3xf32>\n"
                    "return %y : tensor<3xf32> }"),
            "cannot compile the module: test:2:6: 'linalg.softmax' op cannot "
            "be compiled: expected an op that has a lowering to LLVM");
  EXPECT_EQ(errorOf("func.func @f(%x: tensor<4xi4>) { return }"),
            "cannot compile the module: buffer 'f.arg0': expected a type that "
            "safetensors files have, but got memref<4xi4>");
  EXPECT_EQ(errorOf(std::string(1001, '(')),
            "test:1: expected brackets to be nested at most 1000 deep");
  EXPECT_EQ(errorOf(std::string("ML\xEFR\x0dStableHLO_v1.12.0\0", 24)),
            "test:1: expected bytecode of MLIR 22.1.8, but it was written by "
            "'StableHLO_v1.12.0'; pass it on as text");
}

TEST(ExecutableModules, RefusesOtherPrograms) {
  auto errorOf = [](const std::string &text) {
    Result<Program> program = compileModule(text, "test", {});
    if (!program)
      return program.error().message;
    auto executable = Executable::create(*program, {});
    return executable ? "" : executable.error().message;
  };
  std::string attributes =
      " attributes {mxfp4.entry = \"f\", mxfp4.max_tokens = 4 : i64}";
  EXPECT_EQ(errorOf("func.func @f(%x: tensor<?x4xf32> {mxfp4.buffer = \"x\", "
                    "mxfp4.kind = \"cache\", mxfp4.dim = \"context\"})" +
                    attributes + " { return }"),
            "expected a program without caches, but it has 'x'");
  EXPECT_EQ(errorOf("func.func @f(%x: tensor<?x4xf32> {mxfp4.buffer = \"x\", "
                    "mxfp4.kind = \"input\", mxfp4.dim = \"context\"})" +
                    attributes + " { return }"),
            "cannot call 'f': buffer 'x' counts the positions of a sequence");
  EXPECT_EQ(errorOf("func.func @f(%x: tensor<4xf32> {mxfp4.buffer = \"x\", "
                    "mxfp4.kind = \"input\"})" +
                    attributes +
                    " { return }\n"
                    "func.func @g(%x: tensor<8xf32> {mxfp4.buffer = \"x\", "
                    "mxfp4.kind = \"input\"}) attributes {mxfp4.entry = "
                    "\"g\", mxfp4.max_tokens = 4 : i64} { return }"),
            "cannot call 'f': buffer 'x' is of another type in another "
            "function");
}
