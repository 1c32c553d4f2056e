//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of a compiled module, called with arrays of the caller.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_RUNTIME_EXECUTABLE_H
#define MXFP4_RUNTIME_EXECUTABLE_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Runtime/CPUDevice.h"
#include "mxfp4/Runtime/Memory.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace mx {

/// Numbers of the caller, row-major without gaps.
struct Array {
  /// Aligned to one element.
  void *data = nullptr;
  /// As a safetensors header names it, such as "BF16".
  std::string dtype;
  std::vector<int64_t> shape;
};

/// "F32 [?, 2880]": a kTokensExtent is written as "?".
std::string describeArray(const std::string &dtype,
                          const std::vector<int64_t> &shape);

/// True if an array of dtype `given` may stand where the code has `expected`:
/// the same, or integers of the same width, or one of them is a plain byte and
/// the other a number of 8 bits.
bool isCompatible(const std::string &expected, const std::string &given);

/// A function that can be called. Its arrays are those of Program::buffers.
struct Function {
  std::string name;
  /// Rows at most of arrays whose leading extent is kTokensExtent.
  int64_t maxTokens = 1;
  std::vector<Buffer> inputs;
  std::vector<Buffer> outputs;
};

/// A Program without caches, with its weights and temporaries in memory.
class Executable {
public:
  /// Loads the code of `program`, starts `threads` threads (0: one for each
  /// processor) and rearranges the weights, given by their names. Neither
  /// `program` nor the arrays are needed afterwards. Fails on a weight that is
  /// missing, unknown, or not as the program says.
  static Result<std::unique_ptr<Executable>>
  create(const Program &program, const std::map<std::string, Array> &weights,
         int64_t threads = 0);

  const std::vector<Function> &functions() const { return table; }
  /// The function `name`, or null.
  const Function *find(const std::string &name) const;

  /// The shapes of the outputs that a call of `function` with `inputs` has.
  /// Fails on inputs that it does not take.
  static Result<std::vector<std::vector<int64_t>>>
  inferShapes(const Function &function, const std::vector<Array> &inputs);

  /// Calls `function`, one of functions(), which reads `inputs` and writes
  /// `outputs` in place. Fails on arrays that do not fit, or on an output that
  /// shares bytes with another array. Threads may call at once; one call runs
  /// after the other.
  Status call(const Function &function, const std::vector<Array> &inputs,
              const std::vector<Array> &outputs);

  int64_t threads() const { return device->pool().threads(); }

private:
  Executable() = default;
  Status bindFunctions(const Program &program);
  Status loadWeights(const Program &program,
                     const std::map<std::string, Array> &weights);

  /// What a call of table[i] needs besides its arrays.
  struct Binding {
    MXEntryFunction function = nullptr;
    /// Indices of Program::buffers.
    std::vector<uint32_t> inputs, outputs;
  };

  std::unique_ptr<CPUDevice> device;
  std::vector<Function> table;
  std::vector<Binding> bindings;
  /// By index of Program::buffers; empty for inputs and outputs.
  std::vector<Memory> buffers;
  std::vector<void *> addresses;
  std::mutex mutex;
};

} // namespace mx

#endif // MXFP4_RUNTIME_EXECUTABLE_H
