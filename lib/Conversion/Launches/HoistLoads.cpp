//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel of few microseconds is done soonest if all that it needs from memory
// is requested at once. Compilers do not move loads past barriers.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/KernelCode.h"
#include "MemoryUse.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_HOISTLOADSPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// Registers of a multiprocessor, and those that a thread needs for more than
/// what it waits for.
static constexpr int64_t kRegisters = 65536;
static constexpr int64_t kOtherRegisters = 24;
/// Bytes that a thread waits for at most.
static constexpr int64_t kMaxBytes = 160;

/// Bytes that threads of `kernel` have registers to wait for.
static int64_t getBudget(gpu::GPUFuncOp kernel) {
  auto blocks = kernel->getAttrOfType<IntegerAttr>(
      NVVM::NVVMDialect::getMinctasmAttrName());
  std::optional<ArrayRef<int32_t>> size = kernel.getKnownBlockSize();
  if (!blocks || !size || size->front() <= 0 || blocks.getInt() <= 0)
    return kMaxBytes;
  int64_t registers = kRegisters / (size->front() * blocks.getInt());
  return std::clamp<int64_t>((registers - kOtherRegisters) * 4, 0, kMaxBytes);
}

/// Registers that hold `type`, in bytes.
static int64_t getBytes(Type type) {
  int64_t elements = 1;
  if (auto vector = dyn_cast<VectorType>(type)) {
    elements = vector.getNumElements();
    type = vector.getElementType();
  }
  int64_t bits = type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 64;
  return llvm::alignTo(llvm::divideCeil(elements * bits, 8), 4);
}

/// True if `op`, or code in it, may write memory that `load` reads.
static bool mayWrite(Operation *op, Operation *load) {
  Value memref = getRoot(load->getOperand(0));
  return op
      ->walk([&](Operation *nested) {
        if (touchesNoMemory(nested) ||
            nested->hasTrait<OpTrait::HasRecursiveMemoryEffects>())
          return WalkResult::advance();
        MemoryUse use;
        use.add(nested);
        bool touches = llvm::any_of(use.writes, [&](Value written) {
          return isShared(memref) ? written == memref : !isShared(written);
        });
        bool isKnown = !use.reads.empty() || !use.writes.empty();
        return touches || !isKnown ? WalkResult::interrupt()
                                   : WalkResult::advance();
      })
      .wasInterrupted();
}

namespace {
/// Moves the loads of one block.
class LoadHoister {
public:
  LoadHoister(Block &block, int64_t budget) : block(block), budget(budget) {}

  void run() {
    // What is there before the kernel starts is requested first.
    SmallVector<Operation *> loads, early, others, fills;
    for (Operation &op : block) {
      if (isFill(&op))
        fills.push_back(&op);
      if (!isLoad(&op) || isShared(op.getOperand(0)))
        continue;
      Value memref = op.getOperand(0);
      (isSettled(memref) ? loads
       : isEarly(memref) ? early
                         : others)
          .push_back(&op);
    }
    hoistLoads(loads);
    llvm::for_each(fills, [&](Operation *fill) { hoistFill(fill); });
    hoistLoads(early);
    hoistLoads(others);
  }

private:
  /// True for a loop that does nothing but begin to copy settled memory to
  /// memory of the block that nothing before it touches.
  bool isFill(Operation *op) {
    if (!isa<scf::ForOp>(op))
      return false;
    llvm::SmallPtrSet<Value, 4> filled;
    auto result = op->walk([&](Operation *nested) {
      auto copy = dyn_cast<nvgpu::DeviceAsyncCopyOp>(nested);
      if (copy)
        filled.insert(getRoot(copy.getDst()));
      bool isOther = nested->hasTrait<OpTrait::HasRecursiveMemoryEffects>() ||
                     touchesNoMemory(nested);
      return (copy ? isSettled(copy.getSrc()) : isOther)
                 ? WalkResult::advance()
                 : WalkResult::interrupt();
    });
    if (result.wasInterrupted() || filled.empty())
      return false;
    MemoryUse before;
    for (Operation &other : llvm::make_range(block.begin(), op->getIterator()))
      other.walk([&](Operation *nested) { before.add(nested); });
    return llvm::none_of(filled, [&](Value memref) {
      return before.reads.contains(memref) || before.writes.contains(memref);
    });
  }

  /// Moves as many of `loads` as there are registers for.
  void hoistLoads(ArrayRef<Operation *> loads) {
    for (Operation *load : loads) {
      budget -= getBytes(load->getResult(0).getType());
      if (budget < 0)
        return;
      llvm::SetVector<Operation *> slice;
      Operation *after = nullptr;
      addSlice(load, slice, after);
      moveBehind(slice, after);
    }
  }

  void hoistFill(Operation *fill) {
    llvm::SetVector<Operation *> slice;
    llvm::SetVector<Value> operands(fill->operand_begin(), fill->operand_end());
    getUsedValuesDefinedAbove(fill->getRegions(), operands);
    Operation *after = nullptr;
    for (Value operand : operands)
      addDefinition(operand, slice, after);
    slice.insert(fill);
    moveBehind(slice, after);
  }

  /// Adds `op` and all in the block that it is computed of to `slice`, in their
  /// order, and moves `after` to the last op that must stay before one of them.
  void addSlice(Operation *op, llvm::SetVector<Operation *> &slice,
                Operation *&after) {
    auto stayBehind = [&](Operation *other) {
      if (!after || after->isBeforeInBlock(other))
        after = other;
    };
    if (slice.contains(op))
      return;
    if (isLoad(op))
      stayBehindWriter(op, stayBehind);
    else if (!isMemoryEffectFree(op) && !isa<LLVM::LoadOp>(op))
      return stayBehind(op);
    for (Value operand : op->getOperands())
      addDefinition(operand, slice, after);
    if (op->getNumRegions() != 0)
      return stayBehind(op);
    slice.insert(op);
  }

  void addDefinition(Value value, llvm::SetVector<Operation *> &slice,
                     Operation *&after) {
    Operation *definition = value.getDefiningOp();
    if (definition && definition->getBlock() == &block)
      addSlice(definition, slice, after);
  }

  /// Calls `stayBehind` with the op before the load `op` that it has to follow.
  void stayBehindWriter(Operation *op,
                        function_ref<void(Operation *)> stayBehind) {
    if (isSettled(op->getOperand(0)))
      return;
    Operation *barrier = nullptr;
    for (Operation *other = op->getPrevNode(); other;
         other = other->getPrevNode()) {
      auto hasBarrier =
          other->walk([](gpu::BarrierOp) { return WalkResult::interrupt(); });
      if (hasBarrier.wasInterrupted())
        barrier = other;
      if (mayWrite(other, op))
        return stayBehind(barrier ? barrier : other);
    }
  }

  /// Moves the ops of `slice` behind `after`, or to the beginning, and behind
  /// those that were moved there before.
  void moveBehind(const llvm::SetVector<Operation *> &slice, Operation *after) {
    Operation *&last = lasts[after];
    for (Operation *op : slice) {
      Operation *place = last ? last : after;
      if (place && (op == place || op->isBeforeInBlock(place)))
        continue;
      if (place)
        op->moveAfter(place);
      else if (op != &block.front())
        op->moveBefore(&block.front());
      last = op;
    }
  }

  Block &block;
  int64_t budget;
  /// The last op that was moved behind each other one, or to the beginning.
  DenseMap<Operation *, Operation *> lasts;
};

struct HoistLoadsPass final : mxfp4::impl::HoistLoadsPassBase<HoistLoadsPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<gpu::GPUFuncOp>())
      hoist(kernel.getBody().front(), getBudget(kernel));
  }

private:
  /// Also in the branches in which merged launches are.
  static void hoist(Block &block, int64_t budget) {
    LoadHoister(block, budget).run();
    for (auto branch : block.getOps<scf::IfOp>())
      for (Region &region : branch->getRegions())
        for (Block &nested : region)
          hoist(nested, budget);
  }
};
} // namespace
