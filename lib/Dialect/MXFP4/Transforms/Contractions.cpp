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
// Splitting
//===----------------------------------------------------------------------===//

/// The inputs that a scalar in the body of `op` is computed from, and the ops
/// between, or nothing if there are other dependencies.
static bool collectSlice(linalg::GenericOp op, Value scalar,
                         llvm::SetVector<Value> &inputs,
                         llvm::SetVector<Operation *> &ops) {
  if (auto argument = dyn_cast<BlockArgument>(scalar)) {
    if (argument.getOwner() == op.getBody()) {
      inputs.insert(argument);
      return argument.getArgNumber() < op.getNumDpsInputs();
    }
    return true;
  }
  Operation *definition = scalar.getDefiningOp();
  if (definition->getBlock() != op.getBody())
    return true;
  if (definition->getNumRegions() != 0 || isa<linalg::IndexOp>(definition))
    return false;
  for (Value operand : definition->getOperands())
    if (!collectSlice(op, operand, inputs, ops))
      return false;
  ops.insert(definition);
  return true;
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

FailureOr<linalg::GenericOp> mxfp4::splitContraction(RewriterBase &rewriter,
                                                     linalg::GenericOp op) {
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1 ||
      !op.hasPureTensorSemantics())
    return failure();
  auto factors = getFactors(op);
  if (!factors ||
      !llvm::all_of(op.getBody()->without_terminator(),
                    [](Operation &inner) { return isPure(&inner); }))
    return failure();
  for (Value factor : {factors->first, factors->second}) {
    llvm::SetVector<Value> inputs;
    llvm::SetVector<Operation *> ops;
    if (!collectSlice(op, factor, inputs, ops) || inputs.size() < 2)
      continue;

    // The loops of those inputs, in their order.
    llvm::SmallBitVector used(op.getNumLoops());
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    for (Value input : inputs)
      for (AffineExpr expr :
           maps[cast<BlockArgument>(input).getArgNumber()].getResults())
        for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
          if (expr.isFunctionOfDim(loop))
            used.set(loop);
    SmallVector<int64_t> shape;
    SmallVector<AffineExpr> newDims(op.getNumLoops()), usedDims;
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    for (unsigned loop : used.set_bits()) {
      newDims[loop] = rewriter.getAffineDimExpr(shape.size());
      usedDims.push_back(rewriter.getAffineDimExpr(loop));
      shape.push_back(ranges[loop]);
    }
    for (AffineExpr &dim : newDims)
      if (!dim)
        dim = rewriter.getAffineConstantExpr(0);
    if (ShapedType::isDynamicShape(shape))
      continue;

    Location loc = op.getLoc();
    rewriter.setInsertionPoint(op);
    SmallVector<Value> operands;
    SmallVector<AffineMap> newMaps;
    for (Value input : inputs) {
      unsigned number = cast<BlockArgument>(input).getArgNumber();
      operands.push_back(op.getInputs()[number]);
      newMaps.push_back(
          maps[number].replaceDimsAndSymbols(newDims, {}, shape.size(), 0));
    }
    newMaps.push_back(rewriter.getMultiDimIdentityMap(shape.size()));
    Value init =
        tensor::EmptyOp::create(rewriter, loc, shape, factor.getType());
    auto computed = linalg::GenericOp::create(
        rewriter, loc, init.getType(), operands, init, newMaps,
        SmallVector<utils::IteratorType>(shape.size(),
                                         utils::IteratorType::parallel),
        [&](OpBuilder &builder, Location loc, ValueRange arguments) {
          IRMapping mapping;
          mapping.map(inputs.getArrayRef(), arguments.drop_back());
          for (Operation *inner : ops)
            builder.clone(*inner, mapping);
          linalg::YieldOp::create(builder, loc, mapping.lookup(factor));
        });

    // The factor becomes one more input; inputs of it alone stay unused, and
    // are dropped.
    SmallVector<Value> rest;
    SmallVector<AffineMap> restMaps;
    SmallVector<BlockArgument> restArguments;
    llvm::SetVector<Value> otherInputs;
    llvm::SetVector<Operation *> otherOps;
    Value other = factor == factors->first ? factors->second : factors->first;
    if (!collectSlice(op, other, otherInputs, otherOps))
      continue;
    for (Value input : otherInputs) {
      unsigned number = cast<BlockArgument>(input).getArgNumber();
      rest.push_back(op.getInputs()[number]);
      restMaps.push_back(maps[number]);
    }
    rest.push_back(computed.getResult(0));
    restMaps.push_back(
        AffineMap::get(op.getNumLoops(), 0, usedDims, rewriter.getContext()));
    restMaps.push_back(maps.back());
    auto contraction = linalg::GenericOp::create(
        rewriter, loc, op.getResultTypes(), rest, op.getOutputs(), restMaps,
        op.getIteratorTypesArray(),
        [&](OpBuilder &builder, Location loc, ValueRange arguments) {
          IRMapping mapping;
          mapping.map(otherInputs.getArrayRef(),
                      arguments.take_front(otherInputs.size()));
          mapping.map(factor, arguments[otherInputs.size()]);
          mapping.map(op.getRegionOutputArgs()[0], arguments.back());
          for (Operation &inner : op.getBody()->without_terminator())
            if (!ops.contains(&inner) || otherOps.contains(&inner))
              builder.clone(inner, mapping);
          linalg::YieldOp::create(
              builder, loc,
              mapping.lookup(op.getBody()->getTerminator()->getOperand(0)));
        });
    rewriter.replaceOp(op, contraction.getResults());
    return contraction;
  }
  return failure();
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

/// The product of the sizes from `begin` to `end`, which are static.
static int64_t multiply(ArrayRef<int64_t> shape) {
  int64_t product = 1;
  for (int64_t size : shape)
    product *= size;
  return product;
}

/// `weight` with its last `columns` dimensions as one, and the others as one.
static Value flattenWeight(OpBuilder &builder, DequantizeOp weight,
                           size_t columns) {
  RankedTensorType type = weight.getResult().getType();
  if (type.getRank() == 2 && columns == 1)
    return weight.getResult();
  if (weight.getTensorScale() &&
      weight.getTensorScale().getType().getRank() != 0)
    return {};
  auto flatten = [&](Value tensor) {
    auto shape = cast<RankedTensorType>(tensor.getType()).getShape();
    return reshapeTensor(builder, weight.getLoc(), tensor,
                         {multiply(shape.drop_back(columns)),
                          multiply(shape.take_back(columns))});
  };
  Value values = flatten(weight.getValues()),
        scales = flatten(weight.getScales());
  ArrayRef<int64_t> shape = type.getShape();
  return DequantizeOp::create(
      builder, weight.getLoc(),
      RankedTensorType::get({multiply(shape.drop_back(columns)),
                             multiply(shape.take_back(columns))},
                            type.getElementType()),
      values, scales, weight.getTensorScale());
}

LogicalResult mxfp4::makeTransposedMatmul(RewriterBase &rewriter,
                                          linalg::LinalgOp op) {
  if (isa<linalg::MatmulTransposeBOp>(op.getOperation()) ||
      !linalg::isaContractionOpInterface(op) || !op.hasPureTensorSemantics())
    return failure();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  auto outLoops = getLoops(maps[2]);
  if (!outLoops || outLoops->size() != 2)
    return failure();
  for (unsigned side : {1, 0}) {
    auto weightLoops = getLoops(maps[side]);
    auto inputLoops = getLoops(maps[1 - side]);
    if (!weightLoops || !inputLoops)
      continue;
    Operand weight = {op.getDpsInputOperand(side)->get(), *weightLoops};
    while (lookThroughTranspose(weight))
      ;
    auto dequantize = weight.tensor.getDefiningOp<DequantizeOp>();
    if (!dequantize || !dequantize.getResult().getType().hasStaticShape())
      continue;
    // Input [T, K...], weight [N, K...], result [T, N].
    size_t columns = weight.loops.size() - 1;
    if (columns == 0 || inputLoops->size() != columns + 1 ||
        weight.loops[0] != (*outLoops)[1] ||
        (*inputLoops)[0] != (*outLoops)[0] ||
        ArrayRef(weight.loops).drop_front() !=
            ArrayRef(*inputLoops).drop_front())
      continue;

    rewriter.setInsertionPoint(op);
    Value flat = flattenWeight(rewriter, dequantize, columns);
    if (!flat)
      continue;
    Value input = op.getDpsInputOperand(1 - side)->get();
    if (columns > 1) {
      ReassociationIndices columnDims =
          llvm::to_vector(llvm::seq<int64_t>(1, columns + 1));
      input = tensor::CollapseShapeOp::create(
          rewriter, op.getLoc(), input,
          ArrayRef<ReassociationIndices>{{0}, columnDims});
    }
    rewriter.replaceOpWithNewOp<linalg::MatmulTransposeBOp>(
        op, op->getResultTypes(), ValueRange{input, flat},
        ValueRange{op.getDpsInitOperand(0)->get()});
    if (dequantize->use_empty())
      rewriter.eraseOp(dequantize);
    return success();
  }
  return failure();
}
