//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registration of the mxfp4 dialect, and checks of its attributes on functions.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/IR/BytecodeVersion.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mxfp4;

#include "mxfp4/Dialect/MXFP4/IR/MXFP4Dialect.cpp.inc"

#include "mxfp4/Dialect/MXFP4/IR/MXFP4Enums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "mxfp4/Dialect/MXFP4/IR/MXFP4Attrs.cpp.inc"

void MXFP4Dialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "mxfp4/Dialect/MXFP4/IR/MXFP4Attrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "mxfp4/Dialect/MXFP4/IR/MXFP4Ops.cpp.inc"
      >();
  addInterfaces<VersionedBytecode>();
}

/// Fails unless `attribute` is one of `words`.
static LogicalResult verifyWord(Operation *op, NamedAttribute attribute,
                                ArrayRef<StringRef> words) {
  auto word = dyn_cast<StringAttr>(attribute.getValue());
  if (word && llvm::is_contained(words, word.getValue()))
    return success();
  InFlightDiagnostic diag = op->emitOpError()
                            << "expected '" << attribute.getName().getValue()
                            << "' to be ";
  llvm::interleave(words, diag, " or ");
  return diag << ", but got " << attribute.getValue();
}

/// Fails unless `attribute` is an `AttrTy`, which `kind` describes.
template <typename AttrTy>
static LogicalResult verifyKind(Operation *op, NamedAttribute attribute,
                                StringRef kind) {
  if (isa<AttrTy>(attribute.getValue()))
    return success();
  return op->emitOpError() << "expected '" << attribute.getName().getValue()
                           << "' to be " << kind << ", but got "
                           << attribute.getValue();
}

/// Fails unless `attribute` is the type of a tensor in a checkpoint.
static LogicalResult verifySource(Operation *op, NamedAttribute attribute) {
  if (failed(verifyKind<TypeAttr>(op, attribute, "a type")))
    return failure();
  auto source = dyn_cast<RankedTensorType>(
      cast<TypeAttr>(attribute.getValue()).getValue());
  if (!source || !source.hasStaticShape())
    return op->emitOpError()
           << "expected 'mxfp4.source' to be a tensor of static shape, but got "
           << attribute.getValue();
  if (isa<Float4E2M1FNType>(source.getElementType()) &&
      (source.getRank() == 0 || source.getShape().back() % mx::kBlockSize != 0))
    return op->emitOpError()
           << "expected 'mxfp4.source' to have whole blocks of "
           << mx::kBlockSize << " columns, but got " << attribute.getValue();
  return success();
}

static LogicalResult failOnUnknown(Operation *op, NamedAttribute attribute,
                                   StringRef place) {
  return op->emitOpError() << "expected no attribute '"
                           << attribute.getName().getValue() << "' on "
                           << place;
}

LogicalResult MXFP4Dialect::verifyOperationAttribute(Operation *op,
                                                     NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kEntryAttrName) {
    if (failed(verifyKind<StringAttr>(op, attribute, "a string")))
      return failure();
    auto function = dyn_cast<FunctionOpInterface>(op);
    if (!function || function.isExternal())
      return op->emitOpError(
          "expected 'mxfp4.entry' on a function with a body");
    if (cast<StringAttr>(attribute.getValue()).getValue() != kPrepareEntry &&
        !op->hasAttr(kMaxTokensAttrName))
      return op->emitOpError("expected 'mxfp4.max_tokens' on an entry point");
    return success();
  }
  if (name == kMaxTokensAttrName) {
    auto tokens = dyn_cast<IntegerAttr>(attribute.getValue());
    if (!tokens || !tokens.getType().isInteger(64) || tokens.getInt() < 1)
      return op->emitOpError()
             << "expected 'mxfp4.max_tokens' to be a positive i64, but got "
             << attribute.getValue();
    return success();
  }
  if (name == kStartsNextAttrName)
    return verifyKind<UnitAttr>(op, attribute, "no value");
  if (name == kArgumentsAttrName || name == kOpCountsAttrName)
    return verifyKind<DenseI64ArrayAttr>(op, attribute, "an array of i64");
  if (name == kArenaAttrName)
    return verifyKind<IntegerAttr>(op, attribute, "an integer");
  if (name == kBuffersAttrName || name == kOpsAttrName ||
      name == kLaunchesAttrName)
    return verifyKind<ArrayAttr>(op, attribute, "an array");
  return failOnUnknown(op, attribute, "an operation");
}

LogicalResult MXFP4Dialect::verifyRegionArgAttribute(Operation *op,
                                                     unsigned region,
                                                     unsigned argument,
                                                     NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kBufferAttrName)
    return verifyKind<StringAttr>(op, attribute, "a string");
  if (name == kKindAttrName)
    return verifyWord(op, attribute,
                      {"weight", "cache", "input", "output", "arena"});
  if (name == kDimAttrName)
    return verifyWord(op, attribute, {"tokens", "context"});
  if (name == kValueAttrName) {
    auto function = dyn_cast<FunctionOpInterface>(op);
    if (function && isa<ShapedType>(function.getArgumentTypes()[argument]))
      return op->emitOpError() << "expected 'mxfp4.value' on a number, but got "
                               << function.getArgumentTypes()[argument];
    return verifyWord(op, attribute,
                      {"tokens", "position", "context", "sequence", "thread",
                       "threads", "zero", "invocation"});
  }
  if (name == kSourceAttrName)
    return verifySource(op, attribute);
  if (name == kPrepareAttrName)
    return verifyKind<FlatSymbolRefAttr>(op, attribute, "a symbol");
  if (name == kSettledAttrName || name == kEarlyAttrName)
    return verifyKind<UnitAttr>(op, attribute, "no value");
  return failOnUnknown(op, attribute, "an argument");
}

LogicalResult MXFP4Dialect::verifyRegionResultAttribute(
    Operation *op, unsigned region, unsigned result, NamedAttribute attribute) {
  return failOnUnknown(op, attribute, "a result");
}

LogicalResult mxfp4::verifyNotCalled(Operation *entry,
                                     const SymbolUserMap &users) {
  for (Operation *user : users.getUsers(entry)) {
    // The argument of an entry point names what prepares it.
    if (isa<FunctionOpInterface>(user))
      continue;
    InFlightDiagnostic diag =
        entry->emitOpError("cannot be an entry point: expected no call of it");
    diag.attachNote(user->getLoc()) << "it is called here";
    return diag;
  }
  return success();
}
