//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ARCH_REQ_XCOMP_PERM of Linux. Source: Documentation/arch/x86/xstate.rst.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Support/TileRegisters.h"

#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>

bool mx::requestTileRegisters() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#else
bool mx::requestTileRegisters() { return false; }
#endif
