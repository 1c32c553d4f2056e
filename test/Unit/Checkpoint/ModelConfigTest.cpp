//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// config.json: the published models survive a round trip, and each thing that
// can be wrong has its message.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/ModelConfig.h"

#include "TestSupport.h"

using namespace mx;
using namespace mx::test;

static std::string official() {
  return writeModelConfig(ModelConfig::gptOss20B());
}

static Result<ModelConfig> parse(const std::string &json) {
  return parseModelConfig(json, "config.json");
}

/// Parses the official file after one change.
static Result<ModelConfig> parseChanged(const std::string &from,
                                        const std::string &to) {
  return parse(replaced(official(), from, to));
}

TEST(ModelConfigTest, PublishedModelsSurviveARoundTrip) {
  for (const ModelConfig &config :
       {ModelConfig::gptOss20B(), ModelConfig::gptOss120B(), smallModel()}) {
    Result<ModelConfig> read = parse(writeModelConfig(config));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(writeModelConfig(*read), writeModelConfig(config));
    EXPECT_EQ(read->slidingLayers, config.slidingLayers);
    EXPECT_EQ(read->eosTokenIds, config.eosTokenIds);
    EXPECT_EQ(read->swigluAlpha, 1.702);
    EXPECT_TRUE(read->quantized);
  }
}

TEST(ModelConfigTest, LayerTypesOfThePublishedModels) {
  ModelConfig config = ModelConfig::gptOss120B();
  ASSERT_EQ(config.slidingLayers.size(), 36u);
  EXPECT_TRUE(config.slidingLayers.front());
  EXPECT_FALSE(config.slidingLayers.back());
}

TEST(ModelConfigTest, TrainedModel) {
  Result<ModelConfig> config =
      readModelConfig(MXFP4_SOURCE_DIR "/models/tiny-shakespeare/config.json");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->numHiddenLayers, 6);
  EXPECT_EQ(config->hiddenSize, 192);
  EXPECT_EQ(config->numLocalExperts, 8);
  EXPECT_EQ(config->slidingWindow, 64);
  EXPECT_EQ(config->ropeScaling.factor, 4.0);
  EXPECT_FALSE(config->ropeScaling.truncate);
  EXPECT_EQ(config->eosTokenIds, std::vector<int64_t>{2041});
  EXPECT_TRUE(config->quantized);
}

TEST(ModelConfigTest, OtherSpellings) {
  Result<ModelConfig> config = parseChanged("\"num_experts_per_tok\": 4,", "");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->numExpertsPerTok, 4);

  config = parseChanged("\"experts_per_token\": 4,", "");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->numExpertsPerTok, 4);

  std::string json = replaced(official(), "\"rope_theta\": 150000.0,", "");
  json = replaced(json, "\"rope_scaling\": {",
                  "\"rope_parameters\": {\"rope_theta\": 10000,");
  config = parse(json);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->ropeTheta, 10000.0);
  EXPECT_EQ(config->ropeScaling.factor, 32.0);

  config = parseChanged("\"rope_type\"", "\"type\"");
  EXPECT_TRUE(config) << config.error().message;
}

TEST(ModelConfigTest, OptionalFields) {
  Result<ModelConfig> config = parseChanged(
      "\"eos_token_id\": 200002", "\"eos_token_id\": [200002, 199999]");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->eosTokenIds, (std::vector<int64_t>{200002, 199999}));

  config = parseChanged("\"eos_token_id\": 200002", "\"eos_token_id\": null");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->eosTokenIds.empty());

  config = parseChanged("\"swiglu_limit\"", "\"swiglu_alpha\": 1.5, "
                                            "\"swiglu_limit\"");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->swigluAlpha, 1.5);

  config = parseChanged("\"layer_types\"", "\"ignored\"");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->slidingLayers, ModelConfig::gptOss20B().slidingLayers);

  config = parseChanged("\"quantization_config\"", "\"ignored\"");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(config->quantized);

  // Transformers rounds the bounds of YaRN unless it is told not to.
  config = parseChanged("\"truncate\": false", "\"ignored\": 1");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->ropeScaling.truncate);
}

namespace {
struct BadConfig {
  const char *from;
  const char *to;
  const char *message;
};
} // namespace

TEST(ModelConfigTest, BadFields) {
  const BadConfig kCases[] = {
      {"\"gpt_oss\"", "\"llama\"",
       "config.json: key 'model_type': expected 'gpt_oss', but got 'llama'"},
      {"\"model_type\": \"gpt_oss\",", "",
       "config.json: key 'model_type' is missing"},
      {"\"hidden_size\": 2880", "\"hidden_size\": 2890",
       "key 'hidden_size': expected a multiple of 32, but got 2890"},
      {"\"hidden_size\": 2880", "\"hidden_size\": -32",
       "key 'hidden_size': expected an integer from 32 to 131072, but got "
       "-32"},
      {"\"hidden_size\": 2880", "\"hidden_size\": \"2880\"",
       "expected an integer from 32 to 131072, but got '2880'"},
      {"\"hidden_size\": 2880", "\"hidden_size\": 2880.0",
       "expected an integer from 32 to 131072, but got 2880"},
      {"\"hidden_size\": 2880", "\"hidden_size\": 18446744073709551615",
       "but got 18446744073709551615"},
      {"\"hidden_size\": 2880", "\"hidden_size\": 99999999999999999999999",
       "expected valid JSON"},
      {"\"hidden_size\": 2880,", "\"hidden_size\": 64, \"hidden_size\": 2880,",
       "config.json: key 'hidden_size' is repeated"},
      {"\"intermediate_size\": 2880", "\"intermediate_size\": 100",
       "key 'intermediate_size': expected a multiple of 32, but got 100"},
      {"\"num_hidden_layers\": 24", "\"num_hidden_layers\": 1000000",
       "key 'num_hidden_layers': expected an integer from 1 to 1024"},
      {"\"num_hidden_layers\": 24", "\"num_hidden_layers\": 25",
       "key 'layer_types': expected 25 items, one for each layer, but got 24"},
      {"\"full_attention\"", "\"some_attention\"",
       "key 'layer_types': expected 'sliding_attention' or 'full_attention', "
       "but item 1 is 'some_attention'"},
      {"\"num_key_value_heads\": 8", "\"num_key_value_heads\": 7",
       "key 'num_attention_heads': expected a multiple of the 7 of "
       "'num_key_value_heads', but got 64"},
      {"\"head_dim\": 64", "\"head_dim\": 63",
       "key 'head_dim': expected an even number, but got 63"},
      {"\"num_local_experts\": 32", "\"num_local_experts\": 3",
       "key 'num_experts_per_tok': expected at most the 3 of "
       "'num_local_experts', but got 4"},
      {"\"experts_per_token\": 4", "\"experts_per_token\": 3",
       "key 'experts_per_token': expected 4 as in 'num_experts_per_tok', but "
       "got 3"},
      {"\"eos_token_id\": 200002", "\"eos_token_id\": 201088",
       "key 'eos_token_id': expected an integer from 0 to 201087, but got "
       "201088"},
      {"\"eos_token_id\": 200002", "\"eos_token_id\": [1, -2]",
       "integers from 0 to 201087, but item 1 is -2"},
      {"\"yarn\"", "\"linear\"",
       "key 'rope_scaling.rope_type': expected 'yarn', but got 'linear'"},
      {"\"factor\": 32.0", "\"factor\": 0",
       "key 'rope_scaling.factor': expected a number from 1 to 1e+12"},
      {"\"factor\": 32.0", "\"factor\": 32.0, \"factor\": 1",
       "config.json: key 'rope_scaling': key 'factor' is repeated"},
      {"\"factor\": 32.0,", "", "key 'rope_scaling.factor' is missing"},
      {"\"factor\": 32.0", "\"factor\": 32.0, \"mscale\": 1.0",
       "key 'rope_scaling.mscale': expected no such key"},
      {"\"beta_fast\": 32.0", "\"beta_fast\": 1.0",
       "key 'rope_scaling.beta_fast': expected more than the beta_slow"},
      {"\"rope_scaling\": {", "\"rope_scaling\": 4, \"x\": {",
       "key 'rope_scaling': expected an object, but got 4"},
      {"\"rope_theta\": 150000.0", "\"rope_theta\": 1",
       "key 'rope_theta': expected a number from 1.001"},
      {"\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 0",
       "key 'rms_norm_eps': expected a number"},
      {"\"attention_bias\": true", "\"attention_bias\": false",
       "key 'attention_bias': expected true, but got false"},
      {"\"attention_bias\": true", "\"attention_bias\": 1",
       "key 'attention_bias': expected true or false, but got 1"},
      {"\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true",
       "key 'tie_word_embeddings': expected false"},
      {"\"silu\"", "\"gelu\"", "key 'hidden_act': expected 'silu'"},
      {"\"quant_method\": \"mxfp4\"", "\"quant_method\": \"gptq\"",
       "key 'quantization_config.quant_method': expected 'mxfp4', but got "
       "'gptq'"},
      {"\"vocab_size\": 201088", "\"vocab_size\": 0",
       "key 'vocab_size': expected an integer from 1"},
      {"\"sliding_window\": 128", "\"sliding_window\": null",
       "key 'sliding_window' is missing"},
  };
  for (const BadConfig &bad : kCases)
    expectError(parseChanged(bad.from, bad.to), bad.message);
}

TEST(ModelConfigTest, NotAnObject) {
  expectError(parse(""), "config.json: expected valid JSON");
  expectError(parse("[]"), "config.json: expected a JSON object, but got a "
                           "list");
  expectError(parse("{} {}"), "expected valid JSON");
  expectError(parse("{\"model_type\": \"\xFF\"}"), "expected valid JSON");
  expectError(parse(std::string(100'000, '[')), "expected valid JSON");
}

TEST(ModelConfigTest, AnyPrefixIsRefused) {
  std::string json = official();
  // The last byte is a line feed.
  for (size_t length = 0; length + 1 < json.size(); ++length)
    EXPECT_FALSE(parse(json.substr(0, length))) << length;
}

TEST(ModelConfigTest, LongNamesMakeShortMessages) {
  std::string name(10'000, 'x');
  Result<ModelConfig> config = parseChanged("\"gpt_oss\"", '"' + name + '"');
  ASSERT_FALSE(config);
  EXPECT_LT(config.error().message.size(), 300u);
}

TEST(ModelConfigTest, NotARegularFile) {
  TemporaryFolder folder;
  expectError(readModelConfig(folder / "config.json"),
              "config.json: cannot open: No such file or directory");
  expectError(readModelConfig(folder.path), "expected a regular file");
  expectError(readModelConfig("/dev/zero"), "expected a regular file");
}
