//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Between the handles and strings of C and what they stand for.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CAPI_SUPPORT_H
#define MXFP4_LIB_CAPI_SUPPORT_H

#include "mlir/CAPI/Support.h"
#include "mlir/CAPI/Wrap.h"
#include "mxfp4-c/Runtime.h"
#include "mxfp4/ABI/Program.h"
#include "mxfp4/Runtime/Executable.h"

DEFINE_C_API_PTR_METHODS(Mxfp4Program, mx::Program)
DEFINE_C_API_PTR_METHODS(Mxfp4Executable, mx::Executable)

/// Tells `onError`, which may be null, of `error`.
inline void report(const mx::Error &error, MlirStringCallback onError,
                   void *userData) {
  if (onError)
    onError(wrap(llvm::StringRef(error.message)), userData);
}

#endif // MXFP4_LIB_CAPI_SUPPORT_H
