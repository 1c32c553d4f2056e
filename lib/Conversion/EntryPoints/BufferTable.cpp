//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an argument of an entry point says of its buffer.
//
//===----------------------------------------------------------------------===//

#include "BufferTable.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mxfp4;

bool mxfp4::isNamed(func::FuncOp function, unsigned index, StringRef attribute,
                    StringRef value) {
  auto name = function.getArgAttrOfType<StringAttr>(index, attribute);
  return name && name.getValue() == value;
}

bool mxfp4::isArena(func::FuncOp function, unsigned index) {
  return isNamed(function, index, kKindAttrName, "arena");
}

LogicalResult mxfp4::verifyPrepare(func::FuncOp function) {
  unsigned buffers = 0;
  bool usesArena = false, isStatic = true;
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (isArena(function, argument.getArgNumber())) {
      usesArena |= !argument.use_empty();
    } else if (type) {
      ++buffers;
      isStatic &= type.hasStaticShape();
    }
  }
  if (buffers == 2 && isStatic && !usesArena)
    return success();
  return function.emitOpError(
      "cannot prepare a weight: expected two memrefs of static shape, the "
      "weight as in the checkpoint and the buffer to fill, and no "
      "temporaries");
}

LogicalResult mxfp4::verifyOwnBuffer(func::FuncOp function, unsigned index,
                                     int64_t buffer, ArrayRef<int64_t> others) {
  bool isOfCall = isNamed(function, index, kKindAttrName, "input") ||
                  isNamed(function, index, kKindAttrName, "output");
  if (!isOfCall || !llvm::is_contained(others, buffer))
    return success();
  return function.emitOpError()
         << "cannot be an entry point: expected argument " << index
         << " to have a buffer of its own";
}

bool mxfp4::isPlainBuffer(MemRefType type) {
  return type.getElementType().isIntOrFloat() &&
         type.getLayout().isIdentity() && !type.getMemorySpace();
}

/// Bytes of a memref with `count` for each dynamic dimension, or nothing if
/// that is more than any machine has.
static std::optional<int64_t> getBytes(MemRefType type, int64_t count) {
  constexpr int64_t maxBytes = int64_t(1) << 57;
  int64_t bytes = getElementBytes(type.getElementType());
  for (int64_t size : type.getShape())
    if (llvm::MulOverflow(bytes, ShapedType::isDynamic(size) ? count : size,
                          bytes) ||
        bytes > maxBytes)
      return std::nullopt;
  return bytes;
}

FailureOr<int64_t> BufferTable::bind(func::FuncOp function, unsigned index,
                                     MemRefType type) {
  auto name = function.getArgAttrOfType<StringAttr>(index, kBufferAttrName);
  auto kind = function.getArgAttrOfType<StringAttr>(index, kKindAttrName);
  if (!name || !kind)
    return function.emitOpError()
           << "cannot be an entry point: expected 'mxfp4.buffer' and "
              "'mxfp4.kind' on argument "
           << index;
  if (llvm::is_contained(type.getShape().drop_front(type.getRank() != 0),
                         ShapedType::kDynamic))
    return function.emitOpError()
           << "cannot be an entry point: expected only the leading dimension "
              "of argument "
           << index << " to be dynamic, but got " << type;
  BufferInfo info;
  info.kind = kind;
  info.source = function.getArgAttr(index, kSourceAttrName);
  bool countsTokens = isNamed(function, index, kDimAttrName, "tokens");
  auto maxTokens = function->getAttrOfType<IntegerAttr>(kMaxTokensAttrName);
  std::optional<int64_t> bytes =
      getBytes(type, countsTokens ? maxTokens.getInt() : 1);
  if (!bytes)
    return function.emitOpError()
           << "cannot be an entry point: expected argument " << index
           << " to have fewer than 2^57 bytes, but got " << type;
  if (isArena(function, index) &&
      (!type.getElementType().isInteger(8) || type.getRank() != 1 ||
       !type.isDynamicDim(0)))
    return function.emitOpError()
           << "cannot be an entry point: expected the arena to be "
              "memref<?xi8>, but got "
           << type;
  if (isArena(function, index))
    info.bytes = getArenaBytes();
  else if (isNamed(function, index, kDimAttrName, "context"))
    info.bytesPerPosition = *bytes;
  else if (countsTokens || type.hasStaticShape())
    info.bytes = *bytes;
  else
    return function.emitOpError()
           << "cannot be an entry point: expected 'mxfp4.dim' on argument "
           << index << " of type " << type;

  if (kind.getValue() == "input" || kind.getValue() == "output")
    info.type = type;
  std::pair<StringRef, Attribute> key = {
      name.getValue(), function.getArgAttr(index, kPrepareAttrName)};
  auto [entry, isNew] = table.insert({key, info});
  BufferInfo &known = entry->second;
  if (!isNew) {
    if (known.kind != info.kind || known.source != info.source ||
        known.bytesPerPosition != info.bytesPerPosition ||
        (info.kind.getValue() == "weight" && known.bytes != info.bytes))
      return function.emitOpError()
             << "cannot share buffer '" << name.getValue()
             << "' with another entry point: expected the same kind and type";
    if (known.type != info.type)
      known.type = {};
    known.bytes = std::max(known.bytes, info.bytes);
  }
  return std::distance(table.begin(), entry);
}

int64_t BufferTable::addInput(StringRef name, int64_t bytes) {
  BufferInfo info;
  info.kind = StringAttr::get(module.getContext(), "input");
  info.bytes = bytes;
  auto [entry, isNew] = table.insert({{name, Attribute()}, info});
  return std::distance(table.begin(), entry);
}

int64_t BufferTable::getArenaBytes() {
  auto bytes = module->getAttrOfType<IntegerAttr>(kArenaAttrName);
  return bytes ? bytes.getInt() : 0;
}

void BufferTable::write() {
  Builder builder(module.getContext());
  SmallVector<Attribute> buffers;
  for (const auto &[key, info] : table) {
    const auto &[name, prepare] = key;
    SmallVector<NamedAttribute> fields = {
        builder.getNamedAttr("name", builder.getStringAttr(name)),
        builder.getNamedAttr("kind", info.kind),
        builder.getNamedAttr("bytes", builder.getI64IntegerAttr(info.bytes)),
        builder.getNamedAttr("bytes_per_position",
                             builder.getI64IntegerAttr(info.bytesPerPosition))};
    if (info.source)
      fields.push_back(builder.getNamedAttr("source", info.source));
    if (info.type)
      fields.push_back(builder.getNamedAttr("type", TypeAttr::get(info.type)));
    if (prepare)
      fields.push_back(builder.getNamedAttr("prepare", prepare));
    buffers.push_back(builder.getDictionaryAttr(fields));
  }
  module->setAttr(kBuffersAttrName, builder.getArrayAttr(buffers));
}
