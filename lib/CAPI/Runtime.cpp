//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calls of compiled functions.
//
//===----------------------------------------------------------------------===//

#include "mxfp4-c/Runtime.h"

#include "Support.h"

#include <map>
#include <vector>

/// An array without a shape becomes one that no function takes.
static mx::Array toArray(const Mxfp4Array &array) {
  if (array.rank < 0 || (array.rank > 0 && !array.shape))
    return {array.data, "no shape", {}};
  return {array.data, unwrap(array.dtype).str(),
          std::vector<int64_t>(array.shape, array.shape + array.rank)};
}

static std::vector<mx::Array> toArrays(intptr_t count,
                                       const Mxfp4Array *arrays) {
  std::vector<mx::Array> result;
  for (intptr_t i = 0; i < count; ++i)
    result.push_back(toArray(arrays[i]));
  return result;
}

/// What `buffer` must be given.
static Mxfp4Array describe(const mx::Buffer &buffer) {
  return {nullptr, wrap(llvm::StringRef(buffer.dtype)),
          intptr_t(buffer.shape.size()), buffer.shape.data()};
}

static const mx::Function &getFunction(Mxfp4Executable executable,
                                       intptr_t function) {
  return unwrap(executable)->functions()[size_t(function)];
}

Mxfp4Executable mxfp4ExecutableCreate(Mxfp4Program program, intptr_t numWeights,
                                      const Mxfp4Weight *weights,
                                      int64_t threads,
                                      MlirStringCallback onError,
                                      void *userData) {
  std::map<std::string, mx::Array> byName;
  for (intptr_t i = 0; i < numWeights; ++i)
    byName[unwrap(weights[i].name).str()] = toArray(weights[i].array);
  mx::Result<std::unique_ptr<mx::Executable>> executable =
      mx::Executable::create(*unwrap(program), byName, threads);
  if (executable)
    return wrap(executable->release());
  report(executable.error(), onError, userData);
  return {nullptr};
}

void mxfp4ExecutableDestroy(Mxfp4Executable executable) {
  delete unwrap(executable);
}

intptr_t mxfp4ExecutableGetNumFunctions(Mxfp4Executable executable) {
  return intptr_t(unwrap(executable)->functions().size());
}

MlirStringRef mxfp4ExecutableGetFunctionName(Mxfp4Executable executable,
                                             intptr_t function) {
  return wrap(llvm::StringRef(getFunction(executable, function).name));
}

int64_t mxfp4ExecutableGetMaxRows(Mxfp4Executable executable,
                                  intptr_t function) {
  return getFunction(executable, function).maxTokens;
}

intptr_t mxfp4ExecutableGetNumInputs(Mxfp4Executable executable,
                                     intptr_t function) {
  return intptr_t(getFunction(executable, function).inputs.size());
}

intptr_t mxfp4ExecutableGetNumOutputs(Mxfp4Executable executable,
                                      intptr_t function) {
  return intptr_t(getFunction(executable, function).outputs.size());
}

Mxfp4Array mxfp4ExecutableGetInput(Mxfp4Executable executable,
                                   intptr_t function, intptr_t index) {
  return describe(getFunction(executable, function).inputs[size_t(index)]);
}

Mxfp4Array mxfp4ExecutableGetOutput(Mxfp4Executable executable,
                                    intptr_t function, intptr_t index) {
  return describe(getFunction(executable, function).outputs[size_t(index)]);
}

MlirLogicalResult
mxfp4ExecutableCall(Mxfp4Executable executable, intptr_t function,
                    intptr_t numInputs, const Mxfp4Array *inputs,
                    intptr_t numOutputs, const Mxfp4Array *outputs,
                    MlirStringCallback onError, void *userData) {
  intptr_t count = mxfp4ExecutableGetNumFunctions(executable);
  if (function < 0 || function >= count) {
    report({"expected a function from 0 to " + std::to_string(count - 1) +
            ", but got " + std::to_string(function)},
           onError, userData);
    return mlirLogicalResultFailure();
  }
  mx::Status status =
      unwrap(executable)
          ->call(getFunction(executable, function), toArrays(numInputs, inputs),
                 toArrays(numOutputs, outputs));
  if (status)
    return mlirLogicalResultSuccess();
  report(status.error(), onError, userData);
  return mlirLogicalResultFailure();
}
