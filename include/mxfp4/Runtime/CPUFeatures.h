//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which instruction sets this processor has, by the names that LLVM gives them.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_CPUFEATURES_H
#define MXFP4_RUNTIME_CPUFEATURES_H

#include <string>

namespace mx {

/// True if processorHasFeature can tell about `feature`.
bool isKnownFeature(const std::string &feature);

/// True if this processor and its operating system have `feature`, such as
/// "avx2"; false also for a name that is not known. The process may use it from
/// then on.
bool processorHasFeature(const std::string &feature);

} // namespace mx

#endif // MXFP4_RUNTIME_CPUFEATURES_H
