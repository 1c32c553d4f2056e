//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Synthetic checkpoints: the files of the official layout, the same for any
// sharding, with weights that keep activations near 1.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/Synthesize.h"

#include "mxfp4/Checkpoint/Checkpoint.h"
#include "mxfp4/Format/BF16.h"
#include "mxfp4/Format/BlockFormat.h"

#include "TestSupport.h"

#include <cmath>
#include <csignal>
#include <cstring>

#include <sys/resource.h>

using namespace mx;
using namespace mx::test;

namespace {
/// Mean and variance of the elements of a tensor.
struct Moments {
  double mean;
  double variance;
};
} // namespace

static Moments momentsOf(const std::vector<float> &values) {
  double sum = 0;
  double squares = 0;
  for (float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  double mean = sum / static_cast<double>(values.size());
  return {mean, squares / static_cast<double>(values.size()) - mean * mean};
}

static std::vector<float> decodeDense(const TensorData &data) {
  std::vector<float> values;
  for (uint64_t offset = 0; offset < data.bytes; offset += 2) {
    uint16_t bits;
    std::memcpy(&bits, data.data + offset, 2);
    values.push_back(decodeBF16(bits));
  }
  return values;
}

/// All bytes of a checkpoint by tensor, also of a dense weight that is
/// quantized on loading.
static std::string contents(Checkpoint &checkpoint) {
  std::string bytes;
  auto add = [&](const std::string &name) {
    Result<TensorData> data = checkpoint.load(name);
    ASSERT_TRUE(data) << data.error().message;
    bytes.append(reinterpret_cast<const char *>(data->data), data->bytes);
    checkpoint.release(name);
  };
  for (const TensorInfo &info : checkpoint.tensors())
    add(info.name);
  add(quantizedName("lm_head.weight", kMXFP8E4M3, BlockPart::Values));
  add(quantizedName("lm_head.weight", kMXFP8E4M3, BlockPart::Scales));
  return bytes;
}

static std::string contents(const std::string &folder) {
  Result<Checkpoint> checkpoint = Checkpoint::open(folder);
  EXPECT_TRUE(checkpoint) << checkpoint.error().message;
  return contents(*checkpoint);
}

TEST(SynthesizeTest, OpensAndIsFinite) {
  TemporaryFolder folder;
  uint64_t last = 0;
  uint64_t total = 0;
  SynthesizeOptions options;
  options.progress = [&](uint64_t done, uint64_t all) {
    EXPECT_GT(done, last);
    last = done;
    total = all;
  };
  Status status = synthesizeCheckpoint(smallModel(), folder / "m", options);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(last, total);
  EXPECT_FALSE(std::filesystem::exists(folder / "m.partial"));

  Result<Checkpoint> checkpoint = Checkpoint::open(folder / "m");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->generationConfig().eosTokenIds,
            smallModel().eosTokenIds);
  EXPECT_EQ(checkpoint->generationConfig().doSample, true);
  uint64_t bytes = 0;
  for (const TensorInfo &info : checkpoint->tensors()) {
    Result<TensorData> data = checkpoint->load(info.name);
    ASSERT_TRUE(data) << data.error().message;
    bytes += data->bytes;
    if (info.dtype != "BF16")
      continue;
    for (float value : decodeDense(*data))
      ASSERT_TRUE(std::isfinite(value)) << info.name;
  }
  EXPECT_EQ(bytes, total);
}

TEST(SynthesizeTest, StopsOnRequestAndLeavesNothing) {
  TemporaryFolder folder;
  std::atomic<bool> interrupt{false};
  SynthesizeOptions options;
  options.interrupt = &interrupt;
  options.progress = [&](uint64_t, uint64_t) { interrupt = true; };
  Status status = synthesizeCheckpoint(smallModel(), folder / "m", options);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, kInterrupted);
  EXPECT_FALSE(std::filesystem::exists(folder / "m.partial"));
  EXPECT_FALSE(std::filesystem::exists(folder / "m"));
}

TEST(SynthesizeTest, WeightsDependOnTheSeedOnly) {
  TemporaryFolder folder;
  SynthesizeOptions options;
  ASSERT_TRUE(synthesizeCheckpoint(smallModel(), folder / "a", options));
  options.shardBytes = 5000;
  Status status = synthesizeCheckpoint(smallModel(), folder / "b", options);
  ASSERT_TRUE(status) << status.error().message;
  options.seed = 1;
  ASSERT_TRUE(synthesizeCheckpoint(smallModel(), folder / "c", options));

  EXPECT_TRUE(std::filesystem::exists(folder / "a/model.safetensors"));
  EXPECT_TRUE(
      std::filesystem::exists(folder / "b/model.safetensors.index.json"));
  std::string a = contents(folder / "a");
  EXPECT_EQ(a, contents(folder / "b"));
  EXPECT_NE(a, contents(folder / "c"));

  Result<Checkpoint> sharded = Checkpoint::open(folder / "b");
  ASSERT_TRUE(sharded);
  EXPECT_TRUE(sharded->warnings().empty());
}

TEST(SynthesizeTest, NeedsNoFiles) {
  TemporaryFolder folder;
  SynthesizeOptions options;
  options.seed = 3;
  ASSERT_TRUE(synthesizeCheckpoint(smallModel(), folder / "a", options));
  Checkpoint checkpoint = Checkpoint::synthesize(smallModel(), options.seed);
  EXPECT_EQ(contents(checkpoint), contents(folder / "a"));
  EXPECT_FALSE(checkpoint.load("absent"));
}

TEST(SynthesizeTest, ShardsAreNamedAsTheOfficialOnes) {
  TemporaryFolder folder;
  SynthesizeOptions options;
  options.shardBytes = 30'000;
  size_t count = planShards(smallModel(), options.shardBytes).size();
  ASSERT_GT(count, 1u);
  ASSERT_TRUE(synthesizeCheckpoint(smallModel(), folder / "m", options));
  for (size_t shard = 0; shard < count; ++shard) {
    char name[64];
    std::snprintf(name, sizeof(name), "m/model-%05zu-of-%05zu.safetensors",
                  shard, count - 1);
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  }
}

TEST(SynthesizeTest, LayersCanBeReplaced) {
  TemporaryFolder folder;
  SynthesizeOptions options;
  options.layers = 5;
  ASSERT_TRUE(synthesizeCheckpoint(smallModel(), folder / "m", options));
  Result<Checkpoint> checkpoint = Checkpoint::open(folder / "m");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->config().slidingLayers,
            (std::vector<bool>{true, false, true, false, true}));
  for (int64_t layers : {int64_t(0), int64_t(-1), int64_t(1) << 60}) {
    options.layers = layers;
    expectError(synthesizeCheckpoint(smallModel(), folder / "n", options),
                "configuration: key 'num_hidden_layers': expected an integer "
                "from 1 to 1024");
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "n"));
}

TEST(SynthesizeTest, DenseWeightsAreNormal) {
  TemporaryFolder folder;
  ModelConfig config = smallModel();
  config.vocabSize = 4000;
  ASSERT_TRUE(synthesizeCheckpoint(config, folder / "m"));
  Result<Checkpoint> checkpoint = Checkpoint::open(folder / "m");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  auto moments = [&](const char *name) {
    return momentsOf(decodeDense(*checkpoint->load(name)));
  };
  // 256,000 values: the tolerances are at least six standard errors.
  Moments embedding = moments("model.embed_tokens.weight");
  EXPECT_NEAR(embedding.mean, 0, 0.012);
  EXPECT_NEAR(embedding.variance, 1, 0.02);
  Moments head = moments("lm_head.weight");
  EXPECT_NEAR(head.mean, 0, 0.012 / 8);
  EXPECT_NEAR(head.variance * 64, 1, 0.02);
  Moments norm = moments("model.norm.weight");
  EXPECT_NEAR(norm.mean, 1, 0.1);
}

/// A row of an expert, applied to inputs of variance 1, gives a sum of the
/// variance of its weights times their number.
TEST(SynthesizeTest, ExpertsKeepTheVariance) {
  TemporaryFolder folder;
  ASSERT_TRUE(synthesizeCheckpoint(smallModel(), folder / "m"));
  Result<Checkpoint> checkpoint = Checkpoint::open(folder / "m");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  auto gainOf = [&](const std::string &name) {
    std::optional<TensorInfo> info = checkpoint->find(name + "_scales");
    int64_t rows = info->shape[0] * info->shape[1];
    int64_t columns = info->shape[2] * kBlockSize;
    std::vector<float> values(rows * columns);
    dequantizeRows(kMXFP4, checkpoint->load(name + "_blocks")->data,
                   checkpoint->load(name + "_scales")->data, rows, columns,
                   values.data());
    return momentsOf(values).variance * static_cast<double>(columns);
  };
  // Scales are powers of two, so a deviation is within a factor of sqrt(2); a
  // tenth more for the small sample.
  double gateUp = gainOf("model.layers.0.mlp.experts.gate_up_proj");
  EXPECT_GT(gateUp, 0.5 / 1.1);
  EXPECT_LT(gateUp, 2 * 1.1);
  // Divided by the four sublayers.
  double down = 4 * gainOf("model.layers.1.mlp.experts.down_proj");
  EXPECT_GT(down, 0.5 / 1.1);
  EXPECT_LT(down, 2 * 1.1);
}

TEST(SynthesizeTest, FolderInUse) {
  TemporaryFolder folder;
  writeText(folder / "file", "x");
  expectError(synthesizeCheckpoint(smallModel(), folder.path),
              "expected a new or empty folder");
  expectError(synthesizeCheckpoint(smallModel(), folder / "file"),
              "expected a new or empty folder");
  std::filesystem::create_directory(folder / "empty");
  for (const char *name : {"/.", "/./", "/../empty/.."})
    expectError(synthesizeCheckpoint(smallModel(), (folder / "empty") + name),
                "expected a new or empty folder");
  std::filesystem::create_symlink("empty", folder / "link");
  expectError(synthesizeCheckpoint(smallModel(), folder / "link"),
              "expected a new or empty folder");
  expectError(synthesizeCheckpoint(smallModel(), folder / "no/m"),
              "no/m.partial: cannot create: No such file or directory");
  expectError(synthesizeCheckpoint(smallModel(), ""),
              "expected the name of a folder");
  EXPECT_EQ(readText(folder / "file"), "x");

  // An empty folder stays until there is something to put in its place.
  std::filesystem::create_directory(folder / "empty.partial");
  expectError(synthesizeCheckpoint(smallModel(), folder / "empty"),
              "remove what an earlier attempt left");
  std::filesystem::remove(folder / "empty.partial");
  std::atomic<bool> interrupt{true};
  SynthesizeOptions options;
  options.interrupt = &interrupt;
  EXPECT_FALSE(synthesizeCheckpoint(smallModel(), folder / "empty", options));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "empty"));
  EXPECT_TRUE(synthesizeCheckpoint(smallModel(), (folder / "empty") + "/"));
  EXPECT_TRUE(Checkpoint::open(folder / "empty"));
}

/// A limit on the size of files fails a write as a full disk does.
TEST(SynthesizeTest, NoRoomLeavesNothing) {
  TemporaryFolder folder;
  rlimit unlimited;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  rlimit limited = unlimited;
  limited.rlim_cur = 20'000;
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
  Status status = synthesizeCheckpoint(smallModel(), folder / "m");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  std::signal(SIGXFSZ, handler);
  expectError(status, "m.partial/model.safetensors: cannot write ");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}

TEST(SynthesizeTest, BadConfiguration) {
  TemporaryFolder folder;
  ModelConfig config = smallModel();
  config.hiddenSize = 65;
  expectError(synthesizeCheckpoint(config, folder / "m"),
              "configuration: key 'hidden_size': expected a multiple of 32");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}
