//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryUse.h"

#include "../Utils/KernelCode.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

using namespace mlir;
using namespace mlir::mxfp4;

bool mxfp4::touchesNoMemory(Operation *op) {
  return isMemoryEffectFree(op) ||
         isa<LLVM::LoadOp, gpu::BarrierOp, gpu::ShuffleOp, NVVM::ReduxOp,
             NVVM::VoteSyncOp, NVVM::CpAsyncWaitGroupOp,
             nvgpu::DeviceAsyncCreateGroupOp>(op);
}

bool mxfp4::isLoad(Operation *op) {
  return isa<memref::LoadOp, vector::LoadOp>(op);
}

void MemoryUse::add(Operation *op) {
  if (isa<ViewLikeOpInterface, memref::DimOp>(op))
    return;
  if (auto copy = dyn_cast<nvgpu::DeviceAsyncCopyOp>(op)) {
    reads.insert(getRoot(copy.getSrc()));
    writes.insert(getRoot(copy.getDst()));
    return;
  }
  bool isStore = isa<memref::StoreOp, vector::StoreOp>(op);
  for (Value operand : op->getOperands()) {
    if (!isa<BaseMemRefType>(operand.getType()))
      continue;
    if (!isStore)
      reads.insert(getRoot(operand));
    if (!isLoad(op))
      writes.insert(getRoot(operand));
  }
}

void MemoryUse::addFromOutside(Region &region) {
  MemoryUse all;
  region.walk([&](Operation *op) { all.add(op); });
  auto copy = [&](const llvm::SmallPtrSet<Value, 8> &from,
                  llvm::SmallPtrSet<Value, 8> &to) {
    for (Value root : from)
      if (!region.isAncestor(root.getParentRegion()))
        to.insert(root);
  };
  copy(all.reads, reads);
  copy(all.writes, writes);
}

bool mxfp4::isShared(Value memref) {
  return gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(
      cast<MemRefType>(memref.getType()));
}

/// True if a kernel gets `memref` as a pointer with the attribute `name`.
static bool hasPointerAttr(Value memref, StringRef name) {
  auto cast = getRoot(memref).getDefiningOp<UnrealizedConversionCastOp>();
  if (!cast || cast.getInputs().size() != 1)
    return false;
  // The pointers of a descriptor are the same.
  Value descriptor = cast.getInputs().front();
  while (auto insert = descriptor.getDefiningOp<LLVM::InsertValueOp>()) {
    auto pointer = dyn_cast<BlockArgument>(insert.getValue());
    auto kernel =
        pointer ? dyn_cast<gpu::GPUFuncOp>(pointer.getOwner()->getParentOp())
                : nullptr;
    if (kernel && pointer.getArgNumber() < kernel.getNumArguments())
      return kernel.getArgAttr(pointer.getArgNumber(), name) != nullptr;
    descriptor = insert.getContainer();
  }
  return false;
}

bool mxfp4::isSettled(Value memref) {
  return getRoot(memref).getDefiningOp<memref::GetGlobalOp>() ||
         hasPointerAttr(memref, kSettledAttrName);
}

bool mxfp4::isEarly(Value memref) {
  return hasPointerAttr(memref, kEarlyAttrName);
}
