//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declarations that the files of this folder share.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_MXFP4TOGPU_PATTERNS_H
#define MXFP4_LIB_CONVERSION_MXFP4TOGPU_PATTERNS_H

#include "../Utils/RowProduct.h"

namespace mlir::mxfp4 {

template <typename OpTy> RowWeight getWeight(OpTy op) {
  return {op.getValues(), op.getScales(),
          op.getInput().getType().getShape().back(),
          /*isArranged=*/op.getLayout().has_value()};
}

/// Emits the kernels of `op`, if it has any: arranged weights are for tensor
/// cores alone.
bool lowerMatmulByExpert(MatmulByExpertOp op, bool tensorCores);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_MXFP4TOGPU_PATTERNS_H
