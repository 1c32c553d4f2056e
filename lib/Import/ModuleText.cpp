//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Only brackets are counted, so this is much faster than the parser.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Import/ModuleText.h"

#include "mxfp4/Support/Quote.h"
#include "llvm/Config/llvm-config.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::mxfp4;

#define MXFP4_STRINGIFY_(x) #x
#define MXFP4_STRINGIFY(x) MXFP4_STRINGIFY_(x)

static constexpr size_t kMaxBytes = (size_t(1) << 31) - 1;
/// The parser runs out of 8 MiB of stack at 20,000 nested modules.
static constexpr int kMaxDepth = 1000;

static constexpr std::string_view kBytecodeMagic("ML\xEFR", 4);
/// What releases of this series write before their bytecode.
static constexpr std::string_view kProducer =
    "MLIR" MXFP4_STRINGIFY(LLVM_VERSION_MAJOR) ".";

/// The end of the string or comment that begins at `at`, or `at` if none does.
static size_t skipText(std::string_view text, size_t at) {
  if (text[at] == '"') {
    for (size_t end = at + 1; end < text.size(); ++end) {
      if (text[end] == '\\')
        ++end;
      else if (text[end] == '"' || text[end] == '\n')
        return end + 1;
    }
    return text.size();
  }
  if (text[at] == '/' && at + 1 < text.size() && text[at + 1] == '/') {
    size_t end = text.find('\n', at);
    return end == std::string_view::npos ? text.size() : end;
  }
  return at;
}

/// Brackets that are open, and signs in a row: the parser calls itself for
/// each.
static std::optional<ModuleTextError> checkDepth(std::string_view text) {
  int depth = 0, signs = 0;
  size_t line = 1;
  for (size_t at = 0; at < text.size();) {
    if (size_t end = skipText(text, at); end != at) {
      line += text[end - 1] == '\n';
      at = end;
      continue;
    }
    char letter = text[at++];
    char next = at < text.size() ? text[at] : '\0';
    if (letter == '\n')
      ++line;
    // Arrows and comparisons are no brackets.
    bool isOperator = ((letter == '<' || letter == '>') && next == '=') ||
                      (letter == '>' && at >= 2 && text[at - 2] == '-');
    if (letter == '(' || letter == '[' || letter == '{' ||
        (letter == '<' && !isOperator))
      ++depth;
    else if (letter == ')' || letter == ']' || letter == '}' ||
             (letter == '>' && !isOperator))
      depth -= depth > 0;
    if (letter == '-')
      ++signs;
    else if (letter != ' ' && letter != '\t' && letter != '\n')
      signs = 0;
    if (depth > kMaxDepth || signs > kMaxDepth)
      return ModuleTextError{line,
                             std::string("expected ") +
                                 (signs > kMaxDepth ? "signs" : "brackets") +
                                 " to be nested at most " +
                                 std::to_string(kMaxDepth) + " deep"};
  }
  return std::nullopt;
}

/// The header of bytecode is the magic, the version as a variable-length
/// integer of one byte, and the producer, which ends in a zero.
static std::optional<ModuleTextError> checkProducer(std::string_view bytes) {
  size_t begin = kBytecodeMagic.size() + 1;
  size_t end = bytes.find('\0', std::min(begin, bytes.size()));
  if (end == std::string_view::npos)
    return ModuleTextError{1, "expected bytecode to have a producer"};
  std::string_view producer = bytes.substr(begin, end - begin);
  if (producer.substr(0, kProducer.size()) == kProducer)
    return std::nullopt;
  return ModuleTextError{1, "expected bytecode of MLIR " LLVM_VERSION_STRING
                            ", but it was written by " +
                                mx::quote(std::string(producer)) +
                                "; pass it on as text"};
}

std::optional<ModuleTextError> mxfp4::checkModuleText(std::string_view text) {
  if (text.size() > kMaxBytes)
    return ModuleTextError{1, "expected a module of less than 2 GiB, but got " +
                                  std::to_string(text.size()) + " bytes"};
  if (text.substr(0, kBytecodeMagic.size()) == kBytecodeMagic)
    return checkProducer(text);
  return checkDepth(text);
}
