//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packs and unpacks 4-bit codes by plain loops.
//
//===----------------------------------------------------------------------===//

#include "Nibbles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Makes a tensor that has the shape of `tensor` but for the last dimension,
/// which is `columns`, from what `body` makes of an element's indices.
static Value emitElements(
    ImplicitLocOpBuilder &b, Value tensor, int64_t columns, Type element,
    function_ref<Value(ImplicitLocOpBuilder &, SmallVector<Value> &)> body) {
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), tensor);
  sizes.back() = b.getIndexAttr(columns);
  Value init = tensor::EmptyOp::create(b, sizes, element);
  return linalg::GenericOp::create(
             b, init.getType(), ValueRange(), init,
             ArrayRef{b.getMultiDimIdentityMap(sizes.size())},
             SmallVector<utils::IteratorType>(sizes.size(),
                                              utils::IteratorType::parallel),
             [&](OpBuilder &builder, Location loc, ValueRange) {
               ImplicitLocOpBuilder inner(loc, builder);
               SmallVector<Value> at;
               for (unsigned i = 0; i < sizes.size(); ++i)
                 at.push_back(linalg::IndexOp::create(inner, i));
               linalg::YieldOp::create(inner, body(inner, at));
             })
      .getResult(0);
}

Value mxfp4::packNibbles(ImplicitLocOpBuilder &b, Value codes) {
  auto type = cast<RankedTensorType>(codes.getType());
  Type i8 = b.getI8Type(), i4 = b.getI4Type();
  return emitElements(
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
  return emitElements(
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
