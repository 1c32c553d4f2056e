//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tables for people, in a form that Markdown shows as a table too.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMMAND_TABLE_H
#define MXFP4_COMMAND_TABLE_H

#include <string>
#include <vector>

namespace mx {

/// Rows of cells, the first being the heads of the columns, as lines with
/// aligned columns: the first to the left, all others to the right. Every row
/// has as many cells as the first.
std::string formatTable(const std::vector<std::vector<std::string>> &rows);

/// A cell by the conversion `format` of printf, such as "%.1f GiB".
std::string formatNumber(const char *format, double value);

} // namespace mx

#endif // MXFP4_COMMAND_TABLE_H
