//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program on a team of threads.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_RUNTIME_CPUPROGRAM_H
#define MXFP4_LIB_RUNTIME_CPUPROGRAM_H

#include "mxfp4/Runtime/LoadedProgram.h"

namespace mx {

Result<std::unique_ptr<LoadedProgram>> loadOnCPU(const Program &program,
                                                 const LoadOptions &options);

} // namespace mx

#endif // MXFP4_LIB_RUNTIME_CPUPROGRAM_H
