//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Limits that a module has to keep before it is read.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_IMPORT_MODULETEXT_H
#define MXFP4_IMPORT_MODULETEXT_H

#include "mxfp4/Support/Result.h"

#include <string>
#include <string_view>

namespace mlir::mxfp4 {

/// Fails on text or bytecode that upstream's readers are known to crash on:
/// text of 2 GiB or more, text whose brackets are nested so deep that the
/// parser would run out of stack, and bytecode that another release of MLIR, or
/// a dialect of its own such as VHLO, wrote. `name` stands for it in messages.
mx::Status checkModuleText(std::string_view text, const std::string &name);

} // namespace mlir::mxfp4

#endif // MXFP4_IMPORT_MODULETEXT_H
