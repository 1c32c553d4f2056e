//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The format of single files: each of its rules, broken, has its message.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/Safetensors.h"

#include "TestSupport.h"

#include <algorithm>
#include <cstring>
#include <random>

using namespace mx;
using namespace mx::test;

namespace {
class SafetensorsTest : public testing::Test {
protected:
  /// Opens a file of these bytes.
  Result<SafetensorsFile> openBytes(const std::string &bytes) {
    std::string path = folder / "x.safetensors";
    writeText(path, bytes);
    return SafetensorsFile::open(path);
  }

  /// Opens a file of this header and `dataBytes` bytes of data.
  Result<SafetensorsFile> openHeader(const std::string &header,
                                     size_t dataBytes = 0) {
    return openBytes(makeSafetensors(header, std::string(dataBytes, 'd')));
  }

  TemporaryFolder folder;
};
} // namespace

static constexpr char kTwoTensors[] =
    R"({"__metadata__":{"format":"pt"},)"
    R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
    R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}   )";

TEST_F(SafetensorsTest, TwoTensors) {
  Result<SafetensorsFile> file =
      openBytes(makeSafetensors(kTwoTensors, "AAAABBBBBBBBBBBB"));
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 2u);
  EXPECT_EQ(file->tensors()[0].info.name, "a");
  EXPECT_EQ(file->tensors()[1].info.name, "b");

  const MappedTensor *tensor = file->find("b");
  ASSERT_TRUE(tensor);
  EXPECT_EQ(describeTensor(tensor->info), "BF16 [2, 3]");
  EXPECT_EQ(tensor->info.bytes, 12u);
  EXPECT_EQ(std::memcmp(tensor->data, "BBBBBBBBBBBB", 12), 0);
  EXPECT_EQ(file->find("c"), nullptr);
  EXPECT_EQ(file->find(""), nullptr);
}

TEST_F(SafetensorsTest, OddButLegal) {
  EXPECT_TRUE(openHeader("{}"));
  EXPECT_TRUE(openHeader(R"({"__metadata__":{}})"));
  // A scalar, a tensor without elements and 4-bit elements.
  EXPECT_TRUE(openHeader(
      R"({"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4));
  EXPECT_TRUE(
      openHeader(R"({"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                 R"("z":{"dtype":"F32","shape":[7,0],"data_offsets":[0,0]},)"
                 R"("y":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}})",
                 4));
  EXPECT_TRUE(openHeader(
      R"({"s":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]}})", 3));
  EXPECT_TRUE(openHeader(
      R"({"s":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}})", 3));
  // Bytes are not values.
  EXPECT_TRUE(openBytes(makeSafetensors(
      R"({"s":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}})",
      "\xFF\xFF")));
}

TEST_F(SafetensorsTest, HeaderLength) {
  expectError(openBytes(""), "expected at least 8 bytes, but it has 0");
  expectError(openBytes("1234567"), "expected at least 8 bytes, but it has 7");
  expectError(openBytes(std::string(8, '\xFF') + "{}"),
              "expected a header of at most 100000000 bytes, but it says "
              "18446744073709551615");
  std::string tooLong("\x01\xE1\xF5\x05\0\0\0\0{}", 10); // 100,000,001
  expectError(openBytes(tooLong), "but it says 100000001");
  expectError(openBytes(std::string("\x03\0\0\0\0\0\0\0{}", 10)),
              "the header ends at byte 11, but the file has 10");
  expectError(openBytes(std::string(8, '\0')),
              "expected the header to begin with '{'");
  expectError(openHeader(" {}"), "expected the header to begin with '{'");
}

TEST_F(SafetensorsTest, HeaderIsNotJson) {
  expectError(openHeader("{"), "x.safetensors: header: expected valid JSON");
  expectError(openHeader("{}x"), "header: expected valid JSON");
  expectError(openHeader(std::string("{}\0", 3)), "expected valid JSON");
  expectError(openHeader("{\"\xC0\x80\":{}}"), "expected valid JSON");
  std::string deep = "{\"a\":";
  for (int i = 0; i < 100'000; ++i)
    deep += "{\"a\":";
  expectError(openHeader(deep), "expected valid JSON");
}

TEST_F(SafetensorsTest, RepeatedKeys) {
  const char *entry = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  expectError(
      openHeader(std::string(R"({"a":)") + entry + R"(,"a":)" + entry + "}"),
      "header: key 'a' is repeated");
  // The same key by another spelling.
  expectError(openHeader(std::string(R"({"a":)") + entry + R"(,"\u0061":)" +
                         entry + "}"),
              "header: key 'a' is repeated");
  expectError(
      openHeader(
          R"({"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
      "tensor 'a': key 'dtype' is repeated");
  expectError(openHeader(R"({"__metadata__":{"k":"1","k":"2"}})"),
              "__metadata__: key 'k' is repeated");
}

TEST_F(SafetensorsTest, Metadata) {
  expectError(openHeader(R"({"__metadata__":[]})"),
              "__metadata__: expected an object, but got a list");
  expectError(openHeader(R"({"__metadata__":{"k":1}})"),
              "__metadata__: key 'k': expected a string, but got 1");
}

TEST_F(SafetensorsTest, BadEntries) {
  auto withEntry = [&](const std::string &entry) {
    return openHeader("{\"a\":" + entry + "}", 4);
  };
  expectError(withEntry("3"), "tensor 'a': expected an object, but got 3");
  expectError(withEntry(R"({"shape":[4],"data_offsets":[0,4]})"),
              "tensor 'a': expected 'dtype', 'shape' and 'data_offsets', but "
              "one is missing");
  expectError(withEntry(R"({"dtype":"U7","shape":[4],"data_offsets":[0,4]})"),
              "tensor 'a': expected a known dtype, but got 'U7'");
  expectError(withEntry(R"({"dtype":8,"shape":[4],"data_offsets":[0,4]})"),
              "tensor 'a': expected a known dtype, but got 8");
  for (const char *shape :
       {"4", "[-4]", "[4.0]", "[\"4\"]", "[null]", "[9223372036854775808]"})
    expectError(withEntry(std::string(R"({"dtype":"U8","shape":)") + shape +
                          R"(,"data_offsets":[0,4]})"),
                "tensor 'a': expected 'shape' to be a list of integers");
  for (const char *offsets : {"4", "[]", "[0]", "[0,4,4]", "[-1,4]",
                              "[0,9223372036854775808]", "[0,\"4\"]"})
    expectError(withEntry(std::string(R"({"dtype":"U8","shape":[4],)") +
                          R"("data_offsets":)" + offsets + "}"),
                "tensor 'a': expected 'data_offsets' to be two integers");
  expectError(
      withEntry(
          R"({"dtype":"U8","shape":[4],"data_offsets":[0,4],"order":"C"})"),
      "tensor 'a': key 'order' is none of");
}

TEST_F(SafetensorsTest, Sizes) {
  auto withTensor = [&](const std::string &dtype, const std::string &shape,
                        const std::string &offsets) {
    return openHeader("{\"a\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
                          ",\"data_offsets\":" + offsets + "}}",
                      4);
  };
  expectError(withTensor("U8", "[4]", "[4,0]"),
              "tensor 'a': begins at byte 4 of the data, but ends at 0");
  expectError(withTensor("U8", "[3]", "[0,4]"),
              "tensor 'a': expected 3 bytes for U8 [3], but got 4");
  expectError(withTensor("BF16", "[4]", "[0,4]"),
              "tensor 'a': expected 8 bytes for BF16 [4], but got 4");
  expectError(withTensor("F4", "[3]", "[0,1]"),
              "expected whole bytes, but F4 [3] has 12 bits");
  expectError(withTensor("U8", "[4294967296,4294967296]", "[0,4]"),
              "expected a size of at most 9223372036854775807 bits");
  // Would be 4 bytes if it wrapped around.
  expectError(withTensor("U8", "[4611686018427387905,4]", "[0,4]"),
              "expected a size of at most 9223372036854775807 bits");
}

TEST_F(SafetensorsTest, Tiling) {
  auto withOffsets = [&](int beginA, int endA, int beginB, int endB,
                         size_t dataBytes) {
    auto entry = [](int begin, int end) {
      return "{\"dtype\":\"U8\",\"shape\":[" + std::to_string(end - begin) +
             "],\"data_offsets\":[" + std::to_string(begin) + "," +
             std::to_string(end) + "]}";
    };
    return openHeader("{\"a\":" + entry(beginA, endA) +
                          ",\"b\":" + entry(beginB, endB) + "}",
                      dataBytes);
  };
  EXPECT_TRUE(withOffsets(0, 4, 4, 8, 8));
  EXPECT_TRUE(withOffsets(4, 8, 0, 4, 8));
  expectError(withOffsets(0, 4, 3, 8, 8),
              "tensor 'b' begins at byte 3 of the data, but the tensor before "
              "it ends at 4");
  expectError(withOffsets(0, 8, 0, 8, 8), "tensor 'b' begins at byte 0");
  expectError(withOffsets(0, 8, 2, 4, 8), "tensor 'b' begins at byte 2");
  expectError(withOffsets(0, 4, 5, 8, 8),
              "tensor 'b' begins at byte 5 of the data, but the bytes from 4 "
              "belong to no tensor");
  expectError(withOffsets(1, 4, 4, 8, 8),
              "tensor 'a' begins at byte 1 of the data, but the bytes from 0 "
              "belong to no tensor");
  expectError(withOffsets(0, 4, 4, 9, 8), ", but the file has ");
  expectError(withOffsets(0, 4, 4, 8, 9), "the last tensor ends at byte ");
  expectError(openHeader("{}", 1),
              "the last tensor ends at byte 10, but the file has 11");
  expectError(
      openHeader(
          R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[9223372036854775805,9223372036854775807]}})",
          2),
      "tensor 'a' ends at byte 922337203685477");
}

TEST_F(SafetensorsTest, TruncationAtAnyByte) {
  std::string bytes = makeSafetensors(kTwoTensors, "AAAABBBBBBBBBBBB");
  ASSERT_TRUE(openBytes(bytes));
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(openBytes(bytes.substr(0, length))) << length;
}

TEST_F(SafetensorsTest, TruncationOfARealModel) {
  std::string bytes =
      readText(MXFP4_SOURCE_DIR "/models/tiny-shakespeare/model.safetensors");
  std::string path = folder / "x.safetensors";
  writeText(path, bytes);
  ASSERT_TRUE(SafetensorsFile::open(path));
  std::mt19937_64 random(1);
  std::vector<uint64_t> lengths;
  for (int i = 0; i < 200; ++i)
    lengths.push_back(random() % bytes.size());
  std::sort(lengths.rbegin(), lengths.rend());
  for (uint64_t length : lengths) {
    std::filesystem::resize_file(path, length);
    EXPECT_FALSE(SafetensorsFile::open(path)) << length;
  }
}

/// A changed header is refused or describes tensors within the file.
TEST_F(SafetensorsTest, ChangedHeadersStayWithinTheFile) {
  std::string bytes = makeSafetensors(kTwoTensors, "AAAABBBBBBBBBBBB");
  std::mt19937_64 random(2);
  for (int i = 0; i < 1000; ++i) {
    std::string changed = bytes;
    for (uint64_t count = 1 + random() % 3; count > 0; --count)
      changed[random() % (bytes.size() - 16)] = static_cast<char>(random());
    Result<SafetensorsFile> file = openBytes(changed);
    if (!file)
      continue;
    uint64_t total = 0;
    for (const MappedTensor &tensor : file->tensors())
      for (uint64_t byte = 0; byte < tensor.info.bytes; ++byte)
        total += tensor.data[byte] != 0;
    EXPECT_LE(total, changed.size());
  }
}

TEST_F(SafetensorsTest, ReleasedPagesComeBack) {
  TensorInfo info{"t", "U8", {1 << 20}, 1 << 20};
  std::string path = folder / "x.safetensors";
  Result<SafetensorsWriter> writer = SafetensorsWriter::create(path, {info});
  ASSERT_TRUE(writer) << writer.error().message;
  std::string data;
  for (uint64_t i = 0; i < info.bytes; ++i)
    data += static_cast<char>(i * i >> 8);
  ASSERT_TRUE(writer->write(data.data(), data.size()));
  ASSERT_TRUE(writer->finish());

  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  const MappedTensor *tensor = file->find("t");
  ASSERT_TRUE(tensor);
  releasePages(tensor->data, tensor->info.bytes);
  releasePages(tensor->data, 1);
  releasePages(tensor->data, 0);
  EXPECT_EQ(std::memcmp(tensor->data, data.data(), data.size()), 0);
}
