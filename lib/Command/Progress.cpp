//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The bar is redrawn in place: return to the first column, line, erase the
// rest.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Progress.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

using namespace mx;

static constexpr std::chrono::milliseconds kRedraw(50);
static constexpr unsigned kDefaultWidth = 80;
static constexpr unsigned kMaxBar = 40;

static bool isSet(const char *name) {
  const char *value = std::getenv(name);
  return value && *value;
}

static unsigned terminalWidth() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return kDefaultWidth;
}

static std::string formatBytes(uint64_t bytes) {
  char text[32];
  if (bytes < 100'000'000)
    std::snprintf(text, sizeof(text), "%.1f MB", double(bytes) / 1e6);
  else
    std::snprintf(text, sizeof(text), "%.2f GB", double(bytes) / 1e9);
  return text;
}

std::string mx::formatProgress(const std::string &label, uint64_t done,
                               uint64_t total, unsigned width) {
  double part = total ? std::min(1.0, double(done) / double(total)) : 1.0;
  char percent[16];
  std::snprintf(percent, sizeof(percent), "%3d %%", int(part * 100));
  std::string numbers = std::string(percent) + "  " + formatBytes(done) +
                        " of " + formatBytes(total);

  // "label [####    ] numbers": the bar takes what is left of the line.
  size_t others = label.size() + numbers.size() + 4;
  std::string line = label + " ";
  if (width > others + 1) {
    size_t bar = std::min<size_t>(width - others - 1, kMaxBar);
    size_t filled = size_t(part * double(bar));
    line +=
        "[" + std::string(filled, '#') + std::string(bar - filled, ' ') + "] ";
  }
  line += numbers;
  // A line as wide as the terminal would wrap and not be redrawn in place.
  return line.substr(0, width > 0 ? width - 1 : 0);
}

ProgressBar::ProgressBar(std::string label)
    : label(std::move(label)), enabled(isatty(STDERR_FILENO)),
      colored(!isSet("NO_COLOR")) {
  const char *terminal = std::getenv("TERM");
  if (terminal && std::string_view(terminal) == "dumb")
    enabled = false;
}

ProgressBar::~ProgressBar() {
  if (drawn)
    std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::update(uint64_t done, uint64_t total) {
  if (!enabled)
    return;
  auto now = std::chrono::steady_clock::now();
  if (drawn && done < total && now - lastDrawn < kRedraw)
    return;
  lastDrawn = now;
  drawn = true;
  std::string line = formatProgress(label, done, total, terminalWidth());
  std::fprintf(stderr, colored ? "\r\x1b[36m%s\x1b[0m\x1b[K" : "\r%s\x1b[K",
               line.c_str());
  std::fflush(stderr);
}
