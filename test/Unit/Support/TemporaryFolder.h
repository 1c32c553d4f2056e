//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files of a test: a folder that vanishes, and whole files.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEST_UNIT_SUPPORT_TEMPORARYFOLDER_H
#define MXFP4_TEST_UNIT_SUPPORT_TEMPORARYFOLDER_H

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace mx::test {

/// A new folder that is removed with all that is in it.
class TemporaryFolder {
public:
  TemporaryFolder()
      : path((std::filesystem::temp_directory_path() / "mxfp4-XXXXXX")
                 .string()) {
    // GoogleTest reports it as a failure of the test.
    if (!mkdtemp(path.data()))
      throw std::system_error(errno, std::generic_category(), path);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  std::string operator/(const std::string &name) const {
    return path + "/" + name;
  }

  std::string path;
};

inline void writeText(const std::string &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// The whole file `path`; empty if there is none.
inline std::string readText(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

} // namespace mx::test

#endif // MXFP4_TEST_UNIT_SUPPORT_TEMPORARYFOLDER_H
