//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lets a kernel be launched while the one before still runs, so that it is
// there when that is done.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "MemoryUse.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/ADT/DenseSet.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_OVERLAPLAUNCHESPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// True if `op` touches no memory that the kernel before may write or read.
static bool needsNoOther(Operation *op) {
  if (touchesNoMemory(op))
    return true;
  if (op->hasTrait<OpTrait::HasRecursiveMemoryEffects>()) {
    auto result = op->walk([&](Operation *nested) {
      return nested == op || needsNoOther(nested) ? WalkResult::advance()
                                                  : WalkResult::interrupt();
    });
    return !result.wasInterrupted();
  }
  MemoryUse use;
  use.add(op);
  auto isThere = [](Value memref) {
    return isShared(memref) || isSettled(memref) || isEarly(memref);
  };
  return !(use.reads.empty() && use.writes.empty()) &&
         llvm::all_of(use.reads, isThere) && llvm::all_of(use.writes, isShared);
}

static void startNext(ImplicitLocOpBuilder &b) {
  NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::launch_dependents);
}

/// Lets threads that run `block` wait as late as they can, and the next kernel
/// start then if `startsNext`.
static void addWait(Block &block, bool startsNext) {
  Operation *first = block.getTerminator();
  for (Operation &op : block.without_terminator())
    if (!needsNoOther(&op)) {
      first = &op;
      break;
    }
  // What can be computed before is, but for what is computed of loads, which
  // would have to be there then.
  llvm::DenseSet<Operation *> loaded;
  auto isLoaded = [&](Value operand) {
    return loaded.contains(operand.getDefiningOp());
  };
  for (Operation &op : llvm::make_range(block.begin(), first->getIterator()))
    if (isLoad(&op) || llvm::any_of(op.getOperands(), isLoaded))
      loaded.insert(&op);
  auto isBefore = [&](Value operand) {
    Operation *definition = operand.getDefiningOp();
    return !definition || definition->getBlock() != &block ||
           (definition->isBeforeInBlock(first) && !isLoaded(operand));
  };
  for (Operation *op = first->getNextNode(), *next; op; op = next) {
    next = op->getNextNode();
    if (op->getNumRegions() == 0 && !op->hasTrait<OpTrait::IsTerminator>() &&
        isMemoryEffectFree(op) && llvm::all_of(op->getOperands(), isBefore))
      op->moveBefore(first);
  }
  // Each branch is a kernel of its own where launches were merged.
  if (auto branch = dyn_cast<scf::IfOp>(first); branch && branch.elseBlock()) {
    addWait(*branch.thenBlock(), startsNext);
    addWait(*branch.elseBlock(), startsNext);
    return;
  }
  ImplicitLocOpBuilder b(first->getLoc(), first);
  // The intrinsic function does not say that memory changes, so that loads
  // would move past it.
  LLVM::InlineAsmOp::create(
      b, /*res=*/Type(), /*operands=*/ValueRange(), "griddepcontrol.wait;",
      "~{memory}", /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None, /*asm_dialect=*/LLVM::AsmDialectAttr(),
      /*operand_attrs=*/ArrayAttr());
  if (startsNext)
    startNext(b);
}

/// True if `kernel` loads early memory, be it before the wait or behind it.
static bool readsEarly(gpu::GPUFuncOp kernel) {
  auto result = kernel.walk([](Operation *op) {
    return isLoad(op) && isEarly(op->getOperand(0)) ? WalkResult::interrupt()
                                                    : WalkResult::advance();
  });
  return result.wasInterrupted();
}

namespace {
struct OverlapLaunchesPass final
    : mxfp4::impl::OverlapLaunchesPassBase<OverlapLaunchesPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<gpu::GPUFuncOp>()) {
      Block &entry = kernel.getBody().front();
      bool startsNextFirst = kernel->hasAttr(kStartsNextAttrName);
      addWait(entry, !startsNextFirst);
      auto b = ImplicitLocOpBuilder::atBlockBegin(kernel.getLoc(), &entry);
      if (startsNextFirst)
        startNext(b);
      // What was cached before the kernel started may be older.
      if (readsEarly(kernel))
        LLVM::FenceOp::create(b, LLVM::AtomicOrdering::acquire, "device");
    }
  }
};
} // namespace
