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
  for (const mlir::mxfp4::VectorISA &isa : mlir::mxfp4::VectorISA::all())
    for (llvm::StringRef feature : isa.features)
      EXPECT_TRUE(isKnownFeature(feature.str())) << feature.str();
  EXPECT_FALSE(isKnownFeature("avx9000"));
}
