//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AsyncCopy.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;
using namespace mlir::mxfp4;

static Type getTokenType(ImplicitLocOpBuilder &b) {
  return nvgpu::DeviceAsyncTokenType::get(b.getContext());
}

void mxfp4::copyAsync(ImplicitLocOpBuilder &b, Value to, ValueRange toPlace,
                      Value from, ValueRange fromPlace, int64_t count,
                      Value known) {
  auto type = cast<MemRefType>(from.getType());
  bool isWhole = count * type.getElementTypeBitWidth() == 8 * kLoadBytes;
  // Whole loads need not stay in the cache of a multiprocessor.
  nvgpu::DeviceAsyncCopyOp::create(b, getTokenType(b), to, toPlace, from,
                                   fromPlace, b.getIndexAttr(count), known,
                                   isWhole ? b.getUnitAttr() : UnitAttr());
}

void mxfp4::closeAsyncGroup(ImplicitLocOpBuilder &b) {
  nvgpu::DeviceAsyncCreateGroupOp::create(b, getTokenType(b), ValueRange());
}

void mxfp4::waitForAsyncGroups(ImplicitLocOpBuilder &b, int64_t count) {
  NVVM::CpAsyncWaitGroupOp::create(b, b.getI32IntegerAttr(int32_t(count)));
}
