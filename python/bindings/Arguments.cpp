//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arguments that several functions have.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include <limits>

namespace py = pybind11;
using namespace mx;
using namespace mx::python;

[[noreturn]] static void rejectType(const py::object &argument,
                                    const char *name, const char *expected) {
  throw py::type_error("expected '" + std::string(name) + "' to be " +
                       expected + ", but got " + getTypeName(argument));
}

std::string mx::python::getTypeName(const py::object &object) {
  return Py_TYPE(object.ptr())->tp_name;
}

std::string mx::python::getString(const py::object &argument,
                                  const char *name) {
  if (!py::isinstance<py::str>(argument))
    rejectType(argument, name, "a str");
  // A lone surrogate has no UTF-8.
  return argument.attr("encode")("utf-8", "backslashreplace")
      .cast<std::string>();
}

std::string mx::python::getText(const py::object &argument, const char *name) {
  if (!py::isinstance<py::str>(argument))
    rejectType(argument, name, "a str");
  Py_ssize_t size;
  const char *text = PyUnicode_AsUTF8AndSize(argument.ptr(), &size);
  if (!text)
    throw py::error_already_set();
  return std::string(text, size_t(size));
}

std::string mx::python::getPath(const py::object &argument, const char *name) {
  PyObject *bytes;
  if (PyUnicode_FSConverter(argument.ptr(), &bytes))
    return py::reinterpret_steal<py::bytes>(bytes);
  py::error_already_set error; // takes it
  if (error.matches(PyExc_TypeError))
    rejectType(argument, name, "a str or a path");
  // A null character, or one that the file system cannot spell.
  if (error.matches(PyExc_ValueError))
    throw py::value_error("expected '" + std::string(name) +
                          "' to be a path, but got " +
                          py::repr(argument).cast<std::string>().substr(0, 99));
  throw error;
}

bool mx::python::getFlag(const py::object &argument, const char *name) {
  if (!PyBool_Check(argument.ptr()))
    rejectType(argument, name, "a bool");
  return argument.ptr() == Py_True;
}

py::int_ mx::python::getInteger(const py::object &argument, const char *name) {
  if (!PyIndex_Check(argument.ptr()))
    rejectType(argument, name, "an int");
  PyObject *integer = PyNumber_Index(argument.ptr());
  if (!integer)
    throw py::error_already_set();
  return py::reinterpret_steal<py::int_>(integer);
}

int64_t mx::python::getInteger(const py::object &argument, const char *name,
                               int64_t least, int64_t most) {
  py::int_ integer = getInteger(argument, name);
  int overflow;
  int64_t value = PyLong_AsLongLongAndOverflow(integer.ptr(), &overflow);
  if (overflow || value < least || value > most)
    throw py::value_error(
        "expected '" + std::string(name) + "' to be " + std::to_string(least) +
        " to " + std::to_string(most) + ", but got " + formatInteger(integer));
  return value;
}

std::string mx::python::formatInteger(const py::int_ &integer) {
  auto bits = integer.attr("bit_length")().cast<int64_t>();
  if (bits > 128)
    return "an int of " + std::to_string(bits) + " bits";
  return py::str(integer).cast<std::string>();
}

uint64_t mx::python::getSeed(const py::object &argument, const char *name) {
  py::int_ integer = getInteger(argument, name);
  uint64_t seed = PyLong_AsUnsignedLongLong(integer.ptr());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    throw py::value_error("expected '" + std::string(name) +
                          "' to be 0 to 2^64 - 1, but got " +
                          formatInteger(integer));
  }
  return seed;
}

double mx::python::getNumber(const py::object &argument, const char *name,
                             const char *expected) {
  double number = PyFloat_AsDouble(argument.ptr());
  if (!PyErr_Occurred())
    return number;
  py::error_already_set error; // takes it
  if (error.matches(PyExc_OverflowError))
    return std::numeric_limits<double>::infinity();
  if (!error.matches(PyExc_TypeError))
    throw error;
  rejectType(argument, name, expected);
}

std::vector<int32_t> mx::python::getTokens(const py::object &argument,
                                           const char *name,
                                           const char *expected) {
  // A str is a sequence of str, and bytes of what are no tokens.
  if (!PySequence_Check(argument.ptr()) || py::isinstance<py::str>(argument) ||
      py::isinstance<py::bytes>(argument))
    rejectType(argument, name, expected);
  PyObject *items = PySequence_Fast(argument.ptr(), "");
  if (!items)
    throw py::error_already_set();
  auto owner = py::reinterpret_steal<py::object>(items);
  std::vector<int32_t> tokens;
  // The list could change while an item is asked for its number.
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items); ++i) {
    auto item =
        py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(items, i));
    std::string itemName = std::string(name) + "[" + std::to_string(i) + "]";
    tokens.push_back(int32_t(getInteger(item, itemName.c_str(), 0,
                                        std::numeric_limits<int32_t>::max())));
  }
  return tokens;
}
