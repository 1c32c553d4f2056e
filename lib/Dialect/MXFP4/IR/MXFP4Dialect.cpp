//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registration of the mxfp4 dialect, and checks of its attributes on functions.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mxfp4;

#include "mxfp4/Dialect/MXFP4/IR/MXFP4Dialect.cpp.inc"

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

LogicalResult MXFP4Dialect::verifyOperationAttribute(Operation *op,
                                                     NamedAttribute attribute) {
  if (attribute.getName() == "mxfp4.entry") {
    if (failed(verifyKind<StringAttr>(op, attribute, "a string")))
      return failure();
    auto function = dyn_cast<FunctionOpInterface>(op);
    if (!function || function.isExternal())
      return op->emitOpError(
          "expected 'mxfp4.entry' on a function with a body");
  } else if (attribute.getName() == "mxfp4.max_tokens") {
    auto tokens = dyn_cast<IntegerAttr>(attribute.getValue());
    if (!tokens || !tokens.getType().isInteger(64) || tokens.getInt() < 1)
      return op->emitOpError()
             << "expected 'mxfp4.max_tokens' to be a positive i64, but got "
             << attribute.getValue();
  }
  return success();
}

LogicalResult MXFP4Dialect::verifyRegionArgAttribute(Operation *op,
                                                     unsigned region,
                                                     unsigned argument,
                                                     NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == "mxfp4.buffer")
    return verifyKind<StringAttr>(op, attribute, "a string");
  if (name == "mxfp4.kind")
    return verifyWord(op, attribute,
                      {"weight", "cache", "input", "output", "arena"});
  if (name == "mxfp4.dim")
    return verifyWord(op, attribute, {"tokens", "context"});
  if (name == "mxfp4.value")
    return verifyWord(op, attribute,
                      {"tokens", "position", "context", "thread", "threads",
                       "zero", "invocation"});
  if (name == "mxfp4.source")
    return verifyKind<TypeAttr>(op, attribute, "a type");
  if (name == "mxfp4.prepare")
    return verifyKind<FlatSymbolRefAttr>(op, attribute, "a symbol");
  return success();
}
