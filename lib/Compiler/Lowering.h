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
#include "mxfp4/Target/NVPTX.h"

#include <variant>

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

  /// Assembly, or PTX, of a module in the LLVM stage.
  mx::Result<std::string> emitAssembly(ModuleOp module) const;

  /// The target if it is a CPU, or null.
  const CPUTarget *getCPU() const { return std::get_if<CPUTarget>(&target); }
  /// "cpu:znver3/avx2" or "nvptx:sm_90", for example.
  std::string describeTarget() const;

private:
  using Target = std::variant<CPUTarget, GPUTarget>;

  Lowering(const mx::CompileOptions &options, const Target &target)
      : options(options), target(target) {}
  const GPUTarget *getGPU() const { return std::get_if<GPUTarget>(&target); }

  mx::CompileOptions options;
  Target target;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_COMPILER_LOWERING_H
