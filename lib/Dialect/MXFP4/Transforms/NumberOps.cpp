//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Numbers the ops whose time a profile tells. The number is in their locations,
// which conversions carry along, down to the barriers of the threads.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_NUMBEROPSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// True if `op` works on memory, unlike what names or reshapes it, and calls.
static bool takesTime(Operation &op) {
  return isa<DestinationStyleOpInterface>(op) || op.getNumRegions() != 0;
}

static Cost getCost(Operation &op) {
  if (auto known = dyn_cast<CostOpInterface>(op))
    return known.getCost();
  // How often a loop runs is not known.
  return isa<DestinationStyleOpInterface>(op) ? getOperandCost(&op) : Cost();
}

/// True if an op writes to `value`, as to a cache.
static bool isWritten(Value value) {
  return llvm::any_of(value.getUses(), [](OpOperand &use) {
    auto op = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
    return op && op.isDpsInit(&use);
  });
}

/// The name of the argument of a function that is the largest operand of static
/// size after the first, which is the input, and only read: a weight. "" if
/// there is none.
static StringRef getWeightName(Operation &op) {
  StringRef name;
  int64_t largest = 0;
  for (OpOperand &operand : op.getOpOperands()) {
    auto argument = dyn_cast<BlockArgument>(operand.get());
    auto type = dyn_cast<ShapedType>(operand.get().getType());
    if (operand.getOperandNumber() == 0 || !argument || !type ||
        !type.hasStaticShape() || isWritten(argument))
      continue;
    auto loc = dyn_cast<NameLoc>(argument.getLoc());
    Cost size;
    size.addBytes(type);
    if (loc && size.bytes > largest) {
      largest = size.bytes;
      name = loc.getName().getValue();
    }
  }
  return name;
}

namespace {
struct NumberOpsPass final : mxfp4::impl::NumberOpsPassBase<NumberOpsPass> {
  using Base::Base;

  void runOnOperation() override {
    table.clear();
    counts.clear();
    first.clear();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      auto entry = function->getAttrOfType<StringAttr>(kEntryAttrName);
      if (!function.isExternal() &&
          !(entry && entry.getValue() == kPrepareEntry))
        numberOps(function);
    }
    Builder builder(&getContext());
    getOperation()->setAttr(kOpsAttrName, builder.getArrayAttr(table));
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      auto entry = function->getAttrOfType<StringAttr>(kEntryAttrName);
      if (entry && entry.getValue() != kPrepareEntry)
        function->setAttr(kOpCountsAttrName,
                          builder.getDenseI64ArrayAttr(countOps(function)));
    }
  }

private:
  void numberOps(func::FuncOp function) {
    Builder builder(&getContext());
    for (Operation &op : function.getBody().front()) {
      if (!takesTime(op))
        continue;
      auto number = OpNumberAttr::get(&getContext(), int64_t(table.size()));
      // Code of an op is made at its location and at those of ops inside.
      op.walk([&](Operation *nested) {
        nested->setLoc(FusedLoc::get(&getContext(), nested->getLoc(), number));
      });
      table.push_back(builder.getDictionaryAttr(
          {builder.getNamedAttr("cost", getCost(op).getAttr(&getContext())),
           builder.getNamedAttr("function", function.getSymNameAttr()),
           builder.getNamedAttr(
               "op", builder.getStringAttr(op.getName().getStringRef())),
           builder.getNamedAttr("weight",
                                builder.getStringAttr(getWeightName(op)))}));
      first.try_emplace(function, number.getNumber());
    }
  }

  /// How often a call of `function` carries out each op of the table. A call in
  /// a loop does not count, nor does one of a function that is being called.
  ArrayRef<int64_t> countOps(func::FuncOp function) {
    auto [entry, isNew] = counts.try_emplace(function);
    if (!isNew)
      return entry->second;
    SmallVector<int64_t> sum(table.size(), 0);
    auto add = [&](int64_t number, int64_t count) {
      if (llvm::AddOverflow(sum[number], count, sum[number]))
        sum[number] = std::numeric_limits<int64_t>::max();
    };
    if (!function.isExternal()) {
      auto numbered = first.find(function);
      int64_t number = numbered == first.end() ? -1 : numbered->second;
      for (Operation &op : function.getBody().front()) {
        if (number >= 0 && takesTime(op))
          add(number++, 1);
        auto call = dyn_cast<func::CallOp>(op);
        auto callee =
            call ? getOperation().lookupSymbol<func::FuncOp>(call.getCallee())
                 : func::FuncOp();
        if (!callee)
          continue;
        for (auto [calleeNumber, count] : llvm::enumerate(countOps(callee)))
          add(int64_t(calleeNumber), count);
      }
    }
    return counts[function] = std::move(sum);
  }

  SmallVector<Attribute> table;
  /// The number of the first op of a function.
  DenseMap<Operation *, int64_t> first;
  DenseMap<Operation *, SmallVector<int64_t>> counts;
};
} // namespace
