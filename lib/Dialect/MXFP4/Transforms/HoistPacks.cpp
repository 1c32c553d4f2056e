//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Moves packs of weights to the callers of a function, and at an entry point
// into a function that runs once.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/ADT/SetVector.h"

#define DEBUG_TYPE "mxfp4-hoist-packs"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_HOISTPACKSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// True if `use` is by a pack whose result may be an argument instead.
static bool isPacked(OpOperand &use) {
  auto pack = dyn_cast<PackOp>(use.getOwner());
  return pack && pack->getNumResults() == 1 && !pack.getLayout() &&
         &use == &pack.getSourceMutable();
}

/// True if `op` only names the bits of its input otherwise, one by one.
static bool isBitcast(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return false;
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  auto bitcast = yield.getValues()[0].getDefiningOp<arith::BitcastOp>();
  return bitcast && bitcast.getIn() == op.getBody()->getArgument(0);
}

/// The tensor that the user of `use` makes of the same bytes, or null.
static Value getView(OpOperand &use) {
  Operation *user = use.getOwner();
  if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(user))
    return user->getResult(0);
  auto generic = dyn_cast<linalg::GenericOp>(user);
  if (generic && use.getOperandNumber() == 0 && isBitcast(generic))
    return generic->getResult(0);
  return {};
}

/// Adds the packs of `value` to `packs`, and at an entry point those of the
/// same bytes in another shape or element type.
static void collectPacks(Value value, bool throughViews,
                         SmallVectorImpl<PackOp> &packs) {
  for (OpOperand &use : value.getUses()) {
    if (isPacked(use))
      packs.push_back(cast<PackOp>(use.getOwner()));
    else if (Value view = throughViews ? getView(use) : Value())
      collectPacks(view, throughViews, packs);
  }
}

/// Erases `op`, and what it alone used.
static void eraseUnused(Operation *op) {
  llvm::SmallSetVector<Operation *, 4> unused;
  unused.insert(op);
  while (!unused.empty()) {
    op = unused.pop_back_val();
    if (!isOpTriviallyDead(op))
      continue;
    for (Value operand : op->getOperands())
      if (Operation *source = operand.getDefiningOp())
        unused.insert(source);
    op->erase();
  }
}

namespace {
/// What packs make of the source of a weight.
struct Packing {
  /// Of the source of the packs, and of their results.
  RankedTensorType source, packed;
  SmallVector<PackOp> packs;
};
} // namespace

/// The different packings among those of `argument`.
static SmallVector<Packing> getPackings(BlockArgument argument,
                                        bool throughViews) {
  SmallVector<PackOp> packs;
  collectPacks(argument, throughViews, packs);
  SmallVector<Packing> packings;
  for (PackOp pack : packs) {
    auto source = cast<RankedTensorType>(pack.getSource().getType());
    auto packed = cast<RankedTensorType>(pack->getResult(0).getType());
    auto *known = llvm::find_if(packings, [&](const Packing &packing) {
      return packing.source == source && packing.packed == packed;
    });
    if (known == packings.end())
      packings.push_back({source, packed, {pack}});
    else
      known->packs.push_back(pack);
  }
  return packings;
}

/// Replaces packs by `packed`, which holds what they give.
static void replacePacks(ArrayRef<PackOp> packs, BlockArgument packed) {
  for (PackOp pack : packs) {
    pack->getResult(0).replaceAllUsesWith(packed);
    eraseUnused(pack);
  }
}

/// Packs operand `index` of `call` to `type` and hands that over behind it.
static void addPackedOperand(func::CallOp call, unsigned index,
                             RankedTensorType type) {
  OpBuilder builder(call);
  Value init =
      tensor::EmptyOp::create(builder, call.getLoc(), type.getShape(),
                              type.getElementType(), type.getEncoding());
  auto pack =
      PackOp::create(builder, call.getLoc(), TypeRange(type),
                     call.getOperand(index), init, /*layout=*/LayoutAttr());
  call->insertOperands(index + 1, pack->getResult(0));
}

namespace {
/// Moves the packs of one module.
class PackHoister {
public:
  explicit PackHoister(ModuleOp module)
      : module(module), symbols(module), users(collection, module) {}

  LogicalResult run() {
    bool changed = true;
    while (changed) {
      changed = false;
      for (auto function : module.getOps<func::FuncOp>())
        if (canChangeCallers(function) && failed(hoist(function, changed)))
          return failure();
    }
    SmallVector<func::FuncOp> entries;
    for (auto function : module.getOps<func::FuncOp>()) {
      auto entry = function->getAttrOfType<StringAttr>(kEntryAttrName);
      if (entry && entry.getValue() != kPrepareEntry &&
          users.useEmpty(function))
        entries.push_back(function);
    }
    for (func::FuncOp entry : entries)
      if (failed(hoist(entry, changed)))
        return failure();
    return success();
  }

private:
  bool canChangeCallers(func::FuncOp function) {
    return function.isPrivate() && !function.isExternal() &&
           !function->hasAttr(kEntryAttrName) &&
           llvm::all_of(users.getUsers(function),
                        llvm::IsaPred<func::CallOp>) &&
           !isRecursive(function);
  }

  /// A pack would move to a caller without end.
  bool isRecursive(func::FuncOp function) {
    llvm::SmallSetVector<Operation *, 8> callers;
    callers.insert(function);
    for (size_t i = 0; i < callers.size(); ++i)
      for (Operation *user : users.getUsers(callers[i])) {
        auto caller = user->getParentOfType<func::FuncOp>();
        if (caller == function)
          return true;
        if (caller)
          callers.insert(caller);
      }
    return false;
  }

  /// Adds an argument for each arrangement that the function makes of another,
  /// and removes the other if nothing else reads it.
  LogicalResult hoist(func::FuncOp function, bool &changed) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      BlockArgument argument = function.getArgument(i);
      SmallVector<Packing> packings = getPackings(
          argument, /*throughViews=*/function->hasAttr(kEntryAttrName));
      if (packings.empty() || !canHoist(function, i))
        continue;
      changed = true;
      for (const Packing &packing : packings) {
        DictionaryAttr attributes = getPackedAttributes(function, i, packing);
        if (failed(function.insertArgument(i + 1, packing.packed, attributes,
                                           argument.getLoc())))
          return failure();
        replacePacks(packing.packs, function.getArgument(i + 1));
        for (Operation *call : users.getUsers(function))
          addPackedOperand(cast<func::CallOp>(call), i, packing.packed);
      }
      if (!argument.use_empty())
        continue;
      if (failed(function.eraseArgument(i)))
        return failure();
      for (Operation *call : users.getUsers(function))
        call->eraseOperand(i);
    }
    return success();
  }

  /// Of an entry point only weights are there before it runs.
  bool canHoist(func::FuncOp function, unsigned index) {
    auto kind = function.getArgAttrOfType<StringAttr>(index, kKindAttrName);
    return !function->hasAttr(kEntryAttrName) ||
           (kind && kind.getValue() == "weight");
  }

  /// The attributes of an argument that holds argument `index` after `packing`.
  /// At an entry point they say who arranges it.
  DictionaryAttr getPackedAttributes(func::FuncOp function, unsigned index,
                                     const Packing &packing) {
    NamedAttrList attributes(function.getArgAttrDict(index));
    if (function->hasAttr(kEntryAttrName)) {
      if (!attributes.get(kSourceAttrName))
        attributes.set(kSourceAttrName,
                       TypeAttr::get(function.getArgument(index).getType()));
      func::FuncOp prepare = getPrepare(packing.source, packing.packed);
      attributes.set(kPrepareAttrName,
                     FlatSymbolRefAttr::get(prepare.getSymNameAttr()));
    }
    return attributes.getDictionary(function.getContext());
  }

  /// The function that rearranges `source` to `packed`, made where it is new.
  func::FuncOp getPrepare(RankedTensorType source, RankedTensorType packed) {
    func::FuncOp &prepare = prepares[{source, packed}];
    if (prepare)
      return prepare;
    std::string name = "prepare_";
    llvm::raw_string_ostream stream(name);
    for (int64_t size : source.getShape())
      stream << size << "x";
    stream << source.getElementType();

    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    Location loc = builder.getUnknownLoc();
    prepare = func::FuncOp::create(
        builder, loc, name, builder.getFunctionType({source, packed}, packed));
    prepare->setAttr(kEntryAttrName, builder.getStringAttr(kPrepareEntry));
    prepare.setArgAttr(0,
                       bufferization::BufferizationDialect::kWritableAttrName,
                       builder.getBoolAttr(false));
    symbols.insert(prepare);
    builder.setInsertionPointToStart(prepare.addEntryBlock());
    auto pack =
        PackOp::create(builder, loc, TypeRange(packed), prepare.getArgument(0),
                       prepare.getArgument(1), LayoutAttr());
    func::ReturnOp::create(builder, loc, pack->getResults());
    return prepare;
  }

  ModuleOp module;
  SymbolTable symbols;
  SymbolTableCollection collection;
  SymbolUserMap users;
  DenseMap<std::pair<Type, Type>, func::FuncOp> prepares;
};

struct HoistPacksPass final : mxfp4::impl::HoistPacksPassBase<HoistPacksPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(PackHoister(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
