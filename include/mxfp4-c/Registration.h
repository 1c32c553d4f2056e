//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialects and passes, for users of MLIR's C API.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_C_REGISTRATION_H
#define MXFP4_C_REGISTRATION_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(MXFP4, mxfp4);
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(NN, nn);

/// Adds the dialects of the project and of MLIR to `registry`, with all that
/// passes and compiling need of them.
MLIR_CAPI_EXPORTED void mxfp4RegisterAllDialects(MlirDialectRegistry registry);

/// Makes the passes and pipelines of the project and of MLIR known to
/// mlirParsePassPipeline. May be called more than once, by any thread.
MLIR_CAPI_EXPORTED void mxfp4RegisterAllPasses(void);

#ifdef __cplusplus
}
#endif

#endif // MXFP4_C_REGISTRATION_H
