//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiling, loading and saving.
//
//===----------------------------------------------------------------------===//

#include "mxfp4-c/Compiler.h"

#include "Support.h"
#include "mlir/CAPI/IR.h"
#include "mxfp4/Compiler/CompileModule.h"

Mxfp4CompileOptions mxfp4CompileOptionsGetDefault() {
  mx::CompileOptions options;
  return {mlirStringRefCreateFromCString("cpu"),
          options.reference,
          options.fuse,
          options.prefillTokens,
          0,
          nullptr};
}

Mxfp4Program mxfp4CompileModule(MlirModule module,
                                Mxfp4CompileOptions options) {
  mx::CompileOptions compileOptions;
  compileOptions.target = unwrap(options.target).str();
  compileOptions.reference = options.reference;
  compileOptions.fuse = options.fuse;
  compileOptions.prefillTokens = options.maxRows;
  for (intptr_t i = 0; i < options.numWeights; ++i)
    compileOptions.weights.push_back(unwrap(options.weights[i]).str());
  mlir::FailureOr<mx::Program> program =
      mlir::mxfp4::compileModule(unwrap(module), compileOptions);
  if (failed(program))
    return {nullptr};
  return wrap(new mx::Program(std::move(*program)));
}

Mxfp4Program mxfp4ProgramLoad(MlirStringRef path, MlirStringCallback onError,
                              void *userData) {
  mx::Result<mx::Program> program = mx::loadProgram(unwrap(path).str());
  if (program)
    return wrap(new mx::Program(std::move(*program)));
  report(program.error(), onError, userData);
  return {nullptr};
}

MlirLogicalResult mxfp4ProgramSave(Mxfp4Program program, MlirStringRef path,
                                   MlirStringCallback onError, void *userData) {
  mx::Status status = mx::saveProgram(*unwrap(program), unwrap(path).str());
  if (status)
    return mlirLogicalResultSuccess();
  report(status.error(), onError, userData);
  return mlirLogicalResultFailure();
}

void mxfp4ProgramDestroy(Mxfp4Program program) { delete unwrap(program); }
