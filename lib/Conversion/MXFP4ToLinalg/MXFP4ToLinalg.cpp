//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers mxfp4 ops on tensors to linalg.generic loops, one element at a time.
// Slow and exact: this is what the ops mean.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/ScalarCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_CONVERTMXFP4TOLINALGPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// The 4-bit element at `indices` (in elements) of `values` as an i32.
static Value extractCode(ImplicitLocOpBuilder &b, Value values,
                         ArrayRef<Value> indices) {
  auto type = cast<RankedTensorType>(values.getType());
  Type i32 = b.getI32Type();
  if (!isPackedStorage(type)) {
    Value element = tensor::ExtractOp::create(b, values, indices);
    return arith::ExtUIOp::create(
        b, i32, arith::BitcastOp::create(b, b.getIntegerType(4), element));
  }
  SmallVector<Value> position(indices);
  Value two = constantIndex(b, 2);
  position.back() = arith::DivUIOp::create(b, indices.back(), two);
  Value odd = arith::RemUIOp::create(b, indices.back(), two);
  Value byte = arith::ExtUIOp::create(
      b, i32, tensor::ExtractOp::create(b, values, position));
  Value shift = arith::MulIOp::create(
      b, arith::IndexCastOp::create(b, i32, odd), constantInt(b, i32, 4));
  return arith::AndIOp::create(b, arith::ShRUIOp::create(b, byte, shift),
                               constantInt(b, i32, 15));
}

/// The weight at `indices` (in elements) as an f32: element times scale (F5).
static Value extractWeight(ImplicitLocOpBuilder &b, Value values, Value scales,
                           ArrayRef<Value> indices) {
  SmallVector<Value> block(indices);
  block.back() =
      arith::DivUIOp::create(b, indices.back(), constantIndex(b, kBlockSize));
  Value scale = tensor::ExtractOp::create(b, scales, block);
  Value byte = arith::ExtUIOp::create(
      b, b.getI32Type(), arith::BitcastOp::create(b, b.getI8Type(), scale));
  Value element = decodeE2M1(b, extractCode(b, values, indices));
  return arith::MulFOp::create(b, element, decodeE8M0(b, byte));
}

/// `tensor` as a value of `type`, of which either may know more of the shape.
static Value castTensor(ImplicitLocOpBuilder &b, Value tensor, Type type) {
  if (tensor.getType() == type)
    return tensor;
  return tensor::CastOp::create(b, type, tensor);
}

namespace {
/// One multiplication per element.
struct DequantizeOpLowering final : OpRewritePattern<DequantizeOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(DequantizeOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type element = op.getResult().getType().getElementType();
    ReifiedRankedShapedTypeDims shapes;
    if (failed(op.reifyResultShapes(rewriter, shapes)))
      return failure();
    Value result = emitElementwise(
        b, emptyTensor(b, shapes[0], element),
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) {
          return convertFloat(b,
                              extractWeight(b, op.getValues(), op.getScales(),
                                            llvm::to_vector(indices)),
                              element);
        });
    rewriter.replaceOp(op, castTensor(b, result, op.getResult().getType()));
    return success();
  }
};

/// First the largest magnitude of each block as bits, then its scale, then its
/// elements.
struct QuantizeOpLowering final : OpRewritePattern<QuantizeOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    ReifiedRankedShapedTypeDims shapes;
    if (failed(op.reifyResultShapes(rewriter, shapes)))
      return failure();
    Type i32 = b.getI32Type(), f32 = b.getF32Type();
    RankedTensorType scalesType = op.getScales().getType();
    int64_t rank = scalesType.getRank();

    // Magnitudes of f32 order like their bits; NaN and infinity come last.
    auto extractInput = [&](ImplicitLocOpBuilder &b, ArrayRef<Value> indices) {
      return convertFloat(
          b, tensor::ExtractOp::create(b, op.getInput(), indices), f32);
    };
    Value amaxInit = linalg::FillOp::create(b, constantInt(b, i32, 0),
                                            emptyTensor(b, shapes[1], i32))
                         .getResult(0);
    Value lanes = tensor::EmptyOp::create(b, ArrayRef<int64_t>{kBlockSize},
                                          b.getI1Type());
    SmallVector<int64_t> blockLoops =
        llvm::to_vector(llvm::seq<int64_t>(0, rank));
    Value amax = emitLoops(
        b, rank + 1, lanes, amaxInit, {{rank}, blockLoops},
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
          SmallVector<Value> at(indices.drop_back());
          at.back() = arith::AddIOp::create(
              b,
              arith::MulIOp::create(b, at.back(), constantIndex(b, kBlockSize)),
              indices.back());
          Value bits = arith::AndIOp::create(
              b, arith::BitcastOp::create(b, i32, extractInput(b, at)),
              constantInt(b, i32, 0x7FFFFFFF));
          return arith::MaxUIOp::create(b, elements.back(), bits);
        });

    Value scales = emitElementwise(
        b, emptyTensor(b, shapes[1], scalesType.getElementType()),
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) {
          Value bits = tensor::ExtractOp::create(b, amax, indices);
          Value exponent =
              arith::ShRUIOp::create(b, bits, constantInt(b, i32, 23));
          // F9: the largest power of two in the block over that of E2M1, 4.
          Value byte = arith::MaxSIOp::create(
              b, arith::SubIOp::create(b, exponent, constantInt(b, i32, 2)),
              constantInt(b, i32, 0));
          Value special = arith::CmpIOp::create(
              b, arith::CmpIPredicate::eq, exponent, constantInt(b, i32, 255));
          byte = arith::SelectOp::create(b, special, constantInt(b, i32, 255),
                                         byte);
          return arith::BitcastOp::create(
              b, scalesType.getElementType(),
              arith::TruncIOp::create(b, b.getI8Type(), byte));
        });

    auto encode = [&](ImplicitLocOpBuilder &b, ArrayRef<Value> indices) {
      SmallVector<Value> block(indices);
      block.back() = arith::DivUIOp::create(b, indices.back(),
                                            constantIndex(b, kBlockSize));
      Value bits = tensor::ExtractOp::create(b, amax, block);
      Value exponent = arith::ShRUIOp::create(b, bits, constantInt(b, i32, 23));
      Value byte = arith::MaxSIOp::create(
          b, arith::SubIOp::create(b, exponent, constantInt(b, i32, 2)),
          constantInt(b, i32, 0));
      // 2^(127 - byte) is exact and normal, since byte is at most 252 here.
      Value inverse = arith::BitcastOp::create(
          b, f32,
          arith::ShLIOp::create(
              b, arith::SubIOp::create(b, constantInt(b, i32, 254), byte),
              constantInt(b, i32, 23)));
      Value code = encodeE2M1(
          b, arith::MulFOp::create(b, extractInput(b, indices), inverse));
      Value special = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                            exponent, constantInt(b, i32, 255));
      return arith::SelectOp::create(b, special, constantInt(b, i32, 0), code)
          .getResult();
    };
    RankedTensorType valuesType = op.getValues().getType();
    Value values = emitElementwise(
        b, emptyTensor(b, shapes[0], valuesType.getElementType()),
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange) -> Value {
          SmallVector<Value> at(indices);
          if (!isPackedStorage(valuesType))
            return arith::BitcastOp::create(
                b, valuesType.getElementType(),
                arith::TruncIOp::create(b, b.getIntegerType(4), encode(b, at)));
          at.back() = arith::MulIOp::create(b, at.back(), constantIndex(b, 2));
          Value low = encode(b, at);
          at.back() = arith::AddIOp::create(b, at.back(), constantIndex(b, 1));
          Value high =
              arith::ShLIOp::create(b, encode(b, at), constantInt(b, i32, 4));
          return arith::TruncIOp::create(b, b.getI8Type(),
                                         arith::OrIOp::create(b, low, high));
        });
    rewriter.replaceOp(op, {castTensor(b, values, valuesType),
                            castTensor(b, scales, scalesType)});
    return success();
  }
};

/// A sum over k in rising order, then bias and residual.
struct MatmulOpLowering final : OpRewritePattern<MatmulOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0)
      return rewriter.notifyMatchFailure(op, "is not on tensors");
    if (op.getLayout())
      return rewriter.notifyMatchFailure(op, "weight is rearranged");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type f32 = b.getF32Type();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, op.getLoc(), op.getInit());
    Value sums = emitLoops(
        b, 3, op.getInput(), filledTensor(b, sizes, f32, 0.0), {{0, 2}, {0, 1}},
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
          Value weight = extractWeight(b, op.getValues(), op.getScales(),
                                       {indices[1], indices[2]});
          Value product = arith::MulFOp::create(
              b, convertFloat(b, elements[0], f32), weight);
          return arith::AddFOp::create(b, elements[1], product).getResult();
        });
    Value result = emitElementwise(
        b, op.getInit(),
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
          Value sum = tensor::ExtractOp::create(b, sums, indices);
          auto add = [&](Value tensor, ValueRange at) {
            sum = arith::AddFOp::create(
                b, sum,
                convertFloat(b, tensor::ExtractOp::create(b, tensor, at), f32));
          };
          if (op.getBias())
            add(op.getBias(), indices[1]);
          if (op.getResidual())
            add(op.getResidual(), indices);
          return convertFloat(b, sum, elements.back().getType());
        });
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// Each slot reads the weights of its expert; experts are not grouped.
struct MatmulByExpertOpLowering final : OpRewritePattern<MatmulByExpertOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(MatmulByExpertOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0)
      return rewriter.notifyMatchFailure(op, "is not on tensors");
    if (op.getLayout())
      return rewriter.notifyMatchFailure(op, "weight is rearranged");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Location loc = op.getLoc();
    Type f32 = b.getF32Type();
    bool perSlot = op.getInput().getType().getRank() == 3;
    int64_t outputs = op.getInit().getType().getShape().back();
    int64_t rows = op.getActivation() ? 2 * outputs : outputs;
    OpFoldResult tokens =
        tensor::getMixedSize(rewriter, loc, op.getExperts(), 0);
    OpFoldResult slots =
        b.getIndexAttr(op.getExperts().getType().getDimSize(1));

    auto expertOf = [&](ImplicitLocOpBuilder &b, ValueRange indices) -> Value {
      return arith::IndexCastOp::create(
          b, b.getIndexType(),
          tensor::ExtractOp::create(b, op.getExperts(), indices.take_front(2)));
    };
    // Loops: token, slot, row, k.
    SmallVector<int64_t> inputLoops = {0, 3};
    if (perSlot)
      inputLoops = {0, 1, 3};
    Value sums = emitLoops(
        b, 4, op.getInput(),
        filledTensor(b, {tokens, slots, b.getIndexAttr(rows)}, f32, 0.0),
        {inputLoops, {0, 1, 2}},
        [&](ImplicitLocOpBuilder &b, ValueRange indices, ValueRange elements) {
          Value weight =
              extractWeight(b, op.getValues(), op.getScales(),
                            {expertOf(b, indices), indices[2], indices[3]});
          Value product = arith::MulFOp::create(
              b, convertFloat(b, elements[0], f32), weight);
          return arith::AddFOp::create(b, elements[1], product).getResult();
        });

    auto output = [&](ImplicitLocOpBuilder &b, Value token, Value slot,
                      Value row) {
      Value y =
          tensor::ExtractOp::create(b, sums, ValueRange{token, slot, row});
      if (op.getBias()) {
        Value expert = expertOf(b, {token, slot});
        Value bias =
            tensor::ExtractOp::create(b, op.getBias(), ValueRange{expert, row});
        y = arith::AddFOp::create(b, y, convertFloat(b, bias, f32));
      }
      return y;
    };
    auto activated = [&](ImplicitLocOpBuilder &b, Value token, Value slot,
                         Value row) {
      std::optional<SwiGLUAttr> activation = op.getActivation();
      if (!activation)
        return output(b, token, slot, row);
      Value even = arith::MulIOp::create(b, row, constantIndex(b, 2));
      Value odd = arith::AddIOp::create(b, even, constantIndex(b, 1));
      return emitSwiGLU(
          b, output(b, token, slot, even), output(b, token, slot, odd),
          activation->getAlpha().getValueAsDouble(),
          activation->getLimit().getValueAsDouble(),
          [&](Value x) -> Value { return math::ExpOp::create(b, x); });
    };
    if (!op.getWeights()) {
      Value result = emitElementwise(
          b, op.getInit(),
          [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
            return convertFloat(b, activated(b, at[0], at[1], at[2]),
                                elements.back().getType());
          });
      rewriter.replaceOp(op, result);
      return success();
    }

    // Loops: token, n, slot.
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, op.getInit());
    Value combined = emitLoops(
        b, 3, op.getWeights(), filledTensor(b, sizes, f32, 0.0),
        {{0, 2}, {0, 1}},
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
          Value term =
              arith::MulFOp::create(b, convertFloat(b, elements[0], f32),
                                    activated(b, at[0], at[2], at[1]));
          return arith::AddFOp::create(b, elements[1], term).getResult();
        });
    Value result = emitElementwise(
        b, op.getInit(),
        [&](ImplicitLocOpBuilder &b, ValueRange at, ValueRange elements) {
          Value sum = tensor::ExtractOp::create(b, combined, at);
          if (op.getResidual())
            sum = arith::AddFOp::create(
                b, sum,
                convertFloat(b,
                             tensor::ExtractOp::create(b, op.getResidual(), at),
                             f32));
          return convertFloat(b, sum, elements.back().getType());
        });
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct ConvertMXFP4ToLinalgPass final
    : mxfp4::impl::ConvertMXFP4ToLinalgPassBase<ConvertMXFP4ToLinalgPass> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DequantizeOpLowering, QuantizeOpLowering, MatmulOpLowering,
                 MatmulByExpertOpLowering>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
