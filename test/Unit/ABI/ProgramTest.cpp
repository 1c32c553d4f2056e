//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A Program survives saving and loading, and no change of the file does.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/ABI/Program.h"

#include "Support/TemporaryFolder.h"

#include <csignal>
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace mx;
namespace fs = std::filesystem;

namespace {
class ProgramTest : public testing::Test {
protected:
  std::string readBytes() const { return test::readText(path); }
  void writeBytes(const std::string &bytes) const {
    // A new file each time: writing over one can wait for the disk.
    fs::remove(path);
    test::writeText(path, bytes);
  }
  std::string loadError() const {
    Result<Program> program = loadProgram(path);
    return program ? "" : program.error().message;
  }

  test::TemporaryFolder folder;
  std::string path = folder / "program";
};
} // namespace

static Program makeProgram() {
  Program program;
  program.target = "cpu:skylake-avx512";
  program.features = {"avx2", "fma"};
  program.activations = "f32";
  program.maxThreads = 64;
  program.vocabSize = 2048;
  program.maxPositions = 1024;
  program.maxRewind = 16;
  program.sequences = 8;
  Buffer weight;
  weight.name = "lm_head.weight";
  weight.bytes = 2048 * 192 * 2;
  weight.dtype = "BF16";
  weight.shape = {2048, 192};
  weight.prepare = "prepare_0";
  Buffer cache;
  cache.name = "key_cache.3";
  cache.kind = BufferKind::Cache;
  cache.bytes = 64;
  cache.bytesPerPosition = 256;
  program.buffers = {weight, cache};
  ProgramOp op;
  op.function = "decode_experts";
  op.name = "nn.linear";
  op.weight = "router_weight";
  op.cost = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  program.ops = {op, {}};
  program.entries = {{"prefill", "mx_prefill", 128, {0, 1}, {24, 1}},
                     {"decode", "mx_decode", 1, {}, {0, 0}}};
  program.overlapsLaunches = true;
  program.entries[1].launches = {
      {"linear_0", 1440, 256, 65536, {{0, 0}, {1, 128}}, 1},
      {"loop_0", 1, 32, 0, {}, -1}};
  program.prepares = {{"prepare_0",
                       "prepare_0",
                       1,
                       {},
                       {},
                       {{"loop_1", 9, 64, 0, {{1, 4}}, -1}}}};
  program.code = std::string("\x7f"
                             "ELF\0\1",
                             6);
  return program;
}

/// FNV-1a, as the file ends with.
static void fixChecksum(std::string &bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i + 8 < bytes.size(); ++i)
    hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 0x100000001b3;
  for (size_t i = 0; i < 8; ++i)
    bytes[bytes.size() - 8 + i] = char(hash >> (8 * i));
}

TEST_F(ProgramTest, SizesByKind) {
  Program program = makeProgram();
  EXPECT_EQ(program.size(BufferKind::Weight, 100), 2048u * 192 * 2);
  EXPECT_EQ(program.size(BufferKind::Cache, 100), 64u + 256 * 100);
  EXPECT_EQ(program.size(BufferKind::Arena, 100), 0u);
  EXPECT_EQ(program.findBuffer("key_cache.3"), 1);
  EXPECT_EQ(program.findBuffer("key_cache.4"), -1);
  EXPECT_EQ(program.findEntry("decode")->symbol, "mx_decode");
  EXPECT_EQ(program.findEntry("encode"), nullptr);
}

static void expectSameLaunches(const std::vector<Entry> &loaded,
                               const std::vector<Entry> &saved) {
  ASSERT_EQ(loaded.size(), saved.size());
  for (size_t i = 0; i < saved.size(); ++i) {
    EXPECT_EQ(loaded[i].symbol, saved[i].symbol);
    ASSERT_EQ(loaded[i].launches.size(), saved[i].launches.size());
    for (size_t k = 0; k < saved[i].launches.size(); ++k) {
      const Launch &a = loaded[i].launches[k], &b = saved[i].launches[k];
      EXPECT_EQ(a.kernel, b.kernel);
      EXPECT_EQ(a.blocks, b.blocks);
      EXPECT_EQ(a.threads, b.threads);
      EXPECT_EQ(a.op, b.op);
      ASSERT_EQ(a.arguments.size(), b.arguments.size());
      for (size_t j = 0; j < b.arguments.size(); ++j) {
        EXPECT_EQ(a.arguments[j].buffer, b.arguments[j].buffer);
        EXPECT_EQ(a.arguments[j].offset, b.arguments[j].offset);
      }
    }
  }
}

TEST_F(ProgramTest, RoundTrip) {
  Program saved = makeProgram();
  ASSERT_TRUE(saveProgram(saved, path));
  Result<Program> loaded = loadProgram(path);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->target, saved.target);
  EXPECT_EQ(loaded->features, saved.features);
  EXPECT_EQ(loaded->activations, saved.activations);
  EXPECT_EQ(loaded->maxThreads, saved.maxThreads);
  EXPECT_EQ(loaded->vocabSize, saved.vocabSize);
  EXPECT_EQ(loaded->maxPositions, saved.maxPositions);
  EXPECT_EQ(loaded->maxRewind, saved.maxRewind);
  EXPECT_EQ(loaded->sequences, saved.sequences);
  EXPECT_EQ(loaded->overlapsLaunches, saved.overlapsLaunches);
  expectSameLaunches(loaded->entries, saved.entries);
  expectSameLaunches(loaded->prepares, saved.prepares);
  ASSERT_EQ(loaded->buffers.size(), saved.buffers.size());
  for (size_t i = 0; i < saved.buffers.size(); ++i) {
    EXPECT_EQ(loaded->buffers[i].name, saved.buffers[i].name);
    EXPECT_EQ(loaded->buffers[i].kind, saved.buffers[i].kind);
    EXPECT_EQ(loaded->buffers[i].bytes, saved.buffers[i].bytes);
    EXPECT_EQ(loaded->buffers[i].bytesPerPosition,
              saved.buffers[i].bytesPerPosition);
    EXPECT_EQ(loaded->buffers[i].dtype, saved.buffers[i].dtype);
    EXPECT_EQ(loaded->buffers[i].shape, saved.buffers[i].shape);
    EXPECT_EQ(loaded->buffers[i].prepare, saved.buffers[i].prepare);
  }
  ASSERT_EQ(loaded->entries.size(), saved.entries.size());
  EXPECT_EQ(loaded->entries[0].symbol, "mx_prefill");
  EXPECT_EQ(loaded->entries[0].maxTokens, 128);
  EXPECT_EQ(loaded->entries[0].arguments, saved.entries[0].arguments);
  EXPECT_EQ(loaded->entries[0].opCounts, saved.entries[0].opCounts);
  ASSERT_EQ(loaded->ops.size(), 2u);
  EXPECT_EQ(loaded->ops[0].function, "decode_experts");
  EXPECT_EQ(loaded->ops[0].name, "nn.linear");
  EXPECT_EQ(loaded->ops[0].weight, "router_weight");
  const OpCost &cost = loaded->ops[0].cost;
  EXPECT_EQ(cost.bytes, 1);
  EXPECT_EQ(cost.bytesPerToken, 2);
  EXPECT_EQ(cost.bytesPerPosition, 3);
  EXPECT_EQ(cost.bytesPerExpert, 4);
  EXPECT_EQ(cost.experts, 5);
  EXPECT_EQ(cost.expertsPerToken, 6);
  EXPECT_EQ(cost.flops, 7);
  EXPECT_EQ(cost.flopsPerToken, 8);
  EXPECT_EQ(cost.flopsPerPair, 9);
  EXPECT_EQ(cost.window, 10);
  EXPECT_EQ(cost.ownSequences, 11);
  EXPECT_EQ(loaded->code, saved.code);
}

TEST_F(ProgramTest, EveryEntryCountsEveryOp) {
  Program program = makeProgram();
  program.entries[1].opCounts.pop_back();
  ASSERT_TRUE(saveProgram(program, path));
  EXPECT_EQ(loadError(),
            path + ": expected entry 'decode' to count 2 ops, but found 1");
}

TEST(OpCostTest, GrowsWithTokensAndChosenExperts) {
  OpCost cost;
  cost.bytes = 1000;
  cost.bytesPerToken = 10;
  cost.bytesPerExpert = 100000;
  cost.experts = 32;
  cost.expertsPerToken = 4;
  cost.flops = 7;
  cost.flopsPerToken = 3;
  EXPECT_EQ(cost.bytesOf(1, 50), 1000 + 10 + 4 * 100000);
  EXPECT_EQ(cost.bytesOf(8, 0), 1000 + 80 + 32 * 100000);
  EXPECT_EQ(cost.bytesOf(100, 0), 1000 + 1000 + 32 * 100000);
  EXPECT_EQ(cost.flopsOf(100, 0), 307);
}

/// The sums, one position after the other.
TEST(OpCostTest, CountsThePositionsThatTokensAttendTo) {
  for (int64_t window : {0, 1, 5, 8}) {
    OpCost cost;
    cost.bytesPerPosition = 1;
    cost.flopsPerPair = 1;
    cost.window = window;
    for (int64_t position : {0, 1, 3, 4, 5, 7, 20}) {
      for (int64_t tokens : {1, 2, 5, 9, 30}) {
        std::set<int64_t> seen;
        int64_t pairs = 0;
        for (int64_t p = position; p < position + tokens; ++p)
          for (int64_t j = 0; j <= p; ++j)
            if (window == 0 || j > p - window) {
              seen.insert(j);
              ++pairs;
            }
        EXPECT_EQ(cost.bytesOf(tokens, position), double(seen.size()))
            << window << " " << position << " " << tokens;
        EXPECT_EQ(cost.flopsOf(tokens, position), double(pairs))
            << window << " " << position << " " << tokens;
      }
    }
  }
}

TEST(OpCostTest, EachTokenOfABatchHasPositionsOfItsOwn) {
  OpCost cost;
  cost.bytesPerPosition = 1;
  cost.flopsPerPair = 1;
  cost.ownSequences = 1;
  EXPECT_EQ(cost.bytesOf(3, 20), 3 * 21);
  EXPECT_EQ(cost.flopsOf(3, 20), 3 * 21);
  cost.window = 5;
  EXPECT_EQ(cost.bytesOf(3, 20), 3 * 5);
  EXPECT_EQ(cost.flopsOf(3, 2), 3 * 3);
}

TEST_F(ProgramTest, SequencesAreBounded) {
  Program program = makeProgram();
  program.sequences = kMaxSequences + 1;
  ASSERT_TRUE(saveProgram(program, path));
  EXPECT_EQ(loadError(), path + ": expected sequences to be in [1, 1024], but "
                                "found 1025");
}

TEST_F(ProgramTest, EveryChangedByteIsFound) {
  ASSERT_TRUE(saveProgram(makeProgram(), path));
  std::string good = readBytes();
  for (size_t i = 0; i < good.size(); ++i) {
    for (int change : {0x01, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = char(bad[i] ^ change);
      writeBytes(bad);
      EXPECT_NE(loadError(), "") << "byte " << i;
    }
  }
}

TEST_F(ProgramTest, EveryTruncationIsFound) {
  ASSERT_TRUE(saveProgram(makeProgram(), path));
  std::string good = readBytes();
  for (size_t size = 0; size < good.size(); ++size) {
    writeBytes(good.substr(0, size));
    EXPECT_NE(loadError(), "") << "first " << size << " bytes";
  }
  writeBytes(good + "x");
  EXPECT_EQ(loadError(),
            path + ": the program ends at byte " + std::to_string(good.size()) +
                ", but the file has " + std::to_string(good.size() + 1));
}

/// Whoever makes a hostile file also makes its checksum.
TEST_F(ProgramTest, HostileFilesWithRightChecksum) {
  ASSERT_TRUE(saveProgram(makeProgram(), path));
  std::string good = readBytes();
  std::mt19937 random(1);
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bad = good;
    for (int changes = 1 + int(random() % 4); changes > 0; --changes) {
      size_t at = 24 + random() % (bad.size() - 32);
      bad[at] = random() % 2 ? char(random()) : char(0xff);
    }
    fixChecksum(bad);
    writeBytes(bad);
    if (Result<Program> program = loadProgram(path)) {
      ++accepted;
      uint64_t total = 0;
      for (BufferKind kind : {BufferKind::Weight, BufferKind::Cache})
        total += program->size(kind, uint64_t(program->maxPositions));
      EXPECT_LT(total, uint64_t(1) << 63);
    }
  }
  EXPECT_GT(accepted, 0);
}

TEST_F(ProgramTest, RefusesWhatCanNotBe) {
  auto errorOf = [&](auto change) {
    Program program = makeProgram();
    change(program);
    EXPECT_TRUE(saveProgram(program, path));
    return loadError();
  };
  EXPECT_EQ(errorOf([](Program &p) { p.vocabSize = -5; }),
            path + ": expected vocabulary size to be in [0, 2147483647], but "
                   "found -5");
  EXPECT_EQ(errorOf([](Program &p) { p.buffers[1].name = "lm_head.weight"; }),
            path + ": two buffers are named 'lm_head.weight'");
  EXPECT_EQ(errorOf([](Program &p) {
              p.buffers[0].kind = BufferKind(7);
              p.buffers[0].name = "\x1B[2J\n";
            }),
            path + ": buffer '\\x1b[2J\\x0a' is of unknown kind 7");
  EXPECT_EQ(errorOf([](Program &p) { p.entries[1].name = "prefill"; }),
            path + ": two entry points are named 'prefill'");
  EXPECT_EQ(errorOf([](Program &p) { p.buffers[0].kind = BufferKind(7); }),
            path + ": buffer 'lm_head.weight' is of unknown kind 7");
  EXPECT_EQ(errorOf([](Program &p) { p.entries[0].maxTokens = 0; }),
            path + ": expected tokens of entry 'prefill' to be in [1, "
                   "2147483647], but found 0");
  EXPECT_EQ(errorOf([](Program &p) { p.entries[0].arguments[1] = 2; }),
            path + ": expected an argument of entry 'prefill' to be in [0, 1], "
                   "but found 2");
  EXPECT_EQ(errorOf([](Program &p) { p.entries[1].launches[0].threads = 0; }),
            path + ": expected threads of kernel 'linear_0' of entry 'decode' "
                   "to be in [1, 1024], but found 0");
  EXPECT_EQ(errorOf([](Program &p) {
              p.prepares[0].launches[0].arguments[0].buffer = 2;
            }),
            path + ": expected the buffer of an argument of kernel 'loop_1' of "
                   "entry 'prepare_0' to be in [0, 1], but found 2");
  EXPECT_NE(errorOf([](Program &p) { p.buffers[1].bytesPerPosition = ~0ull; }),
            "");
  EXPECT_NE(errorOf([](Program &p) { p.buffers[0].shape[1] = -1; }), "");
}

TEST_F(ProgramTest, WeightsInTwoArrangements) {
  Program program = makeProgram();
  Buffer plain = program.buffers[0];
  plain.prepare = "";
  program.buffers.push_back(plain);
  EXPECT_EQ(program.findBuffer("lm_head.weight"), 0);
  EXPECT_EQ(program.size(BufferKind::Weight, 100), 2 * 2048u * 192 * 2);
  ASSERT_TRUE(saveProgram(program, path));
  Result<Program> loaded = loadProgram(path);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->buffers[2].name, "lm_head.weight");
  EXPECT_EQ(loaded->buffers[2].prepare, "");
}

TEST_F(ProgramTest, NamesAnotherVersion) {
  ASSERT_TRUE(saveProgram(makeProgram(), path));
  std::string bytes = readBytes();
  bytes[8] = char(kABIVersion + 1);
  fixChecksum(bytes);
  writeBytes(bytes);
  EXPECT_EQ(loadError(),
            path + ": expected a program of version " +
                std::to_string(kABIVersion) + ", but found version " +
                std::to_string(kABIVersion + 1) + "; compile the model again");
}

TEST_F(ProgramTest, RefusesWhatIsNoFile) {
  EXPECT_EQ(loadError(), path + ": cannot open: No such file or directory");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(loadError(), path + ": expected a regular file");
  path = folder.path;
  EXPECT_EQ(loadError(), path + ": expected a regular file");
}

TEST_F(ProgramTest, SavesWholeOrNotAtAll) {
  Program program = makeProgram();
  ASSERT_TRUE(saveProgram(program, path));
  std::string before = readBytes();

  // A file system that takes 100 bytes.
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  auto oldHandler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = {100, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  program.target = "cpu:other";
  Status status = saveProgram(program, path);
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, oldHandler);

  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("File too large"), std::string::npos);
  EXPECT_EQ(readBytes(), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path), {}), 1);

  Status missing = saveProgram(program, folder / "absent/program");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("cannot create"), std::string::npos);
}
