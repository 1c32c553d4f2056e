//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lets one-shot bufferization handle the ops of both dialects.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DIALECT_MXFP4_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define MXFP4_DIALECT_MXFP4_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;

namespace mxfp4 {
/// Attaches the bufferization interface to the destination-style ops of the
/// mxfp4 and nn dialects.
void registerBufferizableOpInterfaceModels(DialectRegistry &registry);
} // namespace mxfp4
} // namespace mlir

#endif // MXFP4_DIALECT_MXFP4_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
