//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the system tells about the machine at hand.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DRIVER_MACHINE_H
#define MXFP4_DRIVER_MACHINE_H

#include <cstdint>
#include <string>

namespace mx {

/// A machine, as far as it matters for speed. What the system does not tell is
/// empty or 0.
struct Machine {
  /// As the processor calls itself.
  std::string processor;
  /// Those that this process may use, and all.
  int64_t allowedProcessors = 0;
  int64_t processors = 0;
  /// Nodes of memory (NUMA).
  int64_t nodes = 0;
  /// Bytes of memory, and those that are free or can be freed.
  uint64_t memory = 0;
  uint64_t availableMemory = 0;
  /// Whether large ranges may get huge pages: "always", "madvise" (as weights
  /// ask for them, that is enough) or "never".
  std::string hugePages;
};

/// The machine at hand.
Machine describeMachine();

} // namespace mx

#endif // MXFP4_DRIVER_MACHINE_H
