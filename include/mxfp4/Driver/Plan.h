//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How much memory a model takes, part by part, before any of it is taken.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DRIVER_PLAN_H
#define MXFP4_DRIVER_PLAN_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Checkpoint/ModelConfig.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mx {

/// Some tensors or buffers that serve one purpose.
struct PlanPart {
  /// Such as "expert blocks" or "KV cache".
  std::string name;
  /// Bytes in the checkpoint; 0 of what is no weight.
  uint64_t checkpointBytes = 0;
  /// Bytes in memory.
  uint64_t bytes = 0;
};

/// What a session of a Program allocates, to the byte.
struct MemoryPlan {
  /// Weights, then caches and the rest.
  std::vector<PlanPart> parts;
  /// The sum of `parts`.
  PlanPart total;
};

/// Adds up the buffers of `program` for caches of `context` positions, and the
/// tensors of the checkpoint of `config`.
MemoryPlan planMemory(const ModelConfig &config, const Program &program,
                      int64_t context);

} // namespace mx

#endif // MXFP4_DRIVER_PLAN_H
