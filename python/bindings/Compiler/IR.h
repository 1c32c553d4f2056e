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

  /// Held, without the GIL, while the module or its context is used.
  std::mutex mutex;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// Keeps what MLIR reports while it lives, for an exception. One thread works
/// with the context meanwhile.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(mlir::MLIRContext &context);

  /// Throws mxfp4.CompileError with the diagnostics; `what` stands for them if
  /// there are none. Needs the GIL.
  [[noreturn]] void throwError(const std::string &what) const;

private:
  struct Entry {
    std::string severity, message, file;
    /// 0 where there is no file.
    unsigned line = 0, column = 0;
    std::vector<Entry> notes;
  };

  static Entry describe(mlir::Diagnostic &diagnostic);
  static pybind11::object toPython(const Entry &entry);

  std::vector<Entry> entries;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace mx::python

#endif // MXFP4_PYTHON_COMPILER_IR_H
