//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiler for those who have a module in memory.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMPILER_COMPILEMODULE_H
#define MXFP4_COMPILER_COMPILEMODULE_H

#include "mlir/IR/BuiltinOps.h"
#include "mxfp4/Compiler/Compiler.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::mxfp4 {

/// Adds the dialects of the project and of MLIR, with all that compiling needs
/// of them.
void registerCompilerDialects(DialectRegistry &registry);

/// Makes the passes and pipelines of the project and of MLIR known to parsers
/// of pipelines. May be called more than once, by any thread.
void registerCompilerPasses();

/// Compiles `module`, which is left as it is: its public functions become entry
/// points (`mxfp4-make-entry-points`), unless they are already. Errors are
/// reported to the diagnostic handlers of its context, which gets what
/// registerCompilerDialects adds.
FailureOr<mx::Program> compileModule(ModuleOp module,
                                     const mx::CompileOptions &options);

} // namespace mlir::mxfp4

#endif // MXFP4_COMPILER_COMPILEMODULE_H
