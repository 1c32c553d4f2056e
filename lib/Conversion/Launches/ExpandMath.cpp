//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Functions of mathematics as arithmetic, where there is no library.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/ScalarCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

static constexpr double kTurn = 6.283185307179586476925;

/// The intrinsic function of LLVM that is an instruction of a GPU, or "".
static StringRef getIntrinsic(Operation *op) {
  return TypeSwitch<Operation *, StringRef>(op)
      .Case([](math::AbsFOp) { return "llvm.fabs"; })
      .Case([](math::CeilOp) { return "llvm.ceil"; })
      .Case([](math::CopySignOp) { return "llvm.copysign"; })
      .Case([](math::FloorOp) { return "llvm.floor"; })
      .Case([](math::FmaOp) { return "llvm.fma"; })
      .Case([](math::RoundEvenOp) { return "llvm.roundeven"; })
      .Case([](math::SqrtOp) { return "llvm.sqrt"; })
      .Case([](math::TruncOp) { return "llvm.trunc"; })
      .Default([](Operation *) { return ""; });
}

namespace {
struct ExpandMathPass final : mxfp4::impl::ExpandMathPassBase<ExpandMathPass> {
  using Base::Base;

  void runOnOperation() override {
    getOperation()->walk(reduceAngle);
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation()->walk([](Operation *op) {
      StringRef intrinsic = getIntrinsic(op);
      if (intrinsic.empty())
        return;
      ImplicitLocOpBuilder b(op->getLoc(), op);
      auto call = LLVM::CallIntrinsicOp::create(b, op->getResult(0).getType(),
                                                b.getStringAttr(intrinsic),
                                                op->getOperands());
      op->getResult(0).replaceAllUsesWith(call.getResult(0));
      op->erase();
    });
  }

private:
  /// Brings the angle of a sine or cosine into one turn.
  static void reduceAngle(Operation *op) {
    if (!isa<math::SinOp, math::CosOp>(op) ||
        !op->getOperand(0).getType().isF32())
      return;
    ImplicitLocOpBuilder b(op->getLoc(), op);
    Type f64 = b.getF64Type();
    Value angle = arith::ExtFOp::create(b, f64, op->getOperand(0));
    Value turns =
        arith::MulFOp::create(b, angle, constantFloat(b, f64, 1 / kTurn));
    Value rest =
        arith::SubFOp::create(b, turns, math::RoundEvenOp::create(b, turns));
    Value reduced =
        arith::MulFOp::create(b, rest, constantFloat(b, f64, kTurn));
    op->setOperand(0, arith::TruncFOp::create(b, b.getF32Type(), reduced));
  }
};
} // namespace
