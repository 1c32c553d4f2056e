//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What tells this build of the compiler from one of other sources.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_COMPILER_BUILDID_H
#define MXFP4_LIB_COMPILER_BUILDID_H

namespace mx {

/// A hash of the sources, in hexadecimal.
extern const char *const kBuildID;

} // namespace mx

#endif // MXFP4_LIB_COMPILER_BUILDID_H
