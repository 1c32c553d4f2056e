//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the arrangement of a weight its shape.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "mxfp4/Dialect/NN/IR/NN.h"
#include "TensorTypes.h"

#define DEBUG_TYPE "mxfp4-resolve-layouts"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_RESOLVELAYOUTSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// The layout that the type of `value` carries, or null.
static LayoutAttr getEncodedLayout(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? dyn_cast_or_null<LayoutAttr>(type.getEncoding()) : LayoutAttr();
}

namespace {
struct ResolveLayoutsPass final
    : mxfp4::impl::ResolveLayoutsPassBase<ResolveLayoutsPass> {
  using Base::Base;

  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (auto pack = dyn_cast<PackOp>(op))
        setLayout(pack, pack.getInit());
      else if (auto linear = dyn_cast<nn::LinearOp>(op))
        setLayout(linear, linear.getWeight());
      else if (auto matmul = dyn_cast<MatmulOp>(op))
        setLayout(matmul, matmul.getValues());
      else if (auto matmul = dyn_cast<MatmulByExpertOp>(op))
        setLayout(matmul, matmul.getValues());
    });
    convertTensorTypes(getOperation(), [](RankedTensorType type) {
      auto layout = dyn_cast_or_null<LayoutAttr>(type.getEncoding());
      if (!layout)
        return type;
      return RankedTensorType::get(
          getStoredShape(type, layout.getPackedShape(getElementShape(type))),
          type.getElementType());
    });
  }

private:
  template <typename OpTy>
  static void setLayout(OpTy op, Value weight) {
    if (LayoutAttr layout = getEncodedLayout(weight))
      op.setLayoutAttr(layout);
  }
};
} // namespace
