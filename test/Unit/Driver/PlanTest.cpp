//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parts of the memory plan, and their sums.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/Plan.h"

#include <gtest/gtest.h>

using namespace mx;

TEST(PlanTest, AddsUpCheckpoints) {
  MemoryPlan plan = planMemory(ModelConfig::gptOss20B(), Program(), 0);
  EXPECT_EQ(plan.total.checkpointBytes, 13'761'264'768u);
  uint64_t sum = 0;
  for (const PlanPart &part : plan.parts)
    sum += part.checkpointBytes;
  EXPECT_EQ(sum, plan.total.checkpointBytes);
  for (const PlanPart &part : plan.parts)
    EXPECT_NE(part.name, "other weights");
  EXPECT_EQ(plan.total.bytes, 0u);
}

TEST(PlanTest, AddsUpBuffers) {
  Program program;
  auto add = [&](const char *name, BufferKind kind, uint64_t bytes,
                 uint64_t bytesPerPosition) {
    Buffer buffer;
    buffer.name = name;
    buffer.kind = kind;
    buffer.bytes = bytes;
    buffer.bytesPerPosition = bytesPerPosition;
    program.buffers.push_back(buffer);
  };
  add("lm_head.weight", BufferKind::Weight, 1000, 0);
  add("model.layers.3.mlp.experts.down_proj_scales", BufferKind::Weight, 100,
      0);
  add("unknown", BufferKind::Weight, 1, 0);
  add("key_cache.0", BufferKind::Cache, 0, 16);
  add("key_cache.1", BufferKind::Cache, 64, 0);
  add("tokens", BufferKind::Input, 4, 0);
  add("logits", BufferKind::Output, 8, 0);
  add("arena", BufferKind::Arena, 5, 2);
  MemoryPlan plan = planMemory(ModelConfig::gptOss20B(), program, 10);
  auto bytesOf = [&](const std::string &name) {
    for (const PlanPart &part : plan.parts)
      if (part.name == name)
        return part.bytes;
    return ~uint64_t(0);
  };
  EXPECT_EQ(bytesOf("lm_head"), 1000u);
  EXPECT_EQ(bytesOf("expert scales"), 100u);
  EXPECT_EQ(bytesOf("other weights"), 1u);
  EXPECT_EQ(bytesOf("KV cache"), 224u);
  EXPECT_EQ(bytesOf("inputs and outputs"), 12u);
  EXPECT_EQ(bytesOf("arena"), 25u);
  EXPECT_EQ(bytesOf("norms"), 0u);
  EXPECT_EQ(plan.total.bytes, 1362u);
}
