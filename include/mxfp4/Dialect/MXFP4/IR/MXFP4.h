//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The mxfp4 dialect in C++: attributes, ops and what its verifiers share.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DIALECT_MXFP4_IR_MXFP4_H
#define MXFP4_DIALECT_MXFP4_IR_MXFP4_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mxfp4/ABI/Program.h"
#include "mxfp4/Format/BlockFormat.h"

#include "mxfp4/Dialect/MXFP4/IR/MXFP4Dialect.h.inc"

#include "mxfp4/Dialect/MXFP4/IR/MXFP4Enums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "mxfp4/Dialect/MXFP4/IR/MXFP4Attrs.h.inc"

namespace mlir::mxfp4 {

/// The cost of an op, to be added up. Sums and products end at the largest
/// integer.
struct Cost : mx::OpCost {
  /// Adds `amount` bytes for each of `rows`, of which a dynamic number is as
  /// many as there are tokens.
  void addBytes(int64_t rows, int64_t amount);
  void addFlops(int64_t rows, int64_t amount);
  void addBytesPerPosition(int64_t amount);
  /// Adds the bytes of a tensor or memref.
  void addBytes(ShapedType type);

  /// The fields that are not 0, by names such as "bytes_per_token", and the
  /// other way round.
  DictionaryAttr getAttr(MLIRContext *context) const;
  static Cost get(DictionaryAttr fields);
};

} // namespace mlir::mxfp4

#include "mxfp4/Dialect/MXFP4/IR/MXFP4Interfaces.h.inc"

#define GET_OP_CLASSES
#include "mxfp4/Dialect/MXFP4/IR/MXFP4Ops.h.inc"

namespace mlir::mxfp4 {

// Of the tiled layouts that tensor cores read: rows side by side, and
// consecutive elements of one.
constexpr int64_t kTileRows = 8;
constexpr int64_t kTileDepth = 4 * mx::kBlockSize;

// Names of the attributes that MXFP4Dialect.td describes: of entry points, of
// their arguments, and of a module.
inline constexpr StringLiteral kEntryAttrName = "mxfp4.entry";
inline constexpr StringLiteral kMaxTokensAttrName = "mxfp4.max_tokens";
inline constexpr StringLiteral kBufferAttrName = "mxfp4.buffer";
inline constexpr StringLiteral kKindAttrName = "mxfp4.kind";
inline constexpr StringLiteral kDimAttrName = "mxfp4.dim";
inline constexpr StringLiteral kValueAttrName = "mxfp4.value";
inline constexpr StringLiteral kSourceAttrName = "mxfp4.source";
inline constexpr StringLiteral kPrepareAttrName = "mxfp4.prepare";
inline constexpr StringLiteral kSettledAttrName = "mxfp4.settled";
inline constexpr StringLiteral kEarlyAttrName = "mxfp4.early";
inline constexpr StringLiteral kStartsNextAttrName = "mxfp4.starts_next";
inline constexpr StringLiteral kArgumentsAttrName = "mxfp4.arguments";
inline constexpr StringLiteral kArenaAttrName = "mxfp4.arena";
inline constexpr StringLiteral kBuffersAttrName = "mxfp4.buffers";
inline constexpr StringLiteral kLaunchesAttrName = "mxfp4.launches";
inline constexpr StringLiteral kOpsAttrName = "mxfp4.ops";
inline constexpr StringLiteral kOpCountsAttrName = "mxfp4.op_counts";

/// The value of `mxfp4.entry` on a function that prepares a weight.
inline constexpr StringLiteral kPrepareEntry = "prepare";

/// The module of the kernels of a GPU.
inline constexpr StringLiteral kKernelsName = "kernels";

/// The function at which the threads of a team meet.
inline constexpr StringLiteral kBarrierName = "mxfp4_barrier";

/// Fails if anything in the module calls `entry`, an entry point: passes change
/// its type, and only the runtime knows.
LogicalResult verifyNotCalled(Operation *entry, const SymbolUserMap &users);

/// The format of the block elements of type `element` (F3), or null. `i8` holds
/// E2M1 elements in their storage form (F2).
const mx::ElementFormat *getElementFormat(Type element);

/// The type of elements of `format`: the other way round.
Type getElementType(MLIRContext *context, const mx::ElementFormat &format);

/// The format that tensors of such elements and scales have (F1), or null.
const mx::BlockFormat *getBlockFormat(ShapedType values, ShapedType scales);

/// True if every element of type `element` has a byte of its own, or half of
/// one in storage form (F2): what vectors of a CPU load and store.
bool hasWholeBytes(Type element);

/// The product of two sizes, or the largest integer if that is larger.
int64_t multiplySizes(int64_t a, int64_t b);

/// True if `type` holds 4-bit elements in their storage form: two in a byte.
bool isPackedStorage(ShapedType type);

/// Bytes that an element of a memref takes: whole ones, of four bits too.
int64_t getElementBytes(Type element);

/// The shape of a tensor of block elements in elements: for the storage form
/// the last dimension is doubled.
SmallVector<int64_t> getElementShape(ShapedType type);

/// The inverse: the shape that `elements` have in the element type of `type`.
SmallVector<int64_t> getStoredShape(ShapedType type,
                                    ArrayRef<int64_t> elements);

/// Reports reads of the inputs and writes of the inits of a destination-style
/// op on memrefs; on tensors there is no effect. An op that `keepsSome` of what
/// its inits hold reads them as well.
void getDestinationStyleEffects(
    DestinationStyleOpInterface op,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects,
    bool keepsSome = false);

/// The layout that the type of a tensor carries, or null.
LayoutAttr getEncodedLayout(Type type);

/// Checks which operands of a matmul carry a layout: the weight may, unless
/// `attribute` says how it stands in memory; then so do its `scales` (may be
/// null), and no others. Returns the layout of the weight, or null.
FailureOr<LayoutAttr> verifyLayouts(Operation *op, LayoutAttr attribute,
                                    Value weight, Value scales = {});

/// The cost of an op that reads and writes each operand once but those in
/// `except`.
Cost getOperandCost(Operation *op, ValueRange except = {});

/// Operations that multiply one row by a weight `[rows, columns]`.
int64_t getRowFlops(int64_t rows, int64_t columns);

/// True unless some of the operands are tensors and others memrefs.
bool haveOneSemantics(OperandRange operands);

/// Fails unless the static dimensions of `a` and `b` agree.
LogicalResult verifySameShape(Operation *op, StringRef nameA, ShapedType a,
                              StringRef nameB, ArrayRef<int64_t> b);

} // namespace mlir::mxfp4

#endif // MXFP4_DIALECT_MXFP4_IR_MXFP4_H
