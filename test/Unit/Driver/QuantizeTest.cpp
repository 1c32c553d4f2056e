//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checkpoints with BF16 experts, made of MXFP4 ones: the values are the same,
// so the logits are, to the bit.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/Engine.h"

#include "Support/TemporaryFolder.h"
#include "mxfp4/Checkpoint/Synthesize.h"
#include "mxfp4/Format/BF16.h"
#include "mxfp4/Format/BlockFormat.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>

using namespace mx;
using namespace mx::test;

static const std::string kModel = MXFP4_SOURCE_DIR "/models/tiny-shakespeare";

static std::unique_ptr<Checkpoint>
openCheckpoint(const std::string &folder,
               const CheckpointOptions &options = {}) {
  Result<Checkpoint> checkpoint = Checkpoint::open(folder, options);
  EXPECT_TRUE(checkpoint) << checkpoint.error().message;
  return checkpoint ? std::make_unique<Checkpoint>(std::move(*checkpoint))
                    : nullptr;
}

/// The tensor `info` of BF16 experts, [experts, in, out], from the blocks and
/// scales of `checkpoint`, [experts, out, in].
static std::vector<uint16_t> dequantizeExperts(Checkpoint &checkpoint,
                                               const TensorInfo &info) {
  Result<TensorData> blocks = checkpoint.load(info.name + "_blocks");
  Result<TensorData> scales = checkpoint.load(info.name + "_scales");
  EXPECT_TRUE(blocks && scales);
  int64_t inputs = info.shape[1];
  int64_t outputs = info.shape[2];
  std::vector<uint16_t> result(info.bytes / sizeof(uint16_t));
  std::vector<float> values(size_t(inputs), 0);
  for (int64_t row = 0; row < info.shape[0] * outputs; ++row) {
    dequantizeRows(kMXFP4, blocks->data + row * inputs / 2,
                   scales->data + row * inputs / kBlockSize, 1, inputs,
                   values.data());
    uint16_t *expert = result.data() + row / outputs * inputs * outputs;
    for (int64_t in = 0; in < inputs; ++in)
      expert[in * outputs + row % outputs] = encodeBF16(values[size_t(in)]);
  }
  return result;
}

/// Writes `checkpoint` to `folder` with experts in BF16.
static void writeDequantized(Checkpoint &checkpoint,
                             const std::string &folder) {
  ModelConfig config = checkpoint.config();
  config.quantized = false;
  std::filesystem::create_directory(folder);
  writeText(folder + "/config.json", writeModelConfig(config));
  std::vector<TensorInfo> schema = dequantizedSchema(config);
  Result<SafetensorsWriter> writer =
      SafetensorsWriter::create(folder + "/model.safetensors", schema);
  ASSERT_TRUE(writer) << writer.error().message;
  for (const TensorInfo &info : schema) {
    if (info.role == TensorRole::ExpertWeight) {
      std::vector<uint16_t> values = dequantizeExperts(checkpoint, info);
      ASSERT_TRUE(writer->write(values.data(), info.bytes));
      continue;
    }
    Result<TensorData> data = checkpoint.load(info.name);
    ASSERT_TRUE(data) << data.error().message;
    ASSERT_TRUE(writer->write(data->data, data->bytes));
  }
  ASSERT_TRUE(writer->finish());
}

/// Blocks and scales of one tensor are loaded one after the other, because a
/// checkpoint keeps only what it quantized last. In a model of one layer their
/// sizes tell them apart.
TEST(QuantizeTest, EachTensorIsQuantizedOnce) {
  TemporaryFolder folder;
  Result<ModelConfig> config = readModelConfig(kModel + "/config.json");
  ASSERT_TRUE(config);
  SynthesizeOptions synthesis;
  synthesis.layers = 1;
  ASSERT_TRUE(synthesizeCheckpoint(*config, folder / "mxfp4", synthesis));
  std::unique_ptr<Checkpoint> source = openCheckpoint(folder / "mxfp4");
  ASSERT_TRUE(source);
  writeDequantized(*source, folder / "bf16");

  EngineOptions options;
  options.compile.reference = true;
  options.checkpoint.quantizeExperts = true;
  options.cache.enabled = false;
  Result<Engine> engine = Engine::open(folder / "bf16", options);
  ASSERT_TRUE(engine) << engine.error().message;
  std::vector<uint64_t> loaded;
  uint64_t before = 0;
  SessionOptions sessionOptions;
  sessionOptions.progress = [&](uint64_t done, uint64_t) {
    loaded.push_back(done - before);
    before = done;
  };
  ASSERT_TRUE(engine->openSession(sessionOptions));

  for (const TensorInfo &blocks : engine->checkpoint().tensors()) {
    if (blocks.role != TensorRole::ExpertBlocks)
      continue;
    ASSERT_EQ(std::count(loaded.begin(), loaded.end(), blocks.bytes), 1);
    auto at = std::find(loaded.begin(), loaded.end(), blocks.bytes);
    ASSERT_NE(at + 1, loaded.end());
    EXPECT_EQ(at[1], blocks.bytes / kBlockBytes) << blocks.name;
  }
}

TEST(QuantizeTest, LogitsAreThoseOfTheQuantizedModel) {
  TemporaryFolder folder;
  std::unique_ptr<Checkpoint> source = openCheckpoint(kModel);
  ASSERT_TRUE(source);
  writeDequantized(*source, folder / "bf16");
  std::string command = "cd " + folder.path + " && for model in bf16 " +
                        kModel +
                        "; do " MXFP4_COMMAND " logits $model --quantize "
                        "--ids 1,2,3,500,2047 -o $(basename $model).logits "
                        "--no-cache 2> err || exit; done; "
                        "cmp bf16.logits tiny-shakespeare.logits";
  EXPECT_EQ(std::system(command.c_str()), 0) << readText(folder / "err");
}
