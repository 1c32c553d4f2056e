//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Moves the code of launches into kernels. A kernel gets the memrefs and
// numbers that its function has as arguments, and the temporaries; all that is
// computed from them without a look at memory is computed again in the kernel.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/KernelCode.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_OUTLINEKERNELSPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// Outlines the launches of one module.
class KernelOutliner {
public:
  explicit KernelOutliner(ModuleOp module) : module(module) {}

  LogicalResult run() {
    if (module.lookupSymbol(kKernelsName))
      return module.emitOpError() << "cannot be given kernels: expected no '"
                                  << kKernelsName << "' before";
    SmallVector<gpu::LaunchOp> launches;
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](gpu::LaunchOp op) { launches.push_back(op); });
    if (launches.empty())
      return success();
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    kernels = gpu::GPUModuleOp::create(builder, module.getLoc(), kKernelsName);
    module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                    builder.getUnitAttr());
    for (gpu::LaunchOp launch : launches)
      if (failed(outline(launch)))
        return failure();
    return success();
  }

private:
  LogicalResult outline(gpu::LaunchOp launch) {
    Location loc = launch.getLoc();
    OpBuilder builder(launch);
    StringRef hint = launch.getFunction() ? *launch.getFunction() : "kernel";
    std::string name;
    do
      name = (hint + "_" + Twine(numbers[hint]++)).str();
    while (kernels.lookupSymbol(name));

    OpBuilder inModule = OpBuilder::atBlockEnd(kernels.getBody());
    // What is more than a kernel can say it has comes with the launch.
    SmallVector<Type> shared;
    int64_t sharedBytes = 0;
    for (Value attribution : launch.getWorkgroupAttributions()) {
      shared.push_back(attribution.getType());
      sharedBytes += getSharedBytes(cast<MemRefType>(attribution.getType()));
    }
    bool isDynamic = sharedBytes > kMaxStaticBytes;
    if (isDynamic)
      shared.clear();
    auto kernel = gpu::GPUFuncOp::create(
        inModule, loc, name, builder.getFunctionType({}, {}), shared);
    kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                    builder.getUnitAttr());
    // Vectors are loaded from it.
    for (size_t i = 0; i < shared.size(); ++i)
      kernel.setWorkgroupAttributionAttr(int(i),
                                         LLVM::LLVMDialect::getAlignAttrName(),
                                         builder.getI64IntegerAttr(kLoadBytes));
    std::optional<int64_t> threads =
        getConstantIntValue(launch.getBlockSizeX());
    std::optional<int64_t> blocks = getConstantIntValue(launch.getGridSizeX());
    if (!threads || !blocks)
      return launch.emitOpError(
          "cannot become a kernel: expected constant sizes");
    kernel.setKnownBlockSizeAttr(
        builder.getDenseI32ArrayAttr({int32_t(*threads), 1, 1}));

    // Without a number ptxas spills registers so that more blocks fit than
    // there may be.
    StringRef resident = NVVM::NVVMDialect::getMinctasmAttrName();
    Attribute number = launch->getDiscardableAttr(resident);
    kernel->setAttr(resident, number ? number : builder.getI32IntegerAttr(1));
    for (StringRef name : getCopiedAttrs())
      if (Attribute attr = launch->getDiscardableAttr(name))
        kernel->setAttr(name, attr);

    Block &entry = kernel.getBody().front();
    OpBuilder body = OpBuilder::atBlockBegin(&entry);
    IRMapping mapping;
    if (isDynamic)
      addViews(launch, body, mapping);
    else
      for (auto [from, to] : llvm::zip(launch.getWorkgroupAttributions(),
                                       kernel.getWorkgroupAttributions()))
        mapping.map(from, to);
    auto define = [&](gpu::KernelDim3 dims, auto make) {
      mapping.map(dims.x, make(gpu::Dimension::x));
      mapping.map(dims.y, make(gpu::Dimension::y));
      mapping.map(dims.z, make(gpu::Dimension::z));
    };
    define(launch.getBlockIds(), [&](gpu::Dimension dim) {
      return gpu::BlockIdOp::create(body, loc, dim);
    });
    define(launch.getThreadIds(), [&](gpu::Dimension dim) {
      return gpu::ThreadIdOp::create(body, loc, dim);
    });
    define(launch.getGridSize(), [&](gpu::Dimension dim) {
      return gpu::GridDimOp::create(body, loc, dim);
    });
    define(launch.getBlockSize(), [&](gpu::Dimension dim) {
      return gpu::BlockDimOp::create(body, loc, dim);
    });

    SmallVector<Value> operands;
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(launch.getBody(), captured);
    for (Value value : captured)
      if (failed(materialize(value, kernel, body, mapping, operands, launch)))
        return failure();
    for (Operation &op : launch.getBody().front().without_terminator())
      body.clone(op, mapping);
    gpu::ReturnOp::create(body, loc);

    gpu::GPUFuncOp same = findSame(kernel);
    if (same != kernel) {
      kernel.erase();
      --numbers[hint];
    }
    Value one = launch.getGridSizeY(), dynamicBytes;
    if (isDynamic)
      dynamicBytes = arith::ConstantIntOp::create(
          builder, loc, builder.getI32Type(), sharedBytes);
    gpu::LaunchFuncOp::create(builder, loc, same,
                              gpu::KernelDim3{launch.getGridSizeX(), one, one},
                              gpu::KernelDim3{launch.getBlockSizeX(), one, one},
                              dynamicBytes, operands);
    launch.erase();
    return success();
  }

  /// Gives the memory of blocks of `launch` its places in what the launch gives
  /// them.
  static void addViews(gpu::LaunchOp launch, OpBuilder &body,
                       IRMapping &mapping) {
    Location loc = launch.getLoc();
    MLIRContext *context = launch.getContext();
    Value memory = gpu::DynamicSharedMemoryOp::create(
        body, loc,
        MemRefType::get(
            {ShapedType::kDynamic}, body.getI8Type(),
            MemRefLayoutAttrInterface(),
            gpu::AddressSpaceAttr::get(context, gpu::AddressSpace::Workgroup)));
    int64_t offset = 0;
    for (Value attribution : launch.getWorkgroupAttributions()) {
      auto type = cast<MemRefType>(attribution.getType());
      mapping.map(attribution,
                  memref::ViewOp::create(
                      body, loc, type, memory,
                      arith::ConstantIndexOp::create(body, loc, offset),
                      /*sizes=*/ValueRange())
                      .getResult());
      offset += getSharedBytes(type);
    }
  }

  /// Makes `value` known in `kernel`: as an argument, or computed there.
  LogicalResult materialize(Value value, gpu::GPUFuncOp kernel, OpBuilder &body,
                            IRMapping &mapping,
                            SmallVectorImpl<Value> &operands,
                            gpu::LaunchOp launch) {
    if (mapping.contains(value))
      return success();
    Operation *op = value.getDefiningOp();
    // Where a temporary is, is known before anything runs.
    if (!op || isa<memref::ViewOp>(op)) {
      unsigned index = operands.size();
      if (failed(kernel.insertArgument(index, value.getType(), {},
                                       value.getLoc())))
        return failure();
      mapping.map(value, kernel.getArgument(index));
      operands.push_back(value);
      return success();
    }
    bool isGlobal = isa<memref::GetGlobalOp>(op);
    if (!isGlobal && (!isMemoryEffectFree(op) || op->getNumRegions() != 0))
      return launch.emitOpError("cannot become a kernel: expected it to use "
                                "arguments and what is computed from them, but "
                                "it uses a result of '")
             << op->getName() << "'";
    for (Value operand : op->getOperands())
      if (failed(materialize(operand, kernel, body, mapping, operands, launch)))
        return failure();
    if (isGlobal)
      copyGlobal(cast<memref::GetGlobalOp>(op));
    body.clone(*op, mapping);
    return success();
  }

  /// A constant of the module has to be in that of the kernels, too.
  void copyGlobal(memref::GetGlobalOp op) {
    if (kernels.lookupSymbol(op.getName()))
      return;
    auto global = module.lookupSymbol<memref::GlobalOp>(op.getName());
    OpBuilder::atBlockBegin(kernels.getBody()).clone(*global);
  }

  /// Attributes of a launch that its kernel gets.
  static std::array<StringRef, 2> getCopiedAttrs() {
    return {NVVM::NVVMDialect::getClusterDimAttrName(), kStartsNextAttrName};
  }

  /// The first kernel that does the same as `kernel`, perhaps itself.
  gpu::GPUFuncOp findSame(gpu::GPUFuncOp kernel) {
    StringRef resident = NVVM::NVVMDialect::getMinctasmAttrName();
    for (auto other : kernels.getOps<gpu::GPUFuncOp>())
      if (other == kernel ||
          (other.getFunctionType() == kernel.getFunctionType() &&
           other.getKnownBlockSizeAttr() == kernel.getKnownBlockSizeAttr() &&
           other->getAttr(resident) == kernel->getAttr(resident) &&
           llvm::all_of(getCopiedAttrs(),
                        [&](StringRef name) {
                          return other->getAttr(name) == kernel->getAttr(name);
                        }) &&
           OperationEquivalence::isRegionEquivalentTo(
               &other.getBody(), &kernel.getBody(),
               OperationEquivalence::IgnoreLocations)))
        return other;
    return kernel;
  }

  ModuleOp module;
  gpu::GPUModuleOp kernels;
  llvm::StringMap<int64_t> numbers;
};

struct OutlineKernelsPass final
    : mxfp4::impl::OutlineKernelsPassBase<OutlineKernelsPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(KernelOutliner(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
