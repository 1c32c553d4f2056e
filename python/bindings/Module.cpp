//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The extension module. Its functions take plain Python objects and check them
// themselves, so that an error names the argument; python/mxfp4 has their
// defaults, type hints and documentation.
//
//===----------------------------------------------------------------------===//

#include "Bindings.h"

PYBIND11_MODULE(_mxfp4, module) {
  module.attr("__version__") = MXFP4_VERSION;
  mx::python::bindFormat(module);
}
