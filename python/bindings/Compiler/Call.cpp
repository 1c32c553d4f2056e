//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exceptions stay where Python has them, in the state of the thread, while C++
// returns through layers that know of none.
//
//===----------------------------------------------------------------------===//

#include "Call.h"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

namespace py = pybind11;
using namespace mx;
using namespace mx::python;

void mx::python::waitIfEnding() {
#if PY_VERSION_HEX >= 0x030D0000
  bool isEnding = Py_IsFinalizing();
#else
  bool isEnding = _Py_IsFinalizing();
#endif
  while (isEnding)
    pause();
}

bool mx::python::shouldStop() {
  waitIfEnding();
  py::gil_scoped_acquire withGIL;
  return PyErr_Occurred() || PyErr_CheckSignals() != 0;
}

void mx::python::checkSignals() {
  if (PyErr_CheckSignals() != 0)
    throw py::error_already_set();
}

/// Messages have paths in them, which may be anything.
[[noreturn]] static void throwMessage(py::handle type, const Error &error) {
  const std::string &message = error.message;
  auto text = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(
      message.data(), Py_ssize_t(message.size()), "backslashreplace"));
  PyErr_SetObject(type.ptr(), text.ptr());
  throw py::error_already_set();
}

void mx::python::throwError(const Error &error) {
  if (PyErr_Occurred())
    throw py::error_already_set();
  throwMessage(py::module_::import("mxfp4._error").attr("Error"), error);
}

void mx::python::throwValueError(const Error &error) {
  throwMessage(PyExc_ValueError, error);
}

void mx::python::checkExists(const std::string &path) {
  struct stat status;
  if (stat(path.c_str(), &status) == 0)
    return;
  PyErr_SetFromErrnoWithFilename(PyExc_OSError, path.c_str());
  throw py::error_already_set();
}

py::str mx::python::toString(const std::string &text) {
  PyObject *object =
      PyUnicode_DecodeUTF8(text.data(), Py_ssize_t(text.size()), "replace");
  if (!object)
    throw py::error_already_set();
  return py::reinterpret_steal<py::str>(object);
}
