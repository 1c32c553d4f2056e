//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all targets do with LLVM IR.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_TARGET_CODEGEN_H
#define MXFP4_LIB_TARGET_CODEGEN_H

#include "mlir/IR/Operation.h"
#include "mxfp4/Support/Result.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace mlir::mxfp4 {

/// Machine code in the making.
struct Code {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
};

/// A module in the LLVM dialect as LLVM IR for `machine`.
mx::Result<Code> translate(Operation *module,
                           std::unique_ptr<llvm::TargetMachine> machine);

/// Runs LLVM's optimizations.
void optimize(Code &code);

/// Assembly or an object file.
mx::Result<std::string> emitFile(Code &code, llvm::CodeGenFileType type);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_TARGET_CODEGEN_H
