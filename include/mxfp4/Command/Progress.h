//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A progress bar for work of known size, such as loading weights.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMMAND_PROGRESS_H
#define MXFP4_COMMAND_PROGRESS_H

#include <chrono>
#include <cstdint>
#include <string>

namespace mx {

/// One line on standard error that shows how many bytes are done. Draws nothing
/// where standard error is not a terminal; draws without color where NO_COLOR
/// is set.
class ProgressBar {
public:
  /// `label` says what is going on, such as "loading weights".
  explicit ProgressBar(std::string label);
  /// Removes the line.
  ~ProgressBar();

  ProgressBar(const ProgressBar &) = delete;
  ProgressBar &operator=(const ProgressBar &) = delete;

  /// Shows `done` of `total` bytes; draws at most some 20 times a second.
  void update(uint64_t done, uint64_t total);

private:
  std::string label;
  bool enabled;
  bool colored;
  bool drawn = false;
  std::chrono::steady_clock::time_point lastDrawn;
};

/// The line that a bar of `width` columns shows. For ProgressBar and its test.
std::string formatProgress(const std::string &label, uint64_t done,
                           uint64_t total, unsigned width);

} // namespace mx

#endif // MXFP4_COMMAND_PROGRESS_H
