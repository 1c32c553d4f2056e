//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files as this library needs them: small ones as text, large ones mapped, and
// new ones that appear whole or not at all.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_SUPPORT_FILE_H
#define MXFP4_SUPPORT_FILE_H

#include "mxfp4/Support/Result.h"

#include <cstdint>
#include <memory>
#include <string>

namespace mx {

/// The contents of regular file `path`. Fails if it has more than `maxBytes`.
Result<std::string> readFile(const std::string &path, uint64_t maxBytes);

/// A regular file mapped read-only.
class FileMap {
public:
  /// Maps `path`. An empty file has no data.
  static Result<std::shared_ptr<const FileMap>> open(const std::string &path);

  FileMap(const FileMap &) = delete;
  FileMap &operator=(const FileMap &) = delete;
  ~FileMap();

  const uint8_t *data() const { return bytes; }
  uint64_t size() const { return length; }

private:
  FileMap(const uint8_t *bytes, uint64_t length)
      : bytes(bytes), length(length) {}

  const uint8_t *bytes;
  uint64_t length;
};

/// A file being written, under a name of its own beside `path` until it is
/// finished, so that `path` is there whole or not at all.
class FileWriter {
public:
  /// Fails if `path` is something else than a regular file.
  static Result<std::unique_ptr<FileWriter>> create(const std::string &path);

  FileWriter(const FileWriter &) = delete;
  FileWriter &operator=(const FileWriter &) = delete;
  /// Removes the file unless it is finished.
  ~FileWriter();

  /// The name that the file will have.
  const std::string &path() const { return finalPath; }

  /// Appends `size` bytes.
  Status write(const void *data, uint64_t size);

  /// Gives the file its name.
  Status finish();

private:
  FileWriter(const std::string &path, int descriptor)
      : finalPath(path), descriptor(descriptor) {}

  /// The name until the file is finished.
  std::string partialPath() const;

  std::string finalPath;
  int descriptor;
  uint64_t written = 0;
  bool finished = false;
};

} // namespace mx

#endif // MXFP4_SUPPORT_FILE_H
