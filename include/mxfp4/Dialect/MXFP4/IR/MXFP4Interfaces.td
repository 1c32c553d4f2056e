//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What ops of both dialects tell about themselves.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DIALECT_MXFP4_IR_MXFP4INTERFACES_TD
#define MXFP4_DIALECT_MXFP4_IR_MXFP4INTERFACES_TD

include "mlir/IR/OpBase.td"

def MXFP4_CostOpInterface : OpInterface<"CostOpInterface"> {
  let description = [{
    An op that does not read and write every operand once, or computes as much
    that its floating-point operations matter.
  }];
  let cppNamespace = "::mlir::mxfp4";
  let methods = [InterfaceMethod<"The least memory that the op has to touch, and "
                                 "its floating-point operations.",
                                 "::mlir::mxfp4::Cost", "getCost">];
}

#endif // MXFP4_DIALECT_MXFP4_IR_MXFP4INTERFACES_TD
