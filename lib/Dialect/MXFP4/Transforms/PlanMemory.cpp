//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Places temporaries in one arena. A function's frame starts where its caller's
// ends, as on a stack, but with offsets known before anything runs.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mxfp4/ABI/Program.h"
#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "mxfp4-plan-memory"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// No temporary is as large as this: sums of a few million such do not
/// overflow.
static constexpr int64_t kMaxBits = int64_t(8) << 40;

namespace {
/// One temporary: its size, the operations of the block it lives between, and
/// its place.
struct Temporary {
  memref::AllocOp alloc;
  int64_t bytes;
  int64_t begin, end;
  int64_t offset = 0;
};
} // namespace

/// The number in `block` of the operation that `op` is or is nested in.
static int64_t getOrder(Operation *op, Block *block,
                        const DenseMap<Operation *, int64_t> &order) {
  return order.lookup(block->findAncestorOpInBlock(*op));
}

/// Where `value`, or a view of it, is used last. Fails where it gets another
/// name that is no view, so that its uses are not known.
static FailureOr<int64_t>
getLastUse(Value value, Block *block,
           const DenseMap<Operation *, int64_t> &order) {
  int64_t last = 0;
  for (Operation *user : value.getUsers()) {
    last = std::max(last, getOrder(user, block, order));
    bool isView = isa<ViewLikeOpInterface>(user);
    if (user->hasTrait<OpTrait::IsTerminator>() ||
        (!isView &&
         llvm::any_of(user->getResultTypes(), llvm::IsaPred<BaseMemRefType>)))
      return user->emitOpError("cannot take a temporary in the arena: expected "
                               "it to be read, written and viewed alone");
    if (!isView)
      continue;
    for (Value result : user->getResults()) {
      FailureOr<int64_t> viewed = getLastUse(result, block, order);
      if (failed(viewed))
        return failure();
      last = std::max(last, *viewed);
    }
  }
  return last;
}

/// Gives each temporary the lowest place that is free while it lives, large
/// ones first. Returns the size of the frame.
static int64_t placeTemporaries(MutableArrayRef<Temporary> temporaries) {
  SmallVector<Temporary *> placed;
  SmallVector<Temporary *> pending;
  for (Temporary &temporary : temporaries)
    pending.push_back(&temporary);
  llvm::sort(pending, [](Temporary *a, Temporary *b) {
    return std::tuple(-a->bytes, a->begin) < std::tuple(-b->bytes, b->begin);
  });
  int64_t frame = 0;
  for (Temporary *temporary : pending) {
    SmallVector<Temporary *> neighbors;
    for (Temporary *other : placed)
      if (other->begin <= temporary->end && temporary->begin <= other->end)
        neighbors.push_back(other);
    llvm::sort(neighbors, [](Temporary *a, Temporary *b) {
      return a->offset < b->offset;
    });
    int64_t offset = 0;
    for (Temporary *other : neighbors) {
      if (offset + temporary->bytes <= other->offset)
        break;
      offset = std::max(offset, other->offset + other->bytes);
    }
    temporary->offset = offset;
    frame = std::max(frame, offset + temporary->bytes);
    placed.push_back(temporary);
  }
  return frame;
}

namespace {
struct PlanMemoryPass final : mxfp4::impl::PlanMemoryPassBase<PlanMemoryPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    for (auto function : module.getOps<func::FuncOp>()) {
      auto tokens = function->getAttrOfType<IntegerAttr>("mxfp4.max_tokens");
      if (tokens)
        maxTokens = std::max(maxTokens, tokens.getInt());
      if (!function.isExternal())
        functions.push_back(function);
    }
    for (func::FuncOp function : functions)
      if (failed(planFrame(function)))
        return signalPassFailure();
    int64_t arena = 0;
    for (func::FuncOp function : functions) {
      FailureOr<int64_t> depth = getDepth(function, symbols, {});
      if (failed(depth))
        return signalPassFailure();
      arena = std::max(arena, *depth);
    }
    for (func::FuncOp function : functions)
      passArena(function, symbols);
    Builder builder(&getContext());
    module->setAttr("mxfp4.arena", builder.getI64IntegerAttr(arena));
  }

private:
  /// The size of a temporary, up to where the next may start.
  FailureOr<int64_t> getBytes(memref::AllocOp alloc) {
    MemRefType type = alloc.getType();
    Type element = type.getElementType();
    if (!element.isIntOrIndexOrFloat() || !type.getLayout().isIdentity() ||
        type.getMemorySpace())
      return alloc.emitOpError(
          "cannot be placed in the arena: expected numbers "
          "in plain order in the default memory space");
    if (type.getNumDynamicDims() != 0 && maxTokens == 0)
      return alloc.emitOpError("cannot be placed in the arena: expected "
                               "'mxfp4.max_tokens' on an entry point");
    int64_t bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
    for (int64_t size : type.getShape()) {
      int64_t most = ShapedType::isDynamic(size) ? maxTokens : size;
      if (llvm::MulOverflow(bits, most, bits) || bits > kMaxBits)
        return alloc.emitOpError("cannot be placed in the arena: expected at "
                                 "most 2^40 bytes");
    }
    return llvm::alignTo(llvm::divideCeil(bits, 8), mx::kBufferAlignment);
  }

  /// Places the temporaries of one function.
  LogicalResult planFrame(func::FuncOp function) {
    if (!function.getBody().hasOneBlock())
      return function.emitOpError("cannot be given a place in the arena: "
                                  "expected one block");
    Block *block = &function.getBody().front();
    DenseMap<Operation *, int64_t> order;
    for (auto [number, op] : llvm::enumerate(*block))
      order[&op] = number;

    SmallVector<Temporary> temporaries;
    WalkResult result = function.walk([&](memref::AllocOp alloc) {
      if (alloc->getBlock() != block) {
        alloc.emitOpError("cannot be placed in the arena: expected it at the "
                          "top level of a function");
        return WalkResult::interrupt();
      }
      FailureOr<int64_t> bytes = getBytes(alloc);
      FailureOr<int64_t> lastUse = getLastUse(alloc, block, order);
      if (failed(bytes) || failed(lastUse))
        return WalkResult::interrupt();
      temporaries.push_back({alloc, *bytes, order[alloc], *lastUse});
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    frames[function] = placeTemporaries(temporaries);

    Type bytes = MemRefType::get({ShapedType::kDynamic},
                                 IntegerType::get(&getContext(), 8));
    unsigned first = function.getNumArguments();
    Builder builder(&getContext());
    auto named = [&](StringRef name, StringRef value) {
      return builder.getNamedAttr(name, builder.getStringAttr(value));
    };
    auto isArena = builder.getDictionaryAttr(
        {named("mxfp4.buffer", "arena"), named("mxfp4.kind", "arena")});
    auto isBase = builder.getDictionaryAttr(named("mxfp4.value", "zero"));
    if (failed(function.insertArgument(first, bytes, isArena,
                                       function.getLoc())) ||
        failed(function.insertArgument(first + 1, builder.getIndexType(),
                                       isBase, function.getLoc())))
      return failure();
    Value arena = function.getArgument(first);
    Value base = function.getArgument(first + 1);
    for (Temporary &temporary : temporaries) {
      ImplicitLocOpBuilder b(temporary.alloc.getLoc(), temporary.alloc);
      Value offset = arith::AddIOp::create(
          b, base, arith::ConstantIndexOp::create(b, temporary.offset));
      Value view =
          memref::ViewOp::create(b, temporary.alloc.getType(), arena, offset,
                                 temporary.alloc.getDynamicSizes());
      for (Operation *user :
           llvm::make_early_inc_range(temporary.alloc->getUsers()))
        if (isa<memref::DeallocOp>(user))
          user->erase();
      temporary.alloc.replaceAllUsesWith(view);
      temporary.alloc.erase();
    }
    return success();
  }

  /// Bytes from the start of a function's frame to the end of the deepest frame
  /// below it. Fails if the function calls itself.
  FailureOr<int64_t> getDepth(func::FuncOp function, SymbolTable &symbols,
                              SmallVector<func::FuncOp> callers) {
    if (auto known = depths.find(function); known != depths.end())
      return known->second;
    if (llvm::is_contained(callers, function))
      return function.emitOpError("cannot be given a place in the arena: it "
                                  "calls itself");
    callers.push_back(function);
    int64_t below = 0;
    WalkResult result = function.walk([&](func::CallOp call) {
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      if (!callee || callee.isExternal())
        return WalkResult::advance();
      FailureOr<int64_t> depth = getDepth(callee, symbols, callers);
      if (failed(depth))
        return WalkResult::interrupt();
      below = std::max(below, *depth);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    return depths[function] = frames[function] + below;
  }

  /// Hands the rest of the arena to the functions that `function` calls.
  void passArena(func::FuncOp function, SymbolTable &symbols) {
    Value arena = function.getArgument(function.getNumArguments() - 2);
    Value base = function.getArgument(function.getNumArguments() - 1);
    function.walk([&](func::CallOp call) {
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      if (!callee || callee.isExternal())
        return;
      ImplicitLocOpBuilder b(call.getLoc(), call);
      Value offset = arith::AddIOp::create(
          b, base, arith::ConstantIndexOp::create(b, frames[function]));
      call.getOperandsMutable().append({arena, offset});
    });
  }

  /// The largest of the entry points, or 0.
  int64_t maxTokens = 0;
  SmallVector<func::FuncOp> functions;
  DenseMap<func::FuncOp, int64_t> frames, depths;
};
} // namespace
