//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of runs, expanded once per process to a flat array of 1.1 MB.
//
//===----------------------------------------------------------------------===//

#include "UnicodeClasses.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

using namespace mx;

/// Runs of characters of one class: the first code point times 8, plus the
/// number of the class (0 for none, otherwise one more than its bit).
static const uint32_t kRuns[] = {
#include "UnicodeClasses.inc"
};

static std::vector<uint8_t> expandRuns() {
  std::vector<uint8_t> classes(0x110000);
  for (size_t i = 0; i < std::size(kRuns); ++i) {
    size_t end = i + 1 < std::size(kRuns) ? kRuns[i + 1] >> 3 : classes.size();
    unsigned number = kRuns[i] & 7;
    std::fill(classes.begin() + (kRuns[i] >> 3), classes.begin() + end,
              number ? 1u << (number - 1) : 0u);
  }
  return classes;
}

const uint8_t *mx::characterClasses() {
  static const std::vector<uint8_t> classes = expandRuns();
  return classes.data();
}
