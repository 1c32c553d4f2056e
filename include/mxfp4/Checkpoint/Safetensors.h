//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and writes files in the safetensors format. A file is mapped, not read,
// and refused unless its header accounts for every byte of it, so a truncated
// download fails on opening and not while a model runs.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_CHECKPOINT_SAFETENSORS_H
#define MXFP4_CHECKPOINT_SAFETENSORS_H

#include "mxfp4/Checkpoint/Schema.h"
#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mx {

class FileMap;
class FileWriter;

/// A tensor of a mapped file.
struct MappedTensor {
  TensorInfo info;
  /// `info.bytes` bytes with no alignment at all. Valid as long as the file.
  const uint8_t *data = nullptr;
};

/// A file mapped read-only, its header checked. Values are not looked at.
class SafetensorsFile {
public:
  /// Maps `path`. Fails on any breach of the format.
  static Result<SafetensorsFile> open(const std::string &path);

  /// The tensors in the order of their data.
  const std::vector<MappedTensor> &tensors() const { return entries; }

  /// The tensor `name`, or null.
  const MappedTensor *find(std::string_view name) const;

private:
  SafetensorsFile() = default;

  std::shared_ptr<const FileMap> map;
  std::vector<MappedTensor> entries;
  /// Indices of `entries`, ordered by name.
  std::vector<size_t> byName;
};

/// Drops the pages that lie wholly in these mapped bytes from memory. They are
/// read from the file again when touched.
void releasePages(const uint8_t *data, uint64_t bytes);

/// The head of a file that holds `tensors` in this order: the length of the
/// header and the header, padded to a multiple of 8 bytes.
std::string safetensorsHeader(const std::vector<TensorInfo> &tensors);

/// Writes a file piece by piece. It has a temporary name until it is whole, and
/// is removed unless finish() succeeds.
class SafetensorsWriter {
public:
  /// Starts `path` and writes its header. TensorInfo::bytes must be right.
  static Result<SafetensorsWriter>
  create(const std::string &path, const std::vector<TensorInfo> &tensors);

  SafetensorsWriter(SafetensorsWriter &&) noexcept;
  SafetensorsWriter &operator=(SafetensorsWriter &&) noexcept;
  ~SafetensorsWriter();

  /// Appends to the data, which is that of all tensors in their order.
  Status write(const void *data, uint64_t bytes);

  /// Gives the file its name. Fails unless all data was written.
  Status finish();

private:
  SafetensorsWriter(std::unique_ptr<FileWriter> file, uint64_t dataBytes);

  std::unique_ptr<FileWriter> file;
  /// Bytes of data still to come.
  uint64_t missing = 0;
};

} // namespace mx

#endif // MXFP4_CHECKPOINT_SAFETENSORS_H
