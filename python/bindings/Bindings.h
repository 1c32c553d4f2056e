//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parts of the Python module. Each is a file that adds its functions and
// classes.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_PYTHON_BINDINGS_H
#define MXFP4_PYTHON_BINDINGS_H

#include <pybind11/pybind11.h>

namespace mx::python {

/// Quantization and dequantization of arrays, over lib/Format.
void bindFormat(pybind11::module_ &module);

} // namespace mx::python

#endif // MXFP4_PYTHON_BINDINGS_H
