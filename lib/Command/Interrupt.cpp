//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The signal handler.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Interrupt.h"

#include <csignal>

using namespace mx;

static std::atomic<bool> interruptFlag{false};
static_assert(std::atomic<bool>::is_always_lock_free,
              "a signal handler may set it");

const std::atomic<bool> &mx::catchInterrupt() {
  static const bool installed = [] {
    struct sigaction action = {};
    action.sa_handler = [](int) { interruptFlag.store(true); };
    // The second signal ends the process. No SA_RESTART: a read that waits for
    // the user returns.
    action.sa_flags = int(SA_RESETHAND);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    return true;
  }();
  static_cast<void>(installed);
  return interruptFlag;
}
