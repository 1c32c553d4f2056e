//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module through the pipelines, and what they found out as a Program.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_COMPILER_LOWERING_H
#define MXFP4_LIB_COMPILER_LOWERING_H

#include "mlir/IR/BuiltinOps.h"
#include "mxfp4/Compiler/Compiler.h"
#include "mxfp4/Target/Host.h"

namespace mlir::mxfp4 {

/// How far a module has been lowered, in the order of mx::stageNames().
enum class Stage { Graph, Fused, Vector, LLVM, Assembly };

/// Options that are known to be right, and what a module becomes by them. What
/// is wrong with the module is reported as MLIR does.
class Lowering {
public:
  static mx::Result<Lowering> create(const mx::CompileOptions &options);

  /// Makes the public functions of another compiler's module entry points.
  LogicalResult adopt(ModuleOp module) const;

  /// Lowers a module of the graph stage to `stage`.
  LogicalResult lower(ModuleOp module, Stage stage) const;

  /// The Program of a module in the LLVM stage, without its code.
  mx::Result<mx::Program> describe(ModuleOp module) const;

  /// The Program with its code.
  mx::Result<mx::Program> finish(ModuleOp module) const;

  const CPUTarget &getTarget() const { return target; }

private:
  Lowering(const mx::CompileOptions &options, const CPUTarget &target)
      : options(options), target(target) {}

  mx::CompileOptions options;
  CPUTarget target;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_COMPILER_LOWERING_H
