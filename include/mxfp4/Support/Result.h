//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value or a message, for everything outside MLIR that can fail. Exceptions
// do not cross a library's edge, because the compiler's libraries are built
// without them.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_SUPPORT_RESULT_H
#define MXFP4_SUPPORT_RESULT_H

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace mx {

/// Why something failed. The message names the file, tensor or device, what was
/// expected and what was found; it starts in lower case and has no full stop.
struct Error {
  std::string message;
};

/// The message of work that was stopped on request.
inline constexpr char kInterrupted[] = "interrupted";

/// A `T`, or the Error that prevented it.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : storage(std::move(value)) {}
  Result(Error error) : storage(std::move(error)) {}

  /// True if there is a value.
  explicit operator bool() const { return storage.index() == 0; }

  T &operator*() { return std::get<0>(storage); }
  const T &operator*() const { return std::get<0>(storage); }
  T *operator->() { return &std::get<0>(storage); }
  const T *operator->() const { return &std::get<0>(storage); }

  /// The error; only where there is no value.
  const Error &error() const { return std::get<1>(storage); }

private:
  std::variant<T, Error> storage;
};

/// Success, or the Error that prevented it.
template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : failure(std::move(error)) {}

  explicit operator bool() const { return !failure; }
  const Error &error() const { return *failure; }

private:
  std::optional<Error> failure;
};

using Status = Result<void>;

} // namespace mx

#endif // MXFP4_SUPPORT_RESULT_H
