//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads what may be a terminal, a pipe or hostile.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Input.h"

#include "mxfp4/Command/Interrupt.h"
#include "mxfp4/Support/File.h"
#include "mxfp4/Support/Quote.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

using namespace mx;

/// More than the longest context holds.
static constexpr size_t kMaxTextBytes = size_t(64) << 20;

/// Waits until a read of `file` will not wait. Returns false on Ctrl-C, which
/// can come at any moment: signals are let in only while waiting.
static bool waitForInput(int file) {
  const std::atomic<bool> &interrupted = catchInterrupt();
  sigset_t stops, before;
  sigemptyset(&stops);
  sigaddset(&stops, SIGINT);
  sigaddset(&stops, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stops, &before);
  pollfd input = {file, POLLIN, 0};
  while (!interrupted.load())
    if (ppoll(&input, 1, nullptr, &before) >= 0 || errno != EINTR)
      break;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return !interrupted.load();
}

static Result<std::string> readAll(int file, const std::string &name) {
  std::string text;
  std::vector<char> part(1 << 16);
  while (text.size() <= kMaxTextBytes) {
    if (!waitForInput(file))
      return Error{kInterrupted};
    ssize_t count = read(file, part.data(), part.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError(name + ": cannot read");
    if (count == 0)
      return text;
    text.append(part.data(), size_t(count));
  }
  return Error{name + ": expected at most " + std::to_string(kMaxTextBytes) +
               " bytes of text, but there are more"};
}

Result<std::string> mx::readText(const std::string &path) {
  if (path.empty())
    return readAll(STDIN_FILENO, "standard input");
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == EINTR && catchInterrupt().load())
    return Error{kInterrupted};
  if (file < 0)
    return systemError(path + ": cannot open");
  Result<std::string> text = readAll(file, path);
  close(file);
  return text;
}

Result<std::vector<int32_t>> mx::parseIds(std::string_view text) {
  constexpr const char *kSeparators = ", \t\r\n";
  std::vector<int32_t> ids;
  size_t begin = text.find_first_not_of(kSeparators);
  while (begin != std::string_view::npos) {
    size_t end = std::min(text.find_first_of(kSeparators, begin), text.size());
    std::string_view word = text.substr(begin, end - begin);
    int32_t id = 0;
    auto [rest, error] =
        std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || rest != word.data() + word.size() || id < 0)
      return Error{"expected a token id, but found " + quote(word)};
    ids.push_back(id);
    begin = text.find_first_not_of(kSeparators, end);
  }
  return ids;
}
