//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters leave it open how a product of bf16 matrices is added up; read
// word for word, the linalg ops that they write would round after each term.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "Contractions.h"
#include "MatmulUtils.h"
#include "TensorCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/TypeSwitch.h"

#define DEBUG_TYPE "mxfp4-widen-sums"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_WIDENSUMSPASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

static bool isHalf(Value value) {
  return isFloatOperand(value) &&
         getElementTypeOrSelf(value).getIntOrFloatBitWidth() == 16;
}

/// What the sum starts from, in f32.
static Value widenInit(OpBuilder &builder, Location loc, Value init) {
  Type f32 = builder.getF32Type();
  auto fill = init.getDefiningOp<linalg::FillOp>();
  if (!fill)
    return convertTensor(builder, loc, init, f32);
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, init), f32);
  Value scalar = convertFloat(builder, loc, fill.getInputs()[0], f32);
  return linalg::FillOp::create(builder, loc, scalar, empty).getResult(0);
}

/// The contraction again, into `init`.
static Value widen(OpBuilder &builder, linalg::LinalgOp op, Value init) {
  Location loc = op.getLoc();
  SmallVector<Value> inputs = op.getDpsInputs();
  // Those that fusion takes keep their name.
  auto recreate = [&](auto named) -> Value {
    return decltype(named)::create(builder, loc, init.getType(), inputs, init)
        ->getResult(0);
  };
  return TypeSwitch<Operation *, Value>(op)
      .Case<linalg::MatmulTransposeBOp, linalg::BatchMatmulTransposeBOp>(
          recreate)
      .Default([&](Operation *) {
        return linalg::GenericOp::create(
                   builder, loc, init.getType(), inputs, init,
                   op.getIndexingMapsArray(), op.getIteratorTypesArray(),
                   [&](OpBuilder &inner, Location loc, ValueRange arguments) {
                     Type f32 = inner.getF32Type();
                     Value product = arith::MulFOp::create(
                         inner, loc,
                         convertFloat(inner, loc, arguments[0], f32),
                         convertFloat(inner, loc, arguments[1], f32));
                     Value sum = arith::AddFOp::create(inner, loc, arguments[2],
                                                       product);
                     linalg::YieldOp::create(inner, loc, sum);
                   })
            .getResult(0);
      });
}

namespace {
struct WidenSumsPass final : mxfp4::impl::WidenSumsPassBase<WidenSumsPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (isSumOfProducts(op) && isHalf(op->getResult(0)) &&
          llvm::all_of(op.getDpsInputs(), isHalf))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : ops) {
      rewriter.setInsertionPoint(op);
      Location loc = op.getLoc();
      Value sum =
          widen(rewriter, op, widenInit(rewriter, loc, op.getDpsInits()[0]));
      Type element = getElementTypeOrSelf(op->getResult(0));
      rewriter.replaceOp(op, convertTensor(rewriter, loc, sum, element));
    }
  }
};
} // namespace
