//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What memory code of kernels touches.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_LAUNCHES_MEMORYUSE_H
#define MXFP4_LIB_CONVERSION_LAUNCHES_MEMORYUSE_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace mlir::mxfp4 {

/// Memrefs that code reads and writes, without views of them. What is not known
/// to only read or only write does both.
struct MemoryUse {
  /// Adds the memory that `op` itself touches.
  void add(Operation *op);
  /// Adds the memory from outside of `region` that is touched in it.
  void addFromOutside(Region &region);

  llvm::SmallPtrSet<Value, 8> reads, writes;
};

/// True if `op` and what is in it touch no memory but the numbers of a call.
bool touchesNoMemory(Operation *op);

/// True if `op` is a load of a memref.
bool isLoad(Operation *op);

/// True if `memref` is memory of a block.
bool isShared(Value memref);

/// True if `memref` is a constant, or a kernel gets it as an `mxfp4.settled`
/// pointer (mxfp4-plan-launches).
bool isSettled(Value memref);
/// True if it gets it as an `mxfp4.early` pointer.
bool isEarly(Value memref);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_LAUNCHES_MEMORYUSE_H
