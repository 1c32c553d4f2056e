//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A Program in the memory of a device, the CPU or a GPU: its code and all its
// buffers.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_LOADEDPROGRAM_H
#define MXFP4_RUNTIME_LOADEDPROGRAM_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Checkpoint/Checkpoint.h"
#include "mxfp4/Runtime/OpProfile.h"

#include <memory>

namespace mx {

struct LoadOptions {
  /// Positions that the caches hold.
  int64_t context = 0;
  /// Of a CPU: how many threads, 0 being one for each processor as far as the
  /// program allows, and whether each stays on a processor of its own.
  int64_t threads = 0;
  bool pin = false;
};

/// What a Program needs to be called. Buffers and entry points go by their
/// indices in the Program, which is not needed after loading.
class LoadedProgram {
public:
  /// Loads the code of `program` on the device that its target names and
  /// allocates all buffers. Fails if the device is not there, cannot run the
  /// code or has too little memory.
  static Result<std::unique_ptr<LoadedProgram>>
  create(const Program &program, const LoadOptions &options);
  virtual ~LoadedProgram() = default;

  /// Fills a buffer that is a weight from its bytes in the checkpoint, which
  /// may go afterwards.
  virtual Status fill(size_t buffer, const TensorData &source) = 0;

  /// Copies `bytes` bytes to the start of a buffer.
  virtual Status write(size_t buffer, const void *source, uint64_t bytes) = 0;

  /// The `bytes` bytes from `offset` of a buffer on, as calls so far have left
  /// them. They are valid until the next call or read.
  virtual Result<const void *> read(size_t buffer, uint64_t offset,
                                    uint64_t bytes) = 0;

  /// Calls an entry point. MXInvocation says what the numbers mean. `profile`
  /// gets the times of ops; it may be null. Does not allocate. On a GPU the
  /// call need not be done when this returns.
  virtual Status call(size_t entry, int64_t tokens, int64_t position,
                      int64_t sequence, OpProfile *profile) = 0;

  /// Returns when all calls are done.
  virtual Status wait() = 0;

  /// Bytes of all buffers.
  virtual uint64_t bytes() const = 0;
  /// Threads of a CPU that calls run on; 1 on a GPU.
  virtual int64_t threads() const = 0;
};

} // namespace mx

#endif // MXFP4_RUNTIME_LOADEDPROGRAM_H
