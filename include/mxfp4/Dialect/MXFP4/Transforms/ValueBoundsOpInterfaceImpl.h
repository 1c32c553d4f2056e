//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lets analyses of sizes see through the ops that are not destination-style.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DIALECT_MXFP4_TRANSFORMS_VALUEBOUNDSOPINTERFACEIMPL_H
#define MXFP4_DIALECT_MXFP4_TRANSFORMS_VALUEBOUNDSOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;

namespace mxfp4 {
/// Attaches the value bounds interface to the ops of the mxfp4 dialect whose
/// results have the sizes of an operand.
void registerValueBoundsOpInterfaceModels(DialectRegistry &registry);
} // namespace mxfp4
} // namespace mlir

#endif // MXFP4_DIALECT_MXFP4_TRANSFORMS_VALUEBOUNDSOPINTERFACEIMPL_H
