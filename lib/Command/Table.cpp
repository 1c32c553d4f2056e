//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Aligned columns. Widths count characters, not bytes, because cells may hold
// signs such as a plus-minus.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Table.h"

#include <algorithm>
#include <cstdio>

using namespace mx;

/// Characters of valid UTF-8.
static size_t countCharacters(const std::string &text) {
  return size_t(std::count_if(text.begin(), text.end(), [](unsigned char byte) {
    return (byte & 0xC0) != 0x80;
  }));
}

std::string mx::formatTable(const std::vector<std::vector<std::string>> &rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const std::vector<std::string> &row : rows)
    for (size_t column = 0; column < widths.size(); ++column)
      widths[column] = std::max(widths[column], countCharacters(row[column]));

  std::string text;
  for (const std::vector<std::string> &row : rows) {
    for (size_t column = 0; column < widths.size(); ++column) {
      std::string space(widths[column] - countCharacters(row[column]), ' ');
      text += column == 0 ? "| " + row[column] + space + " |"
                          : " " + space + row[column] + " |";
    }
    text += "\n";
    if (&row != &rows.front())
      continue;
    // A colon at the end aligns a column of Markdown to the right.
    for (size_t column = 0; column < widths.size(); ++column)
      text += (column == 0 ? "| " : " ") +
              std::string(widths[column] - (column > 0), '-') +
              (column == 0 ? " |" : ": |");
    text += "\n";
  }
  return text;
}

std::string mx::formatNumber(const char *format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}
