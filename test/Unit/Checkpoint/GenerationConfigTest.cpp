//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// generation_config.json, whose every field is optional.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/GenerationConfig.h"

#include "TestSupport.h"

using namespace mx;
using namespace mx::test;

static Result<GenerationConfig> parse(const std::string &json) {
  return parseGenerationConfig(json, "generation_config.json");
}

TEST(GenerationConfigTest, OfficialFile) {
  Result<GenerationConfig> config =
      parse(R"({"bos_token_id": 199998, "do_sample": true,
                "eos_token_id": [200002, 199999], "pad_token_id": 199999})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->eosTokenIds, (std::vector<int64_t>{200002, 199999}));
  EXPECT_EQ(config->doSample, true);
  EXPECT_FALSE(config->temperature);
  EXPECT_FALSE(config->topP);
}

TEST(GenerationConfigTest, AllFieldsSurviveARoundTrip) {
  GenerationConfig config;
  config.eosTokenIds = {7};
  config.doSample = false;
  config.temperature = 0.7;
  config.topP = 0.95;
  Result<GenerationConfig> read = parse(writeGenerationConfig(config));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->eosTokenIds, config.eosTokenIds);
  EXPECT_EQ(read->doSample, config.doSample);
  EXPECT_EQ(read->temperature, config.temperature);
  EXPECT_EQ(read->topP, config.topP);
}

TEST(GenerationConfigTest, Empty) {
  EXPECT_TRUE(parse("{}"));
  EXPECT_TRUE(parse(writeGenerationConfig({})));
  Result<GenerationConfig> config = parse(R"({"eos_token_id": 3})");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->eosTokenIds, std::vector<int64_t>{3});
}

TEST(GenerationConfigTest, BadFields) {
  expectError(parse(R"({"temperature": -1})"),
              "generation_config.json: key 'temperature': expected a number "
              "from 0 to 1000, but got -1");
  expectError(parse(R"({"top_p": 2})"),
              "key 'top_p': expected a number from 0 to 1, but got 2");
  expectError(parse(R"({"do_sample": "yes"})"),
              "key 'do_sample': expected true or false, but got 'yes'");
  expectError(parse(R"({"eos_token_id": "a"})"),
              "key 'eos_token_id': expected an integer");
  std::string many = "[0";
  for (int i = 0; i < 64; ++i)
    many += ",0";
  expectError(parse("{\"eos_token_id\": " + many + "]}"),
              "key 'eos_token_id': expected at most 64 integers");
}
