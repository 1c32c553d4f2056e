//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The safetensors format: 8 bytes of length, that many bytes of JSON, and the
// data. Whatever the format forbids is refused, each thing by its own message.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/Safetensors.h"

#include "Json.h"
#include "mxfp4/Support/File.h"
#include "mxfp4/Support/Quote.h"

#include <algorithm>
#include <tuple>

#include <sys/mman.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

using namespace mx;
using simdjson::dom::element;
using simdjson::dom::key_value_pair;

static constexpr uint64_t kLengthBytes = 8;
static constexpr uint64_t kMaxHeaderBytes = 100'000'000;
static constexpr uint64_t kHeaderAlignment = 8;
static constexpr char kMetadataKey[] = "__metadata__";

namespace {
/// A tensor of the header. Its data is [begin, begin + info.bytes).
struct HeaderEntry {
  TensorInfo info;
  uint64_t begin;
};
} // namespace

/// The 8 bytes of `value`, least significant first.
static std::string littleEndian(uint64_t value) {
  std::string bytes;
  for (uint64_t byte = 0; byte < kLengthBytes; ++byte)
    bytes += static_cast<char>(value >> (8 * byte));
  return bytes;
}

static uint64_t readLittleEndian(const uint8_t *bytes) {
  uint64_t value = 0;
  for (uint64_t byte = kLengthBytes; byte-- > 0;)
    value = value << 8 | bytes[byte];
  return value;
}

/// The text of the header; an error has no file name yet.
static Result<std::string_view> findHeader(const FileMap &map) {
  if (map.size() < kLengthBytes)
    return Error{"expected at least 8 bytes, but it has " +
                 std::to_string(map.size())};
  uint64_t length = readLittleEndian(map.data());
  if (length > kMaxHeaderBytes)
    return Error{"expected a header of at most " +
                 std::to_string(kMaxHeaderBytes) + " bytes, but it says " +
                 std::to_string(length)};
  if (length > map.size() - kLengthBytes)
    return Error{"the header ends at byte " +
                 std::to_string(kLengthBytes + length) + ", but the file has " +
                 std::to_string(map.size())};
  std::string_view header(
      reinterpret_cast<const char *>(map.data() + kLengthBytes), length);
  if (header.empty() || header.front() != '{')
    return Error{"expected the header to begin with '{'"};
  return header;
}

/// Reads a list of integers of 63 bits.
static bool readIntegers(element value, std::vector<int64_t> &numbers) {
  simdjson::dom::array list;
  if (value.get(list))
    return false;
  for (element item : list) {
    int64_t number = 0;
    if (item.get(number) || number < 0)
      return false;
    numbers.push_back(number);
  }
  return true;
}

/// Reads the entry of tensor `name`. `where` begins messages.
static Result<HeaderEntry> readEntry(std::string_view name, element value,
                                     const std::string &where) {
  simdjson::dom::object object;
  if (value.get(object))
    return Error{where + ": expected an object, but got " + describe(value)};
  Result<std::vector<key_value_pair>> members = jsonMembers(object, where);
  if (!members)
    return members.error();

  HeaderEntry entry;
  entry.info.name = name;
  std::string_view dtype;
  std::vector<int64_t> offsets;
  for (const key_value_pair &member : *members) {
    if (member.key == "dtype") {
      if (member.value.get(dtype) || dtypeBits(dtype) == 0)
        return Error{where + ": expected a known dtype, but got " +
                     describe(member.value)};
    } else if (member.key == "shape") {
      if (!readIntegers(member.value, entry.info.shape))
        return Error{where + ": expected 'shape' to be a list of integers of "
                             "at most 63 bits"};
    } else if (member.key == "data_offsets") {
      if (!readIntegers(member.value, offsets) || offsets.size() != 2)
        return Error{where + ": expected 'data_offsets' to be two integers of "
                             "at most 63 bits"};
    } else {
      return Error{where + ": key " + quote(member.key) +
                   " is none of 'dtype', 'shape' and 'data_offsets'"};
    }
  }
  // All keys are known and none is repeated, so three are all three.
  if (members->size() != 3)
    return Error{where + ": expected 'dtype', 'shape' and 'data_offsets', but "
                         "one is missing"};

  entry.info.dtype = dtype;
  Result<uint64_t> bytes = tensorBytes(entry.info.dtype, entry.info.shape);
  if (!bytes)
    return Error{where + ": " + bytes.error().message};
  if (offsets[0] > offsets[1])
    return Error{where + ": begins at byte " + std::to_string(offsets[0]) +
                 " of the data, but ends at " + std::to_string(offsets[1])};
  entry.info.bytes = *bytes;
  entry.begin = static_cast<uint64_t>(offsets[0]);
  uint64_t found = static_cast<uint64_t>(offsets[1]) - entry.begin;
  if (found != *bytes)
    return Error{where + ": expected " + std::to_string(*bytes) +
                 " bytes for " + describeTensor(entry.info) + ", but got " +
                 std::to_string(found)};
  return entry;
}

static Status checkMetadata(element value, const std::string &where) {
  simdjson::dom::object object;
  if (value.get(object))
    return Error{where + ": expected an object, but got " + describe(value)};
  Result<std::vector<key_value_pair>> members = jsonMembers(object, where);
  if (!members)
    return members.error();
  for (const key_value_pair &member : *members)
    if (!member.value.is_string())
      return Error{where + ": key " + quote(member.key) +
                   ": expected a string, but got " + describe(member.value)};
  return {};
}

static Result<std::vector<HeaderEntry>> readHeader(std::string_view header,
                                                   const std::string &path) {
  simdjson::dom::parser parser;
  Result<simdjson::dom::object> root =
      parseJsonObject(parser, header, path + ": header");
  if (!root)
    return root.error();
  Result<std::vector<key_value_pair>> members =
      jsonMembers(*root, path + ": header");
  if (!members)
    return members.error();

  std::vector<HeaderEntry> entries;
  for (const key_value_pair &member : *members) {
    if (member.key == kMetadataKey) {
      if (Status status =
              checkMetadata(member.value, path + ": " + kMetadataKey);
          !status)
        return status.error();
      continue;
    }
    Result<HeaderEntry> entry = readEntry(
        member.key, member.value, path + ": tensor " + quote(member.key));
    if (!entry)
      return entry.error();
    entries.push_back(std::move(*entry));
  }
  return entries;
}

/// Checks that `entries`, ordered by their data, hold each of the last bytes
/// of the file, from `dataBegin`, exactly once.
static Status checkTiling(const std::vector<HeaderEntry> &entries,
                          uint64_t dataBegin, uint64_t fileSize) {
  uint64_t end = 0;
  for (const HeaderEntry &entry : entries) {
    std::string tensor = "tensor " + quote(entry.info.name);
    // Offsets have 63 bits and the header is small: none of this overflows.
    uint64_t fileEnd = dataBegin + entry.begin + entry.info.bytes;
    if (fileEnd > fileSize)
      return Error{tensor + " ends at byte " + std::to_string(fileEnd) +
                   ", but the file has " + std::to_string(fileSize)};
    if (entry.begin < end)
      return Error{tensor + " begins at byte " + std::to_string(entry.begin) +
                   " of the data, but the tensor before it ends at " +
                   std::to_string(end)};
    if (entry.begin > end)
      return Error{tensor + " begins at byte " + std::to_string(entry.begin) +
                   " of the data, but the bytes from " + std::to_string(end) +
                   " belong to no tensor"};
    end = entry.begin + entry.info.bytes;
  }
  if (dataBegin + end != fileSize)
    return Error{"the last tensor ends at byte " +
                 std::to_string(dataBegin + end) + ", but the file has " +
                 std::to_string(fileSize)};
  return {};
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  Result<std::shared_ptr<const FileMap>> map = FileMap::open(path);
  if (!map)
    return map.error();
  Result<std::string_view> header = findHeader(**map);
  if (!header)
    return Error{path + ": " + header.error().message};
  Result<std::vector<HeaderEntry>> entries = readHeader(*header, path);
  if (!entries)
    return entries.error();

  // Tensors without data come before the one that begins at the same byte.
  std::sort(entries->begin(), entries->end(),
            [](const HeaderEntry &a, const HeaderEntry &b) {
              return std::tie(a.begin, a.info.bytes, a.info.name) <
                     std::tie(b.begin, b.info.bytes, b.info.name);
            });
  uint64_t dataBegin = kLengthBytes + header->size();
  if (Status status = checkTiling(*entries, dataBegin, (*map)->size()); !status)
    return Error{path + ": " + status.error().message};

  SafetensorsFile file;
  file.map = *map;
  for (HeaderEntry &entry : *entries) {
    file.byName.push_back(file.entries.size());
    file.entries.push_back(
        {std::move(entry.info), (*map)->data() + dataBegin + entry.begin});
  }
  std::sort(file.byName.begin(), file.byName.end(), [&](size_t a, size_t b) {
    return file.entries[a].info.name < file.entries[b].info.name;
  });
  return file;
}

const MappedTensor *SafetensorsFile::find(std::string_view name) const {
  auto found = std::lower_bound(byName.begin(), byName.end(), name,
                                [&](size_t index, std::string_view name) {
                                  return entries[index].info.name < name;
                                });
  if (found == byName.end() || entries[*found].info.name != name)
    return nullptr;
  return &entries[*found];
}

void mx::releasePages(const uint8_t *data, uint64_t bytes) {
  uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t address = reinterpret_cast<uintptr_t>(data);
  uint64_t before = (page - address % page) % page;
  if (bytes < before + page)
    return;
  // Advice: where it is not taken, memory is used for longer.
  (void)madvise(const_cast<uint8_t *>(data) + before,
                (bytes - before) / page * page, MADV_DONTNEED);
}

std::string mx::safetensorsHeader(const std::vector<TensorInfo> &tensors) {
  nlohmann::ordered_json entries = nlohmann::ordered_json::object();
  uint64_t end = 0;
  for (const TensorInfo &tensor : tensors) {
    uint64_t begin = end;
    end += tensor.bytes;
    entries[tensor.name] = {{"dtype", tensor.dtype},
                            {"shape", tensor.shape},
                            {"data_offsets", {begin, end}}};
  }
  std::string header = entries.dump(
      -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  uint64_t padding =
      (kHeaderAlignment - header.size() % kHeaderAlignment) % kHeaderAlignment;
  header.append(padding, ' ');
  return littleEndian(header.size()) + header;
}

SafetensorsWriter::SafetensorsWriter(std::unique_ptr<FileWriter> file,
                                     uint64_t dataBytes)
    : file(std::move(file)), missing(dataBytes) {}

SafetensorsWriter::SafetensorsWriter(SafetensorsWriter &&) noexcept = default;
SafetensorsWriter &
SafetensorsWriter::operator=(SafetensorsWriter &&) noexcept = default;
SafetensorsWriter::~SafetensorsWriter() = default;

Result<SafetensorsWriter>
SafetensorsWriter::create(const std::string &path,
                          const std::vector<TensorInfo> &tensors) {
  Result<std::unique_ptr<FileWriter>> file = FileWriter::create(path);
  if (!file)
    return file.error();
  std::string header = safetensorsHeader(tensors);
  if (Status status = (*file)->write(header.data(), header.size()); !status)
    return status.error();
  uint64_t dataBytes = 0;
  for (const TensorInfo &tensor : tensors)
    dataBytes += tensor.bytes;
  return SafetensorsWriter(std::move(*file), dataBytes);
}

Status SafetensorsWriter::write(const void *data, uint64_t bytes) {
  if (bytes > missing)
    return Error{file->path() + ": expected " + std::to_string(missing) +
                 " more bytes of data, but got " + std::to_string(bytes)};
  missing -= bytes;
  return file->write(data, bytes);
}

Status SafetensorsWriter::finish() {
  if (missing != 0)
    return Error{file->path() + ": expected " + std::to_string(missing) +
                 " more bytes of data before its end"};
  return file->finish();
}
