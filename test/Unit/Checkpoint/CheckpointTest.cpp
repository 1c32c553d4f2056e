//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whole folders: the trained model, shards and their index, the schema, and
// experts that are quantized on loading.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/Checkpoint.h"

#include "mxfp4/Checkpoint/Synthesize.h"
#include "mxfp4/Format/BF16.h"
#include "mxfp4/Format/Quantize.h"

#include "TestSupport.h"

#include <cstring>
#include <type_traits>

using namespace mx;
using namespace mx::test;

static constexpr char kDown[] = "model.layers.1.mlp.experts.down_proj";
static constexpr char kGateUp[] = "model.layers.0.mlp.experts.gate_up_proj";
static constexpr char kSinks[] = "model.layers.0.self_attn.sinks";

static_assert(!std::is_copy_constructible_v<Checkpoint> &&
                  !std::is_copy_assignable_v<Checkpoint>,
              "a copy would refer to the tensors of the original");

namespace {
struct TestTensor {
  TensorInfo info;
  std::vector<uint8_t> data;
};

/// A small synthetic model, in memory to be changed and written again.
class CheckpointTest : public testing::Test {
protected:
  void SetUp() override {
    Status status = synthesizeCheckpoint(smallModel(), folder / "made");
    ASSERT_TRUE(status) << status.error().message;
    Result<Checkpoint> checkpoint = Checkpoint::open(folder / "made");
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    for (const TensorInfo &info : checkpoint->tensors()) {
      Result<TensorData> data = checkpoint->load(info.name);
      ASSERT_TRUE(data) << data.error().message;
      tensors.push_back({info, {data->data, data->data + data->bytes}});
    }
    config = writeModelConfig(smallModel());
    std::filesystem::create_directory(model);
  }

  TestTensor &tensor(const std::string &name) {
    for (TestTensor &tensor : tensors)
      if (tensor.info.name == name)
        return tensor;
    ADD_FAILURE() << name;
    return tensors.front();
  }

  void erase(const std::string &name) {
    tensors.erase(tensors.begin() + (&tensor(name) - tensors.data()));
  }

  void add(const std::string &name, const std::string &dtype,
           std::vector<int64_t> shape) {
    TensorInfo info{name, dtype, shape, *tensorBytes(dtype, shape)};
    tensors.push_back({info, std::vector<uint8_t>(info.bytes)});
  }

  /// Writes a shard of tensors [begin, end).
  void writeShard(const std::string &file, size_t begin, size_t end) {
    std::vector<TensorInfo> infos;
    for (size_t i = begin; i < end; ++i)
      infos.push_back(tensors[i].info);
    Result<SafetensorsWriter> writer =
        SafetensorsWriter::create(model + "/" + file, infos);
    ASSERT_TRUE(writer) << writer.error().message;
    for (size_t i = begin; i < end; ++i)
      ASSERT_TRUE(
          writer->write(tensors[i].data.data(), tensors[i].data.size()));
    ASSERT_TRUE(writer->finish());
  }

  /// Writes config.json and one file, and opens it.
  Result<Checkpoint> reopen(const CheckpointOptions &options = {}) {
    writeText(model + "/config.json", config);
    writeShard("model.safetensors", 0, tensors.size());
    return Checkpoint::open(model, options);
  }

  /// Writes config.json, two shards and `index`, and opens it. In `index`,
  /// "@MAP@" stands for the right weight_map.
  Result<Checkpoint> reopenSharded(const std::string &index) {
    writeText(model + "/config.json", config);
    size_t half = tensors.size() / 2;
    writeShard("one.safetensors", 0, half);
    writeShard("two.safetensors", half, tensors.size());
    std::string map;
    for (size_t i = 0; i < tensors.size(); ++i)
      map += (i ? ",\n\"" : "\"") + tensors[i].info.name + "\":\"" +
             (i < half ? "one" : "two") + ".safetensors\"";
    writeText(model + "/model.safetensors.index.json",
              replaced(index, "@MAP@", "{" + map + "}"));
    return Checkpoint::open(model);
  }

  /// Opens the shards after one change of the right index.
  Result<Checkpoint> openWithIndex(const std::string &from,
                                   const std::string &to) {
    Result<Checkpoint> right = reopenSharded(R"({"weight_map":@MAP@})");
    EXPECT_TRUE(right);
    std::string path = model + "/model.safetensors.index.json";
    writeText(path, replaced(readText(path), from, to));
    return Checkpoint::open(model);
  }

  /// Turns all experts to the layout with BF16 experts, [experts, in, out].
  void dequantize() {
    config = replaced(config, "\"quantization_config\"", "\"ignored\"");
    std::vector<TestTensor> dequantized;
    for (const TensorInfo &info : dequantizedSchema(smallModel())) {
      TestTensor result{info, std::vector<uint8_t>(info.bytes)};
      if (info.shape.size() != 3) {
        dequantized.push_back(tensor(info.name));
        continue;
      }
      const TestTensor &blocks = tensor(info.name + "_blocks");
      const TestTensor &scales = tensor(info.name + "_scales");
      int64_t inputs = info.shape[1];
      int64_t outputs = info.shape[2];
      std::vector<float> values(inputs);
      for (int64_t row = 0; row < info.shape[0] * outputs; ++row) {
        dequantizeRows(kMXFP4, blocks.data.data() + row * inputs / 2,
                       scales.data.data() + row * inputs / kBlockSize, 1,
                       inputs, values.data());
        for (int64_t in = 0; in < inputs; ++in) {
          uint16_t bits = encodeBF16(values[in]);
          int64_t expert = row / outputs;
          int64_t index = (expert * inputs + in) * outputs + row % outputs;
          std::memcpy(&result.data[2 * index], &bits, 2);
        }
      }
      dequantized.push_back(std::move(result));
    }
    tensors = std::move(dequantized);
  }

  TemporaryFolder folder;
  std::string model = folder / "model";
  std::string config;
  std::vector<TestTensor> tensors;
};
} // namespace

TEST(TrainedCheckpointTest, OpensAndLoads) {
  Result<Checkpoint> checkpoint =
      Checkpoint::open(MXFP4_SOURCE_DIR "/models/tiny-shakespeare");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensors().size(), 6u * 19 + 3);
  EXPECT_TRUE(checkpoint->warnings().empty());
  EXPECT_EQ(checkpoint->generationConfig().eosTokenIds,
            (std::vector<int64_t>{2041, 2040, 2047}));
  for (const TensorInfo &info : checkpoint->tensors()) {
    Result<TensorData> data = checkpoint->load(info.name);
    ASSERT_TRUE(data) << data.error().message;
    EXPECT_EQ(data->bytes, info.bytes);
    EXPECT_EQ(data->owner, nullptr);
    checkpoint->release(info.name);
  }
}

TEST_F(CheckpointTest, OneFile) {
  Result<Checkpoint> checkpoint = reopen();
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->config().numLocalExperts, 3);
  std::optional<TensorInfo> info =
      checkpoint->find(std::string(kDown) + "_blocks");
  ASSERT_TRUE(info);
  EXPECT_EQ(describeTensor(*info), "U8 [3, 64, 3, 16]");
  EXPECT_FALSE(checkpoint->find(kDown));
  expectError(checkpoint->load("model.nothing"),
              "the model has no tensor 'model.nothing'");
  checkpoint->release("model.nothing");
}

TEST_F(CheckpointTest, MovedCheckpointStillLoads) {
  Result<Checkpoint> opened = reopen();
  ASSERT_TRUE(opened);
  Checkpoint checkpoint = std::move(*opened);
  Result<TensorData> data = checkpoint.load(kSinks);
  ASSERT_TRUE(data);
  EXPECT_EQ(std::memcmp(data->data, tensor(kSinks).data.data(), data->bytes),
            0);
}

TEST_F(CheckpointTest, MissingFiles) {
  expectError(Checkpoint::open(folder / "none"),
              "none/config.json: cannot open: No such file or directory");
  writeText(model + "/config.json", config);
  expectError(Checkpoint::open(model),
              "model.safetensors: cannot open: No such file or directory");
}

TEST_F(CheckpointTest, BadGenerationConfig) {
  writeText(model + "/generation_config.json", "{\"top_p\": 3}");
  expectError(reopen(), "generation_config.json: key 'top_p'");
}

TEST_F(CheckpointTest, TensorsThatDoNotFit) {
  std::vector<TestTensor> right = tensors;
  erase(kSinks);
  expectError(reopen(), "tensor 'model.layers.0.self_attn.sinks' (BF16 [4]) is "
                        "missing; expected a model with MXFP4 experts");
  tensors = right;
  tensor(kSinks).info.dtype = "F16";
  expectError(reopen(), "tensor 'model.layers.0.self_attn.sinks': expected "
                        "BF16 [4], but got F16 [4]");
  tensors = right;
  tensor(kSinks).info.shape = {2, 2};
  expectError(reopen(), "expected BF16 [4], but got BF16 [2, 2]");
  tensors = right;
  std::swap(tensor("lm_head.weight").info.shape[0],
            tensor("lm_head.weight").info.shape[1]);
  expectError(reopen(), "expected BF16 [50, 64], but got BF16 [64, 50]");
}

TEST_F(CheckpointTest, SurplusTensors) {
  std::vector<TestTensor> right = tensors;
  for (const char *name : {"model.layers.2.self_attn.sinks", "lm_head.bias"}) {
    tensors = right;
    add(name, "BF16", {4});
    expectError(reopen(), "tensor '" + std::string(name) +
                              "' (BF16 [4]) is not of the model");
  }
  tensors = right;
  add("optimizer.step", "I64", {});
  EXPECT_TRUE(reopen());
}

TEST_F(CheckpointTest, ConfigOfAnotherModel) {
  config = replaced(config, "\"head_dim\": 20", "\"head_dim\": 22");
  expectError(reopen(), "o_proj.weight': expected BF16 [64, 88], but got BF16 "
                        "[64, 80]");
}

TEST_F(CheckpointTest, ScaleIsNaN) {
  // [3 experts, 64 rows, 3 blocks]
  tensor(std::string(kDown) + "_scales").data[(2 * 64 + 5) * 3 + 1] = 0xFF;
  Result<Checkpoint> checkpoint = reopen();
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_TRUE(checkpoint->load(std::string(kDown) + "_blocks"));
  expectError(checkpoint->load(std::string(kDown) + "_scales"),
              "tensor 'model.layers.1.mlp.experts.down_proj_scales': the scale "
              "of expert 2, row 5, block 1 is NaN");
}

TEST_F(CheckpointTest, Shards) {
  Result<Checkpoint> checkpoint = reopenSharded(R"({"weight_map":@MAP@})");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_TRUE(checkpoint->warnings().empty());
  for (const TestTensor &tensor : tensors) {
    Result<TensorData> data = checkpoint->load(tensor.info.name);
    ASSERT_TRUE(data) << data.error().message;
    EXPECT_EQ(std::memcmp(data->data, tensor.data.data(), tensor.data.size()),
              0);
  }
}

TEST_F(CheckpointTest, WrongTotalSizeIsAWarning) {
  Result<Checkpoint> checkpoint =
      reopenSharded(R"({"metadata":{"total_size":5},"weight_map":@MAP@})");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  ASSERT_EQ(checkpoint->warnings().size(), 1u);
  EXPECT_NE(checkpoint->warnings()[0].find("expected a total_size of "),
            std::string::npos);
}

TEST_F(CheckpointTest, BadIndex) {
  std::string sinks = '"' + std::string(kSinks) + "\":\"one.safetensors\"";
  auto sinksIn = [](const std::string &file) {
    return '"' + std::string(kSinks) + "\":" + file;
  };
  expectError(openWithIndex("{\"weight_map\"", "{\"weights\""),
              "model.safetensors.index.json: key 'weight_map' is missing");
  expectError(openWithIndex("{\"weight_map\":", "{\"weight_map\":1,\"x\":"),
              "key 'weight_map': expected an object, but got 1");
  expectError(openWithIndex(sinks, sinks + "," + sinks),
              "key 'weight_map': key 'model.layers.0.self_attn.sinks' is "
              "repeated");
  expectError(openWithIndex(sinks, sinksIn("3")),
              "expected the name of a file in the same folder, but got 3");
  for (const char *file : {"../model/one.safetensors", "/etc/passwd", "..", ".",
                           "", "a/b", "a\\\\b", "one.safetensors\\u0000"})
    expectError(openWithIndex(sinks, sinksIn("\"" + std::string(file) + "\"")),
                "tensor 'model.layers.0.self_attn.sinks': expected the name of "
                "a file in the same folder, but got '");
  expectError(openWithIndex(sinks, sinksIn("\"none.safetensors\"")),
              "none.safetensors: cannot open: No such file or directory");
  expectError(openWithIndex(sinks, sinksIn("\"two.safetensors\"")),
              "one.safetensors: tensor 'model.layers.0.self_attn.sinks' is not "
              "of this file in model.safetensors.index.json");
  expectError(openWithIndex(sinks + ",", ""),
              "one.safetensors: tensor 'model.layers.0.self_attn.sinks' is not "
              "of this file");
  expectError(openWithIndex(sinks, sinks + ",\"new\":\"two.safetensors\""),
              "index.json: tensor 'new' is not in its file 'two.safetensors'");
  expectError(openWithIndex("{\"weight_map\"",
                            "{\"metadata\":{\"total_size\":-1},\"weight_map\""),
              "key 'metadata.total_size': expected an integer from 0");
}

TEST_F(CheckpointTest, TensorInTwoShards) {
  add(kSinks, "BF16", {4});
  // The map of reopenSharded would repeat the key, so this one is written here.
  writeText(model + "/config.json", config);
  writeShard("one.safetensors", 0, tensors.size() - 1);
  writeShard("two.safetensors", tensors.size() - 1, tensors.size());
  std::string map;
  for (size_t i = 0; i + 1 < tensors.size(); ++i)
    map += '"' + tensors[i].info.name + "\":\"one.safetensors\",";
  writeText(model + "/model.safetensors.index.json",
            "{\"weight_map\":{" + map + "\"other\":\"two.safetensors\"}}");
  expectError(Checkpoint::open(model),
              "two.safetensors: tensor 'model.layers.0.self_attn.sinks' is in "
              "another shard too");
}

TEST_F(CheckpointTest, TruncatedShard) {
  ASSERT_TRUE(reopen());
  std::string path = model + "/model.safetensors";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  expectError(Checkpoint::open(model), ", but the file has ");
}

TEST_F(CheckpointTest, BF16ExpertsNeedAFlag) {
  dequantize();
  expectError(reopen(), "expected MXFP4 experts, but they are in BF16; use "
                        "--quantize to quantize them on loading");
  // Without quantization_config, blocks are not expected.
  add(std::string(kDown) + "_blocks", "U8", {4});
  expectError(reopen({true}), "down_proj_blocks' (U8 [4]) is not of the model; "
                              "expected one with BF16 experts");
}

TEST_F(CheckpointTest, BF16ExpertsHaveTheValuesTheyCameFrom) {
  std::vector<TestTensor> original = tensors;
  dequantize();
  // Odd addresses in the file.
  tensors.insert(tensors.begin(), TestTensor{{"odd", "U8", {1}, 1}, {0}});
  Result<Checkpoint> checkpoint = reopen({true});
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_FALSE(checkpoint->config().quantized);
  tensors = original;

  for (const char *name : {kGateUp, kDown}) {
    Result<TensorData> scales = checkpoint->load(std::string(name) + "_scales");
    Result<TensorData> blocks = checkpoint->load(std::string(name) + "_blocks");
    ASSERT_TRUE(scales) << scales.error().message;
    ASSERT_TRUE(blocks) << blocks.error().message;
    EXPECT_NE(blocks->owner, nullptr);
    ASSERT_EQ(scales->bytes, tensor(std::string(name) + "_scales").data.size());
    ASSERT_EQ(blocks->bytes, scales->bytes * kBlockBytes);

    int64_t columns = static_cast<int64_t>(scales->bytes) * kBlockSize;
    std::vector<float> values(columns);
    std::vector<float> expected(columns);
    dequantizeRows(kMXFP4, blocks->data, scales->data, 1, columns,
                   values.data());
    dequantizeRows(kMXFP4, tensor(std::string(name) + "_blocks").data.data(),
                   tensor(std::string(name) + "_scales").data.data(), 1,
                   columns, expected.data());
    EXPECT_EQ(values, expected);
  }
}

TEST_F(CheckpointTest, DenseWeightsInBlocks) {
  // Odd addresses in the file.
  tensors.insert(tensors.begin(), TestTensor{{"odd", "U8", {1}, 1}, {0}});
  Result<Checkpoint> checkpoint = reopen();
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  const std::string name = "lm_head.weight";
  std::optional<TensorInfo> weight = checkpoint->find(name);
  ASSERT_TRUE(weight);
  int64_t rows = weight->shape[0], columns = weight->shape[1];
  std::vector<float> values;
  for (size_t i = 0; i < tensor(name).data.size(); i += 2) {
    uint16_t bits;
    std::memcpy(&bits, &tensor(name).data[i], sizeof(bits));
    values.push_back(decodeBF16(bits));
  }
  QuantizeOptions options;
  options.scaleRule = ScaleRule::RoundUp;
  for (const BlockFormat &format : {kMXFP4, kMXFP8E4M3, kMXFP8E5M2}) {
    std::vector<uint8_t> blocks(
        size_t(rows * columns / kBlockSize * format.blockBytes()));
    std::vector<uint8_t> scales(size_t(rows * columns / kBlockSize));
    quantizeRows(format, values.data(), rows, columns, blocks.data(),
                 scales.data(), options);
    for (BlockPart part : {BlockPart::Scales, BlockPart::Values}) {
      std::string partName = quantizedName(name, format, part);
      std::optional<TensorInfo> info = checkpoint->find(partName);
      ASSERT_TRUE(info) << partName;
      EXPECT_EQ(checkpoint->sourceOf(partName), name);
      EXPECT_EQ(info->role, TensorRole::Head);
      const std::vector<uint8_t> &expected =
          part == BlockPart::Scales ? scales : blocks;
      EXPECT_EQ(info->bytes, expected.size());
      Result<TensorData> data = checkpoint->load(partName);
      ASSERT_TRUE(data) << data.error().message;
      EXPECT_EQ(std::vector<uint8_t>(data->data, data->data + data->bytes),
                expected);
      checkpoint->release(partName);
    }
  }
  std::string head = "lm_head.weight.";
  EXPECT_EQ(checkpoint->find(head + "mxfp4_values")->shape,
            (std::vector<int64_t>{rows, columns / 32, 16}));
  EXPECT_EQ(describeTensor(*checkpoint->find(head + "mxfp8_e4m3_values")),
            describeTensor({"", "F8_E4M3", {rows, columns}}));
  EXPECT_EQ(describeTensor(*checkpoint->find(head + "mxfp8_e5m2_values")),
            describeTensor({"", "F8_E5M2", {rows, columns}}));
  for (const char *none :
       {"mxfp6_e2m3_values", "nvfp4_values", "nothing_values", "mxfp4_",
        "_values", "mxfp4", "mxfp4_values.mxfp4_values"})
    EXPECT_FALSE(checkpoint->find(head + none)) << none;
  for (const char *none : {"model.norm.weight", "model.embed_tokens.weight",
                           "model.layers.0.mlp.router.weight", "nothing", ""})
    EXPECT_FALSE(checkpoint->find(std::string(none) + ".mxfp4_values")) << none;
}

TEST_F(CheckpointTest, DenseWeightIsNaN) {
  TestTensor &head = tensor("lm_head.weight");
  uint16_t nan = 0x7FC0;
  std::memcpy(&head.data[2 * size_t(3 * head.info.shape[1] + 40)], &nan, 2);
  Result<Checkpoint> checkpoint = reopen();
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  expectError(checkpoint->load("lm_head.weight.mxfp8_e4m3_scales"),
              "tensor 'lm_head.weight.mxfp8_e4m3_scales': the scale of row 3, "
              "block 1 is NaN");
}

TEST_F(CheckpointTest, QuantizedExpertsAreKeptUntilReleased) {
  dequantize();
  Result<Checkpoint> checkpoint = reopen({true});
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  std::string blocks = std::string(kDown) + "_blocks";
  Result<TensorData> first = checkpoint->load(blocks);
  ASSERT_TRUE(checkpoint->load(std::string(kDown) + "_scales"));
  Result<TensorData> second = checkpoint->load(blocks);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->data, second->data);

  checkpoint->release(blocks);
  // What the caller holds stays; what it asks for again is made again.
  Result<TensorData> third = checkpoint->load(blocks);
  ASSERT_TRUE(third);
  EXPECT_NE(first->data, third->data);
  EXPECT_EQ(std::memcmp(first->data, third->data, first->bytes), 0);
}

TEST_F(CheckpointTest, BF16ExpertIsNaN) {
  dequantize();
  // [3 experts, 96 in, 64 out]: expert 1, in 40, out 7
  uint16_t nan = 0x7FC0;
  std::memcpy(&tensor(kDown).data[2 * ((1 * 96 + 40) * 64 + 7)], &nan, 2);
  Result<Checkpoint> checkpoint = reopen({true});
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  expectError(checkpoint->load(std::string(kDown) + "_scales"),
              "the scale of expert 1, row 7, block 1 is NaN");
}
