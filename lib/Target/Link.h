//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Object code to a shared object, in process.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_TARGET_LINK_H
#define MXFP4_LIB_TARGET_LINK_H

#include "mxfp4/Support/Result.h"

#include "llvm/ADT/StringRef.h"

namespace mlir::mxfp4 {

/// Links one ELF object to a shared object. What it does not define is left to
/// whoever loads it.
mx::Result<std::string> linkSharedObject(llvm::StringRef object);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_TARGET_LINK_H
