//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers mxfp4 ops on memrefs to parallel loops of vector code. Weights are
// looked up in vector registers right before they are multiplied.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/LinearLowering.h"
#include "Patterns.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTMXFP4TOVECTORPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

static LogicalResult lowerMatmul(MatmulOp op, const VectorISA &isa) {
  if (failed(checkPanelOp(op, isa, op.getValues(), op.getLayoutAttr())))
    return failure();
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Panel panel = {op.getValues(),
                 op.getScales(),
                 {},
                 op.getInput().getType().getDimSize(1),
                 loadTensorScale(b, op.getTensorScale(), {})};
  emitLinear(b, isa, panel, op.getInput(), op.getInputFormat(), op.getBias(),
             op.getResidual(), op.getInit());
  return success();
}

/// Writes to `init` at `to` the elements of `source` from `from` on that a
/// vector of `type` holds, or zeros if there is no source. An element of 6 bits
/// takes a byte in memory, but not in a vector: those are written one by one.
static void writeChunk(ImplicitLocOpBuilder &b, VectorType type, Value source,
                       ArrayRef<Value> from, Value init, ArrayRef<Value> to) {
  if (type.getElementTypeBitWidth() % 8 == 0) {
    Value words =
        source ? vector::LoadOp::create(b, type, source, from).getResult()
               : arith::ConstantOp::create(b, b.getZeroAttr(type)).getResult();
    vector::StoreOp::create(b, words, init, to);
    return;
  }
  emitFor(b, constantIndex(b, 0), constantIndex(b, type.getDimSize(0)), 1,
          [&](Value i) {
            SmallVector<Value> in(from), out(to);
            out.back() = addIndex(b, out.back(), i);
            Value element;
            if (source) {
              in.back() = addIndex(b, in.back(), i);
              element = memref::LoadOp::create(b, source, in);
            } else {
              element = arith::ConstantOp::create(
                  b, b.getZeroAttr(type.getElementType()));
            }
            memref::StoreOp::create(b, element, init, out);
          });
}

/// Copies what stands together in a lane, for one group after another. Writes
/// are consecutive; reads go along as many rows as there are lanes.
static LogicalResult lowerPack(PackOp op) {
  if (!op.getLayout())
    return op.emitOpError("cannot be lowered to vectors: expected layouts to "
                          "be resolved (mxfp4-resolve-layouts)");
  if (isa<Float4E2M1FNType>(op.getSource().getType().getElementType()))
    return op.emitOpError("cannot be lowered to vectors: expected 4-bit "
                          "elements as bytes (mxfp4-pack-storage), but got ")
           << op.getSource().getType();
  LayoutAttr layout = *op.getLayout();
  if (layout.getTiled())
    return op.emitOpError("cannot be lowered to vectors: expected a layout "
                          "that is not tiled, but got ")
           << layout;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto source = cast<MemRefType>(op.getSource().getType());
  auto init = cast<MemRefType>(op.getInit().getType());
  int64_t rank = source.getRank(), lanes = layout.getLanes();
  int64_t rows = source.getDimSize(rank - 2);
  int64_t steps = init.getDimSize(rank - 1);
  int64_t chunk = init.getDimSize(rank) / lanes;
  VectorType type = VectorType::get({chunk}, source.getElementType());

  SmallVector<Value> sizes;
  for (int64_t i = 0; i + 1 < rank; ++i)
    sizes.push_back(getSize(b, op.getInit(), i));
  emitParallel(b, sizes, [&](ValueRange indices) {
    Value group = indices.back();
    SmallVector<Value> prefix(indices.drop_back());
    emitFor(
        b, constantIndex(b, 0), constantIndex(b, steps), 1, [&](Value step) {
          emitFor(
              b, constantIndex(b, 0), constantIndex(b, lanes), 1,
              [&](Value lane) {
                Value row = getArrangedRow(b, group, lane, layout);
                SmallVector<Value> from(prefix), to(indices);
                from.append({row, mulIndex(b, step, chunk)});
                to.append({step, mulIndex(b, lane, chunk)});
                auto copy = [&] {
                  writeChunk(b, type, op.getSource(), from, op.getInit(), to);
                };
                int64_t perGroup = layout.getPaired() ? 2 * lanes : lanes;
                if (rows % perGroup == 0)
                  return copy();
                writeChunk(b, type, /*source=*/Value(), {}, op.getInit(),
                           to); // F19
                Value isRow = arith::CmpIOp::create(
                    b, arith::CmpIPredicate::ult, row, constantIndex(b, rows));
                auto branch = scf::IfOp::create(b, isRow);
                OpBuilder::InsertionGuard guard(b);
                b.setInsertionPoint(branch.thenBlock()->getTerminator());
                copy();
              });
        });
  });
  return success();
}

namespace {
struct ConvertMXFP4ToVectorPass final
    : mxfp4::impl::ConvertMXFP4ToVectorPassBase<ConvertMXFP4ToVectorPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    return checkISA(context, isa);
  }

  void runOnOperation() override {
    if (failed(lowerOpsToVector(getOperation(), isa,
                                TypeID::get<MXFP4Dialect>(), lower)))
      signalPassFailure();
  }

private:
  static LogicalResult lower(Operation *op, const VectorISA &isa) {
    if (auto matmul = dyn_cast<MatmulOp>(op))
      return lowerMatmul(matmul, isa);
    if (auto matmul = dyn_cast<MatmulByExpertOp>(op))
      return lowerMatmulByExpert(matmul, isa);
    if (auto dequantize = dyn_cast<DequantizeIntoOp>(op))
      return lowerDequantize(dequantize, isa);
    if (auto quantize = dyn_cast<QuantizeIntoOp>(op))
      return lowerQuantize(quantize, isa);
    return lowerPack(cast<PackOp>(op));
  }
};
} // namespace
