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

#include "TensorCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::mxfp4;

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
static std::optional<std::pair<Value, Value>> getFactors(linalg::LinalgOp op) {
  auto sum = op.getBlock()
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

/// `operand` with its dimensions in the order of `loops`.
static Value arrangeTensor(OpBuilder &builder, Location loc,
                           const Operand &operand, ArrayRef<unsigned> loops) {
  if (operand.loops == loops)
    return operand.tensor;
  SmallVector<int64_t> order;
  for (unsigned loop : loops)
    order.push_back(llvm::find(operand.loops, loop) - operand.loops.begin());
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(builder, loc, operand.tensor);
  applyPermutationToVector(sizes, order);
  Value init = tensor::EmptyOp::create(
      builder, loc, sizes, getElementTypeOrSelf(operand.tensor.getType()));
  return linalg::TransposeOp::create(builder, loc, operand.tensor, init, order)
      ->getResult(0);
}

/// The sizes of groups of so many dimensions each. A group of none has size 1,
/// but the first, that of batches, is left out then.
static SmallVector<int64_t> flattenShape(ArrayRef<int64_t> shape,
                                         ArrayRef<size_t> groups) {
  SmallVector<int64_t> flat;
  for (auto [i, dims] : llvm::enumerate(groups)) {
    if (dims == 1)
      flat.push_back(shape.front());
    else if (dims != 0 || i != 0)
      flat.push_back(ShapedType::getNumElements(shape.take_front(dims)));
    shape = shape.drop_front(dims);
  }
  return flat;
}

/// True if each group is one dimension already.
static bool isFlat(ArrayRef<size_t> groups) {
  return groups[0] <= 1 && llvm::all_of(groups.drop_front(),
                                        [](size_t dims) { return dims == 1; });
}

/// True if flattenTensor can be called for a tensor of `type`.
static bool canFlatten(Type type, ArrayRef<size_t> groups) {
  return cast<RankedTensorType>(type).hasStaticShape() ||
         !llvm::is_contained(groups.drop_front(), 0u);
}

/// `tensor` in the shape that flattenShape gives.
static Value flattenTensor(OpBuilder &builder, Location loc, Value tensor,
                           ArrayRef<size_t> groups) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.hasStaticShape())
    return reshapeTensor(builder, loc, tensor,
                         flattenShape(type.getShape(), groups));
  if (isFlat(groups))
    return tensor;
  SmallVector<ReassociationIndices> dims;
  int64_t dim = 0;
  for (size_t group : groups)
    if (group != 0) {
      dims.push_back(llvm::to_vector(llvm::seq<int64_t>(dim, dim + group)));
      dim += group;
    }
  return tensor::CollapseShapeOp::create(builder, loc, tensor, dims);
}

/// `weight` in the shape that flattenShape gives.
static Value flattenWeight(OpBuilder &builder, DequantizeOp weight,
                           ArrayRef<size_t> groups) {
  if (isFlat(groups))
    return weight.getResult();
  RankedTensorType type = weight.getResult().getType();
  SmallVector<int64_t> shape = flattenShape(type.getShape(), groups);
  Location loc = weight.getLoc();
  return DequantizeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()),
      flattenTensor(builder, loc, weight.getValues(), groups),
      flattenTensor(builder, loc, weight.getScales(), groups),
      weight.getTensorScale());
}

namespace {
/// The loops of a contraction by the operands that have them, in the order of
/// the weight, or else of the input.
struct LoopKinds {
  /// All three.
  SmallVector<unsigned> batches;
  /// The input and the result: T.
  SmallVector<unsigned> rows;
  /// The weight and the result: N.
  SmallVector<unsigned> features;
  /// The input and the weight: K.
  SmallVector<unsigned> columns;
};
} // namespace

/// Fails if a loop indexes one operand alone, or no kernel has such loops.
static FailureOr<LoopKinds> classifyLoops(ArrayRef<unsigned> input,
                                          ArrayRef<unsigned> weight,
                                          ArrayRef<unsigned> result) {
  LoopKinds kinds;
  for (unsigned loop : weight) {
    bool isInput = llvm::is_contained(input, loop);
    bool isResult = llvm::is_contained(result, loop);
    if (!isInput && !isResult)
      return failure();
    if (!isResult)
      kinds.columns.push_back(loop);
    else
      (isInput ? kinds.batches : kinds.features).push_back(loop);
  }
  for (unsigned loop : input) {
    if (llvm::is_contained(weight, loop))
      continue;
    if (!llvm::is_contained(result, loop))
      return failure();
    kinds.rows.push_back(loop);
  }
  bool areAllThere = result.size() == kinds.batches.size() + kinds.rows.size() +
                                          kinds.features.size();
  if (!areAllThere || kinds.features.empty() || kinds.columns.empty())
    return failure();
  return kinds;
}

/// The loops of `groups`, one group after the other.
static SmallVector<unsigned>
concatenate(std::initializer_list<ArrayRef<unsigned>> groups) {
  SmallVector<unsigned> all;
  for (ArrayRef<unsigned> group : groups)
    llvm::append_range(all, group);
  return all;
}

bool mxfp4::isSumOfProducts(linalg::LinalgOp op) {
  if (!linalg::isaContractionOpInterface(op) || !op.hasPureTensorSemantics() ||
      llvm::any_of(op->getOperandTypes(), [](Type type) {
        auto tensor = dyn_cast<RankedTensorType>(type);
        return !tensor || tensor.getEncoding();
      }))
    return false;
  auto factors = getFactors(op);
  if (!factors)
    return false;
  auto skipWidening = [](Value value) {
    while (auto widening = value.getDefiningOp<arith::ExtFOp>())
      value = widening.getIn();
    return value;
  };
  Value x = skipWidening(factors->first), y = skipWidening(factors->second);
  Block *body = op.getBlock();
  return (x == body->getArgument(0) && y == body->getArgument(1)) ||
         (x == body->getArgument(1) && y == body->getArgument(0));
}

LogicalResult mxfp4::makeTransposedMatmul(RewriterBase &rewriter,
                                          linalg::LinalgOp op) {
  if (isa<linalg::MatmulTransposeBOp, linalg::BatchMatmulTransposeBOp>(
          op.getOperation()) ||
      !isSumOfProducts(op))
    return failure();
  auto getOperand = [&](OpOperand *operand) -> std::optional<Operand> {
    auto loops = getLoops(op.getMatchingIndexingMap(operand));
    if (!loops)
      return std::nullopt;
    return Operand{operand->get(), *loops};
  };
  auto result = getOperand(op.getDpsInitOperand(0));
  Location loc = op.getLoc();
  for (unsigned side : {1, 0}) {
    auto weight = getOperand(op.getDpsInputOperand(side));
    auto input = getOperand(op.getDpsInputOperand(1 - side));
    if (!weight || !input || !result)
      continue;
    while (lookThroughTranspose(*weight))
      ;
    auto dequantize = weight->tensor.getDefiningOp<DequantizeOp>();
    if (!dequantize || !dequantize.getResult().getType().hasStaticShape())
      continue;
    while (lookThroughTranspose(*input))
      ;
    auto kinds = classifyLoops(input->loops, weight->loops, result->loops);
    if (failed(kinds))
      continue;
    const auto &[batches, rows, features, columns] = *kinds;
    SmallVector<size_t> inputGroups = {batches.size(), rows.size(),
                                       columns.size()};
    SmallVector<size_t> weightGroups = {batches.size(), features.size(),
                                        columns.size()};
    SmallVector<size_t> resultGroups = {batches.size(), rows.size(),
                                        features.size()};
    bool hasScales = dequantize.getTensorScale() &&
                     dequantize.getTensorScale().getType().getRank() != 0;
    auto resultType = cast<RankedTensorType>(result->tensor.getType());
    if (weight->loops != concatenate({batches, features, columns}) ||
        (hasScales && !isFlat(weightGroups)) ||
        !canFlatten(input->tensor.getType(), inputGroups) ||
        (!isFlat(resultGroups) && !resultType.hasStaticShape()))
      continue;

    rewriter.setInsertionPoint(op);
    Value flatWeight = flattenWeight(rewriter, dequantize, weightGroups);
    Value flatInput =
        flattenTensor(rewriter, loc,
                      arrangeTensor(rewriter, loc, *input,
                                    concatenate({batches, rows, columns})),
                      inputGroups);
    Operand arranged = {Value(), concatenate({batches, rows, features})};
    arranged.tensor = arrangeTensor(rewriter, loc, *result, arranged.loops);
    Value init = flattenTensor(rewriter, loc, arranged.tensor, resultGroups);
    auto create = [&](auto kind) -> Value {
      return decltype(kind)::create(rewriter, loc, init.getType(),
                                    ValueRange{flatInput, flatWeight}, init)
          ->getResult(0);
    };
    auto shape = cast<RankedTensorType>(arranged.tensor.getType()).getShape();
    arranged.tensor = batches.empty()
                          ? create(linalg::MatmulTransposeBOp())
                          : create(linalg::BatchMatmulTransposeBOp());
    if (!isFlat(resultGroups))
      arranged.tensor = reshapeTensor(rewriter, loc, arranged.tensor, shape);
    rewriter.replaceOp(op,
                       arrangeTensor(rewriter, loc, arranged, result->loops));
    if (dequantize->use_empty())
      rewriter.eraseOp(dequantize);
    return success();
  }
  return failure();
}
