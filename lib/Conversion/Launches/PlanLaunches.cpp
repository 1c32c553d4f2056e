//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Follows every entry point through the functions that it calls and writes down
// which kernels it launches, with addresses in buffers as arguments: no code
// runs on the host.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../EntryPoints/BufferTable.h"
#include "MemoryUse.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

#include <limits>

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_PLANLAUNCHESPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// A number that functions pass on: one that is known now, or one of a call, in
/// the order of CallNumbers.
struct Number {
  enum Kind : int64_t {
    Tokens,
    Position,
    Context,
    Sequence,
    Constant
  } kind = Constant;
  int64_t value = 0;
};

/// Where a memref is in memory, and its leading dimension if that is dynamic.
struct Place {
  int64_t buffer = 0;
  int64_t offset = 0;
  std::optional<Number> rows;
};

/// Bytes of a buffer.
struct Span {
  int64_t buffer, begin, end;

  bool overlaps(const Span &other) const {
    return buffer == other.buffer && begin < other.end && other.begin < end;
  }
  bool overlapsAny(ArrayRef<Span> others) const {
    return llvm::any_of(others,
                        [&](const Span &other) { return overlaps(other); });
  }
};

/// What the values of a function are in one call of it.
struct Frame {
  DenseMap<Value, Number> numbers;
  DenseMap<Value, Place> places;
};

/// Plans the launches of one module.
class LaunchPlanner {
public:
  explicit LaunchPlanner(ModuleOp module)
      : module(module), users(symbols, module), table(module) {}

  LogicalResult run() {
    SmallVector<func::FuncOp> entries, others;
    for (auto function : module.getOps<func::FuncOp>())
      (function->hasAttr(kEntryAttrName) ? entries : others)
          .push_back(function);
    for (func::FuncOp entry : entries)
      if (failed(planEntry(entry)))
        return failure();
    table.write();
    for (func::FuncOp function : others)
      function.erase();
    for (func::FuncOp entry : entries)
      clear(entry);
    for (auto kernels : module.getOps<gpu::GPUModuleOp>())
      for (auto kernel :
           llvm::make_early_inc_range(kernels.getOps<gpu::GPUFuncOp>()))
        lowerArguments(kernel);
    return success();
  }

private:
  LogicalResult planEntry(func::FuncOp entry) {
    if (failed(verifyNotCalled(entry, users)))
      return failure();
    if (entry.getNumResults() != 0)
      return entry.emitOpError("cannot be an entry point: expected no results "
                               "(mxfp4-drop-entry-results)");
    StringRef name =
        entry->getAttrOfType<StringAttr>(kEntryAttrName).getValue();
    isPrepare = name == kPrepareEntry;
    if (!isPrepare && !names.insert(name).second)
      return entry.emitOpError()
             << "cannot be an entry point: there is another '" << name << "'";
    if (isPrepare && failed(verifyPrepare(entry)))
      return failure();
    Frame frame;
    SmallVector<int64_t> arguments;
    int64_t nextBuffer = 0;
    for (BlockArgument argument : entry.getArguments()) {
      unsigned i = argument.getArgNumber();
      if (auto type = dyn_cast<MemRefType>(argument.getType());
          type && isPlainBuffer(type)) {
        if (isPrepare && isArena(entry, i))
          continue;
        FailureOr<int64_t> buffer =
            isPrepare ? nextBuffer++ : table.bind(entry, i, type);
        if (failed(buffer) ||
            failed(verifyOwnBuffer(entry, i, *buffer, arguments)))
          return failure();
        if (!isPrepare && isNamed(entry, i, kKindAttrName, "weight"))
          weights.insert(*buffer);
        Place place = {*buffer, 0, {}};
        if (isNamed(entry, i, kDimAttrName, "tokens"))
          place.rows = Number{Number::Tokens};
        else if (isNamed(entry, i, kDimAttrName, "context"))
          place.rows = Number{Number::Context};
        frame.places[argument] = place;
        arguments.push_back(*buffer);
        continue;
      }
      auto meaning = entry.getArgAttrOfType<StringAttr>(i, kValueAttrName);
      std::optional<Number> number =
          llvm::StringSwitch<std::optional<Number>>(meaning ? meaning.getValue()
                                                            : "")
              .Case("tokens", Number{Number::Tokens})
              .Case("position", Number{Number::Position})
              .Case("context", Number{Number::Context})
              .Case("sequence", Number{Number::Sequence})
              .Case("zero", Number{Number::Constant, 0})
              .Default(std::nullopt);
      if (!number)
        return entry.emitOpError()
               << "cannot be an entry point: expected argument " << i
               << " to be a plain memref of numbers with 'mxfp4.buffer' or an "
                  "index with 'mxfp4.value', but got "
               << argument.getType();
      frame.numbers[argument] = *number;
    }
    launches.clear();
    before.clear();
    last.clear();
    if (failed(follow(entry, frame)))
      return failure();
    Builder builder(module.getContext());
    entry->setAttr(kLaunchesAttrName, builder.getArrayAttr(launches));
    if (!isPrepare)
      entry->setAttr(kArgumentsAttrName,
                     builder.getDenseI64ArrayAttr(arguments));
    return success();
  }

  /// Carries out what `function` does before anything runs.
  LogicalResult follow(func::FuncOp function, Frame &frame) {
    for (Operation &op : function.getBody().front()) {
      LogicalResult result = success();
      if (auto call = dyn_cast<func::CallOp>(op))
        result = followCall(call, frame);
      else if (auto launch = dyn_cast<gpu::LaunchFuncOp>(op))
        result = planLaunch(launch, frame);
      else
        evaluate(&op, frame);
      if (failed(result))
        return failure();
    }
    return success();
  }

  LogicalResult followCall(func::CallOp call, Frame &frame) {
    auto callee = symbols.lookupNearestSymbolFrom<func::FuncOp>(
        module, call.getCalleeAttr());
    if (!callee || callee.isExternal())
      return call.emitOpError("cannot be planned: expected a callee with a "
                              "body");
    Frame inner;
    for (auto [argument, operand] :
         llvm::zip(callee.getArguments(), call.getOperands())) {
      if (auto place = frame.places.find(operand); place != frame.places.end())
        inner.places[argument] = place->second;
      else if (auto number = frame.numbers.find(operand);
               number != frame.numbers.end())
        inner.numbers[argument] = number->second;
      else if (!argument.use_empty())
        return failOnUnknown(call, operand);
    }
    return follow(callee, inner);
  }

  LogicalResult planLaunch(gpu::LaunchFuncOp launch, Frame &frame) {
    // As lowerArguments takes them.
    SmallVector<int64_t> arguments;
    auto kernel = cast<gpu::GPUFuncOp>(
        symbols.lookupNearestSymbolFrom(module, launch.getKernelAttr()));
    auto [known, isNew] = uses.try_emplace(kernel);
    MemoryUse &use = known->second;
    if (isNew)
      kernel.walk([&](Operation *op) { use.add(op); });
    SmallVector<std::pair<Value, Span>> spans;
    auto addNumber = [&](const Number &number) -> LogicalResult {
      if (number.kind == Number::Constant)
        return launch.emitOpError("cannot be planned: expected a number of "
                                  "tokens or positions, but got ")
               << number.value;
      arguments.append({getNumbersBuffer(),
                        int64_t(number.kind) * int64_t(sizeof(int64_t))});
      return success();
    };
    for (auto [argument, operand] :
         llvm::zip(kernel.getArguments(), launch.getKernelOperands())) {
      if (auto number = frame.numbers.find(operand);
          number != frame.numbers.end()) {
        if (failed(addNumber(number->second)))
          return failure();
        continue;
      }
      auto place = frame.places.find(operand);
      if (place == frame.places.end())
        return failOnUnknown(launch, operand);
      arguments.append({place->second.buffer, place->second.offset});
      auto type = cast<MemRefType>(operand.getType());
      spans.emplace_back(argument, getSpan(place->second, type));
      if (!hasRows(type))
        continue;
      if (!place->second.rows)
        return failOnUnknown(launch, operand);
      if (failed(addNumber(*place->second.rows)))
        return failure();
    }
    // What is written in a way that is not followed may be anything.
    bool isAnyWritten = llvm::any_of(use.writes, [&](Value memref) {
      return !isa<BlockArgument>(memref) && !isShared(memref);
    });
    SmallVector<Span> writes;
    for (auto [argument, span] : spans)
      if (isAnyWritten || use.writes.contains(argument))
        writes.push_back(span);
    last.append(writes);
    before.append(writes);
    for (auto [argument, span] : spans) {
      // A call before may have written what is no weight.
      if (!weights.contains(span.buffer) || span.overlapsAny(before))
        unsettled.insert(argument);
      if (span.overlapsAny(last))
        late.insert(argument);
    }
    // The next kernel may start when this one does, and so before the last one
    // is done.
    if (!kernel->hasAttr(kStartsNextAttrName))
      last = writes;
    auto numbered =
        launch.getLoc()->findInstanceOf<FusedLocWith<OpNumberAttr>>();
    Builder builder(module.getContext());
    auto integer = [&](StringRef name, int64_t value) {
      return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
    };
    launches.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("kernel", launch.getKernelName()),
         integer("blocks", *getConstantIntValue(launch.getGridSizeX())),
         integer("threads", *getConstantIntValue(launch.getBlockSizeX())),
         integer("shared", getDynamicSharedBytes(launch)),
         integer("op", numbered ? numbered.getMetadata().getNumber() : -1),
         builder.getNamedAttr("arguments",
                              builder.getDenseI64ArrayAttr(arguments))}));
    return success();
  }

  /// Bytes of memory of a block that a launch gives it.
  static int64_t getDynamicSharedBytes(gpu::LaunchFuncOp launch) {
    Value bytes = launch.getDynamicSharedMemorySize();
    return bytes ? *getConstantIntValue(bytes) : 0;
  }

  /// What a memref of `type` at `place` has of its buffer.
  static Span getSpan(const Place &place, MemRefType type) {
    if (!type.hasStaticShape() || !type.getElementType().isIntOrIndexOrFloat())
      return {place.buffer, 0, std::numeric_limits<int64_t>::max()};
    int64_t bits = type.getElementType().isIndex()
                       ? IndexType::kInternalStorageBitWidth
                       : type.getElementTypeBitWidth();
    int64_t bytes = llvm::divideCeil(type.getNumElements() * bits, 8);
    return {place.buffer, place.offset, place.offset + bytes};
  }

  /// Adds the results of `op` to the frame as far as they are known now.
  void evaluate(Operation *op, Frame &frame) {
    auto getNumber = [&](Value value) -> std::optional<Number> {
      if (std::optional<int64_t> constant = getConstantIntValue(value))
        return Number{Number::Constant, *constant};
      auto known = frame.numbers.find(value);
      return known == frame.numbers.end() ? std::nullopt
                                          : std::optional(known->second);
    };
    auto getPlace = [&](Value value) -> std::optional<Place> {
      auto known = frame.places.find(value);
      return known == frame.places.end() ? std::nullopt
                                         : std::optional(known->second);
    };
    if (auto add = dyn_cast<arith::AddIOp>(op)) {
      std::optional<Number> x = getNumber(add.getLhs()),
                            y = getNumber(add.getRhs());
      if (x && y && x->kind == Number::Constant && y->kind == Number::Constant)
        frame.numbers[add] = {Number::Constant, x->value + y->value};
    } else if (auto dim = dyn_cast<memref::DimOp>(op)) {
      std::optional<Place> place = getPlace(dim.getSource());
      if (place && place->rows && dim.getConstantIndex() == 0)
        frame.numbers[dim] = *place->rows;
    } else if (auto view = dyn_cast<memref::ViewOp>(op)) {
      std::optional<Place> place = getPlace(view.getSource());
      std::optional<Number> shift = getNumber(view.getByteShift());
      if (!place || !shift || shift->kind != Number::Constant)
        return;
      Place result = {place->buffer, place->offset + shift->value, {}};
      if (!view.getSizes().empty())
        result.rows = getNumber(view.getSizes().front());
      frame.places[view] = result;
    } else if (isa<memref::CastOp, memref::ExpandShapeOp,
                   memref::CollapseShapeOp>(op)) {
      std::optional<Place> place = getPlace(op->getOperand(0));
      if (place && !keepsRows(op))
        place->rows = std::nullopt;
      if (place)
        frame.places[op->getResult(0)] = *place;
    } else if (std::optional<int64_t> constant =
                   op->getNumResults() == 1
                       ? getConstantIntValue(op->getResult(0))
                       : std::nullopt) {
      frame.numbers[op->getResult(0)] = {Number::Constant, *constant};
    }
  }

  /// True if the leading dimension is the same before and after a reshape.
  static bool keepsRows(Operation *op) {
    auto isAlone = [](ArrayRef<ReassociationIndices> groups) {
      return !groups.empty() && groups.front().size() == 1;
    };
    if (auto expand = dyn_cast<memref::ExpandShapeOp>(op))
      return isAlone(expand.getReassociationIndices());
    if (auto collapse = dyn_cast<memref::CollapseShapeOp>(op))
      return isAlone(collapse.getReassociationIndices());
    return true;
  }

  static LogicalResult failOnUnknown(Operation *op, Value operand) {
    return op->emitOpError("cannot be planned: expected operands to be "
                           "arguments, temporaries and numbers of tokens, but "
                           "got a value of type ")
           << operand.getType();
  }

  static bool hasRows(MemRefType type) {
    return type.getRank() != 0 && type.isDynamicDim(0);
  }

  /// The buffer of the numbers of a call, which the runtime fills.
  int64_t getNumbersBuffer() {
    return table.addInput(mx::kNumbersBuffer, sizeof(mx::CallNumbers));
  }

  /// Leaves what the table says of an entry point.
  static void clear(func::FuncOp entry) {
    entry.getBody().dropAllReferences();
    entry.getBody().getBlocks().clear();
    OpBuilder builder(entry.getContext());
    entry.setFunctionType(builder.getFunctionType({}, {}));
    entry.removeArgAttrsAttr();
    builder.setInsertionPointToStart(entry.addEntryBlock());
    func::ReturnOp::create(builder, entry.getLoc());
  }

  /// Makes the arguments of a kernel pointers: to the elements of a memref,
  /// then to its number of rows if that is dynamic, or to a number.
  void lowerArguments(gpu::GPUFuncOp kernel) {
    ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
    Block &block = kernel.getBody().front();
    b.setInsertionPointToStart(&block);
    Type pointer = LLVM::LLVMPointerType::get(kernel.getContext());
    LLVMTypeConverter converter(kernel.getContext());
    unsigned count = kernel.getNumArguments();
    SmallVector<Type> types;
    SmallVector<std::pair<unsigned, StringRef>> known;
    auto addPointer = [&]() -> Value {
      types.push_back(pointer);
      return block.insertArgument(count + types.size() - 1, pointer,
                                  kernel.getLoc());
    };
    auto addNumber = [&]() -> Value {
      return LLVM::LoadOp::create(b, b.getI64Type(), addPointer());
    };
    for (unsigned i = 0; i < count; ++i) {
      BlockArgument argument = block.getArgument(i);
      Value bound;
      if (auto type = dyn_cast<MemRefType>(argument.getType())) {
        if (!unsettled.contains(argument))
          known.emplace_back(types.size(), kSettledAttrName);
        else if (!late.contains(argument))
          known.emplace_back(types.size(), kEarlyAttrName);
        Value address = addPointer();
        auto descriptor = MemRefDescriptor::poison(b, b.getLoc(),
                                                   converter.convertType(type));
        descriptor.setAllocatedPtr(b, b.getLoc(), address);
        descriptor.setAlignedPtr(b, b.getLoc(), address);
        descriptor.setConstantOffset(b, b.getLoc(), 0);
        int64_t stride = 1;
        for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
          descriptor.setConstantStride(b, b.getLoc(), dim, stride);
          if (type.isDynamicDim(dim)) {
            if (hasRows(type))
              descriptor.setSize(b, b.getLoc(), dim, addNumber());
            continue;
          }
          descriptor.setConstantSize(b, b.getLoc(), dim, type.getDimSize(dim));
          stride *= type.getDimSize(dim);
        }
        bound = UnrealizedConversionCastOp::create(b, type, Value(descriptor))
                    .getResult(0);
      } else {
        bound = arith::IndexCastOp::create(b, b.getIndexType(), addNumber());
      }
      argument.replaceAllUsesWith(bound);
    }
    block.eraseArguments(0, count);
    kernel.setFunctionType(b.getFunctionType(types, {}));
    kernel.removeArgAttrsAttr();
    for (auto [i, name] : known)
      kernel.setArgAttr(i, name, b.getUnitAttr());
  }

  ModuleOp module;
  SymbolTableCollection symbols;
  SymbolUserMap users;
  BufferTable table;
  /// Of the entry points so far.
  llvm::StringSet<> names;
  /// Of the entry point that is followed.
  SmallVector<Attribute> launches;
  /// What kernels touch.
  DenseMap<Operation *, MemoryUse> uses;
  /// Buffers of weights, which no call changes.
  llvm::DenseSet<int64_t> weights;
  /// What its launches so far write, and what the last one does.
  SmallVector<Span> before, last;
  /// Arguments of kernels that are written before or by a launch of these, and
  /// those that are by the last launch before.
  llvm::DenseSet<Value> unsettled, late;
  bool isPrepare = false;
};

struct PlanLaunchesPass final
    : mxfp4::impl::PlanLaunchesPassBase<PlanLaunchesPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(LaunchPlanner(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
