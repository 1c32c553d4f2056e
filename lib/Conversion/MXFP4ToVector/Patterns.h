//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The lowerings of convert-mxfp4-to-vector that have a file of their own.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_MXFP4TOVECTOR_PATTERNS_H
#define MXFP4_LIB_CONVERSION_MXFP4TOVECTOR_PATTERNS_H

#include "mxfp4/Conversion/VectorISA.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

namespace mlir::mxfp4 {

/// Emits loops for `op`, which is on memrefs, before it.
LogicalResult lowerMatmulByExpert(MatmulByExpertOp op, const VectorISA &isa);
LogicalResult lowerDequantize(DequantizeIntoOp op, const VectorISA &isa);
LogicalResult lowerQuantize(QuantizeIntoOp op, const VectorISA &isa);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_MXFP4TOVECTOR_PATTERNS_H
