//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads /proc and /sys.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/Machine.h"

#include "mxfp4/Runtime/ThreadPool.h"

#include <cctype>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace mx;

/// What follows "key:" in a file of such lines, without spaces at its ends; "".
static std::string findValue(const char *path, const std::string &key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    size_t colon = line.find(':');
    if (colon == std::string::npos || line.compare(0, key.size(), key) != 0 ||
        line.find_first_not_of(" \t", key.size()) != colon)
      continue;
    size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

/// Such a value in kilobytes, in bytes.
static uint64_t findBytes(const char *path, const std::string &key) {
  return std::strtoull(findValue(path, key).c_str(), nullptr, 10) * 1024;
}

static int64_t countNodes() {
  std::error_code error;
  int64_t nodes = 0;
  for (const auto &entry :
       std::filesystem::directory_iterator("/sys/devices/system/node", error)) {
    std::string name = entry.path().filename();
    nodes += name.rfind("node", 0) == 0 && name.size() > 4 &&
             std::isdigit(static_cast<unsigned char>(name[4]));
  }
  return nodes;
}

/// The word in brackets, such as "madvise" in "always [madvise] never".
static std::string findChosen(const char *path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  size_t begin = line.find('['), end = line.find(']');
  return begin == std::string::npos || end == std::string::npos || end < begin
             ? ""
             : line.substr(begin + 1, end - begin - 1);
}

Machine mx::describeMachine() {
  Machine machine;
  machine.processor = findValue("/proc/cpuinfo", "model name");
  machine.allowedProcessors = countAllowedProcessors();
  machine.processors = std::thread::hardware_concurrency();
  machine.nodes = countNodes();
  machine.memory = findBytes("/proc/meminfo", "MemTotal");
  machine.availableMemory = findBytes("/proc/meminfo", "MemAvailable");
  machine.hugePages = findChosen("/sys/kernel/mm/transparent_hugepage/enabled");
  return machine;
}
