//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Probes of every instruction set that this machine has.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Ceilings.h"

#include "mxfp4/ABI/Probes.h"
#include "mxfp4/Compiler/Compiler.h"
#include "mxfp4/Runtime/CPUFeatures.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace mx;

TEST(CeilingsTest, EveryInstructionSet) {
  int64_t ran = 0;
  for (const char *target : {"cpu", "cpu:x86-64-v4", "cpu:x86-64-v3",
                             "cpu:x86-64", "cpu:neoverse-n2", "cpu:neoverse-n1",
                             "cpu:cortex-a72", "cpu:generic"}) {
    CompileOptions options;
    options.target = target;
    Result<std::vector<InstructionSet>> sets = listInstructionSets(options);
    ASSERT_TRUE(sets) << sets.error().message;
    auto chosen =
        std::find_if(sets->begin(), sets->end(),
                     [](const InstructionSet &set) { return set.isChosen; });
    ASSERT_NE(chosen, sets->end());
    Result<Program> probes = compileProbes(options);
    ASSERT_TRUE(probes) << probes.error().message;
    EXPECT_EQ(probes->features, chosen->features);
    EXPECT_EQ(probes->findEntry(kByteProbe) != nullptr,
              !chosen->byteProducts.empty());
    if (!std::all_of(chosen->features.begin(), chosen->features.end(),
                     processorHasFeature))
      continue;
    ++ran;
    Result<Ceilings> ceilings =
        measureCeilings(*probes, /*threads=*/2, /*pin=*/false);
    ASSERT_TRUE(ceilings) << ceilings.error().message;
    EXPECT_GT(ceilings->bytes, 0);
    EXPECT_GT(ceilings->floatOperations, 0);
    EXPECT_EQ(ceilings->byteOperations > 0, !chosen->byteProducts.empty());
  }
  EXPECT_GT(ran, 0);
}

TEST(CeilingsTest, RefusesMoreThreadsThanThereCanBe) {
  Result<Program> probes = compileProbes({});
  ASSERT_TRUE(probes) << probes.error().message;
  Result<Ceilings> ceilings =
      measureCeilings(*probes, /*threads=*/5000, /*pin=*/false);
  ASSERT_FALSE(ceilings);
  EXPECT_EQ(ceilings.error().message,
            "the program runs on at most 1024 threads, but got 5000");
}
