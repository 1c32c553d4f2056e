//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Contractions of two tensors with any order of dimensions.
//
//===----------------------------------------------------------------------===//

#include "Contractions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::mxfp4;

//===----------------------------------------------------------------------===//
// Reshaping
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// Hoisting
//===----------------------------------------------------------------------===//

namespace {
/// What a scalar in the body of a linalg op is computed from.
struct Slice {
  /// Arguments of the body.
  llvm::SetVector<Value> arguments;
  /// In the order of the body.
  llvm::SetVector<Operation *> ops;
};
} // namespace

/// Adds what `scalar` is computed from, up to `known`.
static void collectSlice(Block *body, Value scalar, Value known, Slice &slice) {
  if (scalar == known)
    return;
  if (auto argument = dyn_cast<BlockArgument>(scalar)) {
    slice.arguments.insert(argument);
    return;
  }
  Operation *op = scalar.getDefiningOp();
  if (op->getBlock() != body)
    return;
  for (Value operand : op->getOperands())
    collectSlice(body, operand, known, slice);
  slice.ops.insert(op);
}

static Slice getSlice(linalg::GenericOp op, Value scalar, Value known = {}) {
  Slice slice;
  collectSlice(op.getBody(), scalar, known, slice);
  return slice;
}

/// The factors of the product that the body adds to its output.
static std::optional<std::pair<Value, Value>> getFactors(linalg::GenericOp op) {
  auto sum = op.getBody()
                 ->getTerminator()
                 ->getOperand(0)
                 .getDefiningOp<arith::AddFOp>();
  if (!sum)
    return std::nullopt;
  Value output = op.getRegionOutputArgs()[0];
  for (auto [added, other] : {std::pair(sum.getLhs(), sum.getRhs()),
                              std::pair(sum.getRhs(), sum.getLhs())})
    if (added == output)
      if (auto product = other.getDefiningOp<arith::MulFOp>())
        return std::pair(product.getLhs(), product.getRhs());
  return std::nullopt;
}

/// Clones the ops of `slice` into a body with `arguments`, after `known` as the
/// value that it has there, and yields `result`.
static void cloneSlice(OpBuilder &builder, Location loc, const Slice &slice,
                       ValueRange arguments, Value known, Value knownArgument,
                       Value result) {
  IRMapping mapping;
  mapping.map(slice.arguments.getArrayRef(), arguments);
  if (known)
    mapping.map(known, knownArgument);
  for (Operation *op : slice.ops)
    builder.clone(*op, mapping);
  linalg::YieldOp::create(builder, loc, mapping.lookup(result));
}

/// Computes `factor` as a tensor with a dimension for each of `loops`; null if
/// their sizes are not known.
static Value computeFactor(RewriterBase &rewriter, linalg::GenericOp op,
                           Value factor, const Slice &slice,
                           ArrayRef<unsigned> loops) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges(), shape;
  SmallVector<AffineExpr> dims(op.getNumLoops(),
                               rewriter.getAffineConstantExpr(0));
  for (unsigned loop : loops) {
    dims[loop] = rewriter.getAffineDimExpr(shape.size());
    shape.push_back(ranges[loop]);
  }
  if (ShapedType::isDynamicShape(shape))
    return {};
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (Value argument : slice.arguments) {
    OpOperand *input = op.getMatchingOpOperand(cast<BlockArgument>(argument));
    inputs.push_back(input->get());
    maps.push_back(op.getMatchingIndexingMap(input).replaceDimsAndSymbols(
        dims, {}, shape.size(), 0));
  }
  maps.push_back(rewriter.getMultiDimIdentityMap(shape.size()));
  Location loc = op.getLoc();
  Value init = tensor::EmptyOp::create(rewriter, loc, shape, factor.getType());
  return linalg::GenericOp::create(
             rewriter, loc, init.getType(), inputs, init, maps,
             SmallVector<utils::IteratorType>(shape.size(),
                                              utils::IteratorType::parallel),
             [&](OpBuilder &builder, Location loc, ValueRange arguments) {
               cloneSlice(builder, loc, slice, arguments.drop_back(),
                          /*known=*/Value(), Value(), factor);
             })
      .getResult(0);
}

/// Replaces the contraction by one that reads `factor` from `tensor`, and only
/// the inputs that the rest of its body needs.
static void readFactor(RewriterBase &rewriter, linalg::GenericOp op,
                       Value factor, Value tensor, ArrayRef<unsigned> loops) {
  Value sum = op.getBody()->getTerminator()->getOperand(0);
  Slice rest = getSlice(op, sum, factor);
  Value output = op.getRegionOutputArgs()[0];
  rest.arguments.remove(output);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (Value argument : rest.arguments) {
    OpOperand *input = op.getMatchingOpOperand(cast<BlockArgument>(argument));
    inputs.push_back(input->get());
    maps.push_back(op.getMatchingIndexingMap(input));
  }
  SmallVector<AffineExpr> dims;
  for (unsigned loop : loops)
    dims.push_back(rewriter.getAffineDimExpr(loop));
  inputs.push_back(tensor);
  maps.push_back(
      AffineMap::get(op.getNumLoops(), 0, dims, rewriter.getContext()));
  maps.push_back(op.getIndexingMapsArray().back());
  rest.arguments.insert(output);
  auto contraction = linalg::GenericOp::create(
      rewriter, op.getLoc(), op.getResultTypes(), inputs, op.getOutputs(), maps,
      op.getIteratorTypesArray(),
      [&](OpBuilder &builder, Location loc, ValueRange arguments) {
        size_t place = inputs.size() - 1;
        SmallVector<Value> others(arguments);
        others.erase(others.begin() + place);
        cloneSlice(builder, loc, rest, others, factor, arguments[place], sum);
      });
  rewriter.replaceOp(op, contraction.getResults());
}

void mxfp4::hoistFactor(RewriterBase &rewriter, linalg::GenericOp op,
                        function_ref<Value(Value)> raise) {
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1 ||
      !op.hasPureTensorSemantics())
    return;
  auto factors = getFactors(op);
  if (!factors ||
      !llvm::all_of(op.getBody()->without_terminator(), [](Operation &inner) {
        return isPure(&inner) && inner.getNumRegions() == 0;
      }))
    return;
  for (Value factor : {factors->first, factors->second}) {
    Slice slice = getSlice(op, factor);
    bool isHoistable = factor.hasOneUse() && slice.arguments.size() > 1 &&
                       !slice.arguments.contains(op.getRegionOutputArgs()[0]) &&
                       llvm::none_of(slice.ops, llvm::IsaPred<linalg::IndexOp>);
    if (!isHoistable)
      continue;
    SmallVector<unsigned> loops;
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
      if (llvm::any_of(slice.arguments, [&](Value argument) {
            return op
                .getMatchingIndexingMap(
                    op.getMatchingOpOperand(cast<BlockArgument>(argument)))
                .isFunctionOfDim(loop);
          }))
        loops.push_back(loop);
    rewriter.setInsertionPoint(op);
    Value computed = computeFactor(rewriter, op, factor, slice, loops);
    if (!computed)
      continue;
    Operation *computation = computed.getDefiningOp();
    Value raised = raise(computed);
    if (raised) {
      rewriter.setInsertionPoint(op);
      readFactor(rewriter, op, factor, raised, loops);
    }
    // It has done its service: nothing else reads it.
    Operation *init = computation->getOperands().back().getDefiningOp();
    rewriter.eraseOp(computation);
    rewriter.eraseOp(init);
    if (raised)
      return;
  }
}

//===----------------------------------------------------------------------===//
// Transposing
//===----------------------------------------------------------------------===//

namespace {
/// A tensor, and the loop that indexes each of its dimensions.
struct Operand {
  Value tensor;
  SmallVector<unsigned> loops;
};
} // namespace

/// The loops of the dimensions of an operand; nothing if one is indexed by more
/// than a loop.
static std::optional<SmallVector<unsigned>> getLoops(AffineMap map) {
  if (!map.isProjectedPermutation())
    return std::nullopt;
  SmallVector<unsigned> loops;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    loops.push_back(map.getDimPosition(i));
  return loops;
}

/// Looks through an op that only transposes. False if it does more.
static bool lookThroughTranspose(Operand &operand) {
  auto op = operand.tensor.getDefiningOp<linalg::LinalgOp>();
  if (!op || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops())
    return false;
  Block *body = op.getBlock();
  if (body->getTerminator()->getOperand(0) != body->getArgument(0))
    return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!maps[0].isPermutation() || !maps[1].isPermutation())
    return false;
  SmallVector<unsigned> ofInner(op.getNumLoops()), loops;
  for (auto [i, loop] : llvm::enumerate(operand.loops))
    ofInner[maps[1].getDimPosition(i)] = loop;
  for (unsigned i = 0; i < maps[0].getNumResults(); ++i)
    loops.push_back(ofInner[maps[0].getDimPosition(i)]);
  operand = {op.getDpsInputOperand(0)->get(), loops};
  return true;
}

/// `shape` with its last `columns` dimensions as one, and those before them but
/// for the first `batches` as one.
static SmallVector<int64_t> flattenShape(ArrayRef<int64_t> shape,
                                         size_t batches, size_t columns) {
  SmallVector<int64_t> flat(shape.take_front(batches));
  flat.push_back(
      ShapedType::getNumElements(shape.drop_front(batches).drop_back(columns)));
  flat.push_back(ShapedType::getNumElements(shape.take_back(columns)));
  return flat;
}

/// `weight` in the shape that flattenShape gives; null if that cannot be.
static Value flattenWeight(OpBuilder &builder, DequantizeOp weight,
                           size_t batches, size_t columns) {
  RankedTensorType type = weight.getResult().getType();
  if (size_t(type.getRank()) == batches + 2 && columns == 1)
    return weight.getResult();
  if (weight.getTensorScale() &&
      weight.getTensorScale().getType().getRank() != 0)
    return {};
  auto flatten = [&](Value tensor) {
    auto shape = cast<RankedTensorType>(tensor.getType()).getShape();
    return reshapeTensor(builder, weight.getLoc(), tensor,
                         flattenShape(shape, batches, columns));
  };
  Value values = flatten(weight.getValues()),
        scales = flatten(weight.getScales());
  return DequantizeOp::create(
      builder, weight.getLoc(),
      RankedTensorType::get(flattenShape(type.getShape(), batches, columns),
                            type.getElementType()),
      values, scales, weight.getTensorScale());
}

/// True if the loops are those of input [B.., T.., K..], weight [B.., N, K..]
/// and result [B.., T.., N], with `batches` of the first.
static bool isTransposed(ArrayRef<unsigned> input, ArrayRef<unsigned> weight,
                         ArrayRef<unsigned> result, size_t batches) {
  if (result.size() < batches + 2 || weight.size() < batches + 2)
    return false;
  size_t rows = result.size() - batches - 1;
  return input.size() + 1 == weight.size() + rows &&
         input.take_front(batches + rows) ==
             result.take_front(batches + rows) &&
         weight.take_front(batches) == result.take_front(batches) &&
         weight[batches] == result.back() &&
         input.drop_front(batches + rows) == weight.drop_front(batches + 1);
}

/// `tensor` [B.., T.., K..] with `rows` dimensions T and `columns` dimensions K
/// as one each; null if that cannot be.
static Value flattenInput(OpBuilder &builder, Location loc, Value tensor,
                          size_t batches, size_t rows, size_t columns) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (rows > 1) {
    if (!type.hasStaticShape())
      return {};
    return reshapeTensor(builder, loc, tensor,
                         flattenShape(type.getShape(), batches, columns));
  }
  if (columns == 1)
    return tensor;
  SmallVector<ReassociationIndices> dims;
  for (size_t i = 0; i <= batches; ++i)
    dims.push_back({int64_t(i)});
  dims.push_back(
      llvm::to_vector(llvm::seq<int64_t>(batches + 1, batches + 1 + columns)));
  return tensor::CollapseShapeOp::create(builder, loc, tensor, dims);
}

LogicalResult mxfp4::makeTransposedMatmul(RewriterBase &rewriter,
                                          linalg::LinalgOp op) {
  if (isa<linalg::MatmulTransposeBOp, linalg::BatchMatmulTransposeBOp>(
          op.getOperation()) ||
      !linalg::isaContractionOpInterface(op) || !op.hasPureTensorSemantics())
    return failure();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  auto outLoops = getLoops(maps[2]);
  if (!outLoops)
    return failure();
  for (auto [side, batches] :
       {std::pair<unsigned, size_t>(1, 0), {0, 0}, {1, 1}, {0, 1}}) {
    auto weightLoops = getLoops(maps[side]);
    auto inputLoops = getLoops(maps[1 - side]);
    if (!weightLoops || !inputLoops)
      continue;
    Operand weight = {op.getDpsInputOperand(side)->get(), *weightLoops};
    while (lookThroughTranspose(weight))
      ;
    auto dequantize = weight.tensor.getDefiningOp<DequantizeOp>();
    if (!dequantize || !dequantize.getResult().getType().hasStaticShape() ||
        !isTransposed(*inputLoops, weight.loops, *outLoops, batches))
      continue;

    rewriter.setInsertionPoint(op);
    size_t columns = weight.loops.size() - batches - 1;
    size_t rows = outLoops->size() - batches - 1;
    Value result = op.getDpsInitOperand(0)->get();
    auto resultType = cast<RankedTensorType>(result.getType());
    Value flat = flattenWeight(rewriter, dequantize, batches, columns);
    Value input = flattenInput(rewriter, op.getLoc(),
                               op.getDpsInputOperand(1 - side)->get(), batches,
                               rows, columns);
    Value init = flattenInput(rewriter, op.getLoc(), result, batches, rows, 1);
    if (!flat || !input || !init)
      continue;
    Value product;
    if (batches == 0)
      product = linalg::MatmulTransposeBOp::create(
                    rewriter, op.getLoc(), init.getType(),
                    ValueRange{input, flat}, init)
                    ->getResult(0);
    else
      product = linalg::BatchMatmulTransposeBOp::create(
                    rewriter, op.getLoc(), init.getType(),
                    ValueRange{input, flat}, init)
                    ->getResult(0);
    if (rows > 1)
      product =
          reshapeTensor(rewriter, op.getLoc(), product, resultType.getShape());
    rewriter.replaceOp(op, product);
    if (dequantize->use_empty())
      rewriter.eraseOp(dequantize);
    return success();
  }
  return failure();
}
