//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module in, a Program out.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_C_COMPILER_H
#define MXFP4_C_COMPILER_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Compiled functions, and the buffers they work on.
typedef struct Mxfp4Program {
  void *ptr;
} Mxfp4Program;

/// How to compile. Begin with mxfp4CompileOptionsGetDefault().
typedef struct Mxfp4CompileOptions {
  /// "cpu" is the processor at hand; "cpu:NAME" another, as LLVM names it, such
  /// as "cpu:x86-64-v3" or "cpu:neoverse-n1".
  MlirStringRef target;
  /// The slow exact path: plain loops, one thread, no fusion.
  bool reference;
  /// Raise dequantization and fuse it, bias, activation and residual into
  /// matmuls.
  bool fuse;
  /// Size of dynamic leading dimensions at most.
  int64_t maxRows;
  /// Arguments that are weights, such as "main.arg1": they are given once, to
  /// mxfp4ExecutableCreate, and rearranged for the kernels.
  intptr_t numWeights;
  const MlirStringRef *weights;
} Mxfp4CompileOptions;

/// The processor at hand, the fast path, 512 rows, no weights.
MLIR_CAPI_EXPORTED Mxfp4CompileOptions mxfp4CompileOptionsGetDefault(void);

/// Compiles the public functions of `module`, which is left as it is. Errors
/// are reported to the diagnostic handlers of its context; then the program is
/// null. The context gets all dialects (mxfp4RegisterAllDialects).
MLIR_CAPI_EXPORTED Mxfp4Program mxfp4CompileModule(MlirModule module,
                                                   Mxfp4CompileOptions options);

/// Reads a program that mxfp4ProgramSave or `mxfp4 compile` wrote. If it
/// cannot, it says why to `onError` and returns null.
MLIR_CAPI_EXPORTED Mxfp4Program mxfp4ProgramLoad(MlirStringRef path,
                                                 MlirStringCallback onError,
                                                 void *userData);

/// Writes `program` to `path`. The file appears whole or not at all, and then
/// `onError` is told why.
MLIR_CAPI_EXPORTED MlirLogicalResult
mxfp4ProgramSave(Mxfp4Program program, MlirStringRef path,
                 MlirStringCallback onError, void *userData);

MLIR_CAPI_EXPORTED void mxfp4ProgramDestroy(Mxfp4Program program);

static inline bool mxfp4ProgramIsNull(Mxfp4Program program) {
  return !program.ptr;
}

#ifdef __cplusplus
}
#endif

#endif // MXFP4_C_COMPILER_H
