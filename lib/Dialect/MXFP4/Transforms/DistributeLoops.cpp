//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Turns functions into what one thread of a team does. All threads follow the
// same control flow, so they meet at the same barriers.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#define DEBUG_TYPE "mxfp4-distribute-loops"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_DISTRIBUTELOOPSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// The arguments that say who runs a function.
struct Team {
  Value thread, threads, invocation;
};
} // namespace

/// True if `op`, or an op in it, has an effect on memory that other threads can
/// see.
template <typename EffectTy> static bool touchesMemory(Operation *op) {
  return op
      ->walk([](Operation *nested) {
        bool isAllocation =
            isa<memref::AllocOp, memref::AllocaOp, memref::DeallocOp>(nested);
        return !isAllocation && hasEffect<EffectTy>(nested)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// The first op in `op`, or itself, of which nobody knows what memory it
/// touches; or null.
static Operation *findUnknownEffects(Operation *op) {
  Operation *unknown = nullptr;
  op->walk<WalkOrder::PreOrder>([&](Operation *nested) {
    if (!hasUnknownEffects(nested))
      return WalkResult::advance();
    unknown = nested;
    return WalkResult::interrupt();
  });
  return unknown;
}

/// True if something in `op` is for all threads.
static bool involvesTeam(Operation *op) {
  return op
      ->walk([](Operation *nested) {
        return isa<scf::ParallelOp, func::CallOp>(nested)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// A barrier after code that is made from the op at the builder's location.
static void emitBarrier(ImplicitLocOpBuilder &b, const Team &team) {
  auto numbered = b.getLoc()->findInstanceOf<FusedLocWith<OpNumberAttr>>();
  Value number = arith::ConstantIntOp::create(
      b, numbered ? numbered.getMetadata().getNumber() : -1, 64);
  func::CallOp::create(b, kBarrierName, TypeRange(),
                       ValueRange{team.invocation, number});
}

/// The loop over a parallel loop's first dimension that has more than one
/// iteration is divided; the others are loops inside.
static unsigned getDividedDimension(scf::ParallelOp op) {
  for (unsigned i = 0; i + 1 < op.getNumLoops(); ++i) {
    std::optional<int64_t> lower = getConstantIntValue(op.getLowerBound()[i]);
    std::optional<int64_t> upper = getConstantIntValue(op.getUpperBound()[i]);
    if (!lower || !upper || *upper - *lower > 1)
      return i;
  }
  return op.getNumLoops() - 1;
}

/// Replaces a parallel loop by loops of one thread: all of it without `team`,
/// the share of a thread with it.
static void lowerParallel(scf::ParallelOp op, const Team *team) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  unsigned divided = getDividedDimension(op);
  SmallVector<unsigned> order = {divided};
  for (unsigned i = 0; i < op.getNumLoops(); ++i)
    if (i != divided)
      order.push_back(i);

  SmallVector<Value> indices(op.getNumLoops());
  for (unsigned i : order) {
    Value lower = op.getLowerBound()[i], upper = op.getUpperBound()[i];
    Value step = op.getStep()[i];
    if (team && i == divided) {
      // Share of n iterations: from n * thread / threads on. The last share
      // ends at lower + n * step, perhaps past the upper bound, which makes no
      // further iteration.
      Value zero = arith::ConstantIndexOp::create(b, 0);
      Value one = arith::ConstantIndexOp::create(b, 1);
      Value span = arith::MaxSIOp::create(
          b, arith::SubIOp::create(b, upper, lower), zero);
      Value iterations = arith::CeilDivSIOp::create(b, span, step);
      auto border = [&](Value thread) -> Value {
        Value share = arith::DivUIOp::create(
            b, arith::MulIOp::create(b, iterations, thread), team->threads);
        return arith::AddIOp::create(b, lower,
                                     arith::MulIOp::create(b, share, step));
      };
      Value begin = border(team->thread);
      upper = border(arith::AddIOp::create(b, team->thread, one));
      lower = begin;
    }
    auto loop = scf::ForOp::create(b, lower, upper, step);
    indices[i] = loop.getInductionVar();
    b.setInsertionPointToStart(loop.getBody());
  }
  op.getBody()->getTerminator()->erase();
  Operation *innermost = b.getInsertionBlock()->getParentOp();
  cast<scf::ForOp>(innermost).getBody()->getOperations().splice(
      b.getInsertionBlock()->begin(), op.getBody()->getOperations());
  for (auto [argument, index] :
       llvm::zip(op.getBody()->getArguments(), indices))
    argument.replaceAllUsesWith(index);
  op.erase();
}

namespace {
struct DistributeLoopsPass final
    : mxfp4::impl::DistributeLoopsPassBase<DistributeLoopsPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Type pointer = LLVM::LLVMPointerType::get(&getContext());
    if (module.lookupSymbol(kBarrierName)) {
      module.emitOpError() << "cannot be divided among threads: expected no '"
                           << kBarrierName << "' before";
      return signalPassFailure();
    }
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      if (!function.getBody().hasOneBlock()) {
        function.emitOpError("cannot be divided among threads: expected one "
                             "block");
        return signalPassFailure();
      }
      Type index = IndexType::get(&getContext());
      Location loc = function.getLoc();
      std::pair<StringRef, Type> arguments[] = {
          {"thread", index}, {"threads", index}, {"invocation", pointer}};
      Builder builder(&getContext());
      for (auto [position, argument] : llvm::enumerate(arguments)) {
        auto attributes = builder.getDictionaryAttr(builder.getNamedAttr(
            kValueAttrName, builder.getStringAttr(argument.first)));
        if (failed(function.insertArgument(position, argument.second,
                                           attributes, loc)))
          return signalPassFailure();
      }
    }
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      Team team = {function.getArgument(0), function.getArgument(1),
                   function.getArgument(2)};
      if (failed(distribute(function.getBody().front(), team)))
        return signalPassFailure();
    }
    ImplicitLocOpBuilder b(module.getLoc(), &getContext());
    b.setInsertionPointToStart(module.getBody());
    auto barrier = func::FuncOp::create(
        b, kBarrierName,
        b.getFunctionType({pointer, b.getI64Type()}, TypeRange()));
    barrier.setPrivate();
  }

private:
  LogicalResult distribute(Block &block, const Team &team) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto parallel = dyn_cast<scf::ParallelOp>(op)) {
        if (failed(distributeParallel(parallel, team)))
          return failure();
      } else if (auto call = dyn_cast<func::CallOp>(op)) {
        auto callee =
            getOperation().lookupSymbol<func::FuncOp>(call.getCallee());
        if (!callee || callee.isExternal())
          return op.emitOpError("cannot be divided among threads: expected a "
                                "callee with a body");
        call.getOperandsMutable().assign(llvm::to_vector(llvm::concat<Value>(
            SmallVector<Value>{team.thread, team.threads, team.invocation},
            SmallVector<Value>(call.getOperands()))));
      } else if (op.getNumRegions() != 0 && involvesTeam(&op)) {
        for (Region &region : op.getRegions())
          for (Block &nested : region)
            if (failed(distribute(nested, team)))
              return failure();
      } else if (isa<memref::AllocaOp>(op)) {
        return op.emitOpError(
            "cannot be divided among threads: expected memref.alloc where "
            "threads share memory");
      } else if (Operation *unknown = findUnknownEffects(&op)) {
        return unknown->emitOpError(
            "cannot be given to one thread: expected known effects on memory");
      } else if (touchesMemory<MemoryEffects::Write>(&op)) {
        if (op.getNumResults() != 0)
          return op.emitOpError("cannot be given to one thread: expected no "
                                "results where memory is written");
        ImplicitLocOpBuilder b(op.getLoc(), &op);
        Value isFirst =
            arith::CmpIOp::create(b, arith::CmpIPredicate::eq, team.thread,
                                  arith::ConstantIndexOp::create(b, 0));
        auto branch = scf::IfOp::create(b, isFirst);
        emitBarrier(b, team);
        op.moveBefore(branch.thenBlock()->getTerminator());
      } else if (touchesMemory<MemoryEffects::Read>(&op)) {
        // No thread may go on and write here before all have read.
        ImplicitLocOpBuilder b(op.getLoc(), &getContext());
        b.setInsertionPointAfter(&op);
        emitBarrier(b, team);
      }
    }
    return success();
  }

  /// An iteration of a parallel loop frees its stack memory, which the loops
  /// that it becomes would not: the thread has it all along.
  LogicalResult hoistStackMemory(scf::ParallelOp op) {
    SmallVector<memref::AllocaOp> allocas;
    op.walk([&](memref::AllocaOp alloca) { allocas.push_back(alloca); });
    Block &entry = op->getParentOfType<func::FuncOp>().getBody().front();
    for (memref::AllocaOp alloca : allocas) {
      if (alloca->getNumOperands() != 0)
        return alloca.emitOpError("cannot be given to one thread: expected "
                                  "stack memory of a known size");
      alloca->moveBefore(&entry, entry.begin());
    }
    return success();
  }

  LogicalResult distributeParallel(scf::ParallelOp op, const Team &team) {
    if (op.getNumReductions() != 0)
      return op.emitOpError("cannot be divided among threads: expected no "
                            "reduction");
    SmallVector<scf::ParallelOp> inner;
    WalkResult result = op.getBody()->walk([&](Operation *nested) {
      auto parallel = dyn_cast<scf::ParallelOp>(nested);
      if (isa<func::CallOp>(nested) ||
          (parallel && parallel.getNumReductions() != 0)) {
        nested->emitOpError("cannot be given to one thread: expected no call "
                            "and no reduction in a parallel loop");
        return WalkResult::interrupt();
      }
      if (parallel)
        inner.push_back(parallel);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    if (failed(hoistStackMemory(op)))
      return failure();
    for (scf::ParallelOp nested : inner)
      lowerParallel(nested, /*team=*/nullptr);
    ImplicitLocOpBuilder b(op.getLoc(), op);
    b.setInsertionPointAfter(op);
    emitBarrier(b, team);
    lowerParallel(op, &team);
    return success();
  }
};
} // namespace
