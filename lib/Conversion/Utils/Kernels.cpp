//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the emitters of kernels ask of an op.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "KernelCode.h"
#include "mlir/IR/TypeUtilities.h"
#include "mxfp4/Dialect/MXFP4/Transforms/Passes.h"
#include "mxfp4/Dialect/NN/IR/NN.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Weights are arranged for the lanes of a vector, not for tiles.
static bool hasVectorKernel(Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case<MatmulOp, MatmulByExpertOp, nn::LinearOp>([](auto matmul) {
        return matmul.getLayout() && !matmul.getLayout()->getTiled();
      })
      .Case([](PackOp pack) {
        return !pack.getLayout() || !pack.getLayout()->getTiled();
      })
      .Case([](nn::SampleOp) { return false; })
      .Default([](Operation *) { return true; });
}

/// Slots of a token whose sums a warp can keep, and columns of a tile.
static constexpr int64_t kMaxSlots = 8;

/// True if rows of `type` are whole loads of a thread.
static bool hasWholeLoads(ShapedType type) {
  int64_t bits = type.getShape().back() * type.getElementTypeBitWidth();
  return bits > 0 && bits % (8 * kLoadBytes) == 0;
}

/// True for the layout that mxfp4-assign-layouts gives weights of tiles.
static bool isForTiles(LayoutAttr layout) {
  return layout.getTiled() && layout.getLanes() == kTileRows &&
         layout.getDepth() == kTileDepth;
}

/// Weights in row-major order, as they are in the checkpoint, or arranged for
/// tiles.
template <typename OpTy> static bool takesMXFP4(OpTy op) {
  const mx::BlockFormat *format =
      getBlockFormat(op.getValues().getType(), op.getScales().getType());
  return format && StringRef(format->name) == mx::kMXFP4.name &&
         !op.getInputFormat() && !op.getTensorScale() &&
         (!op.getLayout() || (isForTiles(*op.getLayout()) &&
                              getElementTypeOrSelf(op.getInput()).isBF16())) &&
         hasWholeLoads(op.getInput().getType());
}

static bool hasGPUKernel(Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case([](nn::LinearOp linear) {
        return !linear.getLayout() &&
               hasWholeLoads(linear.getInput().getType()) &&
               hasWholeLoads(linear.getWeight().getType()) &&
               linear.getInput().getType().getShape().back() % 8 == 0;
      })
      .Case([](MatmulOp matmul) { return takesMXFP4(matmul); })
      .Case([](MatmulByExpertOp matmul) {
        // The slots of a token are multiplied together where they are added up.
        return takesMXFP4(matmul) &&
               (!matmul.getWeights() ||
                matmul.getWeights().getType().getDimSize(1) <= kMaxSlots) &&
               !(matmul.getLayout() && matmul.getWeights() &&
                 matmul.getActivation());
      })
      .Case([](nn::AttentionOp attention) {
        // A lane has two elements of a head.
        return attention.getQuery().getType().getDimSize(2) % 8 == 0;
      })
      .Case([](nn::RotaryEmbeddingOp rotary) {
        return rotary.getInput().getType().getDimSize(2) > 0;
      })
      .Case<nn::RMSNormOp, nn::CacheUpdateOp, nn::RouteTopKOp, nn::SampleOp>(
          [](auto) { return true; })
      .Default([](Operation *) { return false; });
}

bool mxfp4::hasKernel(Operation *op, Kernels kernels) {
  switch (kernels) {
  case Kernels::None:
    return false;
  case Kernels::Vector:
    return hasVectorKernel(op);
  case Kernels::GPU:
    return hasGPUKernel(op);
  }
  llvm_unreachable("unknown kernels");
}
