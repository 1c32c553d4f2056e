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
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mxfp4/ABI/Program.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
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
static constexpr int64_t kMaxBytes = int64_t(1) << 40;

namespace {
/// One temporary: its size, the operations of the block it lives between, and
/// its place.
struct Temporary {
  memref::AllocOp alloc;
  SmallVector<memref::DeallocOp> deallocs;
  int64_t bytes;
  int64_t begin, end;
  int64_t offset = 0;
};

/// The temporaries of one function, and the bytes they take together.
struct Frame {
  SmallVector<Temporary> temporaries;
  int64_t bytes = 0;
};
} // namespace

/// The number in `block` of the operation that `op` is or is nested in.
static int64_t getOrder(Operation *op, Block *block,
                        const DenseMap<Operation *, int64_t> &order) {
  return order.lookup(block->findAncestorOpInBlock(*op));
}

static bool isMemRef(Value value) {
  return isa<BaseMemRefType>(value.getType());
}

/// The other names that `op` gives a memref or an address that it reads.
static SmallVector<Value> getNames(Operation *op) {
  // A memref is no operand of arithmetic, but its address is.
  if (isa<memref::ExtractAlignedPointerAsIndexOp, arith::AddIOp,
          arith::IndexCastOp, LLVM::IntToPtrOp>(op))
    return llvm::to_vector_of<Value>(op->getResults());
  if (!isa<ViewLikeOpInterface>(op))
    return {};
  return llvm::to_vector(
      llvm::make_filter_range(ValueRange(op->getResults()), isMemRef));
}

/// True if no name of a memref outlives `op`, which gives it none and uses it
/// in `use`: it writes it, or reads numbers from it.
static bool isAccess(OpOperand &use) {
  Operation *op = use.getOwner();
  if (op->hasTrait<OpTrait::IsTerminator>())
    return false;
  if (auto store = dyn_cast<memref::StoreOp>(op))
    return &use != &store.getValueMutable();
  if (op->getNumResults() == 0 || isa<memref::DimOp>(op))
    return true;
  return hasEffect<MemoryEffects::Read>(op) &&
         llvm::all_of(op->getResultTypes(), [](Type type) {
           auto vector = dyn_cast<VectorType>(type);
           return (vector ? vector.getElementType() : type)
               .isIntOrIndexOrFloat();
         });
}

/// Where `value`, or a view of it, is used last, other than to be freed. Fails
/// where it gets another name that is no view, so that its uses are not known.
/// Adds what would free it to `deallocs`.
static FailureOr<int64_t>
getLastUse(Value value, Block *block,
           const DenseMap<Operation *, int64_t> &order,
           SmallVectorImpl<memref::DeallocOp> &deallocs) {
  int64_t last = 0;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (auto dealloc = dyn_cast<memref::DeallocOp>(user)) {
      deallocs.push_back(dealloc);
      continue;
    }
    last = std::max(last, getOrder(user, block, order));
    SmallVector<Value> names = getNames(user);
    for (Value name : names) {
      FailureOr<int64_t> named = getLastUse(name, block, order, deallocs);
      if (failed(named))
        return failure();
      last = std::max(last, *named);
    }
    if (names.empty() && !isAccess(use)) {
      return user->emitOpError("cannot take a temporary in the arena: expected "
                               "it to be read, written and viewed alone");
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
/// Plans the memory of one module.
class MemoryPlanner {
public:
  explicit MemoryPlanner(ModuleOp module) : module(module), symbols(module) {}

  LogicalResult run() {
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      functions.push_back(function);
      function.walk([&](func::CallOp call) {
        if (func::FuncOp callee = getCallee(call))
          calls[callee].push_back(call);
      });
    }
    for (func::FuncOp function : functions)
      if (failed(planFrame(function)))
        return failure();
    int64_t arena = 0;
    for (func::FuncOp function : functions) {
      FailureOr<int64_t> depth = getDepth(function, {});
      if (failed(depth))
        return failure();
      arena = std::max(arena, *depth);
    }
    for (func::FuncOp function : functions)
      if (failed(takeArena(function)))
        return failure();
    for (func::FuncOp function : functions)
      passArena(function);
    Builder builder(module.getContext());
    module->setAttr(kArenaAttrName, builder.getI64IntegerAttr(arena));
    return success();
  }

private:
  /// The function with a body that `call` calls, or null.
  func::FuncOp getCallee(func::CallOp call) {
    auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
    return callee && !callee.isExternal() ? callee : func::FuncOp();
  }

  /// The most that `size` can be, or nothing unless it is a number of tokens,
  /// or a sum or product of such and constants.
  std::optional<int64_t> getBound(Value size) {
    if (std::optional<int64_t> constant = getConstantIntValue(size))
      return constant;
    Operation *op = size.getDefiningOp();
    if (isa_and_nonnull<arith::AddIOp, arith::MulIOp>(op)) {
      std::optional<int64_t> x = getBound(op->getOperand(0));
      std::optional<int64_t> y = getBound(op->getOperand(1));
      int64_t bound;
      if (!x || !y || *x < 0 || *y < 0 ||
          (isa<arith::AddIOp>(op) ? llvm::AddOverflow(*x, *y, bound)
                                  : llvm::MulOverflow(*x, *y, bound)))
        return std::nullopt;
      return bound;
    }
    if (auto argument = dyn_cast<BlockArgument>(size))
      return getArgumentBound(argument);
    auto dim = size.getDefiningOp<memref::DimOp>();
    if (dim && dim.getConstantIndex() == 0)
      return getRowsBound(dim.getSource());
    return std::nullopt;
  }

  /// The same of the leading dimension of a memref.
  std::optional<int64_t> getRowsBound(Value memref) {
    auto type = dyn_cast<MemRefType>(memref.getType());
    if (!type || type.getRank() == 0)
      return std::nullopt;
    if (!type.isDynamicDim(0))
      return type.getDimSize(0);
    if (auto argument = dyn_cast<BlockArgument>(memref))
      return getArgumentBound(argument);
    if (auto alloc = memref.getDefiningOp<memref::AllocOp>())
      return getBound(alloc.getDynamicSizes().front());
    if (auto cast = memref.getDefiningOp<memref::CastOp>())
      return getRowsBound(cast.getSource());
    auto expand = memref.getDefiningOp<memref::ExpandShapeOp>();
    if (expand && expand.getReassociationIndices().front().size() == 1)
      return getRowsBound(expand.getSrc());
    auto subview = memref.getDefiningOp<memref::SubViewOp>();
    if (subview && subview.getSourceType().getRank() == type.getRank())
      return getBound(subview.getDynamicSize(0));
    return std::nullopt;
  }

  /// The same of an argument that is a number or a memref: what an entry point
  /// says of it, or what the callers of another function hand over.
  std::optional<int64_t> getArgumentBound(BlockArgument argument) {
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    if (!function)
      return std::nullopt;
    unsigned index = argument.getArgNumber();
    bool isNumber = !isMemRef(argument);
    if (function->hasAttr(kEntryAttrName)) {
      auto tokens = function->getAttrOfType<IntegerAttr>(kMaxTokensAttrName);
      auto meaning = function.getArgAttrOfType<StringAttr>(
          index, isNumber ? kValueAttrName : kDimAttrName);
      if (tokens && meaning && meaning.getValue() == "tokens")
        return tokens.getInt();
      return std::nullopt;
    }
    // Nothing is known of what a function hands over to itself.
    auto [known, isNew] = bounds.insert({argument, std::nullopt});
    if (!isNew)
      return known->second;
    std::optional<int64_t> most;
    for (func::CallOp call : calls.lookup(function)) {
      Value operand = call.getOperand(index);
      std::optional<int64_t> bound =
          isNumber ? getBound(operand) : getRowsBound(operand);
      if (!bound)
        return std::nullopt;
      most = std::max(most, bound);
    }
    return bounds[argument] = most;
  }

  /// The size of a temporary, up to where the next may start.
  FailureOr<int64_t> getBytes(memref::AllocOp alloc) {
    MemRefType type = alloc.getType();
    Type element = type.getElementType();
    if (!element.isIntOrIndexOrFloat() || !type.getLayout().isIdentity() ||
        type.getMemorySpace())
      return alloc.emitOpError(
          "cannot be placed in the arena: expected numbers "
          "in plain order in the default memory space");
    int64_t bytes = getElementBytes(element);
    SmallVector<int64_t> sizes(type.getShape());
    auto dynamicSizes = alloc.getDynamicSizes().begin();
    for (int64_t &size : sizes) {
      if (!ShapedType::isDynamic(size))
        continue;
      std::optional<int64_t> bound = getBound(*dynamicSizes++);
      if (!bound)
        return alloc.emitOpError("cannot be placed in the arena: expected "
                                 "dynamic sizes to be the number of tokens of "
                                 "an entry point");
      size = *bound;
    }
    for (int64_t size : sizes)
      if (size < 0 || llvm::MulOverflow(bytes, size, bytes) ||
          bytes > kMaxBytes)
        return alloc.emitOpError("cannot be placed in the arena: expected at "
                                 "most 2^40 bytes");
    return llvm::alignTo(bytes, mx::kBufferAlignment);
  }

  /// Finds places for the temporaries of one function.
  LogicalResult planFrame(func::FuncOp function) {
    if (!function.getBody().hasOneBlock())
      return function.emitOpError("cannot be given a place in the arena: "
                                  "expected one block");
    Block *block = &function.getBody().front();
    DenseMap<Operation *, int64_t> order;
    for (auto [number, op] : llvm::enumerate(*block))
      order[&op] = number;

    Frame &frame = frames[function];
    WalkResult result = function.walk([&](memref::AllocOp alloc) {
      if (alloc->getBlock() != block) {
        alloc.emitOpError("cannot be placed in the arena: expected it at the "
                          "top level of a function, but got it in '")
            << alloc->getParentOp()->getName() << "'";
        return WalkResult::interrupt();
      }
      Temporary temporary;
      FailureOr<int64_t> bytes = getBytes(alloc);
      FailureOr<int64_t> lastUse =
          getLastUse(alloc, block, order, temporary.deallocs);
      if (failed(bytes) || failed(lastUse))
        return WalkResult::interrupt();
      temporary.alloc = alloc;
      temporary.bytes = *bytes;
      temporary.begin = order[alloc];
      temporary.end = *lastUse;
      frame.temporaries.push_back(std::move(temporary));
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    frame.bytes = placeTemporaries(frame.temporaries);
    return success();
  }

  /// Gives a function the arena as an argument, and puts its temporaries there.
  LogicalResult takeArena(func::FuncOp function) {
    Builder builder(module.getContext());
    Type bytes = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
    unsigned first = function.getNumArguments();
    auto named = [&](StringRef name, StringRef value) {
      return builder.getNamedAttr(name, builder.getStringAttr(value));
    };
    auto isArena = builder.getDictionaryAttr(
        {named(kBufferAttrName, "arena"), named(kKindAttrName, "arena")});
    auto isBase = builder.getDictionaryAttr(named(kValueAttrName, "zero"));
    if (failed(function.insertArgument(first, bytes, isArena,
                                       function.getLoc())) ||
        failed(function.insertArgument(first + 1, builder.getIndexType(),
                                       isBase, function.getLoc())))
      return failure();
    Value arena = function.getArgument(first);
    Value base = function.getArgument(first + 1);
    for (Temporary &temporary : frames[function].temporaries) {
      memref::AllocOp alloc = temporary.alloc;
      ImplicitLocOpBuilder b(alloc.getLoc(), alloc);
      Value offset = arith::AddIOp::create(
          b, base, arith::ConstantIndexOp::create(b, temporary.offset));
      Value view = memref::ViewOp::create(b, alloc.getType(), arena, offset,
                                          alloc.getDynamicSizes());
      for (memref::DeallocOp dealloc : temporary.deallocs)
        dealloc.erase();
      alloc.replaceAllUsesWith(view);
      alloc.erase();
    }
    return success();
  }

  /// Bytes from the start of a function's frame to the end of the deepest frame
  /// below it. Fails if the function calls itself.
  FailureOr<int64_t> getDepth(func::FuncOp function,
                              SmallVector<func::FuncOp> callers) {
    if (auto known = depths.find(function); known != depths.end())
      return known->second;
    if (llvm::is_contained(callers, function))
      return function.emitOpError("cannot be given a place in the arena: it "
                                  "calls itself");
    callers.push_back(function);
    int64_t below = 0;
    WalkResult result = function.walk([&](func::CallOp call) {
      func::FuncOp callee = getCallee(call);
      if (!callee)
        return WalkResult::advance();
      FailureOr<int64_t> depth = getDepth(callee, callers);
      if (failed(depth))
        return WalkResult::interrupt();
      below = std::max(below, *depth);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    return depths[function] = frames[function].bytes + below;
  }

  /// Hands the rest of the arena to the functions that `function` calls.
  void passArena(func::FuncOp function) {
    Value arena = function.getArgument(function.getNumArguments() - 2);
    Value base = function.getArgument(function.getNumArguments() - 1);
    function.walk([&](func::CallOp call) {
      if (!getCallee(call))
        return;
      ImplicitLocOpBuilder b(call.getLoc(), call);
      Value offset = arith::AddIOp::create(
          b, base, arith::ConstantIndexOp::create(b, frames[function].bytes));
      call.getOperandsMutable().append({arena, offset});
    });
  }

  ModuleOp module;
  SymbolTable symbols;
  SmallVector<func::FuncOp> functions;
  DenseMap<func::FuncOp, SmallVector<func::CallOp>> calls;
  DenseMap<func::FuncOp, Frame> frames;
  DenseMap<func::FuncOp, int64_t> depths;
  DenseMap<BlockArgument, std::optional<int64_t>> bounds;
};

struct PlanMemoryPass final : mxfp4::impl::PlanMemoryPassBase<PlanMemoryPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(MemoryPlanner(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
