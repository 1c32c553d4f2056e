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
#include <string_view>

namespace mx {

/// Why the last system call failed: `what`, a colon and the reason in `errno`.
Error systemError(const std::string &what);

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
/// finished, so that `path` is there whole or not at all. Of several writers of
/// one `path`, the last to finish wins.
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
  FileWriter(std::string finalPath, std::string partialPath, int descriptor)
      : finalPath(std::move(finalPath)), partialPath(std::move(partialPath)),
        descriptor(descriptor) {}

  std::string finalPath;
  /// The name until the file is finished; then empty.
  std::string partialPath;
  int descriptor;
  uint64_t written = 0;
};

/// Writes `bytes` to `path`, which is there whole or not at all.
Status writeFile(const std::string &path, std::string_view bytes);

} // namespace mx

#endif // MXFP4_SUPPORT_FILE_H
