//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verifiers and interfaces of the mxfp4 ops.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::mxfp4;

#define GET_OP_CLASSES
#include "mxfp4/Dialect/MXFP4/IR/MXFP4Ops.cpp.inc"

//===----------------------------------------------------------------------===//
// What the verifiers share
//===----------------------------------------------------------------------===//

bool mxfp4::haveOneSemantics(OperandRange operands) {
  TypeRange types(operands);
  return llvm::none_of(types, llvm::IsaPred<RankedTensorType>) ||
         llvm::none_of(types, llvm::IsaPred<MemRefType>);
}

void mxfp4::getDestinationStyleEffects(
    DestinationStyleOpInterface op,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects,
    bool keepsSome) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    bool isInit = op.isDpsInit(&operand);
    if (!isInit || keepsSome)
      effects.emplace_back(MemoryEffects::Read::get(), &operand, /*stage=*/0,
                           /*effectOnFullRegion=*/true,
                           SideEffects::DefaultResource::get());
    if (isInit)
      effects.emplace_back(MemoryEffects::Write::get(), &operand, /*stage=*/1,
                           /*effectOnFullRegion=*/!keepsSome,
                           SideEffects::DefaultResource::get());
  }
}

LayoutAttr mxfp4::getEncodedLayout(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<LayoutAttr>(tensor.getEncoding())
                : LayoutAttr();
}

FailureOr<LayoutAttr> mxfp4::verifyLayouts(Operation *op, LayoutAttr attribute,
                                           Value weight, Value scales) {
  LayoutAttr encoding = getEncodedLayout(weight.getType());
  if (encoding && attribute)
    return op->emitOpError("expected a layout either as the encoding of the "
                           "weight or as the attribute 'layout'");
  LayoutAttr ofScales = encoding ? encoding.getScalesLayout() : LayoutAttr();
  for (Value operand : op->getOperands()) {
    LayoutAttr found = getEncodedLayout(operand.getType());
    LayoutAttr expected = operand == scales ? ofScales : LayoutAttr();
    if (operand == weight || found == expected)
      continue;
    InFlightDiagnostic diag = op->emitOpError("expected an operand ");
    if (expected)
      diag << "of layout " << expected << ", as its weight is arranged";
    else
      diag << "without a layout";
    return diag << ", but got " << operand.getType();
  }
  return encoding ? encoding : attribute;
}

LogicalResult mxfp4::verifySameShape(Operation *op, StringRef nameA,
                                     ShapedType a, StringRef nameB,
                                     ArrayRef<int64_t> b) {
  if (succeeded(verifyCompatibleShape(a.getShape(), b)))
    return success();
  InFlightDiagnostic diag = op->emitOpError()
                            << "expected '" << nameA << "' to have the shape ";
  llvm::interleave(
      b,
      [&](int64_t size) {
        size == ShapedType::kDynamic ? diag << "?" : diag << size;
      },
      [&] { diag << "x"; });
  return diag << " that follows from '" << nameB << "', but got " << a;
}

/// The format of the elements `values` with `scales`, or failure if there is
/// none.
static FailureOr<mx::BlockFormat> verifyFormat(Operation *op, ShapedType values,
                                               ShapedType scales) {
  const mx::BlockFormat *format = getBlockFormat(values, scales);
  if (!format)
    return op->emitOpError() << "expected elements and scales of one format, "
                                "but got elements of "
                             << values.getElementType() << " and scales of "
                             << scales.getElementType();
  return *format;
}

/// Fails unless `scales` holds one scale for each block of `values`. Returns
/// their format.
static FailureOr<mx::BlockFormat> verifyBlocks(Operation *op, ShapedType values,
                                               ShapedType scales) {
  FailureOr<mx::BlockFormat> format = verifyFormat(op, values, scales);
  if (failed(format))
    return failure();
  SmallVector<int64_t> shape = getElementShape(values);
  if (shape.empty() || shape.size() != static_cast<size_t>(scales.getRank()) ||
      failed(verifyCompatibleShape(ArrayRef(shape).drop_back(),
                                   scales.getShape().drop_back()))) {
    InFlightDiagnostic diag =
        op->emitOpError("expected one row of scales per row");
    diag.attachNote() << "'values' is " << values << ", 'scales' is " << scales;
    return diag;
  }
  int64_t columns = shape.back(), blocks = scales.getShape().back();
  if (ShapedType::isDynamic(columns) || ShapedType::isDynamic(blocks))
    return op->emitOpError("expected a static last dimension of 'values' and "
                           "'scales'");
  int64_t expected = multiplySizes(blocks, format->blockSize); // F1
  if (columns != expected)
    return op->emitOpError() << "expected the last dimension of 'values' to be "
                             << expected << " (" << format->blockSize
                             << " elements per scale), but got " << columns;
  return format;
}

/// Checks a scale of whole tensors, which may be null: there is one, or one for
/// each index of some leading dimensions of `values`, at most `maxRank`.
static LogicalResult verifyTensorScale(Operation *op, StringRef name,
                                       Value scale, mx::BlockFormat format,
                                       ShapedType values, int64_t maxRank) {
  if (!scale)
    return success();
  auto type = cast<ShapedType>(scale.getType());
  if (format.scale != mx::ScaleFormat::E4M3)
    return op->emitOpError() << "expected no '" << name << "' for "
                             << format.name << ", which has none";
  if (type.getRank() > maxRank)
    return op->emitOpError() << "expected '" << name << "' to have at most "
                             << maxRank << " dimensions, but got " << type;
  return verifySameShape(op, name, type, "values",
                         values.getShape().take_front(type.getRank()));
}

/// Checks that a weight `[..., rows, columns]` of shape `expected` is arranged
/// by `layout`. Rows that only pad a group cannot be told apart, so rows are
/// checked by the number of groups.
static LogicalResult verifyArranged(Operation *op, StringRef name,
                                    ShapedType weight, LayoutAttr layout,
                                    ArrayRef<int64_t> expected) {
  SmallVector<int64_t> shape = getElementShape(weight);
  SmallVector<int64_t> packed = layout.getPackedShape(expected);
  if (shape == packed)
    return success();
  return op->emitOpError() << "expected '" << name << "' arranged by " << layout
                           << " to have " << packed.size() << " dimensions of "
                           << packed << " elements, but got " << weight;
}

/// Checks values and scales of a matmul whose plain weight is `plain`. Returns
/// their format.
static FailureOr<mx::BlockFormat>
verifyBlockWeight(Operation *op, ShapedType values, ShapedType scales,
                  LayoutAttr layout, ArrayRef<int64_t> plain) {
  if (!layout) {
    FailureOr<mx::BlockFormat> format = verifyBlocks(op, values, scales);
    if (failed(format))
      return failure();
    if (failed(verifyCompatibleShape(getElementShape(values), plain)))
      return op->emitOpError() << "expected 'values' of shape " << plain
                               << " in elements, but got " << values;
    return format;
  }
  FailureOr<mx::BlockFormat> format = verifyFormat(op, values, scales);
  if (failed(format))
    return failure();
  if (plain.back() % format->blockSize != 0)
    return op->emitOpError() << "expected whole blocks of " << format->blockSize
                             << " columns, but got " << plain.back();
  if (failed(layout.verifyEncoding(getStoredShape(values, plain),
                                   values.getElementType(),
                                   [&] { return op->emitOpError(); })))
    return failure();
  SmallVector<int64_t> blocks(plain);
  blocks.back() /= format->blockSize;
  if (failed(verifyArranged(op, "values", values, layout, plain)) ||
      failed(verifyArranged(op, "scales", scales, layout.getScalesLayout(),
                            blocks)))
    return failure();
  return format;
}

//===----------------------------------------------------------------------===//
// Dequantize, quantize
//===----------------------------------------------------------------------===//

/// Checks `op`, which expands its blocks to a float of type `result`.
template <typename OpTy>
static LogicalResult verifyDequantize(OpTy op, StringRef resultName,
                                      ShapedType result) {
  ShapedType values = op.getValues().getType();
  FailureOr<mx::BlockFormat> format =
      verifyBlocks(op, values, op.getScales().getType());
  if (failed(format) ||
      failed(verifyTensorScale(op, "tensor_scale", op.getTensorScale(), *format,
                               values, values.getRank() - 1)))
    return failure();
  return verifySameShape(op, resultName, result, "values",
                         getElementShape(values));
}

LogicalResult DequantizeOp::verify() {
  return verifyDequantize(*this, "result", getResult().getType());
}

LogicalResult DequantizeIntoOp::verify() {
  return verifyDequantize(*this, "init", getInit().getType());
}

/// Dimensions of `shape`, where dynamic taken from `source`.
static SmallVector<OpFoldResult> reifyShape(OpBuilder &builder, Location loc,
                                            Value source,
                                            ArrayRef<int64_t> shape) {
  SmallVector<OpFoldResult> sizes;
  for (auto [index, size] : llvm::enumerate(shape)) {
    if (ShapedType::isDynamic(size))
      sizes.push_back(tensor::getMixedSize(builder, loc, source, index));
    else
      sizes.push_back(builder.getIndexAttr(size));
  }
  return sizes;
}

LogicalResult
DequantizeOp::reifyResultShapes(OpBuilder &builder,
                                ReifiedRankedShapedTypeDims &shapes) {
  shapes = {reifyShape(builder, getLoc(), getValues(),
                       getResult().getType().getShape())};
  return success();
}

/// Checks `op`, which makes blocks.
template <typename OpTy> static LogicalResult verifyQuantize(OpTy op) {
  ShapedType values = op.getValues().getType();
  FailureOr<mx::BlockFormat> format =
      verifyBlocks(op, values, op.getScales().getType());
  if (failed(format) ||
      failed(verifyTensorScale(op, "encode_scale", op.getEncodeScale(), *format,
                               values, values.getRank() - 1)))
    return failure();
  if (format->scale != mx::ScaleFormat::E8M0 &&
      op.getScaleRule() != ScaleRule::Floor)
    return op.emitOpError() << "expected no 'scale_rule' for " << format->name
                            << ", whose scales are not powers of two";
  if (op.getRounding() == Rounding::Stochastic && !op.getRandom())
    return op.emitOpError("expected 'random' where rounding is stochastic");
  if (op.getRounding() != Rounding::Stochastic && op.getRandom())
    return op.emitOpError(
        "expected no 'random' where rounding is not stochastic");
  if (op.getRandom() &&
      failed(verifySameShape(op, "random", op.getRandom().getType(), "input",
                             op.getInput().getType().getShape())))
    return failure();
  return verifySameShape(op, "input", op.getInput().getType(), "values",
                         getElementShape(op.getValues().getType()));
}

LogicalResult QuantizeOp::verify() { return verifyQuantize(*this); }

LogicalResult QuantizeIntoOp::verify() { return verifyQuantize(*this); }

LogicalResult
QuantizeOp::reifyResultShapes(OpBuilder &builder,
                              ReifiedRankedShapedTypeDims &shapes) {
  shapes = {reifyShape(builder, getLoc(), getInput(),
                       getValues().getType().getShape()),
            reifyShape(builder, getLoc(), getInput(),
                       getScales().getType().getShape())};
  return success();
}

LogicalResult CastToNVFP4Op::verify() {
  FailureOr<mx::BlockFormat> format =
      verifyBlocks(*this, getValues().getType(), getScales().getType());
  if (failed(format))
    return failure();
  if (StringRef(format->name) != mx::kMXFP4.name)
    return emitOpError() << "expected values and scales of " << mx::kMXFP4.name
                         << ", but got " << format->name;
  SmallVector<int64_t> shape(getScales().getType().getShape());
  shape.back() = multiplySizes(shape.back(), 2);
  return verifySameShape(*this, "nv_scales", getNvScales().getType(), "scales",
                         shape);
}

LogicalResult
CastToNVFP4Op::reifyResultShapes(OpBuilder &builder,
                                 ReifiedRankedShapedTypeDims &shapes) {
  shapes = {reifyShape(builder, getLoc(), getScales(),
                       getNvScales().getType().getShape()),
            {},
            {}};
  return success();
}

//===----------------------------------------------------------------------===//
// Pack
//===----------------------------------------------------------------------===//

LogicalResult PackOp::verify() {
  ShapedType source = getSource().getType(), init = getInit().getType();
  if (source.getElementType() != init.getElementType())
    return emitOpError() << "expected the element type of 'source', "
                         << source.getElementType() << ", but got "
                         << init.getElementType();
  if (source.getRank() < 2 || !source.hasStaticShape())
    return emitOpError() << "expected a source [..., rows, columns] of static "
                            "shape, but got "
                         << source;
  LayoutAttr encoding = getEncodedLayout(init);
  if (getEncodedLayout(source) || !init.hasStaticShape())
    return emitOpError() << "expected a source without a layout and an 'init' "
                            "of static shape, but got "
                         << source << " and " << init;
  LayoutAttr layout = getLayout().value_or(encoding);
  if (!layout || (encoding && getLayout()))
    return emitOpError("expected a layout either as the encoding of 'init' or "
                       "as the attribute 'layout'");
  if (failed(layout.verifyEncoding(source.getShape(), source.getElementType(),
                                   [&] { return emitOpError(); })))
    return failure();
  SmallVector<int64_t> shape = getElementShape(source);
  return verifySameShape(
      *this, "init", init, "source and layout",
      encoding ? SmallVector<int64_t>(source.getShape())
               : getStoredShape(init, layout.getPackedShape(shape)));
}

//===----------------------------------------------------------------------===//
// Matmul
//===----------------------------------------------------------------------===//

/// Verifies that the columns of `input` are whole blocks of `format`.
static LogicalResult verifyInputFormat(Operation *op, ShapedType input,
                                       std::optional<InputFormat> format) {
  if (!format || input.getShape().back() % mx::kBlockSize == 0)
    return success();
  return op->emitOpError() << "expected a multiple of " << mx::kBlockSize
                           << " columns of 'input' where there is an "
                              "'input_format', but got "
                           << input;
}

LogicalResult MatmulOp::verify() {
  ShapedType input = getInput().getType(), init = getInit().getType();
  if (input.getRank() != 2 || init.getRank() != 2)
    return emitOpError()
           << "expected 'input' [T, K] and 'init' [T, N], but got " << input
           << " and " << init;
  int64_t rows = init.getDimSize(1), columns = input.getDimSize(1);
  if (ShapedType::isDynamic(rows) || ShapedType::isDynamic(columns))
    return emitOpError("expected static K and N");
  FailureOr<LayoutAttr> layout =
      verifyLayouts(*this, getLayoutAttr(), getValues(), getScales());
  if (failed(layout))
    return failure();
  if (*layout && layout->getPaired())
    return emitOpError("expected a layout that is not paired");
  FailureOr<mx::BlockFormat> format =
      verifyBlockWeight(*this, getValues().getType(), getScales().getType(),
                        getLayoutAttr(), {rows, columns});
  if (failed(format) ||
      failed(verifyTensorScale(*this, "tensor_scale", getTensorScale(), *format,
                               getValues().getType(), /*maxRank=*/0)) ||
      failed(verifyInputFormat(*this, input, getInputFormat())))
    return failure();
  if (failed(verifySameShape(*this, "init", init, "input",
                             {input.getDimSize(0), rows})))
    return failure();
  if (getBias() && failed(verifySameShape(*this, "bias", getBias().getType(),
                                          "init", {rows})))
    return failure();
  if (getResidual() &&
      failed(verifySameShape(*this, "residual", getResidual().getType(), "init",
                             init.getShape())))
    return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Matmul by expert
//===----------------------------------------------------------------------===//

LogicalResult MatmulByExpertOp::verify() {
  ShapedType input = getInput().getType(), init = getInit().getType();
  ShapedType values = getValues().getType(), experts = getExperts().getType();
  if (experts.getRank() != 2)
    return emitOpError() << "expected 'experts' [T, S], but got " << experts;
  int64_t tokens = experts.getDimSize(0), slots = experts.getDimSize(1);
  if (ShapedType::isDynamic(slots))
    return emitOpError("expected a static number of slots in 'experts'");
  if (input.getRank() < 2 || init.getRank() < 2)
    return emitOpError() << "expected 'input' [T, K] or [T, S, K] and 'init' "
                            "[T, N] or [T, S, N], but got "
                         << input << " and " << init;

  if (input.getRank() == 2) {
    if (failed(verifySameShape(*this, "input", input, "experts",
                               {tokens, input.getDimSize(1)})))
      return failure();
  } else if (failed(
                 verifySameShape(*this, "input", input, "experts",
                                 {tokens, slots, input.getShape().back()}))) {
    return failure();
  }

  bool weighted = static_cast<bool>(getWeights());
  int64_t outputs = init.getShape().back();
  SmallVector<int64_t> expectedInit = {tokens, outputs};
  if (!weighted)
    expectedInit.insert(expectedInit.begin() + 1, slots);
  if (failed(verifySameShape(*this, "init", init, "experts", expectedInit)))
    return failure();
  if (weighted &&
      failed(verifySameShape(*this, "weights", getWeights().getType(),
                             "experts", {tokens, slots})))
    return failure();
  if (getResidual()) {
    if (!weighted)
      return emitOpError("expected 'weights' where there is a 'residual'");
    if (failed(verifySameShape(*this, "residual", getResidual().getType(),
                               "init", init.getShape())))
      return failure();
  }

  int64_t rows = getActivation() ? multiplySizes(outputs, 2) : outputs;
  int64_t columns = input.getShape().back();
  if (values.getRank() < 3 || ShapedType::isDynamic(values.getDimSize(0)) ||
      ShapedType::isDynamic(outputs) || ShapedType::isDynamic(columns))
    return emitOpError("expected static E, N and K");
  FailureOr<LayoutAttr> layout =
      verifyLayouts(*this, getLayoutAttr(), getValues(), getScales());
  if (failed(layout))
    return failure();
  if (getActivation() && *layout && !layout->getPaired())
    return emitOpError("expected a paired layout where there is an activation");
  if (!getActivation() && *layout && layout->getPaired())
    return emitOpError("expected an activation where the layout is paired");
  FailureOr<mx::BlockFormat> format =
      verifyBlockWeight(*this, values, getScales().getType(), getLayoutAttr(),
                        {values.getDimSize(0), rows, columns});
  if (failed(format) ||
      failed(verifyTensorScale(*this, "tensor_scale", getTensorScale(), *format,
                               values, /*maxRank=*/1)) ||
      failed(verifyInputFormat(*this, input, getInputFormat())))
    return failure();
  if (getBias() &&
      failed(verifySameShape(*this, "bias", getBias().getType(), "values",
                             {values.getDimSize(0), rows})))
    return failure();
  return success();
}
