//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The hash is computed by the build.
//
//===----------------------------------------------------------------------===//

#include "BuildID.h"

const char *const mx::kBuildID =
#include "BuildID.inc"
    ;
