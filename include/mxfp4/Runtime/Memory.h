//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory for weights, caches and activations: aligned, zero, and taken from the
// system only page by page as it is first touched.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_MEMORY_H
#define MXFP4_RUNTIME_MEMORY_H

#include "mxfp4/Support/Result.h"

#include <cstdint>

namespace mx {

/// A range of zeroed bytes of its own, aligned to a page at least. Large ranges
/// are aligned to huge pages and ask for them, which saves most misses of the
/// address translation when weights are streamed.
class Memory {
public:
  Memory() = default;
  Memory(Memory &&other) noexcept;
  Memory &operator=(Memory &&other) noexcept;
  ~Memory();

  /// Reserves `bytes`, which may be 0. `what` names the purpose in messages.
  static Result<Memory> allocate(uint64_t bytes, const std::string &what);

  void *data() const { return base; }
  uint64_t size() const { return bytes; }

private:
  void *base = nullptr;
  uint64_t bytes = 0;
  uint64_t mappedBytes = 0;
};

} // namespace mx

#endif // MXFP4_RUNTIME_MEMORY_H
