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

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#define DEBUG_TYPE "mxfp4-hoist-packs"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_HOISTPACKSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// If `argument` is read by packs to one type alone, that type; else null.
static RankedTensorType getPackedType(BlockArgument argument) {
  RankedTensorType type;
  for (OpOperand &use : argument.getUses()) {
    auto pack = dyn_cast<PackOp>(use.getOwner());
    if (!pack || pack->getNumResults() == 0 || pack.getLayout() ||
        &use != &pack.getSourceMutable())
      return {};
    auto packed = cast<RankedTensorType>(pack->getResult(0).getType());
    if (type && type != packed)
      return {};
    type = packed;
  }
  return type;
}

/// Makes the argument have the packed type and removes the packs of it.
static void takePacked(func::FuncOp function, BlockArgument argument,
                       RankedTensorType type) {
  for (Operation *user : llvm::make_early_inc_range(argument.getUsers())) {
    auto init = cast<PackOp>(user).getInit().getDefiningOp<tensor::EmptyOp>();
    user->getResult(0).replaceAllUsesWith(argument);
    user->erase();
    if (init && init->use_empty())
      init->erase();
  }
  argument.setType(type);
  SmallVector<Type> inputs(function.getArgumentTypes());
  inputs[argument.getArgNumber()] = type;
  function.setFunctionType(FunctionType::get(function.getContext(), inputs,
                                             function.getResultTypes()));
}

namespace {
struct HoistPacksPass final : mxfp4::impl::HoistPacksPassBase<HoistPacksPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTableCollection symbols;
    SymbolUserMap users(symbols, module);
    bool changed = true;
    while (changed) {
      changed = false;
      for (auto function : module.getOps<func::FuncOp>())
        if (!function.isExternal() && !function->hasAttr("mxfp4.entry"))
          changed |= hoistToCallers(function, users);
    }
    SymbolTable symbolTable(module);
    SmallVector<func::FuncOp> entries;
    for (auto function : module.getOps<func::FuncOp>()) {
      auto entry = function->getAttrOfType<StringAttr>("mxfp4.entry");
      if (entry && entry.getValue() != "prepare" && users.useEmpty(function))
        entries.push_back(function);
    }
    for (func::FuncOp entry : entries)
      hoistToPrepare(entry, symbolTable);
  }

private:
  bool hoistToCallers(func::FuncOp function, const SymbolUserMap &users) {
    bool changed = false;
    if (!function.isPrivate() ||
        !llvm::all_of(users.getUsers(function), llvm::IsaPred<func::CallOp>))
      return false;
    for (BlockArgument argument : function.getArguments()) {
      RankedTensorType type = getPackedType(argument);
      if (!type)
        continue;
      for (Operation *user : users.getUsers(function)) {
        OpBuilder builder(user);
        OpOperand &operand = user->getOpOperand(argument.getArgNumber());
        Value init =
            tensor::EmptyOp::create(builder, user->getLoc(), type.getShape(),
                                    type.getElementType(), type.getEncoding());
        auto pack = PackOp::create(builder, user->getLoc(), TypeRange(type),
                                   operand.get(), init, LayoutAttr());
        operand.set(pack->getResult(0));
      }
      takePacked(function, argument, type);
      changed = true;
    }
    return changed;
  }

  void hoistToPrepare(func::FuncOp entry, SymbolTable &symbolTable) {
    for (BlockArgument argument : entry.getArguments()) {
      auto source = dyn_cast<RankedTensorType>(argument.getType());
      RankedTensorType type = getPackedType(argument);
      if (!type)
        continue;
      func::FuncOp prepare = getPrepare(source, type, symbolTable);
      unsigned index = argument.getArgNumber();
      if (!entry.getArgAttr(index, "mxfp4.source"))
        entry.setArgAttr(index, "mxfp4.source", TypeAttr::get(source));
      entry.setArgAttr(index, "mxfp4.prepare",
                       FlatSymbolRefAttr::get(prepare.getSymNameAttr()));
      takePacked(entry, argument, type);
    }
  }

  /// The function that rearranges `source` to `packed`, made where it is new.
  func::FuncOp getPrepare(RankedTensorType source, RankedTensorType packed,
                          SymbolTable &symbolTable) {
    func::FuncOp &prepare = prepares[{source, packed}];
    if (prepare)
      return prepare;
    std::string name = "prepare_";
    llvm::raw_string_ostream stream(name);
    for (int64_t size : source.getShape())
      stream << size << "x";
    stream << source.getElementType();

    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    Location loc = builder.getUnknownLoc();
    prepare = func::FuncOp::create(
        builder, loc, name, builder.getFunctionType({source, packed}, packed));
    prepare->setAttr("mxfp4.entry", builder.getStringAttr("prepare"));
    prepare.setArgAttr(0, "bufferization.writable", builder.getBoolAttr(false));
    symbolTable.insert(prepare);
    builder.setInsertionPointToStart(prepare.addEntryBlock());
    auto pack =
        PackOp::create(builder, loc, TypeRange(packed), prepare.getArgument(0),
                       prepare.getArgument(1), LayoutAttr());
    func::ReturnOp::create(builder, loc, pack->getResults());
    return prepare;
  }

  DenseMap<std::pair<Type, Type>, func::FuncOp> prepares;
};
} // namespace
