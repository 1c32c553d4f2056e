//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The schema against the published checkpoints, whose sizes are known to the
// byte.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/Schema.h"

#include "mxfp4/Checkpoint/Safetensors.h"
#include "mxfp4/Checkpoint/Synthesize.h"

#include "TestSupport.h"

#include <map>
#include <set>

using namespace mx;
using namespace mx::test;

static uint64_t totalBytes(const std::vector<TensorInfo> &tensors) {
  uint64_t total = 0;
  for (const TensorInfo &tensor : tensors)
    total += tensor.bytes;
  return total;
}

TEST(SchemaTest, TotalsOfThePublishedModels) {
  std::vector<TensorInfo> small = checkpointSchema(ModelConfig::gptOss20B());
  EXPECT_EQ(small.size(), 459u);
  EXPECT_EQ(totalBytes(small), 13'761'264'768u);
  std::vector<TensorInfo> large = checkpointSchema(ModelConfig::gptOss120B());
  EXPECT_EQ(large.size(), 687u);
  EXPECT_EQ(totalBytes(large), 65'248'815'744u);
}

TEST(SchemaTest, TotalsInBF16) {
  EXPECT_EQ(totalBytes(dequantizedSchema(ModelConfig::gptOss20B())),
            41'829'514'368u);
  EXPECT_EQ(totalBytes(dequantizedSchema(ModelConfig::gptOss120B())),
            233'658'313'344u);
}

TEST(SchemaTest, DequantizedExpertsAreTransposed) {
  std::string found;
  for (const TensorInfo &tensor : dequantizedSchema(smallModel()))
    if (tensor.name == "model.layers.1.mlp.experts.gate_up_proj" ||
        tensor.name == "model.layers.1.mlp.experts.down_proj")
      found += describeTensor(tensor) + " ";
  EXPECT_EQ(found, "BF16 [3, 64, 192] BF16 [3, 96, 64] ");
}

TEST(SchemaTest, RolesOfTensors) {
  std::vector<TensorInfo> tensors = checkpointSchema(smallModel());
  for (const TensorInfo &tensor : dequantizedSchema(smallModel()))
    tensors.push_back(tensor);
  std::map<TensorRole, int> counts;
  std::set<std::string> last;
  for (const TensorInfo &tensor : tensors) {
    ++counts[tensor.role];
    if (tensor.endsSublayer)
      last.insert(tensor.name.substr(
          tensor.name.rfind('.', tensor.name.find("_proj")) + 1));
  }
  // Of two layers in two layouts.
  using Role = TensorRole;
  EXPECT_EQ(counts, (std::map<TensorRole, int>{{Role::Embedding, 2},
                                               {Role::Norm, 10},
                                               {Role::AttentionWeight, 16},
                                               {Role::AttentionBias, 16},
                                               {Role::AttentionSinks, 4},
                                               {Role::RouterWeight, 4},
                                               {Role::RouterBias, 4},
                                               {Role::ExpertWeight, 4},
                                               {Role::ExpertBlocks, 4},
                                               {Role::ExpertScales, 4},
                                               {Role::ExpertBias, 8},
                                               {Role::Head, 2}}));
  EXPECT_EQ(last, (std::set<std::string>{"o_proj.weight", "down_proj_blocks",
                                         "down_proj_scales", "down_proj"}));
  EXPECT_EQ(dequantizedName("a_b.down_proj_blocks"), "a_b.down_proj");
}

/// The sizes of the three files, header and data, and their tensors.
TEST(SchemaTest, ShardsOfThePublishedModel) {
  std::vector<std::vector<TensorInfo>> shards =
      planShards(ModelConfig::gptOss20B(), kOfficialShardBytes);
  ASSERT_EQ(shards.size(), 3u);
  const uint64_t kFileBytes[] = {4'792'272'488, 4'798'702'184, 4'170'342'232};
  const uint64_t kDataBegins[] = {22'248, 22'312, 7'576};
  const size_t kTensors[] = {196, 197, 66};
  for (size_t shard = 0; shard < 3; ++shard) {
    uint64_t headerBytes = safetensorsHeader(shards[shard]).size();
    EXPECT_EQ(shards[shard].size(), kTensors[shard]);
    EXPECT_EQ(headerBytes, kDataBegins[shard]);
    EXPECT_EQ(headerBytes + totalBytes(shards[shard]), kFileBytes[shard]);
  }
}

TEST(SchemaTest, ShardsOfTheLargeModel) {
  std::vector<std::vector<TensorInfo>> shards =
      planShards(ModelConfig::gptOss120B(), kOfficialShardBytes);
  EXPECT_EQ(shards.size(), 15u);
  for (const std::vector<TensorInfo> &shard : shards)
    EXPECT_LE(totalBytes(shard), kOfficialShardBytes);
}

TEST(SchemaTest, SizesOfDtypes) {
  EXPECT_EQ(dtypeBits("F4"), 4u);
  EXPECT_EQ(dtypeBits("F6_E3M2"), 6u);
  EXPECT_EQ(dtypeBits("F8_E8M0"), 8u);
  EXPECT_EQ(dtypeBits("BF16"), 16u);
  EXPECT_EQ(dtypeBits("C64"), 64u);
  EXPECT_EQ(dtypeBits("bf16"), 0u);
  EXPECT_EQ(dtypeBits(""), 0u);
  EXPECT_EQ(describeTensor({"", "\x1B[2J", {1, 2}, 2}), "'\\x1b[2J' [1, 2]");
  EXPECT_EQ(*tensorBytes("BF16", {}), 2u);
  EXPECT_EQ(*tensorBytes("BF16", {3, 0}), 0u);
  EXPECT_FALSE(tensorBytes("BF16", {int64_t(1) << 60}));
  EXPECT_FALSE(tensorBytes("F4", {1}));
}

TEST(SchemaTest, CountsParameters) {
  EXPECT_EQ(countParameters(ModelConfig::gptOss20B()), 20'914'757'184u);
  EXPECT_EQ(countParameters(ModelConfig::gptOss120B()), 116'829'156'672u);
}
