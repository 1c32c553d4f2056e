//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Follows an element back to what it reads.
//
//===----------------------------------------------------------------------===//

#include "ElementTrace.h"

#include "ScalarEvaluation.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// More are not looked at: no dequantization is as long.
static constexpr size_t kMaxNodes = 4096;
static constexpr unsigned kMaxDepth = 256;
static constexpr int64_t kMaxTableSize = 1024;
/// Indices of larger tensors could overflow.
static constexpr int64_t kMaxElements = int64_t(1) << 48;

namespace mlir::mxfp4 {
/// Builds a trace. Functions return the number of a node, or nothing.
class ElementTracer {
public:
  explicit ElementTracer(ArrayRef<int64_t> sizes) : sizes(sizes) {}

  std::optional<unsigned> traceElement(Value tensor,
                                       ArrayRef<LinearIndex> indices);
  ElementTrace trace;

private:
  using Node = ElementTrace::Node;
  /// One iteration of the body of a linalg op.
  struct Iteration {
    linalg::LinalgOp op;
    SmallVector<LinearIndex> loops;
    DenseMap<Value, unsigned> nodes;
  };

  std::optional<unsigned> traceDefinition(Value tensor,
                                          ArrayRef<LinearIndex> indices);
  std::optional<unsigned> traceConstant(Value tensor, ElementsAttr elements,
                                        ArrayRef<LinearIndex> indices);
  std::optional<unsigned> traceRead(Value tensor,
                                    ArrayRef<LinearIndex> indices);
  std::optional<unsigned> traceLoops(linalg::LinalgOp op, unsigned result,
                                     ArrayRef<LinearIndex> indices);
  std::optional<unsigned> traceReshape(Value source, ShapedType type,
                                       ArrayRef<LinearIndex> indices);
  std::optional<unsigned> traceInsert(tensor::InsertSliceOp op,
                                      ArrayRef<LinearIndex> indices);
  std::optional<unsigned> traceConcat(tensor::ConcatOp op,
                                      ArrayRef<LinearIndex> indices);
  std::optional<unsigned> traceScalar(Value scalar, Iteration *iteration);
  std::optional<unsigned> traceScalarUncached(Value scalar,
                                              Iteration *iteration);
  std::optional<unsigned> traceExtract(tensor::ExtractOp op,
                                       Iteration *iteration);
  std::optional<LinearIndex> traceIndex(Value index, Iteration *iteration);

  std::optional<unsigned> addNode(Node node);
  std::optional<unsigned> addConstant(Type type, ScalarValue value) {
    return addNode({Node::Kind::Constant, type, value});
  }
  /// Adds an op on nodes, or its value if that is known.
  std::optional<unsigned> addOp(Operation *op, ArrayRef<unsigned> operands);
  std::optional<int64_t> getConstantInteger(unsigned node) const;

  /// The dimensions of an index into a tensor, of its place in row-major order.
  std::optional<SmallVector<LinearIndex>> delinearize(LinearIndex place,
                                                      ArrayRef<int64_t> shape);
  LinearIndex linearize(ArrayRef<LinearIndex> indices, ArrayRef<int64_t> shape);
  std::optional<LinearIndex> apply(AffineExpr expr, ArrayRef<LinearIndex> dims,
                                   ArrayRef<LinearIndex> symbols = {});

  ArrayRef<int64_t> sizes;
  unsigned depth = 0;
  DenseMap<Value, SmallVector<std::pair<SmallVector<LinearIndex>, unsigned>, 1>>
      known;
};
} // namespace mlir::mxfp4

std::optional<unsigned> ElementTracer::addNode(Node node) {
  if (trace.nodes.size() >= kMaxNodes)
    return std::nullopt;
  trace.nodes.push_back(std::move(node));
  return trace.nodes.size() - 1;
}

std::optional<int64_t> ElementTracer::getConstantInteger(unsigned node) const {
  const Node &found = trace.nodes[node];
  if (found.kind != Node::Kind::Constant || isa<FloatType>(found.type))
    return std::nullopt;
  return signExtend(found.type, found.value.bits);
}

std::optional<unsigned> ElementTracer::addOp(Operation *op,
                                             ArrayRef<unsigned> operands) {
  Type type = getElementTypeOrSelf(op->getResult(0).getType());
  SmallVector<ScalarValue, 3> values;
  for (unsigned operand : operands)
    if (trace.nodes[operand].kind == Node::Kind::Constant)
      values.push_back(trace.nodes[operand].value);
  if (values.size() == operands.size()) {
    std::optional<ScalarValue> value = evaluateOp(op, values);
    if (!value)
      return std::nullopt;
    return addConstant(type, *value);
  }
  if (!canEvaluateOp(op))
    return std::nullopt;
  Node node = {Node::Kind::Op, type};
  node.op = op;
  node.operands.assign(operands.begin(), operands.end());
  return addNode(std::move(node));
}

LinearIndex ElementTracer::linearize(ArrayRef<LinearIndex> indices,
                                     ArrayRef<int64_t> shape) {
  LinearIndex place(sizes, 0);
  for (auto [index, size] : llvm::zip(indices, shape))
    place = place * size + index;
  return place;
}

std::optional<SmallVector<LinearIndex>>
ElementTracer::delinearize(LinearIndex place, ArrayRef<int64_t> shape) {
  SmallVector<LinearIndex> indices(shape.size(), LinearIndex(sizes, 0));
  for (size_t i = shape.size(); i-- > 0;) {
    std::optional<LinearIndex> quotient = place.floorDiv(shape[i]);
    std::optional<LinearIndex> rest = place.mod(shape[i]);
    if (!quotient || !rest)
      return std::nullopt;
    indices[i] = *rest;
    place = *quotient;
  }
  return indices;
}

std::optional<LinearIndex> ElementTracer::apply(AffineExpr expr,
                                                ArrayRef<LinearIndex> dims,
                                                ArrayRef<LinearIndex> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return LinearIndex(sizes, constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<LinearIndex> left = apply(binary.getLHS(), dims, symbols);
  std::optional<LinearIndex> right = apply(binary.getRHS(), dims, symbols);
  if (!left || !right)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add)
    return *left + *right;
  std::optional<int64_t> factor = right->getConstant();
  if (!factor)
    return std::nullopt;
  switch (expr.getKind()) {
  case AffineExprKind::Mul:
    return *left * *factor;
  case AffineExprKind::FloorDiv:
    return left->floorDiv(*factor);
  case AffineExprKind::Mod:
    return left->mod(*factor);
  default:
    return std::nullopt;
  }
}

std::optional<unsigned>
ElementTracer::traceElement(Value tensor, ArrayRef<LinearIndex> indices) {
  auto &found = known[tensor];
  for (auto &[at, node] : found)
    if (at == indices)
      return node;
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type)
    return std::nullopt;
  int64_t elements = 1;
  for (int64_t size : type.getShape())
    elements = multiplySizes(elements, std::max<int64_t>(size, 1));
  if (depth == kMaxDepth || elements > kMaxElements)
    return std::nullopt;
  ++depth;
  std::optional<unsigned> node = traceDefinition(tensor, indices);
  --depth;
  if (node)
    known[tensor].emplace_back(SmallVector<LinearIndex>(indices), *node);
  return node;
}

std::optional<unsigned>
ElementTracer::traceDefinition(Value tensor, ArrayRef<LinearIndex> indices) {
  Operation *op = tensor.getDefiningOp();
  if (!op)
    return traceRead(tensor, indices);
  ElementsAttr elements;
  if (matchPattern(tensor, m_Constant(&elements)))
    return traceConstant(tensor, elements, indices);
  if (auto loops = dyn_cast<linalg::LinalgOp>(op))
    return traceLoops(loops, cast<OpResult>(tensor).getResultNumber(), indices);
  if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
    return traceReshape(op->getOperand(0), cast<ShapedType>(tensor.getType()),
                        indices);
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return traceElement(cast.getSource(), indices);
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return traceInsert(insert, indices);
  if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    return traceConcat(concat, indices);
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return traceScalar(splat.getInput(), nullptr);
  if (auto scalar = dyn_cast<tensor::FromElementsOp>(op);
      scalar && scalar.getElements().size() == 1)
    return traceScalar(scalar.getElements()[0], nullptr);
  if (isa<tensor::EmptyOp>(op))
    return std::nullopt;
  bool isElementwise =
      op->hasTrait<OpTrait::Elementwise>() || isa<tensor::BitcastOp>(op);
  if (!isElementwise || op->getNumResults() != 1)
    return traceRead(tensor, indices);
  SmallVector<unsigned, 3> operands;
  for (Value operand : op->getOperands()) {
    std::optional<unsigned> node = isa<RankedTensorType>(operand.getType())
                                       ? traceElement(operand, indices)
                                       : traceScalar(operand, nullptr);
    if (!node)
      return std::nullopt;
    operands.push_back(*node);
  }
  return addOp(op, operands);
}

std::optional<unsigned>
ElementTracer::traceRead(Value tensor, ArrayRef<LinearIndex> indices) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || !type.hasStaticShape())
    return std::nullopt;
  Node node = {Node::Kind::Read, type.getElementType()};
  node.tensor = tensor;
  node.place = linearize(indices, type.getShape());
  return addNode(std::move(node));
}

std::optional<unsigned>
ElementTracer::traceConstant(Value tensor, ElementsAttr elements,
                             ArrayRef<LinearIndex> indices) {
  std::optional<int64_t> place =
      linearize(indices, elements.getShapedType().getShape()).getConstant();
  if (elements.isSplat())
    place = 0;
  if (!place)
    return traceRead(tensor, indices);
  std::optional<ScalarValue> value = getElement(elements, *place);
  if (!value)
    return std::nullopt;
  return addConstant(elements.getElementType(), *value);
}

std::optional<unsigned>
ElementTracer::traceLoops(linalg::LinalgOp op, unsigned result,
                          ArrayRef<LinearIndex> indices) {
  OpOperand *init = op.getDpsInitOperand(result);
  AffineMap map = op.getMatchingIndexingMap(init);
  if (!op.hasPureTensorSemantics() || !map.isPermutation() ||
      op.getNumParallelLoops() != op.getNumLoops())
    return std::nullopt;
  Iteration iteration;
  iteration.op = op;
  iteration.loops.assign(op.getNumLoops(), LinearIndex(sizes, 0));
  for (auto [i, index] : llvm::enumerate(indices))
    iteration.loops[map.getDimPosition(i)] = index;
  Value yielded = op.getBlock()->getTerminator()->getOperand(result);
  return traceScalar(yielded, &iteration);
}

std::optional<unsigned>
ElementTracer::traceReshape(Value source, ShapedType type,
                            ArrayRef<LinearIndex> indices) {
  auto sourceType = cast<ShapedType>(source.getType());
  if (!type.hasStaticShape() || !sourceType.hasStaticShape())
    return std::nullopt;
  auto from =
      delinearize(linearize(indices, type.getShape()), sourceType.getShape());
  if (!from)
    return std::nullopt;
  return traceElement(source, *from);
}

/// The sizes, offsets and strides of a slice if all are known.
template <typename OpTy> static bool isStaticSlice(OpTy op) {
  return !ShapedType::isDynamicShape(op.getStaticSizes()) &&
         !ShapedType::isDynamicShape(op.getStaticOffsets()) &&
         !ShapedType::isDynamicShape(op.getStaticStrides());
}

std::optional<unsigned>
ElementTracer::traceInsert(tensor::InsertSliceOp op,
                           ArrayRef<LinearIndex> indices) {
  if (!isStaticSlice(op))
    return std::nullopt;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  SmallVector<LinearIndex> from;
  for (auto [i, index] : llvm::enumerate(indices)) {
    int64_t size = op.getStaticSizes()[i], stride = op.getStaticStrides()[i];
    LinearIndex moved = index + LinearIndex(sizes, -op.getStaticOffsets()[i]);
    std::optional<LinearIndex> quotient = moved.floorDiv(stride);
    std::optional<LinearIndex> rest = moved.mod(stride);
    if (!quotient || !rest || !rest->getConstant())
      return std::nullopt;
    bool isOutside = *rest->getConstant() != 0 || quotient->getHighest() < 0 ||
                     quotient->getLowest() >= size;
    if (isOutside)
      return traceElement(op.getDest(), indices);
    if (quotient->getLowest() < 0 || quotient->getHighest() >= size)
      return std::nullopt;
    if (!dropped[i])
      from.push_back(*quotient);
  }
  return traceElement(op.getSource(), from);
}

std::optional<unsigned>
ElementTracer::traceConcat(tensor::ConcatOp op, ArrayRef<LinearIndex> indices) {
  int64_t dim = op.getDim(), begin = 0;
  for (Value input : op.getInputs()) {
    int64_t size = cast<RankedTensorType>(input.getType()).getDimSize(dim);
    if (ShapedType::isDynamic(size))
      return std::nullopt;
    const LinearIndex &index = indices[dim];
    if (index.getHighest() < begin + size) {
      if (index.getLowest() < begin)
        return std::nullopt;
      SmallVector<LinearIndex> from(indices);
      from[dim] = index + LinearIndex(sizes, -begin);
      return traceElement(input, from);
    }
    begin += size;
  }
  return std::nullopt;
}

std::optional<unsigned> ElementTracer::traceScalar(Value scalar,
                                                   Iteration *iteration) {
  if (iteration) {
    auto found = iteration->nodes.find(scalar);
    if (found != iteration->nodes.end())
      return found->second;
  }
  if (depth == kMaxDepth)
    return std::nullopt;
  ++depth;
  std::optional<unsigned> node = traceScalarUncached(scalar, iteration);
  --depth;
  if (node && iteration)
    iteration->nodes[scalar] = *node;
  return node;
}

std::optional<unsigned>
ElementTracer::traceScalarUncached(Value scalar, Iteration *iteration) {
  if (auto argument = dyn_cast<BlockArgument>(scalar)) {
    if (!iteration || argument.getOwner() != iteration->op.getBlock())
      return std::nullopt;
    OpOperand *operand = iteration->op.getMatchingOpOperand(argument);
    if (!isa<RankedTensorType>(operand->get().getType()))
      return traceScalar(operand->get(), nullptr);
    SmallVector<LinearIndex> indices;
    for (AffineExpr expr :
         iteration->op.getMatchingIndexingMap(operand).getResults()) {
      std::optional<LinearIndex> index = apply(expr, iteration->loops);
      if (!index)
        return std::nullopt;
      indices.push_back(*index);
    }
    return traceElement(operand->get(), indices);
  }
  Operation *op = scalar.getDefiningOp();
  Attribute constant;
  if (matchPattern(op, m_Constant(&constant))) {
    std::optional<ScalarValue> value = getScalar(constant);
    if (!value)
      return std::nullopt;
    return addConstant(scalar.getType(), *value);
  }
  if (isa<linalg::IndexOp, affine::AffineApplyOp>(op)) {
    std::optional<LinearIndex> index = traceIndex(scalar, iteration);
    if (!index || !index->getConstant())
      return std::nullopt;
    ScalarValue value;
    value.bits = static_cast<uint64_t>(*index->getConstant());
    return addConstant(scalar.getType(), value);
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op))
    return traceExtract(extract, iteration);
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    std::optional<unsigned> condition =
        traceScalar(branch.getCondition(), iteration);
    std::optional<int64_t> taken;
    if (condition)
      taken = getConstantInteger(*condition);
    if (!taken)
      return std::nullopt;
    Block *block = *taken ? branch.thenBlock() : branch.elseBlock();
    unsigned result = cast<OpResult>(scalar).getResultNumber();
    return traceScalar(block->getTerminator()->getOperand(result), iteration);
  }
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    std::optional<unsigned> condition =
        traceScalar(select.getCondition(), iteration);
    if (!condition)
      return std::nullopt;
    // What is not taken need not be defined.
    if (std::optional<int64_t> taken = getConstantInteger(*condition))
      return traceScalar(
          *taken ? select.getTrueValue() : select.getFalseValue(), iteration);
  }
  if (op->getNumResults() != 1 || op->getNumRegions() != 0)
    return std::nullopt;
  SmallVector<unsigned, 3> operands;
  for (Value operand : op->getOperands()) {
    std::optional<unsigned> node = traceScalar(operand, iteration);
    if (!node)
      return std::nullopt;
    operands.push_back(*node);
  }
  return addOp(op, operands);
}

std::optional<unsigned> ElementTracer::traceExtract(tensor::ExtractOp op,
                                                    Iteration *iteration) {
  SmallVector<LinearIndex> indices;
  for (Value index : op.getIndices())
    if (std::optional<LinearIndex> at = traceIndex(index, iteration))
      indices.push_back(*at);
  if (indices.size() == op.getIndices().size())
    return traceElement(op.getTensor(), indices);

  // Indices that depend on data: a table.
  auto type = dyn_cast<RankedTensorType>(op.getTensor().getType());
  if (!type || !type.hasStaticShape() || type.getNumElements() > kMaxTableSize)
    return std::nullopt;
  Node node = {Node::Kind::Lookup, type.getElementType()};
  node.tensor = op.getTensor();
  for (int64_t place = 0; place < type.getNumElements(); ++place) {
    auto at = delinearize(LinearIndex(sizes, place), type.getShape());
    std::optional<unsigned> element;
    if (at)
      element = traceElement(op.getTensor(), *at);
    if (!element || trace.nodes[*element].kind != Node::Kind::Constant)
      return std::nullopt;
    node.table.push_back(trace.nodes[*element].value);
  }
  for (Value index : op.getIndices()) {
    std::optional<unsigned> operand = traceScalar(index, iteration);
    if (!operand)
      return std::nullopt;
    node.operands.push_back(*operand);
  }
  return addNode(std::move(node));
}

std::optional<LinearIndex> ElementTracer::traceIndex(Value index,
                                                     Iteration *iteration) {
  IntegerAttr constant;
  if (matchPattern(index, m_Constant(&constant)))
    return LinearIndex(sizes, constant.getInt());
  Operation *op = index.getDefiningOp();
  if (!op)
    return std::nullopt;
  if (auto loop = dyn_cast<linalg::IndexOp>(op)) {
    if (!iteration)
      return std::nullopt;
    return iteration->loops[loop.getDim()];
  }
  SmallVector<LinearIndex> operands;
  if (!isa<affine::AffineApplyOp, arith::AddIOp, arith::SubIOp, arith::MulIOp,
           arith::DivUIOp, arith::RemUIOp>(op) ||
      !index.getType().isIndex())
    return std::nullopt;
  for (Value operand : op->getOperands()) {
    std::optional<LinearIndex> traced = traceIndex(operand, iteration);
    if (!traced)
      return std::nullopt;
    operands.push_back(*traced);
  }
  if (auto affine = dyn_cast<affine::AffineApplyOp>(op)) {
    unsigned dims = affine.getAffineMap().getNumDims();
    return apply(affine.getAffineMap().getResult(0),
                 ArrayRef(operands).take_front(dims),
                 ArrayRef(operands).drop_front(dims));
  }
  if (isa<arith::AddIOp>(op))
    return operands[0] + operands[1];
  if (isa<arith::SubIOp>(op))
    return operands[0] + operands[1] * -1;
  std::optional<int64_t> factor = operands[1].getConstant();
  if (!factor)
    return std::nullopt;
  if (isa<arith::MulIOp>(op))
    return operands[0] * *factor;
  if (operands[0].getLowest() < 0)
    return std::nullopt;
  return isa<arith::DivUIOp>(op) ? operands[0].floorDiv(*factor)
                                 : operands[0].mod(*factor);
}

std::optional<ElementTrace> ElementTrace::create(Value tensor,
                                                 ArrayRef<LinearIndex> indices,
                                                 ArrayRef<int64_t> sizes) {
  ElementTracer tracer(sizes);
  std::optional<unsigned> root = tracer.traceElement(tensor, indices);
  if (!root)
    return std::nullopt;
  // The element is the last node; what stands after it was for branches that
  // are not taken.
  tracer.trace.nodes.truncate(*root + 1);
  return std::move(tracer.trace);
}
