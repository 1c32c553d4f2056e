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

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Interfaces/InferIntRangeInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;

/// Blocks that are started at once rather than as many as fit, with a loop in
/// each: a few times what a large GPU runs.
static constexpr int64_t kManyBlocks = 1024;

gpu::LaunchOp mxfp4::emitLaunch(ImplicitLocOpBuilder &b, StringRef name,
                                int64_t blocks, int64_t threads,
                                ArrayRef<MemRefType> shared,
                                function_ref<void(const KernelThread &)> body,
                                int64_t residentBlocks, int64_t clusterBlocks) {
  Value one = constantIndex(b, 1);
  SmallVector<Type> sharedTypes(shared.begin(), shared.end());
  auto launch = gpu::LaunchOp::create(
      b, constantIndex(b, blocks), one, one, constantIndex(b, threads), one,
      one,
      /*dynamicSharedMemorySize=*/Value(), /*asyncTokenType=*/Type(),
      /*asyncDependencies=*/ValueRange(), sharedTypes,
      /*privateAttributions=*/TypeRange(), /*clusterSizeX=*/Value(),
      /*clusterSizeY=*/Value(), /*clusterSizeZ=*/Value(),
      /*module=*/FlatSymbolRefAttr(),
      FlatSymbolRefAttr::get(b.getContext(), name));
  // mxfp4-outline-kernels gives it to the kernel.
  launch->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                  b.getI32IntegerAttr(int32_t(residentBlocks)));
  assert((clusterBlocks == 1 ||
          (blocks != kAnyBlocks && blocks % clusterBlocks == 0)) &&
         "expected whole clusters");
  if (clusterBlocks > 1)
    launch->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(),
                    b.getDenseI32ArrayAttr({int32_t(clusterBlocks), 1, 1}));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&launch.getBody().front());
  KernelThread thread;
  thread.block = launch.getBlockIds().x;
  thread.blocks = launch.getGridSize().x;
  thread.blockCount = blocks;
  thread.thread = launch.getThreadIds().x;
  thread.warp = divIndex(b, thread.thread, kWarpSize);
  thread.lane = remIndex(b, thread.thread, kWarpSize);
  thread.threads = threads;
  llvm::append_range(thread.shared, launch.getWorkgroupAttributions());
  body(thread);
  gpu::TerminatorOp::create(b);
  return launch;
}

Value mxfp4::forget(ImplicitLocOpBuilder &b, Value number) {
  Type i32 = b.getI32Type();
  auto copy = LLVM::InlineAsmOp::create(
      b, i32, arith::IndexCastUIOp::create(b, i32, number).getResult(),
      "mov.b32 $0, $1;", "=r,r", /*has_side_effects=*/true,
      /*is_align_stack=*/false, LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr(), ArrayAttr());
  return arith::IndexCastUIOp::create(b, b.getIndexType(), copy.getResult(0));
}

KernelThread mxfp4::forget(ImplicitLocOpBuilder &b,
                           const KernelThread &thread) {
  KernelThread same = thread;
  same.thread = forget(b, thread.thread);
  same.warp = divIndex(b, same.thread, kWarpSize);
  same.lane = remIndex(b, same.thread, kWarpSize);
  return same;
}

int64_t mxfp4::getMaxTokens(Operation *op, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(0))
    return type.getDimSize(0);
  auto function = dyn_cast<func::FuncOp>(op);
  if (!function)
    function = op->getParentOfType<func::FuncOp>();
  auto tokens = function
                    ? function->getAttrOfType<IntegerAttr>(kMaxTokensAttrName)
                    : IntegerAttr();
  return tokens ? tokens.getInt() : std::numeric_limits<int64_t>::max();
}

MemRefType mxfp4::getSharedType(Type type, ArrayRef<int64_t> shape) {
  return MemRefType::get(shape, type, MemRefLayoutAttrInterface(),
                         gpu::AddressSpaceAttr::get(
                             type.getContext(), gpu::AddressSpace::Workgroup));
}

/// What an integer can be, from what it is computed of.
static ConstantIntRanges getRange(Value value) {
  std::optional<ConstantIntRanges> range;
  if (auto op = value.getDefiningOp<InferIntRangeInterface>()) {
    SmallVector<ConstantIntRanges> operands;
    for (Value operand : op->getOperands())
      operands.push_back(getRange(operand));
    op.inferResultRanges(operands,
                         [&](Value result, const ConstantIntRanges &known) {
                           if (result == value)
                             range = known;
                         });
  }
  return range ? *range
               : ConstantIntRanges::maxRange(
                     ConstantIntRanges::getStorageBitwidth(value.getType()));
}

void mxfp4::emitForEachItem(ImplicitLocOpBuilder &b, const KernelThread &thread,
                            int64_t perBlock, Value place, Value items,
                            function_ref<void(Value)> body) {
  Value first = addIndex(b, mulIndex(b, thread.block, perBlock), place);
  if (thread.blockCount != kAnyBlocks) {
    std::optional<APInt> count = getRange(items).getConstantValue();
    if (count && *count == uint64_t(thread.blockCount * perBlock))
      return body(first);
    Value isItem =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, first, items);
    emitIf(b, isItem, [&] { body(first); });
    return;
  }
  auto loop =
      scf::ForOp::create(b, first, items, mulIndex(b, thread.blocks, perBlock));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void mxfp4::emitForEachItemOfBlock(ImplicitLocOpBuilder &b,
                                   const KernelThread &thread, Value items,
                                   function_ref<void(Value)> body) {
  emitForEachItem(b, thread, 1, constantIndex(b, 0), items, body);
}

void mxfp4::emitForEachItemOfWarp(ImplicitLocOpBuilder &b,
                                  const KernelThread &thread, Value items,
                                  function_ref<void(Value)> body) {
  emitForEachItem(b, thread, thread.warps(), thread.warp, items, body);
}

int64_t mxfp4::getBlocks(int64_t items, int64_t perBlock) {
  if (items > kManyBlocks * perBlock)
    return kAnyBlocks;
  return std::max<int64_t>(llvm::divideCeil(items, perBlock), 1);
}

int64_t mxfp4::getBlocks(Value items, int64_t perBlock) {
  ConstantIntRanges range = getRange(items);
  if (range.smin().isNegative())
    return kAnyBlocks;
  return getBlocks(range.smax().getSExtValue(), perBlock);
}

Value mxfp4::getRoot(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>()) {
    // Parts of what a launch gives a block are memory of their own.
    Value source = view.getViewSource();
    if (source.getDefiningOp<gpu::DynamicSharedMemoryOp>())
      break;
    value = source;
  }
  return value;
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

int64_t mxfp4::getSharedBytes(MemRefType type) {
  int64_t elements = 1;
  Type element = type.getElementType();
  if (auto vector = dyn_cast<VectorType>(element)) {
    elements = vector.getNumElements();
    element = vector.getElementType();
  }
  if (!type.hasStaticShape() || !element.isIntOrFloat())
    return kMaxSharedBytes + 1;
  int64_t bytes = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  return llvm::alignTo(type.getNumElements() * elements * bytes, kLoadBytes);
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

Value mxfp4::getAddressInCluster(ImplicitLocOpBuilder &b, Value block,
                                 Value memref, ValueRange place) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t elements = 1;
  if (auto vector = dyn_cast<VectorType>(type.getElementType()))
    elements = vector.getNumElements();
  int64_t bytes =
      elements *
      getElementTypeOrSelf(type.getElementType()).getIntOrFloatBitWidth() / 8;
  Value offset = constantIndex(b, 0);
  for (auto [index, size] : llvm::zip(place, type.getShape()))
    offset = addIndex(b, mulIndex(b, offset, size), index);
  Value address =
      addIndex(b, memref::ExtractAlignedPointerAsIndexOp::create(b, memref),
               mulIndex(b, offset, bytes));
  Type i32 = b.getI32Type();
  Value operands[] = {arith::IndexCastUIOp::create(b, i32, address),
                      arith::IndexCastUIOp::create(b, i32, block)};
  return LLVM::InlineAsmOp::create(
             b, i32, operands, "mapa.shared::cluster.u32 $0, $1, $2;", "=r,r,r",
             /*has_side_effects=*/false, /*is_align_stack=*/false,
             LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr())
      .getResult(0);
}

void mxfp4::emitClusterBarrier(ImplicitLocOpBuilder &b) {
  NVVM::ClusterArriveOp::create(b, UnitAttr());
  NVVM::ClusterWaitOp::create(b, UnitAttr());
}

Value mxfp4::anyOfBlock(ImplicitLocOpBuilder &b, Value condition) {
  Type i32 = b.getI32Type();
  return NVVM::BarrierOp::create(
             b, i32, /*barrierId=*/Value(), /*numberOfThreads=*/Value(),
             NVVM::BarrierReductionAttr::get(b.getContext(),
                                             NVVM::BarrierReduction::OR),
             arith::ExtUIOp::create(b, i32, condition))
      .getRes();
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
