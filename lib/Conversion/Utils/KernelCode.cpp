//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Launches and the loops in them.
//
//===----------------------------------------------------------------------===//

#include "KernelCode.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Blocks of a grid at most.
static constexpr int64_t kMaxBlocks = (int64_t(1) << 31) - 1;

void mxfp4::emitLaunch(ImplicitLocOpBuilder &b, StringRef name, int64_t blocks,
                       int64_t threads, ArrayRef<MemRefType> shared,
                       function_ref<void(const KernelThread &)> body,
                       int64_t residentBlocks) {
  Value one = constantIndex(b, 1);
  SmallVector<Type> sharedTypes(shared.begin(), shared.end());
  auto launch = gpu::LaunchOp::create(
      b, constantIndex(b, std::clamp<int64_t>(blocks, 1, kMaxBlocks)), one, one,
      constantIndex(b, threads), one, one,
      /*dynamicSharedMemorySize=*/Value(), /*asyncTokenType=*/Type(),
      /*asyncDependencies=*/ValueRange(), sharedTypes,
      /*privateAttributions=*/TypeRange(), /*clusterSizeX=*/Value(),
      /*clusterSizeY=*/Value(), /*clusterSizeZ=*/Value(),
      /*module=*/FlatSymbolRefAttr(),
      FlatSymbolRefAttr::get(b.getContext(), name));
  // mxfp4-outline-kernels gives it to the kernel.
  launch->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                  b.getI32IntegerAttr(int32_t(residentBlocks)));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&launch.getBody().front());
  KernelThread thread;
  thread.block = launch.getBlockIds().x;
  thread.blocks = launch.getGridSize().x;
  thread.thread = launch.getThreadIds().x;
  thread.warp = divIndex(b, thread.thread, kWarpSize);
  thread.lane = remIndex(b, thread.thread, kWarpSize);
  thread.threads = threads;
  llvm::append_range(thread.shared, launch.getWorkgroupAttributions());
  body(thread);
  gpu::TerminatorOp::create(b);
}

MemRefType mxfp4::getSharedType(Type type, ArrayRef<int64_t> shape) {
  return MemRefType::get(shape, type, MemRefLayoutAttrInterface(),
                         gpu::AddressSpaceAttr::get(
                             type.getContext(), gpu::AddressSpace::Workgroup));
}

void mxfp4::emitForEachItem(ImplicitLocOpBuilder &b, Value first, Value step,
                            Value items, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, first, items, step);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void mxfp4::emitForEachItemOfBlock(ImplicitLocOpBuilder &b,
                                   const KernelThread &thread, Value items,
                                   function_ref<void(Value)> body) {
  emitForEachItem(b, thread.block, thread.blocks, items, body);
}

void mxfp4::emitForEachItemOfWarp(ImplicitLocOpBuilder &b,
                                  const KernelThread &thread, Value items,
                                  function_ref<void(Value)> body) {
  Value first =
      addIndex(b, mulIndex(b, thread.block, thread.warps()), thread.warp);
  emitForEachItem(b, first, mulIndex(b, thread.blocks, thread.warps()), items,
                  body);
}

/// The value of an index that is computed from constants, if it is.
static std::optional<int64_t> evaluate(Value value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return constant;
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumOperands() != 2)
    return std::nullopt;
  std::optional<int64_t> x = evaluate(op->getOperand(0)),
                         y = evaluate(op->getOperand(1));
  if (!x || !y)
    return std::nullopt;
  // Sizes are far from the largest integer.
  if (isa<arith::AddIOp>(op))
    return *x + *y;
  if (isa<arith::SubIOp>(op))
    return *x - *y;
  if (isa<arith::MulIOp>(op))
    return *x * *y;
  if (isa<arith::MaxSIOp>(op))
    return std::max(*x, *y);
  if (*y > 0 && isa<arith::DivUIOp>(op))
    return *x / *y;
  if (*y > 0 && isa<arith::CeilDivUIOp>(op))
    return llvm::divideCeil(*x, *y);
  return std::nullopt;
}

int64_t mxfp4::getBlocks(Value items, int64_t perBlock) {
  std::optional<int64_t> count = evaluate(items);
  return count ? llvm::divideCeil(*count, perBlock) : kMaxBlocks;
}

Value mxfp4::loadVector(ImplicitLocOpBuilder &b, Value memref,
                        ValueRange indices, int64_t count) {
  auto type = cast<MemRefType>(memref.getType());
  VectorType vectorType = VectorType::get({count}, type.getElementType());
  int64_t bytes = count * type.getElementTypeBitWidth() / 8;
  return vector::LoadOp::create(
      b, vectorType, memref, indices, /*nontemporal=*/false,
      llvm::MaybeAlign(std::min<int64_t>(bytes & -bytes, kLoadBytes)));
}

Value mxfp4::reduceWarp(ImplicitLocOpBuilder &b, Value value,
                        function_ref<Value(Value, Value)> combine,
                        int64_t lanes) {
  for (int64_t distance = lanes / 2; distance > 0; distance /= 2) {
    auto other = gpu::ShuffleOp::create(b, value, distance, kWarpSize,
                                        gpu::ShuffleMode::XOR);
    value = combine(value, other.getShuffleResult());
  }
  return value;
}

void mxfp4::emitIf(ImplicitLocOpBuilder &b, Value condition,
                   function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, condition);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  body();
}

LogicalResult mxfp4::lowerOpsToLaunches(func::FuncOp function, TypeID dialect,
                                        function_ref<bool(Operation *)> lower) {
  WalkResult result = function.walk([&](Operation *op) {
    if (!op->getDialect() || op->getDialect()->getTypeID() != dialect ||
        op->getNumResults() != 0)
      return WalkResult::advance();
    if (failed(checkContiguous(op)))
      return WalkResult::interrupt();
    if (!lower(op))
      return WalkResult::advance();
    op->erase();
    return WalkResult::skip();
  });
  return failure(result.wasInterrupted());
}
