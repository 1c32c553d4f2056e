//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognizes dequantization by what it computes and not by how it is written.
// An element of a block is traced back to what it reads; if that is one code
// and one scale, in the places where a block has them, the computation is run
// for all codes and scales and compared with the format.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"

#include "Contractions.h"
#include "ElementTrace.h"
#include "MatmulUtils.h"
#include "RaiseTosa.h"
#include "TensorCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "mxfp4/Format/Bits.h"

#include <cmath>

#define DEBUG_TYPE "mxfp4-raise-to-mxfp4"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_RAISETOMXFP4PASS
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

/// Powers of two are also written as exp(x * log(2)), which in f32 is off by up
/// to 4e-6.
static constexpr double kTolerance = 1e-5;

/// A scale of the whole tensor that a computation is run for, which it only
/// multiplies by.
static constexpr float kTensorScale = 0.7531f;

namespace {
/// Where the elements and scales of a tensor are.
struct Blocks {
  mx::BlockFormat format;
  Value values;
  Value scales;
  /// Two elements share a byte (F2); else each has its own.
  bool isPacked = false;
  /// Of NVFP4 (F22): a tensor, or a constant, or none.
  Value tensorScale;
  float constantScale = 1.0f;
};

/// Finds out whether a tensor is expanded from blocks of one size.
class BlockMatcher {
public:
  BlockMatcher(Value tensor, int64_t blockSize, bool isExact)
      : tensor(tensor), type(cast<RankedTensorType>(tensor.getType())),
        blockSize(blockSize), isExact(isExact),
        sizes(type.getShape().drop_back()) {
    sizes.push_back(type.getShape().back() / blockSize);
  }

  std::optional<Blocks> match() {
    SmallVector<std::pair<ElementTrace, int64_t>> checked;
    for (int64_t element = 0; element < blockSize; ++element) {
      std::optional<ElementTrace> trace = traceElement(element);
      if (!trace || !checkReads(*trace, element))
        return std::nullopt;
      int64_t parity = blocks.isPacked ? element % 2 : 0;
      bool isKnown = llvm::any_of(checked, [&](auto &other) {
        return other.second == parity && other.first.isSameComputation(*trace);
      });
      if (isKnown)
        continue;
      if (!checkValues(*trace, parity))
        return std::nullopt;
      checked.emplace_back(std::move(*trace), parity);
    }
    return blocks;
  }

private:
  /// The number of the block in row-major order.
  LinearIndex getBlock() const {
    LinearIndex block(sizes, 0);
    for (auto [i, size] : llvm::enumerate(sizes))
      block = block * size + LinearIndex::variable(sizes, i);
    return block;
  }

  std::optional<ElementTrace> traceElement(int64_t element) const {
    SmallVector<LinearIndex> indices;
    for (unsigned i = 0; i < sizes.size(); ++i)
      indices.push_back(LinearIndex::variable(sizes, i));
    indices.back() = indices.back() * blockSize + LinearIndex(sizes, element);
    return ElementTrace::create(tensor, indices, sizes);
  }

  /// Checks that one tensor is read where the code of `element` is and another
  /// where its scale is.
  bool checkReads(const ElementTrace &trace, int64_t element) {
    Value values, scales, tensorScale;
    bool isPacked = false;
    LinearIndex block = getBlock();
    LinearIndex whole = block * blockSize + LinearIndex(sizes, element);
    LinearIndex half =
        block * (blockSize / 2) + LinearIndex(sizes, element / 2);
    for (const ElementTrace::Node &node : trace.getNodes()) {
      if (node.kind != ElementTrace::Node::Kind::Read)
        continue;
      bool isBlock = *node.place == block, isTensor = isTensorScale(node);
      Value &found = isBlock ? scales : isTensor ? tensorScale : values;
      if (found && found != node.tensor)
        return false;
      found = node.tensor;
      if (isBlock || isTensor)
        continue;
      isPacked = node.type.isInteger(8) && *node.place == half;
      if (!isPacked && !(*node.place == whole))
        return false;
    }
    if (!values || !scales || values == scales)
      return false;
    if (blocks.values)
      return blocks.values == values && blocks.scales == scales &&
             blocks.tensorScale == tensorScale && blocks.isPacked == isPacked;
    blocks.values = values;
    blocks.scales = scales;
    blocks.tensorScale = tensorScale;
    blocks.isPacked = isPacked;
    return findFormat() && findConstantScale(trace);
  }

  /// True if `node` reads one number for all blocks, or for all of an expert.
  bool isTensorScale(const ElementTrace::Node &node) const {
    auto read = cast<ShapedType>(node.tensor.getType());
    if (!node.type.isF32())
      return false;
    if (read.getNumElements() == 1)
      return true;
    return sizes.size() == 3 && read.getNumElements() == sizes[0] &&
           *node.place == LinearIndex::variable(sizes, 0);
  }

  /// Sets the scale of the tensor if the computation has a constant for it.
  bool findConstantScale(const ElementTrace &trace) {
    if (blocks.format.scale != mx::ScaleFormat::E4M3)
      return !blocks.tensorScale;
    if (blocks.tensorScale)
      return trace.isMultipleOf(blocks.tensorScale);
    constexpr uint8_t one = 0x38, oneInBothHalves = 0x22;
    std::optional<ScalarValue> found = evaluate(
        trace, blocks.isPacked ? oneInBothHalves : oneInBothHalves & 15, one,
        /*tensorScale=*/1.0f);
    if (!found || !std::isfinite(found->real) || found->real == 0)
      return false;
    blocks.constantScale = static_cast<float>(found->real);
    return true;
  }

  /// The element for a code, the byte of a scale and the scale of the tensor.
  std::optional<ScalarValue> evaluate(const ElementTrace &trace, unsigned code,
                                      unsigned scale, float tensorScale) const {
    ScalarValue ofCode =
        decodeBits(getElementTypeOrSelf(blocks.values.getType()), code);
    ScalarValue ofScale =
        decodeBits(getElementTypeOrSelf(blocks.scales.getType()), scale);
    ScalarValue ofTensor = decodeBits(Float32Type::get(tensor.getContext()),
                                      mx::bitsOf(tensorScale));
    return trace.evaluate([&](const ElementTrace::Node &node) {
      return node.tensor == blocks.values   ? ofCode
             : node.tensor == blocks.scales ? ofScale
                                            : ofTensor;
    });
  }

  bool findFormat() {
    auto values = cast<ShapedType>(blocks.values.getType());
    auto scales = cast<ShapedType>(blocks.scales.getType());
    Type scale = scales.getElementType();
    if (!scale.isInteger(8) && !isa<Float8E8M0FNUType, Float8E4M3FNType>(scale))
      return false;
    if (scale.isInteger(8))
      scales = scales.clone(Float8E8M0FNUType::get(scale.getContext()));
    const mx::BlockFormat *format = getBlockFormat(values, scales);
    if (!format || format->blockSize != blockSize)
      return false;
    blocks.format = *format;
    return true;
  }

  /// Compares the computation with the format for all codes and scales.
  bool checkValues(const ElementTrace &trace, int64_t parity) const {
    return checkValues(trace, parity,
                       blocks.tensorScale ? kTensorScale
                                          : blocks.constantScale);
  }

  bool checkValues(const ElementTrace &trace, int64_t parity,
                   float tensorScale) const {
    unsigned codes = blocks.isPacked ? 256 : 1u << blocks.format.element.bits;
    bool isE8M0 = blocks.format.scale == mx::ScaleFormat::E8M0;
    for (unsigned scale = 0; scale < 256; ++scale) {
      // Idioms on exponents take 0 for 0 and 255 for infinity.
      if (!isExact && isE8M0 && (scale == 0 || scale == mx::kScaleNaN))
        continue;
      double factor =
          mx::decodeScale(blocks.format, static_cast<uint8_t>(scale));
      for (unsigned code = 0; code < codes; ++code) {
        std::optional<ScalarValue> found =
            evaluate(trace, code, scale, tensorScale);
        uint8_t element = blocks.isPacked ? code >> (4 * parity) & 15 : code;
        auto value = static_cast<float>(
            mx::decode(blocks.format.element, element) * factor);
        double expected =
            roundToFloat(type.getElementType(), value * tensorScale);
        if (!found || !isClose(found->real, expected))
          return false;
      }
    }
    return true;
  }

  bool isClose(double found, double expected) const {
    if (std::isnan(expected) || std::isnan(found))
      return std::isnan(expected) && std::isnan(found);
    if (found == expected)
      return !isExact || std::signbit(found) == std::signbit(expected);
    return !isExact &&
           std::fabs(found - expected) <= kTolerance * std::fabs(expected);
  }

  Value tensor;
  RankedTensorType type;
  int64_t blockSize;
  bool isExact;
  SmallVector<int64_t> sizes;
  Blocks blocks;
};
} // namespace

/// The scales of `blocks` with a scale type, in the shape `shape`.
static Value makeScales(ImplicitLocOpBuilder &b, const Blocks &blocks,
                        ArrayRef<int64_t> shape) {
  Type scale = Float8E8M0FNUType::get(b.getContext());
  bool isInteger = getElementTypeOrSelf(blocks.scales.getType()).isInteger(8);
  DenseElementsAttr constant;
  if (isInteger && matchPattern(blocks.scales, m_Constant(&constant)))
    return arith::ConstantOp::create(
        b,
        constant.bitcast(scale).reshape(RankedTensorType::get(shape, scale)));
  Value scales = reshapeTensor(b, b.getLoc(), blocks.scales, shape);
  if (!isInteger)
    return scales;
  return bitcastTensor(b, b.getLoc(), scales, scale);
}

/// The scale of the whole tensor, if it has one.
static Value makeTensorScale(ImplicitLocOpBuilder &b, const Blocks &blocks) {
  if (blocks.tensorScale) {
    int64_t scales =
        cast<ShapedType>(blocks.tensorScale.getType()).getNumElements();
    return reshapeTensor(b, b.getLoc(), blocks.tensorScale,
                         scales == 1 ? ArrayRef<int64_t>() : ArrayRef(scales));
  }
  if (blocks.constantScale == 1.0f)
    return {};
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(RankedTensorType::get({}, b.getF32Type()),
                                blocks.constantScale));
}

/// Expands `blocks` to what `tensor` is, after the op that computes that.
static Value expandBlocks(RewriterBase &rewriter, Value tensor,
                          const Blocks &blocks) {
  auto type = cast<RankedTensorType>(tensor.getType());
  rewriter.setInsertionPointAfter(tensor.getDefiningOp());
  ImplicitLocOpBuilder b(tensor.getLoc(), rewriter);
  SmallVector<int64_t> shape(type.getShape()), scalesShape(shape);
  scalesShape.back() /= blocks.format.blockSize;
  Value values = blocks.values;
  if (getElementTypeOrSelf(values.getType()).isInteger(8)) {
    SmallVector<int64_t> packed(shape);
    packed.back() /= 2;
    values = blocks.isPacked
                 ? reshapeTensor(b, b.getLoc(), values, packed)
                 : packNibbles(b, reshapeTensor(b, b.getLoc(), values, shape));
  } else {
    values = reshapeTensor(b, b.getLoc(), values, shape);
  }
  return DequantizeOp::create(b, type, values,
                              makeScales(b, blocks, scalesShape),
                              makeTensorScale(b, blocks));
}

/// What `tensor` is expanded from, if it is.
static std::optional<Blocks> matchBlocks(Value tensor, bool isExact) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || !type.hasStaticShape() || type.getRank() == 0 ||
      llvm::is_contained(type.getShape(), 0) || type.getEncoding())
    return std::nullopt;
  Type element = type.getElementType();
  if (!element.isF32() && !element.isBF16() && !element.isF16())
    return std::nullopt;
  for (int64_t blockSize : {mx::kMXFP4.blockSize, mx::kNVFP4.blockSize})
    if (type.getShape().back() % blockSize == 0)
      if (auto blocks = BlockMatcher(tensor, blockSize, isExact).match())
        return blocks;
  return std::nullopt;
}

namespace {
struct RaiseToMXFP4Pass final
    : mxfp4::impl::RaiseToMXFP4PassBase<RaiseToMXFP4Pass> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateRaiseTosaPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));

    IRRewriter rewriter(&getContext());
    SmallVector<linalg::GenericOp> generics;
    getOperation().walk([&](linalg::GenericOp op) { generics.push_back(op); });
    auto raise = [&](Value tensor) -> Value {
      std::optional<Blocks> blocks = matchBlocks(tensor, exact);
      return blocks ? expandBlocks(rewriter, tensor, *blocks) : Value();
    };
    for (linalg::GenericOp op : generics)
      hoistFactor(rewriter, op, raise);

    // Readers first: a tensor that is raised takes the place of what it was
    // computed from.
    SmallVector<Operation *> ops;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op != getOperation())
        ops.push_back(op);
      return isa<linalg::LinalgOp>(op) ? WalkResult::skip()
                                       : WalkResult::advance();
    });
    for (Operation *op : llvm::reverse(ops)) {
      if (isOpTriviallyDead(op)) {
        rewriter.eraseOp(op);
        continue;
      }
      if (isa<DequantizeOp>(op) || op->hasTrait<OpTrait::ConstantLike>())
        continue;
      for (Value result : op->getResults())
        if (Value raised = raise(result))
          rewriter.replaceAllUsesWith(result, raised);
      if (isOpTriviallyDead(op))
        rewriter.eraseOp(op);
    }

    // What is rounded after is expanded to that.
    getOperation().walk([&](linalg::GenericOp op) {
      if (!isElementwiseRounding(op) || !isFloatOperand(op.getResult(0)))
        return;
      auto wide = op.getInputs()[0].getDefiningOp<DequantizeOp>();
      if (!wide || !wide.getResult().getType().getElementType().isF32())
        return;
      rewriter.setInsertionPoint(op);
      rewriter.replaceOpWithNewOp<DequantizeOp>(
          op, op.getResult(0).getType(), wide.getValues(), wide.getScales(),
          wide.getTensorScale());
      if (wide->use_empty())
        rewriter.eraseOp(wide);
    });

    SmallVector<linalg::LinalgOp> contractions;
    getOperation().walk(
        [&](linalg::LinalgOp op) { contractions.push_back(op); });
    for (linalg::LinalgOp op : contractions)
      (void)makeTransposedMatmul(rewriter, op);
  }
};
} // namespace
