//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers routing and the ops on the slots of tokens.
//
//===----------------------------------------------------------------------===//

#include "../Utils/VectorCode.h"
#include "Patterns.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

/// Goes through the logits once for each slot: there are few slots.
void mxfp4::lowerRouteTopK(RouteTopKOp op, const VectorISA &isa) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  int64_t numExperts = op.getLogits().getType().getDimSize(1);
  int64_t slots = op.getInitExperts().getType().getDimSize(1);
  emitParallel(b, getSize(b, op.getLogits(), 0), [&](ValueRange indices) {
    Value token = indices[0];
    Value lowest =
        constantFloat(b, f32, -std::numeric_limits<float>::infinity());
    Value none = constantIndex(b, -1);
    SmallVector<Value> chosen, logits;
    for (int64_t slot = 0; slot < slots; ++slot) {
      SmallVector<Value> best = emitFor(
          b, constantIndex(b, 0), constantIndex(b, numExperts), 1,
          {lowest, none},
          [&](Value expert, ValueRange carried) -> SmallVector<Value> {
            Value x =
                convertFloat(b,
                             memref::LoadOp::create(b, op.getLogits(),
                                                    ValueRange{token, expert}),
                             f32);
            Value isNaN =
                arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
            x = arith::SelectOp::create(b, isNaN, lowest, x);
            Value isBetter = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT,
                                                   x, carried[0]);
            Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                                  carried[1], none);
            isBetter = arith::OrIOp::create(b, isBetter, isFirst);
            for (Value other : chosen) {
              Value isNew = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                                  other, expert);
              isBetter = arith::AndIOp::create(b, isBetter, isNew);
            }
            return {arith::SelectOp::create(b, isBetter, x, carried[0]),
                    arith::SelectOp::create(b, isBetter, expert, carried[1])};
          });
      logits.push_back(best[0]);
      chosen.push_back(best[1]);
    }
    Value sum = constantFloat(b, f32, 0.0);
    SmallVector<Value> exponentials;
    for (Value logit : logits) {
      Value difference = arith::SubFOp::create(b, logit, logits[0]);
      exponentials.push_back(math::ExpOp::create(b, difference));
      sum = arith::AddFOp::create(b, sum, exponentials.back());
    }
    Type weightType = op.getInitWeights().getType().getElementType();
    for (int64_t slot = 0; slot < slots; ++slot) {
      Value at[] = {token, constantIndex(b, slot)};
      memref::StoreOp::create(b,
                              arith::IndexCastOp::create(b, i32, chosen[slot]),
                              op.getInitExperts(), at);
      Value weight = arith::DivFOp::create(b, exponentials[slot], sum);
      memref::StoreOp::create(b, convertFloat(b, weight, weightType),
                              op.getInitWeights(), at);
    }
  });
}

void mxfp4::lowerAddExpertBias(AddExpertBiasOp op, const VectorISA &isa) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  SmallVector<Value> sizes = {getSize(b, op.getInput(), 0),
                              getSize(b, op.getInput(), 1)};
  emitParallel(b, sizes, [&](ValueRange slot) {
    Value expert = loadIndex(b, op.getExperts(), slot);
    emitRow(b, op.getInput().getType().getDimSize(2), isa.lanes,
            [&](Value offset, Value tail) {
              Value at[] = {slot[0], slot[1], offset};
              Value x = loadF32(b, op.getInput(), at, isa.lanes, tail);
              Value bias =
                  loadF32(b, op.getBias(), {expert, offset}, isa.lanes, tail);
              storeF32(b, arith::AddFOp::create(b, x, bias), op.getInit(), at,
                       tail);
            });
  });
}

void mxfp4::lowerCombineExperts(CombineExpertsOp op, const VectorISA &isa) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  VectorType vectorType = getF32Vector(b, isa.lanes);
  int64_t slots = op.getInput().getType().getDimSize(1);
  emitParallel(b, getSize(b, op.getInput(), 0), [&](ValueRange indices) {
    Value token = indices[0];
    emitRow(b, op.getInput().getType().getDimSize(2), isa.lanes,
            [&](Value offset, Value tail) {
              Value sum = constantFloat(b, vectorType, 0.0);
              for (int64_t i = 0; i < slots; ++i) {
                Value slot = constantIndex(b, i);
                Value scalar = memref::LoadOp::create(b, op.getWeights(),
                                                      ValueRange{token, slot});
                Value weight = vector::BroadcastOp::create(
                    b, vectorType, convertFloat(b, scalar, b.getF32Type()));
                Value x = loadF32(b, op.getInput(), {token, slot, offset},
                                  isa.lanes, tail);
                sum = emitMultiplyAdd(b, isa, weight, x, sum);
              }
              storeF32(b, sum, op.getInit(), {token, offset}, tail);
            });
  });
}
