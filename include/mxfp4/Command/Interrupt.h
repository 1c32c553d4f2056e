//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ctrl-C as a flag.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMMAND_INTERRUPT_H
#define MXFP4_COMMAND_INTERRUPT_H

#include <atomic>

namespace mx {

/// From the first call on, Ctrl-C and SIGTERM set the flag that is returned
/// instead of ending the process; the second one ends it.
const std::atomic<bool> &catchInterrupt();

} // namespace mx

#endif // MXFP4_COMMAND_INTERRUPT_H
