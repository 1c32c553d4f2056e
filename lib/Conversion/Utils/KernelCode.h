//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pieces of code that the lowerings to kernels of a GPU share: launches, loops
// over the work of a grid, and sums over warps and blocks.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_KERNELCODE_H
#define MXFP4_LIB_CONVERSION_UTILS_KERNELCODE_H

#include "ScalarCode.h"
#include "VectorCode.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mxfp4/ABI/Program.h"

namespace mlir::mxfp4 {

/// Threads that run in step and can exchange registers.
constexpr int64_t kWarpSize = 32;
/// Bytes that one load of a thread takes at most.
constexpr int64_t kLoadBytes = 16;

/// As many blocks as a device runs at the same time.
constexpr int64_t kAnyBlocks = mx::kAnyBlocks;

/// Multiprocessors of the GPUs that are built for: 132 of an H100 or H200.
constexpr int64_t kMultiprocessors = 132;

/// Bytes of memory that a block has at most: as much as a kernel can say by
/// itself, and what a launch gives it from sm_90 on.
constexpr int64_t kMaxStaticBytes = 49152;
constexpr int64_t kMaxSharedBytes = 232448;

/// The thread that runs a kernel.
struct KernelThread {
  /// Its block, and how many there are.
  Value block, blocks;
  /// How many there are, or kAnyBlocks.
  int64_t blockCount;
  /// Its number in the block, that of its warp there, and its own in the warp.
  Value thread, warp, lane;
  /// Threads of a block.
  int64_t threads;
  /// Memory of the block.
  SmallVector<Value> shared;

  int64_t warps() const { return threads / kWarpSize; }
};

/// Emits a launch of `blocks` blocks of `threads` threads, each block with
/// memory of the types `shared`, whose code `body` emits. With kAnyBlocks the
/// device starts as many as run at the same time. The registers of a thread are
/// so few that `residentBlocks` blocks fit a multiprocessor. `clusterBlocks`
/// blocks that follow each other are a cluster; `blocks` is a multiple of it.
gpu::LaunchOp emitLaunch(ImplicitLocOpBuilder &b, StringRef name,
                         int64_t blocks, int64_t threads,
                         ArrayRef<MemRefType> shared,
                         function_ref<void(const KernelThread &)> body,
                         int64_t residentBlocks = 1, int64_t clusterBlocks = 1);

/// `thread` as if it were another one: what is computed of its numbers is not
/// known before, and so not kept in registers for the whole kernel. For code in
/// one of many branches.
KernelThread forget(ImplicitLocOpBuilder &b, const KernelThread &thread);
/// Likewise, a number below 2^32.
Value forget(ImplicitLocOpBuilder &b, Value number);

/// A memref of `elements` elements of `type` that a block has for itself.
MemRefType getSharedType(Type type, ArrayRef<int64_t> shape);

/// The most tokens that the function with `op` is for, where the leading
/// dimension of `memref` counts them; if that is not known, the largest number.
int64_t getMaxTokens(Operation *op, Value memref);

/// Does all of [0, items), of which each block has `perBlock` at a time, and
/// the thread number `place` of them: in a loop if there are any number of
/// blocks, else at once (getBlocks gave it enough blocks).
void emitForEachItem(ImplicitLocOpBuilder &b, const KernelThread &thread,
                     int64_t perBlock, Value place, Value items,
                     function_ref<void(Value)> body);
/// The same, for each block of the grid or for each warp of it.
void emitForEachItemOfBlock(ImplicitLocOpBuilder &b, const KernelThread &thread,
                            Value items, function_ref<void(Value)> body);
void emitForEachItemOfWarp(ImplicitLocOpBuilder &b, const KernelThread &thread,
                           Value items, function_ref<void(Value)> body);

/// The blocks that have work where there are at most as many items as `items`
/// can be, `perBlock` of them for a block: kAnyBlocks if these are many or not
/// known.
int64_t getBlocks(Value items, int64_t perBlock);
int64_t getBlocks(int64_t items, int64_t perBlock);

/// The memref that `value` is a view of.
Value getRoot(Value value);

/// `count` consecutive elements of `memref` from `indices` on, which are at a
/// multiple of that, as a vector of its element type.
Value loadVector(ImplicitLocOpBuilder &b, Value memref, ValueRange indices,
                 int64_t count);

/// The bytes of a memref of memory of a block, in whole loads; more than
/// kMaxSharedBytes if they are not known.
int64_t getSharedBytes(MemRefType type);

/// Combines the values of the lanes of a warp, or of each `lanes` of them that
/// follow each other; all these get the result.
Value reduceWarp(ImplicitLocOpBuilder &b, Value value,
                 function_ref<Value(Value, Value)> combine,
                 int64_t lanes = kWarpSize);

/// An i32 that is not 0 if `condition` holds in any thread of the block. All of
/// them take part, and wait for each other as at a barrier.
Value anyOfBlock(ImplicitLocOpBuilder &b, Value condition);

/// Where `place` of `memref`, memory of a block, is in block number `block` of
/// the cluster: an i32.
Value getAddressInCluster(ImplicitLocOpBuilder &b, Value block, Value memref,
                          ValueRange place);

/// Waits until all threads of the cluster are here, and sees what they wrote.
void emitClusterBarrier(ImplicitLocOpBuilder &b);

/// Replaces the ops of a dialect on memrefs in `function` that `lower` takes by
/// the launches that it emits before them. `lower` returns false for an op that
/// it leaves.
LogicalResult lowerOpsToLaunches(func::FuncOp function, TypeID dialect,
                                 function_ref<bool(Operation *)> lower);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_KERNELCODE_H
