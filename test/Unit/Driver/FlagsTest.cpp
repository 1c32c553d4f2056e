//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The flags that verbs share, and the models that they name.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/Flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <gtest/gtest.h>

using namespace mx;

/// Parses `arguments` for `app`; false on a wrong command line.
static bool parse(CLI::App &app, std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError &) {
    return false;
  }
  return true;
}

/// Parses `arguments` as MODEL, --preset and --config.
static bool parseModel(ModelSource &source, ModelFlags flags,
                       const std::vector<std::string> &arguments) {
  CLI::App app;
  addModelFlags(app, source, flags);
  return parse(app, arguments);
}

TEST(FlagsTest, ModelComesFromOnePlace) {
  ModelSource source;
  EXPECT_TRUE(parseModel(source, ModelFlags::WithFolder, {"folder"}));
  EXPECT_EQ(source.folder, "folder");
  for (const std::vector<std::string> &bad :
       std::vector<std::vector<std::string>>{
           {},
           {"folder", "--preset", "20b"},
           {"--config", "a", "--preset", "20b"},
           {"--preset", "30b"}}) {
    ModelSource other;
    EXPECT_FALSE(parseModel(other, ModelFlags::WithFolder, bad));
  }
  ModelSource other;
  EXPECT_FALSE(parseModel(other, ModelFlags::WithoutFolder, {"folder"}));
}

TEST(FlagsTest, ReadsModels) {
  ModelSource source;
  source.preset = "120b";
  Result<ModelConfig> config = readModel(source);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->numHiddenLayers, 36);
  source.preset = "20b";
  EXPECT_EQ(readModel(source)->numHiddenLayers, 24);
  source.preset = "30b";
  EXPECT_EQ(readModel(source).error().message,
            "expected a preset of 20b or 120b, but got '30b'");

  const std::string folder = MXFP4_SOURCE_DIR "/models/tiny-shakespeare";
  source = {folder, "", ""};
  EXPECT_EQ(readModel(source)->hiddenSize, 192);
  source = {"", "", folder + "/config.json"};
  EXPECT_EQ(readModel(source)->hiddenSize, 192);
  source = {"", "", "/absent"};
  EXPECT_FALSE(readModel(source));
}

TEST(FlagsTest, CompileFlags) {
  CLI::App app;
  CompileOptions options;
  addCompileFlags(app, options);
  ASSERT_TRUE(parse(app, {"--target", "cpu:x86-64-v3", "--activations", "f32",
                          "--dense", "mxfp8", "--reference", "--no-fusion",
                          "--prefill-tokens", "64", "--sequences", "8"}));
  EXPECT_EQ(options.target, "cpu:x86-64-v3");
  EXPECT_EQ(options.activations, "f32");
  EXPECT_EQ(options.dense, "mxfp8");
  EXPECT_TRUE(options.reference);
  EXPECT_FALSE(options.fuse);
  EXPECT_EQ(options.prefillTokens, 64);
  EXPECT_EQ(options.sequences, 8);
}

TEST(FlagsTest, DefaultsAreThoseOfTheLibraries) {
  CLI::App app;
  std::string model;
  EngineOptions options;
  addEngineFlags(app, model, options);
  ASSERT_TRUE(parse(app, {"folder"}));
  EXPECT_EQ(model, "folder");
  EXPECT_EQ(options.compile.activations, "bf16");
  EXPECT_EQ(options.compile.target, "cpu");
  EXPECT_TRUE(options.compile.fuse);
  EXPECT_TRUE(options.cache.enabled);
  EXPECT_FALSE(options.checkpoint.quantizeExperts);
}

TEST(FlagsTest, EngineFlags) {
  CLI::App app;
  std::string model;
  EngineOptions options;
  addEngineFlags(app, model, options);
  EXPECT_TRUE(parse(app, {"folder", "--quantize", "--no-cache"}));
  EXPECT_TRUE(options.checkpoint.quantizeExperts);
  EXPECT_FALSE(options.cache.enabled);
  EXPECT_FALSE(parse(app, {"folder", "--cache-dir", "a", "--no-cache"}));
  EXPECT_FALSE(parse(app, {"folder", "--activations", "f64"}));
  EXPECT_FALSE(parse(app, {"folder", "--dense", "mxfp6"}));
  EXPECT_FALSE(parse(app, {"folder", "--prefill-tokens", "0"}));
  EXPECT_FALSE(parse(app, {"folder", "--prefill-tokens", "-1"}));
  EXPECT_FALSE(parse(app, {"folder", "--prefill-tokens", "65537"}));
  EXPECT_FALSE(parse(app, {}));
}
