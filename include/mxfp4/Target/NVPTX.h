//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels in the LLVM dialect to PTX.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TARGET_NVPTX_H
#define MXFP4_TARGET_NVPTX_H

#include "mlir/IR/BuiltinOps.h"
#include "mxfp4/Support/Result.h"

#include <string>
#include <vector>

namespace mlir::mxfp4 {

/// An NVIDIA GPU.
struct GPUTarget {
  /// Such as "sm_90".
  StringRef chip;
  /// The version of PTX that code is written in, the first that has what
  /// kernels for the chip use.
  StringRef ptx;
  /// True if a kernel can be launched while the one before still runs.
  bool overlapsLaunches;
  /// True if it multiplies tiles of bf16 and f16.
  bool hasTensorCores;
  /// True if blocks of a cluster reach each other's memory.
  bool hasClusters;

  /// "nvptx:sm_90", for example.
  std::string describe() const;

  /// The chips that there is code for.
  static ArrayRef<GPUTarget> all();
};

/// True if `target` names a GPU: "nvptx" or "nvptx:CHIP".
bool namesGPU(const std::string &target);

/// The GPU that `target`, "nvptx:CHIP", names.
mx::Result<GPUTarget> resolveGPU(const std::string &target);

/// PTX of the kernels of a module, which are in the LLVM dialect.
mx::Result<std::string> emitPTX(ModuleOp module, const GPUTarget &target);

} // namespace mlir::mxfp4

#endif // MXFP4_TARGET_NVPTX_H
