//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Layouts: checks and the shape they give a weight in memory.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mxfp4/Format/Layout.h"

using namespace mlir;
using namespace mlir::mxfp4;

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t lanes, int64_t depth, bool paired,
                                 bool tiled) {
  if (lanes < 1 || lanes > 64)
    return emitError() << "expected 1 to 64 lanes, but got " << lanes;
  int64_t most = tiled ? kTileDepth : mx::kBlockSize;
  if (depth < 1 || most % depth != 0)
    return emitError() << "expected a depth that divides " << most
                       << ", but got " << depth;
  return success();
}

LogicalResult
LayoutAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                           function_ref<InFlightDiagnostic()> emitError) const {
  // Two 4-bit elements share a byte.
  bool halfBytes =
      elementType.isInteger(8) || isa<Float4E2M1FNType>(elementType);
  if (halfBytes && getDepth() % 2 != 0)
    return emitError() << "expected an even depth for 4-bit elements, but got "
                       << getDepth();
  if (shape.size() < 2 || ShapedType::isDynamicShape(shape.take_back(2)))
    return emitError() << "expected static rows and columns in a tensor of "
                          "layout "
                       << *this;
  int64_t rows = shape[shape.size() - 2];
  uint64_t columns = shape.back(); // twice as many do not overflow
  if (elementType.isInteger(8))
    columns *= 2; // F2
  if (getTiled() && halfBytes &&
      (columns % mx::kTileWordElements != 0 ||
       getDepth() % mx::kTileWordElements != 0))
    return emitError() << "expected columns and depth to be multiples of "
                       << mx::kTileWordElements
                       << " for words of 4-bit elements, but got " << columns
                       << " and " << getDepth();
  if (!getTiled() && columns % getDepth() != 0)
    return emitError() << "expected a multiple of the depth " << getDepth()
                       << " columns, but got " << columns;
  if (getPaired() && rows % 2 != 0)
    return emitError() << "expected an even number of rows to pair, but got "
                       << rows;
  return success();
}

int64_t LayoutAttr::getGroups(int64_t rows) const {
  if (!getPaired())
    return llvm::divideCeil(rows, getLanes());
  return 2 * llvm::divideCeil(rows / 2, getLanes());
}

LayoutAttr LayoutAttr::getScalesLayout() const {
  int64_t depth = getTiled() ? llvm::divideCeil(getDepth(), mx::kBlockSize) : 1;
  return get(getContext(), getLanes(), depth, getPaired(), getTiled());
}

SmallVector<int64_t> LayoutAttr::getPackedShape(ArrayRef<int64_t> shape) const {
  int64_t rows = shape[shape.size() - 2];
  SmallVector<int64_t> packed(shape.drop_back(2));
  packed.push_back(getGroups(rows));
  if (getTiled()) {
    packed.push_back(getLanes() * shape.back());
    return packed;
  }
  packed.push_back(shape.back() / getDepth());
  packed.push_back(getLanes() * getDepth());
  return packed;
}

LogicalResult SwiGLUAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 FloatAttr alpha, FloatAttr limit) {
  if (!alpha.getValue().isFinite())
    return emitError() << "expected a finite alpha, but got " << alpha;
  if (limit.getValue().isNaN() || limit.getValue().isNegative())
    return emitError() << "expected a limit of at least 0, but got " << limit;
  return success();
}
