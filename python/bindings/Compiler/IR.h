//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module of MLIR with a context of its own, so that two of them share
// nothing.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_PYTHON_COMPILER_IR_H
#define MXFP4_PYTHON_COMPILER_IR_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <mutex>
#include <pybind11/pybind11.h>
#include <string>
#include <vector>

namespace mx::python {

/// A module that Python threads take turns with.
struct IRModule {
  /// With all dialects.
  IRModule();

  /// Held, never with the GIL, while the module or its context is used.
  std::mutex mutex;
  /// Without threads, which a fork would not have.
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// What MLIR said about a place in a module.
struct Diagnostic {
  std::string severity, message, file;
  /// 0 where there is none.
  unsigned line = 0, column = 0;
  std::vector<Diagnostic> notes;
};

/// Keeps what MLIR reports while it lives. One thread works with the context
/// meanwhile. Needs no GIL.
class DiagnosticCollector {
public:
  /// `list` outlives this.
  DiagnosticCollector(mlir::MLIRContext &context,
                      std::vector<Diagnostic> &list);

private:
  mlir::ScopedDiagnosticHandler handler;
};

/// Throws mxfp4.CompileError with `diagnostics`; `what` stands for them if
/// there are none. Needs the GIL.
[[noreturn]] void throwCompileError(const std::string &what,
                                    const std::vector<Diagnostic> &diagnostics);

} // namespace mx::python

#endif // MXFP4_PYTHON_COMPILER_IR_H
