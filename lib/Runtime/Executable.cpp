//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arrays of the caller are used where they are. Everything about them is
// checked before the code runs, which trusts its arguments.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Executable.h"

#include "mxfp4/Checkpoint/Schema.h"
#include "mxfp4/Support/Quote.h"

#include <algorithm>
#include <cstring>
#include <optional>

using namespace mx;

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

std::string mx::describeArray(const std::string &dtype,
                              const std::vector<int64_t> &shape) {
  std::string text = dtype + " [";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") +
            (shape[i] == kTokensExtent ? "?" : std::to_string(shape[i]));
  return text + "]";
}

static bool isInteger(const std::string &dtype) {
  return dtype[0] == 'I' || dtype[0] == 'U';
}

bool mx::isCompatible(const std::string &expected, const std::string &given) {
  if (expected == given)
    return true;
  unsigned bits = dtypeBits(expected);
  // A bool has bytes 0 and 1 only.
  if (bits == 0 || bits != dtypeBits(given) || expected == "BOOL" ||
      given == "BOOL")
    return false;
  return bits == 8 ? isInteger(expected) || isInteger(given)
                   : isInteger(expected) && isInteger(given);
}

/// Fails unless `array` is what `buffer` says. `rows` is the number of tokens,
/// which the first array that has it sets.
static Status checkArray(const Buffer &buffer, const Array &array,
                         std::optional<int64_t> &rows, int64_t maxRows) {
  bool fits = isCompatible(buffer.dtype, array.dtype) &&
              buffer.shape.size() == array.shape.size();
  for (size_t i = 0; fits && i < buffer.shape.size(); ++i)
    fits = buffer.shape[i] == array.shape[i] ||
           (i == 0 && buffer.shape[i] == kTokensExtent);
  if (!fits)
    return Error{quote(buffer.name) + ": expected an array of " +
                 describeArray(buffer.dtype, buffer.shape) + ", but got " +
                 describeArray(array.dtype, array.shape)};
  if (!buffer.shape.empty() && buffer.shape[0] == kTokensExtent) {
    int64_t found = array.shape[0];
    if (rows && found != *rows)
      return Error{quote(buffer.name) + ": expected " + std::to_string(*rows) +
                   " rows, as the arrays before, but got " +
                   std::to_string(found)};
    if (found < 1 || found > maxRows)
      return Error{quote(buffer.name) + ": expected 1 to " +
                   std::to_string(maxRows) + " rows, but got " +
                   std::to_string(found)};
    rows = found;
  }
  Result<uint64_t> bytes = tensorBytes(array.dtype, array.shape);
  if (!bytes)
    return Error{quote(buffer.name) + ": " + bytes.error().message};
  if (!array.data && *bytes != 0)
    return Error{quote(buffer.name) + ": expected an array, but got null"};
  if (uintptr_t(array.data) % std::max(dtypeBits(buffer.dtype) / 8, 1u) != 0)
    return Error{quote(buffer.name) +
                 ": expected an array that is aligned to its elements"};
  return {};
}

static Status checkCount(const Function &function, const char *what,
                         size_t expected, size_t found) {
  if (expected == found)
    return {};
  return Error{quote(function.name) + ": expected " + std::to_string(expected) +
               " " + what + ", but got " + std::to_string(found)};
}

/// Bytes of `array`, which is as its buffer says.
static uint64_t countBytes(const Array &array) {
  Result<uint64_t> bytes = tensorBytes(array.dtype, array.shape);
  return bytes ? *bytes : 0;
}

static bool overlap(const Array &a, const Array &b) {
  auto begin = [](const Array &x) { return uintptr_t(x.data); };
  if (countBytes(a) == 0 || countBytes(b) == 0)
    return false;
  return begin(a) < begin(b) + countBytes(b) &&
         begin(b) < begin(a) + countBytes(a);
}

//===----------------------------------------------------------------------===//
// Creation
//===----------------------------------------------------------------------===//

Result<std::unique_ptr<Executable>>
Executable::create(const Program &program,
                   const std::map<std::string, Array> &weights,
                   int64_t threads) {
  for (const Buffer &buffer : program.buffers)
    if (buffer.kind == BufferKind::Cache)
      return Error{"expected a program without caches, but it has " +
                   quote(buffer.name)};
  Result<std::unique_ptr<CPUDevice>> device =
      CPUDevice::create(program, threads);
  if (!device)
    return device.error();
  std::unique_ptr<Executable> executable(new Executable);
  executable->device = std::move(*device);
  for (const Buffer &buffer : program.buffers) {
    bool isOurs =
        buffer.kind != BufferKind::Input && buffer.kind != BufferKind::Output;
    Result<Memory> memory = Memory::allocate(isOurs ? buffer.bytes : 0,
                                             "buffer " + quote(buffer.name));
    if (!memory)
      return memory.error();
    executable->addresses.push_back(isOurs ? memory->data() : nullptr);
    executable->buffers.push_back(std::move(*memory));
  }
  if (Status status = executable->bindFunctions(program); !status)
    return status.error();
  if (Status status = executable->loadWeights(program, weights); !status)
    return status.error();
  return executable;
}

Status Executable::bindFunctions(const Program &program) {
  for (const Entry &entry : program.entries) {
    Result<MXEntryFunction> symbol = device->lookup(entry.symbol);
    if (!symbol)
      return symbol.error();
    Function function;
    function.name = entry.name;
    function.maxTokens = entry.maxTokens;
    Binding binding;
    binding.function = *symbol;
    for (uint32_t argument : entry.arguments) {
      const Buffer &buffer = program.buffers[argument];
      bool isOfCall =
          buffer.kind == BufferKind::Input || buffer.kind == BufferKind::Output;
      if (isOfCall && buffer.bytesPerPosition != 0)
        return Error{"cannot call " + quote(entry.name) + ": buffer " +
                     quote(buffer.name) +
                     " counts the positions of a sequence"};
      if (isOfCall && buffer.dtype.empty())
        return Error{"cannot call " + quote(entry.name) + ": buffer " +
                     quote(buffer.name) +
                     " is of another type in another function"};
      if (buffer.kind == BufferKind::Input) {
        function.inputs.push_back(buffer);
        binding.inputs.push_back(argument);
      } else if (buffer.kind == BufferKind::Output) {
        function.outputs.push_back(buffer);
        binding.outputs.push_back(argument);
      }
    }
    table.push_back(std::move(function));
    bindings.push_back(std::move(binding));
  }
  return {};
}

Status Executable::loadWeights(const Program &program,
                               const std::map<std::string, Array> &weights) {
  for (const auto &[name, array] : weights) {
    int64_t index = program.findBuffer(name);
    if (index < 0 || program.buffers[size_t(index)].kind != BufferKind::Weight)
      return Error{"the program has no weight " + quote(name)};
  }
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const Buffer &buffer = program.buffers[i];
    if (buffer.kind != BufferKind::Weight)
      continue;
    auto weight = weights.find(buffer.name);
    if (weight == weights.end())
      return Error{"the program needs weight " + quote(buffer.name) + " of " +
                   describeArray(buffer.dtype, buffer.shape) +
                   ", which was not given"};
    const Array &array = weight->second;
    std::optional<int64_t> rows;
    if (Status status = checkArray(buffer, array, rows, 0); !status)
      return status;
    if (!buffer.prepare.empty()) {
      Result<MXEntryFunction> prepare = device->lookup(buffer.prepare);
      if (!prepare)
        return prepare.error();
      void *sourceAndDestination[] = {array.data, addresses[i]};
      MXInvocation invocation = {};
      invocation.buffers = sourceAndDestination;
      device->run(*prepare, invocation);
      continue;
    }
    if (buffer.bytes != countBytes(array))
      return Error{"the program copies weight " + quote(buffer.name) +
                   " into " + std::to_string(buffer.bytes) +
                   " bytes, but it has " + std::to_string(countBytes(array))};
    if (buffer.bytes != 0)
      std::memcpy(addresses[i], array.data, buffer.bytes);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

const Function *Executable::find(const std::string &name) const {
  for (const Function &function : table)
    if (function.name == name)
      return &function;
  return nullptr;
}

/// Checks `inputs` and sets `rows` if some of them has tokens.
static Status checkInputs(const Function &function,
                          const std::vector<Array> &inputs,
                          std::optional<int64_t> &rows) {
  if (Status status =
          checkCount(function, "inputs", function.inputs.size(), inputs.size());
      !status)
    return status;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (Status status =
            checkArray(function.inputs[i], inputs[i], rows, function.maxTokens);
        !status)
      return status;
  return {};
}

Result<std::vector<std::vector<int64_t>>>
Executable::inferShapes(const Function &function,
                        const std::vector<Array> &inputs) {
  std::optional<int64_t> rows;
  if (Status status = checkInputs(function, inputs, rows); !status)
    return status.error();
  std::vector<std::vector<int64_t>> shapes;
  for (const Buffer &output : function.outputs) {
    shapes.push_back(output.shape);
    for (int64_t &extent : shapes.back())
      if (extent == kTokensExtent)
        extent = rows.value_or(function.maxTokens);
  }
  return shapes;
}

Status Executable::call(const Function &function,
                        const std::vector<Array> &inputs,
                        const std::vector<Array> &outputs) {
  std::optional<int64_t> rows;
  if (Status status = checkInputs(function, inputs, rows); !status)
    return status;
  if (Status status = checkCount(function, "outputs", function.outputs.size(),
                                 outputs.size());
      !status)
    return status;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Buffer &buffer = function.outputs[i];
    if (Status status =
            checkArray(buffer, outputs[i], rows, function.maxTokens);
        !status)
      return status;
    auto sharesBytes = [&](const Array &other) {
      return overlap(outputs[i], other);
    };
    if (std::any_of(inputs.begin(), inputs.end(), sharesBytes) ||
        std::any_of(outputs.begin(), outputs.begin() + ptrdiff_t(i),
                    sharesBytes))
      return Error{quote(buffer.name) +
                   ": expected memory that no other array of the call has"};
  }

  const Binding &binding = bindings[size_t(&function - table.data())];
  std::lock_guard<std::mutex> lock(mutex);
  for (size_t i = 0; i < inputs.size(); ++i)
    addresses[binding.inputs[i]] = inputs[i].data;
  for (size_t i = 0; i < outputs.size(); ++i)
    addresses[binding.outputs[i]] = outputs[i].data;
  MXInvocation invocation = {};
  invocation.buffers = addresses.data();
  invocation.tokens = rows.value_or(1);
  device->run(binding.function, invocation);
  return {};
}
