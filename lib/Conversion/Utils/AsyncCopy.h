//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies to the memory of a block that a thread does not wait for, in groups,
// from sm_80 on (`cp.async`).
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_ASYNCCOPY_H
#define MXFP4_LIB_CONVERSION_UTILS_ASYNCCOPY_H

#include "KernelCode.h"

namespace mlir::mxfp4 {

/// Begins to copy `count` elements; those from number `known` on, where it is
/// not null, are zeros instead.
void copyAsync(ImplicitLocOpBuilder &b, Value to, ValueRange toPlace,
               Value from, ValueRange fromPlace, int64_t count,
               Value known = Value());

/// Makes a group of the copies since the last one.
void closeAsyncGroup(ImplicitLocOpBuilder &b);

/// Waits until all but the last `count` groups of the thread are there.
void waitForAsyncGroups(ImplicitLocOpBuilder &b, int64_t count);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_ASYNCCOPY_H
