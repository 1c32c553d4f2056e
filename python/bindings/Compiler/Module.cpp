//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The extension module that is linked with LLVM. As in the one that is not,
// python/mxfp4 has the defaults, type hints and documentation.
//
//===----------------------------------------------------------------------===//

#include "Bindings.h"

PYBIND11_MODULE(_compiler, module) {
  mx::python::bindIR(module);
  mx::python::bindExecutable(module);
  mx::python::bindTokenizer(module);
  mx::python::bindModel(module);
}
