//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parts of the extension module that holds what needs the compiler. Each is
// a file that adds its functions and classes.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_PYTHON_COMPILER_BINDINGS_H
#define MXFP4_PYTHON_COMPILER_BINDINGS_H

#include <pybind11/pybind11.h>

namespace mx::python {

/// Text to tokens and back, over lib/Text.
void bindTokenizer(pybind11::module_ &module);

/// Modules of MLIR: text, bytecode and pipelines.
void bindIR(pybind11::module_ &module);

/// Compiled modules, over lib/Compiler and mx::Executable.
void bindExecutable(pybind11::module_ &module);

/// Models that are loaded, and the text that they make, over lib/Driver and
/// lib/Runtime.
void bindModel(pybind11::module_ &module);

} // namespace mx::python

#endif // MXFP4_PYTHON_COMPILER_BINDINGS_H
