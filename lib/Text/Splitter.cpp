//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Any pattern but that of o200k, through PCRE2. The pattern comes from a file,
// so a callout before each of its items checks the clock: patterns that take
// exponential time end with an error.
//
// PCRE2 10.42 knows Unicode 14, and its \s includes U+180E. Texts with these
// characters may be cut unlike in implementations of a later Unicode.
//
//===----------------------------------------------------------------------===//

#include "Splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

using namespace mx;

using Clock = std::chrono::steady_clock;

static std::string pcre2Message(int code) {
  PCRE2_UCHAR buffer[256];
  if (pcre2_get_error_message(code, buffer, sizeof(buffer)) < 0)
    return "error " + std::to_string(code);
  return reinterpret_cast<const char *>(buffer);
}

Result<Splitter> Splitter::compile(const std::string &pattern) {
  Splitter splitter;
  if (pattern == kO200kPattern)
    return splitter;

  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code *compiled = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT,
      &code, &offset, nullptr);
  if (!compiled)
    return Error{"the pattern is wrong at byte " + std::to_string(offset) +
                 ": " + pcre2Message(code)};
  splitter.code = std::shared_ptr<void>(compiled, [](void *pointer) {
    pcre2_code_free(static_cast<pcre2_code *>(pointer));
  });
  // Where there is no JIT, pcre2_match interprets the pattern.
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  return splitter;
}

Splitter::Run::Run(const Splitter &splitter, size_t bytes)
    : splitter(splitter), deadline(Clock::now() + std::chrono::seconds(2) +
                                   std::chrono::microseconds(5 * bytes)) {}

/// Ends the match once the deadline, which is `data`, has passed.
static int checkDeadline(pcre2_callout_block *, void *data) {
  return Clock::now() > *static_cast<Clock::time_point *>(data)
             ? PCRE2_ERROR_CALLOUT
             : 0;
}

Status Splitter::Run::split(std::string_view text,
                            const PieceFunction &handlePiece) {
  size_t begin = 0;
  if (!splitter.code) {
    while (begin < text.size()) {
      size_t end = endOfO200kPiece(text, begin);
      handlePiece(text.substr(begin, end - begin));
      begin = end;
    }
    return {};
  }

  const auto *code = static_cast<const pcre2_code *>(splitter.code.get());
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code, nullptr),
      pcre2_match_data_free);
  std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)>
      context(pcre2_match_context_create(nullptr), pcre2_match_context_free);
  if (!match || !context)
    return Error{"no memory to match the pattern"};
  // The clock is the limit of steps. That of memory is in KiB.
  pcre2_set_match_limit(context.get(), UINT32_MAX);
  pcre2_set_depth_limit(context.get(), UINT32_MAX);
  pcre2_set_heap_limit(context.get(), 1 << 20);
  pcre2_set_callout(context.get(), checkDeadline, &deadline);

  while (begin < text.size()) {
    auto runMatch = [&](uint32_t options) {
      return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                         text.size(), begin,
                         PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY_ATSTART | options,
                         match.get(), context.get());
    };
    int found = runMatch(0);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
      found = runMatch(PCRE2_NO_JIT);
    if (found == PCRE2_ERROR_NOMATCH) {
      handlePiece(text.substr(begin));
      return {};
    }
    if (found == PCRE2_ERROR_CALLOUT)
      return Error{"the pattern takes too long on this text"};
    if (found < 0)
      return Error{"the pattern fails on this text: " + pcre2Message(found)};

    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(match.get());
    // \K in a look-ahead can put the start of a match anywhere.
    if (bounds[0] < begin || bounds[1] < bounds[0] || bounds[1] <= begin)
      return Error{"the pattern moves the start of its match"};
    if (bounds[0] > begin)
      handlePiece(text.substr(begin, bounds[0] - begin));
    if (bounds[1] > bounds[0])
      handlePiece(text.substr(bounds[0], bounds[1] - bounds[0]));
    begin = bounds[1];
  }
  return {};
}
