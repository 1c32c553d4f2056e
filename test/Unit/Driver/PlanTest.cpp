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

#include "mxfp4/Checkpoint/Schema.h"

#include <gtest/gtest.h>
#include <set>

using namespace mx;

TEST(PlanTest, EveryWeightHasAPart) {
  std::set<std::string_view> parts;
  for (const TensorInfo &tensor : checkpointSchema(ModelConfig::gptOss20B()))
    parts.insert(partOfWeight(tensor.name));
  EXPECT_EQ(parts, (std::set<std::string_view>{"embedding", "attention",
                                               "router", "norms",
                                               "expert blocks", "expert scales",
                                               "expert biases", "lm_head"}));
}

TEST(PlanTest, PartsOfWeights) {
  EXPECT_EQ(partOfWeight("model.embed_tokens.weight"), "embedding");
  EXPECT_EQ(partOfWeight("model.layers.3.self_attn.sinks"), "attention");
  EXPECT_EQ(partOfWeight("model.layers.3.mlp.router.bias"), "router");
  EXPECT_EQ(partOfWeight("model.layers.3.mlp.experts.down_proj_bias"),
            "expert biases");
  EXPECT_EQ(partOfWeight("model.layers.3.mlp.experts.down_proj"),
            "expert blocks");
  EXPECT_EQ(partOfWeight("model.layers.3.post_attention_layernorm.weight"),
            "norms");
  EXPECT_EQ(partOfWeight("something"), "other weights");
}

TEST(PlanTest, AddsUpCheckpoints) {
  MemoryPlan plan = planMemory(ModelConfig::gptOss20B(), Program(), 0);
  EXPECT_EQ(plan.total.checkpointBytes, 13'761'264'768u);
  uint64_t sum = 0;
  for (const PlanPart &part : plan.parts)
    sum += part.checkpointBytes;
  EXPECT_EQ(sum, plan.total.checkpointBytes);
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
  EXPECT_EQ(bytesOf("KV cache"), 224u);
  EXPECT_EQ(bytesOf("inputs and outputs"), 12u);
  EXPECT_EQ(bytesOf("arena"), 25u);
  EXPECT_EQ(bytesOf("norms"), 0u);
  EXPECT_EQ(plan.total.bytes, 1261u);
}

TEST(PlanTest, CountsParameters) {
  EXPECT_EQ(countParameters(ModelConfig::gptOss20B()), 20'914'757'184u);
  EXPECT_EQ(countParameters(ModelConfig::gptOss120B()), 116'829'156'672u);
}
