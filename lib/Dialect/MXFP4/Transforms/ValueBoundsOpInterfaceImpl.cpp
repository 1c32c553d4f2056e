//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes of the results of ops on blocks.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/ValueBoundsOpInterfaceImpl.h"

#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// All dimensions but the last, in which blocks are, are those of the first
/// operand.
template <typename OpTy>
struct BlocksModel final
    : ValueBoundsOpInterface::ExternalModel<BlocksModel<OpTy>, OpTy> {
  void populateBoundsForShapedValueDim(Operation *op, Value value, int64_t dim,
                                       ValueBoundsConstraintSet &set) const {
    if (dim < cast<ShapedType>(value.getType()).getRank() - 1)
      set.bound(value)[dim] == set.getExpr(op->getOperand(0), dim);
  }
};
} // namespace

void mxfp4::registerValueBoundsOpInterfaceModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MXFP4Dialect *) {
    DequantizeOp::attachInterface<BlocksModel<DequantizeOp>>(*context);
    QuantizeOp::attachInterface<BlocksModel<QuantizeOp>>(*context);
    CastToNVFP4Op::attachInterface<BlocksModel<CastToNVFP4Op>>(*context);
  });
}
