//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The CUDA driver, loaded when it is first needed. Declares what is used of its
// interface, so that nothing of CUDA is needed to build. Source: the CUDA
// Driver API reference.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_RUNTIME_CUDADRIVER_H
#define MXFP4_LIB_RUNTIME_CUDADRIVER_H

#include "mxfp4/Support/Result.h"

#include <cstddef>
#include <cstdint>

namespace mx::cuda {

/// 0, or the number of an error.
using Code = int;
using Device = int;
using Pointer = uint64_t;
using Context = struct ContextHandle *;
using Module = struct ModuleHandle *;
using Function = struct FunctionHandle *;
using Stream = struct StreamHandle *;
using Event = struct EventHandle *;
using Graph = struct GraphHandle *;
using GraphExec = struct GraphExecHandle *;

// Values of CUdevice_attribute, CUjit_option and flags.
constexpr int kMultiprocessorCount = 16;
constexpr int kComputeCapabilityMajor = 75;
constexpr int kComputeCapabilityMinor = 76;
constexpr int kMaxSharedBytesOfBlock = 97;
constexpr int kJitErrorLogBuffer = 5;
constexpr int kJitErrorLogBufferBytes = 6;
constexpr unsigned kNonBlockingStream = 1;
constexpr int kThreadLocalCapture = 1;
// Values of CUfunction_attribute.
constexpr int kMaxSharedBytes = 8;
constexpr int kSharedCarveout = 9;
// A value of CUlaunchAttributeID.
constexpr int kProgrammaticStreamSerialization = 6;

/// CUlaunchAttribute, with the values that are a number.
struct LaunchAttribute {
  int id;
  int padding;
  int value;
  char rest[60];
};

/// CUlaunchConfig.
struct LaunchConfig {
  unsigned gridX, gridY, gridZ;
  unsigned blockX, blockY, blockZ;
  unsigned sharedBytes;
  Stream stream;
  LaunchAttribute *attributes;
  unsigned attributeCount;
};

/// The functions of the driver, named as there without the "cu".
struct Driver {
  Code (*init)(unsigned flags);
  Code (*driverGetVersion)(int *version);
  Code (*getErrorString)(Code, const char **text);
  Code (*deviceGetCount)(int *count);
  Code (*deviceGet)(Device *, int ordinal);
  Code (*deviceGetName)(char *name, int bytes, Device);
  Code (*deviceGetAttribute)(int *value, int attribute, Device);
  Code (*deviceTotalMem)(size_t *bytes, Device);
  Code (*devicePrimaryCtxRetain)(Context *, Device);
  Code (*devicePrimaryCtxRelease)(Device);
  Code (*ctxSetCurrent)(Context);
  Code (*moduleLoadDataEx)(Module *, const void *image, unsigned options,
                           int *names, void **values);
  Code (*moduleUnload)(Module);
  Code (*moduleGetFunction)(Function *, Module, const char *name);
  Code (*funcSetAttribute)(Function, int attribute, int value);
  Code (*occupancyMaxActiveBlocksPerMultiprocessor)(int *blocks, Function,
                                                    int threads,
                                                    size_t sharedBytes);
  Code (*memGetInfo)(size_t *available, size_t *total);
  Code (*memAlloc)(Pointer *, size_t bytes);
  Code (*memFree)(Pointer);
  Code (*memAllocHost)(void **, size_t bytes);
  Code (*memFreeHost)(void *);
  Code (*memsetD8Async)(Pointer, unsigned char value, size_t bytes, Stream);
  Code (*memcpyHtoDAsync)(Pointer, const void *, size_t bytes, Stream);
  Code (*memcpyDtoHAsync)(void *, Pointer, size_t bytes, Stream);
  Code (*streamCreate)(Stream *, unsigned flags);
  Code (*streamDestroy)(Stream);
  Code (*streamSynchronize)(Stream);
  Code (*streamBeginCapture)(Stream, int mode);
  Code (*streamEndCapture)(Stream, Graph *);
  Code (*graphInstantiateWithFlags)(GraphExec *, Graph, unsigned long long);
  Code (*graphLaunch)(GraphExec, Stream);
  Code (*graphExecDestroy)(GraphExec);
  Code (*graphDestroy)(Graph);
  Code (*launchKernelEx)(const LaunchConfig *, Function, void **arguments,
                         void **extra);
  Code (*eventCreate)(Event *, unsigned flags);
  Code (*eventRecord)(Event, Stream);
  Code (*eventSynchronize)(Event);
  Code (*eventElapsedTime)(float *milliseconds, Event first, Event second);
  Code (*eventDestroy)(Event);

  /// What went wrong when `what` was done.
  Error makeError(const std::string &what, Code code) const;
};

/// The driver, ready for use. Fails where there is none, or no device.
Result<const Driver *> getDriver();

} // namespace mx::cuda

#endif // MXFP4_LIB_RUNTIME_CUDADRIVER_H
