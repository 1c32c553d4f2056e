//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writing files: exact bytes, and no file at all if anything goes wrong.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/Safetensors.h"

#include "TestSupport.h"

#include <csignal>

#include <sys/resource.h>

using namespace mx;
using namespace mx::test;

static const std::vector<TensorInfo> kTensors = {{"a", "U8", {4}, 4},
                                                 {"b", "BF16", {2, 3}, 12}};

TEST(SafetensorsWriterTest, ExactBytes) {
  TemporaryFolder folder;
  std::string path = folder / "x.safetensors";
  Result<SafetensorsWriter> writer = SafetensorsWriter::create(path, kTensors);
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE(writer->write("AAAABB", 6));
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(writer->write("BBBBBBBBBB", 10));
  ASSERT_TRUE(writer->finish());

  std::string header =
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
      R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(readText(path), makeSafetensors(header, "AAAABBBBBBBBBBBB"));
  EXPECT_TRUE(SafetensorsFile::open(path));
}

TEST(SafetensorsWriterTest, TooMuchOrTooLittleData) {
  TemporaryFolder folder;
  std::string path = folder / "x.safetensors";
  {
    Result<SafetensorsWriter> writer =
        SafetensorsWriter::create(path, kTensors);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->write("AAAA", 4));
    expectError(writer->write("BBBBBBBBBBBBB", 13),
                "x.safetensors: expected 12 more bytes of data, but got 13");
    expectError(writer->finish(), "expected 12 more bytes of data before its "
                                  "end");
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}

TEST(SafetensorsWriterTest, NoSuchFolder) {
  TemporaryFolder folder;
  expectError(SafetensorsWriter::create(folder / "no/x.safetensors", kTensors),
              "x.safetensors: cannot create: No such file or directory");
}

/// A limit on the size of files fails a write as a full disk does.
TEST(SafetensorsWriterTest, NoRoom) {
  TemporaryFolder folder;
  rlimit unlimited;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  rlimit limited = unlimited;
  limited.rlim_cur = 4096;
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
  Status status;
  {
    Result<SafetensorsWriter> writer = SafetensorsWriter::create(
        folder / "x.safetensors", {{"a", "U8", {10'000}, 10'000}});
    ASSERT_TRUE(writer) << writer.error().message;
    std::string data(10'000, 'x');
    status = writer->write(data.data(), data.size());
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  std::signal(SIGXFSZ, handler);
  expectError(status, "x.safetensors: cannot write ");
  expectError(status, " bytes at byte 4096: File too large");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}
