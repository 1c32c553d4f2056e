//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What examples/embed/run.c does not do with the C API: saving and loading,
// descriptions of functions, dialect handles, and every failure.
//
//===----------------------------------------------------------------------===//

#include "mlir-c/Diagnostics.h"
#include "mlir-c/Pass.h"
#include "mxfp4-c/Compiler.h"
#include "mxfp4-c/Registration.h"
#include "mxfp4-c/Runtime.h"

#include <cstdint>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <vector>

static MlirStringRef toRef(const char *text) {
  return mlirStringRefCreateFromCString(text);
}

static std::string toString(MlirStringRef text) {
  return std::string(text.data, text.length);
}

static void append(MlirStringRef text, void *to) {
  *static_cast<std::string *>(to) += toString(text);
}

static const char kModule[] =
    "func.func @add(%x: tensor<?x4xf32>, %w: tensor<4xf32>) -> tensor<?x4xf32> "
    "{\n"
    "  %c0 = arith.constant 0 : index\n"
    "  %rows = tensor.dim %x, %c0 : tensor<?x4xf32>\n"
    "  %init = tensor.empty(%rows) : tensor<?x4xf32>\n"
    "  %all = linalg.broadcast ins(%w : tensor<4xf32>)\n"
    "      outs(%init : tensor<?x4xf32>) dimensions = [0]\n"
    "  %y = linalg.add ins(%x, %all : tensor<?x4xf32>, tensor<?x4xf32>)\n"
    "      outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32>\n"
    "  return %y : tensor<?x4xf32>\n"
    "}\n";

namespace {
class CAPITest : public testing::Test {
protected:
  CAPITest() {
    registry = mlirDialectRegistryCreate();
    mxfp4RegisterAllDialects(registry);
    mxfp4RegisterAllPasses();
    context = mlirContextCreateWithRegistry(registry, true);
    mlirContextAttachDiagnosticHandler(
        context,
        [](MlirDiagnostic diagnostic, void *to) {
          mlirDiagnosticPrint(diagnostic, append, to);
          return mlirLogicalResultSuccess();
        },
        &messages, nullptr);
  }
  ~CAPITest() override {
    mlirContextDestroy(context);
    mlirDialectRegistryDestroy(registry);
  }

  Mxfp4Program compile(Mxfp4CompileOptions options) {
    MlirModule module = mlirModuleCreateParse(context, toRef(kModule));
    EXPECT_FALSE(mlirModuleIsNull(module)) << messages;
    Mxfp4Program program = mxfp4CompileModule(module, options);
    mlirModuleDestroy(module);
    return program;
  }

  /// The function with its weight of 1, 2, 3, 4.
  Mxfp4Executable load(Mxfp4Program program) {
    int64_t shape[] = {4};
    Mxfp4Weight given = {toRef("add.arg1"), {weight, toRef("F32"), 1, shape}};
    return mxfp4ExecutableCreate(program, 1, &given, 2, append, &messages);
  }

  Mxfp4CompileOptions withWeight() {
    static const MlirStringRef name = toRef("add.arg1");
    Mxfp4CompileOptions options = mxfp4CompileOptionsGetDefault();
    options.maxRows = 3;
    options.numWeights = 1;
    options.weights = &name;
    return options;
  }

  MlirDialectRegistry registry;
  MlirContext context;
  std::string messages;
  float weight[4] = {1, 2, 3, 4};
};
} // namespace

TEST_F(CAPITest, DialectHandles) {
  for (MlirDialectHandle handle :
       {mlirGetDialectHandle__mxfp4__(), mlirGetDialectHandle__nn__()}) {
    MlirDialect dialect = mlirDialectHandleLoadDialect(handle, context);
    EXPECT_EQ(toString(mlirDialectGetNamespace(dialect)),
              toString(mlirDialectHandleGetNamespace(handle)));
  }
}

TEST_F(CAPITest, SavesLoadsAndDescribes) {
  Mxfp4Program program = compile(withWeight());
  ASSERT_FALSE(mxfp4ProgramIsNull(program)) << messages;
  std::string path =
      testing::TempDir() + "capi-" + std::to_string(getpid()) + ".program";
  EXPECT_TRUE(mlirLogicalResultIsSuccess(
      mxfp4ProgramSave(program, toRef(path.c_str()), append, &messages)));
  mxfp4ProgramDestroy(program);
  program = mxfp4ProgramLoad(toRef(path.c_str()), append, &messages);
  std::remove(path.c_str());
  ASSERT_FALSE(mxfp4ProgramIsNull(program)) << messages;
  Mxfp4Executable executable = load(program);
  mxfp4ProgramDestroy(program);
  ASSERT_FALSE(mxfp4ExecutableIsNull(executable)) << messages;

  ASSERT_EQ(mxfp4ExecutableGetNumFunctions(executable), 1);
  EXPECT_EQ(toString(mxfp4ExecutableGetFunctionName(executable, 0)), "add");
  EXPECT_EQ(mxfp4ExecutableGetMaxRows(executable, 0), 3);
  ASSERT_EQ(mxfp4ExecutableGetNumInputs(executable, 0), 1);
  ASSERT_EQ(mxfp4ExecutableGetNumOutputs(executable, 0), 1);
  for (Mxfp4Array array : {mxfp4ExecutableGetInput(executable, 0, 0),
                           mxfp4ExecutableGetOutput(executable, 0, 0)}) {
    EXPECT_EQ(array.data, nullptr);
    EXPECT_EQ(toString(array.dtype), "F32");
    ASSERT_EQ(array.rank, 2);
    EXPECT_EQ(array.shape[0], -1);
    EXPECT_EQ(array.shape[1], 4);
  }

  float x[8] = {0, 0, 0, 0, 10, 10, 10, 10}, y[8];
  int64_t shape[] = {2, 4};
  Mxfp4Array input = {x, toRef("F32"), 2, shape};
  Mxfp4Array output = {y, toRef("F32"), 2, shape};
  EXPECT_TRUE(mlirLogicalResultIsSuccess(mxfp4ExecutableCall(
      executable, 0, 1, &input, 1, &output, append, &messages)))
      << messages;
  EXPECT_EQ(std::vector<float>(y, y + 8),
            (std::vector<float>{1, 2, 3, 4, 11, 12, 13, 14}));

  EXPECT_TRUE(mlirLogicalResultIsFailure(mxfp4ExecutableCall(
      executable, 0, 0, nullptr, 1, &output, append, &messages)));
  EXPECT_EQ(messages, "'add': expected 1 inputs, but got 0");
  messages.clear();
  EXPECT_TRUE(mlirLogicalResultIsFailure(mxfp4ExecutableCall(
      executable, 1, 1, &input, 1, &output, append, &messages)));
  EXPECT_EQ(messages, "expected a function from 0 to 0, but got 1");
  messages.clear();
  Mxfp4Array shapeless = {x, toRef("F32"), -1, nullptr};
  EXPECT_TRUE(mlirLogicalResultIsFailure(mxfp4ExecutableCall(
      executable, 0, 1, &shapeless, 1, &output, append, &messages)));
  EXPECT_EQ(messages, "'add.arg0': expected an array of F32 [?, 4], but got no "
                      "shape []");
  // Who does not ask is not told.
  EXPECT_TRUE(mlirLogicalResultIsFailure(mxfp4ExecutableCall(
      executable, 0, 0, nullptr, 1, &output, nullptr, nullptr)));
  mxfp4ExecutableDestroy(executable);
}

TEST_F(CAPITest, SaysWhatFails) {
  Mxfp4CompileOptions options = withWeight();
  options.target = toRef("gpu");
  EXPECT_TRUE(mxfp4ProgramIsNull(compile(options)));
  EXPECT_NE(messages.find("unknown target 'gpu'"), std::string::npos)
      << messages;
  messages.clear();
  EXPECT_TRUE(mxfp4ProgramIsNull(
      mxfp4ProgramLoad(toRef("/nowhere"), append, &messages)));
  EXPECT_NE(messages.find("/nowhere"), std::string::npos) << messages;

  Mxfp4Program program = compile(withWeight());
  ASSERT_FALSE(mxfp4ProgramIsNull(program));
  messages.clear();
  EXPECT_TRUE(mlirLogicalResultIsFailure(
      mxfp4ProgramSave(program, toRef("/nowhere/x"), append, &messages)));
  EXPECT_NE(messages.find("/nowhere/x"), std::string::npos) << messages;
  messages.clear();
  EXPECT_TRUE(mxfp4ExecutableIsNull(
      mxfp4ExecutableCreate(program, 0, nullptr, 1, append, &messages)));
  EXPECT_EQ(messages, "the program needs weight 'add.arg1' of F32 [4], which "
                      "was not given");
  mxfp4ProgramDestroy(program);
}
