//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registration of the mxfp4 dialect.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
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
