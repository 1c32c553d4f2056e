//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A Program in memory, whose functions are called with arrays of the caller.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_C_RUNTIME_H
#define MXFP4_C_RUNTIME_H

#include "mxfp4-c/Compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A Program with its weights and a team of threads.
typedef struct Mxfp4Executable {
  void *ptr;
} Mxfp4Executable;

/// Numbers in memory of the caller, row-major without gaps.
typedef struct Mxfp4Array {
  /// Aligned to one element.
  void *data;
  /// As a safetensors header names it: "F32", "BF16", "U8", ... E2M1 elements
  /// are "U8", two in a byte, the first in the low bits; so are E8M0 scales.
  MlirStringRef dtype;
  intptr_t rank;
  const int64_t *shape;
} Mxfp4Array;

/// A weight and its name, such as "main.arg1".
typedef struct Mxfp4Weight {
  MlirStringRef name;
  Mxfp4Array array;
} Mxfp4Weight;

/// Loads the code of `program`, starts `threads` threads (0: one for each
/// processor) and rearranges the weights. Neither the program nor the arrays
/// are needed afterwards. If it cannot, it says why to `onError` and returns
/// null.
MLIR_CAPI_EXPORTED Mxfp4Executable mxfp4ExecutableCreate(
    Mxfp4Program program, intptr_t numWeights, const Mxfp4Weight *weights,
    int64_t threads, MlirStringCallback onError, void *userData);

MLIR_CAPI_EXPORTED void mxfp4ExecutableDestroy(Mxfp4Executable executable);

static inline bool mxfp4ExecutableIsNull(Mxfp4Executable executable) {
  return !executable.ptr;
}

/// How many functions there are, and their names. What is returned of an
/// executable is valid as long as it. Indices here have to be in
/// range.
MLIR_CAPI_EXPORTED intptr_t
mxfp4ExecutableGetNumFunctions(Mxfp4Executable executable);
MLIR_CAPI_EXPORTED MlirStringRef
mxfp4ExecutableGetFunctionName(Mxfp4Executable executable, intptr_t function);

/// How many arrays a function takes and gives, and what they are: `data` is
/// null, and a first extent of -1 is any number of rows from 1 to
/// mxfp4ExecutableGetMaxRows, the same for all arrays of a call that have it.
MLIR_CAPI_EXPORTED int64_t mxfp4ExecutableGetMaxRows(Mxfp4Executable executable,
                                                     intptr_t function);
MLIR_CAPI_EXPORTED intptr_t
mxfp4ExecutableGetNumInputs(Mxfp4Executable executable, intptr_t function);
MLIR_CAPI_EXPORTED intptr_t
mxfp4ExecutableGetNumOutputs(Mxfp4Executable executable, intptr_t function);
MLIR_CAPI_EXPORTED Mxfp4Array mxfp4ExecutableGetInput(
    Mxfp4Executable executable, intptr_t function, intptr_t index);
MLIR_CAPI_EXPORTED Mxfp4Array mxfp4ExecutableGetOutput(
    Mxfp4Executable executable, intptr_t function, intptr_t index);

/// Calls a function, which reads `inputs` and writes `outputs` in place. Fails,
/// and says why to `onError`, on arrays that are not as the function has them.
/// Threads may call at once; one call runs after the other.
MLIR_CAPI_EXPORTED MlirLogicalResult mxfp4ExecutableCall(
    Mxfp4Executable executable, intptr_t function, intptr_t numInputs,
    const Mxfp4Array *inputs, intptr_t numOutputs, const Mxfp4Array *outputs,
    MlirStringCallback onError, void *userData);

#ifdef __cplusplus
}
#endif

#endif // MXFP4_C_RUNTIME_H
