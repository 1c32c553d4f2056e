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
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "mxfp4/Dialect/MXFP4/IR/MXFP4Dialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "mxfp4/Dialect/MXFP4/IR/MXFP4Attrs.h.inc"

#define GET_OP_CLASSES
#include "mxfp4/Dialect/MXFP4/IR/MXFP4Ops.h.inc"

namespace mlir::mxfp4 {

/// Number of elements that share a scale (F1).
constexpr int64_t kBlockSize = 32;

/// True if `type` holds 4-bit elements in their storage form: two in a byte.
bool isPackedStorage(ShapedType type);

/// The shape of a tensor of block elements in elements: for the storage form
/// the last dimension is doubled.
SmallVector<int64_t> getElementShape(ShapedType type);

/// The inverse: the shape that `elements` have in the element type of `type`.
SmallVector<int64_t> getStoredShape(ShapedType type,
                                    ArrayRef<int64_t> elements);

/// Reports reads of the inputs and writes of the inits of a destination-style
/// op on memrefs; on tensors there is no effect.
void getDestinationStyleEffects(
    DestinationStyleOpInterface op,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects);

/// True unless some of the operands are tensors and others memrefs.
bool haveOneSemantics(OperandRange operands);

/// Fails unless the static dimensions of `a` and `b` agree.
LogicalResult verifySameShape(Operation *op, StringRef nameA, ShapedType a,
                              StringRef nameB, ArrayRef<int64_t> b);

} // namespace mlir::mxfp4

#endif // MXFP4_DIALECT_MXFP4_IR_MXFP4_H
