//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The flags that verbs share.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/Flags.h"

#include "mxfp4/ABI/Program.h"

#include <CLI/CLI.hpp>

using namespace mx;

void mx::addModelFlags(CLI::App &app, ModelSource &source, ModelFlags flags) {
  CLI::Option_group *group = app.add_option_group(
      "Model", "What the model looks like: exactly one of these");
  if (flags == ModelFlags::WithFolder)
    group->add_option("MODEL", source.folder,
                      "The folder of a checkpoint; only its config.json is "
                      "read");
  group
      ->add_option("--preset", source.preset,
                   "A published model: 20b or 120b of GPT-OSS")
      ->check(CLI::IsMember({"20b", "120b"}));
  group->add_option("--config", source.config, "A config.json");
  group->require_option(1);
}

Result<ModelConfig> mx::readModel(const ModelSource &source) {
  if (source.preset == "20b")
    return ModelConfig::gptOss20B();
  if (source.preset == "120b")
    return ModelConfig::gptOss120B();
  if (!source.preset.empty())
    return Error{"expected a preset of 20b or 120b, but got '" + source.preset +
                 "'"};
  if (!source.config.empty())
    return readModelConfig(source.config);
  return readModelConfig(source.folder + "/config.json");
}

void mx::addTargetFlag(CLI::App &app, CompileOptions &options) {
  app.add_option("--target", options.target,
                 "cpu, or cpu:NAME for another processor, as LLVM names it, "
                 "such as cpu:x86-64-v3 or cpu:neoverse-n1; nvptx for the "
                 "NVIDIA GPU at hand, or nvptx:CHIP, such as nvptx:sm_90")
      ->capture_default_str();
}

/// Those of programs that are run at once, too.
static void addProgramFlags(CLI::App &app, CompileOptions &options) {
  addTargetFlag(app, options);
  app.add_option("--activations", options.activations,
                 "Precision of activations and of the KV cache; int8 is bf16 "
                 "but for the inputs of MXFP4 products")
      ->check(CLI::IsMember(activationNames()))
      ->capture_default_str();
  app.add_option("--dense", options.dense,
                 "Format of the weights of attention and of the head, which "
                 "are quantized when they are loaded")
      ->check(CLI::IsMember(denseNames()))
      ->capture_default_str();
  app.add_flag("--reference", options.reference,
               "Compile the slow exact path: plain loops, one thread");
  app.add_flag_callback(
      "--no-fusion", [&options] { options.fuse = false; },
      "Do not fuse bias, activation, routing and residual into matmuls");
  app.add_option("--prefill-tokens", options.prefillTokens,
                 "Tokens of a prompt that are computed at a time")
      ->check(CLI::Range(int64_t(1), kMaxPrefillTokens))
      ->capture_default_str();
}

void mx::addCompileFlags(CLI::App &app, CompileOptions &options) {
  addProgramFlags(app, options);
  app.add_option("--sequences", options.sequences,
                 "Sequences that the caches hold, to decode together")
      ->check(CLI::Range(int64_t(1), kMaxSequences))
      ->capture_default_str();
}

void mx::addEngineFlags(CLI::App &app, std::string &model,
                        EngineOptions &options) {
  app.add_option("MODEL", model, "The folder of a checkpoint")->required();
  addEngineFlags(app, options);
}

void mx::addEngineFlags(CLI::App &app, EngineOptions &options) {
  addProgramFlags(app, options.compile);
  app.add_flag("--quantize", options.checkpoint.quantizeExperts,
               "Quantize experts that the checkpoint has in BF16");
  CLI::Option *folder =
      app.add_option("--cache-dir", options.cache.folder,
                     "Where compiled programs are kept (default: "
                     "$MXFP4_CACHE_DIR, else $XDG_CACHE_HOME/mxfp4, else "
                     "~/.cache/mxfp4)");
  app.add_flag_callback(
         "--no-cache", [&options] { options.cache.enabled = false; },
         "Compile again, and keep nothing")
      ->excludes(folder);
}
