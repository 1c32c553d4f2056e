//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What Python users expect of a long call: other threads run meanwhile, Ctrl-C
// stops it, and what fails is an exception of the right class.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_PYTHON_COMPILER_CALL_H
#define MXFP4_PYTHON_COMPILER_CALL_H

#include "mxfp4/Support/Result.h"

#include <pybind11/pybind11.h>
#include <string>
#include <type_traits>
#include <utility>

namespace mx::python {

/// To be called before the GIL is taken: does not return where the interpreter
/// is ending.
void waitIfEnding();

/// Releases the GIL for as long as it lives. Where the interpreter ends
/// meanwhile, the thread waits for the end of the process, as daemon threads
/// of newer Pythons do: older ones would unwind it, which C++ cannot bear.
class WithoutGIL {
public:
  WithoutGIL() : state(PyEval_SaveThread()) {}
  ~WithoutGIL() {
    waitIfEnding();
    PyEval_RestoreThread(state);
  }
  WithoutGIL(const WithoutGIL &) = delete;
  WithoutGIL &operator=(const WithoutGIL &) = delete;

private:
  PyThreadState *state;
};

/// Whether a call should stop: the calling thread has an exception, or a signal
/// that has come gives it one, such as KeyboardInterrupt. Takes the GIL.
bool shouldStop();

/// Runs handlers of signals that have come, and throws their exception.
void checkSignals();

/// Throws the exception that the calling thread has, else mxfp4.Error.
[[noreturn]] void throwError(const Error &error);

/// Throws ValueError: `error` is that of an argument.
[[noreturn]] void throwValueError(const Error &error);

/// Throws FileNotFoundError or the like unless `path` can be looked at.
void checkExists(const std::string &path);

/// `text` as a str, with U+FFFD for what is not UTF-8.
pybind11::str toString(const std::string &text);

/// Calls `function` without the GIL. It gives a Result, whose value is returned
/// or whose error is thrown.
template <typename Callable> auto callWithoutGIL(Callable &&function) {
  auto result = [&] {
    WithoutGIL withoutGIL;
    return function();
  }();
  if (!result)
    throwError(result.error());
  // A callback may have thrown after all was done.
  if (PyErr_Occurred())
    throw pybind11::error_already_set();
  if constexpr (!std::is_same_v<decltype(result), Status>)
    return std::move(*result);
}

} // namespace mx::python

#endif // MXFP4_PYTHON_COMPILER_CALL_H
