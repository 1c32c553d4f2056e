//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Python objects as arguments of functions. What is wrong with one is a
// TypeError or a ValueError that names it.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_PYTHON_ARGUMENTS_H
#define MXFP4_PYTHON_ARGUMENTS_H

#include "mxfp4/Support/Quote.h"

#include <cstdint>
#include <pybind11/pybind11.h>
#include <string>
#include <vector>

namespace mx::python {

/// An option and its name.
template <typename T> struct Named {
  const char *name;
  T value;
};

/// What Python calls the type of `object`.
std::string getTypeName(const pybind11::object &object);

/// The string that argument `name` is.
std::string getString(const pybind11::object &argument, const char *name);

/// Argument `name` as UTF-8. A lone surrogate, which has none, raises
/// UnicodeEncodeError, which is a ValueError.
std::string getText(const pybind11::object &argument, const char *name);

/// Argument `name`, a str, bytes or os.PathLike, as the system spells it.
std::string getPath(const pybind11::object &argument, const char *name);

/// The bool that argument `name` is.
bool getFlag(const pybind11::object &argument, const char *name);

/// Argument `name` as an object that is an int.
pybind11::int_ getInteger(const pybind11::object &argument, const char *name);

/// Argument `name` as an int of `least` to `most`.
int64_t getInteger(const pybind11::object &argument, const char *name,
                   int64_t least, int64_t most);

/// `integer` for a message, where it could be of any length.
std::string formatInteger(const pybind11::int_ &integer);

/// Argument `name` as an int of 0 to 2^64 - 1.
uint64_t getSeed(const pybind11::object &argument, const char *name);

/// Argument `name` as a number; `expected` says what it may be. An int that is
/// too large becomes an infinity.
double getNumber(const pybind11::object &argument, const char *name,
                 const char *expected);

/// Argument `name`, a sequence of ints of 32 bits; `expected` says what it may
/// be.
std::vector<int32_t> getTokens(const pybind11::object &argument,
                               const char *name,
                               const char *expected = "a sequence of ints");

/// The one of `options` whose name argument `name` is.
template <typename Options>
const auto &findOption(const pybind11::object &argument, const char *name,
                       const Options &options) {
  std::string chosen = getString(argument, name);
  std::string names;
  for (const auto &option : options) {
    if (chosen == option.name)
      return option;
    names += (names.empty() ? "" : ", ") + std::string(option.name);
  }
  throw pybind11::value_error("expected '" + std::string(name) +
                              "' to be one of " + names + ", but got " +
                              quote(chosen));
}

} // namespace mx::python

#endif // MXFP4_PYTHON_ARGUMENTS_H
