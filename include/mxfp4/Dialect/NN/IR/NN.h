//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The nn dialect in C++.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DIALECT_NN_IR_NN_H
#define MXFP4_DIALECT_NN_IR_NN_H

#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include "mxfp4/Dialect/NN/IR/NNDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "mxfp4/Dialect/NN/IR/NNAttrs.h.inc"

#define GET_OP_CLASSES
#include "mxfp4/Dialect/NN/IR/NNOps.h.inc"

#endif // MXFP4_DIALECT_NN_IR_NN_H
