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

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
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

/// The types to which packs change `argument`.
static SmallVector<RankedTensorType> getPackedTypes(BlockArgument argument) {
  llvm::SmallSetVector<RankedTensorType, 2> types;
  for (OpOperand &use : argument.getUses())
    if (isPacked(use))
      types.insert(
          cast<RankedTensorType>(use.getOwner()->getResult(0).getType()));
  return types.takeVector();
}

/// Replaces the packs of `argument` that give what `packed` holds.
static void replacePacks(BlockArgument argument, BlockArgument packed) {
  for (OpOperand &use : llvm::make_early_inc_range(argument.getUses())) {
    Operation *user = use.getOwner();
    if (!isPacked(use) || user->getResult(0).getType() != packed.getType())
      continue;
    auto init = cast<PackOp>(user).getInit().getDefiningOp<tensor::EmptyOp>();
    user->getResult(0).replaceAllUsesWith(packed);
    user->erase();
    if (init && init->use_empty())
      init->erase();
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
           llvm::all_of(users.getUsers(function), llvm::IsaPred<func::CallOp>);
  }

  /// Adds an argument for each arrangement that the function makes of another,
  /// and removes the other if nothing else reads it.
  LogicalResult hoist(func::FuncOp function, bool &changed) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      BlockArgument argument = function.getArgument(i);
      SmallVector<RankedTensorType> types = getPackedTypes(argument);
      if (types.empty() || !canHoist(function, i))
        continue;
      changed = true;
      for (RankedTensorType type : types) {
        DictionaryAttr attributes = getPackedAttributes(function, i, type);
        if (failed(function.insertArgument(i + 1, type, attributes,
                                           argument.getLoc())))
          return failure();
        replacePacks(argument, function.getArgument(i + 1));
        for (Operation *call : users.getUsers(function))
          addPackedOperand(cast<func::CallOp>(call), i, type);
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

  /// The attributes of an argument that holds argument `index` arranged as
  /// `type`. At an entry point they say who arranges it.
  DictionaryAttr getPackedAttributes(func::FuncOp function, unsigned index,
                                     RankedTensorType type) {
    NamedAttrList attributes(function.getArgAttrDict(index));
    if (function->hasAttr(kEntryAttrName)) {
      auto source =
          cast<RankedTensorType>(function.getArgument(index).getType());
      if (!attributes.get(kSourceAttrName))
        attributes.set(kSourceAttrName, TypeAttr::get(source));
      attributes.set(
          kPrepareAttrName,
          FlatSymbolRefAttr::get(getPrepare(source, type).getSymNameAttr()));
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
