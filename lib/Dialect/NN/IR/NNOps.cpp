//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verifiers and interfaces of the nn ops.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/NN/IR/NN.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace mlir::nn;
using mxfp4::verifySameShape;

#define GET_OP_CLASSES
#include "mxfp4/Dialect/NN/IR/NNOps.cpp.inc"

/// Fails unless `type` has `rank` dimensions, of which those from `firstStatic`
/// on are static; `form` is how the op's description writes it.
static LogicalResult verifyForm(Operation *op, StringRef name, ShapedType type,
                                int64_t rank, StringRef form,
                                int64_t firstStatic = 1) {
  bool matches = type.getRank() == rank;
  for (int64_t i = firstStatic; matches && i < rank; ++i)
    matches = !type.isDynamicDim(i);
  if (matches)
    return success();
  const char *sizes = firstStatic == 0 ? " with static sizes"
                      : firstStatic < rank
                          ? " with static sizes after the first"
                          : "";
  return op->emitOpError() << "expected '" << name << "' " << form << sizes
                           << ", but got " << type;
}

/// Fails unless `position` and `sequence`, which may be null, are of all tokens
/// or of each one that `input` has.
static LogicalResult verifyPlaces(Operation *op, StringRef nameOfInput,
                                  ShapedType input, Value position,
                                  Value sequence = {}) {
  auto verify = [&](StringRef name, Value places) {
    auto type = places ? dyn_cast<ShapedType>(places.getType()) : ShapedType();
    return type ? verifySameShape(op, name, type, nameOfInput,
                                  input.getDimSize(0))
                : success();
  };
  if (sequence &&
      isa<IndexType>(sequence.getType()) != isa<IndexType>(position.getType()))
    return op->emitOpError()
           << "expected both 'position' and 'sequence' of all tokens or both "
              "of "
              "each, but got "
           << position.getType() << " and " << sequence.getType();
  if (failed(verify("position", position)))
    return failure();
  return verify("sequence", sequence);
}

/// Fails unless a cache has `kvHeads` heads, or as many for each of some
/// sequences where tokens tell theirs, which those with a position each must.
static LogicalResult verifySequences(Operation *op, StringRef name,
                                     ShapedType cache, int64_t kvHeads,
                                     Value position, Value sequence) {
  if (!sequence && !isa<IndexType>(position.getType()))
    return op->emitOpError(
        "expected 'sequence' where each token has a position");
  int64_t heads = cache.getDimSize(1);
  if (heads == kvHeads || (sequence && kvHeads != 0 && heads % kvHeads == 0))
    return success();
  return op->emitOpError() << "expected '" << name << "' to have "
                           << (sequence ? "a multiple of " : "") << kvHeads
                           << " heads, but got " << cache;
}

LogicalResult EmbeddingOp::verify() {
  if (failed(verifyForm(*this, "ids", getIds().getType(), 1, "[T]")) ||
      failed(verifyForm(*this, "table", getTable().getType(), 2, "[V, H]", 0)))
    return failure();
  return verifySameShape(
      *this, "init", getInit().getType(), "ids",
      {getIds().getType().getDimSize(0), getTable().getType().getDimSize(1)});
}

LogicalResult RMSNormOp::verify() {
  ShapedType input = getInput().getType();
  if (failed(verifyForm(*this, "input", input, 2, "[T, H]")))
    return failure();
  if (failed(verifySameShape(*this, "gain", getGain().getType(), "input",
                             {input.getDimSize(1)})))
    return failure();
  if (getEpsilon().isNegative() || !getEpsilon().isFinite())
    return emitOpError()
           << "expected a finite 'epsilon' of at least 0, but got "
           << getEpsilonAttr();
  return verifySameShape(*this, "init", getInit().getType(), "input",
                         input.getShape());
}

LogicalResult LinearOp::verify() {
  ShapedType input = getInput().getType(), init = getInit().getType();
  ShapedType weight = getWeight().getType();
  if (failed(verifyForm(*this, "input", input, 2, "[T, K]")) ||
      failed(verifyForm(*this, "init", init, 2, "[T, N]")))
    return failure();
  FailureOr<mxfp4::LayoutAttr> arranged =
      mxfp4::verifyLayouts(*this, getLayoutAttr(), getWeight());
  if (failed(arranged))
    return failure();
  if (*arranged && arranged->getPaired())
    return emitOpError("expected a layout that is not paired");
  SmallVector<int64_t> plain = {init.getDimSize(1), input.getDimSize(1)};
  if (mxfp4::LayoutAttr layout = getLayoutAttr()) {
    if (failed(layout.verifyEncoding(plain, weight.getElementType(),
                                     [&] { return emitOpError(); })))
      return failure();
    plain = layout.getPackedShape(plain);
  }
  if (failed(verifySameShape(*this, "weight", weight, "input and init", plain)))
    return failure();
  if (failed(verifySameShape(*this, "init", init, "input",
                             {input.getDimSize(0), init.getDimSize(1)})))
    return failure();
  if (getBias() && failed(verifySameShape(*this, "bias", getBias().getType(),
                                          "init", {init.getDimSize(1)})))
    return failure();
  if (getResidual() &&
      failed(verifySameShape(*this, "residual", getResidual().getType(), "init",
                             init.getShape())))
    return failure();
  return success();
}

LogicalResult RotaryEmbeddingOp::verify() {
  ShapedType input = getInput().getType();
  if (failed(verifyForm(*this, "input", input, 3, "[T, heads, D]")))
    return failure();
  if (input.getDimSize(2) % 2 != 0)
    return emitOpError() << "expected an even head size, but got "
                         << input.getDimSize(2);
  if (failed(verifyPlaces(*this, "input", input, getPosition())))
    return failure();
  return verifySameShape(*this, "init", getInit().getType(), "input",
                         input.getShape());
}

LogicalResult AttentionOp::verify() {
  ShapedType query = getQuery().getType(), key = getKey().getType();
  ShapedType cache = getKeyCache().getType();
  if (failed(verifyForm(*this, "query", query, 3, "[T, heads, D]")) ||
      failed(verifyForm(*this, "key", key, 3, "[T, KV, D]")) ||
      failed(verifyForm(*this, "keyCache", cache, 3, "[C, S * KV, D]")))
    return failure();
  int64_t heads = query.getDimSize(1), kvHeads = key.getDimSize(1);
  if (kvHeads == 0 || heads % kvHeads != 0)
    return emitOpError() << "expected a multiple of " << kvHeads
                         << " query heads (the number of KV heads), but got "
                         << heads;
  if (failed(verifySameShape(
          *this, "key", key, "query",
          {query.getDimSize(0), kvHeads, query.getDimSize(2)})) ||
      failed(verifySameShape(*this, "value", getValue().getType(), "key",
                             key.getShape())) ||
      failed(verifySequences(*this, "keyCache", cache, kvHeads, getPosition(),
                             getSequence())) ||
      failed(verifySameShape(
          *this, "keyCache", cache, "key",
          {cache.getDimSize(0), cache.getDimSize(1), key.getDimSize(2)})) ||
      failed(verifySameShape(*this, "valueCache", getValueCache().getType(),
                             "keyCache", cache.getShape())) ||
      failed(verifySameShape(*this, "sinks", getSinks().getType(), "query",
                             {heads})))
    return failure();
  if (failed(verifyPlaces(*this, "query", query, getPosition(), getSequence())))
    return failure();
  int64_t window = getWindow().value_or(1);
  if (window < 1)
    return emitOpError() << "expected a positive 'window', but got " << window;
  // A row is found by division by their number.
  int64_t rows = std::max<int64_t>(window - 1, 1);
  if (!cache.isDynamicDim(0) && cache.getDimSize(0) < rows)
    return emitOpError() << "expected a cache of at least " << rows
                         << " rows, but got " << cache.getDimSize(0);
  return verifySameShape(*this, "init", getInit().getType(), "query",
                         query.getShape());
}

LogicalResult CacheUpdateOp::verify() {
  ShapedType input = getInput().getType(), init = getInit().getType();
  if (failed(verifyForm(*this, "input", input, 3, "[T, KV, D]")) ||
      failed(verifyForm(*this, "init", init, 3, "[C, S * KV, D]")))
    return failure();
  if (init.getDimSize(0) == 0)
    return emitOpError("expected a cache of at least 1 row, but got 0");
  if (failed(
          verifyPlaces(*this, "input", input, getPosition(), getSequence())) ||
      failed(verifySequences(*this, "init", init, input.getDimSize(1),
                             getPosition(), getSequence())))
    return failure();
  return verifySameShape(
      *this, "init", init, "input",
      {init.getDimSize(0), init.getDimSize(1), input.getDimSize(2)});
}

LogicalResult RouteTopKOp::verify() {
  ShapedType logits = getLogits().getType();
  ShapedType experts = getInitExperts().getType();
  if (failed(verifyForm(*this, "logits", logits, 2, "[T, E]")) ||
      failed(verifyForm(*this, "initExperts", experts, 2, "[T, S]")))
    return failure();
  if (experts.getDimSize(1) < 1 || experts.getDimSize(1) > logits.getDimSize(1))
    return emitOpError() << "expected 1 to " << logits.getDimSize(1)
                         << " slots, but got " << experts.getDimSize(1);
  if (failed(verifySameShape(*this, "initExperts", experts, "logits",
                             {logits.getDimSize(0), experts.getDimSize(1)})))
    return failure();
  return verifySameShape(*this, "initWeights", getInitWeights().getType(),
                         "initExperts", experts.getShape());
}

LogicalResult AddExpertBiasOp::verify() {
  ShapedType input = getInput().getType(), bias = getBias().getType();
  if (failed(verifyForm(*this, "input", input, 3, "[T, S, N]")) ||
      failed(verifyForm(*this, "bias", bias, 2, "[E, N]", 0)))
    return failure();
  if (failed(verifySameShape(*this, "bias", bias, "input",
                             {bias.getDimSize(0), input.getDimSize(2)})) ||
      failed(verifySameShape(*this, "experts", getExperts().getType(), "input",
                             input.getShape().drop_back())))
    return failure();
  return verifySameShape(*this, "init", getInit().getType(), "input",
                         input.getShape());
}

LogicalResult SwiGLUOp::verify() {
  ShapedType input = getInput().getType();
  int64_t rank = input.getRank();
  if (rank < 1 || input.isDynamicDim(rank - 1) ||
      input.getDimSize(rank - 1) % 2 != 0)
    return emitOpError()
           << "expected an even last dimension of 'input', but got " << input;
  SmallVector<int64_t> expected(input.getShape());
  expected.back() /= 2;
  return verifySameShape(*this, "init", getInit().getType(), "input", expected);
}

LogicalResult CombineExpertsOp::verify() {
  ShapedType input = getInput().getType();
  if (failed(verifyForm(*this, "input", input, 3, "[T, S, N]")))
    return failure();
  if (failed(verifySameShape(*this, "weights", getWeights().getType(), "input",
                             input.getShape().drop_back())))
    return failure();
  return verifySameShape(*this, "init", getInit().getType(), "input",
                         {input.getDimSize(0), input.getDimSize(2)});
}

LogicalResult SampleOp::verify() {
  ShapedType logits = getLogits().getType();
  if (failed(verifyForm(*this, "logits", logits, 2, "[T, V]")))
    return failure();
  if (logits.getDimSize(1) < 1 || logits.getDimSize(1) > INT32_MAX)
    return emitOpError() << "expected 1 to " << INT32_MAX
                         << " logits in a row, but got "
                         << logits.getDimSize(1);
  ShapedType settings = getSettings().getType();
  if (settings.getShape() != ArrayRef<int64_t>{4})
    return emitOpError() << "expected 'settings' to have 4 words, but got "
                         << settings;
  if (failed(
          verifyPlaces(*this, "logits", logits, getPosition(), getSequence())))
    return failure();
  return verifySameShape(*this, "init", getInit().getType(), "logits",
                         {logits.getDimSize(0)});
}
