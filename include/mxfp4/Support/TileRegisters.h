//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The registers of AMX, which a process has to ask for.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_SUPPORT_TILEREGISTERS_H
#define MXFP4_SUPPORT_TILEREGISTERS_H

namespace mx {

/// Asks the operating system to keep the contents of tile registers for this
/// process, with all its threads. False if it does not.
bool requestTileRegisters();

} // namespace mx

#endif // MXFP4_SUPPORT_TILEREGISTERS_H
