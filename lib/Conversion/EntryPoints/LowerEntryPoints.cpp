//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Binds the arguments of entry points to the fields of an MXInvocation, and
// writes down which buffers that needs.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "BufferTable.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mxfp4/ABI/Program.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cstddef>

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_LOWERENTRYPOINTSPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// Reads the fields of an MXInvocation.
class InvocationReader {
public:
  InvocationReader(ImplicitLocOpBuilder &b, Value invocation)
      : b(b), invocation(invocation),
        pointer(LLVM::LLVMPointerType::get(b.getContext())) {}

  Value loadField(size_t offset, Type type) {
    Value address = LLVM::GEPOp::create(
        b, pointer, b.getI8Type(), invocation,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
    return LLVM::LoadOp::create(b, type, address);
  }

  /// The number `name` of the call as an i64, or null if there is none.
  Value loadNumber(StringRef name) {
    if (name == "zero")
      return arith::ConstantIntOp::create(b, b.getI64Type(), 0);
    std::optional<size_t> offset =
        llvm::StringSwitch<std::optional<size_t>>(name)
            .Case("tokens", offsetof(MXInvocation, tokens))
            .Case("position", offsetof(MXInvocation, position))
            .Case("context", offsetof(MXInvocation, context))
            .Case("sequence", offsetof(MXInvocation, sequence))
            .Case("thread", offsetof(MXInvocation, thread))
            .Case("threads", offsetof(MXInvocation, threads))
            .Default(std::nullopt);
    return offset ? loadField(*offset, b.getI64Type()) : Value();
  }

  Value loadBuffer(int64_t index) {
    if (!table)
      table = loadField(offsetof(MXInvocation, buffers), pointer);
    Value address = LLVM::GEPOp::create(
        b, pointer, pointer, table,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
    return LLVM::LoadOp::create(b, pointer, address);
  }

private:
  ImplicitLocOpBuilder &b;
  Value invocation;
  Type pointer;
  Value table;
};

/// Lowers the entry points of one module.
class EntryLowering {
public:
  explicit EntryLowering(ModuleOp module)
      : module(module), users(symbols, module), table(module) {}

  LogicalResult run() {
    for (Operation &op : *module.getBody())
      if (op.hasAttr(kEntryAttrName) && !isa<func::FuncOp>(op))
        return op.emitOpError("cannot be an entry point: expected 'func.func'");
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.getSymName() == kBarrierName) {
        if (failed(defineBarrier(function)))
          return failure();
      } else if (!function->hasAttr(kEntryAttrName)) {
        makeInternal(function);
      } else if (failed(lowerEntry(function))) {
        return failure();
      }
    }
    table.write();
    return success();
  }

private:
  void makeInternal(func::FuncOp function) {
    if (function.isExternal())
      return;
    function->setAttr("llvm.linkage",
                      LLVM::LinkageAttr::get(module.getContext(),
                                             LLVM::linkage::Linkage::Internal));
  }

  /// Calls the function of the runtime that the invocation carries.
  LogicalResult defineBarrier(func::FuncOp function) {
    ImplicitLocOpBuilder b(function.getLoc(), module.getContext());
    Type pointer = LLVM::LLVMPointerType::get(module.getContext());
    if (!function.isExternal() ||
        function.getFunctionType() !=
            b.getFunctionType({pointer, b.getI64Type()}, TypeRange()))
      return function.emitOpError("cannot be defined: expected the declaration "
                                  "that mxfp4-distribute-loops makes");
    b.setInsertionPointToStart(function.addEntryBlock());
    InvocationReader reader(b, function.getArgument(0));
    Value callee = reader.loadField(offsetof(MXInvocation, barrier), pointer);
    Value team = reader.loadField(offsetof(MXInvocation, team), pointer);
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(module.getContext()),
        {pointer, b.getI64Type()});
    LLVM::CallOp::create(b, type,
                         ValueRange{callee, team, function.getArgument(1)});
    func::ReturnOp::create(b);
    makeInternal(function);
    return success();
  }

  LogicalResult lowerEntry(func::FuncOp function) {
    if (failed(verifyNotCalled(function, users)))
      return failure();
    if (function.getNumResults() != 0)
      return function.emitOpError(
          "cannot be an entry point: expected no results "
          "(mxfp4-drop-entry-results)");
    StringRef name =
        function->getAttrOfType<StringAttr>(kEntryAttrName).getValue();
    bool isPrepare = name == kPrepareEntry;
    if (!isPrepare && !names.insert(name).second)
      return function.emitOpError()
             << "cannot be an entry point: there is another '" << name << "'";
    if (isPrepare && failed(verifyPrepare(function)))
      return failure();
    ImplicitLocOpBuilder b(function.getLoc(), module.getContext());
    Block &block = function.getBody().front();
    unsigned count = block.getNumArguments();
    Type pointer = LLVM::LLVMPointerType::get(module.getContext());
    Value invocation = block.addArgument(pointer, function.getLoc());
    b.setInsertionPointToStart(&block);
    InvocationReader reader(b, invocation);
    LLVMTypeConverter converter(module.getContext());
    int64_t nextBuffer = 0;
    SmallVector<int64_t> arguments;
    for (unsigned i = 0; i < count; ++i) {
      BlockArgument argument = block.getArgument(i);
      if (isPrepare && isArena(function, i))
        continue;
      Value bound;
      auto type = dyn_cast<MemRefType>(argument.getType());
      if (type && isPlainBuffer(type)) {
        FailureOr<int64_t> index =
            isPrepare ? nextBuffer++ : table.bind(function, i, type);
        if (failed(index) ||
            failed(verifyOwnBuffer(function, i, *index, arguments)))
          return failure();
        arguments.push_back(*index);
        bound = makeMemRef(b, reader, converter, function, i, type, *index);
      } else if (isNamed(function, i, kValueAttrName, "invocation")) {
        bound = invocation;
      } else if (auto name =
                     function.getArgAttrOfType<StringAttr>(i, kValueAttrName)) {
        if (Value number = reader.loadNumber(name))
          bound = arith::IndexCastOp::create(b, b.getIndexType(), number);
      }
      if (!bound || bound.getType() != argument.getType())
        return function.emitOpError()
               << "cannot be an entry point: expected argument " << i
               << " to be a plain memref of numbers with 'mxfp4.buffer' or an "
                  "index with 'mxfp4.value', but got "
               << argument.getType();
      argument.replaceAllUsesWith(bound);
    }
    BitVector old(count + 1, true);
    old.reset(count);
    block.eraseArguments(old);
    function.setFunctionType(b.getFunctionType(pointer, {}));
    function.removeArgAttrsAttr();
    if (!isPrepare)
      function->setAttr(kArgumentsAttrName, b.getDenseI64ArrayAttr(arguments));
    return success();
  }

  /// A memref of the argument's type over the buffer.
  Value makeMemRef(ImplicitLocOpBuilder &b, InvocationReader &reader,
                   const LLVMTypeConverter &converter, func::FuncOp function,
                   unsigned index, MemRefType type, int64_t buffer) {
    Value address = reader.loadBuffer(buffer);
    Value descriptor;
    if (type.hasStaticShape()) {
      descriptor = MemRefDescriptor::fromStaticShape(b, b.getLoc(), converter,
                                                     type, address);
    } else {
      auto built =
          MemRefDescriptor::poison(b, b.getLoc(), converter.convertType(type));
      built.setAllocatedPtr(b, b.getLoc(), address);
      built.setAlignedPtr(b, b.getLoc(), address);
      built.setConstantOffset(b, b.getLoc(), 0);
      int64_t stride = 1;
      for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
        built.setConstantStride(b, b.getLoc(), dim, stride);
        if (!type.isDynamicDim(dim)) {
          built.setConstantSize(b, b.getLoc(), dim, type.getDimSize(dim));
          stride *= type.getDimSize(dim);
          continue;
        }
        auto counts =
            function.getArgAttrOfType<StringAttr>(index, kDimAttrName);
        if (Value size = counts ? reader.loadNumber(counts) : Value())
          built.setSize(b, b.getLoc(), dim, size);
        else
          built.setConstantSize(b, b.getLoc(), dim, table.getArenaBytes());
      }
      descriptor = built;
    }
    return UnrealizedConversionCastOp::create(b, type, descriptor).getResult(0);
  }

  ModuleOp module;
  SymbolTableCollection symbols;
  SymbolUserMap users;
  /// Of the entry points so far.
  llvm::StringSet<> names;
  BufferTable table;
};

struct LowerEntryPointsPass final
    : mxfp4::impl::LowerEntryPointsPassBase<LowerEntryPointsPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(EntryLowering(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
