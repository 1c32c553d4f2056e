//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs functions of a program for the process that started it, which shares
// memory with this one. KernelRunner starts it in an emulator, built for the
// processor that the program is for:
//
//   <emulator> <this> PROGRAM FILE THREADS
//
// FILE is the number of an open file of memory. Lines on standard input are
// "guard OFFSET", for a page of it that may not be touched, and
// "run SYMBOL TOKENS POSITION CONTEXT OFFSET..." with the places of the
// buffers. Each is answered by a line: "done", or what is wrong.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/CPUDevice.h"

#include <iostream>
#include <sstream>
#include <sys/mman.h>
#include <sys/stat.h>

using namespace mx;

namespace {
/// What the lines say is done with.
struct Runner {
  std::unique_ptr<CPUDevice> device;
  char *memory = nullptr;

  std::string obey(const std::string &line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "guard") {
      size_t offset = 0;
      words >> offset;
      return mprotect(memory + offset, 4096, PROT_NONE) == 0
                 ? "done"
                 : "cannot protect a page";
    }
    if (verb != "run")
      return "unknown verb " + verb;
    std::string symbol;
    MXInvocation call = {};
    words >> symbol >> call.tokens >> call.position >> call.context;
    std::vector<void *> buffers;
    for (size_t offset = 0; words >> offset;)
      buffers.push_back(memory + offset);
    call.buffers = buffers.data();
    Result<MXEntryFunction> function = device->lookup(symbol);
    if (!function)
      return function.error().message;
    device->run(*function, call);
    return "done";
  }
};
} // namespace

static int fail(const std::string &message) {
  std::cout << message << std::endl;
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 4)
    return fail("expected PROGRAM FILE THREADS");
  Result<Program> program = loadProgram(argv[1]);
  if (!program)
    return fail(program.error().message);
  int file = std::stoi(argv[2]);
  struct stat status;
  if (fstat(file, &status) != 0)
    return fail("no memory to share");
  Runner runner;
  void *memory = mmap(nullptr, size_t(status.st_size), PROT_READ | PROT_WRITE,
                      MAP_SHARED, file, 0);
  if (memory == MAP_FAILED)
    return fail("cannot map the memory to share");
  runner.memory = static_cast<char *>(memory);
  Result<std::unique_ptr<CPUDevice>> device =
      CPUDevice::create(*program, std::stoll(argv[3]));
  if (!device)
    return fail(device.error().message);
  runner.device = std::move(*device);
  std::cout << "done" << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << runner.obey(line) << std::endl;
  return 0;
}
