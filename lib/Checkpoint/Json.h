//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// JSON that may be hostile, over simdjson: it validates UTF-8, bounds depth and
// does not recurse. Repeated keys, of which other readers silently take one,
// are errors.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CHECKPOINT_JSON_H
#define MXFP4_LIB_CHECKPOINT_JSON_H

#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

namespace mx {

/// Far more than any configuration file has.
constexpr uint64_t kMaxConfigBytes = 10'000'000;

/// A JSON value for a message, such as `-3`, `'abc'` or `a list`.
std::string describe(simdjson::dom::element value);

/// The members of `object`. Fails on repeated keys; `where` begins the message.
Result<std::vector<simdjson::dom::key_value_pair>>
jsonMembers(simdjson::dom::object object, const std::string &where);

/// Parses `text`, which must be one object. It lives as long as `parser` and
/// until that parses again. `name` is the file, for messages.
Result<simdjson::dom::object> parseJsonObject(simdjson::dom::parser &parser,
                                              std::string_view text,
                                              const std::string &name);

/// Reads the fields of an object one after another. The first thing wrong is
/// kept and later fields read as zero, so that callers check once, at the end.
class FieldReader {
public:
  /// `name` is the file, for messages.
  FieldReader(simdjson::dom::object object, std::string name);

  /// Whether there is a field `key` that is not null.
  bool has(const char *key) const;

  /// All fields, in the order of the file.
  const std::vector<simdjson::dom::key_value_pair> &all() const {
    return members;
  }

  /// The field `key`, if it is there and not null.
  std::optional<simdjson::dom::element> get(const char *key) const;

  /// A required integer from `low` to `high`.
  int64_t integer(const char *key, int64_t low, int64_t high);

  /// A required number from `low` to `high`.
  double number(const char *key, double low, double high);

  /// A required string.
  std::string string(const char *key);

  /// A required true or false.
  bool boolean(const char *key);

  /// A list of at most 64 integers from `low` to `high`, or one such integer
  /// for a list of one; absent or null is an empty list.
  std::vector<int64_t> integers(const char *key, int64_t low, int64_t high);

  /// A required object. Its own fields are `key`.<field> in messages.
  FieldReader object(const char *key);

  /// Reports that `key` should be `expected`, and what it is.
  void reject(const char *key, const std::string &expected);

  /// Reports a problem, as `<file>: <message>`.
  void fail(const std::string &message);

  /// Takes over the problem of `member`, which object() returned.
  void adopt(const FieldReader &member);

  /// The first problem, or nothing.
  const std::optional<Error> &problem() const { return firstProblem; }

private:
  FieldReader(std::string name, std::string prefix);

  std::optional<simdjson::dom::element> require(const char *key);

  std::vector<simdjson::dom::key_value_pair> members;
  std::string name;
  /// Begins the name of a key in messages, such as "rope_scaling.".
  std::string prefix;
  std::optional<Error> firstProblem;
};

} // namespace mx

#endif // MXFP4_LIB_CHECKPOINT_JSON_H
