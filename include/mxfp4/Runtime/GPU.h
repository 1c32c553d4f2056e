//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The GPU that programs for "nvptx:..." targets run on.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_GPU_H
#define MXFP4_RUNTIME_GPU_H

#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <string>

namespace mx {

/// What the driver says of an NVIDIA GPU.
struct GPU {
  std::string name;
  /// Ten times the major compute capability, plus the minor: 90 is sm_90.
  int capability = 0;
  int multiprocessors = 0;
  /// Of memory.
  uint64_t bytes = 0;
  /// The version of CUDA that the driver has, such as 12040.
  int driverVersion = 0;
};

/// True if a program for `target` runs on a GPU: "nvptx:CHIP".
bool isForGPU(const std::string &target);

/// The first GPU of this machine, of those that CUDA_VISIBLE_DEVICES leaves.
/// Fails where there is no driver, or it has no GPU.
Result<GPU> findGPU();

/// The same, where that GPU runs code for `target`, such as "nvptx:sm_90"; "a"
/// at the end means that GPU alone.
Result<GPU> findGPUFor(const std::string &target);

} // namespace mx

#endif // MXFP4_RUNTIME_GPU_H
