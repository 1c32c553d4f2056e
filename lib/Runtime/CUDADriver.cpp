//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the functions of the CUDA driver by name.
//
//===----------------------------------------------------------------------===//

#include "CUDADriver.h"

#include "mxfp4/Support/Quote.h"

#include <dlfcn.h>

using namespace mx;
using namespace mx::cuda;

static constexpr char kLibrary[] = "libcuda.so.1";

/// Looks up the functions one after another until one is missing.
static std::optional<std::string> loadFunctions(void *library, Driver &driver) {
  std::optional<std::string> missing;
  auto load = [&](auto &function, const char *name) {
    void *address = missing ? nullptr : dlsym(library, name);
    if (!address && !missing)
      missing = name;
    function = reinterpret_cast<std::decay_t<decltype(function)>>(address);
  };
  load(driver.init, "cuInit");
  load(driver.driverGetVersion, "cuDriverGetVersion");
  load(driver.getErrorString, "cuGetErrorString");
  load(driver.deviceGetCount, "cuDeviceGetCount");
  load(driver.deviceGet, "cuDeviceGet");
  load(driver.deviceGetName, "cuDeviceGetName");
  load(driver.deviceGetAttribute, "cuDeviceGetAttribute");
  load(driver.deviceTotalMem, "cuDeviceTotalMem_v2");
  load(driver.devicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain");
  load(driver.devicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2");
  load(driver.ctxSetCurrent, "cuCtxSetCurrent");
  load(driver.moduleLoadDataEx, "cuModuleLoadDataEx");
  load(driver.moduleUnload, "cuModuleUnload");
  load(driver.moduleGetFunction, "cuModuleGetFunction");
  load(driver.funcSetAttribute, "cuFuncSetAttribute");
  load(driver.occupancyMaxActiveBlocksPerMultiprocessor,
       "cuOccupancyMaxActiveBlocksPerMultiprocessor");
  load(driver.memGetInfo, "cuMemGetInfo_v2");
  load(driver.memAlloc, "cuMemAlloc_v2");
  load(driver.memFree, "cuMemFree_v2");
  load(driver.memAllocHost, "cuMemAllocHost_v2");
  load(driver.memFreeHost, "cuMemFreeHost");
  load(driver.memsetD8Async, "cuMemsetD8Async");
  load(driver.memcpyHtoDAsync, "cuMemcpyHtoDAsync_v2");
  load(driver.memcpyDtoHAsync, "cuMemcpyDtoHAsync_v2");
  load(driver.streamCreate, "cuStreamCreate");
  load(driver.streamDestroy, "cuStreamDestroy_v2");
  load(driver.streamSynchronize, "cuStreamSynchronize");
  load(driver.streamBeginCapture, "cuStreamBeginCapture_v2");
  load(driver.streamEndCapture, "cuStreamEndCapture");
  load(driver.graphInstantiateWithFlags, "cuGraphInstantiateWithFlags");
  load(driver.graphLaunch, "cuGraphLaunch");
  load(driver.graphExecDestroy, "cuGraphExecDestroy");
  load(driver.graphDestroy, "cuGraphDestroy");
  load(driver.launchKernelEx, "cuLaunchKernelEx");
  load(driver.eventCreate, "cuEventCreate");
  load(driver.eventRecord, "cuEventRecord");
  load(driver.eventSynchronize, "cuEventSynchronize");
  load(driver.eventElapsedTime, "cuEventElapsedTime");
  load(driver.eventDestroy, "cuEventDestroy_v2");
  return missing;
}

static Result<Driver> loadDriver() {
  void *library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return Error{std::string("no NVIDIA driver: ") + dlerror()};
  Driver driver;
  if (std::optional<std::string> missing = loadFunctions(library, driver))
    return Error{std::string("the NVIDIA driver is too old: ") + kLibrary +
                 " has no function " + quote(*missing)};
  if (Code code = driver.init(0))
    return driver.makeError("cannot start the NVIDIA driver", code);
  return driver;
}

Error Driver::makeError(const std::string &what, Code code) const {
  const char *text = nullptr;
  getErrorString(code, &text);
  return Error{what + ": " + (text ? text : "error " + std::to_string(code))};
}

Result<const Driver *> cuda::getDriver() {
  static const Result<Driver> driver = loadDriver();
  if (!driver)
    return driver.error();
  return &*driver;
}
