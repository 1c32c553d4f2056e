//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM dialect to machine code for a CPU.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TARGET_HOST_H
#define MXFP4_TARGET_HOST_H

#include "mlir/IR/BuiltinOps.h"
#include "mxfp4/Conversion/VectorISA.h"
#include "mxfp4/Support/Result.h"
#include "llvm/TargetParser/Triple.h"

#include <string>

namespace mlir::mxfp4 {

/// A processor, and the instruction set that code for it uses.
struct CPUTarget {
  /// As LLVM names it. It decides the order of instructions; which
  /// instructions there are is decided by `isa` alone.
  std::string processor;
  const VectorISA *isa;
  llvm::Triple triple;

  /// "cpu:znver3/avx2", for example.
  std::string describe() const;

  /// True if the processor is of `architecture`.
  bool has(VectorISA::Architecture architecture) const;
};

/// The processor that `target` names: "cpu" is the one at hand, "cpu:NAME"
/// another.
mx::Result<CPUTarget> resolveCPU(const std::string &target);

/// Adds what translation to LLVM IR needs.
void registerHostTranslation(DialectRegistry &registry);

/// Assembly of a module in the LLVM dialect.
mx::Result<std::string> emitAssembly(ModuleOp module, const CPUTarget &target);

/// An ELF shared object with the module's functions.
mx::Result<std::string> emitSharedObject(ModuleOp module,
                                         const CPUTarget &target);

} // namespace mlir::mxfp4

#endif // MXFP4_TARGET_HOST_H
