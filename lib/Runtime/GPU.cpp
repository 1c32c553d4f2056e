//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Asks the driver.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/GPU.h"

#include "CUDADriver.h"
#include "mxfp4/Support/Quote.h"

#include <cstdio>

using namespace mx;
using cuda::Code;

bool mx::isForGPU(const std::string &target) {
  return target.rfind("nvptx:", 0) == 0;
}

Result<GPU> mx::findGPU() {
  Result<const cuda::Driver *> found = cuda::getDriver();
  if (!found)
    return found.error();
  const cuda::Driver &driver = **found;
  int count = 0;
  if (Code code = driver.deviceGetCount(&count))
    return driver.makeError("cannot count the GPUs", code);
  if (count == 0)
    return Error{"the NVIDIA driver has no GPU"};
  GPU gpu;
  cuda::Device device = 0;
  char name[256] = "";
  int major = 0, minor = 0;
  size_t bytes = 0;
  Code code = driver.deviceGet(&device, 0);
  if (code == 0)
    code = driver.deviceGetName(name, sizeof(name), device);
  if (code == 0)
    code = driver.deviceGetAttribute(&major, cuda::kComputeCapabilityMajor,
                                     device);
  if (code == 0)
    code = driver.deviceGetAttribute(&minor, cuda::kComputeCapabilityMinor,
                                     device);
  if (code == 0)
    code = driver.deviceGetAttribute(&gpu.multiprocessors,
                                     cuda::kMultiprocessorCount, device);
  if (code == 0)
    code = driver.deviceTotalMem(&bytes, device);
  if (code == 0)
    code = driver.driverGetVersion(&gpu.driverVersion);
  if (code != 0)
    return driver.makeError("cannot ask a GPU for its properties", code);
  gpu.name = name;
  gpu.capability = 10 * major + minor;
  gpu.bytes = bytes;
  return gpu;
}

Result<GPU> mx::findGPUFor(const std::string &target) {
  Result<GPU> gpu = findGPU();
  if (!gpu)
    return Error{"cannot run the program for " + quote(target) + ": " +
                 gpu.error().message};
  std::string chip = target.substr(target.find(':') + 1);
  bool isExact = !chip.empty() && chip.back() == 'a';
  int needed = 0;
  bool isChip = std::sscanf(chip.c_str(), "sm_%4d", &needed) == 1;
  if (isChip &&
      (isExact ? gpu->capability == needed : gpu->capability >= needed))
    return gpu;
  return Error{"the program is for " + quote(target) + ", but GPU " +
               quote(gpu->name) + " is sm_" + std::to_string(gpu->capability) +
               "; compile the model for it"};
}
