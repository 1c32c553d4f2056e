//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program on an NVIDIA GPU.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_RUNTIME_CUDAPROGRAM_H
#define MXFP4_LIB_RUNTIME_CUDAPROGRAM_H

#include "mxfp4/Runtime/LoadedProgram.h"

namespace mx {

Result<std::unique_ptr<LoadedProgram>> loadOnGPU(const Program &program,
                                                 const LoadOptions &options);

} // namespace mx

#endif // MXFP4_LIB_RUNTIME_CUDAPROGRAM_H
