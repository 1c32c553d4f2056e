//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dialects and passes for users of MLIR's C API.
//
//===----------------------------------------------------------------------===//

#include "mxfp4-c/Registration.h"

#include "mlir/CAPI/Registration.h"
#include "mxfp4/Compiler/CompileModule.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(MXFP4, mxfp4, mlir::mxfp4::MXFP4Dialect)
MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(NN, nn, mlir::nn::NNDialect)

void mxfp4RegisterAllDialects(MlirDialectRegistry registry) {
  mlir::mxfp4::registerCompilerDialects(*unwrap(registry));
}

void mxfp4RegisterAllPasses() { mlir::mxfp4::registerCompilerPasses(); }
