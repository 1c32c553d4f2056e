//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What other compilers write has functions from tensors to tensors; the runtime
// calls functions whose arguments all have names.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/ADT/StringSet.h"

#define DEBUG_TYPE "mxfp4-make-entry-points"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_MAKEENTRYPOINTSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

static bool hasDynamicRows(RankedTensorType type) {
  return type.getRank() != 0 && type.isDynamicDim(0);
}

/// Fails unless a buffer can hold a value of `type`, which `what` and `index`
/// name.
static LogicalResult verifyType(func::FuncOp function, StringRef what,
                                unsigned index, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (tensor && tensor.getElementType().isIntOrFloat() &&
      !tensor.getEncoding() &&
      !llvm::is_contained(tensor.getShape().drop_front(tensor.getRank() != 0),
                          ShapedType::kDynamic))
    return success();
  return function.emitOpError()
         << "cannot be an entry point: expected " << what << " " << index
         << " of '" << function.getSymName()
         << "' to be a tensor of numbers with no dynamic dimension but the "
            "leading one, but got "
         << type;
}

/// The type in which the runtime is given a weight of `type`.
static RankedTensorType getSource(RankedTensorType type) {
  if (!isa<Float4E2M1FNType>(type.getElementType()) || type.getRank() == 0)
    return type;
  auto bytes = IntegerType::get(type.getContext(), 8);
  SmallVector<int64_t> shape(type.getShape());
  shape.back() /= 2; // F2
  return RankedTensorType::get(shape, bytes);
}

/// True if `value` has as many rows as an argument with dynamic rows, which are
/// as many as the call has tokens.
static bool hasRowsOfCall(func::FuncOp function, Value value) {
  return llvm::any_of(function.getArguments(), [&](BlockArgument argument) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !hasDynamicRows(type))
      return false;
    FailureOr<bool> areEqual =
        ValueBoundsConstraintSet::areEqual({value, 0}, {argument, 0});
    return succeeded(areEqual) && *areEqual;
  });
}

/// Fails if `function`, or what it calls, takes a size for another one that it
/// knows, which is undefined where a call has another.
static LogicalResult verifyCasts(func::FuncOp function, SymbolTable &symbols,
                                 DenseSet<Operation *> &verified) {
  if (!verified.insert(function).second)
    return success();
  auto verifyCast = [](tensor::CastOp op) -> LogicalResult {
    auto source = dyn_cast<RankedTensorType>(op.getSource().getType());
    auto result = dyn_cast<RankedTensorType>(op.getType());
    auto isFixed = [&](unsigned dim) {
      return source.isDynamicDim(dim) && !result.isDynamicDim(dim);
    };
    if (source && result &&
        llvm::none_of(llvm::seq<unsigned>(0, source.getRank()), isFixed))
      return success();
    return op.emitOpError()
           << "cannot be in an entry point: expected no "
              "dynamic size to become a fixed one, but got "
           << op.getSource().getType() << " to " << op.getType();
  };
  WalkResult walk = function.walk([&](Operation *op) -> WalkResult {
    if (auto cast = dyn_cast<tensor::CastOp>(op))
      return verifyCast(cast);
    if (auto call = dyn_cast<func::CallOp>(op))
      if (auto callee = symbols.lookup<func::FuncOp>(call.getCallee()))
        return verifyCasts(callee, symbols, verified);
    return success();
  });
  return failure(walk.wasInterrupted());
}

namespace {
/// Makes an entry point of one function.
class EntryMaker {
public:
  EntryMaker(func::FuncOp function, const llvm::StringSet<> &weights)
      : function(function), weights(weights), b(function.getContext()) {}

  LogicalResult run(int64_t maxTokens, SymbolTable &symbols) {
    if (function.getSymName() == kPrepareEntry)
      return function.emitOpError("cannot be an entry point: expected another "
                                  "name, which functions have that prepare a "
                                  "weight");
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (failed(bindArgument(i)))
        return failure();
    if (failed(verifyRows()))
      return failure();
    SmallVector<BlockArgument> outputs;
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      FailureOr<BlockArgument> output = addOutput(i);
      if (failed(output))
        return failure();
      outputs.push_back(*output);
    }
    function.walk([&](func::ReturnOp op) { storeResults(op, outputs); });
    function.setResAttrsAttr(nullptr);
    function->setAttr(kMaxTokensAttrName, b.getI64IntegerAttr(maxTokens));
    function->setAttr(kEntryAttrName, function.getSymNameAttr());
    // Another symbol: compiled code could call `tanhf` of libm.
    symbols.remove(function);
    function.setSymName((function.getSymName() + ".entry").str());
    symbols.insert(function);
    return success();
  }

  /// The names of the weights that the function has.
  ArrayRef<StringRef> getWeights() const { return found; }

private:
  std::string nameBuffer(StringRef what, unsigned index) {
    return (function.getSymName() + "." + what + Twine(index)).str();
  }

  LogicalResult bindArgument(unsigned index) {
    Type type = function.getArgumentTypes()[index];
    if (failed(verifyType(function, "argument", index, type)))
      return failure();
    auto tensor = cast<RankedTensorType>(type);
    auto name = function.getArgAttrOfType<StringAttr>(index, kBufferAttrName);
    if (!name)
      name = b.getStringAttr(nameBuffer("arg", index));
    auto kind = function.getArgAttrOfType<StringAttr>(index, kKindAttrName);
    auto weight = weights.find(name.getValue());
    if (weight != weights.end()) {
      kind = b.getStringAttr("weight");
      found.push_back(weight->getKey());
    }
    if (!kind)
      kind = b.getStringAttr("input");
    bool isWeight = kind.getValue() == "weight";
    if (!isWeight && kind.getValue() != "input")
      return function.emitOpError()
             << "cannot be an entry point: expected 'mxfp4.kind' of argument "
             << index << " to be weight or input, but got " << kind;
    auto dim = function.getArgAttrOfType<StringAttr>(index, kDimAttrName);
    if (dim && dim.getValue() != "tokens")
      return function.emitOpError()
             << "cannot be an entry point: expected 'mxfp4.dim' of argument "
             << index << " to be tokens, but got " << dim;
    if (isWeight && !tensor.hasStaticShape())
      return function.emitOpError()
             << "cannot be an entry point: expected weight '" << name.getValue()
             << "' to have a static shape, but got " << type;
    setArgument(index, name, kind, tensor);
    if (isWeight && !function.getArgAttr(index, kSourceAttrName))
      function.setArgAttr(index, kSourceAttrName,
                          TypeAttr::get(getSource(tensor)));
    function.setArgAttr(index,
                        bufferization::BufferizationDialect::kWritableAttrName,
                        b.getBoolAttr(false));
    return success();
  }

  void setArgument(unsigned index, StringAttr name, StringAttr kind,
                   RankedTensorType type) {
    function.setArgAttr(index, kBufferAttrName, name);
    function.setArgAttr(index, kKindAttrName, kind);
    if (hasDynamicRows(type) && !function.getArgAttr(index, kDimAttrName))
      function.setArgAttr(index, kDimAttrName, b.getStringAttr("tokens"));
  }

  /// What the runtime checks of a call is all that keeps the code inside of its
  /// arrays.
  LogicalResult verifyRows() {
    WalkResult walk = function.walk([&](func::ReturnOp op) {
      for (auto [i, value] : llvm::enumerate(op->getOperands())) {
        auto type = dyn_cast<RankedTensorType>(value.getType());
        if (!type || !hasDynamicRows(type) || hasRowsOfCall(function, value))
          continue;
        op->emitOpError() << "cannot be in an entry point: expected result "
                          << i << " to have as many rows as an argument";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }

  FailureOr<BlockArgument> addOutput(unsigned result) {
    Type type = function.getResultTypes()[result];
    if (failed(verifyType(function, "result", result, type)))
      return failure();
    unsigned index = function.getNumArguments();
    if (failed(function.insertArgument(index, type, {}, function.getLoc())))
      return failure();
    setArgument(index, b.getStringAttr(nameBuffer("result", result)),
                b.getStringAttr("output"), cast<RankedTensorType>(type));
    return function.getArgument(index);
  }

  void storeResults(func::ReturnOp op, ArrayRef<BlockArgument> outputs) {
    b.setInsertionPoint(op);
    for (auto [operand, output] : llvm::zip(op->getOpOperands(), outputs)) {
      auto store = bufferization::MaterializeInDestinationOp::create(
          b, op.getLoc(), output.getType(), operand.get(), output);
      operand.set(store.getResult());
    }
  }

  func::FuncOp function;
  const llvm::StringSet<> &weights;
  OpBuilder b;
  SmallVector<StringRef> found;
};

struct MakeEntryPointsPass final
    : mxfp4::impl::MakeEntryPointsPassBase<MakeEntryPointsPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (maxTokens < 1) {
      module.emitError() << "expected 'max-tokens' to be 1 or more, but got "
                         << maxTokens.getValue();
      return signalPassFailure();
    }
    llvm::StringSet<> missing;
    for (const std::string &weight : weights)
      missing.insert(weight);
    const llvm::StringSet<> all = missing;
    SymbolTable symbols(module);
    SymbolTableCollection collection;
    SymbolUserMap users(collection, module);
    for (auto function : module.getOps<FunctionOpInterface>())
      if (function.isExternal() && !users.useEmpty(function)) {
        function.emitError("expected a body: code calls nothing outside");
        return signalPassFailure();
      }
    DenseSet<Operation *> verified;
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      if (!function.isPublic() || function.isExternal() ||
          function->hasAttr(kEntryAttrName))
        continue;
      EntryMaker maker(function, all);
      if (failed(verifyNotCalled(function, users)) ||
          failed(verifyCasts(function, symbols, verified)) ||
          failed(maker.run(maxTokens, symbols)))
        return signalPassFailure();
      for (StringRef weight : maker.getWeights())
        missing.erase(weight);
    }
    for (const std::string &weight : weights)
      if (missing.contains(weight)) {
        module.emitError() << "expected weight '" << weight
                           << "' to be an argument of a public function";
        return signalPassFailure();
      }
  }
};
} // namespace
