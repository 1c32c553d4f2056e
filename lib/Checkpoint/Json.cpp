//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every message names the file and the key, what was expected and what is
// there.
//
//===----------------------------------------------------------------------===//

#include "Json.h"

#include "mxfp4/Support/Quote.h"

#include <algorithm>
#include <cstdio>

using namespace mx;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::key_value_pair;

static std::string formatNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.10g", value);
  return text;
}

std::string mx::describe(element value) {
  switch (value.type()) {
  case element_type::ARRAY:
    return "a list";
  case element_type::OBJECT:
    return "an object";
  case element_type::STRING:
    return quote(value.get_string().value_unsafe());
  case element_type::INT64:
    return std::to_string(value.get_int64().value_unsafe());
  case element_type::UINT64:
    return std::to_string(value.get_uint64().value_unsafe());
  case element_type::DOUBLE:
    return formatNumber(value.get_double().value_unsafe());
  case element_type::BOOL:
    return value.get_bool().value_unsafe() ? "true" : "false";
  case element_type::NULL_VALUE:
    return "null";
  }
  return "an unknown value";
}

Result<std::vector<key_value_pair>>
mx::jsonMembers(simdjson::dom::object object, const std::string &where) {
  std::vector<key_value_pair> members;
  std::vector<std::string_view> keys;
  for (key_value_pair member : object) {
    members.push_back(member);
    keys.push_back(member.key);
  }
  std::sort(keys.begin(), keys.end());
  auto repeated = std::adjacent_find(keys.begin(), keys.end());
  if (repeated != keys.end())
    return Error{where + ": key " + quote(*repeated) + " is repeated"};
  return members;
}

Result<simdjson::dom::object> mx::parseJsonObject(simdjson::dom::parser &parser,
                                                  std::string_view text,
                                                  const std::string &name) {
  element root;
  if (simdjson::error_code error =
          parser.parse(text.data(), text.size()).get(root))
    return Error{name + ": expected valid JSON, but found: " +
                 simdjson::error_message(error)};
  simdjson::dom::object result;
  if (root.get(result))
    return Error{name + ": expected a JSON object, but got " + describe(root)};
  return result;
}

FieldReader::FieldReader(std::string name, std::string prefix)
    : name(std::move(name)), prefix(std::move(prefix)) {}

FieldReader::FieldReader(simdjson::dom::object object, std::string name)
    : FieldReader(std::move(name), "") {
  Result<std::vector<key_value_pair>> found = jsonMembers(object, this->name);
  if (found)
    members = std::move(*found);
  else
    firstProblem = found.error();
}

std::optional<element> FieldReader::get(const char *key) const {
  for (const key_value_pair &member : members)
    if (member.key == key && !member.value.is_null())
      return member.value;
  return std::nullopt;
}

bool FieldReader::has(const char *key) const { return get(key).has_value(); }

void FieldReader::fail(const std::string &message) {
  if (!firstProblem)
    firstProblem = Error{name + ": " + message};
}

void FieldReader::adopt(const FieldReader &member) {
  if (!firstProblem)
    firstProblem = member.firstProblem;
}

void FieldReader::reject(const char *key, const std::string &expected) {
  std::optional<element> value = get(key);
  fail("key " + quote(prefix + key) + ": expected " + expected + ", but got " +
       (value ? describe(*value) : "nothing"));
}

std::optional<element> FieldReader::require(const char *key) {
  std::optional<element> value = get(key);
  if (!value)
    fail("key " + quote(prefix + key) + " is missing");
  return value;
}

static std::string rangeOf(int64_t low, int64_t high) {
  return "from " + std::to_string(low) + " to " + std::to_string(high);
}

int64_t FieldReader::integer(const char *key, int64_t low, int64_t high) {
  std::optional<element> value = require(key);
  int64_t number = 0;
  if (!value)
    return 0;
  if (value->get(number) || number < low || number > high) {
    reject(key, "an integer " + rangeOf(low, high));
    return 0;
  }
  return number;
}

double FieldReader::number(const char *key, double low, double high) {
  std::optional<element> value = require(key);
  double number = 0;
  if (!value)
    return 0;
  if (value->get(number) || !(number >= low && number <= high)) {
    reject(key,
           "a number from " + formatNumber(low) + " to " + formatNumber(high));
    return 0;
  }
  return number;
}

std::string FieldReader::string(const char *key) {
  std::optional<element> value = require(key);
  std::string_view text;
  if (value && value->get(text))
    reject(key, "a string");
  return std::string(text);
}

bool FieldReader::boolean(const char *key) {
  std::optional<element> value = require(key);
  bool flag = false;
  if (value && value->get(flag))
    reject(key, "true or false");
  return flag;
}

std::vector<int64_t> FieldReader::integers(const char *key, int64_t low,
                                           int64_t high) {
  constexpr size_t kMaxCount = 64;
  std::optional<element> value = get(key);
  if (!value)
    return {};
  simdjson::dom::array list;
  if (value->get(list))
    return {integer(key, low, high)};

  std::vector<int64_t> numbers;
  for (element item : list) {
    int64_t number = 0;
    if (item.get(number) || number < low || number > high ||
        numbers.size() == kMaxCount) {
      fail("key " + quote(prefix + key) + ": expected at most " +
           std::to_string(kMaxCount) + " integers " + rangeOf(low, high) +
           ", but item " + std::to_string(numbers.size()) + " is " +
           describe(item));
      return {};
    }
    numbers.push_back(number);
  }
  return numbers;
}

FieldReader FieldReader::object(const char *key) {
  FieldReader member(name, prefix + key + ".");
  std::optional<element> value = require(key);
  simdjson::dom::object fields;
  if (!value)
    return member;
  if (value->get(fields)) {
    reject(key, "an object");
    return member;
  }
  Result<std::vector<key_value_pair>> found =
      jsonMembers(fields, name + ": key " + quote(prefix + key));
  if (found)
    member.members = std::move(*found);
  else if (!firstProblem)
    firstProblem = found.error();
  return member;
}
