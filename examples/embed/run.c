//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles a function and calls it, in C: the product of two rows of ones with
// a weight in MXFP4 whose elements are all 1.
//
//===----------------------------------------------------------------------===//

#include "mlir-c/IR.h"
#include "mlir-c/Pass.h"
#include "mxfp4-c/Compiler.h"
#include "mxfp4-c/Registration.h"
#include "mxfp4-c/Runtime.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kRows = 2, kInputs = 64, kOutputs = 3 };

static const char kModule[] =
    "func.func @project(%x: tensor<?x64xf32>, %values: tensor<3x64xf4E2M1FN>,\n"
    "                   %scales: tensor<3x2xf8E8M0FNU>) -> tensor<?x3xf32> {\n"
    "  %w = mxfp4.dequantize %values, %scales\n"
    "      : tensor<3x64xf4E2M1FN>, tensor<3x2xf8E8M0FNU> -> tensor<3x64xf32>\n"
    "  %c0 = arith.constant 0 : index\n"
    "  %zero = arith.constant 0.0 : f32\n"
    "  %rows = tensor.dim %x, %c0 : tensor<?x64xf32>\n"
    "  %init = tensor.empty(%rows) : tensor<?x3xf32>\n"
    "  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x3xf32>)\n"
    "      -> tensor<?x3xf32>\n"
    "  %y = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,\n"
    "          affine_map<(t, n, k) -> (n, k)>, affine_map<(t, n, k) -> (t, "
    "n)>]\n"
    "      ins(%x, %w : tensor<?x64xf32>, tensor<3x64xf32>)\n"
    "      outs(%zeros : tensor<?x3xf32>) -> tensor<?x3xf32>\n"
    "  return %y : tensor<?x3xf32>\n"
    "}\n";

static MlirStringRef string(const char *text) {
  return mlirStringRefCreateFromCString(text);
}

static void print(MlirStringRef text, void *file) {
  fwrite(text.data, 1, text.length, (FILE *)file);
}

static void fail(const char *what) {
  fprintf(stderr, "%s failed\n", what);
  exit(1);
}

/// What a compiler that embeds mxfp4 does before it compiles.
static void runPasses(MlirContext context, MlirModule module) {
  MlirPassManager manager = mlirPassManagerCreate(context);
  if (mlirLogicalResultIsFailure(mlirParsePassPipeline(
          mlirPassManagerGetAsOpPassManager(manager),
          string("builtin.module(mxfp4-fuse)"), print, stderr)) ||
      mlirLogicalResultIsFailure(
          mlirPassManagerRunOnOp(manager, mlirModuleGetOperation(module))))
    fail("the pipeline");
  mlirPassManagerDestroy(manager);
}

static Mxfp4Program compile(MlirModule module) {
  MlirStringRef weights[] = {string("project.arg1"), string("project.arg2")};
  Mxfp4CompileOptions options = mxfp4CompileOptionsGetDefault();
  options.maxRows = 16;
  options.numWeights = 2;
  options.weights = weights;
  Mxfp4Program program = mxfp4CompileModule(module, options);
  if (mxfp4ProgramIsNull(program))
    fail("compiling");
  return program;
}

static Mxfp4Executable load(Mxfp4Program program) {
  uint8_t values[kOutputs][kInputs / 2], scales[kOutputs][kInputs / 32];
  memset(values, 0x22, sizeof(values)); // 1.0, twice
  memset(scales, 127, sizeof(scales));  // 2^0
  int64_t valuesShape[] = {kOutputs, kInputs / 2};
  int64_t scalesShape[] = {kOutputs, kInputs / 32};
  Mxfp4Weight weights[] = {
      {string("project.arg1"), {values, string("U8"), 2, valuesShape}},
      {string("project.arg2"), {scales, string("U8"), 2, scalesShape}}};
  Mxfp4Executable executable =
      mxfp4ExecutableCreate(program, 2, weights, /*threads=*/0, print, stderr);
  if (mxfp4ExecutableIsNull(executable))
    fail("loading");
  return executable;
}

int main(void) {
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  mxfp4RegisterAllDialects(registry);
  mxfp4RegisterAllPasses();
  MlirContext context =
      mlirContextCreateWithRegistry(registry, /*threadingEnabled=*/true);
  MlirModule module = mlirModuleCreateParse(context, string(kModule));
  if (mlirModuleIsNull(module))
    fail("parsing");
  runPasses(context, module);
  Mxfp4Program program = compile(module);
  Mxfp4Executable executable = load(program);
  mxfp4ProgramDestroy(program);
  mlirModuleDestroy(module);
  mlirContextDestroy(context);
  mlirDialectRegistryDestroy(registry);

  float x[kRows][kInputs], y[kRows][kOutputs];
  for (int row = 0; row < kRows; ++row)
    for (int i = 0; i < kInputs; ++i)
      x[row][i] = 1.0f;
  int64_t xShape[] = {kRows, kInputs}, yShape[] = {kRows, kOutputs};
  Mxfp4Array input = {x, string("F32"), 2, xShape};
  Mxfp4Array output = {y, string("F32"), 2, yShape};
  if (mlirLogicalResultIsFailure(mxfp4ExecutableCall(
          executable, 0, 1, &input, 1, &output, print, stderr)))
    fail("the call");
  mxfp4ExecutableDestroy(executable);
  for (int row = 0; row < kRows; ++row)
    printf("%g %g %g\n", y[row][0], y[row][1], y[row][2]);
  return 0;
}
