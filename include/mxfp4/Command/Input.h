//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text and tokens that the user gives.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMMAND_INPUT_H
#define MXFP4_COMMAND_INPUT_H

#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mx {

/// Reads all of `path`, or of standard input if it is empty, as text of at most
/// 64 MiB. Ctrl-C stops the waiting for it.
Result<std::string> readText(const std::string &path);

/// The numbers in `text`, between which there are commas or white space.
Result<std::vector<int32_t>> parseIds(std::string_view text);

} // namespace mx

#endif // MXFP4_COMMAND_INPUT_H
