//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Folders of the mxfp4 dialect.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Expanding elements that are all zero gives zeros, whatever their scales, as
/// long as none of those is NaN.
OpFoldResult DequantizeOp::fold(FoldAdaptor adaptor) {
  auto values = dyn_cast_or_null<SplatElementsAttr>(adaptor.getValues());
  auto scales = dyn_cast_or_null<SplatElementsAttr>(adaptor.getScales());
  if (!values || !scales || !isa<FloatType>(values.getElementType()))
    return {};
  if (!values.getSplatValue<APFloat>().isPosZero() ||
      scales.getSplatValue<APFloat>().isNaN())
    return {};
  auto type = getResult().getType();
  return SplatElementsAttr::get(
      type, FloatAttr::get(type.getElementType(), 0.0));
}
