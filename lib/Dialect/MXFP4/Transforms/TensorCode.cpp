//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops over elements, and changes of shape.
//
//===----------------------------------------------------------------------===//

#include "TensorCode.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;
using namespace mlir::mxfp4;

Value mxfp4::reshapeTensor(OpBuilder &builder, Location loc, Value tensor,
                           ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getShape() == shape)
    return tensor;
  auto target = RankedTensorType::get(shape, type.getElementType());
  auto reassociation = getReassociationIndicesForReshape(type, target);
  if (!reassociation && type.getNumElements() == 0)
    return tensor::EmptyOp::create(builder, loc, shape, type.getElementType());
  if (!reassociation) {
    tensor = reshapeTensor(builder, loc, tensor, {type.getNumElements()});
    return reshapeTensor(builder, loc, tensor, shape);
  }
  if (type.getRank() > target.getRank())
    return tensor::CollapseShapeOp::create(builder, loc, target, tensor,
                                           *reassociation);
  return tensor::ExpandShapeOp::create(builder, loc, target, tensor,
                                       *reassociation);
}

/// Makes a tensor of `element` with the given sizes: `body` gets the elements
/// of `inputs`, tensors of these sizes, and makes one of the result.
static Value
emitElements(OpBuilder &builder, Location loc, ArrayRef<OpFoldResult> sizes,
             ValueRange inputs, Type element,
             function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body) {
  Value init = tensor::EmptyOp::create(builder, loc, sizes, element);
  return linalg::GenericOp::create(
             builder, loc, init.getType(), inputs, init,
             SmallVector<AffineMap>(
                 inputs.size() + 1,
                 builder.getMultiDimIdentityMap(sizes.size())),
             SmallVector<utils::IteratorType>(sizes.size(),
                                              utils::IteratorType::parallel),
             [&](OpBuilder &inner, Location loc, ValueRange elements) {
               ImplicitLocOpBuilder b(loc, inner);
               linalg::YieldOp::create(b, body(b, elements.drop_back()));
             })
      .getResult(0);
}

Value mxfp4::convertFloat(OpBuilder &builder, Location loc, Value value,
                          Type type) {
  if (value.getType() == type)
    return value;
  if (type.getIntOrFloatBitWidth() > value.getType().getIntOrFloatBitWidth())
    return arith::ExtFOp::create(builder, loc, type, value);
  return arith::TruncFOp::create(builder, loc, type, value);
}

Value mxfp4::convertTensor(OpBuilder &builder, Location loc, Value tensor,
                           Type element) {
  return emitElements(
      builder, loc, tensor::getMixedSizes(builder, loc, tensor), tensor,
      element, [&](ImplicitLocOpBuilder &b, ValueRange elements) {
        return convertFloat(b, b.getLoc(), elements[0], element);
      });
}

Value mxfp4::bitcastTensor(OpBuilder &builder, Location loc, Value tensor,
                           Type element) {
  return emitElements(
      builder, loc, tensor::getMixedSizes(builder, loc, tensor), tensor,
      element, [&](ImplicitLocOpBuilder &b, ValueRange elements) -> Value {
        return arith::BitcastOp::create(b, element, elements[0]);
      });
}

/// Makes a tensor that has the shape of `tensor` but for the last dimension,
/// which is `columns`, from what `body` makes of an element's indices.
static Value emitColumns(
    ImplicitLocOpBuilder &b, Value tensor, int64_t columns, Type element,
    function_ref<Value(ImplicitLocOpBuilder &, SmallVector<Value> &)> body) {
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), tensor);
  sizes.back() = b.getIndexAttr(columns);
  return emitElements(b, b.getLoc(), sizes, /*inputs=*/{}, element,
                      [&](ImplicitLocOpBuilder &inner, ValueRange) {
                        SmallVector<Value> at;
                        for (unsigned i = 0; i < sizes.size(); ++i)
                          at.push_back(linalg::IndexOp::create(inner, i));
                        return body(inner, at);
                      });
}

Value mxfp4::packNibbles(ImplicitLocOpBuilder &b, Value codes) {
  auto type = cast<RankedTensorType>(codes.getType());
  Type i8 = b.getI8Type(), i4 = b.getI4Type();
  return emitColumns(
      b, codes, type.getShape().back() / 2, i8,
      [&](ImplicitLocOpBuilder &b, SmallVector<Value> &at) -> Value {
        auto extract = [&]() -> Value {
          Value code = tensor::ExtractOp::create(b, codes, at);
          if (code.getType() == i8)
            return arith::AndIOp::create(
                b, code, arith::ConstantIntOp::create(b, i8, 15));
          return arith::ExtUIOp::create(b, i8,
                                        arith::BitcastOp::create(b, i4, code));
        };
        at.back() = arith::MulIOp::create(b, at.back(),
                                          arith::ConstantIndexOp::create(b, 2));
        Value low = extract();
        at.back() = arith::AddIOp::create(b, at.back(),
                                          arith::ConstantIndexOp::create(b, 1));
        Value high = arith::ShLIOp::create(
            b, extract(), arith::ConstantIntOp::create(b, i8, 4));
        return arith::OrIOp::create(b, low, high);
      });
}

Value mxfp4::unpackNibbles(ImplicitLocOpBuilder &b, Value bytes, Type element) {
  auto type = cast<RankedTensorType>(bytes.getType());
  Type i8 = b.getI8Type(), i4 = b.getI4Type();
  return emitColumns(
      b, bytes, type.getShape().back() * 2, element,
      [&](ImplicitLocOpBuilder &b, SmallVector<Value> &at) -> Value {
        Value two = arith::ConstantIndexOp::create(b, 2);
        Value four = arith::ConstantIntOp::create(b, i8, 4);
        Value half = arith::RemUIOp::create(b, at.back(), two);
        at.back() = arith::DivUIOp::create(b, at.back(), two);
        Value byte = tensor::ExtractOp::create(b, bytes, at);
        Value shift = arith::MulIOp::create(
            b, arith::IndexCastOp::create(b, i8, half), four);
        Value code = arith::TruncIOp::create(
            b, i4, arith::ShRUIOp::create(b, byte, shift));
        return arith::BitcastOp::create(b, element, code);
      });
}
