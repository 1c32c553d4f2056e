//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the compiler and the runtime call the features of a processor.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/VectorISA.h"
#include "mxfp4/Runtime/CPUFeatures.h"

#include <gtest/gtest.h>

using namespace mx;

TEST(FeaturesTest, RuntimeKnowsWhatTheCompilerNames) {
  using mlir::mxfp4::VectorISA;
#ifdef __aarch64__
  constexpr auto here = VectorISA::Architecture::AArch64;
#else
  constexpr auto here = VectorISA::Architecture::X86;
#endif
  int64_t count = 0;
  for (const VectorISA &isa : VectorISA::all()) {
    if (isa.architecture != here)
      continue;
    for (llvm::StringRef feature : isa.features) {
      EXPECT_TRUE(isKnownFeature(feature.str())) << feature.str();
      ++count;
    }
  }
  EXPECT_GT(count, 0);
  EXPECT_FALSE(isKnownFeature("avx9000"));
}
