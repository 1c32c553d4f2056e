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

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mlir::mxfp4 {

/// Why a module is not read, and in which line of its text.
struct ModuleTextError {
  size_t line;
  std::string message;
};

/// Finds what upstream's readers are known to crash on: text of 2 GiB or more,
/// text nested so deep that the parser would run out of stack, and bytecode
/// that another release of MLIR, or a dialect of its own such as VHLO, wrote.
std::optional<ModuleTextError> checkModuleText(std::string_view text);

} // namespace mlir::mxfp4

#endif // MXFP4_IMPORT_MODULETEXT_H
