//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files through POSIX calls, each with its error checked. What is opened must
// be a regular file: a FIFO would block and a device would never end.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Support/File.h"

#include <atomic>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mx;

namespace {
/// Closes a descriptor at the end of a scope.
struct Descriptor {
  explicit Descriptor(int value) : value(value) {}
  Descriptor(Descriptor &&other) noexcept : value(other.value) {
    other.value = -1;
  }
  ~Descriptor() {
    if (value >= 0)
      close(value);
  }

  int value;
};

struct OpenFile {
  Descriptor descriptor;
  uint64_t size;
};
} // namespace

Error mx::systemError(const std::string &what) {
  return Error{what + ": " + std::strerror(errno)};
}

static Result<OpenFile> openRegularFile(const std::string &path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.value < 0)
    return systemError(path + ": cannot open");
  struct stat status;
  if (fstat(file.value, &status) != 0)
    return systemError(path + ": cannot read its size");
  if (!S_ISREG(status.st_mode))
    return Error{path + ": expected a regular file"};
  return OpenFile{std::move(file), static_cast<uint64_t>(status.st_size)};
}

Result<std::string> mx::readFile(const std::string &path, uint64_t maxBytes) {
  Result<OpenFile> file = openRegularFile(path);
  if (!file)
    return file.error();
  if (file->size > maxBytes)
    return Error{path + ": expected at most " + std::to_string(maxBytes) +
                 " bytes, but it has " + std::to_string(file->size)};

  std::string text(file->size, '\0');
  uint64_t done = 0;
  while (done < text.size()) {
    ssize_t count =
        read(file->descriptor.value, &text[done], text.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError(path + ": cannot read");
    if (count == 0)
      return Error{path + ": expected " + std::to_string(text.size()) +
                   " bytes, but it ended after " + std::to_string(done)};
    done += static_cast<uint64_t>(count);
  }
  return text;
}

Result<std::shared_ptr<const FileMap>> FileMap::open(const std::string &path) {
  Result<OpenFile> file = openRegularFile(path);
  if (!file)
    return file.error();
  if (file->size == 0)
    return std::shared_ptr<const FileMap>(new FileMap(nullptr, 0));
  void *address = mmap(nullptr, file->size, PROT_READ, MAP_PRIVATE,
                       file->descriptor.value, 0);
  if (address == MAP_FAILED)
    return systemError(path + ": cannot map " + std::to_string(file->size) +
                       " bytes");
  return std::shared_ptr<const FileMap>(
      new FileMap(static_cast<const uint8_t *>(address), file->size));
}

FileMap::~FileMap() {
  if (bytes)
    munmap(const_cast<uint8_t *>(bytes), length);
}

Result<std::unique_ptr<FileWriter>>
FileWriter::create(const std::string &path) {
  struct stat status;
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return Error{path + ": expected a regular file or nothing, but it is "
                        "something else"};
  // Another process may have had this number and left its file.
  static std::atomic<uint64_t> count{0};
  std::string partialPath;
  int descriptor;
  do {
    partialPath = path + ".partial" + std::to_string(getpid()) + "-" +
                  std::to_string(count++);
    descriptor =
        open(partialPath.c_str(),
             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  } while (descriptor < 0 && errno == EEXIST);
  if (descriptor < 0)
    return systemError(path + ": cannot create");
  return std::unique_ptr<FileWriter>(
      new FileWriter(path, std::move(partialPath), descriptor));
}

FileWriter::~FileWriter() {
  if (descriptor >= 0)
    close(descriptor);
  if (!partialPath.empty())
    unlink(partialPath.c_str());
}

Status FileWriter::write(const void *data, uint64_t size) {
  const char *next = static_cast<const char *>(data);
  uint64_t left = size;
  while (left > 0) {
    ssize_t count = ::write(descriptor, next, left);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError(finalPath + ": cannot write " + std::to_string(left) +
                         " bytes at byte " + std::to_string(written));
    next += count;
    left -= static_cast<uint64_t>(count);
    written += static_cast<uint64_t>(count);
  }
  return {};
}

Status FileWriter::finish() {
  // Some file systems report a full disk only here.
  int closed = close(descriptor);
  descriptor = -1;
  if (closed != 0)
    return systemError(finalPath + ": cannot write its " +
                       std::to_string(written) + " bytes");
  if (rename(partialPath.c_str(), finalPath.c_str()) != 0)
    return systemError(finalPath + ": cannot give it its name");
  partialPath.clear();
  return {};
}

Status mx::writeFile(const std::string &path, std::string_view bytes) {
  Result<std::unique_ptr<FileWriter>> file = FileWriter::create(path);
  if (!file)
    return file.error();
  if (Status status = (*file)->write(bytes.data(), bytes.size()); !status)
    return status;
  return (*file)->finish();
}
