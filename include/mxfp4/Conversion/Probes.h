//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Programs that do nothing but what limits a processor, made of the pieces that
// kernels are made of.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_CONVERSION_PROBES_H
#define MXFP4_CONVERSION_PROBES_H

#include "mlir/IR/BuiltinOps.h"
#include "mxfp4/Conversion/VectorISA.h"

namespace mlir::mxfp4 {

/// A module of the graph stage with the entry points of ABI/Probes.h.
OwningOpRef<ModuleOp> buildProbes(MLIRContext *context, const VectorISA &isa);

} // namespace mlir::mxfp4

#endif // MXFP4_CONVERSION_PROBES_H
