//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rotates heads, where it can in the kernel that computes them: of one token
// that is less work than another launch.
//
//===----------------------------------------------------------------------===//

#include "../Utils/Kernels.h"
#include "../Utils/LinearKernel.h"
#include "../Utils/TokenPlaces.h"
#include "Patterns.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

/// Warps of a block, which have a row each: half of them low elements of a
/// head, the others the high ones of the same pairs.
static constexpr int64_t kWarps = 8;
static constexpr int64_t kPairs = kWarps / 2;

/// `values[index]`, chosen without memory.
static Value pick(ImplicitLocOpBuilder &b, ArrayRef<float> values,
                  Value index) {
  if (values.size() == 1)
    return constantFloat(b, b.getF32Type(), values.front());
  size_t half = llvm::PowerOf2Ceil(values.size()) / 2;
  Value isHigh = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, index,
                                       constantIndex(b, int64_t(half)));
  Value low = pick(b, values.take_front(half), index);
  Value high = pick(b, values.drop_front(half),
                    subIndex(b, index, constantIndex(b, int64_t(half))));
  return arith::SelectOp::create(b, isHigh, high, low);
}

/// Element `x` of the pair number `pair` of a token's head, rotated, where
/// `partner` is the other one of the pair.
static Value rotate(ImplicitLocOpBuilder &b, RotaryEmbeddingOp op, Value token,
                    Value pair, Value isHigh, Value x, Value partner) {
  Type f32 = b.getF32Type();
  Value position = arith::UIToFPOp::create(
      b, f32,
      arith::IndexCastOp::create(b, b.getI64Type(),
                                 getPosition(b, op.getPosition(), token)));
  SmallVector<float> frequencies =
      op.getYarn().getFrequencies(op.getInput().getType().getDimSize(2));
  Value angle = arith::MulFOp::create(b, position, pick(b, frequencies, pair));
  Value amplitude = constantFloat(b, f32, op.getYarn().getAmplitude());
  Value cosine =
      arith::MulFOp::create(b, math::CosOp::create(b, angle), amplitude);
  Value sine =
      arith::MulFOp::create(b, math::SinOp::create(b, angle), amplitude);
  Value signedSine =
      arith::SelectOp::create(b, isHigh, sine, arith::NegFOp::create(b, sine));
  return arith::AddFOp::create(b, arith::MulFOp::create(b, x, cosine),
                               arith::MulFOp::create(b, partner, signedSine));
}

void mxfp4::lowerRotaryEmbedding(RotaryEmbeddingOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  ShapedType type = op.getInput().getType();
  int64_t half = type.getDimSize(2) / 2;
  Value sizes[] = {getSize(b, op.getInput(), 0),
                   constantIndex(b, type.getDimSize(1)),
                   constantIndex(b, type.getDimSize(2))};
  emitParallel(b, sizes, [&](ValueRange at) {
    Value isHigh = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, at[2],
                                         constantIndex(b, half));
    Value pair = remIndex(b, at[2], half);
    Value partner =
        arith::SelectOp::create(b, isHigh, pair, addIndex(b, pair, half));
    Value rotated =
        rotate(b, op, at[0], pair, isHigh, loadScalar(b, op.getInput(), at),
               loadScalar(b, op.getInput(), {at[0], at[1], partner}));
    storeScalar(b, rotated, op.getInit(), at);
  });
}

/// True if `op` leaves the memory that `linear` reads as it is.
static bool leavesOperands(Operation *op, LinearOp linear) {
  if (auto kernel = dyn_cast<DestinationStyleOpInterface>(op))
    return llvm::none_of(kernel.getDpsInits(), [&](Value init) {
      return llvm::any_of(linear.getDpsInputs(), [&](Value memref) {
        return getRoot(init) == getRoot(memref);
      });
    });
  return isMemoryEffectFree(op) || isa<memref::AllocOp>(op);
}

LinearOp mxfp4::getRotatedLinear(RotaryEmbeddingOp op) {
  ShapedType type = op.getInput().getType();
  auto reshape = op.getInput().getDefiningOp<memref::ExpandShapeOp>();
  if (!reshape || !reshape->hasOneUse() || type.getDimSize(0) != 1 ||
      !type.getElementType().isF32() ||
      type.getDimSize(2) % (2 * kPairs) != 0 ||
      getBlocks(type.getNumElements(), kWarps) == kAnyBlocks)
    return nullptr;
  auto alloc = reshape.getSrc().getDefiningOp<memref::AllocOp>();
  if (!alloc)
    return nullptr;
  LinearOp linear;
  for (Operation *user : alloc->getUsers()) {
    auto writer = dyn_cast<LinearOp>(user);
    if (writer && !linear && writer.getInit() == alloc)
      linear = writer;
    else if (user != reshape && !isa<memref::DeallocOp>(user))
      return nullptr;
  }
  if (!linear || linear.getResidual() || !hasKernel(linear, Kernels::GPU) ||
      linear->getBlock() != op->getBlock() || !linear->isBeforeInBlock(op))
    return nullptr;
  // The product moves to where it is rotated, and blocks write results while
  // others still read.
  for (Operation *other = linear->getNextNode(); other != op;
       other = other->getNextNode())
    if (!leavesOperands(other, linear))
      return nullptr;
  return leavesOperands(op, linear) ? linear : nullptr;
}

void mxfp4::launchRotatedLinear(LinearOp linear, RotaryEmbeddingOp op,
                                int64_t outputsTogether) {
  ImplicitLocOpBuilder b(linear.getLoc(), op);
  Type f32 = b.getF32Type();
  ShapedType type = op.getInput().getType();
  int64_t headDim = type.getDimSize(2), half = headDim / 2;
  RowWeight weight = {linear.getWeight(), /*scales=*/Value(),
                      linear.getInput().getType().getDimSize(1)};
  RowShape shape =
      getRowShape(std::max(type.getNumElements(), outputsTogether));
  emitLaunch(
      b, "linear", getBlocks(type.getNumElements(), kWarps), kWarps * kWarpSize,
      getSharedType(f32, {kWarps}),
      [&](const KernelThread &thread) {
        Value token = constantIndex(b, 0);
        Value head = divIndex(b, thread.block, half / kPairs);
        Value pair = addIndex(
            b, mulIndex(b, remIndex(b, thread.block, half / kPairs), kPairs),
            remIndex(b, thread.warp, kPairs));
        Value isHigh =
            arith::CmpIOp::create(b, arith::CmpIPredicate::uge, thread.warp,
                                  constantIndex(b, kPairs));
        Value element =
            arith::SelectOp::create(b, isHigh, addIndex(b, pair, half), pair);
        Value row = addIndex(b, mulIndex(b, head, headDim), element);
        Value bias =
            linear.getBias() ? loadScalar(b, linear.getBias(), row) : Value();
        RowGroup group;
        group.weightRows = {{row}};
        group.inputRows = {{token}};
        Value sum = emitRowProducts(b, thread, weight, linear.getInput(), group,
                                    shape.loads)[0][0][0];
        if (bias)
          sum = arith::AddFOp::create(b, sum, bias);
        Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                              thread.lane, constantIndex(b, 0));
        emitIf(b, isFirst, [&] {
          memref::StoreOp::create(b, sum, thread.shared[0], thread.warp);
        });
        gpu::BarrierOp::create(b);
        Value partner = memref::LoadOp::create(
            b, thread.shared[0],
            remIndex(b, addIndex(b, thread.warp, kPairs), kWarps));
        Value rotated = rotate(b, op, token, pair, isHigh, sum, partner);
        emitIf(b, isFirst, [&] {
          storeScalar(b, rotated, op.getInit(), {token, head, element});
        });
      },
      shape.resident);
}
