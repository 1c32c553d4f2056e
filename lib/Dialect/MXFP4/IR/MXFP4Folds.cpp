//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Folders of the mxfp4 dialect, and the constants that they make.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Expanding elements that are all zero gives zeros, whatever their scales, as
/// long as none of those is NaN or negative.
OpFoldResult DequantizeOp::fold(FoldAdaptor adaptor) {
  auto values = dyn_cast_or_null<SplatElementsAttr>(adaptor.getValues());
  auto scales = dyn_cast_or_null<SplatElementsAttr>(adaptor.getScales());
  RankedTensorType type = getResult().getType();
  if (!values || !scales || getTensorScale() ||
      !isa<FloatType>(values.getElementType()) || !type.hasStaticShape())
    return {};
  APFloat scale = scales.getSplatValue<APFloat>();
  if (!values.getSplatValue<APFloat>().isPosZero() || scale.isNaN() ||
      scale.isNegative())
    return {};
  return SplatElementsAttr::get(type,
                                FloatAttr::get(type.getElementType(), 0.0));
}

Operation *MXFP4Dialect::materializeConstant(OpBuilder &builder,
                                             Attribute value, Type type,
                                             Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}
