//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Looks at and changes tensor types throughout a module, functions included.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_TENSORTYPES_H
#define MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_TENSORTYPES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::mxfp4 {

/// Calls `check` with every op and each ranked tensor type that a value or a
/// signature of it has. Fails where `check` does.
inline LogicalResult checkTensorTypes(
    ModuleOp module,
    function_ref<LogicalResult(Operation *, RankedTensorType)> check) {
  auto checkAll = [&](Operation *op, TypeRange types) {
    return success(llvm::all_of(types, [&](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return !tensor || succeeded(check(op, tensor));
    }));
  };
  WalkResult result = module.walk([&](Operation *op) -> WalkResult {
    if (failed(checkAll(op, op->getOperandTypes())) ||
        failed(checkAll(op, op->getResultTypes())))
      return failure();
    for (Region &region : op->getRegions())
      for (Block &block : region)
        if (failed(checkAll(op, block.getArgumentTypes())))
          return failure();
    if (auto function = dyn_cast<func::FuncOp>(op))
      if (failed(checkAll(op, function.getArgumentTypes())) ||
          failed(checkAll(op, function.getResultTypes())))
        return failure();
    return success();
  });
  return failure(result.wasInterrupted());
}

/// Gives the results of `op`, and the arguments of its regions, the types that
/// `convert` returns for those that are ranked tensors, and a function the
/// signature that follows.
inline void
convertTensorTypes(Operation *op,
                   function_ref<RankedTensorType(RankedTensorType)> convert) {
  auto convertType = [&](Type type) -> Type {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor ? convert(tensor) : type;
  };
  auto convertTypes = [&](TypeRange types) {
    return llvm::map_to_vector(types, convertType);
  };
  for (Value result : op->getResults())
    result.setType(convertType(result.getType()));
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (BlockArgument argument : block.getArguments())
        argument.setType(convertType(argument.getType()));
  if (auto function = dyn_cast<func::FuncOp>(op))
    function.setFunctionType(FunctionType::get(
        op->getContext(), convertTypes(function.getArgumentTypes()),
        convertTypes(function.getResultTypes())));
}

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_DIALECT_MXFP4_TRANSFORMS_TENSORTYPES_H
