//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builders of the parts of a layer: RMSNorm, RoPE, attention, router, experts.
//
//===----------------------------------------------------------------------===//

#include "Layers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

#include <cmath>

using namespace mlir;
using namespace mlir::mxfp4;

int64_t LayerBuilder::getSize(Value x, int64_t index) const {
  return cast<RankedTensorType>(x.getType()).getDimSize(index);
}

Value LayerBuilder::empty(ArrayRef<int64_t> sizes, Type element) {
  SmallVector<OpFoldResult> mixed = {tokens};
  for (int64_t size : sizes)
    mixed.push_back(b.getIndexAttr(size));
  return tensor::EmptyOp::create(b, mixed, element);
}

Value LayerBuilder::embedding(Value ids, Value table) {
  Value init = empty(getSize(table, 1), b.getF32Type());
  return nn::EmbeddingOp::create(b, init.getType(), ids, table, init)
      ->getResult(0);
}

Value LayerBuilder::rmsNorm(Value x, Value gain, Value init) {
  if (!init)
    init = empty(getSize(x, 1), activation);
  return nn::RMSNormOp::create(b, init.getType(), x, gain, init,
                               b.getF32FloatAttr(config.rmsNormEps))
      ->getResult(0);
}

InputFormatAttr
LayerBuilder::getInputFormatAttr(std::optional<InputFormat> format) const {
  return format ? InputFormatAttr::get(b.getContext(), *format)
                : InputFormatAttr();
}

Value LayerBuilder::linear(Value x, const DenseWeight &weight, Value bias,
                           Type element, Value init) {
  int64_t outputs = getSize(weight.values, 0);
  Type f32 = b.getF32Type();
  Value sumInit = init && !bias ? init : empty(outputs, f32);
  Value sum;
  if (weight.scales) {
    sum = MatmulOp::create(b, sumInit.getType(), x, weight.values,
                           weight.scales, /*tensorScale=*/Value(),
                           /*bias=*/Value(), /*residual=*/Value(), sumInit,
                           getInputFormatAttr(weight.inputFormat), LayoutAttr())
              ->getResult(0);
  } else {
    Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0));
    Value zeros = linalg::FillOp::create(b, zero, sumInit).getResult(0);
    sum = linalg::MatmulTransposeBOp::create(b, b.getLoc(), {x, weight.values},
                                             zeros)
              ->getResult(0);
  }
  if (!bias)
    return sum;

  Value resultInit = init ? init : empty(outputs, element);
  AffineMap matrix = b.getMultiDimIdentityMap(2);
  AffineMap column =
      AffineMap::get(2, 0, b.getAffineDimExpr(1), b.getContext());
  SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
  auto addBias = [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Value wide = elements[1];
    if (wide.getType() != f32)
      wide = arith::ExtFOp::create(builder, loc, f32, wide);
    Value result = arith::AddFOp::create(builder, loc, elements[0], wide);
    if (element != f32)
      result = arith::TruncFOp::create(builder, loc, element, result);
    linalg::YieldOp::create(builder, loc, result);
  };
  return linalg::GenericOp::create(
             b, resultInit.getType(), ValueRange{sum, bias}, resultInit,
             ArrayRef<AffineMap>{matrix, column, matrix}, iterators, addBias)
      .getResult(0);
}

Value LayerBuilder::add(Value x, Value y, Value init) {
  return linalg::AddOp::create(b, ValueRange{x, y}, init)->getResult(0);
}

Value LayerBuilder::splitHeads(Value x, int64_t heads) {
  auto type = cast<RankedTensorType>(x.getType());
  auto split = RankedTensorType::get(
      {type.getDimSize(0), heads, type.getDimSize(1) / heads},
      type.getElementType());
  SmallVector<OpFoldResult> sizes = {tokens, b.getIndexAttr(heads),
                                     b.getIndexAttr(split.getDimSize(2))};
  return tensor::ExpandShapeOp::create(
      b, split, x, ArrayRef<ReassociationIndices>{{0}, {1, 2}}, sizes);
}

Value LayerBuilder::joinHeads(Value x) {
  return tensor::CollapseShapeOp::create(
      b, x, ArrayRef<ReassociationIndices>{{0}, {1, 2}});
}

Value LayerBuilder::rotary(Value x, const TokenPlaces &places) {
  const mx::YarnScaling &scaling = config.ropeScaling;
  auto yarn = nn::YarnAttr::get(
      b.getContext(), b.getF32FloatAttr(config.ropeTheta),
      b.getF32FloatAttr(scaling.factor), b.getF32FloatAttr(scaling.betaFast),
      b.getF32FloatAttr(scaling.betaSlow), scaling.originalMaxPositions,
      scaling.truncate);
  Value init = empty({getSize(x, 1), getSize(x, 2)}, activation);
  return nn::RotaryEmbeddingOp::create(b, init.getType(), x, places.position,
                                       init, yarn)
      ->getResult(0);
}

Value LayerBuilder::attention(Value query, Value key, Value value,
                              Value keyCache, Value valueCache, Value sinks,
                              const TokenPlaces &places, bool isSliding) {
  Value init = empty({getSize(query, 1), getSize(query, 2)}, activation);
  float scale = 1.0f / std::sqrt(static_cast<float>(config.headDim));
  IntegerAttr window;
  if (isSliding)
    window = b.getI64IntegerAttr(config.slidingWindow);
  return nn::AttentionOp::create(b, init.getType(), query, key, value, keyCache,
                                 valueCache, sinks, places.position,
                                 places.sequence, init,
                                 b.getF32FloatAttr(scale), window)
      ->getResult(0);
}

Value LayerBuilder::updateCache(Value x, const TokenPlaces &places,
                                Value cache) {
  return nn::CacheUpdateOp::create(b, cache.getType(), x, places.position,
                                   places.sequence, cache)
      ->getResult(0);
}

std::pair<Value, Value> LayerBuilder::route(Value logits) {
  Value experts = empty(config.numExpertsPerTok, b.getI32Type());
  Value weights = empty(config.numExpertsPerTok, b.getF32Type());
  auto op = nn::RouteTopKOp::create(
      b, TypeRange{experts.getType(), weights.getType()}, logits, experts,
      weights);
  return {op->getResult(0), op->getResult(1)};
}

Value LayerBuilder::matmulByExpert(Value x, Value values, Value scales,
                                   Value bias, Value experts,
                                   std::optional<InputFormat> format) {
  Value init = empty({getSize(experts, 1), getSize(values, 1)}, b.getF32Type());
  Value sums = MatmulByExpertOp::create(
                   b, init.getType(), x, values, scales, experts,
                   /*tensorScale=*/Value(), /*bias=*/Value(),
                   /*weights=*/Value(), /*residual=*/Value(), init,
                   SwiGLUAttr(), getInputFormatAttr(format), LayoutAttr())
                   ->getResult(0);
  return nn::AddExpertBiasOp::create(b, init.getType(), sums, bias, experts,
                                     init)
      ->getResult(0);
}

Value LayerBuilder::swiglu(Value x) {
  Value init = empty({getSize(x, 1), getSize(x, 2) / 2}, activation);
  auto attribute =
      SwiGLUAttr::get(b.getContext(), b.getF32FloatAttr(config.swigluAlpha),
                      b.getF32FloatAttr(config.swigluLimit));
  return nn::SwiGLUOp::create(b, init.getType(), x, init, attribute)
      ->getResult(0);
}

Value LayerBuilder::combineExperts(Value x, Value weights) {
  Value init = empty(getSize(x, 2), b.getF32Type());
  return nn::CombineExpertsOp::create(b, init.getType(), x, weights, init)
      ->getResult(0);
}
