//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times between barriers, and the costs of calls.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/OpProfile.h"

using namespace mx;

void OpProfile::begin(const Entry &entry, int64_t tokens, int64_t position) {
  for (size_t i = 0; i < sums.size(); ++i) {
    int64_t count = entry.opCounts[i];
    if (count == 0)
      continue;
    const OpCost &cost = program.ops[i].cost;
    sums[i].count += count;
    sums[i].bytes += double(count) * cost.bytesOf(tokens, position);
    sums[i].flops += double(count) * cost.flopsOf(tokens, position);
  }
  last = Clock::now();
}

void OpProfile::finish(int64_t op) {
  Clock::time_point now = Clock::now();
  double seconds = std::chrono::duration<double>(now - last).count();
  last = now;
  add(op, seconds);
}

void OpProfile::add(int64_t op, double seconds) {
  if (op >= 0 && op < int64_t(sums.size()))
    sums[size_t(op)].seconds += seconds;
  else
    other += seconds;
}

void OpProfile::clear() {
  sums.assign(sums.size(), {});
  other = 0;
}
