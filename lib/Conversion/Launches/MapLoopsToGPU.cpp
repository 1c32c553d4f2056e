//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes a launch of everything that a function still does itself: parallel
// loops get a thread for each iteration, other code a single thread.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/KernelCode.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_MAPLOOPSTOGPUPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// Threads of a block for which it does not matter.
static constexpr int64_t kThreads = 256;

/// A thread runs the parallel loops in its code one iteration after another.
static LogicalResult sequentialize(Operation *op) {
  SmallVector<scf::ParallelOp> inner;
  op->walk([&](scf::ParallelOp nested) {
    if (nested != op)
      inner.push_back(nested);
  });
  IRRewriter rewriter(op->getContext());
  for (scf::ParallelOp nested : inner) {
    rewriter.setInsertionPoint(nested);
    if (failed(scf::parallelForToNestedFors(rewriter, nested)))
      return nested.emitOpError("cannot be given to one thread");
  }
  return success();
}

/// Gives each iteration of a parallel loop to a thread.
static LogicalResult launchParallel(scf::ParallelOp op) {
  if (op.getNumReductions() != 0)
    return op.emitOpError(
        "cannot be divided among threads: expected no reduction");
  if (failed(sequentialize(op)))
    return failure();
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value zero = constantIndex(b, 0);
  SmallVector<Value> counts;
  Value total = constantIndex(b, 1);
  for (auto [lower, upper, step] :
       llvm::zip(op.getLowerBound(), op.getUpperBound(), op.getStep())) {
    Value span = arith::MaxSIOp::create(b, subIndex(b, upper, lower), zero);
    counts.push_back(
        b.createOrFold<arith::CeilDivUIOp>(b.getLoc(), span, step));
    total = b.createOrFold<arith::MulIOp>(b.getLoc(), total, counts.back());
  }
  emitLaunch(
      b, "loop", getBlocks(total, kThreads), kThreads, {},
      [&](const KernelThread &thread) {
        emitForEachItem(
            b, thread, kThreads, thread.thread, total, [&](Value item) {
              IRMapping mapping;
              for (int64_t i = int64_t(counts.size()) - 1; i >= 0; --i) {
                Value count = counts[i];
                Value number =
                    i == 0 ? item
                           : arith::RemUIOp::create(b, item, count).getResult();
                if (i != 0)
                  item = arith::DivUIOp::create(b, item, count);
                Value index =
                    addIndex(b, op.getLowerBound()[i],
                             arith::MulIOp::create(b, number, op.getStep()[i]));
                mapping.map(op.getInductionVars()[i], index);
              }
              for (Operation &nested : op.getBody()->without_terminator())
                b.clone(nested, mapping);
            });
      });
  op.erase();
  return success();
}

/// Gives `op` to one thread.
static LogicalResult launchAlone(Operation *op) {
  if (op->getNumResults() != 0)
    return op->emitOpError("cannot be given to a kernel: expected no results "
                           "where memory is read or written");
  if (failed(sequentialize(op)))
    return failure();
  ImplicitLocOpBuilder b(op->getLoc(), op);
  emitLaunch(b, "step", /*blocks=*/1, /*threads=*/1, {},
             [&](const KernelThread &thread) {
               emitForEachItemOfBlock(b, thread, constantIndex(b, 1),
                                      [&](Value) { b.clone(*op); });
             });
  op->erase();
  return success();
}

namespace {
struct MapLoopsToGPUPass final
    : mxfp4::impl::MapLoopsToGPUPassBase<MapLoopsToGPUPass> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    if (!function.getBody().hasOneBlock()) {
      function.emitOpError("cannot be made launches: expected one block");
      return signalPassFailure();
    }
    for (Operation &op :
         llvm::make_early_inc_range(function.getBody().front())) {
      if (isa<gpu::LaunchOp, func::CallOp, memref::AllocOp, memref::DeallocOp>(
              op) ||
          op.hasTrait<OpTrait::IsTerminator>() || isMemoryEffectFree(&op))
        continue;
      auto parallel = dyn_cast<scf::ParallelOp>(op);
      if (failed(parallel ? launchParallel(parallel) : launchAlone(&op)))
        return signalPassFailure();
    }
  }
};
} // namespace
